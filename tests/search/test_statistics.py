import math

import numpy as np
import pytest
from scipy import stats

from keras_funcs.search.report import statistics
from keras_funcs.search.report.statistics import Comparison


def scores(values):
    return dict(enumerate(values))


def test_compare_is_the_paired_t_test():
    a, b = [0.81, 0.84, 0.79, 0.9, 0.83], [0.8, 0.8, 0.78, 0.84, 0.8]
    found = statistics.compare(scores(a), scores(b))
    expected = stats.ttest_rel(a, b)
    interval = expected.confidence_interval(0.95)
    assert found.p == pytest.approx(expected.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(interval))
    assert found.difference == pytest.approx(np.mean(a) - np.mean(b))


def test_the_sign_turns_losses_round():
    a, b = scores([0.1, 0.2, 0.15]), scores([0.3, 0.35, 0.33])
    up, down = statistics.compare(a, b), statistics.compare(a, b, sign=-1)
    assert down.difference == -up.difference > 0
    assert (down.low, down.high) == pytest.approx((-up.high, -up.low))


def test_only_pairs_count():
    a = {0: 1.0, 1: 2.0, 2: math.nan, 3: 9.0}
    b = {0: 0.5, 1: 1.4, 2: 1.0}
    assert statistics.compare(a, b).pairs == 2
    single = statistics.compare({0: 1.0}, {0: 0.0})
    assert single.pairs == 1 and math.isnan(single.p)


def test_without_spread():
    same = statistics.compare(scores([1.0] * 3), scores([1.0] * 3))
    assert (same.p, same.better, same.worse) == (1.0, False, False)
    for value in (2.0, 0.5):
        other = statistics.compare(scores([value] * 3), scores([1.0] * 3))
        assert other.difference == value - 1 and other.pairs == 3
        assert not other.better and not other.worse and not other.open
        assert all(map(math.isnan, (other.low, other.high, other.p)))
        text = statistics.verdict({"Snake": other}, "accuracy", 3)
        certain = " for certain" if value > 1 else ""
        assert f"Nothing beat the baseline{certain} in accuracy" in text
        assert "no spread between the seeds: no interval" in text


def test_few_test_rows_seldom_win():
    """Counts coincide often: two seeds, 20 rows, and no difference."""
    rng = np.random.default_rng(0)
    won = 0
    for _ in range(1000):
        a, b = rng.binomial(20, 0.9, size=(2, 2)) / 20
        won += statistics.compare(scores(a), scores(b)).better
    assert won <= 0.05 * 1000


def test_seeds_that_failed_leave_nothing_better():
    base = scores([0.5, 0.6, 0.55, 0.5, 0.6])
    found = statistics.compare({0: 0.7, 1: 0.81}, base, failed=3)
    assert found.pairs == 2 and found.low > 0 and not found.better
    text = statistics.verdict({"Snake": found}, "accuracy", 5)
    assert "over 2 seeds, but 3 of 5 seeds failed" in text
    assert "Nothing beat the baseline" in text


def comparison(p, difference=0.1, half=0.05):
    low, high = difference - half, difference + half
    return Comparison(difference, low, high, p, p, 5)


def test_holm_by_hand():
    found = statistics.holm([comparison(p) for p in (0.01, 0.04, 0.03)])
    assert [c.p_adjusted for c in found] == pytest.approx([0.03, 0.06, 0.06])


def test_holm_does_not_count_what_could_not_be_compared():
    nan = math.nan
    missing = Comparison(nan, nan, nan, nan, nan, 0)
    found = statistics.holm([missing, comparison(0.02)])
    assert found[1].p_adjusted == 0.02 and math.isnan(found[0].p_adjusted)
    same = Comparison(0.1, nan, nan, nan, nan, 5)
    found = statistics.holm([same, comparison(0.02)])
    assert found[1].p_adjusted == 0.04


@pytest.mark.parametrize(
    ("item", "text"),
    [
        (comparison(0.001), "Snake beat the baseline: +0.1000"),
        (comparison(0.5, 0.01, 0.05), "Nothing beat the baseline for certain"),
        (comparison(0.5, -0.01, 0.05), "Nothing beat the baseline in"),
        (comparison(0.001, -0.1), "Snake is worse than the baseline: it"),
        (
            Comparison(0.1, 0.01, 0.19, 0.04, 0.12, 5),
            "baseline for certain in accuracy. Snake may be better",
        ),
    ],
)
def test_verdict(item, text):
    assert text in statistics.verdict({"Snake": item}, "accuracy", 5)


def test_verdict_leads_with_what_validation_chose():
    pair = {"Snake": comparison(0.5, 0.01), "Swish": comparison(0.001)}
    text = statistics.verdict(pair, "accuracy", 5)
    assert text.startswith("What validation data chose did not beat")
    assert text.index("Snake differs by") < text.index("Swish beat")
    pair = {"Snake": comparison(0.001), "Swish": comparison(0.001, 0.9)}
    text = statistics.verdict(pair, "accuracy", 5)
    assert text.startswith("Snake beat the baseline: +0.1000")


def test_verdict_of_nothing():
    nan = math.nan
    missing = Comparison(nan, nan, nan, nan, nan, 1)
    assert "fewer than two seeds" in statistics.verdict(
        {"x": missing}, "accuracy", 1
    )
    assert "no finalist" in statistics.verdict({}, "accuracy", 1)


def test_chance_alone_seldom_wins():
    """Under no difference at most 5 % of studies name a winner."""
    rng = np.random.default_rng(0)
    won = 0
    for _ in range(400):
        base = scores(rng.normal(size=5))
        found = statistics.holm(
            [
                statistics.compare(scores(rng.normal(size=5)), base)
                for _ in range(3)
            ]
        )
        won += any(c.better for c in found)
    assert won <= 0.05 * 400 + 9  # two standard deviations
