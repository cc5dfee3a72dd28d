"""The tasks that a search knows: what is predicted, and the shortlists.

A shortlist holds what our own figures (`benchmarks/RESULTS.md`) put first, the
baseline before all else. `A+B` is a pair: the loss `A` on the head `B`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from keras_funcs._core import checks

COSINE = "CosineDense"
POSTHOC = "LogitAdjustment"
HEADS = (COSINE, POSTHOC)


@dataclass(frozen=True)
class Task:
    """A kind of target, and the choices that can be compared for it.

    Attributes:
        name: String.
        about: String. The labels and the outputs, for people.
        targets: String. The meaning of labels, as in `LossTraits`.
        forms: String. Of classes, `"ids"` or `"rows"` (one-hot).
        pixels: Boolean. Whether a sample has many labels, as of an image.
        losses: Tuple of names for a model with a head of its own; the
            baseline is the first.
        pairs: Tuple of losses that come with a head or with `LossModel`.
        more: Tuple of Keras's further losses that fit.
        objective: String. The metric to choose by, if none is given.
    """

    name: str
    about: str
    targets: str
    losses: tuple[str, ...]
    forms: str = "any"
    pixels: bool = False
    pairs: tuple[str, ...] = ()
    more: tuple[str, ...] = ()
    objective: str = "balanced_accuracy"

    @property
    def baseline(self) -> str:
        """The loss that the others are compared with."""
        return self.losses[0]


def _of_classes(baseline: str) -> dict[str, Any]:
    corrections = ("LogitAdjusted", "WeightedCrossentropy")
    return {
        "targets": "classes",
        "losses": (baseline, "CategoricalFocal", *corrections),
        "pairs": (
            f"{baseline}+{POSTHOC}",
            "AutoBalanced",
            f"AutoBalanced+{COSINE}",
            f"LDAM+{COSINE}",
        ),
    }


_IDS: dict[str, Any] = _of_classes("sparse_categorical_crossentropy")

TASKS: Mapping[str, Task] = {
    task.name: task
    for task in (
        Task(
            "binary",
            "one of two classes: ids, one logit per class",
            forms="ids",
            **_IDS,
        ),
        Task(
            "multiclass",
            "one of several classes: ids, one logit per class",
            forms="ids",
            **_IDS,
        ),
        Task(
            "onehot",
            "one of several classes: one-hot, one logit per class",
            forms="rows",
            more=("categorical_focal_crossentropy",),
            **_of_classes("categorical_crossentropy"),
        ),
        Task(
            "multilabel",
            "a yes or no for each output, of which there may be one: logits",
            targets="labels",
            losses=("binary_crossentropy", "BinaryFocal", "Asymmetric"),
            more=("binary_focal_crossentropy",),
            objective="hamming_score",
        ),
        Task(
            "ordinal",
            "one of several classes in order: ids, one logit per class",
            targets="classes",
            forms="ids",
            losses=(
                "sparse_categorical_crossentropy",
                "RankedProbability",
                "LogitAdjusted",
                "WeightedCrossentropy",
            ),
            pairs=(f"sparse_categorical_crossentropy+{POSTHOC}",),
            objective="macro_mae",
        ),
        Task(
            "regression",
            "a number for each output",
            targets="values",
            losses=("mean_squared_error", "Robust", "Pinball", "BalancedMSE"),
            more=("mean_absolute_error", "huber", "log_cosh"),
            objective="r2",
        ),
        Task(
            "segmentation",
            "one of several classes for each pixel: ids, one logit per class",
            targets="classes",
            forms="ids",
            pixels=True,
            losses=(
                "sparse_categorical_crossentropy",
                "Dice",
                "FocalTversky",
                "LovaszSoftmax",
                "CategoricalFocal",
            ),
            objective="balanced_accuracy",
        ),
    )
}


def task_of(name: Any) -> Task:
    """The task of a name.

    Raises:
        ValueError: If there is none.
    """
    return TASKS[checks.one_of("task", name, tuple(TASKS))]
