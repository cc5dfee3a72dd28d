"""The rows of a report that no training run makes."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from keras.losses import BinaryCrossentropy

from keras_funcs.data import Dataset
from keras_funcs.losses import LossModel
from keras_funcs.search import beside
from keras_funcs.search import jobs
from keras_funcs.search import reference
from keras_funcs.search.plan import Plan
from keras_funcs.search.report import measures
from keras_funcs.search.report import results
from keras_funcs.search.report.headline import headline
from keras_funcs.search.store import records
from keras_funcs.search.store import runs as stored
from keras_funcs.search.store.attempts import Attempts
from keras_funcs.search.training import scoring
from keras_funcs.search.training.predictions import Predictions
from keras_funcs.search.training.predictions import normalized
from keras_funcs.search.training.predictions import of_model
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

    classes = 2

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
        self.attempts = Attempts(path, 3)
        self.beside = self.make(Scorer)

    def make(self, scorer):
        return beside.Beside(
            self.plan, self.runs, scorer, self.seeds, self.attempts
        )

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
    made = Folder(tmp_path)
    with made.attempts.watched():
        yield made


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


def test_a_row_that_cannot_be_scored_is_a_row_that_failed(folder):
    class Strict(Scorer):
        def score(self, split, found):
            raise ValueError("other shapes")

    folder.trained("baseline", jobs.BASELINE, 1.0)
    folder.beside = folder.make(Strict)
    names = list(folder.beside.references())
    names += folder.beside.derived(folder.found("baseline"))
    for item in folder.found(*names).configs:
        assert item.failed == 2
        assert item.runs[0]["error"] == "ValueError: other shapes"


def test_references_end_with_their_time_and_after_attempts(folder, monkeypatch):
    times = iter([0.0, 0.0, 61.0])
    monkeypatch.setattr(beside.time, "monotonic", lambda: next(times, 61.0))
    monkeypatch.setattr(folder.beside, "_fit", lambda item, seed: (
        folder.runs.fail(item.name, seed, "not fitted")
    ))  # fmt: skip
    with pytest.raises(reference.LeftOut, match="boosting.* for lack of time"):
        list(folder.beside.references())
    assert not folder.runs.missing("logistic_regression", folder.seeds)
    monkeypatch.undo()
    key = "reference hist_gradient_boosting 0"
    folder.attempts._begun[key] = 3  # processes that were killed
    list(folder.beside.references())
    (boosting,) = folder.found("hist_gradient_boosting").configs
    assert "ended while it was fitted, 3 times" in boosting.runs[0]["error"]


def test_many_rows_are_drawn_from(monkeypatch):
    monkeypatch.setattr(reference, "FIT_NUMBERS", 150)
    logistic = reference.references(rare(0), 2)[0]
    assert logistic.label.endswith(", fitted on 50 rows drawn of 200")
    fitted = reference.fit(logistic, rare(0), 0, 2)
    assert fitted[0].n_samples_seen_ == 50


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(1)

    def call(self, inputs):
        return self.dense(inputs)


def hosted():
    layers = [keras.Input((3,)), keras.layers.Dense(1, "sigmoid")]
    return LossModel(keras.Sequential(layers), "binary_crossentropy")


@pytest.mark.backends("jax")
@pytest.mark.parametrize(
    ("make", "loss", "labels", "task", "classes"),
    [
        (Subclassed, BinaryCrossentropy(from_logits=True), "int64", "", 2),
        (Subclassed, BinaryCrossentropy(from_logits=True), "float32", "", 2),
        (hosted, None, "bool", "", 2),
        (Subclassed, "mse", "int64", "regression", 0),
        (Subclassed, lambda y, p: (y - p) ** 2, "float32", "", 0),
    ],
)
def test_the_loss_decides_between_classes_and_numbers(
    tmp_path, make, loss, labels, task, classes
):
    def build(hp):
        model = make()
        model.compile("sgd", loss, metrics=["mae"])
        return model

    splits = [(x, y.astype(labels)) for x, y in map(rare, range(3))]
    folder = Folder(tmp_path)
    dataset = Dataset.of(*splits, task=task)
    folder.plan = replace(
        folder.plan, build=build, dataset=dataset, objective=objective("mae")
    )
    folder.beside = folder.make(lambda: scoring.Scorer(folder.plan, None))
    with folder.attempts.watched():
        first = next(iter(folder.beside.references()))
    (item,) = folder.found(first).configs
    assert first == ("logistic_regression" if classes else "ridge")
    assert not item.failed
    assert folder.beside._scorer.classes == classes
    stored = folder.found(first).evidence.held_out
    assert stored.dtype.kind == ("i" if classes else "f")
    # The model's own predictions are of the same kind, so that they are kept.
    outputs = np.zeros((200, 1), "float32")
    own = of_model(
        folder.beside._scorer.model, splits[2][1], outputs,
        dataset.is_regression,
    )  # fmt: skip
    assert own.labels.dtype == stored.dtype


def test_images_too_large_for_a_table_still_have_derived_rows(folder):
    folder.trained("baseline", jobs.BASELINE, 1.0)
    x, y = folder.dataset.train
    dataset = replace(folder.dataset, train=({"a": x}, y))
    folder.plan = folder.beside.plan = replace(folder.plan, dataset=dataset)
    with pytest.raises(reference.LeftOut, match="several arrays"):
        next(iter(folder.beside.references()))
    assert len(folder.beside.derived(folder.found("baseline"))) == 2


def test_regressors_for_numbers():
    x = np.random.default_rng(0).normal(size=(80, 2)).astype("float32")
    split = (x, x[:, :1] * 2.0)
    ridge, *others = reference.references(split, 0)
    assert [ridge.name, others[0].name] == ["ridge", "hist_gradient_boosting"]
    found = reference.predict(reference.fit(ridge, split, 0, 0), split, 0)
    assert not found.are_classes
    np.testing.assert_allclose(found.values, x[:, 0] * 2, atol=0.2)


def test_a_class_without_training_rows_has_no_probability():
    x, y = rare(0)
    logistic = reference.references((x, y), 3)[0]
    fitted = reference.fit(logistic, (x, y), 0, 3)
    found = reference.predict(fitted, (x, y), 3)
    assert found.values.shape == (200, 3) and (found.values[:, 2] < -80).all()


@pytest.mark.parametrize(
    ("split", "reason"),
    [
        (iter([]), "no arrays"),
        (({"a": np.ones((3, 2))}, np.ones(3)), "several arrays"),
        ((np.ones((3, 2)), np.ones((3, 2))), "several labels"),
        ((np.ones((3, 2)), np.array([0, 1, 2])), "no id of 2 classes"),
        ((np.ones((1, 2000, 3000)), np.ones(1)), "no table"),
    ],
)
def test_data_that_no_reference_is_for(split, reason):
    with pytest.raises(reference.LeftOut, match=reason):
        reference.features_of(split)
        reference.labels_of(split, 2)


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
    folder.trained("trial_0003", jobs.FINALIST, 1.1)
    found = folder.found("baseline", "trial_0003")
    assert found.comparisons["trial_0003"].difference > 0
    assert found.recommended.name == "trial_0003"
    assert headline(found).startswith("Probably better, but not for")
