"""Which components fit a task, and why the others are left out.

What decides stands in each component's traits and signature.
"""

import inspect
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from keras_funcs._core.component import Component
from keras_funcs._core.component import arguments
from keras_funcs._core.component import registered
from keras_funcs._core.hosting import AdaptiveLoss
from keras_funcs._core.traits import LayerTraits
from keras_funcs._core.traits import LossTraits
from keras_funcs._core.traits import RegularizerTraits
from keras_funcs._core.traits import traits_of
from keras_funcs._core.typing import Counts
from keras_funcs.search.spaces.tasks import COSINE
from keras_funcs.search.spaces.tasks import POSTHOC
from keras_funcs.search.spaces.tasks import Task
from keras_funcs.search.spaces.tasks import task_of

# The default choices for every task, the baseline first.
SHORTLIST: Mapping[str, tuple[Any, ...]] = {
    "activation": ("relu", "gelu", "Stan", "Snake", "AdaptiveSlope"),
    "optimizer": ("adam", "adamw", "AdaBelief", "AdEMAMix"),
    "regularizer": (None, "l2", "GroupLasso"),
}
# What "all" holds of Keras.
KERAS: Mapping[str, tuple[Any, ...]] = {
    "activation": (
        *("relu", "gelu", "silu", "elu", "selu", "mish"),
        *("leaky_relu", "tanh", "softsign"),
    ),
    "optimizer": ("adam", "adamw", "nadam", "sgd", "rmsprop", "lion"),
    "regularizer": (None, "l1", "l2"),
}
KINDS = ("activation", "loss", "optimizer", "regularizer")

_COMPARED = {
    "classes": "one class per row of scores",
    "ids": "ids of embeddings or thresholds",
    "labels": "a yes or no per score",
    "values": "numbers",
}
_ROLE = "keras_funcs.layers.activations."


@dataclass(frozen=True)
class Space:
    """The space of a task: its choices, and why others are left out.

    Attributes:
        task: String. The name of the task.
        shortlist: Mapping from kind to the choices of the default space, the
            baseline first.
        fitting: Mapping from kind to all that fit, as `"all"` has them.
        left_out: Mapping from kind to the reason of each that does not.
    """

    task: str
    shortlist: Mapping[str, tuple[Any, ...]]
    fitting: Mapping[str, tuple[Any, ...]]
    left_out: Mapping[str, Mapping[str, str]]

    def __str__(self) -> str:
        lines = [f"{self.task}: {task_of(self.task).about}"]
        for kind in KINDS:
            more = [
                item
                for item in self.fitting[kind]
                if item not in self.shortlist[kind]
            ]
            lines += [
                "",
                f"{kind}: {_listed(self.shortlist[kind])}",
                f"  all, too: {_listed(more)}",
            ]
            grouped: dict[str, list[str]] = {}
            for name, reason in self.left_out[kind].items():
                grouped.setdefault(reason, []).append(name)
            lines += [
                f"  left out: {_listed(names)}: {reason}"
                for reason, names in grouped.items()
            ]
        return "\n".join(lines)


def space(task: str, class_counts: Counts | None = None) -> Space:
    """Returns what a search for a task chooses from.

    Args:
        task: `"binary"`, `"multiclass"`, `"onehot"`, `"multilabel"`,
            `"ordinal"`, `"regression"` or `"segmentation"`.
        class_counts: `(C,)` whole numbers, or None if they are unknown, which
            leaves out the losses that need them.

    Returns:
        A `Space`; printed, it is a list with a reason for every component of
        the pack that is left out.

    Example:

    >>> from keras_funcs import search
    >>> found = search.space("regression")
    >>> found.shortlist["loss"]
    ('mean_squared_error', 'Robust', 'Pinball', 'BalancedMSE')
    >>> found.left_out["loss"]["GeneralizedIoU"]
    'compares boxes'
    """
    kind = task_of(task)
    counted = class_counts is not None
    entries = {
        "activation": list(_activations()),
        "loss": list(_losses()),
        "optimizer": list(registered("optimizers")),
        "regularizer": list(registered("regularizers")),
    }
    fitting: dict[str, tuple[Any, ...]] = {}
    left_out: dict[str, dict[str, str]] = {}
    for name, items in entries.items():
        reasons = {e.name: reason_against(e, kind, counted) for e in items}
        keras_own = KERAS.get(name, (kind.baseline, *kind.more))
        own = [item for item, reason in reasons.items() if not reason]
        fitting[name] = (*keras_own, *own)
        left_out[name] = {n: reason for n, reason in reasons.items() if reason}
    # A loss that learns comes with its model, one of cosines with its head.
    pairs = [pair for pair in kind.pairs if counted or not _needs_counts(pair)]
    for pair in pairs:
        left_out["loss"].pop(pair.partition("+")[0], None)
    fitting["loss"] = (
        *(loss for loss in fitting["loss"] if loss not in pairs),
        *pairs,
    )
    shortlist = {**SHORTLIST, "loss": losses(kind, counted)}
    return Space(kind.name, shortlist, fitting, left_out)


