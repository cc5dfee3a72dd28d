"""MarginHead against angles by hand and against pytorch-metric-learning."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from keras_funcs import layers
from tests.derivatives import gradient

MARGINS = {"arcface": 0.5, "cosface": 0.35}


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(0, 2, shape).astype("float32")


def built(kernel, sub_centers=1, **arguments):
    units = np.shape(kernel)[1] // sub_centers
    head = layers.MarginHead(units, sub_centers=sub_centers, **arguments)
    head.build([(None, np.shape(kernel)[0]), (None,)])
    head.set_weights([np.asarray(kernel, "float32")])
    return head


def run(head, *inputs, training=True):
    given = list(inputs) if len(inputs) > 1 else inputs[0]
    return ops.convert_to_numpy(head(given, training=training))


def by_angles(x, kernel, ids, kind, margin, scale, sub_centers=1):
    """The definition, through arccos, in double precision."""
    out = np.empty((len(x), kernel.shape[1] // sub_centers))
    for i, c in np.ndindex(out.shape):
        near = []
        for s in range(sub_centers):
            w = kernel[:, c * sub_centers + s].astype(float)
            row = x[i].astype(float)
            near.append(row @ w / math.sqrt(row @ row) / math.sqrt(w @ w))
        cosine = max(near)
        if ids is not None and c == ids[i]:
            theta = math.acos(max(-1.0, min(1.0, cosine)))
            if kind == "cosface":
                cosine -= margin
            elif theta <= math.pi - margin:
                cosine = math.cos(theta + margin)
            else:
                cosine -= margin * math.sin(margin)
        out[i, c] = scale * cosine
    return out


IDS = np.array([0, 2, 1, 2, 0], "int32")


@pytest.mark.parametrize("kind", ["arcface", "cosface"])
@pytest.mark.parametrize("sub_centers", [1, 3])
@pytest.mark.parametrize("margin", [None, 0.0, 0.1, 1.2])
def test_it_is_the_definition(kind, sub_centers, margin):
    x, kernel = draw(5, 4), draw(4, 3 * sub_centers, seed=1)
    head = built(kernel, sub_centers, kind=kind, margin=margin, scale=7.0)
    used = MARGINS[kind] if margin is None else margin
    expected = by_angles(x, kernel, IDS, kind, used, 7.0, sub_centers)
    for y in (IDS, IDS[:, None], np.eye(3, dtype="float32")[IDS]):
        np.testing.assert_allclose(run(head, x, y), expected, 1e-4, 1e-5)
    plain = by_angles(x, kernel, None, kind, used, 7.0, sub_centers)
    for given in ((x,), (x, IDS)):
        found = run(head, *given, training=False)
        np.testing.assert_allclose(found, plain, 1e-4, 1e-5)
    if margin == 0:
        np.testing.assert_allclose(expected, plain, 1e-9)


def test_published_margins_and_scale():
    head = layers.MarginHead(3)
    assert (head.kind, head.scale, head.sub_centers) == ("arcface", 64.0, 1)
    x = np.array([[1.0, 0.0]], "float32")
    kernel = np.array([[0.0, 1.0], [1.0, 0.0]])
    for kind, cosine in (("arcface", -math.sin(0.5)), ("cosface", -0.35)):
        found = run(built(kernel, kind=kind), x, np.array([0]))
        np.testing.assert_allclose(found, [[64 * cosine, 64.0]], 1e-5)


@pytest.mark.parametrize(
    "name, kind, sub_centers",
    [
        ("ArcFaceLoss", "arcface", 1),
        ("CosFaceLoss", "cosface", 1),
        ("SubCenterArcFaceLoss", "arcface", 3),
    ],
)
def test_pytorch_metric_learning_agrees(name, kind, sub_centers):
    import torch
    from pytorch_metric_learning import losses

    more = {"sub_centers": sub_centers} if sub_centers > 1 else {}
    theirs = getattr(losses, name)(num_classes=6, embedding_size=5, **more)
    x = draw(40, 5)
    ids = np.arange(40) % 6
    kernel = theirs.W.detach().numpy()
    head = built(kernel, sub_centers, kind=kind)
    given = torch.tensor(x, requires_grad=True)
    wanted = theirs(given, torch.tensor(ids))
    cross = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def loss(t):
        return cross(ids, head([t, ids], training=True))

    expected = float(wanted.detach())
    # Their 28.6 degrees are 0.4992 radians.
    np.testing.assert_allclose(ops.convert_to_numpy(loss(x)), expected, 3e-3)
    head.margin = math.radians(28.6) if kind == "arcface" else None
    np.testing.assert_allclose(ops.convert_to_numpy(loss(x)), expected, 1e-5)
    (slope,) = torch.autograd.grad(wanted, given)
    np.testing.assert_allclose(gradient(loss, x), slope, 1e-3, 1e-4)


@pytest.mark.parametrize("kind", ["arcface", "cosface"])
def test_the_margin_costs_and_falls_with_the_angle(kind):
    angles = np.linspace(0, math.pi, 200)
    x = np.stack([np.cos(angles), np.sin(angles)], 1).astype("float32")
    kernel = np.array([[1.0, 0.0], [0.0, 1.0]])
    head = built(kernel, kind=kind, scale=1.0)
    y = run(head, x, np.zeros(200, "int32"))
    plain = run(head, x, training=False)
    assert (y[:, 0] < plain[:, 0]).all()
    np.testing.assert_allclose(y[:, 1], plain[:, 1])
    # At theta = pi - m the published branch steps up by 1 - m sin(m) - cos(m)
    # < 0, that is down: the sequence never rises.
    assert (np.diff(y[:, 0]) < 1e-6).all()


@pytest.mark.parametrize("kind", ["arcface", "cosface"])
def test_gradients_are_finite_where_features_meet_a_direction(kind):
    kernel = np.array([[3.0, 0.0, 1.0], [0.0, 2.0, 1.0]])
    head = built(kernel, kind=kind)
    x = np.array([[5.0, 0], [-5.0, 0], [0, 0], [1e-20, 0], [1e15, 1e15]])
    ids = np.array([0, 0, 0, 0, 2])
    y = run(head, x.astype("float32"), ids)
    assert np.isfinite(y).all()
    slope = gradient(lambda t: ops.sum(head([t, ids], training=True)), x)
    assert np.isfinite(slope).all()


def test_wrong_labels_give_nan_in_their_rows_alone():
    head = built(draw(4, 3))
    for wrong in (-1, 3, 1000):
        y = run(head, draw(3, 4), np.array([0, wrong, 2]))
        assert np.isnan(y[1]).all() and np.isfinite(y[[0, 2]]).all()
    y = run(head, draw(2, 4), np.array([0.0, 0.5], "float32"))
    assert np.isfinite(y[0]).all() and np.isnan(y[1]).all()


def test_large_ids_survive_half_precision():
    head = layers.MarginHead(2100, dtype="mixed_float16")
    ids = np.array([2049.0, 2051.0], "float32")  # neither is a float16
    x = draw(2, 4)
    y = ops.convert_to_numpy(ops.cast(head([x, ids], training=True), "float32"))
    plain = ops.convert_to_numpy(ops.cast(head(x), "float32"))
    lowered = np.argmax(plain - y, axis=-1)
    assert lowered.tolist() == [2049, 2051]
    assert head.kernel.dtype == "float32"


@pytest.mark.parametrize("sub_centers", [1, 2])
def test_it_trains_with_labels_and_predicts_without(sub_centers, tmp_path):
    keras.utils.set_random_seed(0)
    x, y = keras.Input((6,), name="x"), keras.Input((), name="y", dtype="int32")
    features = keras.layers.Dense(8)(x)
    head = layers.MarginHead(4, scale=16.0, sub_centers=sub_centers)
    model = keras.Model([x, y], head([features, y]))
    cross = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.02), cross)
    random = np.random.default_rng(0)
    ids = np.arange(64) % 4
    rows = random.normal(0, 2, (4, 6))[ids] + random.normal(0, 0.3, (64, 6))
    rows = rows.astype("float32")
    history = model.fit([rows, ids], ids, epochs=15, verbose=0)
    assert history.history["loss"][-1] < 0.5 * history.history["loss"][0]
    classifier = keras.Model(x, head(features))
    scores = ops.convert_to_numpy(classifier(rows))
    assert (scores.argmax(-1) == ids).mean() > 0.95
    # No prediction knows its label.
    told = model.predict([rows, (ids + 1) % 4], verbose=0)
    np.testing.assert_allclose(told, scores, 1e-4, 1e-4)
    classifier.save(tmp_path / "classifier.keras")
    loaded = keras.saving.load_model(tmp_path / "classifier.keras")
    found = ops.convert_to_numpy(loaded(rows))
    np.testing.assert_array_equal(found, scores)


@pytest.mark.parametrize(
    "arguments",
    [
        {"units": 1},
        {"units": 2.5},
        {"kind": "sphereface"},
        {"margin": -0.1},
        {"margin": 28.6},
        {"scale": 0.0},
        {"sub_centers": 0},
        {"sub_centers": 1000},
    ],
)
def test_bad_arguments_are_refused(arguments):
    (name,) = arguments
    with pytest.raises(ValueError, match=f"argument `{name}`"):
        layers.MarginHead(**{"units": 3, **arguments})


def test_labels_of_another_shape_are_refused():
    head = built(draw(4, 3))
    with pytest.raises(ValueError, match="shape of `y_true`"):
        head([draw(5, 4), np.zeros((5, 2), "int32")])
    with pytest.raises(ValueError, match="number of channels"):
        layers.MarginHead(3).build([(None, None), (None,)])
