"""A lane before it trains: its numbers and the state that it starts from."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from keras_funcs._core.sublayers import touch
from keras_funcs.losses import LossModel
from keras_funcs.search.engines.vectorized.configs import Configuration
from keras_funcs.search.engines.vectorized.objects import Held
from keras_funcs.search.engines.vectorized.refusal import NotVectorizable

# Trainable, non-trainable and optimizer's variables.
Start = tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]


@dataclass
class Lane:
    """A setting with its seed.

    Attributes:
        index: Integer. Its place among all lanes.
        seed: Integer.
        model: The freshly built model, or None once it was read.
        configuration: `Configuration`.
        state: Lists of arrays: what the variables begin with.
        held: `Held`. What the objects of the model hold; empty until it is
            looked at.
    """

    index: int
    seed: int
    model: Any
    configuration: Configuration
    state: Start
    held: Held

    def share(self, other: "Lane") -> None:
        """Takes over the arrays of another lane that are equal to its own."""
        for mine, its in zip(self.state, other.state):
            for place, (one, two) in enumerate(zip(mine, its)):
                if np.array_equal(one, two):
                    mine[place] = two


def make_lane(
    build: Callable[[Any], Any], hp: Any, seed: int, index: int
) -> Lane:
    """Builds a model and reads what it starts from.

    Raises:
        NotVectorizable: If the model is not built, or trains in a way of its
            own.
    """
    keras.utils.set_random_seed(seed)
    model = build(hp)
    touch(model)
    check_model(model)
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    state = (
        [np.array(v.value) for v in model.trainable_variables],
        [np.array(v.value) for v in model.non_trainable_variables],
        [np.array(v.value) for v in model.optimizer.variables],
    )
    configuration = Configuration.of(model)
    return Lane(index, seed, model, configuration, state, Held({}, {}))


def check_model(model: Any) -> None:
    """Refuses a model that is not built, or trains in a way of its own."""
    name = type(model).__name__
    if not model.built:
        raise NotVectorizable(
            f"`{name}` is built by its first batch; begin it with "
            "`keras.Input`, or call it in `build`"
        )
    if model.run_eagerly:
        raise NotVectorizable("the model is compiled with `run_eagerly=True`")
    kind = type(model)
    for method in ("fit", "make_train_function", "make_test_function"):
        own = getattr(kind, method)
        allowed = (getattr(keras.Model, method), getattr(LossModel, method))
        if own not in allowed:
            raise NotVectorizable(f"`{name}` has a `{method}` of its own")
