"""The README's generated tables: `python tools/readme_tables.py README.md`."""

import re
import sys
from pathlib import Path

from keras_funcs._core.catalogue import markdown

BLOCK = re.compile(
    r"(<!-- catalogue: (?P<kind>\w+) -->\n).*?(<!-- end -->)", re.DOTALL
)


def fill(text: str) -> str:
    """Returns the text with every table written anew."""
    return BLOCK.sub(
        lambda match: match[1] + markdown(match["kind"]) + "\n" + match[3], text
    )


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(fill(path.read_text(encoding="utf-8")), encoding="utf-8")
