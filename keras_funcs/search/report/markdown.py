"""The report of a study: Markdown with figures, and the tables beside it."""

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from keras_funcs._core import text as texts
from keras_funcs._core.text import code
from keras_funcs._core.text import markdown
from keras_funcs.search.progress import duration
from keras_funcs.search.report import calibration
from keras_funcs.search.report import contents
from keras_funcs.search.report import page
from keras_funcs.search.report import scores
from keras_funcs.search.report import tables
from keras_funcs.search.report.headline import headline
from keras_funcs.search.report.pieces import DASH
from keras_funcs.search.report.pieces import figure
from keras_funcs.search.report.pieces import interval
from keras_funcs.search.report.pieces import number
from keras_funcs.search.report.pieces import row
from keras_funcs.search.report.results import Results
from keras_funcs.search.report.results import short
from keras_funcs.search.store import files
from keras_funcs.search.store import state

SHOWN_TRIALS = 15
MOST_CURVES, MOST_SEEDS = 6, 5  # of the picture of all epochs
LEAST_LINES, MOST_LINES = 5, 200  # of the picture of all settings


def write(found: Results) -> Path:
    """Writes the report as Markdown and HTML, its figures, and the tables.

    Returns:
        The path of `report.md`.
    """
    directory = found.directory
    _csv(directory / files.TRIALS_TABLE, tables.trials(found))
    if found.configs:
        _csv(directory / files.FINALISTS_TABLE, tables.runs(found))
    sections: list[Callable[[Results], list[str]]] = [
        _head,
        scores.leaderboard,
        scores.measures,
        scores.classes,
        calibration.section,
        _contributions,
        _search,
        _failures,
        contents.section,
        _columns,
        _environment,
    ]
    lines: list[str] = []
    for section in sections:
        lines += section(found)
    path = directory / files.REPORT
    text = "\n".join(lines)
    state.write_text(path, text)
    page.write(found, texts.block(text))
    return path


def _head(found: Results) -> list[str]:
    study = found.study
    done = len([item for item in found.trials if item.score is not None])
    sentence = headline(found)
    verdict = markdown(found.verdict)
    first = [f"**{markdown(sentence)}**", "", verdict] if sentence else []
    return [
        f"# {markdown(study['name'])}",
        "",
        *(first or [f"**{verdict}**"]),
        "",
        _model(found),
        f"{done} of {len(found.trials)} trials gave a result, in "
        f"{duration(study['seconds'])}.",
        "",
    ]


def _model(found: Results) -> str:
    if (
        found.shipped is None
        or not (found.directory / files.BEST_MODEL).exists()
    ):
        return "No model is saved yet: the final was not run."
    item, seed = found.shipped
    score = item.scores().get(seed, math.nan)
    return (
        f"{code(files.BEST_MODEL)} is the model of **{markdown(item.label)}** "
        f"({markdown(item.name)}, seed {seed}, the median on validation data). "
        f"Its {code(found.metric)} on {found.where} data is {number(score)}."
    )


def _contributions(found: Results) -> list[str]:
    rows = found.contributions()
    lines = ["## What each choice contributed", ""]
    if rows and found.winner is not None:
        lines += [
            "The best finalist on validation data, "
            f"{markdown(found.title(found.winner))}, "
            "with each part of it put back to the baseline's, on the same "
            "seeds. The numbers that belong to a part, such as an "
            "optimizer's learning rate, go back with it. The parts "
            "interact, so their gains need not add up.",
            "",
            "| part | with | gain over without | 95 % CI |",
            "|---|---|---|---|",
        ]
        for part, value, c in rows:
            gain = number(c.difference, "+") or DASH
            lines.append(row(part, value, gain, interval(c)))
        known = [row for row in rows if math.isfinite(row[2].p)]
        lines.append("")
        if known:
            from keras_funcs.inspect import figures

            picture = partial(
                figures.interval_plot,
                [
                    f"{part}{': ' if value.startswith('its ') else ' = '}"
                    f"{value}"
                    for part, value, _ in known
                ],
                [c.difference for *_, c in known],
                [(c.low, c.high) for *_, c in known],
                title=f"Gain in {found.metric} by each choice",
                xlabel="with it less without it",
            )
            lines += figure(found, "contributions", picture)
    elif "ablation" in found.study.get("left_out", {}):
        lines += [
            "The winner's parts were not put back in turn, "
            f"{markdown(found.study['left_out']['ablation'])}.",
            "",
        ]
    effects = found.effects()
    if not effects:
        return lines if rows else []
    lines += [
        "In the search itself, everything else mixed "
        f"({code(found.study['objective']['name'])} of the trials):",
        "",
        "| part | value | trials | mean | best |",
        "|---|---|---|---|---|",
    ]
    for part, value, count, mean, best in effects:
        lines.append(row(part, value, str(count), number(mean), number(best)))
    return [*lines, ""]


