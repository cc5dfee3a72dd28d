"""`keras-funcs tune` and `keras-funcs report`: a study, run and shown."""

import contextlib
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from keras_funcs import data
from keras_funcs import search
from keras_funcs._command.options import with_options
from keras_funcs._command.printing import print_json
from keras_funcs._core import checks
from keras_funcs._core import text as texts
from keras_funcs.search.report import results
from keras_funcs.search.report.entries import Config
from keras_funcs.search.report.headline import headline
from keras_funcs.search.spaces import measures
from keras_funcs.search.spaces.tasks import task_of
from keras_funcs.search.store import files
from keras_funcs.search.store import state

FILES = {
    "report": files.REPORT,
    "model": files.BEST_MODEL,
    "preprocessing": files.PREPROCESSING,
    "trials": files.TRIALS_TABLE,
    "logs": files.LOGS,
}

OVERRULE = (
    "Overrule it with --numeric, --categorical, --drop, --missing, --decimal, "
    "--separator, --encoding, --max-categories or --task."
)
CHOICES = (
    "network",
    "inputs",
    "activation",
    "loss",
    "optimizer",
    "regularizer",
)


def tune(
    source: str,
    target: str,
    options: dict[str, Any],
    out: str,
    as_json: bool,
    seeds: int | None,
    choices: Sequence[str] = (),
    objective: str = "",
    positive: str = "",
    batch_size: int = 0,
    **settings: Any,
) -> None:
    """Begins a study, or goes on with it.

    Args:
        source: String. `"digits"` or the path of a table.
        target: String. The column to predict.
        options: Mapping. Further arguments of `load_table`.
        out: String. The study's folder, or `""` for `runs/<name>`.
        as_json: Boolean. Whether only JSON goes to standard output.
        seeds: Integer or None. Runs of each finalist.
        choices: Sequence of strings: `"all"`, or `"loss=A,B"`.
        objective: String. The metric to choose by, or `""` for the task's.
        positive: String. The class whose metric counts, or `""`.
        batch_size: Integer. 0 for that of the data set.
        **settings: Arguments of `search.Study`.
    """
    if source == "digits":
        dataset = data.digits_longtail()
    else:
        dataset = data.load_table(source, target, **options)
    goal, measure = measures.objective(
        objective or task_of(dataset.task).objective,
        dataset.task,
        dataset.class_names,
        positive or None,
    )
    build = search.table(
        dataset,
        choices=_read_choices(choices),
        metrics=partial(measures.compiled, dataset.task, measure),
    )
    directory = Path(out or Path("runs", dataset.name))
    text = dataset.preprocessing.to_json()
    path = directory / FILES["preprocessing"]
    _same_preprocessing(path, dataset.preprocessing)
    with contextlib.redirect_stdout(sys.stderr if as_json else sys.stdout):
        print(dataset)
        if dataset.preprocessing.decisions:
            print("\nHow columns were read")
            print(with_options(dataset.preprocessing.describe()))
            print(f"{OVERRULE}\n")
        study = search.Study(
            build,
            dataset,
            objective=goal,
            directory=directory,
            name=dataset.name,
            batch_size=batch_size or dataset.batch_size,
            final=search.Final(seeds=seeds),
            progress=Console(path, text),
            **settings,
        )
        try:
            study.resume()
        except KeyboardInterrupt:
            print("The same command again goes on where this one stopped.")
            raise
    _outcome(results.read(directory), as_json)


def _read_choices(given: Sequence[str]) -> dict[str, Any] | str | None:
    """The choices of `search.table`, from those of the command."""
    if not given:
        return None
    if "all" in given and len(given) == 1:
        return "all"
    found: dict[str, Any] = {}
    for item in given:
        kind, equals, names = item.partition("=")
        if not equals or not names:
            checks.invalid("choices", "`all`, or KIND=NAME,NAME,...", item)
        checks.one_of("choices", kind, CHOICES)
        listed = [name.strip() for name in names.split(",")]
        found[kind] = (
            "all"
            if listed == ["all"]
            else [None if name == "none" else name for name in listed]
        )
    return found


class Console(search.Console):
    """Writes the preprocessing once the study has accepted its folder."""

    def __init__(self, path: Path, text: str) -> None:
        super().__init__()
        self.path = path
        self.text = text

    def on_study_begin(self) -> None:
        if not self.path.exists():
            state.write_bytes(self.path, texts.encode(self.text))


def _same_preprocessing(path: Path, new: data.TablePreprocessing) -> None:
    """Refuses to go on with rows that are read in another way.

    The study itself compares the numbers that the rows became.
    """
    if not state.is_study(path.parent) or not path.exists():
        return
    if path.is_dir():
        state.put_aside(path, f"{path} is a folder, where a file belongs")
        return
    try:
        old = data.TablePreprocessing.from_json(path.read_text("utf-8"))
    except ValueError:
        old = None
    if old is None or any(
        getattr(old, name) != getattr(new, name)
        for name in ("target", "class_names", "feature_names")
    ):
        raise ValueError(
            f"The study in {path.parent} was begun with other columns, "
            f"categories or classes (see {path}). Use the table and the "
            "options that it was begun with, or another --out."
        )


def report(directory: str, as_json: bool) -> None:
    """Writes a study's report again, and prints its summary."""
    from keras_funcs.search.report import markdown as reports
    from keras_funcs.search.report import terminal

    found = results.read(directory)
    path = reports.write(found)
    if not as_json:
        print(terminal.summary(found, path, found.study["seconds"]))
    _outcome(found, as_json)


def _outcome(found: results.Results, as_json: bool) -> None:
    """Prints the outcome as JSON, or how to use the model."""
    written = {
        key: str(found.directory / name)
        for key, name in FILES.items()
        if (found.directory / name).exists()
    }
    if as_json:
        best = found.recommended
        return print_json(
            {
                "headline": headline(found),
                "verdict": found.verdict,
                "objective": found.metric,
                "best": best.name if best else None,
                "trials": len(found.trials),
                "configurations": [_config(found, c) for c in found.configs],
                "files": written,
            }
        )
    # The study's own summary has said where the rest is.
    if "preprocessing" in written:
        print(
            f"Inputs       {written['preprocessing']}  (how rows become them)"
        )


def _config(found: results.Results, item: Config) -> dict[str, Any]:
    against = found.comparisons.get(item.name)
    return {
        "name": item.name,
        "role": item.role,
        "label": item.label,
        "values": item.values,
        "mean": item.mean(),
        "deviation": item.deviation(),
        "difference": against.difference if against else None,
        "interval": [against.low, against.high] if against else None,
        "runs": item.scores(),
    }
