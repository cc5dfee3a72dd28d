"""The same spaces in searches of other libraries."""

from collections.abc import Sequence
from typing import Any

from keras_funcs._core import checks
from keras_funcs._core.extras import require
from keras_funcs._core.labels import class_weights
from keras_funcs._core.typing import Counts

SCHEMES = ("balanced", "sqrt", "effective")


def optuna_trial(trial: Any) -> Any:
    """Returns an `hp` whose values a trial of Optuna suggests.

    Every space that a KerasTuner search takes is then one of Optuna's, under
    the same names, for its samplers, pruners, storages and importances.

    Args:
        trial: `optuna.Trial`, or anything with its `suggest_categorical`,
            `suggest_float` and `suggest_int`.

    Returns:
        A `keras_tuner.HyperParameters`. Only what is active is suggested.

    Example:

    >>> import optuna
    >>> optuna.logging.set_verbosity(optuna.logging.ERROR)
    >>> def objective(trial):
    ...     hp = keras_funcs.search.optuna_trial(trial)
    ...     return (hp.Float("rate", 0.0, 1.0) - 0.5) ** 2
    >>> study = optuna.create_study()
    >>> study.optimize(objective, 3)
    >>> list(study.best_params)
    ['rate']
    """
    if not hasattr(trial, "suggest_categorical"):
        checks.invalid("trial", "an `optuna.Trial`", trial)
    require("keras_tuner")
    from keras_funcs.search.tuner.suggesting import of_optuna

    return of_optuna(trial)


def class_weight(
    hp: Any,
    class_counts: Counts,
    choices: Sequence[str | None] = (None, *SCHEMES),
    name: str = "class_weight",
) -> dict[int, float] | None:
    """Lets a search choose the class weights of `fit`.

    For a tuner whose `run_trial` calls `fit`. In a study, which calls it by
    itself, the loss `WeightedCrossentropy` is the same choice.

    Args:
        hp: The `HyperParameters` that a tuner hands over.
        class_counts: `(C,)` whole numbers, the training samples of each class.
        choices: Sequence of None, `"balanced"` (inverse to the counts),
            `"sqrt"` (to their root) and `"effective"` (number of samples).
        name: String. The name of the choice.

    Returns:
        The argument `class_weight` of `fit`, or None.
    """
    for item in choices:
        checks.one_of("choices", item, (None, *SCHEMES))
    labels = ["none" if item is None else item for item in choices]
    chosen = hp.Choice(name, labels, default=labels[0])
    if chosen in (None, "none"):
        return None
    weights = class_weights(class_counts, chosen)
    return {index: float(weight) for index, weight in enumerate(weights)}
