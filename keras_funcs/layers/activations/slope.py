"""Activations whose slope is trained: adaptive slopes for PINNs.

A network that has to satisfy a differential equation is slow to learn what is
steep; a slope that the optimizer may raise makes it faster.
"""

import math
from collections.abc import Sequence
from typing import Any
from typing import Self

import keras
from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.component import PACKAGE
from keras_funcs._core.component import Choice
from keras_funcs._core.component import Range
from keras_funcs._core.component import component
from keras_funcs._core.numerics import statically_zero
from keras_funcs._core.sublayers import sublayers
from keras_funcs._core.typing import ActivationLike
from keras_funcs._core.typing import Axes
from keras_funcs._core.typing import Config
from keras_funcs._core.typing import Tensor
from keras_funcs.layers.activations._of_function import OfFunction


@component(
    tune={
        "n": Range(1.0, 20.0, log=True),
        "axis": Choice(None, -1),
        "slope_recovery": Range(0.0, 0.1),
    }
)
class AdaptiveSlope(OfFunction):
    """Any activation with a trained slope, for physics-informed networks.

    Use it where a network learns a function through its derivatives, or a
    function with steep parts: it starts as the plain activation, and its
    second and third derivatives are as smooth as that one's. A large `n` is
    fast and, from about 20, unstable. It gains little behind a normalization,
    which has a trained scale already.

    One instance called in several places is the paper's global variant.

    Formula:
    ```python
    f(x) = activation(n * a * x)
    ```
    with `a = 1 / n` at the start. `n` is a learning rate of the slope: SGD
    moves `n * a` by `n**2` times its gradient, Adam by `n` times its rate.

    Args:
        activation: Name or function. The plain activation, such as `"tanh"`,
            `"swish"` or `"gelu"`; smooth where the equation has derivatives.
            Defaults to `"tanh"`.
        n: Float > 0. The fixed factor. Defaults to `10.0`.
        axis: Axes with a slope for each index; `-1` is the paper's slope per
            neuron. Defaults to `None`, one slope for the layer.
        slope_recovery: Float >= 0. Factor of the term `1 / exp(mean(a))` that
            is added to the model's loss and keeps slopes from vanishing. The
            paper's term is one for the whole network, which this equals for
            one layer: for several see `keras_funcs.layers.slope_recovery`.
            Defaults to `0.0`.
        **kwargs: See `keras_funcs.layers.AdaptiveActivation`.

    Example:

    >>> slope = keras_funcs.layers.AdaptiveSlope("tanh", n=5.0)
    >>> dense = keras.layers.Dense(8, activation=slope)
    >>> y = dense(np.ones((2, 3)))

    Reference:
        Jagtap, Kawaguchi and Karniadakis (2020), Proceedings of the Royal
        Society A 476, arXiv:1909.12228; for the global variant (2020),
        Journal of Computational Physics 404, arXiv:1906.01170
    """

    def __init__(
        self,
        activation: ActivationLike = "tanh",
        n: float = 10.0,
        axis: Axes = None,
        slope_recovery: float = 0.0,
        **kwargs: Any,
    ) -> None:
        self.n = checks.number("n", n, above=0)
        self.slope_recovery = checks.number(
            "slope_recovery", slope_recovery, at_least=0
        )
        super().__init__(activation, axis=axis, **kwargs)

    def build_coefficients(self) -> None:
        penalty = None
        # A regularizer and not `add_loss`, which a recurrent layer would call
        # inside its loop.
        if not statically_zero(self.slope_recovery):
            penalty = _Recovery(self)
        self.slope = self.add_coefficient("slope", 1.0 / self.n, penalty)

    def activate(self, x: Tensor) -> Tensor:
        # f(x) = g(n a x); (n a) first: n x would overflow where x need not.
        return self._function((self.n * self.slope) * x)


class _Recovery:
    """One layer's slope recovery, and the regularizer that it stands for."""

    def __init__(self, layer: AdaptiveSlope) -> None:
        self.layer = layer

    def __call__(self, slope: Tensor) -> Tensor:
        own = self.layer.slope_recovery * _recovered([slope])
        other = self.layer.coefficient_regularizer
        return own if other is None else own + other(slope)


def _recovered(slopes: Sequence[Tensor]) -> Tensor:
    # S = 1 / mean_k exp(mean_i a_i^k), over layers k and their neurons i
    means = ops.stack([ops.mean(slope) for slope in slopes])
    # In logarithms: exp(a) overflows at 88, where a small `n` starts.
    return ops.exp(math.log(len(slopes)) - ops.logsumexp(means))


