import sys

import pytest

from keras_funcs._command import user_code


@pytest.fixture(autouse=True)
def restore(monkeypatch):
    before = set(sys.modules)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


def write(folder, text, name="users_file.py"):
    (folder / name).write_text(text)
    return str(folder / name)


def test_load(tmp_path):
    write(tmp_path, "value = 3", "beside_it.py")
    path = write(tmp_path, "from beside_it import value\nclass Mine: x = value")
    found = user_code.load(f"{path}:Mine")
    assert found.x == 3
    assert sys.modules[found.__module__].Mine is found


@pytest.mark.parametrize(
    "text, place, error, message",
    [
        ("", "", ValueError, "FILE.py:Class"),
        ("", ":2", ValueError, "FILE.py:Class"),
        ("1 / 0", ":Mine", ValueError, "imported: ZeroDivisionError"),
        ("def (", ":Mine", ValueError, "imported: SyntaxError"),
        ("class Mine: pass", ":Min", ValueError, "There are: Mine"),
        ("", ":Mine", ValueError, "There are: none"),
    ],
)
def test_mistakes(tmp_path, text, place, error, message):
    path = write(tmp_path, text)
    with pytest.raises(error, match=message):
        user_code.load(path + place)


def test_files_that_cannot_be_imported_as_they_are(tmp_path):
    with pytest.raises(FileNotFoundError, match="a file that exists"):
        user_code.load(f"{tmp_path / 'no.py'}:Mine")
    path = write(tmp_path, "class Mine: pass", "random.py")
    with pytest.raises(ValueError, match="not named as another module"):
        user_code.load(f"{path}:Mine")
