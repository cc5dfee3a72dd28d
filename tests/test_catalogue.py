"""What the components say of themselves is whole, and true."""

import ast
import inspect
import re
from fractions import Fraction

import pytest

import keras_funcs
from keras_funcs._core.catalogue import card_of
from keras_funcs._core.catalogue import read_arguments
from keras_funcs._core.catalogue import read_docstring
from keras_funcs._core.component import registered

ENTRIES = list(registered())
# What serves training or its observation stands in no paper.
PLAIN = ("callbacks",)
# What a public base may say for its leaves.
SHARED = {"Input shape", "Inputs", "Output shape", "Raises"}


@pytest.fixture(params=ENTRIES, ids=lambda entry: entry.name)
def entry(request):
    return request.param


@pytest.fixture
def sections(entry):
    """A leaf's own sections, and those that its public bases describe."""
    found = read_docstring(entry.object)[2]
    public = vars(getattr(keras_funcs, entry.kind, keras_funcs)).values()
    for base in getattr(entry.object, "__mro__", ()):
        if base in public:
            said = read_docstring(base)[2]
            found = {
                **{name: said[name] for name in SHARED & set(said)},
                **found,
            }
    return found


def test_summary_is_one_sentence(entry):
    summary = read_docstring(entry.object)[0]
    assert re.fullmatch(r"[A-Z][^.]*\.?.*\.", summary)
    assert len(summary) <= 79


def test_says_when_to_use_it(entry):
    assert len(read_docstring(entry.object)[1].split()) >= 10


def test_formula_is_fenced(entry, sections):
    if entry.kind in PLAIN and "Formula" not in sections:
        return
    assert re.match(r"```python\n.+?\n```", sections["Formula"], re.DOTALL)


def test_arguments_are_the_signature(entry):
    sections = read_docstring(entry.object)[2]
    target = entry.object
    made = target.__init__ if isinstance(target, type) else target
    expected = {
        f"**{name}" if p.kind is p.VAR_KEYWORD else name
        for name, p in inspect.signature(made).parameters.items()
        # Keras's own `name` is optional, and not described.
        if name != "self" and (name != "name" or p.default is p.empty)
    }
    described = read_arguments(sections.get("Args", ""))
    assert set(described) == expected
    for text in described.values():
        assert text.endswith((".", "`."))


def test_arguments_tell_their_defaults(entry):
    words = read_arguments(read_docstring(entry.object)[2].get("Args", ""))
    for argument in card_of(entry).arguments:
        if argument.default is not None:
            assert "Defaults to" in words[argument.name], argument.name
            told = re.search(r"Defaults to\s+`([^`]*)`", words[argument.name])
            assert told is None or same(told[1], argument.default)


def same(told, default):
    if re.fullmatch(r"\d+ ?/ ?\d+", told):
        return float(Fraction(told.replace(" ", ""))) == float(default)
    return ast.literal_eval(told) == ast.literal_eval(default)


def test_reference_has_a_year(entry, sections):
    if entry.kind in PLAIN and "Reference" not in sections:
        return
    assert re.search(r"\((19|20)\d\d\)", sections["Reference"])


def test_shapes_and_errors_are_told(entry, sections):
    if isinstance(entry.object, type):
        assert "Raises" in sections
    if entry.kind in (
        "initializers", "losses", "metrics", "regularizers", "schedules"
    ):  # fmt: skip
        assert "Inputs" in sections
    if entry.kind == "layers":
        assert {"Input shape", "Output shape"} <= set(sections)
    if entry.kind == "optimizers":
        assert "State" in sections


def test_there_is_an_example(entry):
    assert ">>>" in inspect.getdoc(entry.object)


def test_catalogue_lists_every_component():
    cards = keras_funcs.catalogue()
    assert sorted(card.name for card in cards) == sorted(
        entry.name for entry in ENTRIES
    )
    assert [card.name for card in keras_funcs.catalogue("*FOCAL")] == [
        "BinaryFocal",
        "CategoricalFocal",
        "UnifiedFocal",
    ]
    for kind in {card.kind for card in cards}:
        of_kind = keras_funcs.catalogue(kind=kind)
        assert of_kind and all(card.kind == kind for card in of_kind)


def test_paths_are_public(entry):
    target = keras_funcs
    for name in card_of(entry).path.split(".")[1:]:
        target = getattr(target, name)
    assert target is entry.object


def test_cards_are_json(entry):
    import json

    text = json.dumps(card_of(entry).to_dict(), allow_nan=False)
    assert json.loads(text)["name"] == entry.name


def test_ranges_are_ranges_of_arguments(entry):
    known = {argument.name for argument in card_of(entry).arguments}
    inherited = set(entry.tune) - known
    for name in known & set(entry.tune):
        (argument,) = [a for a in card_of(entry).arguments if a.name == name]
        assert argument.range
    # Such as `axis`, which a leaf hands on to its base.
    for name in inherited:
        assert name in keras_funcs._core.component.arguments(entry.object)
