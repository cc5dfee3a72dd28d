"""The base of trainable activations: their coefficients and axes."""

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import ClassVar

import keras
from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.coefficients import SOFTPLUS
from keras_funcs._core.coefficients import Inverse
from keras_funcs._core.coefficients import Stacked
from keras_funcs._core.coefficients import add_float32
from keras_funcs._core.component import Configurable
from keras_funcs._core.component import Renaming
from keras_funcs._core.numerics import at_least_float32
from keras_funcs._core.traits import LayerTraits
from keras_funcs._core.typing import Axes
from keras_funcs._core.typing import Config
from keras_funcs._core.typing import ConstraintLike
from keras_funcs._core.typing import InitializerLike
from keras_funcs._core.typing import RegularizerLike
from keras_funcs._core.typing import Shape
from keras_funcs._core.typing import Tensor


def _drop_granularity(granularity: str, config: Config) -> None:
    """`"layer"` was `axis=None`, for any axes; `"channel"` was the default."""
    if granularity == "layer":
        config.update(axis=None, shared_axes=None)


class AdaptiveActivation(Configurable, keras.layers.Layer):
    """Abstract base of activations with trainable coefficients.

    To write your own, name the coefficients in `build_coefficients`, through
    `add_coefficient`, and state the formula in `activate`; the constructor
    stores its arguments under their own names before it calls the base's.
    Declare in `traits` which properties hold before training;
    `keras_funcs.testing.check_component` tests them with all the rest.

    Coefficients are float32 under mixed precision, named with the stem `act_`
    (so that `exclude_from_weight_decay=["act_"]` reaches them all), and never
    of rank 2 (Muon would take them for matrices). The formula is computed in
    float32 at least, so that half precision overflows where its largest number
    ends and not before.

    The initial value of a coefficient `alpha` is the argument
    `alpha_initializer`, as in `keras.layers.PReLU`: a finite float, or
    anything `keras.initializers.get` takes. It is that of the coefficient in
    the formula, also if the variable holds another number, such as its
    logarithm. An argument with a plain name, such as `alpha`, is a number
    that training leaves as it is; where a second argument turns the training
    on (`frequency` and `trainable_frequency`), it starts from that number.

    Attributes:
        traits: `keras_funcs.LayerTraits`, in which `properties` holds before
            training.
        pointwise: Whether an output depends on the one input in its place,
            so that the layer has a curve to draw. Defaults to `True`.

    Args:
        axis: Integer, list of integers, or None. The axes that have a
            coefficient for each index; all others share. `None` is one
            coefficient for the layer, which is then built at once, so that
            `Dense(activation=layer)` counts, loads and trains it; for the
            others see `keras_funcs.layers.build_activation`. Defaults to `-1`,
            the channels.
        shared_axes: List of integers >= 1, or None. As in
            `keras.layers.PReLU`: the axes that share, in place of `axis`.
        coefficient_regularizer: Regularizer of every trained variable that has
            none of its own. Defaults to `None`.
        coefficient_constraint: Constraint of every trained variable that has
            none of its own. Defaults to `None`.
        memory_efficient: Boolean. Whether the gradient computes the formula
            again, from inputs and coefficients, in place of all that the
            formula kept for it. Less memory for more time; worth it on Torch,
            and hardly anywhere else, where compilers decide. First and second
            derivatives are the same; forward mode (`keras.ops.jvp`) is not
            possible through it on TensorFlow. Defaults to `False`.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Input shape:
        Any, with the batch on axis 0. The sizes of the axes that have
        coefficients are known.

    Output shape:
        The input's.

    Raises:
        ValueError: If an argument is invalid; when built, if an axis is out of
            range or of unknown size.

    Example:

    >>> @keras.saving.register_keras_serializable("mine")
    ... class Bent(keras_funcs.layers.AdaptiveActivation):
    ...     traits = keras_funcs.LayerTraits(
    ...         properties=("monotone", "lipschitz")
    ...     )
    ...
    ...     def __init__(self, bend_initializer=0.0, **kwargs):
    ...         self.bend_initializer = bend_initializer
    ...         super().__init__(**kwargs)
    ...
    ...     def build_coefficients(self):
    ...         self.bend = self.add_coefficient("bend", self.bend_initializer)
    ...
    ...     def activate(self, x):
    ...         return x + self.bend * keras.ops.tanh(x)
    >>> y = Bent()(np.ones((2, 3)))
    """

    traits = LayerTraits()
    pointwise: bool = True

    renamed: ClassVar[Mapping[str, Renaming]] = {
        "granularity": _drop_granularity
    }

    def __init__(
        self,
        axis: Axes = -1,
        shared_axes: Sequence[int] | None = None,
        coefficient_regularizer: RegularizerLike = None,
        coefficient_constraint: ConstraintLike = None,
        memory_efficient: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.built: bool
        self.axis = None if axis is None else checks.axes("axis", axis)
        if shared_axes is not None:
            if not isinstance(shared_axes, (list, tuple)):
                checks.invalid("shared_axes", "a list of axes", shared_axes)
            shared_axes = [
                checks.integer("shared_axes", item, at_least=1)
                for item in shared_axes
            ]
        self.shared_axes = shared_axes
        self.coefficient_regularizer = checks.regularizer(
            "coefficient_regularizer", coefficient_regularizer
        )
        self.coefficient_constraint = checks.constraint(
            "coefficient_constraint", coefficient_constraint
        )
        self.memory_efficient = checks.boolean(
            "memory_efficient", memory_efficient
        )
        self.supports_masking = True
        if self.builds_at_once:
            self.build(None)

    @property
    def builds_at_once(self) -> bool:
        """Whether no coefficient depends on the input's shape."""
        return self.axis is None and self.shared_axes is None

    def build(self, input_shape: Shape | None) -> None:
        """Creates the coefficients."""
        if self.built:
            return
        self._coefficient_shape = self._shape(input_shape)
        self.input_spec = self._spec(input_shape)
        self.build_coefficients()
        self.built = True

    def build_coefficients(self) -> None:
        """Calls `add_coefficient` once for each coefficient."""
        raise NotImplementedError

    def activate(self, x: Tensor) -> Tensor:
        """The formula, on inputs of at least float32."""
        raise NotImplementedError

    def add_coefficient(
        self,
        name: str,
        initializer: InitializerLike,
        regularizer: RegularizerLike = None,
        constraint: ConstraintLike = None,
        *,
        positive: bool = False,
        inverse: Inverse | None = None,
        count: int | None = None,
        trainable: bool = True,
        shared: bool = False,
        groups: int = 1,
    ) -> keras.Variable:
        """Adds the variable `act_<name>`, a number per index of the axes.

        Args:
            name: String. The variable's name after the stem.
            initializer: A number, an initializer, or a list of numbers, for as
                many coefficients of a kind (see `count`).
            regularizer: Regularizer, in place of `coefficient_regularizer`.
            constraint: Constraint, in place of `coefficient_constraint`.
            positive: Boolean. Whether the formula takes `ops.softplus` of the
                variable, which keeps it positive through any optimizer; the
                initializer then gives the softplus. Values of an initializer
                object below 1e-6 are raised to it.
            inverse: As `positive`, for formulas that take another function of
                the variable: an object with its inverse, `of_number` of a
                Python number and `of_tensor` of a tensor. Or None.
            count: Integer, or None. For as many coefficients of a kind, stacked
                on a new first axis: `variable[i]` has the usual shape.
            trainable: Boolean. Whether an optimizer may move it; saved with
                the weights in both cases.
            shared: Boolean. Whether it is one for the layer for any `axis`.
            groups: Integer. How many groups of neighbours on the one axis of
                the coefficients share; 1 is no groups.
        """
        if isinstance(initializer, list):
            count, initializer = len(initializer), Stacked(initializer)
        shape = () if shared else self._coefficient_shape
        if groups > 1 and shape:
            shape = tuple(groups if size > 1 else size for size in shape)
        if count is not None:
            shape = (count, *shape) if len(shape) != 1 else (count, 1, *shape)
        return add_float32(
            self,
            f"act_{name}",
            shape,
            initializer,
            SOFTPLUS if positive else inverse,
            regularizer=regularizer or self.coefficient_regularizer,
            constraint=constraint or self.coefficient_constraint,
            trainable=trainable,
        )

    def call(self, inputs: Tensor) -> Tensor:
        if not self.memory_efficient:
            return self._computed(inputs)
        variables = self.variables

        def again(inputs: Tensor, *values: Tensor) -> Tensor:
            # Bind the values of the forward pass: when Torch re-runs this in
            # the backward pass, the caller's scope has already exited.
            with keras.StatelessScope(list(zip(variables, values))):
                return self._computed(inputs)

        # Copies, because for TensorFlow a variable is a tensor already.
        values = [ops.copy(variable.value) for variable in variables]
        return keras.remat(again)(inputs, *values)

    def _computed(self, inputs: Tensor) -> Tensor:
        # Computed in the coefficients' precision: float16 would lose their
        # updates in the forward pass and overflow in powers.
        x = ops.cast(inputs, at_least_float32(self.compute_dtype))
        return ops.cast(self.activate(x), self.compute_dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)

    def get_build_config(self) -> dict[str, Any] | None:
        # What was built without a shape is built by the constructor again.
        if self.builds_at_once:
            return None
        config: dict[str, Any] | None = super().get_build_config()
        return config

    def own_axes(self, rank: int) -> list[int]:
        """The axes of an input that have coefficients for each index."""
        if self.shared_axes is None:
            return axes_of(self, self.axis or [], rank)
        shared = axes_of(self, self.shared_axes, rank)
        return [axis for axis in range(1, rank) if axis not in shared]

    def _spec(self, input_shape: Shape | None) -> keras.layers.InputSpec | None:
        """The inputs that the coefficients fit; others would broadcast."""
        if input_shape is None or self.builds_at_once:
            return None
        rank = len(input_shape)
        sizes = {i - rank: input_shape[i] for i in self.own_axes(rank)}
        # Built for any rank, by `build_activation` too, where they stand on
        # the last axis however many there are.
        anywhere = self.shared_axes is None and self.axis == [-1]
        return keras.layers.InputSpec(
            ndim=None if anywhere else rank, axes=sizes
        )

    def _shape(self, input_shape: Shape | None) -> tuple[int, ...]:
        if self.builds_at_once:
            return ()
        if input_shape is None:
            raise ValueError(
                f"Layer '{self.name}' needs an input shape to build from, "
                "unless `axis=None`. Received: input_shape=None"
            )
        rank = len(input_shape)
        axes = self.own_axes(rank)
        # Broadcast against the input from the right; leading ones are dropped,
        # so that the usual case, the last axis, is a vector.
        shape = [input_shape[i] if i in axes else 1 for i in range(1, rank)]
        if None in shape:
            raise ValueError(
                f"Layer '{self.name}' needs the size of every axis that has "
                "coefficients of its own. Expected known sizes on axes "
                f"{axes}; `shared_axes` lets an axis share. "
                f"Received: input_shape={tuple(input_shape)}"
            )
        while len(shape) > 1 and shape[0] == 1:
            shape.pop(0)
        if len(shape) == 2:
            shape.insert(0, 1)
        return tuple(int(size or 1) for size in shape)


def axes_of(
    layer: keras.layers.Layer, axes: Sequence[int], rank: int
) -> list[int]:
    """Axes of an input, sorted and counted from the front."""
    for axis in axes:
        if not -rank < axis < rank:
            raise ValueError(
                f"Invalid axis {axis} of layer '{layer.name}'. Expected an "
                f"axis other than the batch. Received: an input of rank {rank}"
            )
    return sorted({axis % rank for axis in axes})


def build_activation(
    layer: AdaptiveActivation, units: int
) -> AdaptiveActivation:
    """Builds an activation early, for use as `Dense(units, activation=...)`.

    Keras builds a layer that is handed over as `activation=` only when it is
    first called, too late for `count_params`, for `load_weights` into a fresh
    model and for an optimizer that was built before.

    Args:
        layer: An adaptive activation with coefficients on the last axis, or
            with one for the layer (`axis=None`), which is built already.
        units: Integer >= 1. The channels it will be called on.

    Returns:
        The same layer, built.

    Example:

    >>> swish = keras_funcs.layers.Swish()
    >>> swish = keras_funcs.layers.build_activation(swish, 8)
    >>> dense = keras.layers.Dense(8, activation=swish)
    """
    units = checks.integer("units", units, at_least=1)
    if not isinstance(layer, AdaptiveActivation):
        checks.invalid("layer", "an adaptive activation", layer)
    if layer.builds_at_once:
        return layer
    if layer.axis != [-1] or layer.shared_axes is not None:
        # Built on two axes, its coefficients would stand on the last.
        checks.invalid(
            "layer",
            "coefficients on the last axis (for others call `layer.build` "
            "with a shape of the full rank)",
            layer,
        )
    if not layer.built:
        layer.build((None, units))
    return layer
