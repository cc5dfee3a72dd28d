"""The base of optimizers: slots, decay, caution, learning rates by path."""

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.backend import active
from keras_funcs._core.component import Configurable
from keras_funcs._core.numerics import at_least_float32
from keras_funcs._core.patterns import Pattern
from keras_funcs._core.typing import Tensor

DECAY_MODES = ("decoupled", "cautious", "corrected")


class RuleOptimizer(Configurable, keras.optimizers.Optimizer):
    """Abstract base: a leaf is a pure rule from gradient to direction.

    A leaf names its state in `slots` (moving averages that start at 0) and
    computes, in `rule`, the direction of descent and the new state. Everything
    else is the same for all:

    ```python
    variable = variable - lr * (direction + weight_decay * variable)
    ```

    State is at least float32, whatever the variable's dtype.

    Args:
        cautious: Boolean. Whether to leave out the coordinates in which the
            direction and the gradient disagree in sign (Liang et al., 2024,
            arXiv:2411.16085).
        weight_decay_mode: `"decoupled"`; `"cautious"` decays only where decay
            and direction agree in sign (arXiv:2510.12402); `"corrected"`
            scales the decay by the learning rate over its largest so far.
        weight_decay_exclusions: Sequence of regular expressions, searched for
            in the variables' paths in linear time: without look-around, back
            references and possessive repeats. What matches does not decay.
            Unlike the method `exclude_from_weight_decay`, they are saved.
        learning_rate_multipliers: Mapping from such regular expressions to
            factors of the learning rate; the first match counts.
        **kwargs: Keyword arguments of `keras.optimizers.Optimizer`. Gradients
            are clipped after those of all replicas are added up.
    """

    slots: tuple[str, ...] = ()

    def __init__(
        self,
        cautious: bool = False,
        weight_decay_mode: str = "decoupled",
        weight_decay_exclusions: Sequence[str] = (),
        learning_rate_multipliers: Mapping[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        rate = kwargs.get("learning_rate")
        if isinstance(rate, (int, float)):
            kwargs["learning_rate"] = checks.number(
                "learning_rate", rate, at_least=0
            )
        decay = kwargs.get("weight_decay")
        checks.number("weight_decay", decay, at_least=0, optional=True)
        super().__init__(**kwargs)
        self.cautious = checks.boolean("cautious", cautious)
        self.weight_decay_mode = checks.one_of(
            "weight_decay_mode", weight_decay_mode, DECAY_MODES
        )
        # A string, taken letter by letter, would match almost every path.
        if not isinstance(weight_decay_exclusions, (list, tuple)):
            checks.invalid(
                "weight_decay_exclusions",
                "a list of regular expressions",
                weight_decay_exclusions,
            )
        self.weight_decay_exclusions = [
            checks.pattern("weight_decay_exclusions", item)
            for item in weight_decay_exclusions
        ]
        if learning_rate_multipliers is None:
            learning_rate_multipliers = {}
        if not isinstance(learning_rate_multipliers, Mapping):
            checks.invalid(
                "learning_rate_multipliers",
                "a mapping from regular expressions to factors",
                learning_rate_multipliers,
            )
        self.learning_rate_multipliers = {
            checks.pattern("learning_rate_multipliers", key): checks.number(
                f"learning_rate_multipliers[{key!r}]", value, at_least=0
            )
            for key, value in learning_rate_multipliers.items()
        }

    def rule(
        self, gradient: Tensor, state: list[Tensor], step: Tensor
    ) -> tuple[Tensor, list[Tensor]]:
        """One step of the algorithm.

        Args:
            gradient: The gradient, of at least float32.
            state: A tensor for each of `slots`.
            step: The number of this step, from 1, in the gradient's dtype.

        Returns:
            The direction to subtract, before the learning rate, and the new
            state.
        """
        raise NotImplementedError

    def build(self, variables: list[keras.Variable]) -> None:
        """Creates the state, and resolves what depends on paths."""
        if self.built:
            return
        super().build(variables)
        # One list a slot: the order of creation is the checkpoint's format.
        self._state = [
            [self._add_slot(variable, slot) for variable in variables]
            for slot in self.slots
        ]
        if self.weight_decay_mode == "corrected":
            self._peak = self.add_variable(
                shape=(),
                dtype="float32",
                aggregation="only_first_replica",
                name="peak_learning_rate",
            )
        # By index: on TensorFlow `update_step` sees variables without paths.
        exclusions = [Pattern(item) for item in self.weight_decay_exclusions]
        self._decays = [
            self._use_weight_decay(variable)
            and not any(item.search(variable.path) for item in exclusions)
            for variable in variables
        ]
        factors = [
            (Pattern(key), value)
            for key, value in self.learning_rate_multipliers.items()
        ]
        self._multipliers = [
            next((f for key, f in factors if key.search(variable.path)), 1.0)
            for variable in variables
        ]

    def update_step(
        self, gradient: Tensor, variable: Any, learning_rate: Tensor
    ) -> None:
        index = self._get_variable_index(variable)
        slots = [slot[index] for slot in self._state]
        value = ops.convert_to_tensor(variable)
        dtype = at_least_float32(keras.backend.standardize_dtype(value.dtype))
        gradient = ops.cast(gradient, dtype)
        if hasattr(gradient, "dense_shape"):
            # TensorFlow gives an embedding's gradient as rows, one for each
            # lookup. A dense addend adds up those of one id; their squares
            # would not be the square of the sum.
            gradient = ops.add(gradient, ops.zeros_like(value, dtype=dtype))
        step = ops.cast(self.iterations + 1, dtype)
        state = [ops.convert_to_tensor(slot) for slot in slots]
        direction, state = self.rule(gradient, state, step)
        for slot, updated in zip(slots, state):
            self.assign(slot, updated)
        if self.cautious:
            agree = ops.cast(direction * gradient > 0, dtype)
            direction *= agree / ops.maximum(ops.mean(agree), 1e-3)
        value = ops.cast(value, dtype)
        if self.weight_decay is not None and self._decays[index]:
            direction += self._decay(value, direction, learning_rate)
        rate = ops.cast(learning_rate, dtype) * self._multipliers[index]
        self.assign(variable, value - rate * direction)

    def _decay(
        self, value: Tensor, direction: Tensor, learning_rate: Tensor
    ) -> Tensor:
        decay = self.weight_decay * value
        if self.weight_decay_mode == "cautious":
            return ops.where(decay * direction > 0, decay, 0.0)
        if self.weight_decay_mode == "corrected":
            peak = ops.maximum(ops.convert_to_tensor(self._peak), 1e-30)
            return decay * ops.cast(learning_rate, decay.dtype) / peak
        return decay

    def _apply_weight_decay(self, variables: list[Any]) -> None:
        """Nothing: Keras would decay here, before the direction is known."""

    def _backend_update_step(
        self, grads: Any, trainable_variables: Any, learning_rate: Tensor
    ) -> None:
        if self.weight_decay_mode == "corrected":
            rate = ops.cast(learning_rate, "float32")
            self._peak.assign(ops.maximum(self._peak, rate))
        super()._backend_update_step(grads, trainable_variables, learning_rate)

    def _clip_gradients(self, grads: Any) -> Any:
        """Clips the sum over the replicas, as one device would.

        Keras clips each replica's share before it adds them up.
        """
        if not (self.clipnorm or self.global_clipnorm or self.clipvalue):
            return grads
        total, replicas = active().sum_over_replicas(grads)
        clipped = super()._clip_gradients(total)
        # Keras adds them up again: equal shares of the whole.
        return [None if g is None else g / replicas for g in clipped]

    def _add_slot(self, variable: keras.Variable, slot: str) -> keras.Variable:
        dtype = keras.backend.standardize_dtype(variable.dtype)
        if at_least_float32(dtype) == dtype:
            return self.add_variable_from_reference(variable, name=slot)
        return self.add_variable(
            shape=variable.shape,
            dtype="float32",
            name=f"{variable.path.replace('/', '_')}_{slot}",
        )
