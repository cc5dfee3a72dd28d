"""The settings of a trial: a combination of choices at many numbers.

An oracle chooses the combination. Under it the numbers are drawn so that they
fill their ranges evenly, and when it is met again, around its best ones.
"""

from collections.abc import Mapping
from typing import Any

import keras_tuner
import numpy as np
from scipy import special
from scipy.stats import qmc

from keras_funcs.search.tuner.hyperparameters import settings_of

SPREAD = 0.15  # of a range, around the best: as of the oracle's neighbours
EDGE = 1e-6  # keeps a point inside of its range


def combinations(space: Any) -> Any:
    """A copy of a space in which every float is fixed at its default."""
    config = space.get_config()
    for item in config["space"]:
        if item["class_name"] == "Float":
            item["class_name"] = "Fixed"
            item["config"] = {
                "name": item["config"]["name"],
                "conditions": item["config"]["conditions"],
                "value": item["config"]["default"],
            }
    return keras_tuner.HyperParameters.from_config(config)


def combination_of(space: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """The choices among some values, with every float at its default."""
    kind = keras_tuner.engine.hyperparameters.Float
    floats = {item.name for item in space.space if isinstance(item, kind)}
    kept = {k: v for k, v in values.items() if k not in floats}
    return dict(settings_of(space, kept).values)


def draw(
    space: Any,
    values: Mapping[str, Any],
    count: int,
    seed: int,
    best: Mapping[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """Draws the settings of a combination.

    Args:
        space: `HyperParameters`, the whole of it.
        values: Mapping. The combination.
        count: Integer >= 1. How many settings there are at most: without an
            active float there is one.
        seed: Integer.
        best: Mapping, or None. The best setting so far.

    Returns:
        List of values. The first ones are the best setting or, without one,
        the defaults; the others are points of a scrambled Sobol sequence.

    Reference:
        Owen (1998), Journal of Complexity 14(4)
    """
    start = dict(settings_of(space, {**values, **(best or {})}).values)
    hp = settings_of(space, start)
    floats = [item for item in hp.space if _is_float(item, start)]
    if not floats or count == 1:
        return [start]
    sampler = qmc.Sobol(len(floats), rng=np.random.default_rng(seed))
    points = sampler.random_base2((count - 1).bit_length())[: count - 1]
    if best is not None:
        middle = [item.value_to_prob(start[item.name]) for item in floats]
        inside = np.clip(points, EDGE, 1.0 - EDGE)
        points = np.array(middle) + SPREAD * special.ndtri(inside)
    points = np.clip(points, 0.0, 1.0 - EDGE)
    return [
        start,
        *(
            {
                **start,
                **{
                    item.name: float(item.prob_to_value(float(part)))
                    for item, part in zip(floats, point)
                },
            }
            for point in points
        ),
    ]


def _is_float(item: Any, values: Mapping[str, Any]) -> bool:
    kind = keras_tuner.engine.hyperparameters.Float
    return isinstance(item, kind) and item.name in values
