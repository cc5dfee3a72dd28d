import json
import os
import struct
import subprocess
import sys
import time
import urllib.request
import zlib

import numpy as np
import pytest
from tensorboard.backend.event_processing import event_accumulator
from tensorboard.plugins.hparams import plugin_data_pb2
from tensorboard.util import tensor_util

from keras_funcs.inspect import EventWriter


def read(folder):
    log = event_accumulator.EventAccumulator(
        str(folder), size_guidance={"tensors": 0}
    )
    return log.Reload()


def values(folder, tag):
    return [
        (event.step, tensor_util.make_ndarray(event.tensor_proto))
        for event in read(folder).Tensors(tag)
    ]


def hparams_data(folder, tag):
    meta = read(folder).SummaryMetadata(f"_hparams_/{tag}")
    assert meta.plugin_data.plugin_name == "hparams"
    return plugin_data_pb2.HParamsPluginData.FromString(
        meta.plugin_data.content
    )


def test_scalars_come_back(tmp_path):
    with EventWriter(tmp_path) as writer:
        for step, value in enumerate((0.5, np.float32(2), float("nan"), 1e300)):
            writer.scalar("a/loss", value, step)
    steps, numbers = zip(*values(tmp_path, "a/loss"))
    assert steps == (0, 1, 2, 3)
    np.testing.assert_array_equal(numbers, [0.5, 2, np.nan, np.inf])


def test_nothing_is_written_before_there_is_something(tmp_path):
    folder = tmp_path / "run"
    writer = EventWriter(folder)
    writer.flush()
    writer.close()
    assert not folder.exists()
    with pytest.raises(ValueError, match="is closed"):
        writer.scalar("a", 1, 0)


def test_flush_makes_it_readable_before_close(tmp_path):
    writer = EventWriter(tmp_path)
    writer.scalar("a", 1, 0)
    writer.flush()
    assert len(values(tmp_path, "a")) == 1
    writer.close()


def test_writers_of_one_folder_add_files(tmp_path):
    for step in range(2):
        with EventWriter(tmp_path) as writer:
            writer.scalar("a", step, step)
    assert len(os.listdir(tmp_path)) == 2
    assert [step for step, _ in values(tmp_path, "a")] == [0, 1]


def test_histogram_counts_every_value(tmp_path):
    data = np.random.default_rng(0).normal(size=(50, 20))
    with EventWriter(tmp_path) as writer:
        writer.histogram("w", data, 3)
        writer.histogram("same", np.full(7, 2.5), 3)
        writer.histogram("none", np.zeros(0), 3)
        writer.histogram("wide", np.array([-1.7e308, 1.7e308]), 3)
    [(step, buckets)] = values(tmp_path, "w")
    assert step == 3 and buckets.shape == (30, 3)
    left, right, counts = buckets.T
    np.testing.assert_allclose(left[1:], right[:-1])
    assert (left[0], right[-1]) == (data.min(), data.max())
    expected = [
        np.sum((data >= a) & ((data < b) | (b == right[-1])))
        for a, b in zip(left, right)
    ]
    np.testing.assert_array_equal(counts, expected)
    [(_, same)] = values(tmp_path, "same")
    assert same[:, 2].sum() == 7 and set(same[:, :2].ravel()) == {2.5}
    assert "none" not in read(tmp_path).Tags()["tensors"]
    [(_, wide)] = values(tmp_path, "wide")
    assert wide[:, 2].sum() == 2


def test_what_is_not_finite_is_told(tmp_path):
    with EventWriter(tmp_path) as writer:
        writer.histogram("w", [np.nan, np.inf, 1.0, 2.0], 0)
        writer.histogram("lost", [np.nan], 0)
    [(_, buckets)] = values(tmp_path, "w")
    assert buckets[:, 2].sum() == 2
    assert values(tmp_path, "w/non_finite") == [(0, 0.5)]
    assert values(tmp_path, "lost/non_finite") == [(0, 1.0)]


