"""Trainable squashing in place of layer normalization, without statistics.

`keras_funcs.layers.replace_normalization` puts them into an existing model.
"""

from dataclasses import replace
from typing import Any

from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.coefficients import store_roles
from keras_funcs._core.component import Range
from keras_funcs._core.component import component
from keras_funcs._core.numerics import tanh
from keras_funcs._core.traits import LayerTraits
from keras_funcs._core.typing import ConstraintLike
from keras_funcs._core.typing import InitializerLike
from keras_funcs._core.typing import RegularizerLike
from keras_funcs._core.typing import Tensor
from keras_funcs.layers.activations._adaptive import AdaptiveActivation


class _Squashing(AdaptiveActivation):
    """Abstract: a squashing with scale and offset, as of a normalization."""

    traits = LayerTraits(properties=("odd", "monotone", "bounded", "lipschitz"))

    def __init__(self, scale: bool, center: bool, **kwargs: Any) -> None:
        self.scale = checks.boolean("scale", scale)
        self.center = checks.boolean("center", center)
        super().__init__(**kwargs)

    def build_coefficients(self) -> None:
        self.build_squashing()
        self.gamma = self.beta = None
        if self.scale:
            self.gamma = self.add_coefficient(
                "gamma",
                self.gamma_initializer,
                self.gamma_regularizer,
                self.gamma_constraint,
            )
        if self.center:
            self.beta = self.add_coefficient(
                "beta",
                self.beta_initializer,
                self.beta_regularizer,
                self.beta_constraint,
            )

    def build_squashing(self) -> None:
        """Adds what `squash` needs, one number each for the layer."""
        raise NotImplementedError

    def squash(self, x: Tensor) -> Tensor:
        """Bounds the inputs, before gamma scales and beta shifts them."""
        raise NotImplementedError

    def activate(self, x: Tensor) -> Tensor:
        y = self.squash(x)
        if self.gamma is not None:
            y = y * self.gamma
        return y if self.beta is None else y + self.beta


@component(tune={"alpha_initializer": Range(0.05, 2.0, log=True)})
class DynamicTanh(_Squashing):
    """Tanh with a trainable width, in place of layer normalization (DyT).

    Transformers train with it as they do with `LayerNormalization`, without
    any statistics: no sum over the features, no difference between lengths. It
    helps most where data are scarce; with much data it can end behind. Not in
    place of batch normalization. `keras_funcs.layers.replace_normalization`
    converts a model.

    Formula:
    ```python
    f(x) = gamma * tanh(alpha * x) + beta
    ```

    Args:
        alpha_initializer: Float or initializer of the layer. Defaults to `0.5`.
            Wide models need less, and less before the feed-forward part than
            before attention: for LLaMA 0.8 and 0.2 (7B), 0.6 and 0.15 (13B),
            0.2 and 0.05 (34B and 70B).
        scale: Boolean. Whether there is a `gamma`. Defaults to `True`.
        center: Boolean. Whether there is a `beta`. Defaults to `True`.
        gamma_initializer: Initial `gamma`. Defaults to `"ones"`.
        beta_initializer: Initial `beta`. Defaults to `"zeros"`.
        gamma_regularizer: Regularizer of `gamma`. Defaults to `None`.
        beta_regularizer: Regularizer of `beta`. Defaults to `None`.
        gamma_constraint: Constraint of `gamma`. Defaults to `None`.
        beta_constraint: Constraint of `beta`. Defaults to `None`.
        **kwargs: See `keras_funcs.layers.AdaptiveActivation`; `axis` and
            `shared_axes` are of `gamma` and `beta`.

    Example:

    >>> y = keras_funcs.layers.DynamicTanh()(np.array([[-100.0, 0.0, 100.0]]))
    >>> keras.ops.convert_to_numpy(y).tolist()
    [[-1.0, 0.0, 1.0]]

    Reference:
        Zhu, Chen, He, LeCun and Liu (2025), CVPR, arXiv:2503.10622
    """

    def __init__(
        self,
        alpha_initializer: InitializerLike = 0.5,
        scale: bool = True,
        center: bool = True,
        gamma_initializer: InitializerLike = "ones",
        beta_initializer: InitializerLike = "zeros",
        gamma_regularizer: RegularizerLike = None,
        beta_regularizer: RegularizerLike = None,
        gamma_constraint: ConstraintLike = None,
        beta_constraint: ConstraintLike = None,
        **kwargs: Any,
    ) -> None:
        store_roles(
            self,
            alpha_initializer=alpha_initializer,
            gamma_initializer=gamma_initializer,
            beta_initializer=beta_initializer,
            gamma_regularizer=gamma_regularizer,
            beta_regularizer=beta_regularizer,
            gamma_constraint=gamma_constraint,
            beta_constraint=beta_constraint,
        )
        super().__init__(scale, center, **kwargs)

    def build_squashing(self) -> None:
        self.alpha = self.add_coefficient(
            "alpha", self.alpha_initializer, shared=True
        )

    def squash(self, x: Tensor) -> Tensor:
        # f(x) = gamma tanh(alpha x) + beta
        return tanh(self.alpha * x)


