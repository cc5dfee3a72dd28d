"""Trainable rectifiers: straight pieces whose slopes and corners learn.

The cheapest trainable activations: they start as ReLU or leaky ReLU and stay a
few comparisons when deployed.
"""

from typing import Any

from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.coefficients import store_roles
from keras_funcs._core.component import Range
from keras_funcs._core.component import component
from keras_funcs._core.traits import LayerTraits
from keras_funcs._core.typing import InitializerLike
from keras_funcs._core.typing import Tensor
from keras_funcs.layers.activations._adaptive import AdaptiveActivation

MAX_HINGES = 1000  # bounds what a config from elsewhere can unroll


@component(tune={"alpha_initializer": Range(0.01, 0.5, log=True)})
class ChannelPReLU(AdaptiveActivation):
    """Leaky ReLU with a trainable slope for each channel, as published.

    Use it where ReLU leaves units dead. `keras.layers.PReLU` has a slope for
    each element, which needs known image sizes, and starts at 0; here images
    and sequences may have any size. Do not decay the slopes: that would drive
    them to ReLU.

    Formula:
    ```python
    f(x) = max(x, 0) + alpha * min(x, 0)
    ```

    Args:
        alpha_initializer: Float or initializer. Initial slope. Defaults to
            `0.25`.
        **kwargs: See `keras_funcs.layers.AdaptiveActivation`.

    Example:

    >>> y = keras_funcs.layers.ChannelPReLU()(np.array([[-4.0, 0.0, 2.0]]))
    >>> keras.ops.convert_to_numpy(y)[0].tolist()
    [-1.0, 0.0, 2.0]

    Reference:
        He, Zhang, Ren and Sun (2015), ICCV, arXiv:1502.01852
    """

    traits = LayerTraits(properties=("monotone", "lipschitz"))

    renamed = {
        "alpha_regularizer": "coefficient_regularizer",
        "alpha_constraint": "coefficient_constraint",
    }

    def __init__(
        self, alpha_initializer: InitializerLike = 0.25, **kwargs: Any
    ) -> None:
        self.alpha_initializer = checks.initializer(
            "alpha_initializer", alpha_initializer
        )
        super().__init__(**kwargs)

    def build_coefficients(self) -> None:
        self.alpha = self.add_coefficient("alpha", self.alpha_initializer)

    def activate(self, x: Tensor) -> Tensor:
        # f(x) = max(x, 0) + alpha min(x, 0)
        return ops.where(x > 0, x, self.alpha * x)


@component(
    tune={
        "a_left_initializer": Range(0.0, 0.5),
        "a_right_initializer": Range(0.5, 2.0, log=True),
        "width_initializer": Range(0.2, 5.0, log=True),
    }
)
class SReLU(AdaptiveActivation):
    """Three straight pieces, with trained corners and outer slopes.

    It can bend down for large inputs as well as for negative ones, and so
    become convex, concave or S-shaped where a leaky ReLU cannot. It costs four
    coefficients a channel; prefer `ChannelPReLU` on little data. It starts as
    leaky ReLU; keras-contrib's starts from `RandomUniform(0, 1)` for `a_l`
    and `RandomUniform(0, 5)` for `w`.

    Formula:
    ```python
    f(x) = t_l + a_l * (x - t_l)    for x <= t_l
    f(x) = x                        for t_l < x < t_r
    f(x) = t_r + a_r * (x - t_r)    for x >= t_r
    ```
    with `t_r = t_l + w`, and `w > 0`, the softplus of what is trained.

    Args:
        t_left_initializer: Float or initializer. Initial `t_l`. Defaults to
            `0.0`.
        a_left_initializer: Float or initializer. Initial `a_l`. Defaults to
            `0.2`.
        width_initializer: Float or initializer. Initial `w`; > 0. Defaults to
            `1.5`.
        a_right_initializer: Float or initializer. Initial `a_r`. Defaults to
            `1.0`, which makes a leaky ReLU.
        **kwargs: See `keras_funcs.layers.AdaptiveActivation`.

    Example:

    >>> y = keras_funcs.layers.SReLU()(np.array([[-5.0, 0.0, 2.0]]))
    >>> tuple(y.shape)
    (1, 3)

    Reference:
        Jin, Xu, Feng, Wei, Xiong and Yan (2016), AAAI, arXiv:1512.07030
    """

    traits = LayerTraits(properties=("monotone", "lipschitz"))

    renamed = {"t_right_initializer": "width_initializer"}

    def __init__(
        self,
        t_left_initializer: InitializerLike = 0.0,
        a_left_initializer: InitializerLike = 0.2,
        width_initializer: InitializerLike = 1.5,
        a_right_initializer: InitializerLike = 1.0,
        **kwargs: Any,
    ) -> None:
        store_roles(
            self,
            t_left_initializer=t_left_initializer,
            a_left_initializer=a_left_initializer,
            a_right_initializer=a_right_initializer,
        )
        self.width_initializer = checks.initializer(
            "width_initializer", width_initializer, above=0
        )
        super().__init__(**kwargs)

    def build_coefficients(self) -> None:
        self.t_left = self.add_coefficient("t_left", self.t_left_initializer)
        self.a_left = self.add_coefficient("a_left", self.a_left_initializer)
        self.width = self.add_coefficient(
            "width", self.width_initializer, positive=True
        )
        self.a_right = self.add_coefficient("a_right", self.a_right_initializer)

    def activate(self, x: Tensor) -> Tensor:
        below = ops.relu(self.t_left - x)
        above = ops.relu(x - self.t_left - ops.softplus(self.width))
        # x <= t_l: t_l + a_l (x - t_l);  x >= t_r: t_r + a_r (x - t_r)
        return x + (1.0 - self.a_left) * below - (1.0 - self.a_right) * above


