"""The scores of a report: leaderboard, other measures, and classes."""

import math
from functools import partial

from keras_funcs._core.text import code
from keras_funcs._core.text import markdown
from keras_funcs.search.report import recalls
from keras_funcs.search.report import tables
from keras_funcs.search.report.entries import Config
from keras_funcs.search.report.pieces import DASH
from keras_funcs.search.report.pieces import figure
from keras_funcs.search.report.pieces import interval
from keras_funcs.search.report.pieces import number
from keras_funcs.search.report.pieces import row
from keras_funcs.search.report.results import Results
from keras_funcs.search.report.sampling import FEW
from keras_funcs.search.report.statistics import interval as difference
from keras_funcs.search.report.statistics import probability


def leaderboard(found: Results) -> list[str]:
    """Baselines and finalists by their mean score."""
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
        compared = found.differences.get(item.name)
        name = found.title(item)
        cells = ["", "", ""]
        if compared is not None:
            known = math.isfinite(compared.p)
            judged = item.name in found.comparisons
            cells = [
                number(compared.difference, "+") or DASH,
                interval(compared),
                _p(compared.p_adjusted) if known and judged else "",
            ]
        lines.append(
            row(
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
        f"better. {_covered(entries, found)} p is of a t test of the mean "
        "difference with the same chances, adjusted for the number of "
        f"comparisons. {DASH}: no interval, for lack of two "
        "seeds in common or of any spread between them. A row without sd was "
        "made once: its interval has the chance of the baseline's training "
        "alone.",
        "",
        _references(found),
        "",
    ]
    shown = [
        (item, found.differences[item.name])
        for item in entries
        if item.name in found.differences
        and math.isfinite(found.differences[item.name].p)
    ]
    if shown:
        from keras_funcs.inspect import figures

        picture = partial(
            figures.interval_plot,
            [found.title(item) for item, _ in shown],
            [c.difference for _, c in shown],
            [(c.low, c.high) for _, c in shown],
            title=f"Gain in {found.metric} over the baseline",
        )
        lines += figure(found, "differences", picture)
    return lines


def _covered(entries: list[Config], found: Results) -> str:
    """The chances that the intervals in the leaderboard cover."""
    compared = (found.differences.get(item.name) for item in entries)
    shown = [c.rows for c in compared if c and math.isfinite(c.low)]
    chance = "the chance in training (initial weights, order, dropout)"
    if shown and all(shown):
        return (
            f"The intervals cover {chance} and the chance of which "
            f"{max(shown)} rows are held out."
        )
    if any(shown):
        return (
            f"The intervals cover {chance}. Some of them, not all, cover the "
            "chance of which rows are held out as well."
        )
    return (
        f"The intervals cover {chance}, not which samples the test split "
        "happens to hold."
    )


def _p(value: float) -> str:
    return probability(value).removeprefix("p ").removeprefix("= ")


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
            f"{difference(beside)}."
        )
    return text


def measures(found: Results) -> list[str]:
    """The measures beside the objective."""
    shown, rows = tables.measures(found)
    if not rows:
        return []
    lines = [
        "## Beside the objective",
        "",
        f"On the same rows, means over the seeds.{_positive(found)}",
        "",
        row("configuration", *(item.title for item in shown)),
        "|---" * (1 + len(shown)) + "|",
    ]
    for item, values in rows:
        lines.append(row(found.title(item), *map(number, values)))
    return [*lines, ""]


def _positive(found: Results) -> str:
    index = found.evidence.positive
    if index is None:
        return ""
    name = markdown(found.class_names(2)[index])
    return f" Average precision is that of the rarer class, {name}."


def classes(found: Results) -> list[str]:
    """The recall of each class, and what fell."""
    changed = recalls.changes(found)
    best = found.subject
    if not changed or best is None or best.matrix is None:
        return []
    lines = [
        "## Classes",
        "",
        "Recall of each class, plain baseline against "
        f"{markdown(found.title(best))}.",
        "",
        "| class | rows | baseline | this one | difference | 95 % CI | |",
        "|---|---|---|---|---|---|---|",
    ]
    for item in changed:
        lines.append(
            row(
                item.name,
                str(item.rows),
                number(item.before),
                number(item.after),
                number(item.change.difference, "+"),
                interval(item.change),
                item.note,
            )
        )
    few = sum(item.rows < FEW for item in changed)
    if few:
        lines += [
            "",
            f"**{few} of {len(changed)} classes have fewer than {FEW} rows "
            "here: their recall is hardly known, and neither is a mean that "
            "counts every class the same.**",
        ]
    from keras_funcs.inspect import figures

    names = [item.name for item in changed]
    bars = partial(
        figures.grouped_bars,
        names,
        {
            "baseline": [item.before for item in changed],
            best.name: [item.after for item in changed],
        },
        title="Recall of each class",
        ylabel="recall",
    )
    confused = partial(
        figures.confusion_matrix,
        best.matrix,
        names,
        title=f"{best.label}: recall",
    )
    return [
        *lines,
        "",
        *figure(found, "recall", bars),
        *figure(found, "confusion", confused),
    ]
