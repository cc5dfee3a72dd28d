"""Layers for the end of a trained classifier: priors, and confidence."""

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_funcs._core import checks
from keras_funcs._core import labels
from keras_funcs._core.backend import active
from keras_funcs._core.component import Configurable
from keras_funcs._core.component import Range
from keras_funcs._core.component import component
from keras_funcs._core.numerics import at_least_float32
from keras_funcs._core.numerics import log_probability
from keras_funcs._core.numerics import logit
from keras_funcs._core.traits import LayerTraits
from keras_funcs._core.typing import Counts
from keras_funcs._core.typing import Shape
from keras_funcs._core.typing import Tensor

COLDEST, HOTTEST = 0.01, 100.0  # temperatures that a calibration may find
BINS = 15


@component(tune={"tau": Range(0.25, 2.0, log=True)})
class LogitAdjustment(Configurable, keras.layers.Layer):
    """Takes class frequency out of the predictions of a trained classifier.

    For networks trained with plain cross-entropy on long-tailed data, as their
    last layer: predictions then aim at balanced error. In training it passes
    its inputs on unchanged, so that it can be there from the start. Not
    together with `keras_funcs.losses.LogitAdjusted`, which has done the same
    already; that loss is the stronger of the two where training is possible.

    Formula:
    ```python
    y = z - tau * log(n / sum(n))  # z: logits, n: the class counts
    ```
    and for probabilities `softmax(log(p) - tau * log(n / sum(n)))`.

    Args:
        class_counts: `(C,)` whole numbers, the training samples of each
            class; see `keras_funcs.class_counts`.
        tau: Float >= 0. Strength. Defaults to `1.0`.
        from_logits: Boolean. Whether inputs and outputs are logits; otherwise
            both are probabilities. Defaults to `False`.
        absent: `"error"`, or `"ignore"` to let a class without samples pass
            as one with a single sample. Defaults to `"error"`.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Input shape:
        `(batch, ..., C)`.

    Output shape:
        That of the input.

    Raises:
        ValueError: for counts that are negative, zero, or not C.

    Example:

    >>> adjust = keras_funcs.layers.LogitAdjustment([900, 100])
    >>> p = adjust(np.array([[0.9, 0.1]]))
    >>> [round(float(v), 4) for v in p[0]]
    [0.5, 0.5]

    Reference:
        Menon et al. (2021), ICLR, arXiv:2007.07314
    """

    traits = LayerTraits(example_shape=(4,))

    def __init__(
        self,
        class_counts: Counts,
        tau: float = 1.0,
        from_logits: bool = False,
        absent: str = "error",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.absent = absent
        self.class_counts = checks.class_counts(
            "class_counts", class_counts, absent
        )
        self.tau = checks.number("tau", tau, at_least=0)
        self.from_logits = checks.boolean("from_logits", from_logits)
        self.supports_masking = True
        self._log_prior = labels.log_prior(self.class_counts)

    def build(self, input_shape: Shape) -> None:
        if input_shape[-1] not in (None, len(self.class_counts)):
            checks.invalid(
                "class_counts",
                f"one count for each of {input_shape[-1]} classes",
                self.class_counts,
            )
        self.built = True

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        if training:
            return inputs
        x = ops.cast(inputs, at_least_float32(self.compute_dtype))
        prior = active().constant(self._log_prior, x)
        if self.from_logits:
            y = x - self.tau * prior
        else:
            y = ops.softmax(log_probability(x) - self.tau * prior)
        return ops.cast(y, self.compute_dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)


@component()
class TemperatureScaling(Configurable, keras.layers.Layer):
    """Divides logits by one temperature, so that confidence is accuracy.

    For a trained classifier whose probabilities are to be believed: its last
    layer, calibrated on data that the training has not seen. No prediction
    changes, only how sure it is. One number cannot correct confidence class by
    class, nor on data of another kind. Training leaves the temperature as it
    is, unless `trainable=True`.

    Formula:
    ```python
    y = z / exp(log_temperature)  # z: logits
    ```
    and for probabilities `softmax(log(p) / temperature)`; with one output,
    `sigmoid(logit(p) / temperature)`.

    Args:
        from_logits: Boolean. Whether inputs and outputs are logits; otherwise
            both are probabilities. Defaults to `False`.
        temperature: Float > 0. Where it starts; above 1 makes predictions
            less sure. Defaults to `1.0`.
        trainable: Boolean. Whether `fit` trains the temperature. Defaults to
            `False`.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Input shape:
        `(batch, ..., classes)`, or `(batch, ..., 1)` for one of two classes.

    Output shape:
        That of the input.

    Raises:
        ValueError: for a temperature out of range, and in `calibrate` for
            labels that do not fit.

    Example:

    >>> scaling = keras_funcs.layers.TemperatureScaling(from_logits=True)
    >>> logits = np.array([[9.0, 0.0], [9.0, 0.0], [0.0, 9.0], [0.0, 9.0]])
    >>> report = scaling.calibrate(logits, np.array([0, 0, 1, 0]))
    >>> round(report["temperature"], 2)
    8.19
    >>> report["nll_after"] < report["nll_before"]
    True

    Reference:
        Guo, Pleiss, Sun and Weinberger (2017), ICML, arXiv:1706.04599
    """

    def __init__(
        self,
        from_logits: bool = False,
        temperature: float = 1.0,
        trainable: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            trainable=checks.boolean("trainable", trainable), **kwargs
        )
        self.from_logits = checks.boolean("from_logits", from_logits)
        self.temperature = checks.number(
            "temperature", temperature, at_least=1e-6, at_most=1e6
        )
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        start = keras.initializers.Constant(math.log(self.temperature))
        self.log_temperature = self.add_weight(
            shape=(),
            initializer=start,
            dtype=at_least_float32(self.variable_dtype),
            autocast=False,
            name="log_temperature",
        )
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        x = ops.cast(inputs, at_least_float32(self.compute_dtype))
        cooling = ops.exp(-ops.convert_to_tensor(self.log_temperature))
        if self.from_logits:
            y = x * cooling
        elif x.shape[-1] == 1:
            y = ops.sigmoid(logit(x) * cooling)
        else:
            y = ops.softmax(log_probability(x) * cooling)
        return ops.cast(y, self.compute_dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)

    def calibrate(self, inputs: Any, y: Any) -> dict[str, float]:
        """Finds the temperature of the highest likelihood.

        Computed in double precision: the likelihood is log-concave in 1 /
        temperature. Where every prediction is right, or they are worse than
        chance, it has no highest value; the temperature then ends at 0.01 or
        at 100.

        Args:
            inputs: `(samples, ..., classes)` array, what this layer will be
                called on.
            y: Class ids `(samples, ...)`, or with a last dimension of 1, or
                one-hot or soft labels `(samples, ..., classes)`.

        Returns:
            Dict of `temperature`; `nll_before` and `nll_after`, the mean
            negative log-likelihoods; and `ece_before` and `ece_after`, the
            expected calibration errors of the first choice in 15 bins.

        Raises:
            ValueError: for inputs that are empty or not finite, and for labels
                that do not fit.
        """
        z, shares = self._samples(inputs, y)
        beta = _coldness(z, shares)
        if not self.built:
            self.build(np.shape(inputs))
        before = math.exp(-float(ops.convert_to_numpy(self.log_temperature)))
        self.log_temperature.assign(-math.log(beta))
        return {
            "temperature": 1.0 / beta,
            "nll_before": _negative_log_likelihood(z, shares, before),
            "nll_after": _negative_log_likelihood(z, shares, beta),
            "ece_before": _calibration_error(z, shares, before),
            "ece_after": _calibration_error(z, shares, beta),
        }

    def _samples(self, inputs: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
        """Logits and shares of the classes, both `(samples, classes)`."""
        z, y = (
            np.asarray(ops.convert_to_numpy(ops.convert_to_tensor(item)))
            for item in (inputs, y)
        )
        z = z.astype("float64")
        if z.ndim < 2 or not z.size or not np.all(np.isfinite(z)):
            checks.invalid("inputs", "finite `(samples, ..., classes)`", z)
        if not self.from_logits:
            if np.any((z < 0) | (z > 1)):
                checks.invalid("inputs", "probabilities", z)
            tiny = float(np.finfo("float32").tiny)
            rest = np.log(np.maximum(1.0 - z, tiny))
            z = np.log(np.maximum(z, tiny))
            z = z - rest if z.shape[-1] == 1 else z
        if z.shape[-1] == 1:  # one of two classes
            z = np.concatenate([np.zeros_like(z), z], axis=-1)
        classes = z.shape[-1]
        if y.shape == (*z.shape[:-1], 1):
            y = y[..., 0]
        if y.shape != z.shape:
            whole = y.shape == z.shape[:-1] and np.all(y == np.floor(y))
            if not whole or np.any((y < 0) | (y >= classes)):
                checks.invalid(
                    "y", f"class ids below {classes}, of `inputs`' shape", y
                )
            y = y[..., None] == np.arange(classes)
        shares = y.astype("float64").reshape(-1, classes)
        if np.any(shares < 0) or not np.allclose(shares.sum(-1), 1, atol=1e-4):
            checks.invalid("y", "rows that sum to 1", y)
        return z.reshape(-1, classes), shares


def _probabilities(z: np.ndarray, beta: float) -> np.ndarray:
    e = np.exp(beta * (z - z.max(-1, keepdims=True)))
    return np.asarray(e / e.sum(-1, keepdims=True))


def _negative_log_likelihood(
    z: np.ndarray, shares: np.ndarray, beta: float
) -> float:
    z = beta * (z - z.max(-1, keepdims=True))
    log_sum = np.log(np.exp(z).sum(-1))
    return float(np.mean(log_sum - (shares * z).sum(-1)))


def _coldness(z: np.ndarray, shares: np.ndarray) -> float:
    """The `beta` of `softmax(beta * z)` with the highest likelihood.

    By Newton's method, and by halving the interval where that would leave it
    or takes too many steps.
    """
    z = z - z.max(-1, keepdims=True)
    of_label = (shares * z).sum(-1)

    def slopes(beta: float) -> tuple[float, float]:
        # d nll / d beta = E_p[z] - z_y, and its own slope Var_p[z] >= 0
        p = _probabilities(z, beta)
        mean = (p * z).sum(-1)
        variance = (p * (z - mean[:, None]) ** 2).sum(-1)
        return float(np.mean(mean - of_label)), float(np.mean(variance))

    low, high = 1.0 / HOTTEST, 1.0 / COLDEST
    if slopes(low)[0] >= 0:
        return low
    if slopes(high)[0] <= 0:
        return high
    beta = 1.0
    for step in range(120):
        slope, curve = slopes(beta)
        low, high = (beta, high) if slope < 0 else (low, beta)
        newton = beta - slope / curve if curve > 0 and step < 20 else math.nan
        after = newton if low < newton < high else math.sqrt(low * high)
        if abs(after - beta) <= 1e-14 * beta:
            break
        beta = after
    return beta


def _calibration_error(z: np.ndarray, shares: np.ndarray, beta: float) -> float:
    p = _probabilities(z, beta)
    choice = p.argmax(-1)
    sure = p.max(-1)
    right = np.take_along_axis(shares, choice[:, None], axis=-1)[:, 0]
    bins = np.minimum((sure * BINS).astype(int), BINS - 1)
    gaps = np.bincount(bins, right - sure, minlength=BINS)
    return float(np.abs(gaps).sum() / len(sure))
