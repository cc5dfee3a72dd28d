"""The state of a metric: what is counted, exactly, and who shares it."""

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_funcs._core import checks
from keras_funcs._core import inputs
from keras_funcs._core.backend import active
from keras_funcs._core.component import Configurable
from keras_funcs._core.masking import MaskCarrier
from keras_funcs._core.traits import MetricTraits
from keras_funcs._core.typing import Tensor

# A float32 counts to 2**24 and then stands still. Each number is kept as whole
# units of 2**14 and a remainder below that: exact to 2**38, with weights kept
# to 2**-10, and still a plain sum over replicas.
UNIT = 2.0**14
LANES = 2**15  # sums that fit into a processor's cache
MAX_SUMS = 2**25  # 256 MiB
_own_variables = keras.metrics.Metric.variables.fget


class StateMetric(Configurable, keras.metrics.Metric):
    """Abstract base: a number read off an array of sums.

    A family's base counts a batch in `count`, a leaf reads its number off the
    sums in `score`. Metrics that count the same can read one state:
    `keras_funcs.metrics.MetricGroup` lets them. A batch without samples
    changes nothing.

    Args:
        **kwargs: `name` and `dtype` of `keras.metrics.Metric`.

    Raises:
        ValueError: If an argument is out of its range; by a call, if shapes do
            not match, if there are more classes than the state has room for,
            if a tensor is ragged, or if `class_weight` of `fit` meets labels
            for which Keras weights the wrong classes.
    """

    # The constructor's arguments on which the sums depend, by name. The others
    # may differ between metrics that share a state.
    state_arguments: tuple[str, ...] = ()
    traits = MetricTraits()
    class_names: list[str] | None = None

    def __init__(self, **kwargs: Any) -> None:
        if not isinstance(kwargs.get("name", ""), str | None):
            checks.invalid("name", "a string", kwargs["name"])
        super().__init__(**kwargs)
        if self.traits.direction is not None:
            # `mode="auto"` of Keras callbacks reads it.
            up = self.traits.direction == "max"
            self._direction = "up" if up else "down"
        self._expected_size = 2  # classes, until a batch tells
        self._masks = MaskCarrier(dtype="float32")
        self._sums: Any = None
        self._broken: Any = None
        self._leader: StateMetric | None = None

    def count(
        self,
        y_true: Tensor,
        y_pred: Tensor,
        mask: Tensor | None,
        sample_weight: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        """The sums of a batch, and whether it has what cannot be counted.

        Returns:
            int32 or float32, `shape` of its classes; and a boolean scalar.
        """
        raise NotImplementedError

    def shape(self, size: int) -> tuple[int, ...]:
        """The shape of the sums for a number of classes, which comes first."""
        raise NotImplementedError

    def score(self, state: Tensor) -> Any:
        """The metric, a scalar or a dict of scalars, from the sums."""
        raise NotImplementedError

    def update_state(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor = None
    ) -> None:
        """Counts a batch.

        Args:
            y_true: The labels, in a form that the metric names.
            y_pred: The scores.
            sample_weight: Optional weights, of the labels' shape or of their
                first axes.

        Raises:
            ValueError: for shapes that do not fit.
        """
        y_true = inputs.dense("y_true", y_true)
        y_pred = inputs.dense("y_pred", y_pred)
        if inputs.is_empty(y_pred):
            return
        if sample_weight is not None:
            sample_weight = inputs.dense("sample_weight", sample_weight)
        inputs.check_class_weight(self, y_true, y_pred, sample_weight)
        mask = self._masks.read(y_pred)
        # TensorFlow takes neither booleans nor integers for numbers.
        if keras.backend.standardize_dtype(y_true.dtype) == "bool":
            y_true = ops.cast(y_true, "int32")
        if not keras.backend.is_float_dtype(y_pred.dtype):
            y_pred = ops.cast(y_pred, "float32")
        leader = self.leader()
        # Counting takes as much memory as the state.
        size = y_pred.shape[-1] if len(y_pred.shape) > 1 else 1
        leader._check_room(leader.shape(size))
        sums, broken = leader.count(y_true, y_pred, mask, sample_weight)
        leader._allocate(tuple(sums.shape))
        leader.add(sums, broken)

    def result(self) -> Any:
        """The metric so far; before the first batch, that of empty sums."""
        state = self.state()
        if state is None:
            state = ops.zeros(self.shape(self._expected_size))
        score = self.score(state)
        if isinstance(score, dict):
            return {k: ops.cast(v, self.dtype) for k, v in score.items()}
        return ops.cast(score, self.dtype)

    def state(self) -> Tensor | None:
        """The sums as float32, or None before their shape is known.

        All are NaN where a label could not be counted: in a compiled step
        nothing can be raised, and silence would be a wrong number.
        """
        leader = self.leader()
        if leader._sums is None:
            return None
        sums = leader._sums[0] * UNIT + leader._sums[1]
        return ops.where(leader._broken > 0, float("nan"), sums)

    def exact_state(self) -> np.ndarray | None:
        """The sums as float64, in which counts are exact."""
        leader = self.leader()
        if leader._sums is None:
            return None
        units, rest = np.asarray(
            ops.convert_to_numpy(leader._sums), dtype=np.float64
        )
        return np.asarray(units * UNIT + rest)

    def leader(self) -> "StateMetric":
        """The metric that holds the state: itself, unless it follows one."""
        # Not a property: Keras walks through them where it saves and copies.
        return self if self._leader is None else self._leader

    def can_follow(self, other: "StateMetric") -> bool:
        """Whether the other metric counts just what this one counts."""
        return (
            type(self).count is type(other).count
            and self.state_arguments == other.state_arguments
            and all(
                getattr(self, name) == getattr(other, name)
                for name in self.state_arguments
            )
        )

    def follow(self, leader: "StateMetric") -> None:
        """From now on reads the state of another metric, not its own."""
        self._sums = self._broken = None
        self._leader = leader

    @property
    def variables(self) -> list[Any]:
        if self._leader is not None:
            return list(self._leader.variables)
        # Torch's compiler does not follow `super()` to a property.
        return list(_own_variables(self))

    def names(self) -> list[str]:
        """The classes' names, in order; none before the first batch."""
        sums = self.leader()._sums
        return [] if sums is None else self._named(sums.shape[1])

    def by_class(self, values: Tensor) -> dict[str, Tensor]:
        """A scalar for each class, under the metric's and the class's name."""
        return {
            f"{self.name}/{name}": values[index]
            for index, name in enumerate(self.names())
        }

    def _named(self, size: int) -> list[str]:
        if self.class_names is None:
            return [str(c) for c in range(size)]
        if len(self.class_names) != size:
            checks.invalid("class_names", f"{size} names", self.class_names)
        return self.class_names

    def _check_room(self, shape: tuple[int, ...]) -> None:
        """Raises where a state would take too much memory."""
        if math.prod(shape) > MAX_SUMS:
            raise ValueError(
                f"Invalid size of metric '{self.name}'. Expected a state of "
                f"at most {MAX_SUMS} sums; take fewer classes or bins. "
                f"Received: {shape[0]} classes, whose state has shape {shape}"
            )

    def _allocate(self, shape: tuple[int, ...]) -> None:
        """Creates the sums at the first call, and compares at later ones."""
        if self._sums is not None:
            if tuple(self._sums.shape[1:]) != shape:
                raise ValueError(
                    f"Invalid shape of `y_pred` in metric '{self.name}'. "
                    f"Expected {self._sums.shape[1]} classes. "
                    f"Received: {shape[0]}"
                )
            return
        self._check_room(shape)
        self._named(shape[0])
        self._sums = self.add_weight(
            shape=(2, *shape), initializer="zeros", dtype="float32", name="sums"
        )
        self._broken = self.add_weight(
            shape=(), initializer="zeros", dtype="float32", name="broken"
        )

    def add(self, batch: Tensor, broken: Tensor) -> None:
        """Adds the sums of a batch, whole numbers without any rounding.

        Args:
            batch: int32 or float32, of the shape of the state.
            broken: Boolean scalar. Whether there was what cannot be counted.
        """
        if keras.backend.standardize_dtype(batch.dtype) == "int32":
            units = ops.floor_divide(batch, int(UNIT))
            rest = batch - units * int(UNIT)
        else:
            units = ops.floor(batch / UNIT)
            rest = batch - units * UNIT
        rest = self._sums[1] + ops.cast(rest, "float32")
        carry = ops.floor(rest / UNIT)
        units = self._sums[0] + ops.cast(units, "float32") + carry
        self._sums.assign(ops.stack([units, rest - carry * UNIT]))
        self._broken.assign(self._broken + ops.cast(broken, "float32"))


def weigh(
    wanted: Tensor,
    valid: Tensor,
    mask: Tensor | None,
    sample_weight: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """The weight of each label, and whether any counted label is invalid.

    Args:
        wanted: Booleans, False for labels to ignore.
        valid: Booleans of the same shape, False for what cannot be counted;
            masked and ignored labels may be that.
        mask: Booleans of the first axes, or None.
        sample_weight: Numbers of the first axes, or None.

    Returns:
        Weights, int32 without `sample_weight` (a batch may hold more than
        2**24 pixels) and else float32, 0 for what does not count; and a
        boolean scalar.
    """
    if mask is not None:
        mask = stretch(ops.cast(mask, "bool"), wanted)
        wanted = ops.logical_and(wanted, mask)
    counted = ops.logical_and(wanted, valid)
    broken = ops.any(ops.logical_and(wanted, ops.logical_not(valid)))
    if sample_weight is None:
        return ops.cast(counted, "int32"), broken
    given = stretch(ops.cast(sample_weight, "float32"), wanted)
    return ops.cast(counted, "float32") * given, broken


def sum_cells(cells: Tensor, weights: Tensor, size: int) -> Tensor:
    """Sums the weights of each cell; `(size,)`, in the weights' dtype.

    A float32 that a million numbers go to, one by one, rounds nearly each of
    them: they are spread over as many sums as there is room for.

    Args:
        cells: int32 in [0, size), of any shape.
        weights: int32 or float32 of the same shape.
        size: The number of cells.
    """
    cells, weights = ops.reshape(cells, (-1,)), ops.reshape(weights, (-1,))
    lanes = max(1, LANES // size)
    if keras.backend.standardize_dtype(weights.dtype) == "int32" or lanes == 1:
        return active().bincount(cells, weights, size)
    lane = ops.arange(ops.shape(cells)[0], dtype="int32") % lanes
    sums = active().bincount(cells + size * lane, weights, size * lanes)
    return ops.sum(ops.reshape(sums, (lanes, size)), axis=0)


def stretch(weight: Tensor, like: Tensor) -> Tensor:
    """Weights of the first axes, repeated over the others."""
    rank = len(like.shape)
    if len(weight.shape) == rank + 1 and weight.shape[-1] == 1:
        weight = ops.squeeze(weight, -1)
    while len(weight.shape) < rank:
        weight = ops.expand_dims(weight, -1)
    return ops.broadcast_to(weight, ops.shape(like))
