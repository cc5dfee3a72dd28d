"""Search spaces over the catalogue: what a `build(hp)` function calls.

Each helper declares one choice and, under a condition on it, the ranges of
every option's own arguments, so that only those of the chosen option are
active. The names are unique: `loss`, `loss/LogitAdjusted/tau`.
"""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from keras_funcs._core import checks
from keras_funcs._core.component import Choice
from keras_funcs._core.component import arguments
from keras_funcs._core.component import registered
from keras_funcs._core.resolve import by_name
from keras_funcs._core.typing import Counts
from keras_funcs.search.spaces.options import Domain
from keras_funcs.search.spaces.options import Option
from keras_funcs.search.spaces.options import option
from keras_funcs.search.tuner import hyperparameters

ACTIVATIONS = ("relu", "gelu", "squared_relu", "Swish", "Snake")
OPTIMIZERS = ("adam", "adamw", "AdaBelief", "AdEMAMix")
REGULARIZERS = (None, "l2", "GroupLasso")
LOSSES: Mapping[str, tuple[str, ...]] = {
    "multiclass": (
        "sparse_categorical_crossentropy",
        "CategoricalFocal",
        "LogitAdjusted",
        "WeightedCrossentropy",
    ),
    "onehot": (
        "categorical_crossentropy",
        "CategoricalFocal",
        "LogitAdjusted",
        "WeightedCrossentropy",
    ),
    "binary": ("binary_crossentropy", "BinaryFocal"),
}

_INACTIVE = object()  # has no value under a condition that does not hold

# What a search compares with; the default of a choice that offers it.
BASELINE = frozenset(
    {
        "relu",
        "adam",
        "none",
        "sparse_categorical_crossentropy",
        "categorical_crossentropy",
        "binary_crossentropy",
    }
)


# The names that the model being built has declared.
_names: ContextVar[set[tuple[str, str]] | None] = ContextVar(
    "names", default=None
)


@contextmanager
def one_model() -> Iterator[None]:
    """Refuses, in this context, two choices under one name.

    KerasTuner gives both the value of the first.
    """
    token = _names.set(set())
    try:
        yield
    finally:
        _names.reset(token)


def activation(
    hp: Any, choices: Sequence[Any] | None = None, name: str = "activation"
) -> Callable[[], Any]:
    """Lets a search choose an activation.

    Args:
        hp: The `HyperParameters` that a tuner hands to `build`.
        choices: Sequence of names, classes, instances (searched as they are)
            or functions, of the pack or of Keras. Defaults to `ACTIVATIONS`.
        name: String. The name of the choice; give each of several its own.

    Returns:
        A function without arguments that makes a *fresh* layer each time.

    Example:

    >>> import keras_tuner
    >>> from keras_funcs import search
    >>> hp = keras_tuner.HyperParameters()
    >>> activation = search.activation(hp)
    >>> x = keras.Input((8,))
    >>> y = activation()(keras.layers.Dense(64)(x))
    >>> y = activation()(keras.layers.Dense(64)(y))
    """
    chosen, values = _declare(hp, "activation", name, choices or ACTIVATIONS)
    return lambda: chosen.make(**values)


def loss(
    hp: Any,
    choices: Sequence[Any] | None = None,
    class_counts: Counts | None = None,
    task: str = "multiclass",
    from_logits: bool = True,
    name: str = "loss",
) -> Any:
    """Lets a search choose a loss; the model's outputs are logits.

    Args:
        hp: The `HyperParameters` that a tuner hands to `build`.
        choices: Sequence of names, classes, instances (searched as they are)
            or functions, of the pack or of Keras. Defaults to those of
            `LOSSES[task]` for which all arguments are known.
        class_counts: `(C,)` whole numbers, the training samples of each
            class, for the losses that need them.
        task: `"multiclass"` (labels are ids), `"onehot"` or `"binary"`.
        from_logits: Boolean. Whether the model's outputs are logits.
        name: String. The name of the choice.

    Returns:
        A loss for `model.compile`.
    """
    checks.one_of("task", task, tuple(LOSSES))
    if choices is None:
        choices = [
            item
            for item in LOSSES[task]
            if class_counts is not None or not _takes_counts(item)
        ]
    counts = None if class_counts is None else [int(n) for n in class_counts]
    fixed = {"from_logits": from_logits, "class_counts": counts}
    chosen, values = _declare(hp, "loss", name, choices, fixed)
    return chosen.make(**values)


