"""`report.html`: `report.md` as one self-contained page with its figures."""

import html
import re
from pathlib import Path

from keras_funcs._core import text as texts
from keras_funcs.search.report.results import Results
from keras_funcs.search.store import files
from keras_funcs.search.store import state

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222; background: #fff;
  max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem;
  border-bottom: 1px solid #e5e7eb; }
h1 + p { font-size: 1.1rem; }
table { border-collapse: collapse; display: block; overflow-x: auto;
  font-variant-numeric: tabular-nums; font-size: 0.88rem; }
th, td { padding: 0.2rem 0.7rem 0.2rem 0; text-align: left;
  border-bottom: 1px solid #e5e7eb; }
code { background: #f3f4f6; padding: 0 0.2rem; }
svg { max-width: 100%; height: auto; }
"""
# No script runs and nothing is loaded, whatever a name may hold.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_IMAGE = re.compile(rf'<p><img src="{files.FIGURES}/(\w+)\.png"[^>]*></p>')


def write(found: Results, markdown: str) -> Path:
    """Writes the page.

    Args:
        found: `Results`, whose figures are drawn.
        markdown: String. The report, whose untrusted text is escaped.

    Returns:
        The path of `report.html`.
    """
    from markdown_it import MarkdownIt

    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    body = _IMAGE.sub(
        lambda image: _inline(found, image[1]), reader.render(markdown)
    )
    title = html.escape(texts.line(found.study["name"]))
    page = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body>\n{body}</body>\n</html>\n"
    )
    path = found.directory / files.PAGE
    state.write_text(path, page)
    return path


def _inline(found: Results, name: str) -> str:
    """The SVG of a figure, without what belongs to a file of its own."""
    path = files.figure_of(found.directory, name, "svg")
    text = path.read_bytes().decode("utf-8", "replace")
    # Ids are those of one document: each figure has its own.
    text = text[max(text.find("<svg"), 0) :]
    text = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", text)
    return f"<figure>{text}</figure>"
