"""Facts on a component that the rest of the pack reads off its class.

The battery, `diagnose`, a study's preflight, `objective` and the spaces read
one attribute, `traits`, with `traits_of`. A subclass inherits it, and changes
a part of it with `dataclasses.replace`. An object whose arguments decide sets
its own in the constructor.
"""

from collections.abc import Sequence
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
FORMATS = (
    *("litert", "onnx", "onnx of tensorflow"),
    *("tf_saved_model", "tf_saved_model of jax"),
)
NUMBERS = ("any", "boxes", "pairs")
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
        single: Boolean. Of `"classes"`, whether a single score is a yes or
            no, as of a mask with one channel.
        ranks: Boolean. Of `"ids"`, whether these are ordered classes, one
            more than there are scores.
        ordered: Boolean. Whether the loss is for ordered classes.
        cosines: Boolean. Whether `y_pred` are cosines, as a
            `keras_funcs.layers.CosineDense` without scale gives them.
        numbers: String. Of `"values"`, the numbers that are compared:
            `"any"`, `"boxes"` (corners) or `"pairs"` (distances, with whether
            the two are of one kind).
        unknown: Integer or None. The label of a score that does not count.
    """

    targets: str = "values"
    forms: str = "any"
    scores: str = "any"
    unit: str = "label"
    independent: bool = True
    keeps_gradient: bool = True
    single: bool = False
    ranks: bool = False
    ordered: bool = False
    cosines: bool = False
    numbers: str = "any"
    unknown: int | None = None

    def __post_init__(self) -> None:
        checks.one_of("targets", self.targets, TARGETS)
        checks.one_of("forms", self.forms, FORMS)
        checks.one_of("scores", self.scores, SCORES)
        checks.one_of("unit", self.unit, UNITS)
        checks.one_of("numbers", self.numbers, NUMBERS)


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
        single: Boolean. As in `LossTraits`.
        unknown: Integer or None. The label of a score that does not count.
        weights_repeat: Boolean. Whether a weight of 2 means the sample twice.
    """

    direction: str | None = None
    targets: str = "values"
    forms: str = "any"
    scores: str = "any"
    reads_size: bool = True
    single: bool = False
    unknown: int | None = None
    weights_repeat: bool = True

    def __post_init__(self) -> None:
        checks.one_of("direction", self.direction, DIRECTIONS)
        checks.one_of("targets", self.targets, TARGETS)
        checks.one_of("forms", self.forms, FORMS)
        checks.one_of("scores", self.scores, SCORES)


@dataclass(frozen=True)
class LayerTraits(Traits):
    """Describes a layer, or a function of one tensor.

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
        halves: Boolean. Of an activation, whether there are half as many
            features afterwards.
        normalizes: Boolean. Of an activation, whether its outputs sum to 1,
            so that it stands at the end of a classifier.
        unexported: Tuple of strings. Formats of `keras.Model.export` that lack
            an operation: `"litert"`, `"onnx"`, `"tf_saved_model"`, or these
            `of` one backend, as `"onnx of tensorflow"`.
    """

    example_shape: ShapeOfInputs = (6,)
    sizes_are_known: bool = False
    independent: bool = True
    changes_gradient: bool = False
    properties: tuple[str, ...] = ()
    halves: bool = False
    normalizes: bool = False
    unexported: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in self.unexported:
            checks.one_of("unexported", name, FORMATS)
        for name in self.properties:
            checks.one_of("properties", name, PROPERTIES)


@dataclass(frozen=True)
class RegularizerTraits(Traits):
    """Describes a regularizer.

    Args:
        of: String. `"weights"`, or `"outputs"` of a layer.
        kernels: String. `"any"`, or `"convolutions"` if it says of other
            kernels no more than another regularizer does.
    """

    of: str = "weights"
    kernels: str = "any"

    def __post_init__(self) -> None:
        checks.one_of("of", self.of, ("weights", "outputs"))
        checks.one_of("kernels", self.kernels, ("any", "convolutions"))


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
    if not isinstance(found, Traits):  # a user's attribute of the same name
        from keras_funcs._core.keras_traits import known  # needs this module

        found = known(thing, kind)
    return found if isinstance(found, kind) else None


def shared_traits(losses: Sequence[Any]) -> LossTraits:
    """The traits of a sum of losses: those that all its parts have.

    Forms of labels are shared as well if one part takes fewer than another.
    """
    found = [traits_of(loss, LossTraits) for loss in losses]
    traits = [item for item in found if item is not None]
    targets = {item.targets for item in traits}
    if len(traits) < len(found) or len(targets) > 1:
        return LossTraits()
    forms = {item.forms for item in traits} - {"any"}
    logits = {takes_logits(loss) for loss in losses} - {None}
    unknown = {item.unknown for item in traits}
    return LossTraits(
        targets=targets.pop(),
        forms=forms.pop() if len(forms) == 1 else "any",
        scores="any"
        if len(logits) != 1
        else "logits"
        if logits.pop()
        else "probabilities",
        single=all(item.single for item in traits),
        ranks=all(item.ranks for item in traits),
        unknown=unknown.pop() if len(unknown) == 1 else None,
    )


def setting(thing: Any, name: str, default: Any = None) -> Any:
    """Reads an argument of an object from its config.

    Keras keeps the config between its versions, but not the attributes: 3.16
    drops `from_logits` of `SparseCategoricalCrossentropy`.
    """
    try:
        config = thing.get_config()
    except Exception:  # a class, a function, or a user's object without one
        return default
    return config.get(name, default) if isinstance(config, dict) else default


def takes_logits(thing: Any) -> bool | None:
    """Whether a loss or metric takes logits; None if it takes any scores."""
    given = setting(thing, "from_logits")
    if given is not None:
        return bool(given)
    traits = traits_of(thing, LossTraits) or traits_of(thing, MetricTraits)
    scores = "any" if traits is None else traits.scores
    return {"logits": True, "probabilities": False}.get(scores)
