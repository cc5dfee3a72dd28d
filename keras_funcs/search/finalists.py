"""The final: which configurations are run again, over several seeds.

The best of the search, the baseline plain and tuned, and afterwards the winner
without each of its own parts.
"""

from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keras_funcs.search.jobs import ABLATION
from keras_funcs.search.jobs import BASELINE
from keras_funcs.search.jobs import FINALIST
from keras_funcs.search.jobs import TUNED
from keras_funcs.search.jobs import Job
from keras_funcs.search.report import results
from keras_funcs.search.report.entries import Config
from keras_funcs.search.report.entries import Trial
from keras_funcs.search.spaces import structure
from keras_funcs.search.store import files


@dataclass(frozen=True)
class Entrant:
    """A configuration of the final.

    Attributes:
        name: String. `"baseline"`, a trial's name, or for an ablation that
            name and the part that is put back.
        role: String. Its role as a `Job`.
        values: Mapping. Its hyper-parameters.
        reverted: String. Of an ablation, the part put back.
    """

    name: str
    role: str
    values: Mapping[str, Any]
    reverted: str = ""

    def jobs(self, seeds: Iterable[int], epochs: int) -> list[Job]:
        """One job per seed."""
        return [
            Job(self.name, self.role, self.values, seed, epochs)
            for seed in seeds
        ]


def select(
    found: results.Results, baseline: Mapping[str, Any], count: int, space: Any
) -> list[Entrant]:
    """The baseline, plain and tuned, and the best of the search.

    Configurations with the same choices and numbers that differ only slightly
    are told apart by their choices first: of each combination of choices the
    best enters, and the rest fill what is left. The tuned baseline tells what
    better numbers alone bring.
    """
    parts = found.study["parts"]
    plain = _choices(baseline, parts)
    choices = [plain]
    chosen: list[Trial] = []
    rest: list[Trial] = []
    taken = [dict(baseline)]
    for trial in found.ranked():
        if dict(trial.values) in taken:
            continue
        taken.append(dict(trial.values))
        combination = _choices(trial.values, parts)
        new = combination not in choices
        choices.append(combination)
        (chosen if new else rest).append(trial)
    tuned = None
    # Where all choices are the baseline's, its tuned ones are the finalists.
    if chosen:
        same = [t for t in rest if _choices(t.values, parts) == plain]
        rest = [t for t in rest if t not in same[:1]]
        tuned = (
            Entrant(same[0].name, TUNED, same[0].values)
            if same
            else _with_rate(baseline, chosen[:count], space)
        )
    best = [*chosen, *rest][:count]
    return [
        Entrant(BASELINE, BASELINE, baseline),
        *([] if tuned is None else [tuned]),
        *(Entrant(trial.name, FINALIST, trial.values) for trial in best),
    ]


def decide(
    saved: dict[str, Any],
    found: results.Results,
    baseline: Mapping[str, Any],
    count: int,
    space: Any,
) -> list[Entrant]:
    """The entrants of the final, as the study's file `saved` keeps them.

    Decided once for as many trials: a resumed study runs the same
    configurations, one that searched on decides again.
    """
    basis = [len(found.ranked()), count]
    if saved.get("selected_from") != basis:
        saved["selected_from"] = basis
        saved["configs"] = []
        saved["finalists"] = [
            {"name": p.name, "role": p.role, "values": dict(p.values)}
            for p in select(found, baseline, count, space)[1:]
        ]
    return [
        Entrant(BASELINE, BASELINE, baseline),
        *(
            Entrant(item["name"], item["role"], item["values"])
            for item in saved["finalists"]
        ),
    ]


def _with_rate(
    baseline: Mapping[str, Any], best: Sequence[Trial], space: Any
) -> Entrant | None:
    """The baseline with the learning rate of the best it can take one from."""
    own = _rates(baseline)
    if len(own) != 1:
        return None
    (name,) = own
    domain = structure.domains(space)[name]
    for trial in best:
        rates = list(_rates(trial.values).values())
        fits = (
            len(rates) == 1
            and rates[0] != own[name]
            and isinstance(domain, tuple)
            and domain[0] <= rates[0] <= domain[1]
        )
        if fits:
            return Entrant(
                f"baseline-at-the-rate-of-{trial.name}",
                TUNED,
                {**baseline, name: rates[0]},
            )
    return None


def _rates(values: Mapping[str, Any]) -> dict[str, float]:
    return {
        name: value
        for name, value in values.items()
        if name.rpartition("/")[2] == "learning_rate"
        and isinstance(value, float)
    }


def ablations(
    winner: Config, baseline: Mapping[str, Any], space: Any
) -> list[Entrant]:
    """The winner with each of its own parts put back to the baseline's."""
    plans = []
    for part, names in structure.parts(space).items():
        own = {n: winner.values[n] for n in names if n in winner.values}
        plain = {n: baseline[n] for n in names if n in baseline}
        if not own or own == plain:  # it has no part in the winner
            continue
        values = {n: v for n, v in winner.values.items() if n not in names}
        values.update(plain)
        safe = "".join(s if s.isalnum() or s in "-_." else "-" for s in part)
        name = f"{winner.name}-without-{safe}"
        plans.append(Entrant(name, ABLATION, values, part))
    # With one part only, putting it back is the baseline, which was run.
    return plans if len(plans) > 1 else []


def recommended_model(
    found: results.Results,
) -> tuple[Path, dict[str, Any]] | None:
    """The model to ship: the recommended configuration's, of its median seed.

    The seed that is best on validation data would look better than it is.

    Returns:
        Its file, and its name and seed as the study's file keeps them; None
        while there is none.
    """
    item = found.recommended
    if item is None:
        return None
    for seed in item.from_the_middle():
        path = files.model_of(found.directory, item.name, seed)
        if path.is_file():
            return path, {"name": item.name, "seed": seed}
    return None


def _choices(values: Mapping[str, Any], parts: Sequence[str]) -> dict[str, Any]:
    """The choices by name, without the numbers."""
    return {
        name: values[name]
        for name in parts
        if isinstance(values.get(name), (str, bool))
    }