def losses(task: Task, counted: bool) -> tuple[str, ...]:
    """The losses of a task's shortlist, pairs included.

    Args:
        task: `Task`.
        counted: Boolean. Whether the class counts are known.
    """
    listed = (*task.losses, *task.pairs)
    return tuple(n for n in listed if counted or not _needs_counts(n))


def reason_against(entry: Component, task: Task, counted: bool) -> str:
    """Why a component does not fit a task; empty if it does.

    Args:
        entry: A `Component`.
        task: `Task`.
        counted: Boolean. Whether the class counts are known.
    """
    missing = [
        name
        for name, parameter in arguments(entry.object).items()
        if parameter.default is inspect.Parameter.empty
        and isinstance(entry.object, type)
        and not (name == "class_counts" and counted)
    ]
    if missing:
        return f"needs `{missing[0]}`"
    if entry.kind in ("losses", "adaptive_losses"):
        return _against_loss(entry.object, task)
    if entry.kind == "regularizers":
        traits = traits_of(entry.object, RegularizerTraits)
        if traits is not None and traits.of == "outputs":
            return "is for a layer's outputs (`activity_regularizer`)"
        images = traits is not None and traits.kernels == "convolutions"
        return "is for convolutions" if images and not task.pixels else ""
    layer = traits_of(entry.object, LayerTraits)
    if layer is None or entry.kind == "optimizers":
        return ""
    if layer.halves:
        return "halves the features"
    if layer.normalizes:
        return "stands at the end of a classifier"
    maps = isinstance(layer.example_shape, tuple)
    if maps and len(layer.example_shape) > 1 and not task.pixels:
        return "is for feature maps"
    return ""


def _against_loss(loss: Any, task: Task) -> str:
    traits = traits_of(loss, LossTraits) or LossTraits()
    if traits.ranks:
        return "needs one output less than classes, which metrics do not read"
    if traits.targets != task.targets:
        return f"compares {_COMPARED[traits.targets]}"
    if traits.numbers != "any":
        return f"compares {traits.numbers}"
    if traits.ordered and task.name != "ordinal":
        return "is for classes in order"
    if traits.unit == "sample" and not task.pixels:
        return "compares the pixels of a sample"
    if traits.cosines:
        return f"needs the head {COSINE}"
    if issubclass(loss, AdaptiveLoss):
        return "learns, and needs `keras_funcs.losses.LossModel`"
    return ""


@cache
def _needs_counts(pair: str) -> bool:
    """Whether a loss, or its head, takes the class counts."""
    loss, _, head = pair.partition("+")
    return head == POSTHOC or any(
        "class_counts" in arguments(entry.object)
        for entry in _losses()
        if entry.name == loss
    )


def _losses() -> Iterator[Component]:
    yield from registered("losses")
    yield from registered("adaptive_losses")


def _activations() -> Iterator[Component]:
    """The stateless ones, and the layers in the role of an activation."""
    yield from registered("activations")
    for entry in registered("layers"):
        if entry.object.__module__.startswith(_ROLE):
            yield entry


def _listed(names: Any) -> str:
    return ", ".join("none" if item is None else str(item) for item in names)
