"""Leaves are short, and no method steps over another."""

import ast
import importlib
from itertools import combinations
from pathlib import Path

import keras_funcs
from tools import leaf_lines

PACKAGE = Path(keras_funcs.__file__).parent


def definitions():
    """The methods that each class defines, as syntax trees by name."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.parent.name == "backend":  # only one of them can be imported
            continue
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        name = ".".join(parts).removesuffix(".__init__")
        module = importlib.import_module(name)
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef):
                found[getattr(module, node.name)] = {
                    item.name: item
                    for item in node.body
                    if isinstance(item, ast.FunctionDef)
                }
    return found


def docstrings():
    """The first line of every docstring, by its place."""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef)
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            text = isinstance(node, kinds) and ast.get_docstring(node)
            if text:
                place = getattr(node, "name", path.name)
                yield f"{path.name}: {place}", text.splitlines()[0]


def test_first_lines_say_what_a_thing_is():
    questions = ("What ", "Whatever ", "Where ")
    assert [p for p, line in docstrings() if line.startswith(questions)] == []


def is_cooperative(method):
    """Whether a method calls the one that it overrides."""
    return f"super().{method.name}" in ast.unparse(method)


def is_hook(method):
    """Whether a method is there to be overridden.

    It has a docstring and does nothing: it raises NotImplementedError, or
    returns nothing or its argument.
    """
    if ast.get_docstring(method) is None or len(method.body) > 2:
        return False
    *_, last = method.body
    if isinstance(last, ast.Raise):
        return ast.unparse(last) == "raise NotImplementedError"
    if isinstance(last, ast.Return):
        return isinstance(last.value, ast.Name)
    return len(method.body) == 1


def overrides(found):
    """Concrete methods that replace a concrete one, with the class's name."""
    for cls in found:
        bases = [base for base in cls.__mro__ if base in found]
        for upper, lower in combinations(bases, 2):
            for name in found[upper].keys() & found[lower].keys():
                if not is_cooperative(found[upper][name]) and not is_hook(
                    found[lower][name]
                ):
                    yield f"{upper.__name__}.{name} over {lower.__name__}"


def test_no_concrete_method_overrides_a_concrete_one():
    assert sorted(set(overrides(definitions()))) == []


def test_an_override_is_found():
    tree = ast.parse(
        """
class Base:
    def finish(self, x):
        "Changes the loss."
        return x

    def call(self):
        "The loss."
        raise NotImplementedError

    def check(self):
        "Raises if the shape is wrong."

    def count(self):
        "Counts."
        return 1

    def build(self):
        "Builds."
        self.built = True
"""
    )
    base = {item.name: item for item in tree.body[0].body}
    hooks = {name for name, method in base.items() if is_hook(method)}
    assert hooks == {"finish", "call", "check"}

    class Base: ...

    class Leaf(Base): ...

    (leaf,) = ast.parse("def build(self): super().build()").body
    assert not list(overrides({Base: base, Leaf: {"build": leaf}}))
    (leaf,) = ast.parse("def count(self): return 2").body
    assert list(overrides({Base: base, Leaf: {"count": leaf}})) == [
        "Leaf.count over Base"
    ]


def test_no_leaf_is_longer_than_90_lines():
    leaves = leaf_lines.leaves(PACKAGE)
    assert len(leaves) > 170
    assert [leaf for leaf in leaves if leaf.lines > 90] == []
