"""Checks of `keras.Model.export`: other runtimes compute what Keras does."""

import tempfile
from pathlib import Path

import keras

from keras_funcs.testing.bench import inputs
from keras_funcs.testing.bench.cases import Case
from keras_funcs.testing.bench.exports import FORMATS
from keras_funcs.testing.bench.exports import exported
from keras_funcs.testing.bench.exports import tiny
from keras_funcs.testing.bench.programs import results
from keras_funcs.testing.runner import NotApplicable
from keras_funcs.testing.runner import check
from keras_funcs.testing.runner import close
from keras_funcs.testing.runner import expect

KINDS = ("activations", "layers")


@check(*KINDS, once=True, dear=True, backends=tuple(FORMATS["onnx"].packages))
def onnx_runs_the_same(case: Case) -> None:
    """An operation that ONNX lacks, or that its runtime takes for another."""
    _compare(case, "onnx")


@check(*KINDS, once=True, dear=True, backends=tuple(FORMATS["litert"].packages))
def litert_runs_the_same(case: Case) -> None:
    """An operation that LiteRT lacks, or that it takes for another."""
    _compare(case, "litert")


@check(
    *KINDS,
    once=True,
    dear=True,
    backends=tuple(FORMATS["tf_saved_model"].packages),
)
def saved_model_runs_the_same(case: Case) -> None:
    """A size of the example, or a draw, that is a constant in the graph."""
    _compare(case, "tf_saved_model")


def _compare(case: Case, name: str) -> None:
    """Fails unless a runtime equals the model, or fails as declared."""
    missing = FORMATS[name].missing()
    if missing:
        raise NotApplicable(f"the export needs {', '.join(missing)}")
    model, x = tiny(case), inputs.features(case)
    expected = results(model(x, training=False))
    names = [symbol.name for symbol in model.inputs]
    feed = dict(zip(names, keras.tree.flatten(x)))
    here = (name, f"{name} of {keras.config.backend()}")
    is_declared = not set(here).isdisjoint(case.layer.unexported)
    with tempfile.TemporaryDirectory() as folder:
        try:
            found = exported(model, name, Path(folder), feed)
        except Exception as error:
            reason = f"{type(error).__name__}: {str(error)[-300:]}"
            expect(is_declared, f"no {name}: {reason}")
            return
    expect(not is_declared, f"{name} works: drop it from `traits.unexported`")
    for one, other in zip(found, expected, strict=True):
        close(one, other, name, rtol=1e-4, atol=1e-5)
