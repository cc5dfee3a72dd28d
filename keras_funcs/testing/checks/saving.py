"""The check that matters to a user: a saved model loads elsewhere."""

import importlib.util
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from keras_funcs.testing.bench.cases import Case
from keras_funcs.testing.bench.models import BATCH
from keras_funcs.testing.bench.models import bench
from keras_funcs.testing.runner import NotApplicable
from keras_funcs.testing.runner import check
from keras_funcs.testing.runner import expect

# Nothing of this process is there: what a file needs, it must bring along or
# find in the modules that the user imports.
SCRIPT = """
import importlib, json, pathlib, sys
folder = pathlib.Path(sys.argv[1])
for name in sys.argv[2:]:
    importlib.import_module(name)
import keras
import numpy as np
found = {}
for path in sorted(folder.glob("*.keras")):
    try:
        model = keras.saving.load_model(path)
        arrays = np.load(path.with_suffix(".npz"))
        x = [arrays[name] for name in sorted(arrays.files) if name[0] == "x"]
        x = x if len(x) > 1 else x[0]
        y = model(x, training=False)
        y = keras.ops.convert_to_numpy(y)
        # Another process may sum in another order.
        same = np.allclose(y, arrays["y"], rtol=1e-5, atol=1e-6)
        found[path.stem] = "" if same else "predicts something else"
        model.fit(x, arrays["labels"], verbose=0)
    except Exception as error:
        found[path.stem] = f"{type(error).__name__}: {error}"
print("RESULT" + json.dumps(found))
"""


@check(once=True)
def loads_in_a_fresh_process(case: Case) -> None:
    """A saved model that needs `custom_objects`, or code of this process."""
    message = load_afresh([case])[str(case)]
    expect(not message, message)


def load_afresh(cases: Sequence[Case]) -> dict[str, str]:
    """Loads and trains a model of each case in one new process.

    Returns:
        What went wrong, by the case's string; empty where nothing did.

    Raises:
        NotApplicable: where a component's module cannot be imported.
    """
    modules = sorted({_module(case) for case in cases})
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stems = {}
        for index, case in enumerate(cases):
            stems[str(case)] = stem = f"{index}"
            made = bench(case)
            if not made.model.optimizer.built:
                made.model.optimizer.build(made.model.trainable_variables)
            made.model.save(folder / f"{stem}.keras")
            np.savez(
                folder / f"{stem}.npz",
                labels=made.y[:BATCH],
                y=made.predict(BATCH),
                **{
                    f"x{index}": item
                    for index, item in enumerate(
                        keras.tree.flatten(made.rows(BATCH))
                    )
                },
            )
        found = run_script(SCRIPT, name, *modules)
    return {case: found[stem] for case, stem in stems.items()}


def run_script(script: str, *arguments: str) -> dict[str, str]:
    """Runs a script in a new process; the mapping that it prints last."""
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.splitlines()
    result = [line[6:] for line in lines if line.startswith("RESULT")]
    expect(result, f"the new process ended with: {done.stderr[-2000:]}")
    found: dict[str, str] = json.loads(result[-1])
    return found


def _module(case: Case) -> str:
    name = case.target.__module__
    package = name.split(".")[0]
    if name == "__main__" or importlib.util.find_spec(name) is None:
        raise NotApplicable(
            f"`{case.name}` is defined in {name}, which another process "
            "cannot import"
        )
    # The pack as its users import it.
    return package if package == __name__.split(".")[0] else name
