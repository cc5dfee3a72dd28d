"""The architecture, as far as imports and words in the source show it."""

import ast
import functools
import subprocess
import sys
from pathlib import Path

import pytest

import keras_funcs

ROOT = Path(keras_funcs.__file__).parent
CLI = ROOT.parent / "keras_funcs_cli"
FILES = sorted([*ROOT.rglob("*.py"), *CLI.glob("*.py")])

KINDS = (
    "activations", "callbacks", "initializers", "layers", "losses", "metrics",
    "optimizers", "regularizers",
)  # fmt: skip
BACKENDS = {"tensorflow", "jax", "torch"}
# Where each may be imported, as the beginnings of paths.
ALLOWED = {
    **dict.fromkeys(BACKENDS, ("_core/backend/", "search/engines/")),
    **dict.fromkeys(
        ("keras_tuner", "tensorboard", "matplotlib", "ray", "sklearn"),
        ("search/", "inspect/", "data/", "_command/"),
    ),
    "pandas": ("search/", "data/", "_command/"),
}
LAZY = set(ALLOWED) - BACKENDS
NEVER = {"pickle", "marshal", "dill", "cloudpickle", "shelve", "yaml"}
CALLS = {"eval", "exec", "compile", "Lambda", "__import__"}


def name_of(path):
    if path.parent == CLI:
        return f"../{CLI.name}/{path.name}"
    return path.relative_to(ROOT).as_posix()


def modules(tree):
    """Every imported module, in full."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@functools.cache
def read(path):
    text = path.read_text(encoding="utf-8")
    return name_of(path), text, ast.parse(text)


@pytest.fixture(params=FILES, ids=name_of)
def source(request):
    return read(request.param)


def test_there_are_files():
    assert len(FILES) > 40


def test_files_are_short(source):
    assert len(source[1].splitlines()) <= 400


def test_nothing_dangerous_is_used(source):
    _, text, tree = source
    assert "keras.src" not in text
    for node in ast.walk(tree):
        assert not isinstance(node, ast.Assert)
        if isinstance(node, ast.Call):
            called = node.func
            if isinstance(called, ast.Name):
                assert called.id not in CALLS
            elif isinstance(called, ast.Attribute):
                assert called.attr not in {"Lambda", "unsafe_load"}
                text = ast.unparse(node)
                assert "allow_pickle=True" not in text
                assert "safe_mode=False" not in text
    assert not {name.split(".")[0] for name in modules(tree)} & NEVER


def test_packages_are_imported_where_they_belong(source):
    name, _, tree = source
    for module in modules(tree):
        places = ALLOWED.get(module.split(".")[0])
        assert places is None or name.startswith(places), module


def test_arrows_point_down(source):
    name, _, tree = source
    own = name.split("/")[0]
    used = {
        module.split(".")[1]
        for module in modules(tree)
        if module.startswith("keras_funcs.")
    }
    if own == "_core":
        assert used <= {"_core"}
    elif own in KINDS:
        # The inspector draws, lazily: what it draws with is above it.
        upwards = {"inspect"} if own == "callbacks" else set()
        assert used <= {"_core", own, *upwards}
    elif own not in ("__init__.py", "testing"):
        assert "testing" not in used - {"testing"} or own == "_command"


def test_importing_the_pack_imports_nothing_heavy():
    # Keras's own wrappers import scikit-learn, where there is one.
    code = (
        "import sys, keras\n"
        "before = set(sys.modules)\n"
        "import keras_funcs\n"
        "new = {name.split('.')[0] for name in set(sys.modules) - before}\n"
        f"print(sorted({(LAZY | BACKENDS)!r} & new))"
    )
    assert run(code).splitlines()[-1] == "[]"


def test_importing_the_pack_says_nothing():
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", "import keras_funcs"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == ""


def test_all_works_without_docstrings():
    out = run("import keras_funcs; print(keras_funcs.layers.Swish())", "-OO")
    assert "Swish" in out


def test_all_works_without_the_catalogue(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(WITHOUT_CATALOGUE)
    out = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "m.keras")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert out.stdout.splitlines()[-1:] == ["done"], out.stderr[-2000:]


WITHOUT_CATALOGUE = """
import sys

sys.modules["keras_funcs._core.catalogue"] = None
import keras
import numpy as np

import keras_funcs as kf

path = sys.argv[1]
x = np.random.default_rng(0).normal(size=(12, 6))
y = np.arange(12) % 4
counts = kf.class_counts(y)
rate = kf.optimizers.schedules.WarmupStableDecay(0.01, 1, 1, 1)
losses = [
    kf.losses.BinaryFocal(from_logits=True),
    kf.losses.CategoricalFocal(from_logits=True),
    kf.losses.LogitAdjusted(counts, from_logits=True),
    kf.losses.WeightedCrossentropy(class_counts=counts, from_logits=True),
]
for loss in losses:
    for optimizer in (kf.optimizers.AdaBelief, kf.optimizers.AdEMAMix):
        inputs = keras.Input((6,))
        h = keras.layers.Dense(
            8,
            activation=kf.activations.squared_relu,
            kernel_regularizer=kf.regularizers.GroupLasso(1e-4),
        )(inputs)
        h = kf.layers.Snake()(kf.layers.DropPath()(kf.layers.Swish()(h)))
        outputs = kf.layers.CosineDense(4, scale=10.0)(h)
        model = keras.Model(inputs, outputs)
        labels = np.eye(4)[y] if loss.name == "binary_focal" else y
        metrics = [
            kf.metrics.BalancedAccuracy(),
            kf.metrics.ConfusionMatrix(),
            kf.metrics.MatthewsCorrelation(),
        ]
        model.compile(optimizer(rate), loss, metrics=metrics)
        callbacks = []
        if hasattr(loss, "deferred"):
            callbacks = [kf.callbacks.DeferredReweighting(0.5)]
        model.fit(x, labels, epochs=2, callbacks=callbacks, verbose=0)
        if optimizer is kf.optimizers.AdEMAMix:
            model.save(path)
            loaded = keras.saving.load_model(path)
            same = np.array_equal(
                model.predict(x, verbose=0), loaded.predict(x, verbose=0)
            )
            if not same:
                raise SystemExit("another prediction")
            loaded.fit(x, labels, verbose=0)
try:
    kf.catalogue()
except ImportError:
    print("done")
"""


def run(code, *flags):
    done = subprocess.run(
        [sys.executable, *flags, "-c", code],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout
