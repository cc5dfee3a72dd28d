"""The engines that run a study's jobs."""

from collections.abc import Callable
from typing import TYPE_CHECKING
from typing import Any

if TYPE_CHECKING:
    from keras_funcs.search.jobs import Engine
    from keras_funcs.search.plan import Plan
    from keras_funcs.search.store.attempts import Attempts

NAMES = ("auto", "local", "vectorized")


def make(
    plan: "Plan",
    space: Any,
    attempts: "Attempts",
    say: Callable[[str], None],
) -> "Engine":
    """Returns the engine that a plan names.

    Args:
        plan: The `Plan` of the study. `"auto"` is the local engine.
        space: `HyperParameters`, the whole of it.
        attempts: The `Attempts` of the study, watched.
        say: Function called with a line where something is not as asked.
    """
    if plan.engine == "vectorized":
        from keras_funcs.search.engines.vectorized.engine import Vectorized

        return Vectorized(plan, space, attempts, say)
    from keras_funcs.search.engines.local import Local

    return Local(plan, space, attempts)
