"""Losses for labels of which some are wrong.

Cross-entropy learns every label in the end, the wrong ones last and hardest.
A loss that is bounded gives up on what stays improbable. The price is a weak
gradient early on, the more so the more classes there are.
"""

from dataclasses import replace
from typing import Any

from keras import ops

from keras_funcs._core import checks
from keras_funcs._core.component import Choice
from keras_funcs._core.component import Range
from keras_funcs._core.component import component
from keras_funcs._core.numerics import log_of
from keras_funcs._core.typing import Tensor
from keras_funcs.losses._classes import CategoricalLoss
from keras_funcs.losses._classes import OfClass
from keras_funcs.losses._softmax import Probability
from keras_funcs.losses._softmax import Softmax

# What the zeros of a label are taken for where their logarithm is needed.
FLOOR = 1e-4


@component(tune={"q": Range(0.1, 0.9)})
class GeneralizedCrossentropy(OfClass, CategoricalLoss):
    """Between cross-entropy and mean absolute error, for noisy labels.

    Bounded by `1 / q`: a label that stays improbable, perhaps because it is
    wrong, loses its pull, and so does a right one that the model is confidently
    wrong about. `q` towards 0 is cross-entropy, `q=1` half the mean absolute
    error summed over the classes. The default `q` is the paper's;
    `keras.losses.CategoricalGeneralizedCrossEntropy` has 0.5, no logits, and
    another number for labels `(batch, 1)`, which it broadcasts.

    Formula:
    ```python
    loss = (1 - p[y]**q) / q
    ```

    Args:
        q: Float in (0, 1]. Robustness. Defaults to `0.7`.
        from_logits: Boolean. Whether `y_pred` is logits. Defaults to `False`.
        ignore_class: Integer or None. Label to leave out. Defaults to `None`.
        **kwargs: `axis`, and `name`, `reduction` and `dtype` of
            `keras.losses.Loss`.

    Inputs:
        y_true: Class ids `(batch, ...)` or `(batch, ..., 1)`, or one-hot or
            soft labels `(batch, ..., C)`, whose loss is the mean over their
            classes. An invalid id gives NaN.
        y_pred: `(batch, ..., C)`.

    Raises:
        ValueError: If shapes do not match or an argument is invalid.

    Example:

    >>> loss = keras_funcs.losses.GeneralizedCrossentropy(q=0.5)
    >>> value = loss(np.array([1]), np.array([[0.75, 0.25]]))
    >>> round(float(value), 4)
    1.0

    Reference:
        Zhang and Sabuncu (2018), NeurIPS, arXiv:1805.07836
    """

    traits = replace(CategoricalLoss.traits, keeps_gradient=False)

    def __init__(
        self,
        q: float = 0.7,
        from_logits: bool = False,
        ignore_class: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            from_logits=from_logits, ignore_class=ignore_class, **kwargs
        )
        self.q = checks.number("q", q, above=0, at_most=1)

    def of_class(self, p: Probability) -> Tensor:
        # (1 - p**q) / q. Near 0 the difference cancels and expm1 does not;
        # far from it, the derivative of expm1, which the backends take for
        # expm1 + 1, would be 0 where it is 1e-8.
        power = self.q * p.log()
        near = power > -1.0
        zero = ops.zeros_like(power)
        close = -ops.expm1(ops.where(near, power, zero))
        return ops.where(near, close, 1.0 - ops.exp(power)) / self.q


