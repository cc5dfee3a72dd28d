"""The rows of a report that no training run makes."""

import numpy as np
import pytest

from keras_funcs.data import Dataset
from keras_funcs.search import beside
from keras_funcs.search import jobs
from keras_funcs.search import reference
from keras_funcs.search.plan import Plan
from keras_funcs.search.report import measures
from keras_funcs.search.report import results
from keras_funcs.search.report.headline import headline
from keras_funcs.search.store import records
from keras_funcs.search.store import runs as stored
from keras_funcs.search.training.predictions import Predictions
from keras_funcs.search.training.predictions import normalized
from keras_funcs.search.tuner.objectives import objective
from tests.search.test_report import STUDY


def rare(seed, size=200, positives=20):
    """Rows of which few are of class 1, which a threshold of 0 misses."""
    rng = np.random.default_rng(seed)
    y = np.zeros(size, "int64")
    y[:positives] = 1
    return (rng.normal(size=(size, 3)) + y[:, None]).astype("float32"), y


class Scorer:
    """Scores as a model with the balanced accuracy does."""

    def score(self, split, found):
        counted = measures.counts(
            found.labels, found.values.argmax(1), found.values.shape[1]
        )
        return {
            "balanced_accuracy": measures.balanced_accuracy(counted * 1.0)[0]
        }


class Folder:
    """A study's folder whose rows are made by `Beside`."""

    def __init__(self, path, seeds=(0, 1)):
        self.path, self.seeds = path, list(seeds)
        self.dataset = Dataset.of(rare(0), rare(1), rare(2))
        self.plan = Plan(
            build=None,
            dataset=self.dataset,
            objective=objective("balanced_accuracy"),
            directory=path,
        )
        self.runs = stored.Runs(path, self.seeds)
        self.beside = beside.Beside(self.plan, self.runs, Scorer, self.seeds)

    def trained(self, name, role, signal):
        """A configuration whose logit is off by the log prior."""
        facts = {"role": role, "label": name, "values": {}, "reverted": ""}
        self.runs.enter(name, facts)
        for seed in self.seeds:
            rng = np.random.default_rng(seed)
            both = {}
            for split, (x, y) in self.beside._splits().items():
                z = signal * x.sum(1) - 4 + rng.normal(0, 0.1, len(x))
                values = normalized(np.stack([0 * z, z], 1)).astype("float32")
                both[split] = Predictions(y, values)
            self.beside._add(name, seed, both)

    def found(self, *names):
        study = {
            **STUDY,
            "objective": {"name": "val_balanced_accuracy", "direction": "max"},
            "seeds": self.seeds,
        }
        made = (self.runs._of(name) for name in names)
        assert not any(records.fault(item, records.RUNS) for item in made)
        from keras_funcs.search.report.entries import config
        from keras_funcs.search.store import files

        read = (config(files.runs_of(self.path, name)) for name in names)
        return results.Results(self.path, study, (), tuple(read))


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


def test_a_baseline_with_its_prior_subtracted_and_a_tuned_threshold(folder):
    folder.trained("baseline", jobs.BASELINE, 1.0)
    names = folder.beside.derived(folder.found("baseline"))
    assert names == ["baseline-adjusted", "baseline-threshold"]
    text = headline(folder.found("baseline", *names))
    assert text.startswith("The baseline ") and ") and the baseline " in text
    assert "the plain baseline (" in text and "the first by +0." in text
    found = folder.found("baseline", *names)
    plain, adjusted, threshold = found.configs
    assert min(adjusted.mean(), threshold.mean()) > plain.mean() + 0.05
    before = found.evidence.predictions(plain)[1]
    after = found.evidence.predictions(adjusted)[1]
    odds = np.diff(after, axis=1) - np.diff(before, axis=1)
    np.testing.assert_allclose(odds, np.log(180 / 20), rtol=1e-4)
    np.testing.assert_allclose(np.exp(after).sum(1), 1, rtol=1e-5)
    # No other threshold does better on validation data.
    values = found.evidence.predictions(threshold, "validation")[0]
    y, odds = folder.dataset.validation[1], np.diff(values, axis=1)[:, 0]
    scores = []
    for cut in np.append(odds, 0.0):
        item = Predictions(y, np.stack([0 * odds, odds - cut], 1))
        scores.append(Scorer().score(None, item))
    best = max(item["balanced_accuracy"] for item in scores)
    assert threshold.scores("validation")[0] == pytest.approx(best, abs=0.01)
    # They change no ranking.
    ranked = [found.evidence.measured(c, "auroc")[0] for c in found.configs]
    np.testing.assert_allclose(ranked, ranked[0], atol=1e-6)
    assert folder.beside.derived(found) == names


