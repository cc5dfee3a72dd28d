"""The engines that run a study's jobs."""

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING
from typing import Any

import keras

from keras_funcs.search.plan import FEW_SEEDS
from keras_funcs.search.plan import MANY_SEEDS
from keras_funcs.search.plan import Plan

if TYPE_CHECKING:
    from keras_funcs.search.jobs import Engine
    from keras_funcs.search.store.attempts import Attempts

NAMES = ("auto", "local", "vectorized")


def settle(plan: Plan, space: Any, say: Callable[[str], None]) -> Plan:
    """Decides on the engine of a study, and on what depends on it.

    Args:
        plan: The `Plan` of the study. `"auto"` is the vectorized engine on
            JAX if the baseline can have lanes, else the local one.
        space: `HyperParameters`, the whole of it.
        say: Function called with a line on what has no lanes.

    Returns:
        A `Plan` that names its engine, the number of settings and the seeds.
    """
    engine, settings, seeds = "local", 1, FEW_SEEDS
    if plan.engine != "local":
        on_jax = keras.config.backend() == "jax"
        why = _obstacle(plan, space)
        if not why:
            engine, settings, seeds = "vectorized", plan.settings, MANY_SEEDS
        elif on_jax or plan.engine == "vectorized":
            say(f"Runs are made one after the other: {why}.")
    final = dataclasses.replace(plan.final, seeds=plan.final.seeds or seeds)
    return dataclasses.replace(
        plan, engine=engine, settings=settings, final=final
    )


def _obstacle(plan: Plan, space: Any) -> str:
    """Why the baseline can have no lanes, or `""`."""
    backend = keras.config.backend()
    if backend != "jax":
        return f"lanes need the backend jax; this is {backend}"
    from keras_funcs.search.engines.vectorized.engine import obstacle

    return obstacle(plan, space)


def make(
    plan: Plan,
    space: Any,
    attempts: "Attempts",
    say: Callable[[str], None],
) -> "Engine":
    """Returns the engine that a plan names.

    Args:
        plan: The `Plan` of the study, settled.
        space: `HyperParameters`, the whole of it.
        attempts: The `Attempts` of the study, watched.
        say: Function called with a line where something is not as asked.
    """
    if plan.engine == "vectorized":
        from keras_funcs.search.engines.vectorized.engine import Vectorized

        return Vectorized(plan, space, attempts, say)
    from keras_funcs.search.engines.local import Local

    return Local(plan, space, attempts)
