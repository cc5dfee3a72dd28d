"""AdEMAMix: a fast and a very slow average of the gradient, mixed."""

from typing import Any

from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.component import Range
from keras_funcs._core.component import component
from keras_funcs._core.numerics import log_of
from keras_funcs._core.numerics import one_minus_power
from keras_funcs._core.typing import Tensor
from keras_funcs.optimizers._base import RuleOptimizer


@component(
    tune={
        "learning_rate": Range(1e-4, 1e-2, log=True),
        "alpha": Range(1.0, 10.0),
    }
)
class AdEMAMix(RuleOptimizer):
    """Adam with a second, very slow momentum that remembers old gradients.

    For long runs, where gradients of tens of thousands of steps ago still
    help; half the tokens for a language model of equal loss in the paper. On
    short runs set `beta_3` so that 1 / (1 - beta_3) is well below the number
    of steps. Without `warmup_steps` a large `alpha` can diverge early.

    Formula:
    ```python
    m1 = beta_1 * m1 + (1 - beta_1) * g
    m2 = beta_3(t) * m2 + (1 - beta_3(t)) * g
    v = beta_2 * v + (1 - beta_2) * g**2
    w -= learning_rate * (m1_hat + alpha(t) * m2) / (sqrt(v_hat) + epsilon)
    ```
    where alpha and beta_3 grow from 0 and beta_1 over the first
    `warmup_steps`: alpha linearly, beta_3 linearly in its half-life.

    Args:
        learning_rate: Float >= 0, schedule or callable. Defaults to `0.001`.
        beta_1: Float in (0, 1). Decay of the fast average. Defaults to `0.9`.
        beta_2: Float in [0, 1). Decay of the squared gradient. Defaults to
            `0.999`.
        beta_3: Float in (0, 1). Decay of the slow average. Defaults to
            `0.9999`.
        alpha: Float >= 0. Weight of the slow average; 0 is Adam. Defaults to
            `5.0`.
        warmup_steps: Integer >= 1, or None for none. The paper takes the
            length of the run. Defaults to `None`.
        epsilon: Float > 0. Defaults to `1e-8`.
        **kwargs: See `keras_funcs.optimizers.RuleOptimizer`.

    State:
        3 floats for each parameter.

    Raises:
        ValueError: If an argument is invalid.

    Example:

    >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    >>> model.compile(keras_funcs.optimizers.AdEMAMix(1e-3), "mse")

    Reference:
        Pagliardini, Ablin and Grangier (2025), ICLR, arXiv:2409.03137
    """

    slots = ("fast_momentum", "slow_momentum", "velocity")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        beta_3: float = 0.9999,
        alpha: float = 5.0,
        warmup_steps: int | None = None,
        epsilon: float = 1e-8,
        name: str = "ademamix",
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        self.beta_1 = checks.number("beta_1", beta_1, above=0, below=1)
        self.beta_2 = checks.number("beta_2", beta_2, at_least=0, below=1)
        self.beta_3 = checks.number("beta_3", beta_3, above=0, below=1)
        self.alpha = checks.number("alpha", alpha, at_least=0)
        self.warmup_steps = checks.integer(
            "warmup_steps", warmup_steps, at_least=1, optional=True
        )
        self.epsilon = checks.number("epsilon", epsilon, above=0)

    def rule(
        self, gradient: Tensor, state: list[Tensor], step: Tensor
    ) -> tuple[Tensor, list[Tensor]]:
        m1, m2, v = state
        alpha, forget = _ramps(self, step)
        # m1 = beta_1 m1 + (1 - beta_1) g, and so on
        m1 = m1 + (1.0 - self.beta_1) * (gradient - m1)
        m2 = m2 + forget * (gradient - m2)
        v = v + (1.0 - self.beta_2) * (ops.square(gradient) - v)
        m1_hat = m1 / one_minus_power(self.beta_1, step)
        v_hat = v / one_minus_power(self.beta_2, step)
        direction = (m1_hat + alpha * m2) / (ops.sqrt(v_hat) + self.epsilon)
        return direction, [m1, m2, v]


def _ramps(optimizer: AdEMAMix, step: Tensor) -> tuple[Tensor, Tensor]:
    """`alpha(t)` and `1 - beta_3(t)`."""
    if optimizer.warmup_steps is None:
        return optimizer.alpha, 1.0 - optimizer.beta_3
    done = ops.minimum(step / optimizer.warmup_steps, 1.0)
    # The half-life ln(1/2) / ln(beta) grows linearly:
    # 1 / ln beta_3(t) = (1 - t / T) / ln beta_1 + (t / T) / ln beta_3
    fast, slow = 1.0 / log_of(optimizer.beta_1), 1.0 / log_of(optimizer.beta_3)
    log_beta_3 = 1.0 / ((1.0 - done) * fast + done * slow)
    return optimizer.alpha * done, -ops.expm1(log_beta_3)
