"""Studies whose trials fail, or whose time runs out."""

import collections
import dataclasses

import keras
import pytest

from keras_funcs.search.report import results
from tests.search.conftest import build


def failing(when):
    def build_or_fail(hp):
        model = build(hp)
        if when(hp):
            model.compile(
                keras.optimizers.SGD(float("inf")),
                model.loss,
                metrics=["accuracy"],
                run_eagerly=True,
            )
        return model

    return build_or_fail


def test_a_diverging_choice_fails_and_never_wins(make_study):
    study = make_study(
        build=failing(lambda hp: hp.get("optimizer") == "sgd"),
        trials=5,
        batch_size=15,  # two steps: the second sees what the first has done
        ablation=False,
    ).run()
    found = results.read(study.directory)
    failed = found.failed()
    assert failed and all(t.values["optimizer"] == "sgd" for t in failed)
    assert found.winner.values["optimizer"] == "adam"
    text = (study.directory / "report.md").read_text()
    assert "## Failed" in text and "not finite" in text
    assert failed[0].name in text


@pytest.mark.usefixtures("untrained")
def test_all_failing_is_a_clear_error(make_study, monkeypatch):
    def broken(self, *args, **kwargs):
        raise MemoryError("no memory for the kernel")

    from keras_funcs.search.training import fitting

    monkeypatch.setattr(fitting.Program, "fit", broken)
    study = make_study(trials=12)
    with pytest.raises(RuntimeError, match="All 5 trials failed.*no memory"):
        study.run()
    assert "no memory" in (study.directory / "report.md").read_text()


@pytest.mark.usefixtures("untrained")
def test_a_seed_that_fails_is_reported(make_study, monkeypatch):
    from keras_funcs.search.training import fitting

    real = fitting.Program.fit

    def sometimes(self, seed, **kwargs):
        if seed == 1:
            raise fitting.NotFinite("the loss was not finite")
        return real(self, seed, **kwargs)

    monkeypatch.setattr(fitting.Program, "fit", sometimes)
    study = make_study(seeds=3, ablation=False).run()
    found = results.read(study.directory)
    assert all(len(c.scores()) == 2 for c in found.configs)
    assert all(c.pairs == 2 for c in found.comparisons.values())
    assert "seed 1" in (study.directory / "report.md").read_text()


@pytest.mark.usefixtures("untrained")
def test_time_is_kept_for_the_final(make_study, monkeypatch):
    from keras_funcs.search import budget

    ticks = iter(range(0, 100_000, 1))
    monkeypatch.setattr(
        budget.Clock, "elapsed", property(lambda self: next(ticks))
    )
    study = make_study(trials=50, budget=20.0).run()
    found = results.read(study.directory)
    assert 1 <= len(found.trials) < 50
    assert found.finalists or len(found.trials) == 1
    assert all(len(c.runs) == 2 for c in found.configs)


class Slow:
    """A clock on which a trial takes 10 s and a run of the final 1 s."""

    def __init__(self, monkeypatch):
        from keras_funcs.search import budget
        from keras_funcs.search.training import fitting

        self.now, real = 0.0, fitting.Program.fit

        def fit(program, seed, **kwargs):
            run = real(program, seed, **kwargs)
            self.now += 10.0
            return dataclasses.replace(run, seconds=10.0, steady=10.0)

        monkeypatch.setattr(fitting.Program, "fit", fit)
        monkeypatch.setattr(
            budget.Clock, "elapsed", property(lambda clock: self.now)
        )


@pytest.mark.usefixtures("untrained")
@pytest.mark.parametrize(
    ("limit", "seeds", "roles"),
    [
        # Two trials, then what fits: each run takes 10 s.
        (60.0, 2, {"baseline": 1, "finalist": 1}),
        (85.0, 3, {"baseline": 1, "finalist": 1}),
        (115.0, 3, {"baseline": 1, "finalist": 1, "tuned": 1}),
    ],
)
def test_the_final_looks_at_the_clock(
    make_study, monkeypatch, limit, seeds, roles
):
    clock = Slow(monkeypatch)
    study = make_study(trials=2, budget=limit, seeds=3, finalists=3).run()
    found = results.read(study.directory)
    assert clock.now <= limit
    counts = collections.Counter(c.role for c in found.configs)
    assert counts == roles
    assert all(len(c.runs) == seeds for c in found.configs)
    assert found.study["seeds"] == list(range(seeds))
    text = (study.directory / "report.md").read_text()
    assert "lack of time" in text


@pytest.mark.usefixtures("untrained")
def test_too_short_for_a_comparison(make_study, monkeypatch):
    Slow(monkeypatch)
    study = make_study(trials=9, budget=25.0, seeds=5).run()
    found = results.read(study.directory)
    assert [c.role for c in found.configs] == ["baseline"]
    assert "too short for one comparison; about 60 s" in found.verdict
    assert found.verdict in (study.directory / "report.md").read_text()
    assert (study.directory / "best.keras").exists()


@pytest.mark.usefixtures("untrained")
def test_an_evaluation_that_fails_is_a_failed_run(make_study, monkeypatch):
    from keras_funcs.search.training import fitting

    real, calls = fitting.Program.evaluate, []

    def evaluate(self, split):
        calls.append(split)
        if len(calls) == 1:
            raise MemoryError("no memory for the test split")
        return real(self, split)

    monkeypatch.setattr(fitting.Program, "evaluate", evaluate)
    study = make_study(ablation=False).run()
    found = results.read(study.directory)
    assert "no memory" in found.baseline.runs[0]["error"]
    assert all(len(c.scores()) == 2 for c in found.finalists)
    assert "The baseline failed with 1 of 2 seeds" in found.verdict
