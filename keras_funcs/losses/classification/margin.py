"""Losses that ask for a larger margin where a class is rare.

`LogitAdjusted` shifts all logits by the classes' log-frequencies,
`VectorScaling` stretches them as well, `LDAM` moves the label's own logit.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from keras import ops

from keras_funcs._core import checks
from keras_funcs._core import labels
from keras_funcs._core.component import Range
from keras_funcs._core.component import component
from keras_funcs._core.typing import Counts
from keras_funcs._core.typing import Tensor
from keras_funcs.losses._classes import CategoricalLoss
from keras_funcs.losses._classes import LogitLoss
from keras_funcs.losses._classes import OfClass
from keras_funcs.losses._classes import check_length
from keras_funcs.losses._softmax import Probability
from keras_funcs.losses._softmax import per_class
from keras_funcs.losses.classification._weights import ClassWeighting


@component(tune={"tau": Range(0.25, 2.0, log=True)})
class LogitAdjusted(OfClass, CategoricalLoss):
    """Cross-entropy with logits shifted by the classes' log-frequencies.

    The first choice on long-tailed data: the network learns what is left when
    class frequency is taken out, and its plain argmax then aims at balanced
    error. Do not adjust the logits again at inference. `tau=1` is balanced
    softmax, `tau=0` is cross-entropy.

    Formula:
    ```python
    loss = -log(softmax(z + tau * log(n / sum(n)))[y])
    ```

    Args:
        class_counts: `(C,)` whole numbers, the training samples of each
            class; see `keras_funcs.class_counts`.
        tau: Float >= 0. Strength of the shift. Defaults to `1.0`.
        from_logits: Boolean. Whether `y_pred` is logits. Defaults to `False`.
        ignore_class: Integer or None. Label to leave out. Defaults to `None`.
        absent: `"error"`, or `"ignore"` to let a class without samples pass
            as one with a single sample. Defaults to `"error"`.
        **kwargs: `axis`, and `name`, `reduction` and `dtype` of
            `keras.losses.Loss`.

    Inputs:
        y_true: Class ids `(batch, ...)` or `(batch, ..., 1)`, or one-hot or
            soft labels `(batch, ..., C)`. An invalid id gives NaN.
        y_pred: `(batch, ..., C)`.

    Raises:
        ValueError: If counts are negative, zero or not C, another argument is
            invalid, or shapes do not match.

    Example:

    >>> loss = keras_funcs.losses.LogitAdjusted([900, 100], from_logits=True)
    >>> value = loss(np.array([1]), np.zeros((1, 2)))
    >>> round(float(value), 4)
    2.3026

    Reference:
        Menon et al. (2021), ICLR, arXiv:2007.07314; Ren et al. (2020),
        NeurIPS, arXiv:2007.10740
    """

    def __init__(
        self,
        class_counts: Counts,
        tau: float = 1.0,
        from_logits: bool = False,
        ignore_class: int | None = None,
        absent: str = "error",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            from_logits=from_logits, ignore_class=ignore_class, **kwargs
        )
        self.absent = absent
        self.class_counts = checks.class_counts(
            "class_counts", class_counts, absent
        )
        self.tau = checks.number("tau", tau, at_least=0)
        self._log_prior = labels.log_prior(self.class_counts)

    def check_classes(self, num_classes: int) -> None:
        check_length("class_counts", self.class_counts, num_classes)

    def adjust(self, logits: Tensor) -> Tensor:
        # z + tau log(pi)
        prior = per_class(self._log_prior, logits, self.axis)
        return logits + self.tau * prior

    def of_class(self, p: Probability) -> Tensor:
        return -p.log()


@component(tune={"gamma": Range(0.05, 0.3), "tau": Range(0.25, 2.0, log=True)})
class VectorScaling(OfClass, LogitLoss):
    """Cross-entropy with logits stretched and shifted by class frequency.

    On long-tailed data, for the recall of the rarest classes. `gamma=0` is
    `LogitAdjusted`, `tau=0` is class-dependent temperatures (CDT). The two act
    together and have to be tuned together; left alone, `LogitAdjusted` is the
    safer choice. Takes logits only: probabilities do not tell where 0 was.
    Nothing is to be undone at inference.

    Formula:
    ```python
    scale, shift = (n / max(n))**gamma, tau * log(n / sum(n))
    loss = -log(softmax(scale * z + shift)[y])
    ```

    Args:
        class_counts: `(C,)` whole numbers, the training samples of each
            class; see `keras_funcs.class_counts`.
        gamma: Float >= 0. Strength of the stretching. Defaults to `0.2`.
        tau: Float >= 0. Strength of the shift. Defaults to `1.0`.
        ignore_class: Integer or None. Label to leave out. Defaults to `None`.
        absent: `"error"`, or `"ignore"` to let a class without samples pass
            as one with a single sample. Defaults to `"error"`.
        **kwargs: `axis`, and `name`, `reduction` and `dtype` of
            `keras.losses.Loss`.

    Inputs:
        y_true: Class ids `(batch, ...)` or `(batch, ..., 1)`, or one-hot or
            soft labels `(batch, ..., C)`. An invalid id gives NaN.
        y_pred: `(batch, ..., C)`, logits.

    Raises:
        ValueError: If counts are negative, zero or not C, another argument is
            invalid, or shapes do not match.

    Example:

    >>> loss = keras_funcs.losses.VectorScaling([900, 100], gamma=0.5, tau=0.0)
    >>> value = loss(np.array([1]), np.array([[0.0, 3.0]]))
    >>> round(float(value), 4)
    0.3133

    Reference:
        Kini, Paraskevas, Oymak and Thrampoulidis (2021), NeurIPS,
        arXiv:2103.01550; CDT: Ye, Chen, Zhan and Chao (2020),
        arXiv:2001.01385
    """

    def __init__(
        self,
        class_counts: Counts,
        gamma: float = 0.2,
        tau: float = 1.0,
        ignore_class: int | None = None,
        absent: str = "error",
        **kwargs: Any,
    ) -> None:
        super().__init__(ignore_class=ignore_class, **kwargs)
        self.absent = absent
        self.class_counts = checks.class_counts(
            "class_counts", class_counts, absent
        )
        self.gamma = checks.number("gamma", gamma, at_least=0)
        self.tau = checks.number("tau", tau, at_least=0)
        self._log_prior = labels.log_prior(self.class_counts)
        self._log_ratio = self._log_prior - self._log_prior.max()

    def check_classes(self, num_classes: int) -> None:
        check_length("class_counts", self.class_counts, num_classes)

    def adjust(self, logits: Tensor) -> Tensor:
        # Delta_c z_c + iota_c, Delta = (n / max(n))**gamma, iota = tau log(pi)
        ratio = per_class(self._log_ratio, logits, self.axis)
        prior = per_class(self._log_prior, logits, self.axis)
        return ops.exp(self.gamma * ratio) * logits + self.tau * prior

    def of_class(self, p: Probability) -> Tensor:
        return -p.log()


@component(
    tune={"max_margin": Range(0.1, 0.8), "scale": Range(10.0, 60.0, log=True)}
)
class LDAM(ClassWeighting, OfClass, LogitLoss):
    """Label-distribution-aware margin: rare classes are told apart more widely.

    Among the strongest on long-tailed data; more so with `class_weights` in
    the last epochs only, by `keras_funcs.callbacks.DeferredReweighting`
    (LDAM-DRW). Takes cosines: let the model end in
    `keras_funcs.layers.CosineDense(C)` with `scale=1.0`. Of logits of any
    size `scale` times makes the training diverge, which a compiled step cannot
    check. Do not adjust predictions at inference.

    Formula:
    ```python
    margin = max_margin * (n / min(n)) ** (-1 / 4)  # n: the class counts
    z = scale * (cosines - margin[y] * one_hot(y))
    loss = -weights[y] * log(softmax(z)[y])
    ```

    Args:
        class_counts: `(C,)` whole numbers, the training samples of each
            class; see `keras_funcs.class_counts`.
        max_margin: Float >= 0. Margin of the rarest class. Defaults to `0.5`.
        scale: Float > 0. Factor of the cosines. Defaults to `30.0`.
        class_weights: `(C,)` floats >= 0, or None for 1 each; the authors'
            are `keras_funcs.class_weights(counts, "effective", beta=0.9999)`.
            Defaults to `None`.
        ignore_class: Integer or None. Label to leave out. Defaults to `None`.
        absent: `"error"`, or `"ignore"` to give a class without samples
            `max_margin`. Defaults to `"error"`.
        **kwargs: `axis`, and `name`, `reduction` and `dtype` of
            `keras.losses.Loss`.

    Inputs:
        y_true: Class ids `(batch, ...)` or `(batch, ..., 1)`, or one-hot or
            soft labels `(batch, ..., C)`. An invalid id gives NaN.
        y_pred: `(batch, ..., C)`, cosines in [-1, 1].

    Raises:
        ValueError: If shapes do not match or an argument is invalid.

    Example:

    >>> loss = keras_funcs.losses.LDAM([1600, 100], scale=1.0)
    >>> value = loss(np.array([1, 0]), np.zeros((2, 2)))
    >>> round(float(value), 4)
    0.9

    Reference:
        Cao, Wei, Gaidon, Arechiga and Ma (2019), NeurIPS, arXiv:1906.07413
    """

    traits = replace(LogitLoss.traits, cosines=True)

    def __init__(
        self,
        class_counts: Counts,
        max_margin: float = 0.5,
        scale: float = 30.0,
        class_weights: list[float] | None = None,
        ignore_class: int | None = None,
        absent: str = "error",
        **kwargs: Any,
    ) -> None:
        super().__init__(ignore_class=ignore_class, **kwargs)
        self.absent = absent
        self.class_counts = checks.class_counts(
            "class_counts", class_counts, absent
        )
        self.max_margin = checks.number("max_margin", max_margin, at_least=0)
        self.scale = checks.number("scale", scale, above=0)
        self.class_weights = _weights(class_weights, len(self.class_counts))
        self._weights = self.class_weights
        self._margins = _margins(self.class_counts)

    def check_classes(self, num_classes: int) -> None:
        check_length("class_counts", self.class_counts, num_classes)

    def adjust(self, logits: Tensor) -> Tensor:
        return self.scale * logits

    def of_class(self, p: Probability) -> Tensor:
        # -log(e^(z - sm) / (e^(z - sm) + rest)) = softplus(log(rest) - z + sm)
        # A margin of scale * max_margin = 15 makes a loss of what is left
        # beside p = 1 - 1e-7: the rest has to be summed, not subtracted.
        margin = self.scale * self.max_margin * p.own(self._margins)
        return self.weigh(p, ops.softplus(p.log_odds_against() + margin))


def _weights(weights: Any, count: int) -> list[float] | None:
    return checks.numbers(
        "class_weights", weights, length=count, at_least=0, optional=True
    )


def _margins(class_counts: Counts) -> np.ndarray:
    """The margin of each class if the largest is 1."""
    # (n / min(n))**(-1/4)
    rarest = min(count for count in class_counts if count)
    counts = np.maximum(np.asarray(class_counts, float), rarest)
    return np.asarray((counts / rarest) ** -0.25)
