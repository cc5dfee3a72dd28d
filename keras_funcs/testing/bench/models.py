"""A small compiled model around any component, and data to train it on."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_funcs.losses import LossModel
from keras_funcs.losses import WeightedCrossentropy
from keras_funcs.testing.bench import inputs
from keras_funcs.testing.bench.cases import CLASSES
from keras_funcs.testing.bench.cases import Case
from keras_funcs.testing.bench.programs import results

BATCH = 8
SAMPLES = 16  # two batches, which two devices can halve
RAGGED = 20  # two batches and a half
UNITS = 6


@keras.saving.register_keras_serializable("keras_funcs.testing")
class Probe(keras.layers.Layer):
    """Counts how often the model's step is traced."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.traces = 0

    def call(self, inputs: Any) -> Any:
        self.traces += 1
        return inputs


@dataclass(frozen=True)
class Bench:
    """A model with one component in it, ready to train."""

    model: keras.Model
    component: Any
    callbacks: list[keras.callbacks.Callback]
    x: Any
    y: np.ndarray

    def fit(
        self, epochs: int = 1, samples: int = SAMPLES, **arguments: Any
    ) -> dict[str, Any]:
        """Trains in a fixed order; the history."""
        given = {
            "batch_size": BATCH,
            "callbacks": self.callbacks,
            "shuffle": False,
            "verbose": 0,
        }
        history = self.model.fit(
            self.rows(samples),
            self.y[:samples],
            epochs=epochs,
            **{**given, **arguments},
        )
        return dict(history.history)

    def state(self) -> list[np.ndarray]:
        """Everything that training changes."""
        model = self.model
        return results([*model.weights, *model.optimizer.variables])

    def rows(self, samples: int) -> Any:
        """The first inputs."""
        return keras.tree.map_structure(lambda item: item[:samples], self.x)

    def predict(self, samples: int = SAMPLES) -> np.ndarray:
        # Not by `predict`, which compiles: for seconds, on tiny models.
        return results([self.model(self.rows(samples), training=False)])[0]

    def uncompiled(self) -> keras.Model:
        """The same layers without an optimizer, whose slots are weights too."""
        return keras.Model(self.model.inputs, self.model.outputs)

    def reload(self, path: Path) -> "Bench":
        """The same, from a file."""
        self.model.save(path)
        loaded = keras.saving.load_model(path)
        return Bench(loaded, None, self.callbacks, self.x, self.y)


def bench(
    case: Case,
    seed: int = 3,
    first: keras.layers.Layer | None = None,
    **overrides: Any,
) -> Bench:
    """A model with a fresh component where its kind belongs.

    `first` is the layer to begin the model with.
    """
    keras.utils.set_random_seed(seed)
    component = case.make(**overrides)
    kind = case.kind
    x = inputs.features(case, batch=RAGGED)
    y = inputs.labels(case, batch=RAGGED)
    if kind not in ("losses", "adaptive_losses", "metrics"):
        y = inputs.class_ids(batch=RAGGED)
    plain = not np.issubdtype(y.dtype, np.integer)
    logits = inputs.takes_logits(component)
    loss: Any = keras.losses.SparseCategoricalCrossentropy(from_logits=logits)
    if plain:
        loss = keras.losses.BinaryCrossentropy(from_logits=logits)
    if kind == "callbacks":  # some need a loss that weighs classes
        loss = WeightedCrossentropy(
            class_counts=[40, 20, 10, 5], from_logits=True
        )
    optimizer: Any = keras.optimizers.SGD(
        component if kind == "schedules" else 0.05, momentum=0.9
    )
    model = keras.Model(*_network(case, component, logits, plain, first))
    if kind == "losses":
        loss = component
    if kind == "adaptive_losses":
        model, loss = LossModel(model, component), None
    model.compile(
        optimizer=component if kind == "optimizers" else optimizer,
        loss=loss,
        metrics=[component] if kind == "metrics" else None,
        jit_compile=False if keras.config.backend() == "torch" else "auto",
    )
    if kind != "optimizers":
        # TensorFlow traces a step twice that makes variables.
        model.optimizer.build(model.trainable_variables)
    callbacks = [component] if kind == "callbacks" else []
    return Bench(model, component, callbacks, x, y)


@dataclass(frozen=True)
class Training:
    """One epoch of a model: its history, and the state right after it.

    A check may train the model further.
    """

    bench: Bench
    probe: Probe
    history: dict[str, Any]
    state: list[np.ndarray]
    predictions: np.ndarray


@lru_cache(maxsize=1)
def trained(case: Case) -> Training:
    """A training that the checks of a case share."""
    probe = Probe()
    made = bench(case, first=probe)
    history = made.fit()
    return Training(made, probe, history, made.state(), made.predict())


def _network(
    case: Case,
    component: Any,
    logits: bool,
    plain: bool,
    first: keras.layers.Layer | None,
) -> tuple[Any, Any]:
    x = outputs = inputs.symbols(case)
    if first is not None:
        head, *others = keras.tree.flatten(x)
        outputs = first(head)
        outputs = [outputs, *others] if isinstance(x, list) else outputs
    if case.kind == "layers":
        outputs = component(outputs)
    elif case.kind == "activations" and not keeps_shape(component):
        outputs = component(keras.layers.Dense(UNITS)(outputs))
    else:
        named = case.kind == "activations"
        penalty = component if case.kind == "regularizers" else None
        draws = case.kind == "initializers"
        start = component if draws else "glorot_uniform"
        outputs = keras.layers.Dense(
            UNITS,
            activation=case.target if named else "tanh",
            kernel_initializer=start,
            kernel_regularizer=penalty,
        )(outputs)
    if len(outputs.shape) > 2:
        outputs = keras.layers.Flatten()(outputs)
    last = None if logits else "sigmoid" if plain else "softmax"
    return x, keras.layers.Dense(CLASSES, activation=last)(outputs)


def keeps_shape(function: Any) -> bool:
    """Whether it can be the `activation=` of a layer."""
    y = function(keras.ops.zeros((1, UNITS)))
    return bool(y.shape[-1] == UNITS)
