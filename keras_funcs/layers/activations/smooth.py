"""Trainable activations between the identity and a rectifier.

All of them start equal to a well-known function and cost one to three
coefficients a channel; choose one where a smooth rectifier (SiLU, GELU) is the
baseline.
"""

from typing import Any

from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.coefficients import store_roles
from keras_funcs._core.component import Choice
from keras_funcs._core.component import Range
from keras_funcs._core.component import component
from keras_funcs._core.traits import LayerTraits
from keras_funcs._core.typing import InitializerLike
from keras_funcs._core.typing import Tensor
from keras_funcs.layers.activations._adaptive import AdaptiveActivation


@component(
    tune={
        "beta_initializer": Range(0.25, 4.0, log=True),
        "axis": Choice(-1, None),
    }
)
class Swish(AdaptiveActivation):
    """SiLU with a trainable slope: from linear to ReLU, as the data asks.

    A safe first choice where SiLU or GELU works; it starts as SiLU and learns
    how sharply each channel gates. It gains little in networks whose inputs to
    the activation are normalized right before.

    Formula:
    ```python
    f(x) = x * sigmoid(beta * x)
    ```

    Args:
        beta_initializer: Float or initializer. Initial `beta`. Defaults to
            `1.0`, SiLU; 0 is `x / 2`, and infinity is ReLU.
        **kwargs: See `keras_funcs.layers.AdaptiveActivation`.

    Example:

    >>> y = keras_funcs.layers.Swish()(np.array([[-1.0, 0.0, 2.0]]))
    >>> tuple(y.shape)
    (1, 3)

    Reference:
        Ramachandran, Zoph and Le (2017), arXiv:1710.05941
    """

    renamed = {
        "beta_regularizer": "coefficient_regularizer",
        "beta_constraint": "coefficient_constraint",
    }

    def __init__(
        self, beta_initializer: InitializerLike = 1.0, **kwargs: Any
    ) -> None:
        self.beta_initializer = checks.initializer(
            "beta_initializer", beta_initializer
        )
        super().__init__(**kwargs)

    def build_coefficients(self) -> None:
        self.beta = self.add_coefficient("beta", self.beta_initializer)

    def activate(self, x: Tensor) -> Tensor:
        # f(x) = x sigmoid(beta x)
        return x * ops.sigmoid(self.beta * x)


@component(
    tune={
        "p2_initializer": Range(0.0, 0.5),
        "beta_initializer": Range(0.25, 4.0, log=True),
    }
)
class AconC(AdaptiveActivation):
    """Learns for each channel whether to activate, between two slopes.

    A step up from `Swish` in image networks: the slopes on both sides are
    trained along with the sharpness of the switch. It starts as SiLU, where
    the authors' code draws both slopes at random: pass
    `p1_initializer="random_normal"` or the like for that.

    Formula:
    ```python
    d = p1 - p2
    f(x) = d * x * sigmoid(beta * d * x) + p2 * x
    ```
    which is a leaky ReLU at `beta -> infinity`, and linear at `beta = 0`.

    Args:
        p1_initializer: Float or initializer. Initial slope on the right.
            Defaults to `1.0`.
        p2_initializer: Float or initializer. Initial slope on the left.
            Defaults to `0.0`.
        beta_initializer: Float or initializer. Initial `beta`. Defaults to
            `1.0`.
        **kwargs: See `keras_funcs.layers.AdaptiveActivation`.

    Example:

    >>> y = keras_funcs.layers.AconC()(np.array([[-1.0, 0.0, 2.0]]))
    >>> tuple(y.shape)
    (1, 3)

    Reference:
        Ma, Zhang, Liu and Sun (2021), CVPR, arXiv:2009.04759
    """

    def __init__(
        self,
        p1_initializer: InitializerLike = 1.0,
        p2_initializer: InitializerLike = 0.0,
        beta_initializer: InitializerLike = 1.0,
        **kwargs: Any,
    ) -> None:
        store_roles(
            self,
            p1_initializer=p1_initializer,
            p2_initializer=p2_initializer,
            beta_initializer=beta_initializer,
        )
        super().__init__(**kwargs)

    def build_coefficients(self) -> None:
        self.p1 = self.add_coefficient("p1", self.p1_initializer)
        self.p2 = self.add_coefficient("p2", self.p2_initializer)
        self.beta = self.add_coefficient("beta", self.beta_initializer)

    def activate(self, x: Tensor) -> Tensor:
        # f(x) = (p1 - p2) x sigmoid(beta (p1 - p2) x) + p2 x
        u = (self.p1 - self.p2) * x
        return u * ops.sigmoid(self.beta * u) + self.p2 * x


