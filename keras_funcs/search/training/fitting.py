"""One training run: from a configuration and a seed to the best epoch."""

import copy
import gc
import math
import time
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from typing import Any

import keras
import numpy as np

from keras_funcs._core.confusion import confusion_counts
from keras_funcs._core.sublayers import touch
from keras_funcs.inspect.confusion import reading
from keras_funcs.inspect.recorder import flatten
from keras_funcs.search.spaces import catalogue
from keras_funcs.search.training import spreading

Build = Callable[[Any], Any]

# Whole validation sets up to this size are one batch: one shape to compile.
VALIDATION_BATCH = 2048
# Training arrays up to this size are copied to fill their last batch.
FILL_BYTES = 2**28


@dataclass(frozen=True)
class Settings:
    """What all runs of a study share."""

    build: Build
    train: Any
    validation: Any
    objective: Any
    epochs: int
    batch_size: int
    patience: int


@dataclass(frozen=True)
class Run:
    """What came out of one run.

    Attributes:
        score: Float. The objective in its best epoch.
        epoch: Integer. That epoch, from 0; its weights are in the model.
        logs: All metrics of that epoch.
        seconds: Float. The whole run.
        steady: Float. What it took without its first epoch, in which the
            model is compiled: what a further seed takes.
    """

    score: float
    epoch: int
    logs: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    steady: float = 0.0


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
        loss = logs.get("loss", 0.0)
        if not math.isfinite(loss):
            self.model.stop_training = True
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
            self.model.stop_training = True

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
        self.values = [np.array(to_numpy(v)) for v in _state(fresh)]

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

    def __init__(self, settings: Settings, hp: Any) -> None:
        self.settings = settings
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
        fresh = build(self.settings.build, self.hp)
        start = Start(fresh, seed)
        if self.model is None or not start.fits(self.model):
            self.model = fresh
        settings = self.settings
        best = BestEpoch(settings.objective, settings.patience)
        self.model.fit(
            **inputs(settings.train, settings.batch_size, seed),
            **_validation(settings.validation),
            epochs=epochs or settings.epochs,
            # First, so that the others end with the best weights in place.
            callbacks=[start, best, *callbacks],
            verbose=0,
        )
        if best.epoch < 0:
            raise NotFinite(
                f"`{settings.objective.name}` or the loss was not finite in "
                f"any epoch (last: {best.last})"
            )
        end = time.monotonic()
        return Run(
            score=best.logs[settings.objective.name],
            epoch=best.epoch,
            logs=best.logs,
            seconds=end - begin,
            steady=end - (best.compiled or begin),
        )

    def evaluate(self, split: Any) -> dict[str, float]:
        """All compiled metrics of the trained model on a split."""
        x, y, weight = parts_of(split)
        if y is None:
            logs = self.model.evaluate(x, verbose=0, return_dict=True)
        else:
            logs = self.model.evaluate(
                x,
                y,
                sample_weight=weight,
                batch_size=_evaluation_batch(y),
                verbose=0,
                return_dict=True,
            )
        return dict(flatten(logs))

    def confusion(self, split: Any) -> np.ndarray | None:
        """Counts `(C, C)` of true by predicted class, where there are any."""
        x, y, _ = parts_of(split)
        if y is None:
            pairs = []
            for item in batches(x):
                predicted = self.model.predict_on_batch(item[0])
                if keras.tree.is_nested(predicted):
                    return None
                pairs.append((to_numpy(predicted), to_numpy(item[1])))
            outputs = np.concatenate([pair[0] for pair in pairs])
            y = np.concatenate([pair[1] for pair in pairs])
        else:
            outputs = self.model.predict(
                x, batch_size=_evaluation_batch(y), verbose=0
            )
        if keras.tree.is_nested(outputs) or keras.tree.is_nested(y):
            return None
        return confusion_counts(y, outputs, **reading(self.model))


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


def settings_of(space: Any, values: Mapping[str, Any]) -> Any:
    """A copy of a space with the given values, those of inactive parts out."""
    hp = copy.deepcopy(space)
    hp.values = {}
    for item in hp.space:
        if hp.is_active(item):
            hp.values[item.name] = values.get(item.name, item.default)
    own = {k: v for k, v in values.items() if k.startswith("tuner/")}
    hp.values.update(own)
    return hp


def parts_of(split: Any) -> tuple[Any, Any, Any]:
    """`(x, y, weight)` of a split; of a data set x is the whole, y None."""
    if isinstance(split, (tuple, list)):
        x, y = split[0], split[1]
        return x, y, split[2] if len(split) > 2 else None
    return split, None, None


def count(part: Any) -> int:
    """The samples in an array, or in a structure of arrays."""
    return len(keras.tree.flatten(part)[0])


def batches(data: Any) -> Iterator[Any]:
    """The elements of a data set, once through."""
    if isinstance(data, keras.utils.PyDataset):
        # It has no end of iteration of its own.
        return (data[index] for index in range(data.num_batches or 0))
    return iter(data)


def to_numpy(value: Any) -> np.ndarray:
    """An array of whatever a data set yields."""
    if isinstance(value, np.ndarray):
        return value
    return np.asarray(keras.ops.convert_to_numpy(value))


def inputs(split: Any, batch_size: int, seed: int) -> dict[str, Any]:
    """The arguments of `fit` for the training data.

    The last batch of arrays is filled up with samples drawn at random: each
    further shape costs a compilation, longer than training on small data.
    """
    x, y, weight = parts_of(split)
    if y is None:
        return {"x": x}
    total = count(y)
    # What several devices share is filled up whatever its size.
    must = spreading.replicas() > 1
    size = spreading.divisible(min(batch_size, total))
    missing = -total % size
    parts = keras.tree.flatten((x, y))
    plain = all(isinstance(part, np.ndarray) for part in parts)
    small = sum(part.nbytes for part in parts) <= FILL_BYTES if plain else False
    if missing and plain and (small or must):
        drawn = np.random.default_rng(seed).choice(
            total, missing, replace=missing > total
        )
        order = np.concatenate([np.arange(total), drawn])
        x, y, weight = keras.tree.map_structure(
            lambda part: None if part is None else np.asarray(part)[order],
            (x, y, weight),
        )
    return {
        "x": x,
        "y": y,
        "sample_weight": weight,
        "batch_size": size,
        "shuffle": True,
    }


def _validation(split: Any) -> dict[str, Any]:
    x, y, weight = parts_of(split)
    if y is None:
        return {"validation_data": x}
    data = (x, y) if weight is None else (x, y, weight)
    return {
        "validation_data": data,
        "validation_batch_size": _evaluation_batch(y),
    }


def _evaluation_batch(y: Any) -> int:
    return min(count(y), spreading.divisible(VALIDATION_BATCH))


def _state(model: Any) -> list[Any]:
    """All variables of a model that training changes, metrics left out."""
    return [*model.variables, *model.optimizer.variables]
