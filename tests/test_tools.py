"""The tools that decide what is tested, and for how long."""

import json
from collections import Counter

import pytest

from tools import seconds
from tools import touched


@pytest.fixture
def known(tmp_path, monkeypatch):
    path = tmp_path / "seconds.json"
    content = {"dear": [], "yardstick": 0.5, "seconds": {"a": 10, "b": 90}}
    path.write_text(json.dumps(content), encoding="utf-8")
    monkeypatch.setattr(seconds, "RECORD", path)
    return path


def test_slower_machines_may_take_longer(known):
    assert seconds.excess(Counter(a=20, b=90), 0.5) == ""
    assert seconds.excess(Counter(a=40, b=180), 1.0) == ""


def test_growth_is_told_with_its_place(known):
    message = seconds.excess(Counter(a=10, b=90, c=50), 0.5)
    assert "150 s" in message and "c by 50 s" in message
    assert seconds.excess(Counter(a=40, b=180), 0.5)


def test_without_a_record_nothing_is_too_dear(known, capsys):
    known.write_text('{"dear": [], "yardstick": 1, "seconds": {}}')
    assert seconds.excess(Counter(a=1e6), 0.5) == ""
    assert "make seconds" in capsys.readouterr().out


def test_a_record_replaces_the_old_one(known):
    full = [{"check": [9.0], "f.py::s": [2.0], "f.py::u": [0.01]}]
    seconds.record(full, 0.25, True)
    usual = [{"check": [1.0, 2.0], "f.py::t": [4.0]}]
    seconds.record(usual, 0.25, False)
    assert json.loads(known.read_text(encoding="utf-8")) == {
        "dear": ["f.py::s", "f.py::t"],
        "yardstick": 0.25,
        "seconds": {"check": 3.0, "f.py": 4.0},
    }


def test_the_dearest_come_first():
    table = seconds.dearest(Counter(a=1.0, b=9.0)).splitlines()
    assert "10.0 s" in table[0]
    assert table[1].endswith("b") and table[2].endswith("a")


def test_the_yardstick_is_positive():
    assert 0.0 < seconds.yardstick() < 10.0


@pytest.mark.parametrize(
    ("module", "some", "others"),
    [
        ("losses._base", {"Dice", "Poly1"}, {"Snake", "GroupLasso"}),
        ("losses.region.tversky", {"Tversky"}, {"Dice", "Poly1"}),
        ("testing.runner", {"Dice", "Snake", "AdaBelief"}, set()),
        ("search.study", set(), {"Dice", "Snake"}),
    ],
)
def test_who_imports_what_changed_is_touched(monkeypatch, module, some, others):
    changed = {f"keras_funcs.{module}"}
    monkeypatch.setattr(touched, "changed", lambda base: changed)
    found = set(touched.components("HEAD"))
    assert some <= found and not others & found


def test_changed_modules_are_found():
    assert isinstance(touched.changed("HEAD"), set)
