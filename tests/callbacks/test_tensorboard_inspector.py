import copy
import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from tensorboard.backend.event_processing import event_accumulator
from tensorboard.summary.writer.record_writer import RecordWriter
from tensorboard.util import tensor_util

from keras_funcs.callbacks.tensorboard_inspector import TensorBoardInspector
from keras_funcs.inspect.recorder import flatten
from keras_funcs.inspect.recorder import learning_rates
from keras_funcs.layers import Snake
from keras_funcs.layers import Swish
from keras_funcs.metrics import ConfusionMatrix

# Keras's variables do not know NumPy 2's `copy` yet.
pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation:DeprecationWarning"
)

X = np.random.default_rng(0).normal(size=(48, 4)).astype("float32")
Y = (X[:, 0] > 0).astype("int32") + (X[:, 1] > 1)


class Parts(keras.metrics.Metric):
    """Gives a dict and counts the batches, which no training depends on."""

    def __init__(self, name="parts"):
        super().__init__(name=name)
        self.batches = self.add_weight(initializer="zeros", name="batches")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.batches.assign_add(1.0)

    def result(self):
        batches = keras.ops.convert_to_tensor(self.batches)
        return {"once": batches, "twice": 2 * batches}


def train(callbacks=(), model=None, **fit):
    if model is None:
        keras.utils.set_random_seed(0)
        model = keras.Sequential(
            [
                keras.Input((4,)),
                keras.layers.Dense(6, name="first"),
                Snake(name="wave"),
                keras.layers.Dropout(0.2),
                keras.layers.Dense(
                    3,
                    activation=Swish(axis=None, name="gate"),
                    name="last",
                ),
            ]
        )
        model.compile(
            keras.optimizers.SGD(0.25),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy", Parts(), ConfusionMatrix(name="cm")],
        )
    fit = {"epochs": 3, "validation_data": (X[:20], Y[:20]), **fit}
    history = model.fit(
        X, Y, batch_size=16, verbose=0, callbacks=list(callbacks), **fit
    )
    return model, history.history


def read(*folder):
    log = event_accumulator.EventAccumulator(
        str(os.path.join(*folder)), size_guidance={"tensors": 0}
    ).Reload()
    return {
        tag: {
            event.step: tensor_util.make_ndarray(event.tensor_proto)
            for event in log.Tensors(tag)
        }
        for tag in log.Tags()["tensors"]
    }


def values(model):
    return [
        np.array(keras.ops.convert_to_numpy(weight.value))
        for weight in model.weights
    ]


def test_metrics_weights_curves_and_confusion_are_written(tmp_path):
    inspector = copy.deepcopy(TensorBoardInspector(tmp_path, image_freq=2))
    model, history = train([inspector])
    trained, tested = read(tmp_path, "train"), read(tmp_path, "validation")
    for name, run in (("", trained), ("val_", tested)):
        for metric in ("loss", "accuracy"):
            written = [run[f"epoch_{metric}"][step] for step in range(3)]
            np.testing.assert_allclose(
                written, history[name + metric], rtol=1e-6
            )
    assert trained["epoch_learning_rate"] == {0: 0.25, 1: 0.25, 2: 0.25}
    once = [tag for tag in tested if tag.endswith("once")]
    assert once and tested[once[0]] == {0: 2, 1: 2, 2: 2}  # 20 by 16

    buckets = trained["first/kernel/histogram"]
    assert set(buckets) == {0, 1, 2} and buckets[2][:, 2].sum() == 4 * 6
    assert 0 < trained["update_to_weight/first"][1] < 10
    assert not any("seed" in tag for tag in trained)

    for layer in ("wave", "gate"):
        curve = trained[f"activation/{layer}"]
        assert set(curve) == {0, 1, 2} and curve[0][2][:4] == b"\x89PNG"
    mean = trained["activation/wave/act_frequency"]
    expected = keras.ops.convert_to_numpy(model.get_layer("wave").weights[0])
    assert abs(mean[2] - expected.mean()) < 1e-6 and mean[0] != mean[2]
    spread = trained["activation/wave/act_frequency/histogram"]
    assert spread[1][:, 2].sum() == 6
    assert set(tested["confusion_matrix"]) == {0, 2}
    assert "confusion_matrix" not in trained


def test_the_matrix_drawn_is_that_of_the_validation(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        "keras_funcs.inspect.figures.confusion_matrix",
        lambda matrix, names, title: drawn.append((matrix, names)) or PNG,
    )
    model, _ = train([TensorBoardInspector(tmp_path, image_freq=1)])
    assert [matrix.sum() for matrix, _ in drawn] == [20] * 3
    expected = np.zeros((3, 3))
    guess = model.predict(X[:20], verbose=0).argmax(-1)
    np.add.at(expected, (Y[:20], guess), 1)
    np.testing.assert_array_equal(drawn[-1][0], expected)

    drawn.clear()
    train([TensorBoardInspector(tmp_path, image_freq=5)], validation_data=None)
    # The first epoch is due, the last is always drawn.
    assert [matrix.sum() for matrix, _ in drawn] == [48, 48]

    drawn.clear()
    inspector = TensorBoardInspector(
        tmp_path, validation_data=(X[:7], Y[:7]), class_names=["a", "b", "c"]
    )
    train([inspector], validation_data=None)
    assert [(m.sum(), n) for m, n in drawn] == [(7, ["a", "b", "c"])] * 2


PNG = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
    b"\x00\x00\x00\x01\x00\x00\x00\x01\x08\x02\x00\x00\x00"
)


@pytest.mark.parametrize("data", [None, (X[:9], Y[:9])])
def test_training_is_the_same_to_the_bit(tmp_path, data):
    plain, _ = train()
    inspector = TensorBoardInspector(
        tmp_path, image_freq=1, validation_data=data, update_freq="batch"
    )
    seen, _ = train([inspector])
    for one, other in zip(values(plain), values(seen)):
        np.testing.assert_array_equal(one, other)


