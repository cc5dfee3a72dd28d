import numpy as np
import torch.nn.functional
from keras import ops

from keras_funcs.activations import squared_relu
from tests.derivatives import derivative


def test_squared_relu_is_the_definition():
    x = np.random.default_rng(0).normal(0, 3, 50).astype("float32")
    expected = [float(v) * float(v) if v > 0 else 0.0 for v in x]
    np.testing.assert_allclose(squared_relu(x), expected, 1e-6)
    theirs = torch.nn.functional.relu(torch.tensor(x)) ** 2
    np.testing.assert_allclose(squared_relu(x), theirs.numpy(), 1e-6)


def test_squared_relu_is_smooth_at_0():
    x = np.array([-2.0, -1e-3, 0.0, 1e-3, 3.0], "float32")
    expected = [0, 0, 0, 2e-3, 6]
    np.testing.assert_allclose(derivative(squared_relu, x), expected, 1e-5)
    twice = derivative(squared_relu, x[[0, 1, 3, 4]], order=2)
    np.testing.assert_allclose(twice, [0, 0, 2, 2])


def test_squared_relu_ends_at_255_in_float16():
    x = ops.convert_to_tensor([255.0, 257.0], "float16")
    found = ops.convert_to_numpy(squared_relu(x))
    assert np.isfinite(found).tolist() == [True, False]
