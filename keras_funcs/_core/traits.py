"""What the rest of the pack needs to know of a component, on its class.

The battery, `diagnose`, a study's preflight, `objective` and the spaces read
one attribute, `traits`, with `traits_of`. A subclass inherits it, and changes
a part of it with `dataclasses.replace`. An object whose arguments decide sets
its own in the constructor.
"""

from dataclasses import dataclass
from typing import Any
from typing import TypeAlias
from typing import TypeVar

from keras_funcs._core import checks

TARGETS = ("classes", "ids", "labels", "values")
UNITS = ("label", "sample", "batch")
FORMS = ("any", "ids", "rows")
SCORES = ("any", "logits", "probabilities")
DIRECTIONS = ("max", "min", None)
PROPERTIES = ("odd", "monotone", "bounded", "lipschitz")

# Without the batch; `"ids"` is a vector of class ids.
ShapeOfInput: TypeAlias = tuple[int, ...] | str
ShapeOfInputs: TypeAlias = ShapeOfInput | list[ShapeOfInput]


@dataclass(frozen=True)
class Traits:
    """Abstract base of the traits of each kind of component."""


@dataclass(frozen=True)
class LossTraits(Traits):
    """Describes a loss.

    Args:
        targets: String. The meaning of `y_true`: `"classes"` (one class per
            row of scores), `"ids"` (class ids for embeddings or thresholds),
            `"labels"` (a yes or no per score) or `"values"` (numbers).
        forms: String. Of `"classes"`, the labels that are taken: `"ids"`,
            `"rows"` (one-hot or soft) or `"any"` of both.
        scores: String. `y_pred` if no argument `from_logits` decides:
            `"logits"`, `"probabilities"` or `"any"`.
        unit: String. One value of the loss belongs to a `"label"`, to a
            `"sample"` (with all its pixels) or to the `"batch"`.
        independent: Boolean. Whether the value of a sample depends on that
            sample alone.
        keeps_gradient: Boolean. Whether a confidently wrong prediction has a
            gradient; some losses remove it by definition.
        unknown: Integer or None. The label of a score that does not count.
    """

    targets: str = "values"
    forms: str = "any"
    scores: str = "any"
    unit: str = "label"
    independent: bool = True
    keeps_gradient: bool = True
    unknown: int | None = None

    def __post_init__(self) -> None:
        checks.one_of("targets", self.targets, TARGETS)
        checks.one_of("forms", self.forms, FORMS)
        checks.one_of("scores", self.scores, SCORES)
        checks.one_of("unit", self.unit, UNITS)


@dataclass(frozen=True)
class MetricTraits(Traits):
    """Describes a metric.

    Args:
        direction: String or None. `"max"` if larger is better, `"min"` if
            smaller is, None if neither is.
        targets: String. As in `LossTraits`.
        forms: String. As in `LossTraits`.
        scores: String. As in `LossTraits`.
        reads_size: Boolean. Whether the value depends on the size of several
            scores, not only on their order.
        unknown: Integer or None. The label of a score that does not count.
    """

    direction: str | None = None
    targets: str = "values"
    forms: str = "any"
    scores: str = "any"
    reads_size: bool = True
    unknown: int | None = None

    def __post_init__(self) -> None:
        checks.one_of("direction", self.direction, DIRECTIONS)
        checks.one_of("targets", self.targets, TARGETS)
        checks.one_of("forms", self.forms, FORMS)
        checks.one_of("scores", self.scores, SCORES)


@dataclass(frozen=True)
class LayerTraits(Traits):
    """Describes a layer.

    Args:
        example_shape: The shape of an input without the batch: a tuple, or a
            list of tuples for a layer of several inputs, in which `"ids"` is a
            vector of class ids. One vector may become a sequence of vectors.
        sizes_are_known: Boolean. Whether an input of a higher rank needs
            static sizes.
        independent: Boolean. Whether the output of a sample depends on that
            sample alone.
        changes_gradient: Boolean. Whether the gradient differs from the slope
            on purpose.
        properties: Tuple of strings. Of an activation before training:
            `"odd"`, `"monotone"` (never falls), `"bounded"`, `"lipschitz"` (no
            slope above 1 or below -1).
    """

    example_shape: ShapeOfInputs = (6,)
    sizes_are_known: bool = False
    independent: bool = True
    changes_gradient: bool = False
    properties: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in self.properties:
            checks.one_of("properties", name, PROPERTIES)


T = TypeVar("T", bound=Traits)


def traits_of(thing: Any, kind: type[T]) -> T | None:
    """Reads the traits of an object or a class.

    Args:
        thing: A loss, metric or layer, its class, or a function of Keras.
        kind: `LossTraits`, `MetricTraits` or `LayerTraits`.

    Returns:
        The declared traits; for a class of Keras those that the pack knows of
        it; None otherwise.
    """
    found = getattr(thing, "traits", None)
    # An attribute of a user's class may have the name by chance.
    return found if isinstance(found, kind) else None
