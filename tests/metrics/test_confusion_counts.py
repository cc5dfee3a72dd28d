"""What is counted, how exactly, and what is refused."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_funcs import metrics

KINDS = (
    metrics.BalancedAccuracy,
    metrics.MatthewsCorrelation,
    metrics.ConfusionMatrix,
)


def numbers(metric):
    result = metric.result()
    values = result.values() if isinstance(result, dict) else [result]
    return [float(value) for value in values]


def test_counts_stay_exact_past_two_to_the_24():
    metric = metrics.ConfusionMatrix(num_classes=2)
    start = 2**24 + 2**14 - 1
    state = np.array([[start // 2**14, start % 2**14]] * 4)
    counts, broken = metric.variables
    counts.assign(state.T.reshape(2, 2, 2))
    assert (metric.matrix() == start).all()
    y = np.array([0, 0, 0, 1])
    for batch in range(1, 4):
        metric.update_state(y, np.eye(2)[[0, 0, 1, 1]])
        wanted = start + batch * np.array([[2, 1], [0, 1]])
        np.testing.assert_array_equal(metric.matrix(), wanted)


def test_a_batch_of_more_than_two_to_the_24_is_counted_exactly():
    metric = metrics.ConfusionMatrix(num_classes=2)
    batch = ops.convert_to_tensor([[2**24 + 1, 3], [0, 1]], "int32")
    for _ in range(2):
        metric.add(batch, False)
    wanted = [[2**25 + 2, 6], [0, 2]]
    assert metric.matrix().astype(int).tolist() == wanted


def test_many_batches_carry_from_the_rest_to_the_units():
    metric = metrics.ConfusionMatrix(num_classes=2)
    y, scores = np.zeros(9999, int), np.zeros(9999, "float32")
    for _ in range(7):
        metric.update_state(y, scores)
    assert metric.matrix()[0, 0] == 69993
    for _ in range(7):
        metric.update_state(y, scores, np.full(9999, 0.5, "float32"))
    assert metric.matrix()[0, 0] == 69993 * 1.5


def test_float_weights_keep_their_fractions():
    metric = metrics.ConfusionMatrix()
    for _ in range(3):
        metric.update_state([0, 1], np.eye(2), [0.25, 1.5])
    assert metric.matrix().tolist() == [[0.75, 0.0], [0.0, 4.5]]


@pytest.mark.parametrize("label", [3, -1, 255])
def test_a_label_that_is_no_class_poisons_the_result(label):
    for kind in KINDS:
        metric = kind()
        metric.update_state([0, 1, label], np.eye(3))
        assert np.isnan(numbers(metric)).all()
        # ... for good, and until it is reset
        metric.update_state([0, 1, 2], np.eye(3))
        assert np.isnan(numbers(metric)).all()
        metric.reset_state()
        metric.update_state([0, 1, 2], np.eye(3))
        assert not np.isnan(numbers(metric)).any()


@pytest.mark.parametrize("score", [-0.7, 1.7, 40.0, -1e4])
def test_logits_that_were_not_announced_poison_the_result(score):
    scores = np.array([0.2, score], "float32")
    for kind in KINDS:
        for shaped in (scores, scores[:, None]):
            metric = kind()
            metric.update_state([0, 1], shaped)
            assert np.isnan(numbers(metric)).all()
            metric = kind(from_logits=True)
            metric.update_state([0, 1], shaped)
            assert not np.isnan(numbers(metric)).any()


def test_rounding_at_0_and_1_is_no_logit():
    metric = metrics.BalancedAccuracy()
    metric.update_state([0, 1], np.array([-1e-6, 1 + 1e-6], "float32"))
    assert numbers(metric) == [1.0]


@pytest.mark.parametrize("void", [255, -1, 1])
def test_ignored_labels_mask_and_weights_together(void):
    random = np.random.default_rng(0)
    true = random.integers(0, 3, (4, 6))
    if void != 1:
        true[:, 2] = void
    predicted = random.integers(0, 3, (4, 6))
    kept = random.uniform(size=(4, 6)) < 0.7
    scores = np.eye(3)[predicted]
    scores = np.where(kept[..., None], scores, -7.5).astype("float32")
    for weight in (None, random.integers(0, 4, (4,)), np.full((4, 6), 2.0)):
        metric = metrics.ConfusionMatrix(ignore_class=void)
        carried = keras.layers.Masking(-7.5)(ops.convert_to_tensor(scores))
        metric.update_state(true, carried, weight)
        wanted = np.zeros((3, 3))
        for i, j in np.ndindex(4, 6):
            if kept[i, j] and true[i, j] != void:
                share = 1 if weight is None else weight[i]
                share = share if np.ndim(share) == 0 else share[j]
                wanted[true[i, j], predicted[i, j]] += share
        np.testing.assert_array_equal(metric.matrix(), wanted)
        assert not np.isnan(numbers(metric)).any()
        assert wanted.sum() > 0


def test_weight_0_removes_a_sample():
    random = np.random.default_rng(0)
    true, predicted = random.integers(0, 3, (2, 20))
    kept = np.arange(20) % 3 > 0
    for kind in KINDS:
        weighted, removed = kind(), kind()
        weighted.update_state(true, np.eye(3)[predicted], kept.astype(float))
        removed.update_state(true[kept], np.eye(3)[predicted[kept]])
        assert numbers(weighted) == numbers(removed)


def test_ids_above_256_are_not_rounded_by_a_low_precision_policy():
    metric = metrics.BalancedAccuracy(dtype="bfloat16")
    true = np.array([256, 257, 258, 259])
    metric.update_state(true, np.eye(300)[true])
    assert numbers(metric) == [1.0]


@pytest.mark.parametrize(
    "labels, outputs",
    [
        ((5,), (4, 3)),
        ((4, 2), (4, 3)),
        ((4, 3), (4, 1)),
        ((4,), (5,)),
        ((4, 5), (4, 5, 3, 3)),
    ],
)
def test_shapes_that_do_not_fit_are_refused(labels, outputs):
    for kind in KINDS:
        with pytest.raises(ValueError, match="Invalid shape of `y_true`"):
            kind().update_state(np.zeros(labels), np.zeros(outputs))


def test_the_number_of_classes_cannot_change():
    metric = metrics.BalancedAccuracy()
    metric.update_state([0], np.eye(3)[[0]])
    with pytest.raises(ValueError, match="`y_pred`.*balanced_accuracy"):
        metric.update_state([0], np.eye(4)[[0]])
    named = metrics.ConfusionMatrix(class_names=["a", "b"])
    with pytest.raises(ValueError, match="argument `class_names`"):
        named.update_state([0], np.eye(3)[[0]])


@pytest.mark.parametrize(
    "kind, arguments",
    [
        (metrics.BalancedAccuracy, {"adjusted": 1}),
        (metrics.BalancedAccuracy, {"absent": "drop"}),
        (metrics.BalancedAccuracy, {"from_logits": "yes"}),
        (metrics.BalancedAccuracy, {"num_classes": 1}),
        (metrics.BalancedAccuracy, {"num_classes": 10**9}),
        (metrics.BalancedAccuracy, {"num_classes": 2.0}),
        (metrics.MatthewsCorrelation, {"threshold": float("nan")}),
        (metrics.MatthewsCorrelation, {"threshold": "0.5"}),
        (metrics.MatthewsCorrelation, {"ignore_class": 1.5}),
        (metrics.ConfusionMatrix, {"normalize": "rows"}),
        (metrics.ConfusionMatrix, {"class_names": "ab"}),
        (metrics.ConfusionMatrix, {"class_names": ["a"]}),
        (
            metrics.ConfusionMatrix,
            {"class_names": ["a", "b"], "num_classes": 3},
        ),
    ],
)
def test_bad_arguments_are_refused(kind, arguments):
    name = next(iter(arguments))
    with pytest.raises(ValueError, match=f"argument `{name}`"):
        kind(**arguments)