@component(tune={"alpha": Range(0.1, 3.0, log=True), "beta": Range(0.1, 1.0)})
class SymmetricCrossentropy(OfClass, CategoricalLoss):
    """Cross-entropy plus its reverse, for noisy labels.

    The reverse part swaps prediction and label; it is bounded and robust,
    cross-entropy makes it converge. With many classes let `alpha` be large
    and `beta` small: the authors take 6 and 0.1 for 100 classes.

    Formula:
    ```python
    loss = -alpha * log(p[y]) - beta * log(label_floor) * (1 - p[y])
    ```

    Args:
        alpha: Float >= 0. Weight of cross-entropy. Defaults to `0.1`.
        beta: Float >= 0. Weight of the reverse. Defaults to `1.0`.
        label_floor: Float in (0, 1). What the zeros of a label are taken for
            in the reverse part. Defaults to `1e-4`.
        from_logits: Boolean. Whether `y_pred` is logits. Defaults to `False`.
        ignore_class: Integer or None. Label to leave out. Defaults to `None`.
        **kwargs: `axis`, and `name`, `reduction` and `dtype` of
            `keras.losses.Loss`.

    Inputs:
        y_true: Class ids `(batch, ...)` or `(batch, ..., 1)`, or one-hot or
            soft labels `(batch, ..., C)`, whose loss is the mean over their
            classes. An invalid id gives NaN.
        y_pred: `(batch, ..., C)`.

    Raises:
        ValueError: If shapes do not match or an argument is invalid.

    Example:

    >>> loss = keras_funcs.losses.SymmetricCrossentropy()
    >>> value = loss(np.array([1]), np.array([[0.5, 0.5]]))
    >>> round(float(value), 4)
    4.6745

    Reference:
        Wang, Ma, Chen, Luo, Yi and Bailey (2019), ICCV, arXiv:1908.06112
    """

    def __init__(
        self,
        alpha: float = 0.1,
        beta: float = 1.0,
        label_floor: float = 1e-4,
        from_logits: bool = False,
        ignore_class: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            from_logits=from_logits, ignore_class=ignore_class, **kwargs
        )
        self.alpha = checks.number("alpha", alpha, at_least=0)
        self.beta = checks.number("beta", beta, at_least=0)
        self.label_floor = checks.number(
            "label_floor", label_floor, above=0, below=1
        )

    def of_class(self, p: Probability) -> Tensor:
        # -sum_k p_k log(y_k) = -A (1 - p_y), where log(0) = A and log(1) = 0
        reverse = -log_of(self.label_floor) * ops.exp(p.log_not())
        return self.beta * reverse - self.alpha * p.log()


@component(
    tune={
        "alpha": Range(0.1, 10.0, log=True),
        "passive": Choice("absolute", "reverse"),
    }
)
class ActivePassive(OfClass, CategoricalLoss):
    """Normalized cross-entropy plus a passive loss, both robust, for noise.

    The active part makes the label more probable and is divided by the sum
    over all labels that there might be, which bounds it; the passive part
    makes the other classes improbable. Robust without an argument that hangs
    on the rate of noise. Learns slowly with many classes: the authors take
    `alpha=10`, `beta=0.1` for 100.

    Formula:
    ```python
    active = log(p[y]) / sum_k log(p[k])
    passive = 2 * (1 - p[y])  # "absolute": sum_k |y[k] - p[k]|
    passive = -log(1e-4) * (1 - p[y])  # "reverse" cross-entropy
    loss = alpha * active + beta * passive
    ```

    Args:
        alpha: Float >= 0. Weight of the active part. Defaults to `1.0`.
        beta: Float >= 0. Weight of the passive part. Defaults to `1.0`.
        passive: `"absolute"` or `"reverse"`. Defaults to `"reverse"`.
        from_logits: Boolean. Whether `y_pred` is logits. Defaults to `False`.
        ignore_class: Integer or None. Label to leave out. Defaults to `None`.
        **kwargs: `axis`, and `name`, `reduction` and `dtype` of
            `keras.losses.Loss`.

    Inputs:
        y_true: Class ids `(batch, ...)` or `(batch, ..., 1)`, or one-hot or
            soft labels `(batch, ..., C)`, whose loss is the mean over their
            classes. An invalid id gives NaN.
        y_pred: `(batch, ..., C)`.

    Raises:
        ValueError: If shapes do not match or an argument is invalid.

    Example:

    >>> loss = keras_funcs.losses.ActivePassive(passive="absolute")
    >>> value = loss(np.array([1]), np.array([[0.5, 0.5]]))
    >>> round(float(value), 4)
    1.5

    Reference:
        Ma, Huang, Wang, Romano, Erfani and Bailey (2020), ICML,
        arXiv:2006.13554
    """

    traits = replace(CategoricalLoss.traits, keeps_gradient=False)

    def __init__(
        self,
        alpha: float = 1.0,
        beta: float = 1.0,
        passive: str = "reverse",
        from_logits: bool = False,
        ignore_class: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            from_logits=from_logits, ignore_class=ignore_class, **kwargs
        )
        self.alpha = checks.number("alpha", alpha, at_least=0)
        self.beta = checks.number("beta", beta, at_least=0)
        self.passive = checks.one_of(
            "passive", passive, ("absolute", "reverse")
        )

    def of_class(self, p: Probability) -> Tensor:
        # log(p_y) / sum_k log(p_k); the sum is at most -C log(C)
        active = p.log() / p.sum_log()
        factor = 2.0 if self.passive == "absolute" else -log_of(FLOOR)
        passive = factor * ops.exp(p.log_not())
        return self.alpha * active + self.beta * passive


