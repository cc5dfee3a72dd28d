"""One training run: from a configuration and a seed to the best epoch."""

import gc
import math
import time
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from typing import Any

import keras
import numpy as np

from keras_funcs._core.sublayers import touch
from keras_funcs.inspect.recorder import flatten
from keras_funcs.search.plan import Build
from keras_funcs.search.plan import Plan
from keras_funcs.search.spaces import catalogue
from keras_funcs.search.training import data
from keras_funcs.search.training import spreading


@dataclass(frozen=True)
class Run:
    """The outcome of one run.

    Attributes:
        score: Float. The objective in its best epoch.
        epoch: Integer. That epoch, from 0; its weights are in the model.
        logs: All metrics of that epoch.
        seconds: Float. The whole run.
        steady: Float. What it took without its first epoch, in which the
            model is compiled: what a further seed takes.
        history: Tuple of floats. The objective by epoch.
        stopped: String. As of `Tried`.
    """

    score: float
    epoch: int
    logs: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    steady: float = 0.0
    history: tuple[float, ...] = ()
    stopped: str = "epochs"


class NotFinite(ArithmeticError):
    """No epoch of a run gave a finite objective and a finite loss."""


class BestEpoch(keras.callbacks.Callback):
    """Keeps the weights of the best epoch, and stops when none gets better.

    An epoch counts only if its objective and its training loss are finite: a
    diverged model has an accuracy too.
    """

    def __init__(self, objective: Any, patience: int) -> None:
        super().__init__()
        self.objective = objective
        self.patience = patience
        self.epoch = -1
        self.last: Any = None
        self.logs: dict[str, float] = {}
        self.compiled: float | None = None
        self.history: list[float] = []
        self.stopped = "epochs"
        self._weights: Any = None

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        logs = dict(flatten(logs or {}))
        if self.compiled is None:
            self.compiled = time.monotonic()
        self.last = logs.get(self.objective.name)
        if self.last is None:
            known = sorted(name for name in logs if name.startswith("val_"))
            raise ValueError(
                "Invalid value for argument `objective`. Expected one of "
                f"{known}. Received: {self.objective.name}"
            )
        self.history.append(float(self.last))
        loss = logs.get("loss", 0.0)
        if not math.isfinite(loss):
            self._stop("not finite")
        elif math.isfinite(self.last) and (
            self.epoch < 0
            or self.objective.better_than(
                self.last, self.logs[self.objective.name]
            )
        ):
            self.epoch = epoch
            self.logs = logs
            self._weights = self.model.get_weights()
        elif epoch - max(self.epoch, 0) >= self.patience:
            self._stop("patience")

    def _stop(self, reason: str) -> None:
        self.model.stop_training = True
        self.stopped = reason

    def on_train_end(self, logs: Any = None) -> None:
        if self._weights is not None:
            self.model.set_weights(self._weights)


class Start(keras.callbacks.Callback):
    """Puts a freshly built model's state where training begins.

    Not before `fit`: its first call on a model draws random numbers and moves
    the state of dropout, later ones do not.
    """

    def __init__(self, fresh: Any, seed: int) -> None:
        super().__init__()
        self.seed = seed
        self.built = fresh.built and fresh.optimizer.built
        # Copies: on torch an array shares the memory of its variable.
        self.values = [np.array(data.to_numpy(v)) for v in _state(fresh)]

    def fits(self, model: Any) -> bool:
        """Whether the state has the model's shapes."""
        shapes = [tuple(variable.shape) for variable in _state(model)]
        return self.built and shapes == [v.shape for v in self.values]

    def on_train_begin(self, logs: Any = None) -> None:
        if self.built and self.fits(self.model):
            for variable, value in zip(_state(self.model), self.values):
                variable.assign(value)
        keras.utils.set_random_seed(self.seed)


class Program:
    """A configuration, compiled once and trained from several seeds.

    The second and later seeds put the state of a freshly built model into the
    compiled one. That is the same training, without compiling it again.
    """

    def __init__(self, plan: Plan, hp: Any) -> None:
        self.plan = plan
        self.hp = hp
        self.model: Any = None

    def fit(
        self,
        seed: int,
        epochs: int | None = None,
        callbacks: Sequence[Any] = (),
    ) -> Run:
        """Trains from a seed: initial weights, order of samples, dropout.

        Raises:
            NotFinite: where the run diverged from the start.
        """
        begin = time.monotonic()
        keras.utils.set_random_seed(seed)
        fresh = build(self.plan.build, self.hp)
        start = Start(fresh, seed)
        if self.model is None or not start.fits(self.model):
            self.model = fresh
        plan = self.plan
        best = BestEpoch(plan.objective, plan.patience)
        self.model.fit(
            **data.inputs(plan.dataset.train, plan.batch_size, seed),
            **data.validation(plan.dataset.validation),
            epochs=epochs or plan.epochs,
            # First, so that the others end with the best weights in place.
            callbacks=[start, best, *callbacks],
            verbose=0,
        )
        if best.epoch < 0:
            raise NotFinite(
                f"`{plan.objective.name}` or the loss was not finite in "
                f"any epoch (last: {best.last})"
            )
        end = time.monotonic()
        return Run(
            score=best.logs[plan.objective.name],
            epoch=best.epoch,
            logs=best.logs,
            seconds=end - begin,
            steady=end - (best.compiled or begin),
            history=tuple(best.history),
            stopped=best.stopped,
        )

    def load(self, weights: Sequence[Any]) -> None:
        """Puts in the weights of a run that was made elsewhere."""
        if self.model is None:
            self.model = build(self.plan.build, self.hp)
        self.model.set_weights(weights)

    def evaluate(self, split: Any) -> dict[str, float]:
        """All compiled metrics of the trained model on a split."""
        x, y, weight = data.parts_of(split)
        if y is None:
            logs = self.model.evaluate(x, verbose=0, return_dict=True)
        else:
            logs = self.model.evaluate(
                x,
                y,
                sample_weight=weight,
                batch_size=data.evaluation_batch(y),
                verbose=0,
                return_dict=True,
            )
        return dict(flatten(logs))

    def predict(self, split: Any) -> tuple[np.ndarray, np.ndarray] | None:
        """Labels and outputs of a split; None if either are several arrays."""
        x, y, _ = data.parts_of(split)
        if y is None:
            pairs = [
                (item[1], self.model.predict_on_batch(item[0]))
                for item in data.batches(x)
            ]
        else:
            size = data.evaluation_batch(y)
            pairs = [(y, self.model.predict(x, batch_size=size, verbose=0))]
        if any(keras.tree.is_nested(part) for pair in pairs for part in pair):
            return None
        labels, outputs = (
            np.concatenate([data.to_numpy(part) for part in parts])
            for parts in zip(*pairs)
        )
        return labels, outputs


def build(function: Build, hp: Any) -> Any:
    """Builds the model and makes its every weight.

    Raises:
        TypeError: where `build` returns no compiled model.
    """
    with catalogue.one_model():
        model = function(hp)
    if not isinstance(model, keras.Model) or not model.compiled:
        raise TypeError(
            "Invalid value for argument `build`. Expected a function that "
            f"returns a compiled keras.Model. Received: {type(model)}"
        )
    touch(model)
    if model.built and not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    return model


def clear() -> None:
    """Gives the memory of earlier models back."""
    spreading.clear()
    gc.collect()


def _state(model: Any) -> list[Any]:
    """All variables of a model that training changes, metrics left out."""
    return [*model.variables, *model.optimizer.variables]
