"""The picture of all activations shows all activations."""

from pathlib import Path

from PIL import Image

from keras_funcs._core.component import registered
from keras_funcs.layers import AdaptiveActivation
from tools import contact_sheet

ROOT = Path(__file__).parents[1]
SHEET = ROOT / "docs" / "activations.png"


def test_every_activation_is_on_the_sheet():
    with Image.open(SHEET) as image:
        shown = image.info["Description"].split()
    assert sorted(shown) == sorted(contact_sheet.names()), "run `make readme`"
    assert SHEET.stat().st_size < 400_000


def test_the_names_are_all():
    names = contact_sheet.names()
    for entry in registered("activations"):
        assert entry.name in names
    for entry in registered("layers"):
        trained = issubclass(entry.object, AdaptiveActivation)
        assert (entry.name in names) == trained


def test_only_what_is_not_of_one_number_has_no_curve():
    found = contact_sheet.curves()
    without = {name for name, plot in found.items() if plot is None}
    assert {"swiglu", "geglu", "reglu", "entmax15"} <= without
    assert len(without) < len(found) / 4


def test_it_is_in_the_readme_and_made_with_it():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "](docs/activations.png)" in readme
    command = "-m tools.contact_sheet docs/activations.png"
    assert command in (ROOT / "Makefile").read_text(encoding="utf-8")
