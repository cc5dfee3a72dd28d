"""Whether probabilities are to be believed, before and after a temperature."""

from functools import partial
from typing import Any

import numpy as np

from keras_funcs.layers.heads import _temperature as temperature
from keras_funcs.search.report.entries import Config
from keras_funcs.search.report.pieces import figure
from keras_funcs.search.report.pieces import number
from keras_funcs.search.report.pieces import row
from keras_funcs.search.report.results import Results
from keras_funcs.search.store import predictions

BINS = 10
MOST_SEEDS = 5  # that are calibrated
SHOWN = ("temperature", "nll_before", "nll_after", "ece_before", "ece_after")


def section(found: Results) -> list[str]:
    """The calibration of the baseline and of what is recommended."""
    wanted = [found.baseline, found.subject]
    items = list({c.name: c for c in wanted if c is not None}.values())
    measured = [(item, _measured(found, item)) for item in items]
    known = [(item, rows) for item, rows in measured if rows]
    if not known:
        return []
    lines = [
        "## Calibration",
        "",
        f"On the {found.where} rows, before and after one temperature that was "
        "fitted to the validation rows; means over some seeds. It changes "
        "confidence, never the predicted class: "
        "`keras_funcs.layers.TemperatureScaling`.",
        "",
        "| configuration | temperature | log loss | after | calibration error "
        "| after |",
        "|---|---|---|---|---|---|",
    ]
    for item, rows in known:
        means = (float(np.mean([r[key] for r in rows])) for key in SHOWN)
        lines.append(row(found.title(item), *map(number, means)))
    item, rows = known[-1]
    degrees = float(np.mean([measures["temperature"] for measures in rows]))
    from keras_funcs.inspect import figures

    picture = partial(
        figures.line_chart,
        {
            "before": [_reliability(found, item, 1.0)],
            "after": [_reliability(found, item, degrees)],
        },
        title=f"Share of right predictions by confidence: {item.name}",
        xlabel="confidence",
        ylabel="share that is right",
        diagonal=True,
    )
    return [*lines, "", *figure(found, "calibration", picture)]


def _measured(found: Results, item: Config) -> list[dict[str, float]]:
    """For each seed the report of a temperature; empty for numbers."""
    evidence, rows = found.evidence, []
    chosen_by = evidence.predictions(item, predictions.VALIDATION)
    runs = list(evidence.predictions(item).items())[:MOST_SEEDS]
    for seed, values in runs:
        if values.ndim != 2 or seed not in chosen_by:
            return []
        labels = evidence.labels[predictions.VALIDATION]
        z, shares = temperature.samples(chosen_by[seed], labels, True)
        beta = temperature.coldness(z, shares)
        z, shares = temperature.samples(values, evidence.held_out, True)
        rows.append(temperature.report(z, shares, 1.0, beta))
    return rows


def _reliability(
    found: Results, item: Config, degrees: float
) -> tuple[Any, Any]:
    """Mean confidence and share of right predictions, by confidence."""
    runs = list(found.evidence.predictions(item).values())[:MOST_SEEDS]
    z = np.concatenate(runs).astype(np.float64) / degrees
    labels = np.tile(np.asarray(found.evidence.held_out), len(runs))
    p = np.exp(z - np.logaddexp.reduce(z, axis=1, keepdims=True))
    sure, right = p.max(1), p.argmax(1) == labels
    bins = np.minimum((sure * BINS).astype(int), BINS - 1)
    counts = np.bincount(bins, minlength=BINS)
    held = counts > 0
    return (
        (np.bincount(bins, sure, BINS) / np.maximum(counts, 1))[held],
        (np.bincount(bins, right, BINS) / np.maximum(counts, 1))[held],
    )
