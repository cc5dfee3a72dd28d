"""Activations one number at a time, in double precision, by the definition."""

import math

import ml_dtypes
import numpy as np
from keras import ops

from tests.derivatives import derivative
from tests.derivatives import gradient

X = np.array([-30, -7.3, -3.1, -1.7, -0.9, -0.2, 0.3, 0.8, 1.9, 2.7, 6.1, 30])
LARGEST = {
    "float16": float(np.finfo("float16").max),
    "bfloat16": float(ml_dtypes.finfo("bfloat16").max),
    "float32": 1e30,
}


def sigmoid(x):
    return 1 / (1 + math.exp(-x)) if x > -700 else 0.0


def softplus(x):
    return max(x, 0) + math.log1p(math.exp(-abs(x)))


def normal_cdf(x):
    return math.erfc(-x / math.sqrt(2)) / 2


def agrees(function, oracle, x=X, rtol=2e-5, atol=2e-6):
    """Values, first and second derivatives, the latter by differences."""
    value, slope, curve = [], [], []
    for v in map(float, x):
        f = [oracle(v + k * 1e-3) for k in range(-3, 4)]
        value.append(f[3])
        slope.append(np.dot(f, [-1, 9, -45, 0, 45, -9, 1]) / 60e-3)
        curve.append(np.dot(f, [2, -27, 270, -490, 270, -27, 2]) / 180e-6)
    found = ops.convert_to_numpy(function(x.astype("float32")))
    np.testing.assert_allclose(found, value, rtol, atol)
    np.testing.assert_allclose(derivative(function, x), slope, 2e-4, 2e-5)
    found = derivative(function, x, order=2)
    np.testing.assert_allclose(found, curve, 1e-3, 1e-4)


def at_the_end_of(dtype, function):
    """Values and slopes at the largest numbers of a dtype and at 0.

    The values are NumPy numbers in float32, the inputs their exact float32.
    """
    end = LARGEST[dtype]
    x = np.array([-end, -end / 3, -100, 0.0, 100, end / 3, end], "float32")

    def call(t):
        return ops.cast(function(ops.cast(t, dtype)), "float32")

    y = ops.convert_to_numpy(call(ops.convert_to_tensor(x)))
    return x, y, gradient(lambda t: ops.sum(call(t)), x)
