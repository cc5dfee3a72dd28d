"""The sub-commands on components, model files and the installation."""

import contextlib
import json
import sys
from importlib import metadata
from typing import Annotated

import typer

from keras_funcs_cli.application import Json
from keras_funcs_cli.application import command
from keras_funcs_cli.start import safe_keras
from keras_funcs_cli.start import start_keras

PACKAGES = (
    "keras-funcs", "keras", "numpy", "jax", "torch", "tensorflow",
    "tensorflow-cpu", "keras-tuner", "tensorboard", "scikit-learn", "pandas",
    "pyarrow", "matplotlib", "typer", "rich", "ray",
)  # fmt: skip


@command
def list_(
    pattern: Annotated[
        str, typer.Argument(help="Part of a name, or wildcards: '*focal'.")
    ] = "*",
    kind: Annotated[
        str, typer.Option(help="One kind, such as losses or layers.")
    ] = "",
    as_json: Json = False,
) -> None:
    """List the pack's components."""
    start_keras()
    from keras_funcs._command import cards

    cards.print_list(pattern, kind, as_json)


@command
def show(
    name: Annotated[str, typer.Argument(help="A component, such as Snake.")],
    plot: Annotated[
        str, typer.Option(help="Draw an activation's curve to a new PNG file.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Show a component's formula, arguments, source and curve."""
    start_keras()
    from keras_funcs._command import cards

    cards.print_card(name, plot, as_json)


@command
def doctor(
    model: Annotated[
        str, typer.Argument(help="A .keras file to look into.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Check the installation, and what a model file needs to load.

    The file is read, never loaded. Exit code 1 where something is wrong.
    """
    facts = {"python": sys.version.split()[0]}
    for package in PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            facts[package] = metadata.version(package)
    findings: list[tuple[str, str]] = []
    if not safe_keras(facts.get("keras", "0")):
        text = 'has known holes in its model loader: pip install -U "keras"'
        findings.append(("error", f"Keras {facts.get('keras')} {text}"))
    try:
        facts["backend"] = start_keras()
        from keras_funcs._core import backend

        facts["devices"] = ", ".join(backend.active().devices())
    except Exception as error:  # whatever it is, it is the diagnosis
        name = type(error).__name__
        findings.append(("error", f"Keras does not start: {name}: {error}"))
    if model and "devices" in facts:
        from keras_funcs._command import model_file

        findings += model_file.examine(model)
    elif model:
        findings.append(("warning", f"{model} was not looked into"))
    findings = findings or [("ok", "nothing is wrong")]
    if as_json:
        listed = [{"level": a, "message": b} for a, b in findings]
        typer.echo(json.dumps({"facts": facts, "findings": listed}, indent=1))
    else:
        for key, value in facts.items():
            typer.echo(f"{key:<16}{value}")
        typer.echo()
        for level, message in findings:
            typer.echo(f"{level:<9}{' '.join(message.split())}")
    if any(level == "error" for level, _ in findings):
        raise typer.Exit(1)


@command
def check(
    place: Annotated[
        str, typer.Argument(metavar="FILE.py:Class", help="Your own class.")
    ],
    as_json: Json = False,
) -> None:
    """Run the pack's checks on your own component.

    The file is executed. Exit code 1 where a check fails.
    """
    start_keras(aloud=True)
    from keras_funcs._command import user_code

    if not user_code.check(place, as_json):
        raise typer.Exit(1)
