"""Trainable activations between the identity and a rectifier.

All of them start equal to a well-known function and cost one coefficient a
channel; choose one where a smooth rectifier (SiLU, GELU) is the baseline.
"""

from typing import Any

from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.component import Choice
from keras_funcs._core.component import Range
from keras_funcs._core.component import component
from keras_funcs._core.typing import ConstraintLike
from keras_funcs._core.typing import InitializerLike
from keras_funcs._core.typing import RegularizerLike
from keras_funcs._core.typing import Tensor
from keras_funcs.layers._adaptive import AdaptiveActivation


@component(
    tune={
        "beta_initializer": Range(0.25, 4.0, log=True),
        "granularity": Choice("channel", "layer"),
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
        beta_initializer: Initial `beta`: a finite float, or anything
            `keras.initializers.get` takes. Defaults to `1.0`, SiLU; 0 is
            `x / 2`, and infinity is ReLU.
        beta_regularizer: Regularizer of `beta`. Defaults to `None`.
        beta_constraint: Constraint of `beta`. Defaults to `None`.
        **kwargs: `axis`, `granularity`, `shared_axes`: see
            `keras_funcs.layers.AdaptiveActivation`.

    Input shape:
        Any, with the batch on axis 0.

    Output shape:
        The input's.

    Raises:
        ValueError: for an axis that is out of range or of unknown size.

    Example:

    >>> y = keras_funcs.layers.Swish()(np.array([[-1.0, 0.0, 2.0]]))
    >>> tuple(y.shape)
    (1, 3)

    Reference:
        Ramachandran, Zoph and Le (2017), arXiv:1710.05941
    """

    def __init__(
        self,
        beta_initializer: InitializerLike = 1.0,
        beta_regularizer: RegularizerLike = None,
        beta_constraint: ConstraintLike = None,
        **kwargs: Any,
    ) -> None:
        self.beta_initializer = checks.initializer(
            "beta_initializer", beta_initializer
        )
        self.beta_regularizer = checks.regularizer(
            "beta_regularizer", beta_regularizer
        )
        self.beta_constraint = checks.constraint(
            "beta_constraint", beta_constraint
        )
        super().__init__(**kwargs)

    def build_coefficients(self) -> None:
        self.beta = self.add_coefficient(
            "beta",
            self.beta_initializer,
            self.beta_regularizer,
            self.beta_constraint,
        )

    def activate(self, x: Tensor) -> Tensor:
        # f(x) = x sigmoid(beta x)
        return x * ops.sigmoid(self.beta * x)
