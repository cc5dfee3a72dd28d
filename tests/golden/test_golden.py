"""Files of every release load, for ever, and say what they said then."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_funcs._core.component import registered

HERE = Path(__file__).parent
RELEASES = sorted(path for path in HERE.iterdir() if path.name[0].isdigit())
MODELS = [path for release in RELEASES for path in release.glob("*.keras")]
CONFIGS = [
    pytest.param(config, id=f"{release.name}-{name}")
    for release in RELEASES
    for name, config in json.loads(
        (release / "configs.json").read_text()
    ).items()
]


def test_there_are_files():
    assert len(MODELS) >= 4
    assert len(CONFIGS) >= len(list(registered()))


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_model_predicts_what_it_did(path):
    expected = json.loads((path.parent / "predictions.json").read_text())
    expected = expected[path.stem]
    model = keras.saving.load_model(path)
    x = np.linspace(-2.0, 2.0, 48, dtype="float32").reshape(8, 6)
    x = np.sin(3.0 * x).astype("float32")
    y = np.arange(8) % 4
    if path.stem.startswith("binary"):
        y = np.eye(4, dtype="float32")[y]
    found = np.asarray(model.predict(x, verbose=0))
    np.testing.assert_allclose(
        found, expected["predictions"], rtol=1e-4, atol=1e-5
    )
    scores = model.evaluate(x, y, verbose=0, return_dict=True)
    assert scores == pytest.approx(expected["scores"], rel=1e-4, abs=1e-5)
    model.fit(x, y, verbose=0)


@pytest.mark.parametrize("config", CONFIGS)
def test_config_means_what_it_did(config):
    revived = keras.saving.deserialize_keras_object(config)
    if not isinstance(config["config"], dict):
        assert callable(revived)
        return
    again = keras.saving.serialize_keras_object(revived)
    assert again["registered_name"] == config["registered_name"]
    # Arguments may be added, with defaults that change nothing.
    expected = renamed(config["registered_name"][12:], config["config"])
    assert expected.items() <= again["config"].items()


# What was renamed before the release: files of the time have the old names.
RENAMED = {
    "ConcreteDropout": {"rate": "rate_initializer"},
    "Entmax": {"alpha": "alpha_initializer"},
    "Snake": {"frequency": "frequency_initializer"},
    "SnakeBeta": {
        "frequency": "frequency_initializer",
        "magnitude": "magnitude_initializer",
    },
    "SReLU": {"t_right_initializer": "width_initializer"},
    "XIELU": {
        "alpha_positive": "alpha_positive_initializer",
        "alpha_negative": "alpha_negative_initializer",
    },
    **{f"GeMPooling{d}D": {"p": "p_initializer"} for d in (1, 2, 3)},
}


def renamed(name, config):
    names = RENAMED.get(name, {})
    found = {names.get(key, key): value for key, value in config.items()}
    if name in ("ChannelPReLU", "Entmax", "Snake", "Stan", "Swish"):
        found = {  # which are None in all of `CONFIGS`
            key: value
            for key, value in found.items()
            if not key.startswith(("alpha_", "beta_", "frequency_"))
            or key.endswith("_initializer")
        }
    granularity = found.pop("granularity", None)
    if granularity == "layer":
        found["axis"] = None
        if name == "PolyNorm":
            found["mean_axis"] = config["axis"]
    elif granularity and name.startswith("GeM"):
        found["axis"] = -1
    return found


SPELLINGS = [
    pytest.param(case, id=f"{release.name}-{name}")
    for release in RELEASES
    if (release / "old_spellings.json").exists()
    for name, case in json.loads(
        (release / "old_spellings.json").read_text()
    ).items()
]


@pytest.mark.parametrize("case", SPELLINGS)
def test_old_spelling_is_the_same_layer(case):
    layer = keras.saving.deserialize_keras_object(case["config"])
    shape = case["input_shape"]
    x = np.linspace(-3, 3, int(np.prod(shape)), dtype="float32")
    found = layer(np.roll(x.reshape(shape), 1, -1))
    np.testing.assert_allclose(
        np.ravel(keras.ops.convert_to_numpy(found)), case["outputs"], 1e-4, 1e-5
    )
    weights = [[w.name, list(w.shape)] for w in layer.weights]
    assert weights == case["weights"]
    losses = [float(keras.ops.convert_to_numpy(v)) for v in layer.losses]
    assert losses == pytest.approx(case["losses"], rel=1e-4)
    constrained = [w.constraint is not None for w in layer.weights]
    assert constrained == case["constraints"]
    assert "granularity" not in layer.get_config()


def test_registered_names_are_frozen():
    names = [
        keras.saving.get_registered_name(entry.object) for entry in registered()
    ]
    frozen = (HERE / "registered_names.txt").read_text().split()
    assert len(set(names)) == len(names)
    assert sorted(names) == frozen
