import pytest

from keras_funcs.search import progress
from keras_funcs.search.progress import Event


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.4, "59 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")],
)
def test_duration(seconds, text):
    assert progress.duration(seconds) == text


def test_a_line_for_a_trial_and_for_a_failure():
    event = Event("trial_ended", 3, 24, "Snake + adam", 0.91234, 0.95, 83.0)
    assert progress.line(event) == (
        "trial  3/24  0.9123  Snake + adam  best 0.9500  1 min 23 s left"
    )
    failed = Event("trial_ended", 4, 24, "relu", None, None, None, "no memory")
    assert progress.line(failed) == "trial  4/24  failed: no memory  relu"


EVENTS = [
    Event("study_started"),
    Event("search_started", of=2, message="Search: 2 trials"),
    Event("trial_started", 1, 2, "relu"),
    Event("trial_ended", 1, 2, "relu", 0.5, 0.5, 10.0),
    Event("trial_started", 2, 2, "[bold]"),
    Event("trial_ended", 2, 2, "[bold]", 0.6, 0.6, 5.0),
    Event("note", message="The rest of the time goes to the finalists."),
    Event("finalists_started", of=1, message="Final"),
    Event("run_ended", 1, 1, "baseline, seed 0", 0.4),
    Event("study_ended", message="Report  report.md"),
]


@pytest.mark.parametrize("live", [False, True])
def test_the_reporter_says_each_step(capsys, live):
    reporter = progress.Reporter(live)
    for event in EVENTS:
        reporter(event)
    reporter.close()
    shown = capsys.readouterr().out
    for text in (
        "trial  1/2", "[bold]", "0.6000", "best 0.6000", "finalists.",
        "run  1/1", "baseline, seed 0", "Report  report.md",
    ):  # fmt: skip
        assert text in shown
    if not live:
        assert "\x1b" not in shown and "\r" not in shown


def test_plain_where_it_is_no_terminal():
    assert progress.Reporter().live is False


def test_the_bar_fits_a_narrow_terminal(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    reporter = progress.Reporter(live=True)
    message = "What each choice contributes: 3 configurations, 5 seeds"
    reporter(Event("finalists_started", of=15, message=message))
    reporter(Event("trial_started", 3, 15, "a label " * 9, None, 0.95, 750.0))
    reporter.close()
    last = capsys.readouterr().out.rstrip().splitlines()[-1]
    for text in ("contributes", "2/15", "best 0.9500", "12 min 30 s left"):
        assert text in last
    assert "a label" not in last
