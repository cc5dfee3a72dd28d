import json
import os
import signal
import subprocess
import sys
import time

import pytest
from typer.testing import CliRunner

import keras_funcs_cli as cli
from keras_funcs_cli import application
from keras_funcs_cli import pack
from keras_funcs_cli import start
from keras_funcs_cli import studies
from tests.command.calls import call
from tests.command.calls import isolate
from tests.command.calls import mistake

# Keras's, when it saves an optimizer on JAX.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation")


@pytest.fixture(autouse=True)
def environment(monkeypatch, tmp_path):
    isolate(monkeypatch, tmp_path)


def python(code, **variables):
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, **variables},
        timeout=60,
    )


STARTED = """
import sys
sys.argv = ["keras-funcs", *{arguments}]
from keras_funcs_cli import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
heavy = ["keras", "keras_funcs", "numpy", "pandas", "rich", "jax", "torch"]
print([name for name in heavy if name in sys.modules])
"""


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["tune", "--help"]]
)
def test_help_does_not_wait_for_keras(arguments):
    done = python(STARTED.format(arguments=arguments))
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_completion_does_not_wait_for_keras():
    done = python(
        STARTED.format(arguments=[]),
        _KERAS_FUNCS_COMPLETE="complete_bash",
        COMP_WORDS="keras-funcs t",
        COMP_CWORD="1",
    )
    assert done.stdout.splitlines()[0] == "tune"
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_without_typer_one_line_says_what_to_install():
    done = python(
        "import sys; sys.modules['typer'] = None\n"
        "from keras_funcs_cli import main; main()"
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert 'pip install "keras-funcs[tune]"' in done.stderr


def test_version():
    assert call("--version").stdout.split()[0] == "keras-funcs"


def test_list():
    lines = call("list").stdout.splitlines()
    assert any(line.split()[:2] == ["layers", "Snake"] for line in lines)
    found = call("list", "*focal").stdout.splitlines()
    names = ["BinaryFocal", "CategoricalFocal", "UnifiedFocal"]
    assert [line.split()[:2] for line in found] == [
        ["losses", name] for name in names
    ]
    listed = call("list", "snake*", "--kind", "layers", "--json").stdout
    found = json.loads(listed)
    assert [card["name"] for card in found] == ["Snake", "SnakeBeta"]
    assert found[0]["arguments"][0]["name"] == "frequency_initializer"


def test_show(tmp_path):
    text = call("show", "Snake", "--plot", "a.png").stdout
    for part in (
        "keras_funcs.layers.Snake",
        "f(x) = x + sin(a * x)**2 / a",
        "frequency_initializer = 1.0  (searched: [0.2, 5, log])",
        "arXiv:2006.08195",
        "Curve at the start of training",
        "Drawn to a.png",
    ):
        assert part in text
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert "Curve" not in call("show", "CategoricalFocal").stdout
    found = json.loads(call("show", "logit-adjusted", "--json").stdout)
    assert found["path"] == "keras_funcs.losses.LogitAdjusted"


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["list", "binaryfocl"], "Nearest: BinaryFocal"),
        (["list", "--kind", "loses"], "Nearest: losses"),
        (["show", "Snak"], "Nearest: Snake"),
        (["show", "DropPath", "--plot", "a.png"], "it has no curve"),
        (["show", "Snake", "--plot", "a.jpg"], "a .png file"),
        (["tune", "digit"], "DATA is 'digits', or a .csv"),
        (["tune", "a.csv"], "--target COLUMN"),
        (["tune", "a.csv", "--target", "y"], "a file that exists"),
        (["tune", "digits", "--time", "soon"], "such as 90s, 10m or 1h30m"),
        (["tune", "digits", "--engine", "warp"], "option `--engine`"),
        (["tune", "digits", "--objective", "beauty"], "average_precision"),
        (["tune", "digits", "--positive", "ten"], "option `--positive`"),
        (["tune", "digits", "--choices", "loss"], "KIND=NAME,NAME"),
        (["tune", "digits", "--choices", "loss=Snake"], "a Keras loss"),
        (["report", "nowhere"], "Expected a folder with a study"),
        (["doctor", "nowhere.keras"], "that exists"),
        (["doctor", "a.h5"], "can run code"),
        (["check", "a.py"], "FILE.py:Class"),
        (["check", "a.py:A"], "a file that exists"),
    ],
)
def test_mistakes_are_one_line(arguments, message):
    assert message in mistake(*arguments)


def test_a_mistake_with_traceback_on_request():
    result = CliRunner().invoke(cli.app, ["--traceback", "report", "nowhere"])
    assert isinstance(result.exception, ValueError)


