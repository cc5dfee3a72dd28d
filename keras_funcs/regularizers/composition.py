"""Regularizers made of others."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_funcs._core import checks
from keras_funcs._core.component import Configurable
from keras_funcs._core.component import Range
from keras_funcs._core.component import component
from keras_funcs._core.numerics import as_float
from keras_funcs._core.numerics import widened
from keras_funcs._core.resolve import getter
from keras_funcs._core.traits import RegularizerTraits
from keras_funcs._core.typing import RegularizerLike
from keras_funcs._core.typing import Tensor

MAX_PARTS = 100


@component()
class Sum(Configurable, keras.regularizers.Regularizer):
    """Several regularizers of the same weights, added up.

    Keras takes one regularizer for each weight; this makes one of many, such
    as sparsity of groups and weight decay. Nests, also in `Scaled`.

    Formula:
    ```python
    penalty = sum(regularizer(w) for regularizer in regularizers)
    ```

    Args:
        regularizers: List of regularizers, at least one: instances, configs or
            names, of the pack or of Keras.

    Inputs:
        x: Weights of any rank that all the regularizers take.

    Raises:
        ValueError: for a list that is empty, or that holds something else.

    Example:

    >>> penalty = keras_funcs.regularizers.Sum(
    ...     [keras.regularizers.L1(0.5), keras.regularizers.L2(0.25)]
    ... )
    >>> float(penalty(np.array([2.0, -2.0])))
    4.0

    Reference:
        Zou and Hastie (2005), J. R. Stat. Soc. B 67(2), for the sum of L1 and
        L2
    """

    traits = RegularizerTraits()

    def __init__(self, regularizers: Sequence[RegularizerLike]) -> None:
        if (
            not isinstance(regularizers, (list, tuple))
            or not 0 < len(regularizers) <= MAX_PARTS
        ):
            checks.invalid(
                "regularizers",
                f"a list of 1 to {MAX_PARTS} regularizers",
                regularizers,
            )
        self.regularizers = [
            _regularizer("regularizers", item) for item in regularizers
        ]

    def __call__(self, x: Tensor) -> Tensor:
        x = widened(as_float(x))
        return sum(regularizer(x) for regularizer in self.regularizers)


@component(tune={"factor": Range(1e-2, 10.0, log=True)})
class Scaled(Configurable, keras.regularizers.Regularizer):
    """A regularizer times a factor that can change while a model trains.

    For penalties that set in late or fade, and for one knob on several
    regularizers at once. Assign `factor` in a callback. TensorFlow and JAX
    compile its value into the training step, so call
    `model.make_train_function(force=True)` after each change, and let it
    change in steps of some epochs: each costs a new trace. A loaded model has
    an object of its own for each weight.

    Formula:
    ```python
    penalty = factor * regularizer(w)
    ```

    Args:
        regularizer: A regularizer: an instance, a config or a name, of the
            pack or of Keras.
        factor: Float >= 0. Strength. Defaults to `1.0`.

    Inputs:
        x: Weights of any rank that the regularizer takes.

    Raises:
        ValueError: for a factor that is negative, and for something else than
            a regularizer.

    Example:

    >>> penalty = keras_funcs.regularizers.Scaled("l2", factor=0.0)
    >>> dense = keras.layers.Dense(1, kernel_regularizer=penalty)
    >>> model = keras.Sequential([keras.Input((2,)), dense])
    >>> def warm_up(epoch, logs):
    ...     penalty.factor = min(1.0, epoch / 2)
    ...     model.make_train_function(force=True)
    >>> model.compile("sgd", "mse")
    >>> callback = keras.callbacks.LambdaCallback(on_epoch_begin=warm_up)
    >>> history = model.fit(
    ...     np.ones((4, 2)), np.ones(4), epochs=3, callbacks=[callback],
    ...     verbose=0,
    ... )
    >>> penalty.factor
    1.0

    Reference:
        Bowman et al. (2016), CoNLL, arXiv:1511.06349, for a penalty that
        sets in slowly
    """

    traits = RegularizerTraits()

    def __init__(
        self, regularizer: RegularizerLike, factor: float = 1.0
    ) -> None:
        self.regularizer = _regularizer("regularizer", regularizer)
        self.factor = checks.number("factor", factor, at_least=0)

    def __call__(self, x: Tensor) -> Tensor:
        return self.factor * self.regularizer(widened(as_float(x)))


_get = getter("regularizers", keras.regularizers.get)


def _regularizer(name: str, value: Any) -> Any:
    found = checks.keras_object(name, value, _get, "a regularizer")
    if not isinstance(found, keras.regularizers.Regularizer):
        checks.invalid(name, "a regularizer", value)
    if isinstance(found, keras.layers.Layer):
        # Whose weights Keras would not find in here.
        checks.invalid(name, "a regularizer without weights of its own", value)
    return found
