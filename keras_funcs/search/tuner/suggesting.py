"""`HyperParameters` whose values another library suggests. Needs KerasTuner."""

from collections.abc import Callable
from typing import Any

import keras_tuner
from keras_tuner.engine import hyperparameters as kinds


class Suggested(keras_tuner.HyperParameters):
    """Asks for the value of each active hyper-parameter once it is declared.

    Args:
        suggest: Function of a hyper-parameter to its value.
    """

    def __init__(self, suggest: Callable[[Any], Any]) -> None:
        super().__init__()
        self._suggest = suggest

    def _retrieve(self, hp: Any) -> Any:
        fixed = isinstance(hp, kinds.Fixed)
        if hp.name not in self.values and self.is_active(hp) and not fixed:
            self.values[hp.name] = self._suggest(hp)
        return super()._retrieve(hp)


def of_optuna(trial: Any) -> Suggested:
    """The hyper-parameters of a trial of Optuna."""

    def suggest(hp: Any) -> Any:
        if isinstance(hp, kinds.Boolean):
            return trial.suggest_categorical(hp.name, [False, True])
        if isinstance(hp, kinds.Choice):
            return trial.suggest_categorical(hp.name, list(hp.values))
        log = hp.sampling in ("log", "reverse_log")
        kind = "int" if isinstance(hp, kinds.Int) else "float"
        ask = getattr(trial, f"suggest_{kind}")
        if hp.step is None or log or (kind == "int" and hp.step == 1):
            return ask(hp.name, hp.min_value, hp.max_value, log=log)
        return ask(hp.name, hp.min_value, hp.max_value, step=hp.step)

    return Suggested(suggest)
