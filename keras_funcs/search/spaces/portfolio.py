"""Settings that a search begins with, because evidence favours them.

A build function has them as its attribute `portfolio`, a sequence of mappings
from the name of a hyper-parameter to its value. What a mapping does not name
is the baseline's.
"""

from collections.abc import Mapping
from typing import Any

from keras_funcs.search.spaces.inputs import PERIODIC
from keras_funcs.search.spaces.inputs import PIECEWISE
from keras_funcs.search.spaces.tasks import COSINE
from keras_funcs.search.spaces.tasks import POSTHOC
from keras_funcs.search.spaces.tasks import task_of

Values = Mapping[str, Any]

# A linear model is trained in fewer steps than it needs at Adam's default.
_LINEAR = {"network": "linear", "optimizer/adam/learning_rate": 0.01}


def of_tables(task: str) -> list[Values]:
    """The first settings for a table, the most promising first."""
    kind = task_of(task)
    if kind.targets == "classes" and kind.pairs:
        # Prior correction decides on rare classes, depth on the others:
        # on small tables the linear model wins as often as not.
        return [
            {**_LINEAR, "loss": "LogitAdjusted"},
            {"loss": "LogitAdjusted"},
            # A sum of one function per column: what boosted stumps are.
            {**_LINEAR, "inputs": PIECEWISE, "loss": "LogitAdjusted"},
            {**_LINEAR, "loss": f"{kind.baseline}+{POSTHOC}"},
            {"loss": f"{kind.baseline}+{POSTHOC}", "activation": "Stan"},
            {**_LINEAR, "loss": "WeightedCrossentropy"},
            {"loss": "AutoBalanced", "network": "128-128"},
            {"inputs": PERIODIC, "loss": "LogitAdjusted"},
            {"loss": f"LDAM+{COSINE}"},
            {"loss": "LogitAdjusted", "activation": "Snake"},
        ]
    if kind.targets == "values":
        return [
            _LINEAR,
            {**_LINEAR, "inputs": PIECEWISE},
            {"loss": "Robust", "optimizer/adam/learning_rate": 0.003},
            {"inputs": PERIODIC, "network": "128-128"},
            {"network": "128-128", "activation": "Stan"},
            {"network": "128-128", "activation": "Snake"},
        ]
    return [_LINEAR, {"activation": "Stan"}]
