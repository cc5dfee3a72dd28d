"""Every component of the default search spaces trains in lanes, as in fit."""

import keras_tuner
import numpy as np
import pytest

from keras_funcs import search
from tests.search.engines.alone import CLASSES
from tests.search.engines.alone import COUNTS
from tests.search.engines.alone import TRAIN
from tests.search.engines.alone import VALIDATION
from tests.search.engines.alone import check_lane
from tests.search.engines.alone import fit_alone
from tests.search.engines.alone import train_lanes

pytestmark = pytest.mark.backends("jax")

BASE = search.space("multiclass", COUNTS).shortlist
COMPONENTS = [(kind, name) for kind, names in BASE.items() for name in names]


class Data:
    train, validation, counts, num_classes = TRAIN, VALIDATION, COUNTS, CLASSES


def settings_of(build, number):
    """Settings with every number drawn from its range."""
    space = keras_tuner.HyperParameters()
    build(space)
    found = []
    for seed in range(number):
        setting = space.copy()
        for item in space.space:
            if isinstance(item.default, float):
                setting.values[item.name] = item.random_sample(seed)
        found.append(setting)
    return found


@pytest.mark.parametrize(
    ("kind", "name"), COMPONENTS, ids=[f"{k}-{n}" for k, n in COMPONENTS]
)
def test_component(on_jax, kind, name):
    if not on_jax:
        return
    choices = {key: [names[0]] for key, names in BASE.items()} | {kind: [name]}
    build = search.classifier(Data, units=(8,), choices=choices)
    first, second = settings_of(build, 2)
    results = train_lanes(build, [first, second])
    check_lane(results[1], fit_alone(build, second, 1))
    assert not np.allclose(results[0].weights[0], results[1].weights[0])
