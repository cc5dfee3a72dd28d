"""Rational functions of tensors: the quotient, its groups and its tails."""

from typing import Any

from keras import ops

from keras_funcs._core.typing import Tensor


def repeats(layer: Any) -> tuple[int, int] | None:
    """The axis of an input that groups divide, and the size of a group.

    Raises:
        ValueError: If the coefficients are not on one axis, or do not divide.
    """
    if layer.groups == 1:
        return None
    axes = dict(layer.input_spec.axes)
    axis, size = next(iter(axes.items()), (-1, 1))
    if len(axes) != 1 or size % layer.groups:
        raise ValueError(
            f"Layer '{layer.name}' needs channels on one axis, of known size, "
            f"that `groups={layer.groups}` divides. Received: sizes of axes "
            f"{axes}"
        )
    return axis, size // layer.groups


def _per_index(layer: Any) -> tuple[Tensor, Tensor]:
    """Both coefficients of each index of an axis, from those of its group."""

    def spread(coefficients: Tensor) -> Tensor:
        # JAX's `where` takes no variable.
        coefficients = ops.convert_to_tensor(coefficients)
        if layer._groups is None or len(coefficients.shape) == 1:
            return coefficients
        axis, size = layer._groups
        return ops.repeat(coefficients, size, axis=axis)

    return spread(layer.numerator), spread(layer.denominator)


def clipped(layer: Any, x: Tensor) -> tuple[Tensor, float]:
    """`x` between both ends of the rational, and the end."""
    end = layer.bound
    if layer.outside == "free":
        # Up to where the powers, and the denominator's square, fit float32.
        m, n = layer.degrees
        end = layer._unit * 10.0 ** min(3.5, 18.0 / n, 36.0 / m)
    # Not `clip`, which halves the slope at the very end on JAX.
    last = ops.full_like(x, end)
    return ops.where(x > end, last, ops.where(x < -end, -last, x)), end


def quotient(layer: Any, x: Tensor) -> Tensor:
    """`P(x) / Q(x)`, with the coefficients of a power in each row."""
    a, b = _per_index(layer)
    x = x * (1.0 / layer._unit)
    # P(x) = a_0 + x (a_1 + x (a_2 + ...))
    p = _horner(a, x)
    if layer.version == "A":
        # Q(x) = 1 + |x| (|b_1| + |x| (|b_2| + ...))
        return p / (1.0 + _horner(_magnitude(b), ops.abs(x)) * ops.abs(x))
    return p / (1.0 + _magnitude(_horner(b, x) * x))


def _horner(coefficients: Tensor, x: Tensor) -> Tensor:
    y = coefficients[-1]
    for i in reversed(range(coefficients.shape[0] - 1)):
        y = y * x + coefficients[i]
    return y


def continued(y: Tensor, beyond: Tensor, left: float, right: float) -> Tensor:
    """`f(end) + slope * (x - end)`, with a slope for each side."""
    # The slopes are constants: those of the rational are differences of large
    # numbers, of which nothing is left when they are multiplied by 1e38.
    if left == right:
        return y + left * beyond if left else y
    if left:
        y = y - left * ops.relu(-beyond)
    return y + right * ops.relu(beyond) if right else y


def power(y: Tensor, ratio: Tensor, degrees: list[int]) -> Tensor:
    """`f(end) * (x / end)**(m - n)`, for a ratio `x / end` >= 1."""
    exponent = degrees[0] - degrees[1]
    for _ in range(abs(exponent)):
        y = y * ratio if exponent > 0 else y / ratio
    return y


def _magnitude(x: Tensor) -> Tensor:
    """`|x|` with slope 1 at 0, so that coefficients can leave 0."""
    return ops.where(x < 0, -x, x)