@component(
    tune={
        "alpha": Range(0.0, 0.5),
        "mu_initializer": Range(0.25, 4.0, log=True),
        "form": Choice("erf", "root"),
    }
)
class SMU(AdaptiveActivation):
    """Smooth leaky ReLU whose kink is as sharp as the data asks.

    Use it where GELU is the baseline: with the defaults it starts as GELU, and
    each channel learns how far to go towards ReLU. The authors start at
    `mu = 1e6`, which is a leaky ReLU and remains one, since nothing is left of
    the gradient of `mu` there. LiteRT runs `erf` only with the "Select
    TensorFlow operators" linked in, and TensorFlow 2.21 cannot read that of JAX
    0.10; `form="root"` has neither limit.

    Formula:
    ```python
    f(x) = ((1 + alpha) * x + m) / 2
    m = (1 - alpha) * x * erf(mu * (1 - alpha) * x)     # form="erf"
    m = sqrt(((1 - alpha) * x)**2 + mu**2)              # form="root"
    ```
    where `m` is a smooth `abs((1 - alpha) * x)`.

    Args:
        alpha: Float in [0, 1). Slope on the left, fixed. Defaults to `0.0`.
        mu_initializer: Float or initializer. Initial `mu`. Defaults to
            `0.7071067811865476`, the root of 1 / 2, which is GELU. With
            `form="root"` the corner becomes sharper as `mu` falls to 0; `mu =
            2` is `squareplus`.
        form: `"erf"`, or `"root"` for SMU-1, which is cheaper and falls off
            slower. Defaults to `"erf"`.
        **kwargs: See `keras_funcs.layers.AdaptiveActivation`.

    Example:

    >>> y = keras_funcs.layers.SMU()(np.array([[-1.0, 0.0, 2.0]]))
    >>> tuple(y.shape)
    (1, 3)

    Reference:
        Biswas, Kumar, Banerjee and Pandey (2022), CVPR, arXiv:2111.04682
    """

    traits = LayerTraits(unexported=("litert", "tf_saved_model of jax"))

    def __init__(
        self,
        alpha: float = 0.0,
        mu_initializer: InitializerLike = 0.7071067811865476,
        form: str = "erf",
        **kwargs: Any,
    ) -> None:
        self.alpha = checks.number("alpha", alpha, at_least=0, below=1)
        self.mu_initializer = checks.initializer(
            "mu_initializer", mu_initializer
        )
        self.form = checks.one_of("form", form, ("erf", "root"))
        super().__init__(**kwargs)

    def build_coefficients(self) -> None:
        self.mu = self.add_coefficient("mu", self.mu_initializer)

    def activate(self, x: Tensor) -> Tensor:
        v = (1.0 - self.alpha) * x
        if self.form == "erf":
            magnitude = v * ops.erf(self.mu * v)
        else:
            # Nothing of mu is left where the square would overflow.
            large = ops.abs(v) > 1e15
            square = ops.square(ops.where(large, ops.zeros_like(v), v))
            # The last term keeps a gradient at v = mu = 0.
            root = ops.sqrt(square + ops.square(self.mu) + 1e-30)
            magnitude = ops.where(large, ops.abs(v), root)
        # f(x) = ((1 + alpha) x + |(1 - alpha) x|) / 2, halved first: the sum
        # may be out of range where the result is not.
        return 0.5 * (1.0 + self.alpha) * x + 0.5 * magnitude