def test_nothing_but_metrics_on_request(tmp_path):
    inspector = TensorBoardInspector(
        tmp_path, histogram_freq=0, curve_freq=0, image_freq=0, update_freq=2
    )
    train([inspector])
    tags = read(tmp_path, "train")
    assert all(tag.startswith(("epoch_", "batch_")) for tag in tags)
    # 3 batches an epoch, every second one.
    assert list(tags["batch_loss"]) == [2, 4, 6, 8]


def test_a_further_fit_carries_the_steps_on(tmp_path):
    inspector = TensorBoardInspector(tmp_path, curve_freq=0)
    model, _ = train([inspector])
    train([inspector], model, epochs=2)
    train([inspector], model, epochs=9, initial_epoch=8)
    assert list(read(tmp_path, "train")["epoch_loss"]) == [0, 1, 2, 3, 4, 8]


def test_a_full_disk_warns_once_and_training_goes_on(tmp_path, monkeypatch):
    opened = []

    def full(writer):
        opened.append(open("/dev/full", "wb"))
        return RecordWriter(opened[-1])

    monkeypatch.setattr("keras_funcs.inspect.events.EventWriter._open", full)
    with pytest.warns(UserWarning, match="No space left") as caught:
        model, history = train([TensorBoardInspector(tmp_path)])
    told = [item for item in caught if "stops writing" in str(item.message)]
    assert len(told) == 1 and len(history["loss"]) == 3
    assert opened and all(file.closed for file in opened)
    for one, other in zip(values(train()[0]), values(model)):
        np.testing.assert_array_equal(one, other)


def test_a_file_in_the_way_is_left_alone(tmp_path):
    (tmp_path / "runs").write_text("mine")
    with pytest.warns(UserWarning, match="stops writing"):
        train([TensorBoardInspector(tmp_path / "runs")])
    assert (tmp_path / "runs").read_text() == "mine"


def test_models_without_anything_special(tmp_path):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile("adam", "mse")
    inspector = TensorBoardInspector(tmp_path, image_freq=1)
    train([inspector], model, epochs=1, validation_data=None)
    assert "epoch_loss" in read(tmp_path, "train")
    assert os.listdir(tmp_path) == ["train"]


def test_config_round_trip(tmp_path):
    inspector = TensorBoardInspector(
        tmp_path, 2, 3, 4, (X, Y), ("a", "b"), update_freq=7
    )
    config = json.loads(json.dumps(inspector.get_config()))
    again = TensorBoardInspector.from_config(config)
    assert again.get_config() == config
    assert config["curve_freq"] == 3 and config["class_names"] == ["a", "b"]
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize(
    "arguments, name",
    [
        ({"log_dir": ""}, "log_dir"),
        ({"log_dir": 3}, "log_dir"),
        ({"histogram_freq": -1}, "histogram_freq"),
        ({"curve_freq": 1.5}, "curve_freq"),
        ({"image_freq": True}, "image_freq"),
        ({"validation_data": X}, "validation_data"),
        ({"class_names": "abc"}, "class_names"),
        ({"update_freq": "step"}, "update_freq"),
        ({"update_freq": 0}, "update_freq"),
    ],
)
def test_arguments_are_checked(arguments, name):
    with pytest.raises(ValueError, match=f"argument `{name}`"):
        TensorBoardInspector(**{"log_dir": "runs", **arguments})


def test_the_message_says_how_many_parts_were_given():
    with pytest.raises(ValueError, match="pair.*Received: tuple of 3"):
        TensorBoardInspector("runs", validation_data=(X, Y, Y))


def test_missing_packages_are_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pip install \"keras-funcs\[tune\]"):
        TensorBoardInspector("runs").on_train_begin()


def test_flatten():
    logs = {
        "a": 1,
        "b": {"c": 2.0, "d": {"e": np.float32(3)}},
        "f": np.array([4, 5]),
        "g": "text",
        "h": keras.ops.convert_to_tensor(6.0),
    }
    assert dict(flatten(logs)) == {
        "a": 1,
        "b/c": 2,
        "b/d/e": 3,
        "f/0": 4,
        "f/1": 5,
        "h": 6,
    }


def test_learning_rate_is_found_inside_wrappers_and_schedules():
    schedule = keras.optimizers.schedules.ExponentialDecay(0.5, 10, 0.1)
    inner = keras.optimizers.SGD(schedule)
    wrapped = keras.optimizers.LossScaleOptimizer(inner)
    assert learning_rates(wrapped) == {"learning_rate": 0.5}
    assert learning_rates(None) == {}


def test_no_tensorflow_is_needed(tmp_path):
    backend = keras.config.backend()
    code = f"""
import sys, keras, numpy as np
sys.modules["tensorflow"] = None  # any import of it fails
from keras_funcs.callbacks.tensorboard_inspector import TensorBoardInspector
from keras_funcs.layers import Snake
model = keras.Sequential([keras.Input((2,)), Snake(), keras.layers.Dense(2)])
model.compile("sgd", "sparse_categorical_crossentropy")
x, y = np.ones((4, 2)), np.zeros(4, int)
inspector = TensorBoardInspector({str(tmp_path)!r}, validation_data=(x, y))
model.fit(x, y, verbose=0, callbacks=[inspector])
"""
    other = "jax" if backend == "tensorflow" else backend
    subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "KERAS_BACKEND": other},
        check=True,
    )
    tags = set(read(tmp_path, "train")) | set(read(tmp_path, "validation"))
    assert {"epoch_loss", "confusion_matrix"} <= tags
