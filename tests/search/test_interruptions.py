"""Studies that are stopped, killed or crowded out, and go on."""

import os
import signal

import pytest

from keras_funcs.search.report import results
from keras_funcs.search.store import files
from keras_funcs.search.store import state
from tests.search.conftest import at

pytestmark = pytest.mark.usefixtures("untrained")


def test_a_second_process_is_told(make_study, tmp_path):
    study = make_study()
    with state.Lock(tmp_path / "study"):
        with pytest.raises(RuntimeError, match="in use by process"):
            study.run()


def interrupt():
    raise KeyboardInterrupt


def test_ctrl_c_leaves_a_report_and_resume_goes_on(make_study, tmp_path):
    for stop in (
        ("trial_end", 2),
        ("trial_begin", 3),
        ("run_end", 2),
    ):
        with pytest.raises(KeyboardInterrupt):
            make_study(progress=at(*stop, interrupt)).resume()
        text = (tmp_path / "study" / "report.md").read_text()
        assert "## Search" in text
    half = results.read(tmp_path / "study")
    assert len(half.trials) == 3 and len(half.configs[0].runs) == 2
    study = make_study().resume()
    found = results.read(study.directory)
    assert [t.status for t in found.trials] == ["COMPLETED"] * 3
    assert all(len(c.runs) == 2 for c in found.configs)
    whole = make_study(directory=tmp_path / "whole").run()
    expected = results.read(whole.directory)
    assert [t.score for t in found.trials] == [t.score for t in expected.trials]
    assert {c.name: c.scores() for c in found.configs} == {
        c.name: c.scores() for c in expected.configs
    }


def test_sigterm_is_like_ctrl_c(make_study, tmp_path):
    listener = at("trial_end", 2, lambda: os.kill(os.getpid(), signal.SIGTERM))
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt):
        make_study(progress=listener).run()
    assert signal.getsignal(signal.SIGTERM) is before
    assert (tmp_path / "study" / "report.md").exists()


def test_a_full_disk_is_one_line_and_resume_goes_on(
    make_study, tmp_path, monkeypatch
):
    real, calls = os.replace, []

    def replace(source, target):
        calls.append(target)
        if len(calls) > 25:
            raise OSError(28, "No space left on device")
        real(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", replace)
        with pytest.raises(OSError, match="Cannot write .*make room") as told:
            make_study().run()
    assert "\n" not in str(told.value)
    study = make_study().resume()
    found = results.read(study.directory)
    assert [t.status for t in found.trials] == ["COMPLETED"] * 3
    names = [path.name for path in study.directory.rglob("*")]
    assert not any(map(files.is_temporary, names))


def test_what_another_process_did_meanwhile_is_read(make_study, monkeypatch):
    from keras_funcs.search import runner

    first, second = make_study(), make_study()
    waiting = runner.Runner(second.plan, second.progress)
    first.run()
    before = state.read_json(first.directory / "study.json")
    waiting.run()
    after = state.read_json(first.directory / "study.json")
    for name in ("environment", "finalists", "configs"):
        assert after[name] == before[name]
    assert after["seconds"] >= before["seconds"]
    other = make_study(directory=first.directory.parent / "new", epochs=2)
    late = runner.Runner(other.plan, other.progress)
    late.plan = first.plan
    path = first.directory / "study.json"
    with pytest.raises(ValueError, match="epochs"):
        late.run()
    assert state.read_json(path) == after
