"""The user's own class, from `FILE.py:Class`."""

import difflib
import importlib.util
import sys
from pathlib import Path
from typing import Any

from keras_funcs._command.printing import bold
from keras_funcs._command.printing import paragraph
from keras_funcs._command.printing import print_json
from keras_funcs._core import checks

LONGEST = 400  # of a message on the terminal; JSON has all of it


def load(place: str) -> Any:
    """Imports a file of the user's and returns one object of it.

    Args:
        place: String, `"FILE.py:Class"`.

    Raises:
        FileNotFoundError: where there is no such file.
        ValueError: where the file fails, or has no such name.
    """
    file, _, name = place.rpartition(":")
    if not file.endswith(".py") or not name.isidentifier():
        checks.invalid("place", "FILE.py:Class", place)
    path = Path(file).resolve()
    if not path.is_file():
        raise FileNotFoundError(
            "Invalid value for argument `place`. Expected a file that exists. "
            f"Received: place={place!r}"
        )
    if path.stem in sys.modules or path.stem in sys.stdlib_module_names:
        checks.invalid("place", "a file not named as another module", place)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        checks.invalid("place", "a Python file", place)
    module = importlib.util.module_from_spec(spec)
    # What lies beside the file can be imported, as with `python FILE.py`, and
    # what is defined in it is found by its module's name.
    sys.path.insert(0, str(path.parent))
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ValueError(
            f"{file} cannot be imported: {type(error).__name__}: {error}"
        ) from error
    if not hasattr(module, name):
        near = difflib.get_close_matches(name, vars(module), n=3, cutoff=0.4)
        own = [
            key
            for key, value in vars(module).items()
            if getattr(value, "__module__", None) == path.stem
        ]
        shown = ", ".join(near or own) or "none"
        checks.invalid("place", f"a name in {file}. There are: {shown}", name)
    return getattr(module, name)


def check(place: str, as_json: bool) -> bool:
    """Runs the conformance checks on `"FILE.py:Class"` and prints them.

    Returns:
        Whether all passed.
    """
    from keras_funcs import testing

    results = testing.check_component(load(place))
    failed = [item for item in results if not item.passed]
    if as_json:
        print_json(
            [
                {
                    "check": item.check,
                    "passed": bool(item.passed),
                    "message": item.message,
                }
                for item in results
            ]
        )
        return not failed
    for item in results:
        print(f"{'pass' if item.passed else bold('FAIL')}  {item.check}")
        if not item.passed:
            # Keras's own messages can hold a whole model.
            text = item.message
            text = text if len(text) <= LONGEST else text[:LONGEST] + "..."
            paragraph(text, "      ")
    print(f"\n{len(results) - len(failed)} of {len(results)} checks passed")
    return not failed
