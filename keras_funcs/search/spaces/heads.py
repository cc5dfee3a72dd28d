"""The end of a model and its loss, chosen together.

LDAM takes cosines, a loss that learns needs a model that owns it, and a prior
can be corrected after the training: none of these is a loss alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from typing import Any

import keras

from keras_funcs import layers
from keras_funcs import losses
from keras_funcs._core import checks
from keras_funcs._core.component import registered
from keras_funcs._core.hosting import AdaptiveLoss
from keras_funcs._core.traits import LossTraits
from keras_funcs._core.traits import traits_of
from keras_funcs._core.typing import Counts
from keras_funcs.search.spaces import catalogue
from keras_funcs.search.spaces import fits
from keras_funcs.search.spaces.options import Domain
from keras_funcs.search.spaces.options import Option
from keras_funcs.search.spaces.options import option
from keras_funcs.search.spaces.tasks import COSINE
from keras_funcs.search.spaces.tasks import HEADS
from keras_funcs.search.spaces.tasks import POSTHOC
from keras_funcs.search.spaces.tasks import task_of

SCALE = 16.0  # of cosines that are logits, as in our own figures


@dataclass(frozen=True)
class Output:
    """The last layers of a model, and the loss that belongs to them.

    Attributes:
        layers: List of fresh layers, the head first.
        loss: A loss of Keras, or one of the pack that learns.
    """

    layers: list[Any]
    loss: Any

    def __call__(self, x: Any) -> Any:
        """The outputs of a functional model, from its last features."""
        for layer in self.layers:
            x = layer(x)
        return x

    def compile(
        self, model: Any, optimizer: Any, metrics: Sequence[Any] = ()
    ) -> Any:
        """Compiles a model with the loss, and returns it.

        A loss that learns is owned by a `keras_funcs.losses.LossModel` around
        the model, which is what is returned then.
        """
        if isinstance(self.loss, AdaptiveLoss):
            model = losses.LossModel(model, self.loss)
            model.compile(optimizer=optimizer, metrics=list(metrics))
        else:
            model.compile(
                optimizer=optimizer, loss=self.loss, metrics=list(metrics)
            )
        return model


def output(
    hp: Any,
    units: int,
    choices: catalogue.Choices = None,
    class_counts: Counts | None = None,
    task: str = "multiclass",
    name: str = "loss",
    spread: tuple[float, float] | None = None,
) -> Output:
    """Lets a search choose a loss along with the head that it needs.

    Args:
        hp: The `HyperParameters` that a tuner hands to `build`.
        units: Integer >= 1. Outputs, such as classes.
        choices: Sequence as of `search.loss`, in which a name may be a pair
            `"LOSS+CosineDense"` or `"LOSS+LogitAdjustment"`; `"all"` for all
            that fit the task. Defaults to the task's shortlist.
        class_counts: `(C,)` whole numbers, or None if they are unknown.
        task: String, as of `search.space`.
        name: String. The name of the choice.
        spread: Pair of floats, mean and standard deviation of the target of a
            regression. Outputs are then in the target's units, and losses
            compare standardized numbers.

    Returns:
        An `Output`.

    Example:

    >>> import keras_tuner
    >>> from keras_funcs import search
    >>> hp = keras_tuner.HyperParameters()
    >>> x = keras.Input((8,))
    >>> output = search.output(hp, 3, class_counts=[90, 9, 5])
    >>> model = output.compile(
    ...     keras.Model(x, output(x)), search.optimizer(hp), ["accuracy"]
    ... )
    """
    checks.integer("units", units, at_least=1)
    found = options(units, choices, class_counts, task, spread)
    chosen, values = catalogue.declare(hp, name, found)
    made: Output = chosen.make(**values)
    return made


def options(
    units: int,
    choices: catalogue.Choices,
    class_counts: Counts | None,
    task: str,
    spread: tuple[float, float] | None = None,
) -> list[Option]:
    """Reads the choices of `output`, each of which makes an `Output`."""
    counted = class_counts is not None
    if choices is None:
        choices = fits.losses(task_of(task), counted)
    elif choices == "all":
        choices = fits.space(task, class_counts).fitting["loss"]
    if isinstance(choices, str) or not isinstance(choices, Sequence):
        checks.invalid(
            "choices", 'a sequence such as a list, or "all"', choices
        )
    found = [_option(item, units, class_counts) for item in choices]
    return [_in_units(item, spread) for item in found] if spread else found


def _option(choice: Any, units: int, counts: Counts | None) -> Option:
    if isinstance(choice, Option):
        return choice
    loss, _, head = (
        choice.partition("+") if isinstance(choice, str) else (choice, "", "")
    )
    if head:
        checks.one_of("choices", head, HEADS)
    inner = option("loss", loss, catalogue.known(counts))
    if _takes_cosines(loss) and head != COSINE:
        checks.invalid(
            "choices",
            f'a pair "{inner.label}+{COSINE}": it takes cosines',
            loss,
        )
    adjust: Any = None
    if head == POSTHOC:
        if counts is None:
            checks.invalid("choices", f"{POSTHOC} with `class_counts`", choice)
        adjust = layers.LogitAdjustment(counts, from_logits=True).get_config()
    tune: dict[str, Domain] = dict(inner.tune)
    defaults = dict(inner.defaults)
    if head == COSINE and not _takes_cosines(loss):
        tune |= {f"head_{k}": d for k, d in _ranges(COSINE).items()}
        defaults["head_scale"] = SCALE

    def make(**values: Any) -> Output:
        scale = values.pop("head_scale", 1.0)
        made = inner.make(**values)
        if head == COSINE:
            return Output([layers.CosineDense(units, scale=scale)], made)
        found: list[Any] = [keras.layers.Dense(units)]
        if adjust is not None:
            found.append(layers.LogitAdjustment.from_config(dict(adjust)))
        return Output(found, made)

    label = f"{inner.label}+{head}" if head else inner.label
    return replace(inner, label=label, make=make, tune=tune, defaults=defaults)


def _in_units(option: Option, spread: tuple[float, float]) -> Option:
    """The same for a target with a mean and a standard deviation."""
    mean, scale = spread

    def make(**values: Any) -> Output:
        made = option.make(**values)
        return Output(
            [*made.layers, keras.layers.Rescaling(scale, mean)],
            losses.Standardized(made.loss, mean, scale),
        )

    return replace(option, make=make)


def _takes_cosines(loss: Any) -> bool:
    if isinstance(loss, str):
        loss = next(
            (e.object for e in registered("losses") if e.name == loss), None
        )
    traits = traits_of(loss, LossTraits)
    return traits is not None and traits.cosines


def _ranges(name: str) -> dict[str, Domain]:
    """The ranges of a layer of the pack."""
    return next(dict(e.tune) for e in registered("layers") if e.name == name)