def _takes_counts(name: str) -> bool:
    """Whether a loss is for known class counts."""
    entry = by_name(registered("losses"), name)
    return entry is not None and "class_counts" in arguments(entry.object)


def optimizer(
    hp: Any, choices: Sequence[Any] | None = None, name: str = "optimizer"
) -> Any:
    """Lets a search choose an optimizer and its learning rate.

    Args:
        hp: The `HyperParameters` that a tuner hands to `build`.
        choices: Sequence of names, classes or instances (searched as they
            are), of the pack or of Keras. Defaults to `OPTIMIZERS`.
        name: String. The name of the choice.

    Returns:
        A fresh optimizer for `model.compile`.
    """
    chosen, values = _declare(hp, "optimizer", name, choices or OPTIMIZERS)
    return chosen.make(**values)


def regularizer(
    hp: Any, choices: Sequence[Any] | None = None, name: str = "regularizer"
) -> Any:
    """Lets a search choose a weight regularizer, or none.

    Args:
        hp: The `HyperParameters` that a tuner hands to `build`.
        choices: Sequence of names, classes, instances (searched as they are)
            or None, of the pack or of Keras. Defaults to `REGULARIZERS`.
        name: String. The name of the choice.

    Returns:
        A regularizer, or None.
    """
    chosen, values = _declare(hp, "regularizer", name, choices or REGULARIZERS)
    return chosen.make(**values)


def _declare(
    hp: Any,
    kind: str,
    name: str,
    choices: Sequence[Any],
    fixed: Mapping[str, Any] | None = None,
) -> tuple[Option, dict[str, Any]]:
    """Declares choice and ranges; returns the chosen option and its values."""
    if isinstance(choices, str) or not isinstance(choices, Sequence):
        checks.invalid("choices", "a sequence such as a list", choices)
    options = [option(kind, choice, fixed or {}) for choice in choices]
    labels = [item.label for item in options]
    if len(set(labels)) < len(labels):
        checks.invalid("choices", "choices that differ", labels)
    start = next((item for item in labels if item in BASELINE), labels[0])
    _check_name(hp, name, labels)
    label = hp.Choice(name, labels, default=start)
    # Under an inactive condition of the user's there is no value; what is
    # made then is not used.
    chosen, found = options[labels.index(start)], {}
    for item in options:
        values = {}
        if item.tune:
            with hp.conditional_scope(name, [item.label]):
                for argument, domain in item.tune.items():
                    values[argument] = _value(
                        hp,
                        f"{name}/{item.label}/{argument}",
                        domain,
                        item.defaults.get(argument),
                    )
        if item.label == label:
            chosen, found = item, values
    return chosen, {k: v for k, v in found.items() if v is not _INACTIVE}


def _check_name(hp: Any, name: str, labels: list[str]) -> None:
    """Refuses a second choice under one name and one set of conditions."""
    conditions = hyperparameters.conditions(hp)
    for item in hp.space:
        if item.name == name and list(item.conditions) == conditions:
            before = getattr(item, "values", None)
            if before is not None and list(before) != labels:
                checks.invalid(
                    "name", f"another name: this is a choice of {before}", name
                )
    declared = _names.get()
    if declared is not None:
        key = (name, repr([item.get_config() for item in conditions]))
        if key in declared:
            checks.invalid(
                "name",
                "a name of its own for each choice; for one choice in two "
                "places, keep what the first call returns",
                name,
            )
        declared.add(key)


def _value(hp: Any, name: str, domain: Domain, default: Any) -> Any:
    """Declares one number or choice, by default what the constructor has."""
    if isinstance(domain, Choice):
        return _chosen(hp, name, domain, default)
    low, high = domain.low, domain.high
    number = isinstance(default, (int, float)) and not isinstance(default, bool)
    start = min(max(default, low), high) if number else low
    sampling = "log" if domain.log else "linear"
    if isinstance(low, int) and isinstance(high, int):
        found = hp.Int(name, low, high, sampling=sampling, default=int(start))
    else:
        found = hp.Float(
            name,
            float(low),
            float(high),
            sampling=sampling,
            default=float(start),
        )
    return _INACTIVE if found is None else found


def _chosen(hp: Any, name: str, domain: Choice, default: Any) -> Any:
    # KerasTuner knows neither None nor mixed types, and turns booleans into
    # integers: the search sees texts.
    values = {str(value): value for value in domain.values}
    start = str(default) if str(default) in values else next(iter(values))
    label = hp.Choice(name, list(values), default=start)
    return _INACTIVE if label is None else values[label]
