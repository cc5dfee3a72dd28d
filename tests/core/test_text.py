"""Names of others, where they are shown."""

import csv
import io

import pandas as pd
import pytest

from keras_funcs._core import text

EVIL = (
    "\x1b[31mred\x1b[0m", "a\r\nb", "half \udcff", "\u202eleft", "\x00", "\x9b",
)  # fmt: skip


@pytest.mark.parametrize("evil", EVIL)
def test_every_place_gets_printable_text_that_can_be_encoded(evil):
    for safe in (
        text.line, text.markdown, text.code, text.cell, text.tag,
        text.printable, lambda name: text.rich(name).plain,
    ):  # fmt: skip
        shown = safe(f"name {evil} end")
        assert shown.isprintable()
        text.encode(shown).decode()
    assert text.encode("\udcff") == b"?"


def test_lines_stay_in_a_block():
    assert text.block("a\n\tb\x1b[0m") == "a\n\tb_[0m"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("batch_size", "batch_size"),
        ("loss/CategoricalFocal/gamma=2.0", "loss/CategoricalFocal/gamma=2.0"),
        ("a | b", r"a \| b"),
        ("<script>&lt;", "&lt;script&gt;&amp;lt;"),
        ("[x](http://e.org)", r"\[x\](http\://e.org)"),
        ("![x](y)", r"!\[x\](y)"),
        ("www.e.org", r"www\.e.org"),
        ("**x** _y_ `z` ~q~ $m$", r"\*\*x\*\* \_y\_ \`z\` \~q\~ \$m\$"),
        ("a\\b", "a\\\\b"),
    ],
)
def test_markdown_is_text(name, shown):
    assert text.markdown(name) == shown


def test_a_code_span_ends_where_it_ends():
    assert text.code("a`b|c") == "`a'b/c`"


def test_rich_takes_nothing_for_its_markup():
    assert text.rich("[red]x[/] a\\[b]").plain == "[red]x[/] a\\[b]"


@pytest.mark.parametrize("sign", [*"=+-@", "＝", "＋", "－", "＠"])
def test_no_cell_is_a_formula(sign):
    for name in (f"{sign}1+1", f"\t{sign}1", f"\r\n {sign}1"):
        assert text.cell(name).startswith("'")
    frame = pd.DataFrame({"x": [f"{sign}cmd", "a,b", -1.5, None]})
    out = io.StringIO()
    frame.map(text.cell).to_csv(out, index=False)
    rows = list(csv.reader(io.StringIO(out.getvalue())))
    assert rows[1:4] == [[f"'{sign}cmd"], ["a,b"], ["-1.5"]]
