import pytest

from keras_funcs.search import progress
from keras_funcs.search.progress import Step


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.4, "59 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")],
)
def test_duration(seconds, text):
    assert progress.duration(seconds) == text


def test_a_line_for_a_trial_and_for_a_failure():
    step = Step(3, 24, "Snake + adam", 0.91234, 0.95, 83.0)
    assert progress.line("trial", step) == (
        "trial  3/24  0.9123  Snake + adam  best 0.9500  1 min 23 s left"
    )
    failed = Step(4, 24, "relu", message="no memory")
    assert progress.line("trial", failed) == (
        "trial  4/24  failed: no memory  relu"
    )


def tell_a_study(told):
    told.on_study_begin()
    told.on_search_begin(2)
    told.on_trial_begin(Step(1, 2, "relu"))
    told.on_trial_end(Step(1, 2, "relu", 0.5, 0.5, 10.0))
    told.on_trial_begin(Step(2, 2, "[bold]"))
    told.on_trial_end(Step(2, 2, "[bold]", 0.6, 0.6, 5.0))
    told.on_note("The rest of the time goes to the finalists.")
    told.on_final_begin("Final: 1 configuration", 1)
    told.on_run_end(Step(1, 1, "baseline, seed 0", 0.4))
    told.on_study_end("Report  report.md")
    told.close()


@pytest.mark.parametrize("live", [False, True])
def test_the_console_says_each_step(capsys, live):
    tell_a_study(progress.Console(live))
    shown = capsys.readouterr().out
    for text in (
        "trial  1/2", "[bold]", "0.6000", "best 0.6000", "finalists.",
        "run  1/1", "baseline, seed 0", "Report  report.md",
    ):  # fmt: skip
        assert text in shown
    if not live:
        assert "\x1b" not in shown and "\r" not in shown


def test_a_progress_of_one_method(capsys):
    """The others do nothing."""
    best = []

    class Best(progress.Progress):
        def on_trial_end(self, step):
            best.append(step.best)

    tell_a_study(Best())
    assert best == [0.5, 0.6]
    assert capsys.readouterr().out == ""


def test_plain_where_it_is_no_terminal():
    assert progress.Console().live is False


def test_the_bar_fits_a_narrow_terminal(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    console = progress.Console(live=True)
    title = "What each choice contributes: 3 configurations, 5 seeds"
    console.on_final_begin(title, 15)
    console.on_trial_begin(Step(3, 15, "a label " * 9, None, 0.95, 750.0))
    console.close()
    last = capsys.readouterr().out.rstrip().splitlines()[-1]
    for text in ("contributes", "2/15", "best 0.9500", "12 min 30 s left"):
        assert text in last
    assert "a label" not in last
