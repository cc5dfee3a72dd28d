"""Checks of optimizers: what any of them owes to Keras's options."""

from typing import Any

import keras
import numpy as np

from keras_funcs._core.backend import active
from keras_funcs.testing.bench import inputs
from keras_funcs.testing.bench.cases import Case
from keras_funcs.testing.bench.models import bench
from keras_funcs.testing.bench.programs import pure_step
from keras_funcs.testing.bench.programs import results
from keras_funcs.testing.bench.programs import values
from keras_funcs.testing.runner import check
from keras_funcs.testing.runner import close
from keras_funcs.testing.runner import expect
from keras_funcs.testing.runner import finite
from keras_funcs.testing.runner import same

RATE = 0.05
STEPS = 300


@check("optimizers", once=True, dear=True)
def a_rate_of_zero_changes_nothing(case: Case) -> None:
    """Slots made from weights that a lazy build on TensorFlow sees as 0."""
    made = bench(case, learning_rate=0.0)
    before = made.model.get_weights()
    made.fit(2)
    for found, expected in zip(made.model.get_weights(), before):
        same(found, expected, "a weight after epochs with learning rate 0")


@check("optimizers", once=True, dear=True)
def early_and_lazy_builds_agree(case: Case) -> None:
    """State that depends on whether it was made before or within `fit`."""
    lazy, early = bench(case), bench(case)
    early.model.optimizer.build(early.model.trainable_variables)
    lazy.fit(1)
    early.fit(1)
    for found, expected in zip(early.state(), lazy.state()):
        close(found, expected, "the state after an early build", 1e-6, 1e-7)


@check("optimizers", dear=True)
def a_quadratic_is_minimized(case: Case) -> None:
    """A wrong sign, or a bias correction that stops the descent."""
    target = inputs.weights(1)
    optimizer = case.make(learning_rate=RATE)
    variable = keras.Variable(np.zeros_like(target))
    optimizer.build([variable])

    step = pure_step(optimizer, [variable])
    compiled = active().compiled(
        lambda weights, *state: step([weights - target], [weights], state)
    )
    arrays: Any = [values(variable), *map(values, optimizer.variables)]
    for _ in range(STEPS):
        arrays = compiled(*arrays)
    distance = np.abs(results(arrays)[0] - target).max()
    expect(
        distance < 0.3 * np.abs(target).max(),
        f"still {distance} off after {STEPS} steps at rate {RATE}",
    )


@check("optimizers", once=True)
def no_gradient_is_no_accident(case: Case) -> None:
    """0 / 0 where a weight gets no gradient, from the first step on."""
    gradients = [np.zeros_like(w) for w in _start()]
    for found, start in zip(_train(case, [gradients] * 3), _start()):
        finite(found, "a weight without a gradient")
        close(found, start, "a weight without a gradient")
    for size in (1e-30, 1e10):
        huge = [size * g for g in _gradients(1)]
        finite(np.concatenate(_flat(_train(case, [huge] * 2))), f"at {size}")


@check("optimizers", once=True, dear=True)
def options_of_keras_work(case: Case) -> None:
    """Clipping, averaging, loss scaling or accumulation that is overridden."""
    steps = [_gradients(seed) for seed in (1, 2, 3, 4)]
    plain = _train(case, steps)
    loose = {"clipvalue": 1e6}, {"clipnorm": 1e6}, {"global_clipnorm": 1e6}
    for option in loose:
        _agree(_train(case, steps, **option), plain, option)
    for option in ({"clipvalue": 0.1}, {"clipnorm": 0.1}):
        name = next(iter(option))
        clipped = [[_clip(g, name) for g in step] for step in steps]
        expected = _train(case, clipped)
        _agree(_train(case, steps, **option), expected, option)
    scaled = [[8.0 * g for g in step] for step in steps]
    option = {"loss_scale_factor": 8.0}
    _agree(_train(case, scaled, **option), plain, option)
    # Two steps of one gradient each are one step of their mean.
    means = [
        [(g + h) / 2 for g, h in zip(*pair)] for pair in (steps[:2], steps[2:])
    ]
    option = {"gradient_accumulation_steps": 2}
    _agree(_train(case, steps, **option), _train(case, means), option)


