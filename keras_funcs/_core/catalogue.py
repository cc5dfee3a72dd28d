"""The catalogue: what the components say of themselves, as data.

Nothing is written twice: names, kinds and families come from the classes,
defaults from the signatures, and all words from the docstrings. It is read
only when asked for, and nothing else depends on it.
"""

import fnmatch
import inspect
import re
from dataclasses import asdict
from dataclasses import dataclass
from typing import Any

from keras_funcs._core import checks
from keras_funcs._core.component import KINDS
from keras_funcs._core.component import Choice
from keras_funcs._core.component import Component
from keras_funcs._core.component import Range
from keras_funcs._core.component import arguments
from keras_funcs._core.component import registered

HEADINGS = (
    "Args", "Call arguments", "Example", "Formula", "Input shape", "Inputs",
    "Output shape", "Raises", "Reference", "Returns", "State",
)  # fmt: skip

# Where kinds without a package of their own live.
_PACKAGES = {
    "schedules": "optimizers.schedules",
    "adaptive_losses": "losses",
}


@dataclass(frozen=True)
class Argument:
    """One argument of a component."""

    name: str
    default: str | None  # its repr; None where a value is required
    range: str | None  # what a search explores
    description: str


@dataclass(frozen=True)
class Card:
    """The description of one component, read off its class."""

    name: str
    kind: str
    family: str
    summary: str
    description: str
    formula: str
    arguments: tuple[Argument, ...]
    reference: str

    @property
    def path(self) -> str:
        """The public name, such as `keras_funcs.losses.LogitAdjusted`."""
        package = _PACKAGES.get(self.kind, self.kind)
        return f"keras_funcs.{package}.{self.name}"

    @property
    def signature(self) -> str:
        """Own arguments with their defaults, as one would call it."""
        return ", ".join(
            item.name if item.default is None else f"{item.name}={item.default}"
            for item in self.arguments
        )

    def to_dict(self) -> dict[str, Any]:
        """The card as plain JSON."""
        return {**asdict(self), "path": self.path}


def catalogue(pattern: str = "*", kind: str | None = None) -> list[Card]:
    """Lists the pack's components: see `keras_funcs.catalogue`."""
    if kind is not None:
        checks.one_of("kind", kind, ("activations", *KINDS))
    cards = [
        card_of(entry)
        for entry in registered(kind)
        if fnmatch.fnmatch(entry.name.lower(), pattern.lower())
    ]
    return sorted(cards, key=lambda card: (card.kind, card.name.lower()))


def card_of(entry: Component) -> Card:
    """Reads one component's card."""
    summary, description, sections = read_docstring(entry.object)
    words = read_arguments(sections.get("Args", ""))
    target = entry.object
    # A leaf's own arguments: those of its bases are described with the base.
    signature = inspect.signature(
        vars(target)["__init__"] if isinstance(target, type) else target
    )
    own = [
        Argument(
            name=name,
            default=_default(parameter),
            range=_range(entry.tune.get(name)),
            description=words.get(name, ""),
        )
        for name, parameter in arguments(entry.object).items()
        if name in signature.parameters and name != "name"
    ]
    return Card(
        name=entry.name,
        kind=entry.kind,
        family=entry.object.__module__.split(".")[-1],
        summary=summary,
        description=description,
        formula=re.sub(r"```\w*\n?", "", sections.get("Formula", "")).strip(),
        arguments=tuple(own),
        reference=" ".join(sections.get("Reference", "").split()),
    )


def read_docstring(target: Any) -> tuple[str, str, dict[str, str]]:
    """Splits a docstring into summary, description and sections."""
    lines = (inspect.getdoc(target) or "").splitlines()
    summary = lines[0] if lines else ""
    parts: dict[str, list[str]] = {"": []}
    heading = ""
    for line in lines[1:]:
        if line.rstrip(":") in HEADINGS and line.endswith(":"):
            heading = line.rstrip(":")
            parts[heading] = []
        else:
            parts[heading].append(line)
    texts = {
        name: inspect.cleandoc("\n".join(text)) for name, text in parts.items()
    }
    return summary, texts.pop("").strip(), texts


def read_arguments(section: str) -> dict[str, str]:
    """Splits an `Args` section into one text for each argument."""
    found: dict[str, list[str]] = {}
    name = ""
    for line in section.splitlines():
        start = re.match(r"(\*{0,2}\w+): (.*)", line)
        if start:
            name, line = start.group(1), start.group(2)
        if name:
            found.setdefault(name, []).append(line.strip())
    return {key: " ".join(text) for key, text in found.items()}


def markdown(kind: str) -> str:
    """The README's table of one kind."""
    rows = ["| Name | What for | Own arguments | Source |", "|---|---|---|---|"]
    for card in catalogue(kind=kind):
        cells = (
            f"`{card.name}`",
            card.summary,
            f"`{card.signature}`" if card.signature else "",
            card.reference,
        )
        rows.append(
            "| " + " | ".join(c.replace("|", "\\|") for c in cells) + " |"
        )
    return "\n".join(rows)


def _default(parameter: inspect.Parameter) -> str | None:
    if parameter.default is parameter.empty:
        return None
    return repr(parameter.default)


def _range(tune: Range | Choice | None) -> str | None:
    if tune is None:
        return None
    if isinstance(tune, Choice):
        return " | ".join(repr(value) for value in tune.values)
    scale = ", log" if tune.log else ""
    return f"[{tune.low:g}, {tune.high:g}{scale}]"