@component(
    tune={
        "alpha_initializer": Range(0.05, 2.0, log=True),
        "shift_initializer": Range(-1.0, 1.0),
    }
)
class DynamicErf(_Squashing):
    """Error function in place of layer normalization (Derf).

    Steeper than `DynamicTanh` before it saturates, and with a trained shift; in
    its authors' hands ahead of it and of `LayerNormalization` in vision, speech
    and genome models. Not in place of batch normalization.
    `keras_funcs.layers.replace_normalization` converts a model. LiteRT runs its
    `erf` only with the "Select TensorFlow operators" linked in, and TensorFlow
    2.21 cannot read that of JAX 0.10.

    Formula:
    ```python
    f(x) = gamma * erf(alpha * x + shift) + beta
    ```

    Args:
        alpha_initializer: Float or initializer of the layer. Defaults to `0.5`.
        shift_initializer: Float or initializer of the layer. Defaults to `0.0`.
        scale: Boolean. Whether there is a `gamma`. Defaults to `True`.
        center: Boolean. Whether there is a `beta`. Defaults to `True`.
        gamma_initializer: Initial `gamma`. Defaults to `"ones"`.
        beta_initializer: Initial `beta`. Defaults to `"zeros"`.
        gamma_regularizer: Regularizer of `gamma`. Defaults to `None`.
        beta_regularizer: Regularizer of `beta`. Defaults to `None`.
        gamma_constraint: Constraint of `gamma`. Defaults to `None`.
        beta_constraint: Constraint of `beta`. Defaults to `None`.
        **kwargs: See `keras_funcs.layers.AdaptiveActivation`; `axis` and
            `shared_axes` are of `gamma` and `beta`.

    Example:

    >>> y = keras_funcs.layers.DynamicErf()(np.array([[-100.0, 0.0, 100.0]]))
    >>> keras.ops.convert_to_numpy(y).tolist()
    [[-1.0, 0.0, 1.0]]

    Reference:
        Chen, Lu, Zhu, Sun and Liu (2025), arXiv:2512.10938
    """

    traits = replace(
        _Squashing.traits, unexported=("litert", "tf_saved_model of jax")
    )

    def __init__(
        self,
        alpha_initializer: InitializerLike = 0.5,
        shift_initializer: InitializerLike = 0.0,
        scale: bool = True,
        center: bool = True,
        gamma_initializer: InitializerLike = "ones",
        beta_initializer: InitializerLike = "zeros",
        gamma_regularizer: RegularizerLike = None,
        beta_regularizer: RegularizerLike = None,
        gamma_constraint: ConstraintLike = None,
        beta_constraint: ConstraintLike = None,
        **kwargs: Any,
    ) -> None:
        store_roles(
            self,
            alpha_initializer=alpha_initializer,
            shift_initializer=shift_initializer,
            gamma_initializer=gamma_initializer,
            beta_initializer=beta_initializer,
            gamma_regularizer=gamma_regularizer,
            beta_regularizer=beta_regularizer,
            gamma_constraint=gamma_constraint,
            beta_constraint=beta_constraint,
        )
        super().__init__(scale, center, **kwargs)

    def build_squashing(self) -> None:
        self.alpha = self.add_coefficient(
            "alpha", self.alpha_initializer, shared=True
        )
        self.shift = self.add_coefficient(
            "shift", self.shift_initializer, shared=True
        )

    def squash(self, x: Tensor) -> Tensor:
        # f(x) = gamma erf(alpha x + shift) + beta
        return ops.erf(self.alpha * x + self.shift)
