"""The `keras-funcs` command.

Its help and its completion must not wait for Keras: nothing of `keras_funcs`
is imported before a sub-command runs, and the backend is chosen before that.
What the sub-commands do stands in `keras_funcs/_command/`.
"""

import _thread
import contextlib
import functools
import importlib.util
import json
import os
import re
import sys
import threading
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Annotated
from typing import Any

try:
    import typer
except ModuleNotFoundError:
    raise SystemExit(
        "The keras-funcs command needs the package `typer`. Install it with: "
        'pip install "keras-funcs[tune]"'
    ) from None

BACKENDS = ("jax", "torch", "tensorflow")
PACKAGES = (
    "keras-funcs", "keras", "numpy", "jax", "torch", "tensorflow",
    "tensorflow-cpu", "keras-tuner", "tensorboard", "scikit-learn", "pandas",
    "pyarrow", "matplotlib", "typer", "rich", "ray",
)  # fmt: skip

app = typer.Typer(
    help="Find the activation, loss and optimizer that help on your data.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
_state = {"traceback": False}
# As `keras_funcs.search.spaces.measures` has them, by task.
OBJECTIVES = {
    "classes": (
        *("accuracy", "balanced_accuracy", "matthews_correlation", "f1"),
        *("precision", "recall", "specificity", "average_precision", "auroc"),
        *("kolmogorov_smirnov", "geometric_mean", "worst_class_recall"),
        *("cohen_kappa", "macro_mae", "brier_score"),
        "expected_calibration_error",
    ),
    "numbers": ("r2", "mae", "rmse"),
}


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
def tune(
    data: Annotated[
        str, typer.Argument(help="'digits', or a .csv or .parquet file.")
    ],
    target: Annotated[
        str, typer.Option(help="The column of the file to predict.")
    ] = "",
    trials: Annotated[
        int, typer.Option(min=1, help="Configurations to try.")
    ] = 24,
    time: Annotated[
        str, typer.Option(help="Be done in time, such as 10m or 1h30m.")
    ] = "",
    objective: Annotated[
        str,
        typer.Option(
            help="The metric to choose by. Of classes: "
            f"{', '.join(OBJECTIVES['classes'])}; of numbers: "
            f"{', '.join(OBJECTIVES['numbers'])}. "
            "Defaults to balanced_accuracy, macro_mae (ordinal) or r2."
        ),
    ] = "",
    positive: Annotated[
        str,
        typer.Option(
            help="The class whose f1, precision, recall, specificity, "
            "average_precision or auroc counts; else the mean over classes."
        ),
    ] = "",
    task: Annotated[
        str,
        typer.Option(
            help="binary, multiclass, ordinal or regression; else found in "
            "the target."
        ),
    ] = "",
    choices: Annotated[
        list[str] | None,
        typer.Option(
            help="'all' for everything that fits the task, or a kind and its "
            "choices, such as loss=LogitAdjusted,AutoBalanced or "
            "activation=all. Repeatable."
        ),
    ] = None,
    batch_size: Annotated[
        int, typer.Option(min=0, help="Rows of a batch; 0 to go by the rows.")
    ] = 0,
    test: Annotated[
        str, typer.Option(help="A file of its own with the rows to test on.")
    ] = "",
    test_share: Annotated[
        float, typer.Option(help="The share of the rows to test on.")
    ] = 0.2,
    validation_share: Annotated[
        float, typer.Option(help="The share of the rows to choose by.")
    ] = 0.2,
    group: Annotated[
        str,
        typer.Option(help="A column whose equal values stay in one split."),
    ] = "",
    time_column: Annotated[
        str,
        typer.Option(help="A column to split by: the last rows test."),
    ] = "",
    epochs: Annotated[
        int, typer.Option(min=1, help="Epochs of one run, at most.")
    ] = 40,
    seeds: Annotated[
        int, typer.Option(min=2, help="Runs of each finalist at the end.")
    ] = 5,
    engine: Annotated[str, typer.Option(help="How runs are made.")] = "auto",
    out: Annotated[
        str, typer.Option(help="Folder of the study; else runs/<name>.")
    ] = "",
    drop: Annotated[
        list[str] | None,
        typer.Option(
            help="A column to leave out, as row ids must be. Repeatable."
        ),
    ] = None,
    categorical: Annotated[
        list[str] | None,
        typer.Option(help="A column of codes, not quantities. Repeatable."),
    ] = None,
    numeric: Annotated[
        list[str] | None,
        typer.Option(help="A column of numbers, left out else. Repeatable."),
    ] = None,
    missing: Annotated[
        list[str] | None,
        typer.Option(help="A text that means 'no value'. Repeatable."),
    ] = None,
    max_categories: Annotated[
        int, typer.Option(min=2, help="The most categories of one column.")
    ] = 100,
    separator: Annotated[
        str, typer.Option(help="Between cells, such as ';'; else found.")
    ] = "",
    decimal: Annotated[str, typer.Option(help="'.' or ','; else found.")] = "",
    encoding: Annotated[
        str, typer.Option(help="Of the file, such as cp1252; else UTF-8.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Search what helps on your data, and compare it with the baseline.

    The same command again goes on where it was.
    """
    limit = seconds(time)
    if data != "digits" and not Path(data).suffix:
        raise ValueError(
            f"DATA is 'digits', or a .csv, .tsv or .parquet file, not {data!r}."
        )
    if data != "digits" and not target:
        raise ValueError("Say which column to predict: --target COLUMN.")
    start_keras(aloud=True)
    from keras_funcs._command import studies

    studies.tune(
        data,
        target,
        {
            "drop": drop or (),
            "categorical": categorical or (),
            "numeric": numeric or (),
            "missing": missing or (),
            "max_categories": max_categories,
            # A shell passes a tab as two characters.
            "separator": separator.replace("\\t", "\t") or None,
            "decimal": decimal or None,
            "encoding": encoding or None,
            "validation": validation_share,
            "test": test or test_share,
            "task": task,
            "group": group,
            "time": time_column,
        },
        out,
        as_json,
        choices=choices or (),
        objective=objective,
        positive=positive,
        batch_size=batch_size,
        trials=trials,
        budget=limit,
        epochs=epochs,
        seeds=seeds,
        engine=engine,
    )


@command
def report(
    directory: Annotated[
        str, typer.Argument(metavar="DIR", help="The folder of a study.")
    ],
    as_json: Json = False,
) -> None:
    """Write a study's report again, and print its summary."""
    start_keras()
    from keras_funcs._command import studies

    studies.report(directory, as_json)


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


def start_keras(aloud: bool = False) -> str:
    """Chooses the backend, imports the pack, and returns the backend's name.

    Keras itself takes TensorFlow where nothing is said, installed or not.
    """
    name = os.environ.get("KERAS_BACKEND", "")
    installed = [item for item in BACKENDS if importlib.util.find_spec(item)]
    if not installed:
        raise ImportError(
            "No backend of Keras is installed. Install one, such as: "
            'pip install "keras-funcs[jax]"'
        )
    if name and name not in installed:
        raise ValueError(
            f"KERAS_BACKEND is {name!r}, which is not installed or cannot "
            f"train. There are: {', '.join(installed)}"
        )
    how = "from KERAS_BACKEND" if name else "set KERAS_BACKEND for another"
    name = name or configured(installed) or installed[0]
    os.environ["KERAS_BACKEND"] = name
    if aloud:
        say(f"Backend: {name} ({how})")
    if name != "tensorflow":
        # Keras imports TensorFlow to save a model; its greeting says nothing.
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if name == "torch":
        # The command trains small models, which Torch's threads slow down,
        # many times over where the machine has other work.
        os.environ.setdefault("OMP_NUM_THREADS", "1")
    importlib.import_module("keras_funcs")
    return name


def configured(installed: list[str]) -> str:
    """The backend the user wrote into keras.json, or `""`.

    Keras writes "tensorflow" there by itself, so that this says nothing.
    """
    home = os.environ.get("KERAS_HOME", Path.home() / ".keras")
    try:
        name = json.loads(Path(home, "keras.json").read_text())["backend"]
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    return name if name in installed and name != "tensorflow" else ""


def safe_keras(version: str) -> bool:
    """Whether a Keras is one of those that the package allows."""
    numbers = tuple(int(n) for n in re.findall(r"\d+", version)[:3])
    return (3, 12, 4) <= numbers < (3, 13) or numbers >= (3, 15, 1)


def seconds(text: str) -> float | None:
    """Reads `90s`, `10m` or `1h30m`; None for nothing."""
    if not text:
        return None
    found = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", text.strip())
    hours, minutes, rest = (
        int(part or 0) for part in (found.groups() if found else (0, 0, 0))
    )
    total = 3600 * hours + 60 * minutes + rest
    if not total:
        raise ValueError(
            f"--time takes a duration such as 90s, 10m or 1h30m, not {text!r}."
        )
    return float(total)


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


if __name__ == "__main__":
    main()
