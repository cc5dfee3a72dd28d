"""The flags that all of the pack's optimizers share."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_funcs import optimizers
from keras_funcs._core.catalogue import read_docstring
from tests.optimizers import transcriptions as paper

CLOSE = {"rtol": 1e-5, "atol": 1e-5}
KINDS = {
    optimizers.AdaBelief: paper.AdaBelief,
    optimizers.AdEMAMix: paper.AdEMAMix,
}
both = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)


@both
@pytest.mark.parametrize("cautious", [False, True])
@pytest.mark.parametrize("mode", ["decoupled", "cautious", "corrected"])
def test_caution_and_decay_are_the_definition(kind, cautious, mode):
    grads = paper.gradients(50)

    def rate(step):  # rises, then falls
        return (
            0.02 * (step + 1) / 10 if step < 10 else 0.02 * 0.97 ** (step - 9)
        )

    class Schedule(keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step):
            t = ops.cast(step, "float32")
            fall = 0.02 * ops.power(0.97, t - 9.0)
            return ops.where(t < 10, 0.002 * (t + 1.0), fall)

    wanted = paper.transcribe(
        KINDS[kind], grads, rate, decay=0.3, mode=mode, cautious=cautious
    )
    optimizer = kind(
        Schedule(), weight_decay=0.3, weight_decay_mode=mode, cautious=cautious
    )
    np.testing.assert_allclose(paper.run(optimizer, grads), wanted, **CLOSE)
    # The flags change something here.
    plain = paper.transcribe(KINDS[kind], grads, rate, decay=0.3)
    if cautious or mode != "decoupled":
        assert abs(wanted[-1] - plain[-1]).max() > 1e-3


def test_no_decay_without_weight_decay():
    grads = paper.gradients(3)
    runs = [
        paper.run(optimizers.AdaBelief(0.1, weight_decay_mode=mode), grads)
        for mode in ("decoupled", "cautious", "corrected")
    ]
    np.testing.assert_array_equal(runs[0], runs[1])
    np.testing.assert_array_equal(runs[0], runs[2])


def test_caution_with_no_agreement_moves_nothing():
    # The momentum of a huge gradient outlives a small one against it.
    grads = np.array([[100.0], [-1.0]], "float32")
    path = paper.run(
        optimizers.AdEMAMix(0.1, cautious=True), grads, np.ones(1, "float32")
    )
    assert path[0, 0] < 1 and path[1, 0] == path[0, 0]


def small_model(optimizer=None):
    model = keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(4, name="body"),
            keras.layers.Dense(2, name="head"),
        ]
    )
    if optimizer is not None:
        model.compile(optimizer, "mse")
    return model


def paths_of(model):
    """Such as `body/kernel`, without the model's name."""
    variables = model.trainable_variables
    return [v.path.removeprefix(f"{model.name}/") for v in variables]


def apply_zeros(model, optimizer):
    """One step with gradients of 0, in which only decay moves anything."""
    grads = [ops.zeros(v.shape) for v in model.trainable_variables]
    before = [w.copy() for w in model.get_weights()]
    optimizer.apply(grads, model.trainable_variables)
    return before, model.get_weights()


@both
def test_exclusions_are_searched_for_in_paths(kind):
    model = small_model()
    model.set_weights([np.ones_like(w) for w in model.get_weights()])
    optimizer = kind(
        0.5, weight_decay=0.1, weight_decay_exclusions=["bias$", "head/k"]
    )
    _, after = apply_zeros(model, optimizer)
    wanted = dict(zip(paths_of(model), after))
    for path, weight in wanted.items():
        kept = "bias" in path or path.startswith("head/")
        np.testing.assert_allclose(weight, 1.0 if kept else 0.95, 1e-6)
    assert list(wanted)[0] == "body/kernel" and len(wanted) == 4


@both
def test_multipliers_scale_the_rate_and_the_first_match_counts(kind):
    model = small_model()
    start = model.get_weights()
    grads = [ops.ones(v.shape) for v in model.trainable_variables]
    moves = []
    for multipliers in (None, {"head/bias": 0.0, "head": 0.25, "bias": 3.0}):
        model.set_weights(start)
        optimizer = kind(0.01, learning_rate_multipliers=multipliers)
        optimizer.apply(grads, model.trainable_variables)
        moves.append([b - a for a, b in zip(start, model.get_weights())])
    factors = {
        "body/kernel": 1.0,
        "body/bias": 3.0,
        "head/kernel": 0.25,
        "head/bias": 0.0,
    }
    for path, plain, scaled in zip(paths_of(model), *moves):
        np.testing.assert_allclose(
            scaled, factors[path] * plain, 1e-4, 1e-6, err_msg=path
        )
        assert abs(plain).min() > 1e-3


