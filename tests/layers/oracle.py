"""Elementwise layers against a formula in float64, derivatives included."""

import math

import numpy as np
from keras import ops

from keras_funcs._core.backend import gradient
from tests.derivatives import derivative

X = np.linspace(-4.07, 4.11, 37, dtype="float32")  # not at 0


def softplus(raw):
    return math.log1p(math.exp(raw))


def values(layer, x):
    return ops.convert_to_numpy(layer(np.asarray(x, "float32")))


def coefficient_gradients(layer, x):
    """Gradients of the sum of all outputs, in the order of the weights."""
    x = np.asarray(x, "float32")

    # The input is an argument: of constants, XLA multiplies those of a chain
    # beforehand, and what fits float32 one by one need not as a product.
    def total(x, *weights):
        y, _ = layer.stateless_call(list(weights), [], x)
        return ops.sum(y)

    return gradient(total, [x, *layer.get_weights()])[1:]


def agree(layer, formula, x=X, rtol=1e-5, atol=2e-6, curved=True):
    """Value, slope, curvature, and the gradient of every coefficient.

    `formula` takes a number and the layer's weights, as Python numbers or as
    arrays; its derivatives are central differences. Those of straight pieces
    are not asked for a second one, which Torch refuses to take of a constant.
    """
    layer(x)  # builds it
    weights = [np.asarray(w, "float64") for w in layer.get_weights()]
    given = [w.item() if w.ndim == 0 else w for w in weights]
    points = [float(v) for v in x]

    def at(shift, given=given):
        return np.array([formula(v + shift, *given) for v in points])

    np.testing.assert_allclose(values(layer, x), at(0.0), rtol, atol)
    slope = (at(1e-5) - at(-1e-5)) / 2e-5
    np.testing.assert_allclose(derivative(layer, x), slope, 1e-4, 1e-4)
    if curved:
        curve = (at(1e-3) - 2 * at(0.0) + at(-1e-3)) / 1e-6
        twice = derivative(layer, x, order=2)
        np.testing.assert_allclose(twice, curve, 2e-3, 2e-3)
    found = coefficient_gradients(layer, x)
    assert len(found) == len(weights) > 0
    for k, weight in enumerate(weights):
        expected = np.zeros_like(weight)
        for index in np.ndindex(*weight.shape):
            ends = []
            for step in (1e-5, -1e-5):
                moved = [np.array(w) for w in weights]
                moved[k][index] += step
                moved = [w.item() if w.ndim == 0 else w for w in moved]
                ends.append(at(0.0, moved).sum())
            expected[index] = (ends[0] - ends[1]) / 2e-5
        np.testing.assert_allclose(found[k], expected, 1e-4, 1e-4)


def rational(x, a, b, version):
    """The published form, with sums of powers of a number."""
    terms = [b[j] * x ** (j + 1) for j in range(len(b))]
    if version == "A":
        q = 1 + sum(abs(term) for term in terms)
    else:
        q = 1 + abs(sum(terms))
    return sum(a[i] * x**i for i in range(len(a))) / q
