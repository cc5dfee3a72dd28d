"""The sub-commands on studies."""

import re
from pathlib import Path
from typing import Annotated

import typer

from keras_funcs_cli.application import Json
from keras_funcs_cli.application import command
from keras_funcs_cli.start import start_keras

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
    classes: Annotated[
        str,
        typer.Option(
            help="All classes in their order, such as low,medium,high; else "
            "by number or alphabet."
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
    settings: Annotated[
        int, typer.Option(min=1, help="Settings of each, if trained as lanes.")
    ] = 64,
    seeds: Annotated[
        int | None,
        typer.Option(
            min=2, help="Runs of each finalist at the end; else 20, or 5."
        ),
    ] = None,
    engine: Annotated[
        str, typer.Option(help="'local', 'vectorized' (JAX) or 'auto'.")
    ] = "auto",
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
    start_keras(aloud=True, prefer="" if engine == "local" else "jax")
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
            "classes": list(filter(None, map(str.strip, classes.split(",")))),
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
        settings=settings,
        budget=limit,
        epochs=epochs,
        seeds=seeds,
        engine=engine,
    )


@command
def predict(
    directory: Annotated[
        str, typer.Argument(metavar="DIR", help="The folder of a study.")
    ],
    data: Annotated[
        str, typer.Argument(help="New rows: a .csv, .tsv or .parquet file.")
    ],
    out: Annotated[
        str, typer.Option(help="The .csv file to write the predictions to.")
    ],
    as_json: Json = False,
) -> None:
    """Predict new rows with the best model of a study.

    One line per row: the prediction and the probability of each class.
    """
    start_keras()
    from keras_funcs._command import predictions

    predictions.predict(directory, data, out, as_json)


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
