"""`keras-funcs predict`: new rows, and the file of their predictions."""

import sys
import warnings
from collections import Counter
from pathlib import Path

from keras_funcs import search
from keras_funcs._command.printing import print_json
from keras_funcs._core import checks
from keras_funcs._core import text
from keras_funcs.search.store import state

SHOWN = 10  # classes


def predict(directory: str, source: str, out: str, as_json: bool) -> None:
    """Predicts the rows of a file.

    Args:
        directory: String. The folder of a study of a table.
        source: String. The path of the new rows.
        out: String. The path of the CSV file to write.
        as_json: Boolean. Whether to print JSON.

    Raises:
        ValueError: If the study has no model or no table, a column is absent,
            or `out` is no CSV file or the new rows themselves.
    """
    path = Path(out)
    if path.suffix != ".csv":
        checks.invalid("out", "the path of a .csv file", out)
    if path.resolve() in (Path(source).resolve(), Path(directory).resolve()):
        checks.invalid("out", "another file than the new rows", out)
    found = search.load(directory)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", UserWarning)
        table = found.table(found.read(source))
    for warning in told:
        print(text.line(str(warning.message)), file=sys.stderr)
    path.parent.mkdir(parents=True, exist_ok=True)
    state.write_bytes(path, table.to_csv(index=False).encode())
    counts: Counter[str] = Counter()
    if found.class_names:
        counts.update(dict.fromkeys(found.class_names, 0))
        counts.update(map(str, table["prediction"]))
    if as_json:
        return print_json({"rows": len(table), "classes": counts, "file": out})
    print(f"{len(table)} rows  {out}")
    for name, count in counts.most_common(SHOWN):
        print(f"{count:>8}  {text.line(name)}")
