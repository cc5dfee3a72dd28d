"""Metrics that share a state: one count, the same numbers."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_funcs import metrics


def members(**kwargs):
    return [
        metrics.BalancedAccuracy(**kwargs),
        metrics.MatthewsCorrelation(**kwargs),
        metrics.ConfusionMatrix(normalize="true", **kwargs),
    ]


def batches(seed=0, size=4):
    random = np.random.default_rng(seed)
    for samples in (20, 7):
        scores = random.normal(0, 1, (samples, size)).astype("float32")
        yield random.integers(0, size, samples), scores


def numbers(result):
    return {name: float(value) for name, value in result.items()}


@pytest.mark.parametrize("kwargs", [{}, {"num_classes": 4}])
def test_a_group_gives_what_its_members_give_alone(kwargs):
    group, alone = metrics.MetricGroup(members(**kwargs)), members(**kwargs)
    for y_true, y_pred in batches():
        weight = np.arange(len(y_true)) % 3
        group.update_state(y_true, y_pred, weight)
        for metric in alone:
            metric.update_state(y_true, y_pred, weight)
    wanted = {
        "balanced_accuracy": float(alone[0].result()),
        "matthews_correlation": float(alone[1].result()),
        **numbers(alone[2].result()),
    }
    assert numbers(group.result()) == wanted
    # Members show the group's state.
    assert float(group.metrics[1].result()) == wanted["matthews_correlation"]
    np.testing.assert_array_equal(group.metrics[2].matrix(), alone[2].matrix())


def test_one_family_is_counted_and_held_once(monkeypatch):
    calls = []
    count = metrics.ConfusionMetric.count

    def counted(self, *arguments):
        calls.append(self.name)
        return count(self, *arguments)

    monkeypatch.setattr(metrics.ConfusionMetric, "count", counted)
    group = metrics.MetricGroup(members())
    for y_true, y_pred in batches():
        group.update_state(y_true, y_pred)
    assert calls == ["balanced_accuracy"] * 2
    assert [tuple(v.shape) for v in group.variables] == [(2, 4, 4), ()]
    for member in group.metrics:
        assert len(member.variables) == 2
        assert member.variables[0] is group.variables[0]


@pytest.mark.parametrize(
    "other",
    [
        {"threshold": 0.9},
        {"from_logits": True},
        {"ignore_class": 0},
        {"num_classes": 2},
    ],
)
def test_what_counts_otherwise_has_its_own_state(other):
    group = metrics.MetricGroup(
        [
            metrics.BalancedAccuracy(),
            metrics.BalancedAccuracy(name="other", **other),
            metrics.MatthewsCorrelation(**other),
        ]
    )
    y, scores = np.array([0, 1, 1, 0, 1]), np.array([0.1, 0.8, 0.95, 0.3, 0.2])
    group.update_state(y, scores)
    assert len(group.variables) == 4
    alone = metrics.BalancedAccuracy(**other)
    alone.update_state(y, scores)
    assert float(group.result()["other"]) == float(alone.result())


def test_settings_that_count_the_same_may_differ():
    group = metrics.MetricGroup(
        [
            metrics.BalancedAccuracy(),
            metrics.BalancedAccuracy(adjusted=True, name="adjusted"),
            metrics.ConfusionMatrix(class_names=["a", "b"]),
        ]
    )
    group.update_state([0, 1, 1], np.array([0.1, 0.8, 0.3]))
    assert len(group.variables) == 2
    wanted = {
        "balanced_accuracy": 0.75,
        "adjusted": 0.5,
        "confusion_matrix/a": 1.0,
        "confusion_matrix/b": 1.0,
    }
    assert numbers(group.result()) == wanted


def test_members_of_other_families_and_of_keras():
    accuracy = keras.metrics.SparseCategoricalAccuracy(name="accuracy")
    group = metrics.MetricGroup([accuracy, *members()])
    alone = keras.metrics.SparseCategoricalAccuracy()
    for y_true, y_pred in batches():
        group.update_state(y_true, y_pred)
        alone.update_state(y_true, y_pred)
    result = numbers(group.result())
    assert list(result)[:3] == [
        "accuracy",
        "balanced_accuracy",
        "matthews_correlation",
    ]
    assert result["accuracy"] == float(alone.result())
    group.reset_state()
    assert set(numbers(group.result()).values()) == {0.0}


def test_the_group_comes_back_from_its_config():
    group = metrics.MetricGroup(
        ["matthews_correlation", *members(ignore_class=2)[::2]], name="all"
    )
    config = keras.saving.serialize_keras_object(group)
    loaded = keras.saving.deserialize_keras_object(config)
    for y_true, y_pred in batches():
        group.update_state(y_true, y_pred)
        loaded.update_state(y_true, y_pred)
    assert numbers(loaded.result()) == numbers(group.result())
    assert len(loaded.variables) == len(group.variables) == 4


def test_the_state_is_carried_by_variables_only():
    group = metrics.MetricGroup(members())
    (first, second) = batches()
    group.update_state(*first)
    state = [ops.copy(v) for v in group.variables]
    group.update_state(*second)
    wanted = numbers(group.result())
    state = group.stateless_update_state(state, *second)
    assert numbers(group.stateless_result(state)) == wanted
    fresh = [ops.zeros_like(v) for v in state]
    for batch in (first, second):
        fresh = group.stateless_update_state(fresh, *batch)
    assert numbers(group.stateless_result(fresh)) == wanted


def test_a_label_that_is_none_shows_in_every_member():
    group = metrics.MetricGroup(members())
    group.update_state([0, 1, 9], np.eye(4)[:3])
    assert np.isnan(list(numbers(group.result()).values())).all()


def test_members_that_are_refused():
    used = members()
    metrics.MetricGroup(used)
    for wrong, said in (
        ([], "list of metrics"),
        ("balanced_accuracy", "list of metrics"),
        ([3], "metrics"),
        (["accuracy"], "SparseCategoricalAccuracy"),
        ([keras.losses.MeanSquaredError()], "metrics"),
        ([metrics.BalancedAccuracy(), metrics.BalancedAccuracy()], "names"),
        (used[1:], "other group"),
    ):
        with pytest.raises(ValueError, match=f"argument `metrics`.*{said}"):
            metrics.MetricGroup(wrong)
