"""Studies as scikit-learn estimators."""

import keras
import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from sklearn.datasets import load_iris
from sklearn.model_selection import TunedThresholdClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from keras_funcs import search
from keras_funcs import sklearn as estimators

WEIGHTED = "weights and repetitions are other batches, and other rows held out"
EXPECTED = {
    "check_sample_weight_equivalence_on_dense_data": WEIGHTED,
}


@parametrize_with_checks(
    [
        estimators.Classifier(
            trials=0, epochs=12, batch_size=16, random_state=0
        ),
        estimators.Regressor(
            trials=0, epochs=12, batch_size=16, random_state=0
        ),
    ],
    expected_failed_checks=lambda _: EXPECTED,
)
def test_scikit_learn_takes_it(estimator, check):
    check(estimator)


def test_thresholds_are_tuned_around_it():
    x, y = load_iris(return_X_y=True)
    network = estimators.Classifier(
        trials=0, objective="brier_score", batch_size=8, random_state=0
    )
    tuned = TunedThresholdClassifierCV(
        make_pipeline(StandardScaler(), network), cv=2
    )
    tuned.fit(x, y == 2)
    shares = tuned.estimator_.predict_proba(x)[:, 1]
    np.testing.assert_array_equal(
        tuned.predict(x), shares >= tuned.best_threshold_
    )
    assert tuned.estimator_.score(x, y == 2) > 0.9


def test_a_study_is_kept_where_it_is_asked_for(tmp_path):
    x, y = load_iris(return_X_y=True)
    network = estimators.Classifier(
        trials=1,
        epochs=1,
        final=search.Final(seeds=2, ablation=False),
        directory=tmp_path / "study",
        random_state=0,
    )
    network.fit(x, np.array(["a", "b", "c"])[y])
    kept = keras.saving.load_model(tmp_path / "study" / "best.keras")
    np.testing.assert_array_equal(
        kept.predict(x, verbose=0), network.model_.predict(x, verbose=0)
    )
    assert set(network.predict(x)) <= set("abc")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"trials": -1}, "trials"),
        ({"validation": 1.0}, "validation"),
        ({"epochs": 0, "trials": 0}, "epochs"),
    ],
)
def test_invalid_arguments_are_named(arguments, said):
    x, y = load_iris(return_X_y=True)
    with pytest.raises(ValueError, match=said):
        estimators.Classifier(**arguments).fit(x, y)


def test_a_regression_predicts_numbers():
    x, y = load_diabetes(return_X_y=True)
    network = estimators.Regressor(trials=0, epochs=20, random_state=0)
    found = make_pipeline(StandardScaler(), network).fit(x, y)
    assert found.score(x, y) > 0.3


@pytest.mark.parametrize("seed", range(6))
def test_a_class_of_one_row_is_trained(seed):
    x, y = load_iris(return_X_y=True)
    x, y = x[:101], y[:101]
    network = estimators.Classifier(trials=0, epochs=1, random_state=seed)
    assert network.fit(x, y).predict_proba(x).shape == (101, 3)