def test_someone_elses_folder_is_left_alone(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("words")
    assert "thesis.txt" in mistake("tune", "digits", "--out", "mine")
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


def test_an_interrupt_is_not_lost_in_a_callback(monkeypatch):
    class Careless:
        def __del__(self):
            raise KeyboardInterrupt

    monkeypatch.setattr(sys, "unraisablehook", application.repeat_interrupt)
    # Where the tests run in the background, the signal is ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            Careless()
            for _ in range(100):
                time.sleep(0.05)
    finally:
        signal.signal(signal.SIGINT, before)


def test_doctor_of_a_broken_installation(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "mxnet")
    text = call("doctor", "m.keras", code=1).stdout
    assert "error    Keras does not start: ValueError: KERAS_BACKEND" in text
    assert "m.keras was not looked into" in text
    monkeypatch.undo()
    monkeypatch.setattr(pack, "safe_keras", lambda version: False)
    assert "known holes" in call("doctor", code=1).stdout


@pytest.mark.parametrize(
    "version, safe",
    [
        ("3.12.3", False), ("3.12.4", True), ("3.12.10", True),
        ("3.13.2", False), ("3.14.0", False), ("3.15.0", False),
        ("3.15.1", True), ("3.16.0", True), ("4.0.0", True), ("0", False),
    ],
)  # fmt: skip
def test_keras_versions(version, safe):
    assert start.safe_keras(version) is safe


GOOD = """
import keras

@keras.saving.register_keras_serializable("mine")
class Squared(keras.losses.Loss):
    def call(self, y_true, y_pred):
        return keras.ops.mean(keras.ops.square(y_true - y_pred), -1)
"""


def test_check(tmp_path, monkeypatch):
    from keras_funcs import testing

    Result = testing.Result
    results = [
        Result("values", "Mine()", True, ""),
        Result("gradient", "Mine()", False, "It is not finite."),
    ]
    asked = []

    def check_component(component):
        asked.append(component.__name__)
        return results

    monkeypatch.setattr(testing, "check_component", check_component)
    monkeypatch.setattr(sys, "path", [*sys.path])
    for number, code in enumerate((1, 0)):
        (tmp_path / f"users_{number}.py").write_text(GOOD)
        place = f"users_{number}.py:Squared"
        text = call("check", place, code=code).stdout
        assert "pass  values" in text
        assert ("FAIL  gradient" in text) == (code == 1)
        del sys.modules[f"users_{number}"], results[1:]
    (tmp_path / "users_2.py").write_text(GOOD)
    found = json.loads(call("check", "users_2.py:Squared", "--json").stdout)
    assert found == [{"check": "values", "passed": True, "message": ""}]
    assert asked == ["Squared"] * 3


def test_backend_of_the_command(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(
        start.importlib.util,
        "find_spec",
        lambda name: name in ("torch", "tensorflow"),
    )
    config = tmp_path / "keras.json"

    def chosen(variable=None, written=None, prefer=""):
        monkeypatch.delenv("KERAS_BACKEND", raising=False)
        if variable is not None:
            monkeypatch.setenv("KERAS_BACKEND", variable)
        if written is not None:
            config.write_text(written)
        return start.start_keras(aloud=True, prefer=prefer)

    assert chosen(prefer="jax") == "torch"  # it is not installed
    capsys.readouterr()
    assert chosen() == "torch"
    assert "set KERAS_BACKEND for another" in capsys.readouterr().err
    assert os.environ["KERAS_BACKEND"] == "torch"
    assert chosen("tensorflow") == "tensorflow"
    assert "from KERAS_BACKEND" in capsys.readouterr().err
    # Keras writes tensorflow there unasked, and jax is not installed.
    assert chosen(written='{"backend": "tensorflow"}') == "torch"
    assert chosen(written='{"backend": "jax"}') == "torch"
    assert chosen(written="{") == "torch"
    monkeypatch.setattr(start.importlib.util, "find_spec", lambda name: True)
    assert chosen(written='{"backend": "torch"}') == "torch"
    assert chosen(prefer="jax") == "jax"
    assert chosen("torch", prefer="jax") == "torch"
    assert chosen(written="[]") == "jax"
    with pytest.raises(ValueError, match="cannot train. There are: jax, torch"):
        chosen("openvino")
    monkeypatch.setattr(start.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match="No backend of Keras"):
        chosen()


@pytest.mark.parametrize(
    "text, expected",
    [("", None), ("90s", 90), ("10m", 600), ("1h30m", 5400), ("2h5s", 7205)],
)
def test_durations(text, expected):
    assert studies.seconds(text) == expected


@pytest.mark.parametrize("text", ["10", "m", "0s", "1d", "-5m", "5m1h", " "])
def test_what_is_no_duration(text):
    with pytest.raises(ValueError, match="--time takes a duration"):
        studies.seconds(text)
