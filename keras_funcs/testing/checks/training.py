"""Checks of training: compiled steps, saved files, resumed runs."""

import tempfile
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
from keras import ops

from keras_funcs.testing.bench import inputs
from keras_funcs.testing.bench.cases import Case
from keras_funcs.testing.bench.models import RAGGED
from keras_funcs.testing.bench.models import Probe
from keras_funcs.testing.bench.models import bench
from keras_funcs.testing.bench.models import trained
from keras_funcs.testing.bench.programs import results
from keras_funcs.testing.checks.activations import is_adaptive
from keras_funcs.testing.runner import NUMERIC
from keras_funcs.testing.runner import check
from keras_funcs.testing.runner import close
from keras_funcs.testing.runner import expect
from keras_funcs.testing.runner import finite
from keras_funcs.testing.runner import same


@check(once=True, dear=True, trains=True)
def resumed_training_is_the_same(case: Case) -> None:
    """State that a saved file loses: slots, counters, seeds, hyperparameters.

    Two epochs more are the same, bit by bit, for the model and for its copy
    from a file.
    """
    kept = trained(case).bench
    before = kept.predict()
    finite(before, "predictions after training")
    with tempfile.TemporaryDirectory() as folder:
        loaded = kept.reload(Path(folder) / "model.keras")
    same(loaded.predict(), before, "predictions of the loaded model")
    for model in (kept, loaded):
        model.fit(3, initial_epoch=1)
    for found, expected in zip(loaded.state(), kept.state()):
        same(found, expected, "the state after a resumed training")


# The others trace nothing.
@check(
    *NUMERIC, once=True, dear=True, trains=True, backends=("tensorflow", "jax")
)
def steps_are_traced_once(case: Case) -> None:
    """A Python value in a step that changes and makes it compile again.

    The last batch of every epoch is smaller than the others.
    """
    made, probe = trained(case).bench, trained(case).probe
    counts: list[int] = []
    count = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: counts.append(probe.traces)
    )
    made.fit(4, RAGGED, callbacks=[*made.callbacks, count])
    expect(
        counts[-1] == counts[0],
        f"traces of the step after each epoch: {counts}",
    )


@check("layers", once=True, dear=True, trains=True)
def same_seed_gives_the_same(case: Case) -> None:
    """A random number that Keras's seed does not reach."""
    second = bench(case)
    second.fit()
    for found, expected in zip(second.state(), trained(case).state):
        same(found, expected, "the state after a training of the same seed")


@check("layers", once=True, dear=True, trains=True)
def weights_load_into_a_fresh_model(case: Case) -> None:
    """Weights made at the first call: absent from counts and from files."""
    source = trained(case).bench
    fresh = bench(case, seed=4, first=Probe())
    before = fresh.model.count_params()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.weights.h5"
        source.uncompiled().save_weights(path)
        fresh.uncompiled().load_weights(path)
    same(fresh.predict(), source.predict(), "predictions with loaded weights")
    expect(
        before == fresh.model.count_params(),
        "the first call added weights",
    )


@check("layers", "activations", once=True, dear=True)
def clones_predict_the_same(case: Case) -> None:
    """A layer that `clone_model` cannot make again."""
    made = bench(case)
    clone = keras.models.clone_model(made.model)
    clone.set_weights(made.model.get_weights())
    found = replace(made, model=clone).predict()
    same(found, made.predict(), "predictions of a clone")


@check("layers", dear=True)
def inference_is_deterministic(case: Case) -> None:
    """Noise that is not switched off outside training."""
    layer, x = case.make(), inputs.features(case)
    first = results([layer(x, training=False)])
    for mode in ({"training": False}, {}):
        same(results([layer(x, **mode)]), first, "a second call")


@check("layers", once=True, dear=True, only=lambda case: case.rank_is_free)
def masks_pass(case: Case) -> None:
    """A layer that drops the mask of a padded sequence."""
    layer = case.make()
    x = inputs.sequences(case)
    x[:, -1] = 0.0
    masking = keras.layers.Masking(0.0)
    marked = masking(x)
    expected = masking.compute_mask(x)
    expect(layer.supports_masking, "supports_masking is False")
    layer(marked)
    found = layer.compute_mask(marked, expected)
    same(results([found]), results([expected]), "the mask")


