"""The battery is as good as its inputs: spread, all classes, extremes."""

import numpy as np
import pytest

from keras_funcs import testing
from keras_funcs.testing.bench import inputs
from keras_funcs.testing.bench.alternatives import accepted
from keras_funcs.testing.bench.cases import CLASSES
from keras_funcs.testing.bench.cases import cases_of

DEFAULTS = [case for case in testing.cases() if case.is_default]


@pytest.mark.parametrize("seed", range(5))
def test_every_class_occurs_unequally_often(seed):
    counts = np.bincount(inputs.class_ids(seed), minlength=CLASSES)
    assert len(counts) == CLASSES
    assert counts.min() >= 1
    assert len(set(counts)) > 1


@pytest.mark.parametrize("case", DEFAULTS, ids=str)
def test_features_spread_and_keep_clear_of_kinks(case):
    given, others = inputs.features(case), inputs.features(case, seed=1)
    several = isinstance(given, list)
    for x, other in zip(*(given, others) if several else ([given], [others])):
        if x.dtype != "float32":  # ids
            assert len(np.unique(x)) == CLASSES
            continue
        assert np.abs(x).min() >= 0.1
        assert 0.2 < (x > 0).mean() < 0.8
        assert x.std() > 0.5
        assert not np.array_equal(x, other)


@pytest.mark.parametrize(
    "case",
    [case for case in DEFAULTS if case.kind in ("losses", "metrics")],
    ids=str,
)
def test_labels_and_scores_fit(case):
    component = case.make()
    y_true = inputs.labels(case)
    y_pred = inputs.predictions(case, component)
    assert len(y_true) == len(y_pred) == inputs.BATCH
    assert y_pred.shape == (inputs.BATCH, CLASSES)
    assert len(np.unique(y_true)) >= 2
    if not inputs.takes_logits(component):
        assert y_pred.min() > 0 and y_pred.max() < 1
    if case.targets == "classes" and not inputs.takes_logits(component):
        np.testing.assert_allclose(y_pred.sum(-1), 1.0, rtol=1e-6)
    # Neither always right nor always wrong.
    if case.targets == "classes":
        assert 0 < (y_pred.argmax(-1) == y_true).mean() < 1


def test_extremes_are_extreme():
    logits = inputs.extreme_logits()
    assert {0.0, 1e4, -1e4, 100.0, -20.0} <= set(logits.ravel().tolist())
    p = inputs.extreme_probabilities()
    assert p.min() == 0 and p.max() == 1
    assert 0 < p[p > 0].min() < 1e-37
    for column in p.T:
        assert {0.0, 1.0} <= set(column.tolist())


def test_cases_are_defaults_and_both_ends_of_every_range():
    for default in DEFAULTS:
        every = cases_of(default.target)
        ends = sum(len(span.ends) for span in default.tune.values())
        assert len(every) == 1 + ends
        assert len({str(case) for case in every}) == len(every)


def test_every_argument_has_another_value():
    for case in DEFAULTS:
        for name in case.own:
            if case.kind != "activations" and not name.endswith("_data"):
                # None is such a value, too.
                assert any(True for _ in accepted(case, name)), name


def test_checks_have_names_and_reasons():
    checks = testing.checks()
    assert len({check.name for check in checks}) == len(checks) > 50
    for check in checks:
        assert len(check.catches.split()) >= 5
        assert check.catches.splitlines()[0].endswith(".")
