"""The first sentence of a report: what to use, and why."""

import math

from keras_funcs.search.jobs import ADJUSTED
from keras_funcs.search.jobs import THRESHOLD
from keras_funcs.search.report import recalls
from keras_funcs.search.report.entries import Config
from keras_funcs.search.report.results import Results
from keras_funcs.search.report.sampling import FEW
from keras_funcs.search.report.statistics import Comparison

FREE = (ADJUSTED, THRESHOLD)  # the baseline, treated without training
AT_LEAST = (
    "does as well as or better than",
    "do as well as or better than",
)


def headline(found: Results) -> str:
    """One sentence; empty while nothing was compared."""
    item = found.recommended
    if found.baseline is None or item is None:
        return ""
    score = item.mean()
    if not math.isfinite(score):
        return ""
    above = _above(found, item)
    if above:
        compared = found.compare(item, above[0])
        one, several = ("beats", "beat") if compared.worse else AT_LEAST
        names = [f"{c.label} ({_number(c.mean())})" for c in above]
        *first, last = names
        listed = f"{', '.join(first)} and {last}" if first else last
        return (
            f"{_sentence(listed)} {several if first else one} "
            f"{_found(found, item)} ({_number(score)}) in {_title(found)} on "
            f"{_rows(found)}, {'the first ' if first else ''}by "
            f"{_gap(compared, -1)}{_few(found, compared)}."
        )
    if found.winner is None:
        return ""
    if item is found.baseline:
        return (
            "Keep the plain baseline: nothing that was searched beat it "
            f"({_title(found)} {_number(score)} on {_rows(found)})."
        )
    gain = found.comparisons[item.name]
    advice = "Use" if gain.better else "Probably better, but not for certain:"
    return (
        f"{advice} {item.label}, with {_title(found)} {_number(score)} on "
        f"{_rows(found)}, {_gap(gain)} to the plain baseline"
        f"{_rivals(found, item)}{_price(found, item)}{_few(found, gain)}."
    )


def _above(found: Results, item: Config) -> list[Config]:
    """The rows that need no search and score above a configuration."""
    return [
        other
        for other in _unsearched(found)
        if found.sign * (other.mean() - item.mean()) > 0
    ]


def _unsearched(found: Results) -> list[Config]:
    """References and treatments of the baseline, the best first."""
    others = [c for c in found.beside if c.role in FREE] + found.references
    known = [c for c in others if math.isfinite(c.mean())]
    return sorted(known, key=lambda c: -found.sign * c.mean())


def _found(found: Results, item: Config) -> str:
    if item is not found.baseline:
        return "what the search found"
    if found.winner is None:
        return "the plain baseline"
    return "the plain baseline, which nothing that was searched beat"


def _rivals(found: Results, item: Config) -> str:
    """How far a configuration is ahead of what needs no search."""
    others = _unsearched(found)
    if not others:
        return ""
    gap = _gap(found.compare(item, others[0]))
    return f", and {gap} to {others[0].label}"


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