def test_an_ensemble_is_the_mean_probability_of_the_seeds(folder):
    folder.trained("trial_0001", jobs.FINALIST, 1.0)
    (name,) = folder.beside.derived(folder.found("trial_0001"))
    found = folder.found("trial_0001", name)
    parts, mean = (found.evidence.predictions(c) for c in found.configs)
    expected = np.mean([np.exp(parts[seed]) for seed in (0, 1)], axis=0)
    np.testing.assert_allclose(np.exp(mean[1]), expected, rtol=1e-5)
    assert found.configs[1].fixed and len(found.configs[1].scores()) == 2


def test_references_are_fitted_once_and_lead_the_report_if_they_win(folder):
    folder.trained("baseline", jobs.BASELINE, 0.5)
    names = list(folder.beside.references())
    assert names[:2] == ["logistic_regression", "hist_gradient_boosting"]
    found = folder.found("baseline", *names)
    logistic = found.references[0]
    assert logistic.mean() > 0.7 and found.comparisons == {}
    assert found.differences[logistic.name].pairs == 2
    text = headline(found)
    assert text.startswith(("Logistic regression", "Histogram gradient"))
    assert "better than the plain baseline (" in text or "beat" in text
    assert ") in balanced accuracy on 200 test rows" in text
    folder.beside._fit = None  # nothing is missing
    assert list(folder.beside.references()) == names


def test_a_reference_that_fails_is_a_row_that_failed(folder, monkeypatch):
    def fit(*arguments):
        raise RuntimeError("no wheels")

    monkeypatch.setattr(reference, "fit", fit)
    names = list(folder.beside.references())
    found = folder.found(*names)
    assert found.configs[0].failed == 2
    assert found.configs[0].runs[0]["error"] == "RuntimeError: no wheels"


def test_regressors_for_numbers():
    x = np.random.default_rng(0).normal(size=(80, 2)).astype("float32")
    split = (x, x[:, :1] * 2.0)
    ridge, *others = reference.references(split)
    assert [ridge.name, others[0].name] == ["ridge", "hist_gradient_boosting"]
    found = reference.predict(reference.fit(ridge, split, 0), split, 0)
    assert not found.are_classes
    np.testing.assert_allclose(found.values, x[:, 0] * 2, atol=0.2)


def test_a_class_without_training_rows_has_no_probability():
    x, y = rare(0)
    logistic = reference.references((x, y))[0]
    found = reference.predict(reference.fit(logistic, (x, y), 0), (x, y), 3)
    assert found.values.shape == (200, 3) and (found.values[:, 2] < -80).all()


@pytest.mark.parametrize(
    ("split", "reason"),
    [
        (iter([]), "no arrays"),
        (({"a": np.ones((3, 2))}, np.ones(3)), "several arrays"),
        ((np.ones((3, 2)), np.ones((3, 2))), "several labels"),
        ((np.ones((1, 2000, 3000)), np.ones(1)), "no table"),
    ],
)
def test_data_that_no_reference_is_for(split, reason):
    with pytest.raises(reference.Unsuitable, match=reason):
        reference.references(split)


@pytest.mark.parametrize("total", [1, 2, 5, 6])
def test_the_model_of_the_median_seed_is_kept(total):
    scores = np.random.default_rng(total).permutation(total) / 10
    order = sorted(range(total), key=lambda seed: scores[seed])
    kept = set()
    for count in range(1, total + 1):
        known = {seed: scores[seed] for seed in range(count)}
        wanted = stored.may_be_median(known, total)
        # What is wanted now was wanted at all earlier times.
        assert wanted - {count - 1} <= kept
        kept = wanted
    assert kept == {order[(total - 1) // 2]}


def test_what_is_recommended_has_to_beat_the_baseline(folder):
    folder.trained("baseline", jobs.BASELINE, 1.0)
    folder.trained("trial_0001", jobs.FINALIST, 0.5)
    found = folder.found("baseline", "trial_0001")
    assert found.recommended is found.baseline
    assert headline(found).startswith("Keep the plain baseline: nothing")
    folder.trained("trial_0002", jobs.FINALIST, 4.0)
    found = folder.found("baseline", "trial_0001", "trial_0002")
    assert found.recommended.name == "trial_0002"
    assert headline(found).startswith("Use trial_0002, with balanced accuracy")
    folder.trained("trial_0003", jobs.FINALIST, 1.02)
    found = folder.found("baseline", "trial_0003")
    if found.comparisons["trial_0003"].difference > 0:
        assert found.recommended.name == "trial_0003"
        assert headline(found).startswith("Probably better, but not for")
