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
from keras_funcs._core.typing import Counts
from keras_funcs.search.spaces import fits
from keras_funcs.search.spaces.options import Domain
from keras_funcs.search.spaces.options import Option
from keras_funcs.search.spaces.options import option
from keras_funcs.search.spaces.tasks import TASKS
from keras_funcs.search.spaces.tasks import task_of
from keras_funcs.search.tuner import hyperparameters

_INACTIVE = object()  # has no value under a condition that does not hold

# What a search compares with; the default of a choice that offers it.
BASELINE = frozenset(
    {"relu", "adam", "none", *(task.baseline for task in TASKS.values())}
)

Choices = Sequence[Any] | str | None

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
    hp: Any, choices: Choices = None, name: str = "activation"
) -> Callable[[], Any]:
    """Lets a search choose an activation.

    Args:
        hp: The `HyperParameters` that a tuner hands to `build`.
        choices: Sequence of names, classes, instances (searched as they are)
            or functions, of the pack or of Keras; `"all"` for every one of
            `search.space`. Defaults to its shortlist.
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
    chosen, values = declare(hp, name, options("activation", choices))
    return lambda: chosen.make(**values)


def loss(
    hp: Any,
    choices: Choices = None,
    class_counts: Counts | None = None,
    task: str = "multiclass",
    from_logits: bool = True,
    name: str = "loss",
) -> Any:
    """Lets a search choose a loss for a model with a head of its own.

    `search.output` chooses the head along with the loss.

    Args:
        hp: The `HyperParameters` that a tuner hands to `build`.
        choices: Sequence of names, classes, instances (searched as they are)
            or functions, of the pack or of Keras; `"all"` for every one that
            fits the task. Defaults to the task's shortlist, without the losses
            for which an argument is unknown.
        class_counts: `(C,)` whole numbers, the training samples of each
            class, for the losses that need them.
        task: String, as of `search.space`.
        from_logits: Boolean. Whether the model's outputs are logits.
        name: String. The name of the choice.

    Returns:
        A loss for `model.compile`.
    """
    found = task_of(task)
    if choices is None or choices == "all":
        held = fits.losses(found, class_counts is not None)
        if choices == "all":
            held = fits.space(task, class_counts).fitting["loss"]
        choices = [item for item in held if item not in found.pairs]
    fixed = known(class_counts, from_logits)
    chosen, values = declare(hp, name, options("loss", choices, fixed))
    return chosen.make(**values)


def known(
    class_counts: Counts | None, from_logits: bool = True
) -> dict[str, Any]:
    """The arguments that losses are given if they take them."""
    counts = None if class_counts is None else [int(n) for n in class_counts]
    return {"from_logits": from_logits, "class_counts": counts}


def optimizer(hp: Any, choices: Choices = None, name: str = "optimizer") -> Any:
    """Lets a search choose an optimizer and its learning rate.

    Args:
        hp: The `HyperParameters` that a tuner hands to `build`.
        choices: As of `search.activation`, without functions.
        name: String. The name of the choice.

    Returns:
        A fresh optimizer for `model.compile`.
    """
    chosen, values = declare(hp, name, options("optimizer", choices))
    return chosen.make(**values)


def regularizer(
    hp: Any, choices: Choices = None, name: str = "regularizer"
) -> Any:
    """Lets a search choose a weight regularizer, or none.

    Args:
        hp: The `HyperParameters` that a tuner hands to `build`.
        choices: As of `search.activation`; None in it is no regularizer.
        name: String. The name of the choice.

    Returns:
        A regularizer, or None.
    """
    chosen, values = declare(hp, name, options("regularizer", choices))
    return chosen.make(**values)


def options(
    kind: str, choices: Choices, fixed: Mapping[str, Any] | None = None
) -> list[Option]:
    """Reads the choices of a kind: once, for whoever declares them often.

    Args:
        kind: `"activation"`, `"loss"`, `"optimizer"` or `"regularizer"`.
        choices: Sequence, `"all"`, or None for the shortlist.
        fixed: As for `option`.
    """
    if choices is None:
        choices = fits.SHORTLIST[kind]
    elif choices == "all":
        choices = fits.space("multiclass").fitting[kind]
    if isinstance(choices, str) or not isinstance(choices, Sequence):
        checks.invalid(
            "choices", 'a sequence such as a list, or "all"', choices
        )
    return [option(kind, choice, fixed or {}) for choice in choices]


def declare(
    hp: Any, name: str, choices: Sequence[Option]
) -> tuple[Option, dict[str, Any]]:
    """Declares choice and ranges; returns the chosen option and its values."""
    labels = [item.label for item in choices]
    if len(set(labels)) < len(labels):
        checks.invalid("choices", "choices that differ", labels)
    start = next((item for item in labels if item in BASELINE), labels[0])
    _check_name(hp, name, labels)
    label = hp.Choice(name, labels, default=start)
    # Under an inactive condition of the user's there is no value; what is
    # made then is not used.
    chosen, found = choices[labels.index(start)], {}
    for item in choices:
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