@check("layers", once=True, dear=True, only=lambda case: case.rank_is_free)
def unknown_sizes_are_taken(case: Case) -> None:
    """A layer that needs the batch size or the length of a sequence."""
    x = inputs.sequences(case)
    layer = case.make()
    symbol = keras.Input((None, x.shape[-1]))
    model = keras.Model(symbol, layer(symbol))
    expected = results([layer(x)])
    for part in (x[:, :1], x[:1]):
        finite(results([model(part)]), f"an input of shape {part.shape}")
    close(results([model(x)]), expected, "the model's output")
    announced = layer.compute_output_shape((None, None, x.shape[-1]))
    expect(
        tuple(announced)[2:] == tuple(expected[0].shape)[2:],
        f"compute_output_shape gave {announced}",
    )


@check("layers", once=True, dear=True, only=lambda case: not case.rank_is_free)
def unknown_maps_are_taken(case: Case) -> None:
    """A layer that needs the sizes of a map or of a batch.

    All but the channels, on the last axis, are unknown.
    """
    x = inputs.features(case)
    layer = case.make()
    fixed = case.layer.sizes_are_known
    symbols = inputs.symbols(case, sizes=fixed)
    y = layer(symbols)
    model = keras.Model(symbols, y)
    expected = results([layer(x)])
    close(results([model(x)]), expected, "the model's output")
    one = keras.tree.map_structure(lambda item: item[:1], x)
    finite(results([model(one)]), "a batch of one")
    found = tuple(expected[0].shape)
    announced = layer.compute_output_shape(inputs.shapes(x))
    expect(
        tuple(announced) == (None, *found[1:]),
        f"compute_output_shape gave {announced} in place of {found}",
    )
    fits = [a in (None, b) for a, b in zip(y.shape, found)]
    expect(all(fits), f"the symbolic call announced {y.shape}, gave {found}")


@check("layers", once=True, dear=True, only=is_adaptive)
def serves_as_an_activation(case: Case) -> None:
    """A layer in `Dense(activation=...)` whose weights come too late."""
    models = []
    for seed in (1, 2):
        keras.utils.set_random_seed(seed)
        layer = case.make(axis=None)
        x = keras.Input((6,))
        y = keras.layers.Dense(4, activation=layer)(x)
        models.append(keras.Model(x, y))
    counts = [model.count_params() for model in models]
    added = sum(int(np.prod(w.shape)) for w in layer.weights)
    expect(counts == [28 + added] * 2 and added > 0, f"{counts} parameters")
    rows = inputs.generator().normal(size=(3, 6)).astype("float32")
    with tempfile.TemporaryDirectory() as folder:
        models[0].save_weights(Path(folder) / "a.weights.h5")
        models[1].load_weights(Path(folder) / "a.weights.h5")
        models[0].save(Path(folder) / "a.keras")
        loaded = keras.saving.load_model(Path(folder) / "a.keras")
    expected = results([models[0](rows)])
    for model in (models[1], loaded):
        same(results([model(rows)]), expected, "a reloaded activation")


@check(
    "layers",
    once=True,
    dear=True,
    only=lambda case: case.accepts("shared_axes"),
)
def channels_may_come_first(case: Case) -> None:
    """Coefficients on the wrong axis of `(batch, channels, height, width)`."""
    x = inputs.generator().normal(size=(2, 3, 4, 5)).astype("float32")
    last = case.make(axis=-1)
    expected = results([last(np.moveaxis(x, 1, -1))])[0]
    for arguments in ({"axis": 1}, {"shared_axes": [2, 3]}):
        layer = case.make(**arguments)
        found = results([layer(x)])[0]
        close(np.moveaxis(found, 1, -1), expected, f"{arguments}")
        expect(
            layer.count_params() == last.count_params(),
            f"{arguments}: {layer.count_params()} coefficients",
        )


@check("schedules")
def rates_are_finite_and_positive(case: Case) -> None:
    """A rate below 0, or NaN where a phase has no steps."""
    schedule = case.make()
    for step in (0, 1, 5, 50, 10**6):
        for given in (step, ops.convert_to_tensor(step, dtype="int32")):
            (rate,) = results([schedule(given)])
            finite(rate, f"the rate at step {step}")
            expect(rate >= 0, f"the rate at step {step} is {rate}")
