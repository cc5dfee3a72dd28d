"""The first sentence of a report: what to use, and why."""

import math

from keras_funcs.search.jobs import ADJUSTED
from keras_funcs.search.jobs import THRESHOLD
from keras_funcs.search.report import recalls
from keras_funcs.search.report.entries import Config
from keras_funcs.search.report.results import Results
from keras_funcs.search.report.sampling import FEW
from keras_funcs.search.report.statistics import Comparison

FREE = {
    ADJUSTED: "subtracting its log prior",
    THRESHOLD: "moving its threshold",
}


def headline(found: Results) -> str:
    """One sentence; empty while nothing was compared."""
    item = found.recommended
    if found.baseline is None or item is None:
        return ""
    score = item.mean()
    if not math.isfinite(score):
        return ""
    above = _above(found, item)
    if above is not None:
        other, compared = above
        verb = "beats" if compared.worse else "does as well as or better than"
        return (
            f"{_sentence(other.label)} {verb} {_found(found, item)}: "
            f"{_title(found)} {_number(other.mean())} against "
            f"{_number(score)} on {_rows(found)}, a difference of "
            f"{_gap(compared, -1)}{_few(found, compared)}."
        )
    if found.winner is None:
        return ""
    if item is found.baseline:
        return (
            "Keep the plain baseline: nothing that was searched beat it for "
            f"certain ({_title(found)} {_number(score)} on {_rows(found)})"
            f"{_free(found)}."
        )
    gain = found.comparisons[item.name]
    advice = "Use" if gain.better else "Probably better, but not for certain:"
    return (
        f"{advice} {item.label}, with {_title(found)} {_number(score)} on "
        f"{_rows(found)}, {_gap(gain)} to the plain baseline"
        f"{_rivals(found, item)}{_price(found, item)}{_few(found, gain)}."
    )


def _above(found: Results, item: Config) -> tuple[Config, Comparison] | None:
    """The best reference, if its score is above that of a configuration."""
    known = [c for c in found.references if math.isfinite(c.mean())]
    best = max(known, key=lambda c: found.sign * c.mean(), default=None)
    if best is None or found.sign * (best.mean() - item.mean()) <= 0:
        return None
    return best, found.compare(item, best)


def _found(found: Results, item: Config) -> str:
    if item is not found.baseline:
        return "what the search found"
    if found.winner is None:
        return "the plain baseline"
    return "the plain baseline, which nothing that was searched beat"


def _free(found: Results) -> str:
    """What the best treatment of the baseline brings without training."""
    gains = {
        c.role: found.differences[c.name]
        for c in found.beside
        if c.role in FREE
    }
    role = max(gains, key=lambda r: gains[r].difference, default=None)
    if role is None or not gains[role].difference > 0:
        return ""
    return f"; {FREE[role]} brings {_gap(gains[role])} and costs nothing"


def _rivals(found: Results, item: Config) -> str:
    """How far a configuration is ahead of what needs no search."""
    others = [c for c in found.beside if c.role in FREE]
    others += found.references
    known = [c for c in others if math.isfinite(c.mean())]
    best = max(known, key=lambda c: found.sign * c.mean(), default=None)
    if best is None:
        return ""
    gap = found.compare(item, best)
    word = "but" if not gap.difference > 0 else "and"
    return f", {word} {_gap(gap)} to {best.label}"


def _price(found: Results, item: Config) -> str:
    """The classes whose recall paid for the gain."""
    changed = recalls.changes(found)
    fell = [c for c in changed if c.fell and c.change.high < 0]
    if not fell:
        return ""
    worst = min(fell, key=lambda c: c.change.difference)
    name = f"{worst.name} ({_number(worst.before)} to {_number(worst.after)})"
    count = f"{len(fell)} of {len(changed)} classes"
    return f"; recall fell in {count}, most in {name}"


def _few(found: Results, compared: Comparison) -> str:
    """The class whose few rows leave an answer open."""
    changed = recalls.changes(found)
    rarest = min(changed, key=lambda c: c.rows, default=None)
    if compared.better or compared.worse or rarest is None:
        return ""
    if rarest.rows >= FEW:
        return ""
    return f"; {rarest.rows} {found.where} rows of {rarest.name} leave it open"


def _gap(compared: Comparison, sign: int = 1) -> str:
    text = f"{sign * compared.difference:+.3f}"
    if not math.isfinite(compared.low):
        return text
    low, high = sorted((sign * compared.low, sign * compared.high))
    return f"{text} (95 % CI {low:+.3f} to {high:+.3f})"


def _title(found: Results) -> str:
    measure = found.evidence.measure_of(found.metric)
    return measure.title if measure else found.metric


def _rows(found: Results) -> str:
    labels = found.evidence.held_out
    if labels is None:
        return f"{found.where} data"
    return f"{len(labels)} {found.where} rows"


def _number(value: float) -> str:
    return f"{value:.3f}"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
