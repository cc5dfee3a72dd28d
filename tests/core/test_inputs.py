"""Labels and predictions of every type, in every loss and metric."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_funcs as kf
from keras_funcs._core import inputs
from keras_funcs.testing.bench import inputs as bench
from keras_funcs.testing.bench.cases import cases
from keras_funcs.testing.bench.programs import results

MEASURES = [
    case
    for case in cases()
    if case.is_default and case.kind in ("losses", "metrics")
]


def native(array):
    """A variable of the backend itself."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.Variable(array)
    if keras.backend.backend() == "torch":
        import torch

        tensor = torch.tensor(array)
        whole = np.issubdtype(array.dtype, np.integer)
        return tensor if whole else torch.nn.Parameter(tensor)
    import jax.numpy as jnp

    return jnp.asarray(array)


TYPES = {
    "a Keras variable": lambda x: keras.Variable(
        x, dtype=str(x.dtype), trainable=False
    ),
    "a variable of the backend": native,
    "nested lists": lambda x: x.tolist(),
    "float64": lambda x: x.astype("float64"),
}


def measured(case, y_true, y_pred, sample_weight=None):
    measure = case.make()
    if case.kind == "losses":
        return results([measure(y_true, y_pred, sample_weight)])
    measure.update_state(y_true, y_pred, sample_weight)
    return results(measure.result())


@pytest.mark.backends("tensorflow")
@pytest.mark.parametrize("case", MEASURES, ids=str)
def test_any_type_is_a_tensor(case):
    y_true = bench.labels(case)
    y_pred = bench.predictions(case, case.make())
    weight = np.linspace(0.5, 2.0, len(y_true)).astype("float32")
    expected = measured(case, y_true, y_pred, weight)
    for name, made in TYPES.items():
        found = measured(case, made(y_true), made(y_pred), made(weight))
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other, 1e-6, 1e-6, err_msg=name)


def ragged():
    rows = [[0, 1], [2]]
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.ragged.constant(rows)
    if keras.backend.backend() == "torch":
        import torch

        return torch.nested.nested_tensor([torch.tensor(row) for row in rows])
    return rows


@pytest.mark.backends("tensorflow")
@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_ragged_tensors_are_refused_by_name():
    scores = np.zeros((2, 2, 3), "float32")
    for measure in (
        kf.losses.CategoricalFocal(),
        kf.losses.Dice(),
        kf.metrics.BalancedAccuracy().update_state,
    ):
        with pytest.raises(ValueError, match="`y_true`. Expected a dense ten"):
            measure(ragged(), scores)


def test_a_gradient_reaches_a_variable():
    if keras.backend.backend() != "tensorflow":
        assert inputs.dense("x", np.ones(2)).shape == (2,)
        return
    import tensorflow as tf

    scores = tf.Variable(np.array([[1.0, 2.0, 0.0]], "float32"))
    with tf.GradientTape() as tape:
        loss = kf.losses.Poly1(from_logits=True)([1], scores)
    assert np.any(ops.convert_to_numpy(tape.gradient(loss, scores)))


def test_an_empty_batch_has_a_gradient_of_zero():
    loss = kf.losses.CategoricalFocal(from_logits=True)
    found = loss(np.zeros(0, "int32"), np.zeros((0, 3), "float32"))
    assert found.shape == () and float(found) == 0.0
