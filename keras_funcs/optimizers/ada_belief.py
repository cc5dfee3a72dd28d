"""AdaBelief: step by how much the gradient was expected."""

from typing import Any

from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.component import Range
from keras_funcs._core.component import component
from keras_funcs._core.numerics import one_minus_power
from keras_funcs._core.typing import Tensor
from keras_funcs.optimizers._base import RuleOptimizer


@component(
    tune={
        "learning_rate": Range(1e-4, 1e-2, log=True),
        "beta_1": Range(0.8, 0.95),
    }
)
class AdaBelief(RuleOptimizer):
    """Adam that divides by the gradient's deviation from its own average.

    Large steps while gradients come as predicted, small ones when they do not;
    it often generalizes like SGD at Adam's speed. `epsilon` matters more than
    in Adam: on noisy problems raise it towards 1e-8.

    Formula:
    ```python
    m = beta_1 * m + (1 - beta_1) * g
    s = beta_2 * s + (1 - beta_2) * (g - m)**2 + epsilon
    w -= learning_rate * m_hat / (sqrt(s_hat) + epsilon)
    ```
    with `m_hat = m / (1 - beta_1**t)` and `s_hat = s / (1 - beta_2**t)`.

    Args:
        learning_rate: Float >= 0, schedule or callable. Defaults to `0.001`.
        beta_1: Float in [0, 1). Decay of the average gradient. Defaults to
            `0.9`.
        beta_2: Float in [0, 1). Decay of the deviation. Defaults to `0.999`.
        epsilon: Float > 0. Defaults to `1e-16`.
        **kwargs: `cautious`, `weight_decay_mode`, `weight_decay_exclusions`,
            `learning_rate_multipliers`: see
            `keras_funcs.optimizers.RuleOptimizer`; `weight_decay`, `clipnorm`
            and the others of `keras.optimizers.Optimizer`.

    State:
        2 floats for each parameter.

    Raises:
        ValueError: for arguments out of range.

    Example:

    >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    >>> model.compile(keras_funcs.optimizers.AdaBelief(1e-3), "mse")

    Reference:
        Zhuang et al. (2020), NeurIPS, arXiv:2010.07468; without the
        rectification that some packages switch on
    """

    slots = ("momentum", "deviation")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-16,
        name: str = "ada_belief",
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        self.beta_1 = checks.number("beta_1", beta_1, at_least=0, below=1)
        self.beta_2 = checks.number("beta_2", beta_2, at_least=0, below=1)
        self.epsilon = checks.number("epsilon", epsilon, above=0)

    def rule(
        self, gradient: Tensor, state: list[Tensor], step: Tensor
    ) -> tuple[Tensor, list[Tensor]]:
        m, s = state
        # m = beta_1 m + (1 - beta_1) g
        m = m + (1.0 - self.beta_1) * (gradient - m)
        # s = beta_2 s + (1 - beta_2) (g - m)**2 + epsilon
        surprise = ops.square(gradient - m)
        s = s + (1.0 - self.beta_2) * (surprise - s) + self.epsilon
        m_hat = m / one_minus_power(self.beta_1, step)
        s_hat = s / one_minus_power(self.beta_2, step)
        return m_hat / (ops.sqrt(s_hat) + self.epsilon), [m, s]
