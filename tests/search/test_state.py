import errno
import fcntl
import json
import os

import pytest

from keras_funcs.search.report import results
from keras_funcs.search.store import files
from keras_funcs.search.store import state


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    state.write_json(path, {"n": 1})

    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    for call in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(os, call, full)
            with pytest.raises(OSError, match="make room, and run") as caught:
                state.write_json(path, {"n": 2})
        assert caught.value.errno == errno.ENOSPC
        assert "\n" not in str(caught.value)
        assert state.read_json(path) == {"n": 1}
        assert os.listdir(tmp_path) == ["a.json"]


def test_every_truncation_is_noticed(tmp_path):
    path = tmp_path / "a.json"
    state.write_json(path, {"values": [1, "x", None], "n": {"m": 2.5}})
    data = path.read_bytes()
    for end in range(len(data)):
        path.write_bytes(data[:end])
        with pytest.raises(state.Damaged):
            state.read_json(path)


def test_what_is_no_object_is_damaged(tmp_path):
    path = tmp_path / "a.json"
    for text in ("[]", "1", '"x"', "\x00", "{]"):
        path.write_text(text)
        with pytest.raises(state.Damaged):
            state.read_json(path)


def test_the_generation_before_is_kept(tmp_path):
    path = tmp_path / "a.json"
    for number in range(3):
        state.write_json(path, {"n": number}, keep=True)
    previous = tmp_path / f"a.json{files.PREVIOUS}"
    assert json.loads(previous.read_text()) == {"n": 1}


def test_what_is_put_aside_keeps_everything(tmp_path):
    path = tmp_path / "a.json"
    for text in ("one", "two"):
        path.write_text(text)
        with pytest.warns(UserWarning, match="moved to"):
            state.put_aside(path, "It is damaged")
    kept = {name.read_text() for name in tmp_path.glob("a.json.damaged*")}
    assert kept == {"one", "two"} and not path.exists()


def test_claim_refuses_the_files_of_others(tmp_path):
    state.claim(tmp_path / "new")
    state.claim(tmp_path)
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(ValueError, match="thesis.tex") as caught:
        state.claim(tmp_path)
    assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match="Expected a folder"):
        state.claim(tmp_path / "thesis.tex")
    assert (tmp_path / "thesis.tex").read_text() == "years of work"
    (tmp_path / "study.json").write_text('{"version": 1, "fingerprint": {}}')
    state.claim(tmp_path)


@pytest.mark.parametrize("text", ["{}", '{"version": 2}', "[1, 2]", "thesis"])
def test_a_study_json_of_someone_else(tmp_path, text):
    path = tmp_path / "study.json"
    path.write_text(text)
    for reader in (state.claim, results.read):
        with pytest.raises(ValueError, match=r"study\.json") as caught:
            reader(tmp_path)
        assert "\n" not in str(caught.value)
    assert path.read_text() == text
    assert sorted(os.listdir(tmp_path)) == ["study.json"]


def test_a_damaged_study_is_known_by_what_lies_beside_it(tmp_path):
    (tmp_path / "study.json").write_text('{"version": 1, "finge')
    assert not state.is_study(tmp_path)
    previous = tmp_path / f"study.json{files.PREVIOUS}"
    previous.write_text("{}")
    assert not state.is_study(tmp_path)
    previous.write_text('{"version": 1, "fingerprint": {}}')
    assert state.is_study(tmp_path)
    previous.unlink()
    (tmp_path / "search").mkdir()
    assert not state.is_study(tmp_path)
    (tmp_path / "search" / "oracle.json").write_text("{}")
    assert state.is_study(tmp_path)


def test_a_folder_with_nothing_but_our_traces_is_free(tmp_path):
    (tmp_path / files.LOCK).write_text("")
    files.temporary(tmp_path / "best.keras").write_text("")
    state.claim(tmp_path)


def test_one_at_a_time(tmp_path):
    with state.Lock(tmp_path):
        with pytest.raises(RuntimeError, match=f"process {os.getpid()}"):
            with state.Lock(tmp_path):
                raise AssertionError
    with state.Lock(tmp_path):
        pass


@pytest.mark.parametrize(
    "number", [errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS]
)
def test_a_file_system_without_locks_is_told_of(tmp_path, monkeypatch, number):

    def flock(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.warns(UserWarning, match="without locks .*one process") as told:
        with state.Lock(tmp_path):
            pass
    assert "\n" not in str(told[0].message)


def test_another_error_of_a_lock_is_not_someone_elses_use(
    tmp_path, monkeypatch
):

    def flock(*_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(OSError, match="Input/output"):
        with state.Lock(tmp_path):
            raise AssertionError


def test_the_lock_of_a_dead_process_is_free(tmp_path):
    (tmp_path / files.LOCK).write_text(" 999999 since yesterday\n")
    with state.Lock(tmp_path):
        owner = (tmp_path / files.LOCK).read_text()
    assert str(os.getpid()) in owner


def test_text_is_written_whatever_is_in_it(tmp_path):
    state.write_text(tmp_path / "a.md", "half \udcff\n\x1b[31mred\tü")
    assert (tmp_path / "a.md").read_text("utf-8") == "half _\n_[31mred\tü"


def test_a_folder_in_a_files_place_is_put_aside(tmp_path):
    (tmp_path / "report.md").mkdir()
    (tmp_path / "report.md" / "mine").write_text("mine")
    (tmp_path / "figures").write_text("mine too")
    with pytest.warns(UserWarning, match="moved to"):
        state.write_text(tmp_path / "report.md", "text")
        state.write_bytes(tmp_path / "figures" / "a.png", b"PNG")
    assert (tmp_path / "report.md").read_text() == "text"
    assert (tmp_path / "report.md.damaged" / "mine").read_text() == "mine"
    assert (tmp_path / "figures.damaged").read_text() == "mine too"


def test_a_file_of_others_in_the_way_stays(tmp_path):
    (tmp_path / "notes").write_text("mine")
    with pytest.raises(OSError):
        state.write_text(tmp_path / "notes" / "report.md", "text")
    assert (tmp_path / "notes").read_text() == "mine"


def test_sweep_takes_our_own_temporary_files_only(tmp_path):
    ours = files.temporary(tmp_path / "search" / "a.json")
    ours.parent.mkdir()
    mine = [tmp_path / ".writing-notes.txt", tmp_path / ".writing-1-2",
            tmp_path / f"{ours.name}.txt"]  # fmt: skip
    for path in (ours, *mine):
        path.write_text("x")
    state.sweep(tmp_path)
    assert not ours.exists() and all(path.exists() for path in mine)


def test_copy(tmp_path):
    (tmp_path / "a.keras").write_bytes(b"model")
    state.copy(tmp_path / "a.keras", tmp_path / "b.keras")
    assert (tmp_path / "b.keras").read_bytes() == b"model"
    assert sorted(os.listdir(tmp_path)) == ["a.keras", "b.keras"]