def test_large_histograms_are_thinned(tmp_path, monkeypatch):
    monkeypatch.setattr("keras_funcs.inspect.events.MAX_HISTOGRAM_VALUES", 100)
    with EventWriter(tmp_path) as writer:
        writer.histogram("w", np.arange(1001), 0)
    [(_, buckets)] = values(tmp_path, "w")
    assert 50 < buckets[:, 2].sum() <= 100


def test_image_array_is_a_png_with_its_pixels(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    with EventWriter(tmp_path) as writer:
        writer.image("i", pixels, 1)
    [(step, (width, height, data))] = values(tmp_path, "i")
    assert (step, width, height) == (1, b"7", b"5")
    assert data.startswith(b"\x89PNG") and data[16:24] == struct.pack(
        ">II", 7, 5
    )
    start = data.index(b"IDAT")
    (length,) = struct.unpack(">I", data[start - 4 : start])
    rows = np.frombuffer(zlib.decompress(data[start + 4 :][:length]), np.uint8)
    rows = rows.reshape(5, 22)
    assert not rows[:, 0].any()
    np.testing.assert_array_equal(rows[:, 1:].reshape(5, 7, 3), pixels)


@pytest.mark.parametrize(
    "image",
    [
        b"GIF89a",
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 3)),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((4097, 1, 3), np.uint8),
    ],
)
def test_other_images_are_refused(tmp_path, image):
    with EventWriter(tmp_path / "run") as writer:
        with pytest.raises(ValueError, match="argument `image`"):
            writer.image("i", image, 0)
    assert not (tmp_path / "run").exists()


def test_text_and_tags_lose_what_cannot_be_shown(tmp_path):
    with EventWriter(tmp_path) as writer:
        writer.text("t\x00\u202eag\ud800", "# *a*\n\x1b[31mred", 0)
        writer.text("long", "x" * 10**6, 0)
        writer.scalar("y" * 1000, 1, 0)
        with pytest.raises(ValueError, match="argument `tag`"):
            writer.scalar(" \n", 1, 0)
    [(_, text)] = values(tmp_path, "t__ag_")
    assert text.item() == b"# *a*\n_[31mred"
    [(_, text)] = values(tmp_path, "long")
    assert len(text.item()) < 300_000 and text.item().endswith(b"(cut)")
    assert "y" * 200 in read(tmp_path).Tags()["tensors"]


def test_hparams_sessions_and_experiment(tmp_path):
    with EventWriter(tmp_path) as writer:
        writer.hparams_config(
            {
                "rate": (1e-4, 1.0),
                "units": [8, 16],
                "loss": ["focal", "ce"],
                "bias": (True, False),
            },
            ["epoch_loss", ("validation", "epoch_loss")],
        )
    with EventWriter(tmp_path / "1") as writer:
        setting = {"rate": 0.1, "units": np.int64(8), "loss": "ce"}
        writer.hparams({**setting, "bias": True}, group="trial-1")
        writer.hparams_end("failure")
    experiment = hparams_data(tmp_path, "experiment").experiment
    infos = {info.name: info for info in experiment.hparam_infos}
    assert infos["rate"].domain_interval.min_value == 1e-4
    listed = infos["loss"].domain_discrete.values
    assert [item.string_value for item in listed] == ["ce", "focal"]
    listed = infos["units"].domain_discrete.values
    assert [item.number_value for item in listed] == [8, 16]
    assert len(infos["bias"].domain_discrete.values) == 2
    named = [(m.name.group, m.name.tag) for m in experiment.metric_infos]
    assert named == [("", "epoch_loss"), ("validation", "epoch_loss")]
    start = hparams_data(tmp_path / "1", "session_start_info")
    start = start.session_start_info
    assert start.group_name == "trial-1"
    assert start.hparams["units"].number_value == 8
    assert start.hparams["loss"].string_value == "ce"
    assert start.hparams["bias"].bool_value is True
    end = hparams_data(tmp_path / "1", "session_end_info").session_end_info
    assert end.status == 2 and abs(end.end_time_secs - time.time()) < 60


