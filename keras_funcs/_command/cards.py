"""`keras-funcs list` and `keras-funcs show`: the catalogue, printed."""

import sys
import textwrap

import keras_funcs
from keras_funcs._command import plot as drawing
from keras_funcs._command.printing import bold
from keras_funcs._command.printing import near
from keras_funcs._command.printing import paragraph
from keras_funcs._command.printing import print_json
from keras_funcs._core.resolve import by_name


def print_list(pattern: str, kind: str, as_json: bool) -> None:
    """Prints the components that match; part of a name is enough.

    Raises:
        ValueError: where there is none, or no such kind.
    """
    every = keras_funcs.catalogue()
    kinds = sorted({card.kind for card in every})
    if kind and kind not in kinds:
        raise ValueError(f"No kind is called {kind!r}. {near(kind, kinds)}")
    wild = pattern if set(pattern) & set("*?[") else f"*{pattern}*"
    cards = keras_funcs.catalogue(wild, kind or None)
    if not cards:
        names = [card.name for card in every if kind in ("", card.kind)]
        raise ValueError(f"Nothing matches {pattern!r}. {near(pattern, names)}")
    if as_json:
        return print_json([card.to_dict() for card in cards])
    width = max(len(card.name) for card in cards) + 2
    indent = max(map(len, kinds)) + 2
    before = ""
    for card in cards:
        if not sys.stdout.isatty():  # one line each, for grep and cut
            print(f"{card.kind:<{indent}}{card.name:<{width}}{card.summary}")
            continue
        if card.kind != before:
            print(("\n" if before else "") + bold(card.kind))
            before = card.kind
        paragraph(card.summary, f"  {card.name:<{width}}")


def print_card(name: str, plot: str, as_json: bool) -> None:
    """Prints all that the pack knows of one component.

    Args:
        name: String. Its name, in any case.
        plot: String. A PNG file to draw its curve to, or `""`.
        as_json: Boolean.

    Raises:
        ValueError: for an unknown name, a plot of what has no curve, or a
            file that exists.
    """
    cards = {card.name: card for card in keras_funcs.catalogue()}
    card = by_name(cards.values(), name)
    if card is None:
        raise ValueError(f"Nothing is called {name!r}. {near(name, cards)}")
    curve = drawing.curve(card.name, card.kind)
    file, moved = None, []
    if plot:
        if curve is None:
            raise ValueError(
                f"{card.name} is no activation of one number: it has no curve "
                "to plot."
            )
        moved = drawing.moves(card.name, card.kind)
        file = str(drawing.save(curve, card.name, plot, moved))
    if as_json:
        return print_json({**card.to_dict(), "plot": file})
    print(bold(card.path))
    paragraph(card.summary)
    for text in card.description.split("\n\n"):
        if text:
            print()
            paragraph(text)
    if card.formula:
        print("\n" + bold("Formula"))
        print(textwrap.indent(card.formula, "  "))
    if card.arguments:
        print("\n" + bold("Arguments"))
    for item in card.arguments:
        default = "" if item.default is None else f" = {item.default}"
        explored = f"  (searched: {item.range})" if item.range else ""
        print(f"  {bold(item.name)}{default}{explored}")
        paragraph(item.description, "    ")
    if card.reference:
        print("\n" + bold("Reference"))
        paragraph(card.reference, "  ")
    if curve is not None:
        print("\n" + bold("Curve at the start of training"))
        print(drawing.as_text(curve))
        print("\n" + bold("Its slope"))
        print(drawing.as_text(curve._replace(y=curve.slope), height=7))
        moved = moved or drawing.moves(card.name, card.kind)
        if moved:
            print("\n" + bold("By parameter"))
        for move in moved:
            print(textwrap.indent(drawing.as_table(move), "  "))
    if file:
        print(f"\nDrawn to {file}")
