"""A study's results as tables: the columns of the CSV files and data frames."""

import dataclasses
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING
from typing import Any

import numpy as np

from keras_funcs._core.text import encodable
from keras_funcs.search.report.entries import Config
from keras_funcs.search.report.entries import Trial
from keras_funcs.search.report.measures import Measure
from keras_funcs.search.report.results import Results
from keras_funcs.search.store import files
from keras_funcs.search.store import state

if TYPE_CHECKING:
    import pandas as pd


def leaderboard(found: Results) -> "pd.DataFrame":
    """The baseline and the finalists by test score, or else the trials."""
    if not found.configs:
        frame = trials(found)
        order = found.sign < 0
        return frame.sort_values(
            "score", ascending=order, na_position="last", ignore_index=True
        )
    return _frame([_row(found, item) for item in ranked(found)])


def ranked(found: Results) -> list[Config]:
    """Baselines, finalists and the rows beside them, best mean score first."""
    entries = [*found.baselines, *found.finalists, *found.beside]

    def key(item: Config) -> float:
        mean = item.mean()
        return -found.sign * mean if math.isfinite(mean) else math.inf

    return sorted(entries, key=key)


def measures(
    found: Results,
) -> tuple[list[Measure], list[tuple[Config, list[float]]]]:
    """The measures beside the objective: titles, and means by row."""
    evidence = found.evidence
    names = [
        name
        for name in evidence.measures
        if name not in (evidence.known_as(found.metric), "mse")  # has its root
    ]
    rows = []
    for item in ranked(found):
        values = [
            list(evidence.measured(item, name).values()) for name in names
        ]
        rows.append(
            (item, [float(np.mean(v)) if v else math.nan for v in values])
        )
    known = [
        index
        for index in range(len(names))
        if any(math.isfinite(values[index]) for _, values in rows)
    ]
    return (
        [evidence.measures[names[index]] for index in known],
        [(item, [values[i] for i in known]) for item, values in rows if known],
    )


def trials(found: Results) -> "pd.DataFrame":
    """One row for each setting, one column for each hyper-parameter."""
    several = any(item.settings for item in found.trials)
    rows: list[dict[str, Any]] = []
    names: set[str] = set()
    for number, item in (
        pair for trial in found.trials for pair in _settings(trial)
    ):
        row: dict[str, Any] = {
            "trial": item.name,
            "setting": number,
            "status": item.status,
            "score": math.nan if item.score is None else item.score,
            "epoch": item.epoch,
            "seconds": item.seconds,
            **item.values,
            "message": item.message,
        }
        names.update(item.values)
        rows.append(row)
    columns = ["trial", "setting", "status", "score", "epoch", "seconds"]
    if not several:
        columns.remove("setting")
    return _frame(rows, [*columns, *sorted(names), "message"])


def _settings(trial: Trial) -> Iterator[tuple[int, Trial]]:
    """The settings of a trial, each as one, and each one's number."""
    if not trial.settings:
        yield 0, trial
    for number, item in enumerate(trial.settings):
        seconds = trial.seconds
        yield (
            number,
            dataclasses.replace(
                trial,
                values=item.values,
                status="FAILED" if item.score is None else "COMPLETED",
                score=item.score,
                epoch=item.epoch,
                seconds=seconds and seconds / len(trial.settings),
                message=item.message,
            ),
        )


def runs(found: Results) -> "pd.DataFrame":
    """One row for each run of the final: configuration and seed."""
    rows = []
    for item in found.configs:
        for seed, run in sorted(item.runs.items()):
            row: dict[str, Any] = {
                "config": item.name,
                "role": item.role,
                "label": item.label,
                "seed": seed,
                "test": run.get("score"),
                "validation": run.get("validation"),
                "epoch": run.get("epoch"),
                "seconds": run.get("seconds"),
            }
            for name, value in (run.get("metrics") or {}).items():
                row[f"test_{name}"] = value
            row["message"] = run.get("error", "").split("\n")[0]
            rows.append(row)
    return _frame(rows)


def _frame(
    rows: list[dict[str, Any]], columns: list[str] | None = None
) -> "pd.DataFrame":
    import pandas as pd

    # Strings of Arrow, as pandas 3 has them, are UTF-8.
    rows = [
        {encodable(name): encodable(value) for name, value in row.items()}
        for row in rows
    ]
    names = None if columns is None else [encodable(name) for name in columns]
    return pd.DataFrame(rows, columns=names)


def _row(found: Results, item: Config) -> dict[str, Any]:
    compared = found.differences.get(item.name)
    nan = math.nan
    return {
        "config": item.name,
        "label": item.label,
        "mean": item.mean(),
        "sd": item.deviation(),
        "difference": compared.difference if compared else nan,
        "low": compared.low if compared else nan,
        "high": compared.high if compared else nan,
        "p_adjusted": compared.p_adjusted if compared else nan,
        "seeds": len(item.scores()),
        "validation": item.mean("validation"),
    }


def columns(found: Results) -> list[tuple[str, str, str]]:
    """How the columns of a table were read: column, kind and reason.

    Empty if the study was given arrays, or a file that cannot be read.
    """
    from keras_funcs.data import TablePreprocessing
    from keras_funcs.data.description import group_decisions

    path = found.directory / files.PREPROCESSING
    if not path.exists():
        return []
    try:
        text = path.read_text("utf-8")
        return group_decisions(TablePreprocessing.from_json(text).decisions)
    except (OSError, ValueError) as error:
        state.tell(f"{path} cannot be read: {error}. It is left out.")
        return []
