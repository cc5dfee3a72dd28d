"""The direction of a metric: whether a search maximises or minimises it."""

import difflib
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import keras

from keras_funcs._core import checks
from keras_funcs._core import keras_traits
from keras_funcs._core.component import registered
from keras_funcs._core.extras import require
from keras_funcs._core.traits import MetricTraits
from keras_funcs._core.traits import traits_of


def objective(metric: Any, direction: str | None = None) -> Any:
    """Returns a `keras_tuner.Objective` with the right direction.

    KerasTuner takes several Keras metrics that are better when larger
    (`f1_score`, `r2_score`, `cosine_similarity`) for losses, and refuses
    others. Here the direction is that of the metric's traits, or given, never
    guessed. A metric of your own declares it by
    `traits = keras_funcs.MetricTraits(direction="max")`.

    Args:
        metric: String, the metric's name as it stands in the logs, such as
            `"balanced_accuracy"`, or `"shot_recall/few"` for a part of a
            result; a search selects on validation data, so `"val_"` is put
            before it where it is missing. Or a metric, or a
            `keras_tuner.Objective`, which is returned as it is.
        direction: `"max"`, `"min"`, or None for that of the metric's traits.

    Returns:
        A `keras_tuner.Objective`.

    Raises:
        ValueError: for a metric whose direction is neither known nor given.

    Example:

    >>> from keras_funcs import search
    >>> found = search.objective("balanced_accuracy")
    >>> found.name, found.direction
    ('val_balanced_accuracy', 'max')
    >>> search.objective("my_metric", direction="min").name
    'val_my_metric'
    """
    keras_tuner = require("keras_tuner")
    if isinstance(metric, keras_tuner.Objective):
        return metric
    name = getattr(metric, "name", metric)
    if not isinstance(name, str) or not name:
        checks.invalid("objective", "the name of a metric", metric)
    name = name.removeprefix("val_")
    if direction is None:
        whole = name.split("/")[0]  # of which this is one class's number
        plain = re.sub(r"_\d+$", "", whole)  # auc_1 is Keras's second `auc`
        direction = _declared(metric) or directions().get(plain)
        if direction is None:
            direction = _declared(_of_keras(plain))
        if direction is None:
            checks.invalid(
                "objective",
                f"a metric whose direction is known{_near(plain)}; for your "
                "own, say it in Python: "
                f'`search.objective("{name}", direction="max")` (or "min")',
                name,
            )
    checks.one_of("direction", direction, ("max", "min"))
    return keras_tuner.Objective(f"val_{name}", direction)


@cache
def directions() -> Mapping[str, str]:
    """The direction of each metric, by the name it has in the logs."""
    own = {
        name: entry.object
        for entry in registered("metrics")
        for name in keras_traits.names_of(entry.object)
    }
    found = {
        name: _declared(item)
        for name, item in {**keras_traits.names(metrics=True), **own}.items()
    }
    known = {name: value for name, value in found.items() if value is not None}
    return {"loss": "min", **known}


def _declared(metric: Any) -> str | None:
    traits = traits_of(metric, MetricTraits)
    return None if traits is None else traits.direction


def _of_keras(name: str) -> Any:
    """The metric or function that `compile` makes of a name, or None."""
    if name == "acc":  # which `compile` alone knows
        name = "accuracy"
    for home in (keras.metrics, keras.losses):
        try:
            return home.get(name)
        except (ValueError, TypeError):
            continue
    return None


def _near(name: str) -> str:
    found = difflib.get_close_matches(name, sorted(directions()), 3, cutoff=0.5)
    return f" (nearest: {', '.join(found)})" if found else ""
