"""The engines that run a study's jobs."""

from typing import TYPE_CHECKING
from typing import Any

if TYPE_CHECKING:
    from keras_funcs.search.engines.jobs import Engine
    from keras_funcs.search.plan import Plan
    from keras_funcs.search.store.attempts import Attempts

NAMES = ("auto", "local")


def make(plan: "Plan", space: Any, attempts: "Attempts") -> "Engine":
    """Returns the engine that a plan names; `"auto"` is the local one."""
    from keras_funcs.search.engines.local import Local

    return Local(plan, space, attempts)