@component(tune={"beta": Range(0.6, 0.99), "target": Choice("soft", "hard")})
class Bootstrap(CategoricalLoss):
    """Cross-entropy with labels that the model's own prediction corrects.

    For noisy labels, once the model knows more than they do: start with
    cross-entropy, or keep `beta` high. Can talk itself into its own mistakes.
    With `"soft"` the prediction is part of what is learned, as in the paper,
    where it rewards confidence; as a constant it would have no gradient at
    all.

    Formula:
    ```python
    own = p  # "soft", or "hard": one_hot(argmax(p))
    loss = -sum_k (beta * y[k] + (1 - beta) * own[k]) * log(p[k])
    ```

    Args:
        beta: Float in [0, 1]. Share of the label; 1 is cross-entropy. The
            authors take 0.95 for soft and 0.8 for hard targets. Defaults to
            `0.95`.
        target: `"soft"` or `"hard"`. Defaults to `"soft"`.
        from_logits: Boolean. Whether `y_pred` is logits. Defaults to `False`.
        ignore_class: Integer or None. Label to leave out. Defaults to `None`.
        **kwargs: `axis`, and `name`, `reduction` and `dtype` of
            `keras.losses.Loss`.

    Inputs:
        y_true: Class ids `(batch, ...)` or `(batch, ..., 1)`, or one-hot or
            soft labels `(batch, ..., C)`. An invalid id gives NaN.
        y_pred: `(batch, ..., C)`.

    Raises:
        ValueError: If shapes do not match or an argument is invalid.

    Example:

    >>> loss = keras_funcs.losses.Bootstrap(beta=0.5, target="hard")
    >>> value = loss(np.array([1]), np.array([[0.8, 0.2]]))
    >>> round(float(value), 4)
    0.9163

    Reference:
        Reed, Lee, Anguelov, Szegedy, Erhan and Rabinovich (2015), ICLR
        workshop, arXiv:1412.6596
    """

    def __init__(
        self,
        beta: float = 0.95,
        target: str = "soft",
        from_logits: bool = False,
        ignore_class: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            from_logits=from_logits, ignore_class=ignore_class, **kwargs
        )
        self.beta = checks.number("beta", beta, at_least=0, at_most=1)
        self.target = checks.one_of("target", target, ("soft", "hard"))

    def sparse(self, ids: Tensor, softmax: Softmax) -> Tensor:
        return self._mix(-softmax.log_p_of(ids), softmax)

    def soft(self, target: Tensor, softmax: Softmax) -> Tensor:
        entropy = -ops.sum(target * softmax.log_p(), axis=self.axis)
        return self._mix(entropy, softmax)

    def _mix(self, entropy: Tensor, softmax: Softmax) -> Tensor:
        # -sum_k (beta y_k + (1 - beta) own_k) log(p_k)
        if self.target == "hard":
            first = ops.argmax(softmax.logits, axis=self.axis)
            own = -softmax.log_p_of(ops.cast(first, "int32"))
        else:
            log_p = softmax.log_p()
            own = -ops.sum(ops.exp(log_p) * log_p, axis=self.axis)
        return self.beta * entropy + (1.0 - self.beta) * own