def _search(found: Results) -> list[str]:
    ranked = found.ranked()
    if not ranked:
        return []
    lines = [
        "## Search",
        "",
        f"The best of {len(ranked)} trials by "
        f"{code(found.study['objective']['name'])}, each with one seed and in "
        f"its best epoch; {code(files.TRIALS_TABLE)} has them all.",
        "",
        "| trial | score | epoch | settings |",
        "|---|---|---|---|",
    ]
    for item in ranked[:SHOWN_TRIALS]:
        settings = ", ".join(
            f"{name}={short(value)}" for name, value in item.values.items()
        )
        lines.append(
            row(item.name, number(item.score or 0.0), str(item.epoch), settings)
        )
    return [*lines, "", *_settings(found), *_courses(found)]


def _settings(found: Results) -> list[str]:
    """A picture of all settings, if there are enough to see anything."""
    ranked = found.ranked()[:MOST_LINES]
    columns = {
        part: [item.values.get(part) for item in ranked]
        for part in [*found.study["parts"], "learning_rate"]
    }
    for index, item in enumerate(ranked):
        for name, value in item.values.items():
            if name.endswith("/learning_rate"):
                columns["learning_rate"][index] = value
    columns = {
        name: values
        for name, values in columns.items()
        if len({str(v) for v in values if v is not None}) > 1
    }
    if len(ranked) < LEAST_LINES or not columns:
        return []
    from keras_funcs.inspect import figures

    picture = partial(
        figures.parallel_plot,
        columns,
        [item.score or 0.0 for item in ranked],
        title="All settings; the darker and thicker, the better",
        label=found.study["objective"]["name"],
        better="higher" if found.sign > 0 else "lower",
    )
    return figure(found, "settings", picture)


def _courses(found: Results) -> list[str]:
    """The objective by epoch, of each seed of the baseline and finalists."""
    items = [*found.baselines, *found.finalists][:MOST_CURVES]
    series = {}
    for item in items:
        values = [run.get("history") or [] for run in item.runs.values()]
        # None, where there was no number, leaves a gap.
        curves = [
            (range(1, len(v) + 1), [math.nan if y is None else y for y in v])
            for v in values[:MOST_SEEDS]
            if len(v) > 1
        ]
        if curves:
            series[item.name] = curves
    if not series:
        return []
    from keras_funcs.inspect import figures

    name = found.study["objective"]["name"]
    picture = partial(
        figures.line_chart,
        series,
        title=f"{name} by epoch, a line for each seed",
        xlabel="epoch",
        ylabel=name,
    )
    return figure(found, "epochs", picture)


def _failures(found: Results) -> list[str]:
    failed = found.failed()
    runs = [
        (item, seed, run["error"])
        for item in found.configs
        for seed, run in item.runs.items()
        if "error" in run
    ]
    if not failed and not runs:
        return []
    lines = ["## Failed", "", "| what | settings | reason |", "|---|---|---|"]
    for trial in failed:
        settings = ", ".join(
            f"{name}={short(value)}" for name, value in trial.values.items()
        )
        lines.append(row(trial.name, settings, trial.message))
    for item, seed, message in runs:
        reason = message.split("\n")[0]
        lines.append(row(f"{item.name}, seed {seed}", item.label, reason))
    return [*lines, ""]


def _columns(found: Results) -> list[str]:
    rows = tables.columns(found)
    if not rows:
        return []
    lines = ["## How columns were read", "", row("column", "kind", "how")]
    return [*lines, "|---|---|---|", *(row(*cells) for cells in rows), ""]


def _environment(found: Results) -> list[str]:
    study = found.study
    lines = ["## How it was run", "", "| | |", "|---|---|"]
    for name, value in study["environment"].items():
        lines.append(row(name, str(value)))
    for name, value in (
        ("oracle", study["fingerprint"]["oracle"]),
        ("engine", study.get("engine") or "local"),
        ("trials", f"{len(found.trials)} of {study['max_trials']}"),
        ("settings of a trial, at most", study.get("settings") or 1),
        ("epochs, at most", study["epochs"]),
        ("batch size", study["batch_size"]),
        ("seeds of the final", study["seeds"]),
        ("seed of the search", study["fingerprint"]["seed"]),
        ("time", duration(study["seconds"])),
    ):
        lines.append(row(name, str(value)))
    for what, message in study.get("left_out", {}).items():
        lines.append(row(f"left out: {what}", message))
    return [
        *lines,
        "",
        "The last batch of each epoch is filled up with training samples "
        "drawn at random, once for each run, so that all batches have one "
        "shape: up to a batch less one of the samples count twice.",
        "",
    ]


def _csv(path: Path, frame: Any) -> None:
    safe = frame.map(texts.cell).rename(columns=texts.cell)
    state.write_text(path, safe.to_csv(index=False))
