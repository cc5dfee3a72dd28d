"""Calls of the command in the process of the tests."""

import os

import keras
from typer.testing import CliRunner

import keras_funcs_cli as cli


def isolate(monkeypatch, tmp_path):
    """Takes back what the command sets for its process."""
    monkeypatch.setenv("KERAS_BACKEND", keras.backend.backend())
    for name in ("TF_CPP_MIN_LOG_LEVEL", "TF_ENABLE_ONEDNN_OPTS"):
        monkeypatch.setenv(name, os.environ.get(name, "1"))
    monkeypatch.chdir(tmp_path)


def call(*arguments, code=0):
    result = CliRunner().invoke(cli.app, arguments, prog_name="keras-funcs")
    unexpected = not isinstance(result.exception, (SystemExit, type(None)))
    if unexpected:
        raise result.exception
    assert result.exit_code == code, result.output
    return result


def mistake(*arguments):
    """The one line that a mistake is answered with."""
    lines = call(*arguments, code=2).stderr.splitlines()
    notices = ("Backend: ", "keras_funcs.distribution: ")
    lines = [item for item in lines if not item.startswith(notices)]
    assert len(lines) == 1 and lines[0].startswith("Error: ")
    return lines[0]