@pytest.mark.parametrize(
    "domain", [(2.0, 1.0), [], "abc", [1, "a"], [None], [[1]]]
)
def test_other_domains_are_refused(tmp_path, domain):
    with EventWriter(tmp_path) as writer:
        with pytest.raises(ValueError, match="argument `rate`"):
            writer.hparams_config({"rate": domain}, [])


def test_other_values_are_refused(tmp_path):
    with EventWriter(tmp_path) as writer:
        with pytest.raises(ValueError, match="argument `a`"):
            writer.hparams({"a": None})
        with pytest.raises(ValueError, match="argument `status`"):
            writer.hparams_end("done")
        with pytest.raises(ValueError, match="argument `value`"):
            writer.scalar("a", [1, 2], 0)
    with pytest.raises(ValueError, match="argument `log_dir`"):
        EventWriter("")


def test_no_tensorflow_is_imported(tmp_path):
    if os.environ.get("KERAS_BACKEND") == "tensorflow":
        environment = dict(os.environ, KERAS_BACKEND="jax")
    else:
        environment = dict(os.environ)
    code = f"""
import sys
from keras_funcs.inspect import EventWriter
with EventWriter({str(tmp_path)!r}) as writer:
    writer.scalar("a", 1.0, 0)
    writer.histogram("h", [1.0, 2.0], 0)
    writer.text("t", "x", 0)
    writer.hparams_config({{"a": (0, 1)}}, ["a"])
    writer.hparams({{"a": 1}})
    writer.hparams_end()
sys.exit("tensorflow" in sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    assert len(values(tmp_path, "a")) == 1


@pytest.fixture
def server(tmp_path):
    """A real TensorBoard on a loopback port that it picks itself."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tensorboard.main", "--logdir", str(tmp_path)]
        + ["--host", "127.0.0.1", "--port", "0", "--load_fast", "false"],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    try:
        for line in process.stderr:
            if "http://" in line:
                address = line[line.index("http://") :].split()[0]
                yield address.rstrip("/")
                break
        else:
            pytest.fail("TensorBoard did not start")
    finally:
        process.kill()
        process.stderr.close()
        process.wait(10)


def ask(address, route, body=None):
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(address + route, data, headers)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


@pytest.fixture
def logged(tmp_path):
    with EventWriter(tmp_path) as writer:
        writer.hparams_config({"loss": ["ce", "focal"]}, ["epoch_loss"])
    for run in ("ce", "focal"):
        with EventWriter(tmp_path / run) as writer:
            writer.hparams({"loss": run})
            writer.scalar("epoch_loss", 0.25, 0)
            writer.histogram("w", [1.0, 2.0], 0)
            writer.image("i", np.zeros((2, 2, 3), np.uint8), 0)
            writer.text("t", "*x*", 0)
            writer.hparams_end()


def test_a_real_server_shows_it(logged, server):
    deadline = time.monotonic() + 30
    wanted = ("scalars", "histograms", "images", "text", "hparams")
    plugins = {}
    while time.monotonic() < deadline:
        plugins = ask(server, "/data/plugins_listing")
        if all(plugins[name]["enabled"] for name in wanted):
            break
        time.sleep(0.2)
    assert {name for name in wanted if plugins[name]["enabled"]} == set(wanted)
    route = "/data/plugin/scalars/scalars?run=ce&tag=epoch_loss"
    [(_, step, value)] = ask(server, route)
    assert (step, value) == (0, 0.25)
    name = {"experimentName": ""}
    experiment = ask(server, "/data/plugin/hparams/experiment", name)
    assert [info["name"] for info in experiment["hparamInfos"]] == ["loss"]
    groups = ask(
        server,
        "/data/plugin/hparams/session_groups",
        {
            **name,
            "allowedStatuses": ["STATUS_SUCCESS"],
            "colParams": [],
            "startIndex": 0,
            "sliceSize": 10,
        },
    )["sessionGroups"]
    assert {group["hparams"]["loss"] for group in groups} == {"ce", "focal"}
    assert all(group["metricValues"][0]["value"] == 0.25 for group in groups)
