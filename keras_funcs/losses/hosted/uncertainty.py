"""Losses of several tasks, weighed by what the model learns of their noise."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_funcs._core import checks
from keras_funcs._core import inputs
from keras_funcs._core.component import component
from keras_funcs._core.hosting import AdaptiveLoss
from keras_funcs._core.hosting import once
from keras_funcs._core.traits import LossTraits
from keras_funcs._core.traits import traits_of
from keras_funcs._core.typing import Config
from keras_funcs._core.typing import Tensor
from keras_funcs.losses._base import weight_for
from keras_funcs.losses._compose import as_loss
from keras_funcs.losses._compose import check_batch
from keras_funcs.losses._compose import revive


class _Untracked:
    """Holds a structure as it is: Keras would track, and wrap, its parts."""

    def __init__(self, value: Any) -> None:
        self.value = value


class _OfSeveral(AdaptiveLoss):
    """Abstract: a loss of several losses, in a structure.

    Not by `self.losses`: those of a layer are what `add_loss` collects.
    """

    _held: _Untracked
    _parts: _Untracked
    _regression: _Untracked

    @property
    def parts(self) -> Any:
        """The losses, in the structure of `losses`."""
        return self._parts.value

    @property
    def regression(self) -> Any:
        """Which losses are for regression, as it was given."""
        return self._regression.value

    def get_config(self) -> Config:
        serialize = keras.saving.serialize_keras_object
        losses = _map(
            lambda item: item if isinstance(item, str) else serialize(item),
            self._held.value,
        )
        config: Config = super().get_config()
        return {**config, "losses": losses, "regression": self.regression}


@component()
class UncertaintyWeighted(_OfSeveral):
    """Weighs several losses by one learned uncertainty each.

    For several outputs, or several losses of one, of different units or noise:
    it saves the search for weights. A task that stays noisy gets less weight.
    If one task matters more, use `WeightedSum`. The total is a log-likelihood
    and falls below 0 as losses become small. To be hosted by
    `keras_funcs.losses.LossModel`.

    Formula:
    ```python
    loss = sum_k c_k * exp(-s_k) * losses[k](y_true, y_pred) + s_k / 2
    ```
    with `c_k = 1/2` for regression and 1 for classification; `s_k`, the
    logarithm of a variance, is learned and begins at 0.

    Args:
        losses: List of losses of one output, or a list or dict with one for
            each of several outputs; in place of one, a list of several.
            `Loss` objects, functions, or names.
        regression: Structure of booleans like `losses`, or None: losses of
            residuals are for regression. It moves `s_k` by `log(2)`, and the
            total by as much. Defaults to `None`.
        **kwargs: `name`, `trainable` and `dtype` of `keras.layers.Layer`.

    Inputs:
        y_true: As `y_pred`, by output. Sample weights: one for all outputs or
            by output.
        y_pred: A tensor, or a list or dict of the outputs.

    Raises:
        ValueError: If a loss is invalid or not reduced to one number, or
            outputs do not match the losses.

    Example:

    >>> loss = keras_funcs.losses.UncertaintyWeighted(["mse", "mae"])
    >>> y = np.array([[1.0], [2.0]])
    >>> value = keras.ops.convert_to_numpy(loss.compute(y, y + 2.0))
    >>> round(float(value), 4)
    3.0

    Reference:
        Kendall, Gal and Cipolla (2018), CVPR, arXiv:1705.07115
    """

    def __init__(
        self, losses: Any, regression: Any = None, **kwargs: Any
    ) -> None:
        held, parts = _read(losses)
        flat = list(_leaves(parts))
        kinds = _kinds(regression, flat)
        super().__init__(**kwargs)
        self._held, self._parts = _Untracked(held), _Untracked(parts)
        self._regression = _Untracked(regression)
        self._factors = tuple(0.5 if kind else 1.0 for kind in kinds)
        self.log_variances = self.add_state(
            "log_variances", (len(flat),), 0.0, trainable=True
        )

    @property
    def uncertainties(self) -> np.ndarray:
        """`exp(s_k / 2)`: the standard deviation learned for each loss."""
        s = ops.convert_to_numpy(self.log_variances)
        return np.asarray(np.exp(s / 2.0))

    def compute(
        self,
        y_true: Any,
        y_pred: Any,
        sample_weight: Any = None,
        training: bool = False,
    ) -> Tensor:
        s = ops.convert_to_tensor(self.log_variances)
        weights = ops.exp(-s)
        total = 0.5 * once(s)
        tasks = _tasks(self.parts, y_true, y_pred, sample_weight)
        for k, task in enumerate(tasks):
            value = ops.cast(_value(self, *task), s.dtype)
            # c_k exp(-s_k) L_k + s_k / 2
            total = total + self._factors[k] * weights[k] * value
        return total


def _read(losses: Any) -> tuple[Any, Any]:
    """The structure that a config holds, and that of the losses."""
    named = isinstance(losses, dict) and "class_name" in losses
    if not isinstance(losses, (list, tuple, dict)) or not losses or named:
        checks.invalid("losses", "a list or dict of losses", losses)
    held = _map(lambda item: revive("losses", item), losses)
    parts = _map(lambda item: as_loss("losses", item), held)
    for part in _leaves(parts):
        if part.reduction in (None, "none"):
            expected = "losses that are reduced to one number"
            checks.invalid("losses", expected, part.name)
    return held, parts


def _kinds(regression: Any, losses: list[keras.losses.Loss]) -> list[bool]:
    """Whether each loss is for regression."""
    if regression is None:
        return [_is_regression(loss) for loss in losses]
    kinds = list(_leaves(regression))
    if len(kinds) != len(losses):
        expected = f"{len(losses)} booleans, one for each loss"
        checks.invalid("regression", expected, regression)
    return [checks.boolean("regression", kind) for kind in kinds]


def _value(
    loss: AdaptiveLoss, part: Any, labels: Any, outputs: Any, weight: Any
) -> Tensor:
    """The reduced loss of one task."""
    outputs = inputs.dense("y_pred", outputs)
    labels = inputs.dense("y_true", labels)
    check_batch(labels, outputs)
    if weight is not None:
        weight = inputs.dense("sample_weight", weight)
    inputs.check_class_weight(loss, labels, outputs, weight)
    return part(labels, outputs, weight_for(part, weight, outputs))


def _map(function: Any, structure: Any) -> Any:
    """Applies a function to each loss; a config of one is a dict as well."""
    if isinstance(structure, (list, tuple)):
        return [_map(function, item) for item in structure]
    if isinstance(structure, dict) and "class_name" not in structure:
        return {k: _map(function, item) for k, item in structure.items()}
    return function(structure)


def _leaves(structure: Any) -> Iterator[Any]:
    # By name, not by insertion: a file need not keep the order of a dict.
    if isinstance(structure, dict):
        structure = [structure[key] for key in sorted(structure)]
    if isinstance(structure, (list, tuple)):
        for item in structure:
            yield from _leaves(item)
    else:
        yield structure


def _tasks(
    parts: Any, y_true: Any, y_pred: Any, sample_weight: Any
) -> Iterator[tuple[Any, Any, Any, Any]]:
    """Each loss with its labels, outputs and weights, in order."""
    if isinstance(parts, dict) or isinstance(y_pred, (list, tuple)):
        keys = sorted(parts) if isinstance(parts, dict) else range(len(parts))
        for key in keys:
            weight = sample_weight
            if isinstance(weight, (list, tuple, dict)):
                weight = _at(weight, key, len(parts), "sample_weight")
            yield from _tasks(
                parts[key],
                _at(y_true, key, len(parts), "y_true"),
                _at(y_pred, key, len(parts), "y_pred"),
                weight,
            )
    elif isinstance(parts, list):
        for part in parts:
            yield from _tasks(part, y_true, y_pred, sample_weight)
    else:
        yield parts, y_true, y_pred, sample_weight


def _at(values: Any, key: Any, count: int, name: str) -> Any:
    by_name = isinstance(key, str)
    kind: Any = dict if by_name else (list, tuple)
    if isinstance(values, kind) and len(values) == count:
        if not by_name or key in values:
            return values[key]
    expected = f"a dict with {key!r}" if by_name else "a list"
    raise ValueError(
        f"Invalid structure of `{name}`. Expected {expected}, with one item "
        f"for each of {count} outputs. Received: {name}={values}"
    )


def _is_regression(loss: keras.losses.Loss) -> bool:
    parts = getattr(loss, "parts", None)
    if parts is not None:
        return all(_is_regression(part) for part in _leaves(parts))
    traits = traits_of(loss, LossTraits)
    return traits is not None and traits.targets == "values"
