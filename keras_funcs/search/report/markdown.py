"""The report of a study: Markdown with figures, and the tables beside it."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from keras_funcs._core import text as texts
from keras_funcs._core.text import code
from keras_funcs._core.text import markdown
from keras_funcs.search.progress import duration
from keras_funcs.search.report import tables
from keras_funcs.search.report.results import Results
from keras_funcs.search.report.results import short
from keras_funcs.search.report.statistics import Comparison
from keras_funcs.search.report.statistics import interval
from keras_funcs.search.report.terminal import number
from keras_funcs.search.store import files
from keras_funcs.search.store import state

DASH = "–"
SHOWN_TRIALS = 15


def write(found: Results) -> Path:
    """Writes `report.md`, `figures/`, `trials.csv` and `finalists.csv`.

    Returns:
        The path of `report.md`.
    """
    directory = found.directory
    _csv(directory / files.TRIALS_TABLE, tables.trials(found))
    if found.configs:
        _csv(directory / files.FINALISTS_TABLE, tables.runs(found))
    sections: list[Callable[[Results], list[str]]] = [
        _head,
        _leaderboard,
        _contributions,
        _classes,
        _search,
        _failures,
        _columns,
        _environment,
    ]
    lines: list[str] = []
    for section in sections:
        lines += section(found)
    path = directory / files.REPORT
    state.write_text(path, "\n".join(lines))
    return path


def _head(found: Results) -> list[str]:
    study = found.study
    done = len([item for item in found.trials if item.score is not None])
    best = found.best
    model = (
        f"{code(files.BEST_MODEL)} is the model of **{markdown(best.label)}** "
        f"({markdown(best.name)}), the best on validation data."
        if best is not None and (found.directory / files.BEST_MODEL).exists()
        else "No model is saved yet: the final was not run."
    )
    return [
        f"# {markdown(study['name'])}",
        "",
        f"**{markdown(found.verdict)}**",
        "",
        model,
        f"{done} of {len(found.trials)} trials gave a result, in "
        f"{duration(study['seconds'])}.",
        "",
    ]


def _leaderboard(found: Results) -> list[str]:
    entries = tables.ranked(found)
    if not entries:
        return []
    seeds = len(found.study["seeds"])
    where = "the test split, which" if found.study["tested"] else ""
    lines = ["## Leaderboard", ""]
    if where:
        lines.append(
            f"{code(found.metric)} over {seeds} seeds on {where} nothing was "
            "chosen by. The epoch was chosen on validation data."
        )
    else:
        lines.append(
            f"{code(found.metric)} over {seeds} seeds on the **validation** "
            "data, on which the finalists were chosen: these scores are too "
            "good. Give the study a test split."
        )
    lines += [
        "",
        "| configuration | mean | sd | difference | 95 % CI | p (Holm) | "
        "seeds |",
        "|---|---|---|---|---|---|---|",
    ]
    for item in entries:
        compared = found.comparisons.get(item.name)
        name = found.title(item)
        cells = ["", "", ""]
        if compared is not None:
            known = math.isfinite(compared.p)
            cells = [
                number(compared.difference, "+") or DASH,
                _interval(compared),
                f"{compared.p_adjusted:.3f}" if known else DASH,
            ]
        lines.append(
            _row(
                name,
                number(item.mean()),
                number(item.deviation()),
                *cells,
                f"{len(item.scores())} of {seeds}",
            )
        )
    lines += [
        "",
        "Differences are to the baseline on the same seeds; positive is "
        "better. The intervals cover the chance in training (initial "
        "weights, order, dropout), not which samples the test split happens "
        "to hold. p is of the paired t test, adjusted for the number of "
        f"comparisons. {DASH}: no interval, for lack of two seeds in common "
        "or of any spread between them.",
        "",
        _references(found),
        "",
    ]
    shown = [
        (item, found.comparisons[item.name])
        for item in entries
        if item.name in found.comparisons
        and math.isfinite(found.comparisons[item.name].p)
    ]
    if shown:
        from keras_funcs.inspect import figures

        picture = figures.interval_plot(
            [found.title(item) for item, _ in shown],
            [c.difference for _, c in shown],
            [(c.low, c.high) for _, c in shown],
            title=f"Gain in {found.metric} over the baseline",
        )
        lines += _figure(found, "differences", picture)
    return lines


def _references(found: Results) -> str:
    tuned = found.tuned
    if tuned is None:
        return (
            "The baseline has its default numbers: what better ones alone "
            "would bring it was not measured."
        )
    text = (
        "The tuned baseline has the baseline's choices with numbers that the "
        "search found: what it gains owes nothing to the choices."
    )
    beside = found.beside_tuned
    if beside is not None and found.winner is not None and beside.pairs > 1:
        text += (
            f" {markdown(found.title(found.winner))} differs from it by "
            f"{interval(beside)}."
        )
    return text


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
            lines.append(_row(part, value, gain, _interval(c)))
        known = [row for row in rows if math.isfinite(row[2].p)]
        lines.append("")
        if known:
            from keras_funcs.inspect import figures

            picture = figures.interval_plot(
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
            lines += _figure(found, "contributions", picture)
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
        lines.append(_row(part, value, str(count), number(mean), number(best)))
    return [*lines, ""]


def _classes(found: Results) -> list[str]:
    base, best = found.baseline, found.winner
    if base is None or best is None:
        return []
    before, after = base.recalls, best.recalls
    if before is None or after is None or best.matrix is None:
        return []
    names = _class_names(found, len(before))
    lines = [
        "## Classes",
        "",
        "Recall of each class, baseline against "
        f"{markdown(found.title(best))}, all seeds together.",
        "",
        "| class | samples | baseline | best finalist | difference |",
        "|---|---|---|---|---|",
    ]
    seeds = max(1, len([r for r in best.runs.values() if r.get("matrix")]))
    for index, name in enumerate(names):
        samples = int(best.matrix[index].sum()) // seeds
        lines.append(
            _row(
                name,
                str(samples),
                number(before[index]),
                number(after[index]),
                number(after[index] - before[index], "+"),
            )
        )
    from keras_funcs.inspect import figures

    bars = figures.grouped_bars(
        names,
        {"baseline": before, "best finalist": after},
        title="Recall of each class",
        ylabel="recall",
    )
    confused = figures.confusion_matrix(
        best.matrix, names, title=f"{best.label}: recall"
    )
    return [
        *lines,
        "",
        *_figure(found, "recall", bars),
        *_figure(found, "confusion", confused),
    ]


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
            _row(
                item.name, number(item.score or 0.0), str(item.epoch), settings
            )
        )
    return [*lines, ""]


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
        lines.append(_row(trial.name, settings, trial.message))
    for item, seed, message in runs:
        reason = message.split("\n")[0]
        lines.append(_row(f"{item.name}, seed {seed}", item.label, reason))
    return [*lines, ""]


def _columns(found: Results) -> list[str]:
    rows = tables.columns(found)
    if not rows:
        return []
    lines = ["## How columns were read", "", _row("column", "kind", "how")]
    return [*lines, "|---|---|---|", *(_row(*row) for row in rows), ""]


def _environment(found: Results) -> list[str]:
    study = found.study
    lines = ["## How it was run", "", "| | |", "|---|---|"]
    for name, value in study["environment"].items():
        lines.append(_row(name, str(value)))
    for name, value in (
        ("oracle", study["fingerprint"]["oracle"]),
        ("trials", f"{len(found.trials)} of {study['max_trials']}"),
        ("epochs, at most", study["epochs"]),
        ("batch size", study["batch_size"]),
        ("seeds of the final", study["seeds"]),
        ("seed of the search", study["fingerprint"]["seed"]),
        ("time", duration(study["seconds"])),
    ):
        lines.append(_row(name, str(value)))
    for what, message in study.get("left_out", {}).items():
        lines.append(_row(f"left out: {what}", message))
    return [
        *lines,
        "",
        "The last batch of each epoch is filled up with training samples "
        "drawn at random, once for each run, so that all batches have one "
        "shape: up to a batch less one of the samples count twice.",
        "",
    ]


def _class_names(found: Results, classes: int) -> list[str]:
    names = found.study.get("class_names")
    if names and len(names) == classes:
        return [str(name) for name in names]
    return [str(index) for index in range(classes)]


def _interval(item: Comparison) -> str:
    if not math.isfinite(item.low):
        return DASH
    return f"{number(item.low, '+')} to {number(item.high, '+')}"


def _figure(found: Results, name: str, png: bytes) -> list[str]:
    path = found.directory / files.FIGURES / f"{name}.png"
    state.write_bytes(path, png)
    return [f"![{name}]({files.FIGURES}/{name}.png)", ""]


def _csv(path: Path, frame: Any) -> None:
    safe = frame.map(texts.cell).rename(columns=texts.cell)
    state.write_text(path, safe.to_csv(index=False))


def _row(*cells: str) -> str:
    return f"| {' | '.join(markdown(cell) for cell in cells)} |"