@both
def test_exclusions_and_multipliers_survive_a_file(kind, tmp_path):
    model = small_model(
        kind(
            0.5,
            weight_decay=0.1,
            weight_decay_exclusions=["bias"],
            learning_rate_multipliers={"head": 0.5},
        )
    )
    x = np.random.default_rng(0).normal(0, 1, (8, 3)).astype("float32")
    model.fit(x, np.ones((8, 2)), verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.optimizer.weight_decay_exclusions == ["bias"]
    for again in (model, loaded):
        for _ in range(2):
            again.fit(x, np.zeros((8, 2)), shuffle=False, verbose=0)
    for here, there in zip(model.get_weights(), loaded.get_weights()):
        np.testing.assert_array_equal(here, there)


@both
def test_what_keras_excludes_stays_excluded(kind):
    model = small_model()
    model.set_weights([np.ones_like(w) for w in model.get_weights()])
    optimizer = kind(0.5, weight_decay=0.1)
    optimizer.exclude_from_weight_decay(var_names=["kernel"])
    _, after = apply_zeros(model, optimizer)
    found = [float(w.ravel()[0]) for w in after]
    np.testing.assert_allclose(found, [1.0, 0.95, 1.0, 0.95], 1e-6)


@both
def test_state_is_what_the_docstring_says(kind):
    model = small_model()
    optimizer = kind(weight_decay=0.1, weight_decay_mode="corrected")
    optimizer.build(model.trainable_variables)
    found = sum(
        int(np.prod(v.shape)) for v in optimizer.variables if v.shape != ()
    )
    _, _, sections = read_docstring(kind)
    (number,) = [int(w) for w in sections["State"].split() if w.isdigit()]
    assert found == number * model.count_params()
    # iterations, learning rate, peak
    assert sum(v.shape == () for v in optimizer.variables) == 3


@both
def test_embedding_rows_get_the_sum_of_their_gradients(kind):
    table = np.random.default_rng(0).normal(0, 1, (6, 3)).astype("float32")
    model = keras.Sequential(
        [keras.Input((4,), dtype="int32"), keras.layers.Embedding(6, 3)]
    )

    def loss(y_true, y_pred):
        return ops.sum(y_pred * y_pred, axis=(1, 2))

    model.compile(kind(0.05), loss)
    model.set_weights([table])
    x = np.array([[0, 1, 1, 5], [1, 2, 2, 2]])
    steps = 6
    for _ in range(steps):
        model.train_on_batch(x, np.zeros((2, 1)))
    counts = np.bincount(x.ravel(), minlength=6)
    wanted = table.astype(float)
    rules = [[KINDS[kind]() for _ in range(3)] for _ in range(6)]
    for t in range(1, steps + 1):
        for r, c in np.ndindex(6, 3):
            g = counts[r] * 2 * wanted[r, c] / len(x)
            wanted[r, c] -= 0.05 * rules[r][c].step(g, t)
    np.testing.assert_allclose(model.get_weights()[0], wanted, 1e-4, 1e-5)
    np.testing.assert_array_equal(model.get_weights()[0][3:5], table[3:5])


@both
def test_accumulated_gradients_are_one_step_of_their_mean(kind):
    grads = paper.gradients(8)
    wanted = paper.transcribe(
        KINDS[kind], grads.reshape(4, 2, 4).mean(1), 0.01, decay=0.2
    )
    optimizer = kind(0.01, weight_decay=0.2, gradient_accumulation_steps=2)
    found = paper.run(optimizer, grads)
    np.testing.assert_allclose(found[1::2], wanted, **CLOSE)
    np.testing.assert_array_equal(found[0], paper.START)


@both
@pytest.mark.parametrize(
    "arguments",
    [
        {"cautious": 1},
        {"weight_decay_mode": "l2"},
        {"weight_decay_exclusions": ["("]},
        {"weight_decay_exclusions": [1]},
        {"weight_decay_exclusions": "bias"},
        {"learning_rate_multipliers": {"(": 1.0}},
        {"learning_rate_multipliers": ["bias"]},
        {"learning_rate_multipliers": "bias"},
    ],
)
def test_bad_arguments_are_refused(kind, arguments):
    (name,) = arguments
    with pytest.raises(ValueError, match=f"argument `{name}`"):
        kind(**arguments)


def test_a_bad_multiplier_is_named():
    with pytest.raises(ValueError, match="learning_rate_multipliers.*head"):
        optimizers.AdaBelief(learning_rate_multipliers={"head": -1.0})
