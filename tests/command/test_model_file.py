import json
import zipfile

import keras
import pytest

import keras_funcs
from keras_funcs._command import model_file

# Keras's, when it saves an optimizer on JAX.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation")


def compiled(activation="linear", loss=None, metrics=("accuracy",), head=None):
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(3),
            keras_funcs.layers.Snake(),
            head or keras.layers.Dense(3, activation=activation),
        ]
    )
    loss = loss or keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=list(metrics))
    return model


def findings(model, tmp_path):
    model.save(tmp_path / "m.keras")
    return model_file.examine(tmp_path / "m.keras")


def messages(model, tmp_path, level):
    return [m for lev, m in findings(model, tmp_path) if lev == level]


def edit(path, change, name="config.json"):
    """Rewrites one JSON member of a saved model."""
    with zipfile.ZipFile(path) as archive:
        parts = {n: archive.read(n) for n in archive.namelist()}
    value = json.loads(parts[name])
    change(value)
    parts[name] = json.dumps(value).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for member, data in parts.items():
            archive.writestr(member, data)


def test_a_good_model(tmp_path):
    assert [item.level for item in findings(compiled(), tmp_path)] == ["ok"] * 2


def test_names_that_are_not_registered(tmp_path):
    @keras.saving.register_keras_serializable("theirs")
    class Theirs(keras.layers.Layer):
        def call(self, x):
            return x

    model = compiled()
    model.add(Theirs())
    try:
        assert not messages(model, tmp_path, "error")
    finally:
        keras.saving.get_custom_objects().pop("theirs>Theirs")
    found = model_file.examine(tmp_path / "m.keras")
    [error] = [item.message for item in found if item.level == "error"]
    assert "'theirs>Theirs' is not registered" in error
    assert __name__ in error


def test_a_function_that_is_not_registered(tmp_path):
    def mine(y_true, y_pred):
        return keras.ops.mean(y_pred, -1)

    [error] = messages(compiled(loss=mine), tmp_path, "error")
    assert "'mine' is not registered" in error


def test_code_in_a_model(tmp_path):
    model = compiled()
    model.add(keras.layers.Lambda(lambda x: x))
    errors = messages(model, tmp_path, "error")
    assert any("x Lambda: it runs what the author" in e for e in errors)


def test_a_file_of_a_newer_keras(tmp_path):
    compiled().save(tmp_path / "m.keras")

    def newer(metadata):
        metadata["keras_version"] = "99.1.0"

    edit(tmp_path / "m.keras", newer, "metadata.json")
    found = model_file.examine(tmp_path / "m.keras")
    assert ("warning", 99) == (found[0].level, 99)
    assert "newer than" in found[0].message


@pytest.mark.parametrize(
    "activation, from_logits, message",
    [
        ("linear", True, None),
        ("softmax", False, None),
        ("linear", False, "gives logits: use from_logits=True"),
        ("softmax", True, "ends in softmax: use from_logits=False"),
    ],
)
@pytest.mark.parametrize("functional", [False, True])
def test_logits_and_probabilities(
    tmp_path, activation, from_logits, message, functional
):
    loss = keras_funcs.losses.CategoricalFocal(from_logits=from_logits)
    model = compiled(activation, loss)
    if functional:
        x = keras.Input((4,))
        model = keras.Model(x, model.layers[-1](keras.layers.Dense(3)(x)))
        model.compile("adam", loss)
    found = messages(model, tmp_path, "warning")
    assert len(found) == (message is not None)
    assert all(message in item for item in found)


def test_metrics_that_do_not_take_class_ids(tmp_path):
    metrics = ["accuracy", keras.metrics.F1Score(), "precision"]
    found = messages(compiled(metrics=metrics), tmp_path, "warning")
    assert len(found) == 2
    assert all("the metric's number is wrong" in item for item in found)
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    model = compiled(loss=loss, metrics=metrics)
    assert not messages(model, tmp_path, "warning")


def test_a_model_that_was_not_compiled(tmp_path):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    assert len(findings(model, tmp_path)) == 2


def archive(path, **members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            file.writestr(name.replace("_json", ".json"), data)


@pytest.mark.parametrize(
    "members, message",
    [
        ({}, "a .keras file"),
        ({"config_json": "{}"}, "a .keras file"),
        ({"config_json": "{", "metadata_json": "{}"}, "with JSON"),
        ({"config_json": b"\xff\xfe\xfa", "metadata_json": "{}"}, "with JSON"),
        (
            {"config_json": "[" * 200_000, "metadata_json": "{}"},
            "a .keras file|zip bomb",
        ),
        ({"config_json": "0" * 50_000_000, "metadata_json": "{}"}, "zip bomb"),
    ],
)
def test_hostile_archives(tmp_path, members, message):
    archive(tmp_path / "m.keras", **members)
    with pytest.raises(ValueError, match=message):
        model_file.examine(tmp_path / "m.keras")


def test_a_config_above_the_limit(tmp_path, monkeypatch):
    compiled().save(tmp_path / "m.keras")
    monkeypatch.setattr(model_file, "MAX_CONFIG_BYTES", 1000)
    with pytest.raises(ValueError, match="at most 1000 bytes"):
        model_file.examine(tmp_path / "m.keras")


@pytest.mark.parametrize(
    "config",
    [
        [],
        1,
        {"class_name": 3},
        {"class_name": "Sequential", "module": "keras", "config": []},
        {"config": {"layers": [1]}, "compile_config": {"loss": 3}},
        {"config": {"layers": [{}]}, "compile_config": {"metrics": {"a": 1}}},
        {"config": {"layers": {}}, "compile_config": {"loss": {}}},
    ],
)
def test_configs_of_any_shape_do_not_crash(tmp_path, config):
    archive(
        tmp_path / "m.keras",
        config_json=json.dumps(config),
        metadata_json="[]",
    )
    found = model_file.examine(tmp_path / "m.keras")
    assert found[0].level == "warning"


def test_files_that_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="that exists"):
        model_file.examine(tmp_path / "no.keras")
    for name in ("m.h5", "m.hdf5"):
        with pytest.raises(ValueError, match="can run code"):
            model_file.examine(tmp_path / name)
    (tmp_path / "m.keras").write_bytes(model_file.HDF5 + b"...")
    with pytest.raises(ValueError, match="not HDF5"):
        model_file.examine(tmp_path / "m.keras")
    (tmp_path / "n.keras").write_bytes(b"text")
    with pytest.raises(ValueError, match="a .keras file"):
        model_file.examine(tmp_path / "n.keras")
