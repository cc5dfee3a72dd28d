"""Other values of a constructor argument than its default.

They come from the tuning ranges, the argument's name, the words that its
documentation quotes, and its type. Most are nonsense for a given argument: the
constructor says which are not.
"""

import inspect
import re
from collections.abc import Iterator
from typing import Any

from keras_funcs._core.catalogue import read_arguments
from keras_funcs._core.catalogue import read_docstring
from keras_funcs.testing.bench.cases import CLASSES
from keras_funcs.testing.bench.cases import Case

NAMES = ["a", "b", "c", "d"]

BY_NAME: dict[str, list[Any]] = {
    "activation": ["tanh"],
    "axis": [1, [1], -1, None],
    "bins": [64],
    "columns": [[1, 0]],
    "class_counts": [[5, 10, 20, 40], [40, 20, 10, 5]],
    "class_names": [NAMES[:3], NAMES],
    "cost_matrix": [[[4 * (i != j) for j in range(4)] for i in range(4)]],
    "degrees": [[3, 2]],
    "class_weights": [[1.0, 2.0, 3.0, 4.0]],
    "data_format": ["channels_first"],
    "layer": [
        {
            "module": "keras.layers",
            "class_name": "Dense",
            "config": {"units": 5},
        }
    ],
    "learning_rate_multipliers": [{".": 0.5}],
    "losses": [["mse", "mae"]],
    "metrics": [["balanced_accuracy"]],
    "name": ["another_name"],
    "num_classes": [CLASSES],
    "num_samples": [100],
    "regression": [[True, False]],
    "regularizers": [["l2"]],
    "schedule": [[0.2]],
    "shape": [[5, 4]],
    "shared_axes": [[1]],
    "weight_decay_exclusions": [["."]],
    "weights": [[1.0, 2.0]],
}
BY_LAST_WORD: dict[str, list[Any]] = {
    "constraint": ["non_neg"],
    "dir": ["another_folder"],
    "initializer": ["ones", "zeros"],
    "regularizer": [{"class_name": "L2", "config": {"l2": 0.1}}],
}
NUMBERS = [0.5, 0.25, 3, 1, 2, 0.01, 10]


def alternatives(case: Case, name: str) -> Iterator[Any]:
    """Other values of an argument, valid or not."""
    parameter = case.own[name]
    default = case.arguments.get(name, parameter.default)
    span = case.tune.get(name)
    found = [
        *(span.ends if span is not None else ()),
        *BY_NAME.get(name, ()),
        *BY_LAST_WORD.get(name.split("_")[-1], ()),
    ]
    if isinstance(default, bool):
        found += [not default]
    elif isinstance(default, (int, float)):
        found += [*NUMBERS, default + 1, default * 2, default / 2]
    elif isinstance(default, str):
        found += _quoted_words(case.target, name)
    elif default is None:
        found += [1, 0.3, *_quoted_words(case.target, name), NAMES]
    for value in found:
        if value != default:
            yield value


def accepted(case: Case, name: str) -> Iterator[Any]:
    """Other values of an argument that the constructor takes."""
    for value in alternatives(case, name):
        try:
            case.make(**{name: value})
        except (ValueError, TypeError):
            continue
        yield value


def _quoted_words(target: Any, name: str) -> list[str]:
    """The `"words"` in the description of an argument, the bases' included."""
    for cls in inspect.getmro(target) if isinstance(target, type) else [target]:
        sections = read_docstring(cls)[2]
        described = read_arguments(sections.get("Args", ""))
        if name in described:
            return re.findall(r'"(\w+)"', described[name])
    return []
