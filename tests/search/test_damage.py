"""Damaged folders: a study goes on with one line, or refuses with one."""

import copy
import json
import os
import shutil
import warnings

import pytest

from keras_funcs import search
from keras_funcs.data import Dataset
from keras_funcs.search.report import markdown
from keras_funcs.search.report import results
from keras_funcs.search.report import tables
from keras_funcs.search.store import files
from keras_funcs.search.store import records
from keras_funcs.search.training import preflight
from keras_funcs.search.tuner import explorer
from tests.search.conftest import CLASSES
from tests.search.conftest import build

ATTEMPTS = b'{"begun": {"trial_0003": 2}, "crashed": {}}'
DAMAGES = {
    "truncated": lambda data: data[: len(data) // 2],
    "empty": lambda data: b"",
    "a list": lambda data: b"[]",
    "no keys": lambda data: b"{}",
    "nested": lambda data: b"[" * 100_000,
    "not UTF-8": lambda data: b"\xff\xfe" + data,
    "a folder": None,
}
STATE = (
    "study.json",
    "search/oracle.json",
    "search/trial_1/trial.json",
    "finalists/baseline.json",
    "finalists/{winner}.json",
)
OTHERS = (
    "study.json.previous",
    "search/oracle.json.previous",
    "search/tuner0.json",  # of an older version
    "attempts.json",
    "finalists/{winner}-seed_{seed}.keras",
    "best.keras",
    "report.md",
    "trials.csv",
    "figures/recall.png",
    "predictions/labels.npz",
    "predictions/baseline-seed_0.npz",
    "study.lock",
    "search",
    "finalists",
    "figures",
    "predictions",
)


@pytest.fixture
def damaged(finished, untrained, splits, tmp_path, monkeypatch):
    """A copy of a finished study that can be read, reported and resumed."""
    study, _, found = finished
    space = explorer.explore(build)
    monkeypatch.setattr(explorer, "explore", lambda build: copy.deepcopy(space))
    monkeypatch.setattr(preflight, "check_model", lambda *_: None)
    directory = tmp_path / "study"
    old = {"search/tuner0.json": b"{}", "attempts.json": ATTEMPTS}
    ignored = shutil.ignore_patterns("logs")
    shutil.copytree(study.directory, directory, ignore=ignored)
    for name, content in old.items():
        (directory / name).write_bytes(content)

    def resume():
        search.Study(
            build, Dataset.of(*splits, class_names=CLASSES),
            objective="accuracy", directory=directory, trials=4, epochs=2,
            batch_size=15, final=search.Final(seeds=3, finalists=2),
            oracle="random", strategy=None, name="three kinds",
            tensorboard=False, progress=None,
        ).resume()  # fmt: skip

    def path(name):
        seed = found.winner.from_the_middle()[0]
        return directory / name.format(winner=found.winner.name, seed=seed)

    return path, resume


def put(path, damage):
    """Damages a file; a folder becomes a file."""
    if path.is_dir():
        path.rename(path.with_name(f"my {path.name}"))
        path.write_bytes(b"mine")
        return b"mine"
    data = path.read_bytes()
    if DAMAGES[damage] is None:
        path.unlink()
        path.mkdir()
        (path / "mine.txt").write_text("mine")
        return b"mine"
    path.write_bytes(DAMAGES[damage](data))
    return path.read_bytes()


def outcome(action, *arguments):
    """The notices of an action, and its refusal; all of one line."""
    refusal = ""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            action(*arguments)
        except (ValueError, RuntimeError) as error:
            # Not of a subclass: a UnicodeError is a ValueError.
            assert type(error) in (ValueError, RuntimeError), repr(error)
            refusal = str(error)
    notices = [str(w.message) for w in caught if w.category is UserWarning]
    for text in (*notices, refusal):
        assert "\n" not in text
    return notices, refusal


def contents(folder):
    return [item.read_bytes() for item in folder.rglob("*") if item.is_file()]


@pytest.mark.parametrize("name", [*STATE, *OTHERS])
def test_a_damaged_folder_is_one_line(damaged, name):
    path, resume = damaged
    folder = path(name)
    while folder.name != "study":
        folder = folder.parent
    whole = folder.with_name("whole")
    shutil.copytree(folder, whole)
    # A folder that became a file is damage enough.
    kinds = ["truncated", "a folder"] if path(name).is_file() else ["a folder"]
    kinds = DAMAGES if name in STATE else kinds
    for damage in kinds:
        left = put(path(name), damage)
        for action in (tables.leaderboard, markdown.write):
            notices, refusal = outcome(
                lambda action=action: action(results.read(folder))
            )
            told = notices or refusal
            unread = name == "search/oracle.json"  # only a search does
            assert told or unread or name not in STATE, (damage, action)
        notices, refusal = outcome(resume)
        assert notices or refusal or name not in STATE, damage
        if name in STATE or damage == "a folder":
            # Renamed, never deleted.
            assert not left or left in contents(folder), damage
        if not refusal:
            assert not outcome(lambda: results.read(folder))[1]
            assert (folder / "report.md").is_file()
        shutil.rmtree(folder)
        shutil.copytree(whole, folder)


SHAPES = {
    "study.json": records.STUDY,
    "search/trial_1/trial.json": records.TRIAL,
    "finalists/baseline.json": records.RUNS,
    "search/oracle.json": records.ORACLE,
}


@pytest.mark.parametrize("name", SHAPES)
def test_every_key_that_is_lost_or_of_another_type_is_found(finished, name):
    value = json.loads((finished[0].directory / name).read_bytes())
    shape = SHAPES[name]
    assert records.fault(value, shape) == ""
    wanted = shape.shape if isinstance(shape, records.Where) else shape
    for key, item in wanted.items():
        for wrong in (3.5j, object()):
            assert records.fault({**value, key: wrong}, shape), key
        less = {k: v for k, v in value.items() if k != key}
        optional = isinstance(item, records.Optional)
        assert bool(records.fault(less, shape)) != optional, key


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".x", "a\\b", 3])
def test_a_name_in_a_file_leads_nowhere_else(finished, name):
    saved = json.loads((finished[0].directory / "study.json").read_bytes())
    assert records.fault({**saved, "configs": [name]}, records.STUDY)
    entry = {"name": name, "role": "finalist", "values": {}}
    assert records.fault({**saved, "finalists": [entry]}, records.STUDY)


def test_what_is_not_ours_is_neither_read_nor_touched(damaged):
    path, resume = damaged
    search_folder = path("search")
    strays = ["trial_1_copy", "trial_²", "trial_-1", "trial_"]
    for name in [*strays, "trial_9"]:
        shutil.copytree(search_folder / "trial_1", search_folder / name)
    notes = [path(".writing-notes.txt"), path("search/.writing-1-1"),
             path("finalists/notes.json")]  # fmt: skip
    for note in notes:
        note.write_text("years of work")
    left = files.temporary(path("best.keras"))
    left.write_text("of a killed write")
    before = results.read(path("")).trials
    for _ in range(2):
        notices, refusal = outcome(resume)
        assert not refusal
        assert any("trial_9 holds trial 1" in text for text in notices)
    assert results.read(path("")).trials == before
    assert all(note.read_text() == "years of work" for note in notes)
    assert not left.exists()
    for name in strays:
        assert os.listdir(search_folder / name) == ["trial.json"]
