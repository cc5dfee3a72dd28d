"""Losses, adaptive activations, optimizers and metrics for Keras 3.

Importing the package registers every component, so that a saved model that
uses them loads with nothing else to pass.
"""

import importlib
from types import ModuleType
from typing import TYPE_CHECKING

from keras_funcs import activations as activations
from keras_funcs import callbacks as callbacks
from keras_funcs import initializers as initializers
from keras_funcs import layers as layers
from keras_funcs import losses as losses
from keras_funcs import metrics as metrics
from keras_funcs import optimizers as optimizers
from keras_funcs import regularizers as regularizers
from keras_funcs._core.density import (
    label_density_weights as label_density_weights,
)
from keras_funcs._core.labels import class_counts as class_counts
from keras_funcs._core.labels import class_weights as class_weights
from keras_funcs._core.traits import LayerTraits as LayerTraits
from keras_funcs._core.traits import LossTraits as LossTraits
from keras_funcs._core.traits import MetricTraits as MetricTraits
from keras_funcs._core.traits import RegularizerTraits as RegularizerTraits

if TYPE_CHECKING:
    from keras_funcs._core.catalogue import Card

__version__ = "0.1.0"

# These reach for TensorBoard, pandas or KerasTuner, and load when first used.
_ON_DEMAND = (
    "data",
    "distribution",
    "inspect",
    "search",
    "sklearn",
    "testing",
)


def __getattr__(name: str) -> ModuleType:
    if name in _ON_DEMAND:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def catalogue(pattern: str = "*", kind: str | None = None) -> "list[Card]":
    """Lists the pack's components.

    Args:
        pattern: String. A name with wildcards, in any case, such as
            `"*focal*"`. Defaults to all.
        kind: String or None. One kind, such as `"losses"`. Defaults to all.

    Returns:
        List of cards with `name`, `kind`, `family`, `summary`, `formula`,
        `arguments` and `reference`, sorted by kind and name.

    Example:

    >>> [card.name for card in keras_funcs.catalogue("*mish")]
    ['hard_mish', 'smish']
    """
    # Read-only sugar: every component works without it.
    from keras_funcs._core import catalogue as module

    return module.catalogue(pattern, kind)