def slope_recovery(model: Any) -> Tensor:
    """The slope recovery term of all adaptive slopes of a model.

    Added to the loss, it pays for steep activations and keeps them from
    becoming flat. A model with a `compute_loss` or a loop of its own adds it
    there; `SlopeRecovery` does so for any other. The authors' demonstration
    code sums over layers where the paper averages; this is the paper's.

    Formula:
    ```python
    S = 1 / mean_k(exp(mean_i(a[k, i])))  # layers k, their channels i
    ```

    Args:
        model: A built model or layer that holds `AdaptiveSlope` layers, also
            as `activation=` of others.

    Returns:
        Scalar tensor.

    Raises:
        ValueError: where there is no built `AdaptiveSlope`.

    Example:

    >>> model = keras.Sequential([keras.Input((2,))])
    >>> for _ in range(3):
    ...     model.add(keras.layers.Dense(8))
    ...     model.add(keras_funcs.layers.AdaptiveSlope(n=10.0))
    >>> term = keras_funcs.layers.slope_recovery(model)
    >>> keras.ops.convert_to_numpy(term).round(4).item() < 0.905
    True
    """
    slopes = [
        layer.slope
        for layer in sublayers(model)
        if isinstance(layer, AdaptiveSlope) and layer.built
    ]
    if not slopes:
        raise ValueError(
            "Invalid value for argument `model`. Expected a model with at "
            f"least one built `AdaptiveSlope`. Received: model={model}"
        )
    return _recovered(slopes)


@keras.saving.register_keras_serializable(PACKAGE)
class SlopeRecovery(keras.Model):
    """Trains a model with the slope recovery term of its whole network.

    Compile, train and save it as any other model; `inner` is the model that
    was handed over, for inference. What a `compute_loss` of `inner` does is
    not asked: call `keras_funcs.layers.slope_recovery` there.

    Args:
        model: `keras.Model` with `AdaptiveSlope` layers. What is trained.
        factor: Float >= 0. Factor of the term. Defaults to `1.0`.
        **kwargs: `name`, `trainable` and `dtype` of `keras.Model`. The dtype
            policy defaults to that of `model`.

    Raises:
        ValueError: If an argument is invalid.

    Example:

    >>> slope = keras_funcs.layers.AdaptiveSlope()
    >>> net = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4)])
    >>> net.add(slope)
    >>> model = keras_funcs.layers.SlopeRecovery(net, factor=0.1)
    >>> model.compile("adam", "mse")
    >>> x, y = np.ones((8, 3)), np.ones((8, 4))
    >>> history = model.fit(x, y, epochs=2, verbose=0)
    """

    def __init__(
        self, model: keras.Model, factor: float = 1.0, **kwargs: Any
    ) -> None:
        if not isinstance(model, keras.Model):
            checks.invalid("model", "a `keras.Model`", model)
        factor = checks.number("factor", factor, at_least=0)
        if kwargs.get("dtype") is None:
            kwargs["dtype"] = model.dtype_policy
        super().__init__(**kwargs)
        self.autocast = False  # the layers of `model` cast for themselves
        self.inner = model
        self.factor = factor
        self.built: bool = model.built

    def export(self, filepath: Any, *args: Any, **kwargs: Any) -> Any:
        """As `keras.Model.export` of `inner`, which is all of inference."""
        return self.inner.export(filepath, *args, **kwargs)

    def build(self, input_shape: Any) -> None:
        if not self.inner.built:
            self.inner.build(input_shape)
        self.built = True

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        outputs = self.inner(inputs, training=training)
        # Not in `compute_loss`, which each replica calls: Keras scales what
        # is added here by their number.
        self.add_loss(self.factor * slope_recovery(self.inner))
        return outputs

    def get_config(self) -> Config:
        serialize = keras.saving.serialize_keras_object
        return {
            "model": serialize(self.inner),
            "factor": self.factor,
            "name": self.name,
            "trainable": self.trainable,
            "dtype": serialize(self.dtype_policy),
        }

    @classmethod
    def from_config(cls, config: Config, custom_objects: Any = None) -> Self:
        model = keras.saving.deserialize_keras_object(
            config["model"], custom_objects
        )
        return cls(**{**config, "model": model})