@component(
    tune={
        "hinges": Range(1, 5),
        "span": Range(0.25, 4.0, log=True),
    }
)
class APL(AdaptiveActivation):
    """ReLU plus trained hinges: any shape made of a few straight pieces.

    It can become non-convex and non-monotone. Outputs are linear on the far
    right with slope 1, like ReLU's, from which it starts; the hinges then grow
    at `span`'s even spacing and move. The authors decay the slopes a little:
    `coefficient_regularizer=keras.regularizers.L2(1e-3)`.

    Formula:
    ```python
    f(x) = max(x, 0) + sum(a[s] * max(b[s] - x, 0) for s in range(hinges))
    ```

    Args:
        hinges: Integer >= 1. How many there are. Defaults to `2`.
        span: Float > 0. The corners `b` start evenly spaced from `-span` to
            `span`; a single one at 0. Defaults to `1.0`.
        slope_initializer: Float or initializer. Initial `a`. Defaults to
            `0.0`, ReLU; the authors draw uniformly from -0.5 to 0.5.
        **kwargs: See `keras_funcs.layers.AdaptiveActivation`.

    Example:

    >>> y = keras_funcs.layers.APL(hinges=3)(np.array([[-1.0, 0.0, 2.0]]))
    >>> keras.ops.convert_to_numpy(y)[0].tolist()
    [0.0, 0.0, 2.0]

    Reference:
        Agostinelli, Hoffman, Sadowski and Baldi (2015), ICLR workshop,
        arXiv:1412.6830
    """

    traits = LayerTraits(properties=("monotone", "lipschitz"))

    def __init__(
        self,
        hinges: int = 2,
        span: float = 1.0,
        slope_initializer: InitializerLike = 0.0,
        **kwargs: Any,
    ) -> None:
        self.hinges = checks.integer(
            "hinges", hinges, at_least=1, at_most=MAX_HINGES
        )
        self.span = checks.number("span", span, above=0)
        self.slope_initializer = checks.initializer(
            "slope_initializer", slope_initializer
        )
        super().__init__(**kwargs)

    def build_coefficients(self) -> None:
        self.slopes = self.add_coefficient(
            "slopes", self.slope_initializer, count=self.hinges
        )
        # Apart from each other: hinges at one place would stay together.
        middle = 0.5 * (self.hinges - 1)
        places = [
            self.span * (s - middle) / (middle or 1.0)
            for s in range(self.hinges)
        ]
        self.corners = self.add_coefficient("corners", places)

    def activate(self, x: Tensor) -> Tensor:
        # f(x) = max(x, 0) + sum_s a_s max(b_s - x, 0)
        y = ops.relu(x)
        for s in range(self.hinges):
            y = y + self.slopes[s] * ops.relu(self.corners[s] - x)
        return y


@component(tune={"tau_initializer": Range(-1.0, 1.0)})
class TLU(AdaptiveActivation):
    """ReLU with a trained threshold in place of 0.

    Made for `FilterResponseNormalization`, whose outputs have no zero mean:
    use both together. After normalizations that center, ReLU does as well.

    Formula:
    ```python
    f(x) = max(x, tau)                # alpha_initializer=None
    f(x) = max(x, alpha * x + tau)
    ```

    Args:
        tau_initializer: Float or initializer. Initial threshold. Defaults to
            `0.0`, ReLU.
        alpha_initializer: Float or initializer: initial slope on the left,
            then trained; or `None` for no slope, TensorFlow Addons'
            `affine=False`. Defaults to `None`.
        **kwargs: See `keras_funcs.layers.AdaptiveActivation`.

    Example:

    >>> y = keras_funcs.layers.TLU(-1.0)(np.array([[-4.0, 0.0, 2.0]]))
    >>> keras.ops.convert_to_numpy(y)[0].tolist()
    [-1.0, 0.0, 2.0]

    Reference:
        Singh and Krishnan (2020), CVPR, arXiv:1911.09737
    """

    traits = LayerTraits(properties=("monotone", "lipschitz"))

    def __init__(
        self,
        tau_initializer: InitializerLike = 0.0,
        alpha_initializer: InitializerLike = None,
        **kwargs: Any,
    ) -> None:
        self.tau_initializer = checks.initializer(
            "tau_initializer", tau_initializer
        )
        if alpha_initializer is not None:
            alpha_initializer = checks.initializer(
                "alpha_initializer", alpha_initializer
            )
        self.alpha_initializer = alpha_initializer
        super().__init__(**kwargs)

    def build_coefficients(self) -> None:
        self.tau = self.add_coefficient("tau", self.tau_initializer)
        self.alpha = None
        if self.alpha_initializer is not None:
            self.alpha = self.add_coefficient("alpha", self.alpha_initializer)

    def activate(self, x: Tensor) -> Tensor:
        # f(x) = max(x, alpha x + tau)
        left = ops.convert_to_tensor(self.tau)
        if self.alpha is not None:
            left = left + self.alpha * x
        # This way round NaN stays, and a tie has the left side's slope.
        return ops.where(x <= left, left, x)
