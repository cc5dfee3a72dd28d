"""Packages of the `tune` extra, imported when they are first needed."""

import importlib
from typing import Any


def require(module: str) -> Any:
    """Imports a module, or says which extra brings it."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise ImportError(
            f"This needs the package `{error.name}`, which is not installed. "
            'Install it with: pip install "keras-funcs[tune]"'
        ) from error
