"""The application: its options, its errors, Ctrl-C."""

import _thread
import functools
import sys
import threading
from collections.abc import Callable
from importlib import metadata
from typing import Annotated
from typing import Any

import typer

app = typer.Typer(
    help="Find the activation, loss and optimizer that help on your data.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
_state = {"traceback": False}


def main() -> None:
    """Runs the command."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that knows ASCII only gets `?`, not a traceback.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    sys.unraisablehook = repeat_interrupt
    app()


@app.callback(invoke_without_command=True)
def options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.")
    ] = False,
    traceback: Annotated[
        bool, typer.Option("--traceback", help="Show where an error arose.")
    ] = False,
) -> None:
    """Find the activation, loss and optimizer that help on your data."""
    _state["traceback"] = traceback
    if version:
        typer.echo(f"keras-funcs {metadata.version('keras-funcs')}")
        raise typer.Exit


def command(function: Callable[..., None]) -> Callable[..., None]:
    """Adds a sub-command whose user's mistakes are one line, exit code 2."""

    @functools.wraps(function)
    def polite(*args: Any, **kwargs: Any) -> None:
        try:
            function(*args, **kwargs)
        except KeyboardInterrupt:
            say("Interrupted.")
            raise typer.Exit(130) from None
        except (typer.Exit, BrokenPipeError):
            raise
        except (ValueError, OSError, ImportError, RuntimeError) as error:
            if _state["traceback"]:
                raise
            text = one_line(error)
            if function.__name__ == "tune" and "keras_funcs" in sys.modules:
                from keras_funcs._command.options import with_options

                text = with_options(text)
            say(f"Error: {text}")
            raise typer.Exit(2) from None

    app.command(function.__name__.rstrip("_"))(polite)
    return polite


Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def repeat_interrupt(lost: Any) -> None:
    """Sends Ctrl-C again where a callback of the backend has swallowed it."""
    if issubclass(lost.exc_type, KeyboardInterrupt):
        # From a thread: here it would be lost with the first one.
        threading.Timer(0.05, _thread.interrupt_main).start()
    else:
        sys.__unraisablehook__(lost)


def one_line(error: BaseException) -> str:
    """An error's message without line breaks and control characters."""
    # As `keras_funcs._core.text.line`, which would wait for Keras.
    text = " ".join(str(error).split()) or type(error).__name__
    return "".join(sign if sign.isprintable() else "_" for sign in text)


def say(text: str) -> None:
    """Speaks to the user, beside the output."""
    typer.echo(text, err=True)
