import json

from keras_funcs._command import printing


class Terminal:
    def isatty(self):
        return True


def test_bold_only_where_it_is_wanted(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert printing.bold("a") == "a"
    monkeypatch.setattr("sys.stdout", Terminal())
    assert printing.bold("a") == "\x1b[1ma\x1b[0m"
    monkeypatch.setenv("NO_COLOR", "1")
    assert printing.bold("a") == "a"


def test_paragraphs_fit_the_terminal(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "50")
    printing.paragraph("word " * 30, "  name  ")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 3 and max(map(len, lines)) <= 50
    assert lines[0].startswith("  name  word")
    assert all(line.startswith(" " * 8 + "word") for line in lines[1:])


def test_json_has_no_nan(capsys):
    printing.print_json({1: (float("nan"), float("-inf"), 0.5), "a": None})
    found = json.loads(capsys.readouterr().out)
    assert found == {"1": [None, None, 0.5], "a": None}


def test_near():
    names = ["Snake", "Swish", "GroupLasso"]
    assert printing.near("snak", names) == "Nearest: Snake."
    assert printing.near("zzz", names) == "There are: GroupLasso, Snake, Swish."
