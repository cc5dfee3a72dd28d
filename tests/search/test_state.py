import errno
import json
import os

import pytest

from keras_funcs.search import results
from keras_funcs.search import state


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
    previous = tmp_path / f"a.json{state.PREVIOUS}"
    assert json.loads(previous.read_text()) == {"n": 1}


def test_quarantine_keeps_everything(tmp_path):
    path = tmp_path / "a.json"
    for text in ("one", "two"):
        path.write_text(text)
        with pytest.warns(UserWarning, match="moved to"):
            state.quarantine(path, "It is damaged")
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
    previous = tmp_path / f"study.json{state.PREVIOUS}"
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
    (tmp_path / state.LOCK).write_text("")
    (tmp_path / f"{state.TEMPORARY}x").write_text("")
    state.claim(tmp_path)


def test_one_at_a_time(tmp_path):
    with state.Lock(tmp_path):
        with pytest.raises(RuntimeError, match=f"process {os.getpid()}"):
            with state.Lock(tmp_path):
                raise AssertionError
    with state.Lock(tmp_path):
        pass


def test_the_lock_of_a_dead_process_is_free(tmp_path):
    (tmp_path / state.LOCK).write_text(" 999999 since yesterday\n")
    with state.Lock(tmp_path):
        owner = (tmp_path / state.LOCK).read_text()
    assert str(os.getpid()) in owner


def test_copy(tmp_path):
    (tmp_path / "a.keras").write_bytes(b"model")
    state.copy(tmp_path / "a.keras", tmp_path / "b.keras")
    assert (tmp_path / "b.keras").read_bytes() == b"model"
    assert sorted(os.listdir(tmp_path)) == ["a.keras", "b.keras"]