@check("optimizers", once=True, dear=True)
def averages_replace_the_weights(case: Case) -> None:
    """A moving average of the weights that is never written."""
    steps = [_gradients(seed) for seed in (1, 2)]
    usual = _train(case, steps)
    ema = {"use_ema": True, "ema_momentum": 0.5}
    _agree(_train(case, steps, **ema), usual, ema)
    found = _train(case, steps, ema_overwrite_frequency=2, **ema)
    # Keras's average starts at the first step's weights.
    means = [(w + v) / 2 for w, v in zip(_train(case, steps[:1]), usual)]
    _agree(found, means, {"ema_overwrite_frequency": 2})


@check("optimizers", once=True)
def decay_shrinks_and_can_be_excluded(case: Case) -> None:
    """Weight decay that is lost, or that reaches excluded variables."""
    gradients = [_gradients(1)] * 2
    plain = _train(case, gradients)
    decayed = _train(case, gradients, weight_decay=0.5)
    for found, other in zip(decayed, plain):
        expect(np.abs(found).sum() < np.abs(other).sum(), "decays nothing")
    optimizer = case.make(learning_rate=RATE, weight_decay=0.5)
    variables = [keras.Variable(w, name=f"w{i}") for i, w in _numbered()]
    optimizer.exclude_from_weight_decay(var_names=["w1"])
    optimizer.build(variables)
    for step in gradients:
        optimizer.apply(step, variables)
    same(values(variables[1]), plain[1], "an excluded variable")
    same(values(variables[0]), decayed[0], "another variable")


@check("optimizers", once=True, dear=True)
def lookups_have_gradients(case: Case) -> None:
    """Gradients by row, as TensorFlow gives them for an embedding."""
    keras.utils.set_random_seed(3)
    embedding = keras.layers.Embedding(5, 3)
    model = keras.Sequential(
        [keras.Input((2,)), embedding, keras.layers.Flatten()]
    )
    model.compile(case.make(learning_rate=RATE), "mse")
    before = embedding.get_weights()[0]
    rows = np.array([[0, 1], [1, 1]])
    model.fit(rows, np.ones((2, 6)), epochs=2, verbose=0)
    after = embedding.get_weights()[0]
    finite(after, "an embedding")
    expect(np.all(np.abs(after - before)[:2] > 0), "the rows did not move")
    same(after[2:], before[2:], "rows that were not looked up")


@check("optimizers", once=True, dear=True)
def schedules_are_taken(case: Case) -> None:
    """A learning rate that is read once, in the constructor."""
    rate = keras.optimizers.schedules.PiecewiseConstantDecay([1], [RATE, 0.0])
    steps = [_gradients(seed) for seed in (1, 2, 3, 4)]
    expected = _train(case, steps[:2])
    found = _train(case, steps, learning_rate=rate)
    _agree(found, expected, {"learning_rate": "schedule"})


def _start() -> list[np.ndarray]:
    return [inputs.weights(rank) for rank in (1, 2)]


def _numbered() -> list[tuple[int, np.ndarray]]:
    return list(enumerate(_start()))


def _gradients(seed: int) -> list[np.ndarray]:
    return [inputs.weights(rank, seed) for rank in (1, 2)]


def _train(case: Case, steps: Any, **arguments: Any) -> list[np.ndarray]:
    """The weights after a step with each of the gradients."""
    optimizer = case.make(**{"learning_rate": RATE, **arguments})
    variables = [keras.Variable(start) for start in _start()]
    optimizer.build(variables)
    for gradients in steps:
        optimizer.apply(
            [keras.ops.convert_to_tensor(g) for g in gradients], variables
        )
    return results([variable.value for variable in variables])


def _agree(found: Any, expected: Any, option: Any) -> None:
    for one, other in zip(found, expected):
        close(one, other, f"weights with {option}", 1e-4, 1e-5)


def _clip(gradient: np.ndarray, how: str) -> np.ndarray:
    if how == "clipvalue":
        return np.clip(gradient, -0.1, 0.1)
    return gradient * min(1.0, 0.1 / float(np.linalg.norm(gradient)))


def _flat(arrays: list[np.ndarray]) -> list[np.ndarray]:
    return [np.ravel(array) for array in arrays]
