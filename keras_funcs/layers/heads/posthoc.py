"""Layers for the end of a trained classifier: priors, and confidence."""

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_funcs._core import checks
from keras_funcs._core import labels
from keras_funcs._core.backend import active
from keras_funcs._core.coefficients import add_float32
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
from keras_funcs.layers.heads._temperature import coldness
from keras_funcs.layers.heads._temperature import report
from keras_funcs.layers.heads._temperature import samples


class ClassifierEnd(Configurable, keras.layers.Layer):
    """Abstract base of layers that change the logits of a classifier.

    A leaf gives the new logits in `change`.

    Args:
        from_logits: Boolean. Whether inputs and outputs are logits; otherwise
            both are probabilities.
        **kwargs: Keyword arguments of `keras.layers.Layer`.
    """

    def __init__(self, from_logits: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.from_logits = checks.boolean("from_logits", from_logits)
        self.supports_masking = True

    def change(self, logits: Tensor) -> Tensor:
        """The new logits."""
        raise NotImplementedError

    def call(self, inputs: Tensor) -> Tensor:
        x = ops.cast(inputs, at_least_float32(self.compute_dtype))
        if self.from_logits:
            y = self.change(x)
        elif x.shape[-1] == 1:
            y = ops.sigmoid(self.change(logit(x)))
        else:
            y = ops.softmax(self.change(log_probability(x)))
        return ops.cast(y, self.compute_dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)


@component(tune={"tau": Range(0.25, 2.0, log=True)})
class LogitAdjustment(ClassifierEnd):
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
        super().__init__(from_logits, **kwargs)
        self.absent = absent
        self.class_counts = checks.class_counts(
            "class_counts", class_counts, absent
        )
        self.tau = checks.number("tau", tau, at_least=0)
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
        return inputs if training else super().call(inputs)

    def change(self, logits: Tensor) -> Tensor:
        # z - tau log(pi)
        prior = active().constant(self._log_prior, logits)
        return logits - self.tau * prior


@component()
class TemperatureScaling(ClassifierEnd):
    """Divides logits by one temperature, so that confidence is accuracy.

    For a trained classifier whose probabilities are to be believed: its last
    layer, calibrated on data that the training has not seen. It changes only
    confidence, never the predicted class. One number cannot correct confidence
    class by class, nor on other kinds of data.

    Formula:
    ```python
    y = z / exp(log_temperature)  # z: logits
    ```
    with `log(p)` for probabilities, and `logit(p)` for one of two classes.

    Args:
        from_logits: Boolean. Whether inputs and outputs are logits; otherwise
            both are probabilities. Defaults to `False`.
        temperature: Float from 1e-6 to 1e6. Initial value. Defaults to `1.0`.
        trainable: Boolean. Whether `fit` trains the temperature. Defaults to
            `False`.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Input shape:
        `(batch, ..., classes)`, or `(batch, ..., 1)` for one of two classes.

    Output shape:
        That of the input.

    Raises:
        ValueError: If an argument is invalid.

    Example:

    >>> scaling = keras_funcs.layers.TemperatureScaling(from_logits=True)
    >>> logits = np.array([[9.0, 0.0], [9.0, 0.0], [0.0, 9.0], [0.0, 9.0]])
    >>> report = scaling.calibrate(logits, np.array([0, 0, 1, 0]))
    >>> round(report["temperature"], 2)
    8.19

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
        trainable = checks.boolean("trainable", trainable)
        super().__init__(from_logits, trainable=trainable, **kwargs)
        self.temperature = checks.number(
            "temperature", temperature, at_least=1e-6, at_most=1e6
        )

    def build(self, input_shape: Shape) -> None:
        start = math.log(self.temperature)
        self.log_temperature = add_float32(self, "log_temperature", (), start)
        self.built = True

    def change(self, logits: Tensor) -> Tensor:
        # z / exp(log_temperature)
        return logits * ops.exp(-ops.convert_to_tensor(self.log_temperature))

    def calibrate(self, inputs: Any, y: Any) -> dict[str, float]:
        """Finds the temperature of the highest likelihood.

        If all predictions are right, or worse than chance, it is 0.01 or 100.

        Args:
            inputs: `(samples, ..., classes)` array of inputs of this layer.
            y: Class ids, one-hot or soft labels of the samples.

        Returns:
            Dict of `temperature`; `nll_before` and `nll_after`, mean negative
            log-likelihoods; `ece_before` and `ece_after`, top calibration
            errors in 15 bins.

        Raises:
            ValueError: If inputs are empty or not finite, or labels misfit.
        """
        z, shares = samples(inputs, y, self.from_logits)
        if not self.built:
            self.build(np.shape(inputs))
        before = math.exp(-float(ops.convert_to_numpy(self.log_temperature)))
        after = coldness(z, shares)
        self.log_temperature.assign(-math.log(after))
        return report(z, shares, before, after)
