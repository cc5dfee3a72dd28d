"""The final: the best configurations and the baseline, over several seeds.

Each run is stored when it ends, so that an interrupted final goes on where it
was. The test split is used here only, once for each run, after its epoch was
chosen on validation data.
"""

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any

from keras_funcs.search.engines import logs
from keras_funcs.search.report import results
from keras_funcs.search.spaces import structure
from keras_funcs.search.store import crashes
from keras_funcs.search.store import files
from keras_funcs.search.store import records
from keras_funcs.search.store import state
from keras_funcs.search.training import fitting
from keras_funcs.search.tuner import durable

if TYPE_CHECKING:
    from keras_funcs.search.study import Study


@dataclass(frozen=True)
class Plan:
    """A configuration to train over all seeds."""

    name: str
    role: str
    values: Mapping[str, Any]
    reverted: str = ""


def select(
    found: results.Results, baseline: Mapping[str, Any], count: int, space: Any
) -> list[Plan]:
    """The baseline, plain and tuned, and the best of the search.

    Configurations with the same choices and numbers that differ only slightly
    are told apart by their choices first: of each combination of choices the
    best enters, and the rest fill what is left. The tuned baseline tells what
    better numbers alone bring.
    """
    parts = found.study["parts"]
    plain = _choices(baseline, parts)
    choices = [plain]
    chosen: list[results.Trial] = []
    rest: list[results.Trial] = []
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
            Plan(same[0].name, results.TUNED, same[0].values)
            if same
            else _with_rate(baseline, chosen[:count], space)
        )
    best = [*chosen, *rest][:count]
    return [
        Plan(results.BASELINE, results.BASELINE, baseline),
        *([] if tuned is None else [tuned]),
        *(Plan(trial.name, "finalist", trial.values) for trial in best),
    ]


def decide(
    saved: dict[str, Any],
    found: results.Results,
    baseline: Mapping[str, Any],
    count: int,
    space: Any,
) -> list[Plan]:
    """The plans of the final, as the study's file `saved` keeps them.

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
        Plan(results.BASELINE, results.BASELINE, baseline),
        *(
            Plan(item["name"], item["role"], item["values"])
            for item in saved["finalists"]
        ),
    ]


def _with_rate(
    baseline: Mapping[str, Any], best: Sequence[results.Trial], space: Any
) -> Plan | None:
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
            return Plan(
                f"baseline-at-the-rate-of-{trial.name}",
                results.TUNED,
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
    winner: results.Config, baseline: Mapping[str, Any], space: Any
) -> list[Plan]:
    """The winner with each of its own parts put back to the baseline's."""
    plans = []
    for part, names in structure.parts(space).items():
        own = {n: winner.values[n] for n in names if n in winner.values}
        plain = {n: baseline[n] for n in names if n in baseline}
        if own == plain:
            continue
        values = {n: v for n, v in winner.values.items() if n not in names}
        values.update(plain)
        safe = "".join(s if s.isalnum() or s in "-_." else "-" for s in part)
        name = f"{winner.name}-without-{safe}"
        plans.append(Plan(name, "ablation", values, part))
    # With one part only, putting it back is the baseline, which was run.
    return plans if len(plans) > 1 else []


class Final:
    """Runs plans and stores what comes out.

    Args:
        settings: What all runs share.
        space: The `HyperParameters` of the study.
        test: The split that was kept for this, or None to compare on
            validation data.
        seeds: Sequence of integers, the same for every configuration.
        directory: Path. The study's folder.
        log_dir: Path or None. The root of the TensorBoard runs.
        class_names: Sequence of strings or None, for the logs.
        ended: Function called with plan, seed and result after each run.
    """

    def __init__(
        self,
        settings: fitting.Settings,
        space: Any,
        test: Any,
        seeds: Sequence[int],
        directory: Path,
        log_dir: Path | None,
        class_names: Sequence[str] | None,
        ended: Callable[[Plan, int, Mapping[str, Any]], None],
        max_attempts: int,
    ) -> None:
        self.settings = settings
        self.space = space
        self.test = test
        self.seeds = list(seeds)
        self.directory = directory
        self.folder = directory / files.FINALISTS
        self.log_dir = log_dir
        self.class_names = class_names
        self.ended = ended
        self.max_attempts = max_attempts

    def missing(self, plans: Sequence[Plan]) -> int:
        """How many runs are still to be made."""
        total = 0
        for plan in plans:
            runs = self._load(plan)["runs"]
            total += sum(str(seed) not in runs for seed in self.seeds)
        return total

    def run(self, plan: Plan) -> results.Config:
        """Trains a configuration from every seed that has no result yet."""
        saved = self._load(plan)
        fitting.clear()
        hp = fitting.settings_of(self.space, plan.values)
        program = fitting.Program(self.settings, hp)
        state.make_folder(self.folder)
        crash = crashes.take(self.folder)
        self._save(plan, saved)
        with crashes.watch(self.folder) as begin:
            for seed in map(str, self.seeds):
                if seed in saved["runs"]:
                    continue
                name = f"{plan.name} {seed}"
                if crash is not None and crash[0] == name:
                    saved["crashes"][seed] = saved["crashes"].get(seed, 0) + 1
                begin(name)
                outcome = self._attempt(
                    plan, program, seed, saved, crash[1] if crash else ""
                )
                saved["runs"][seed] = outcome
                self._save(plan, saved)
                self.ended(plan, int(seed), outcome)
        found = results.config(self._path(plan))
        if found is None:
            raise state.Damaged(f"{self._path(plan)} cannot be read back")
        return found

    def _attempt(
        self,
        plan: Plan,
        program: fitting.Program,
        seed: str,
        saved: dict[str, Any],
        crash: str,
    ) -> dict[str, Any]:
        """One run, counted before it begins: it may end the process."""
        begun, crashed = (
            saved[name].get(seed, 0) for name in ("attempts", "crashes")
        )
        why = crashes.given_up(begun, crashed, self.max_attempts, crash)
        if why:
            return {"error": why}
        saved["attempts"][seed] = begun + 1
        self._save(plan, saved)
        try:
            return self._one(plan, program, int(seed), saved)
        except KeyboardInterrupt:
            saved["attempts"][seed] = begun
            self._save(plan, saved)
            raise
        except OSError:  # of the disk, which is not the run's fault
            raise
        except BaseException:
            saved["crashes"][seed] = crashed + 1
            self._save(plan, saved)
            raise

    def _one(
        self,
        plan: Plan,
        program: fitting.Program,
        seed: int,
        saved: Mapping[str, Any],
    ) -> dict[str, Any]:
        name = self.settings.objective.name
        folder = None
        if self.log_dir is not None:
            folder = self.log_dir / "finalists" / plan.name / f"seed_{seed}"
        first = seed == self.seeds[0] and plan.role != "ablation"
        try:
            with logs.run_log(
                folder,
                plan.values,
                f"finalists/{plan.name}",
                inspect=first,
                **self._inspected(),
            ) as callbacks:
                run = program.fit(seed, callbacks=callbacks)
            test = self.test
            scored = self.settings.validation if test is None else test
            tested = program.evaluate(scored)
            score = tested[name.removeprefix("val_")]
            matrix = program.confusion(scored)
        except (OSError, MemoryError) as error:
            if getattr(error, "errno", None) in state.DISK_ERRORS:
                raise state.explained(error, self.folder) from error
            return {"error": durable.reason(error)}
        except Exception as error:
            return {"error": durable.reason(error)}
        self._keep_model(plan, program.model, run.score, saved)
        return {
            "validation": run.score,
            "score": score,
            "epoch": run.epoch,
            "seconds": run.seconds,
            "metrics": tested,
            "matrix": None if matrix is None else matrix.tolist(),
        }

    def _inspected(self) -> dict[str, Any]:
        x, y, _ = fitting.parts_of(self.settings.validation)
        if y is None:
            return {}
        return {"validation_data": (x, y), "class_names": self.class_names}

    def _keep_model(
        self, plan: Plan, model: Any, score: float, saved: Mapping[str, Any]
    ) -> None:
        """Stores the model of the seed that is best on validation so far."""
        if plan.role == "ablation":
            return
        better = self.settings.objective.better_than
        others = [
            run["validation"]
            for run in saved["runs"].values()
            if run.get("validation") is not None
        ]
        path = files.model_of(self.directory, plan.name)
        if not path.is_file() or all(better(score, other) for other in others):
            state.replace(path, model.save)

    def _path(self, plan: Plan) -> Path:
        return files.runs_of(self.directory, plan.name)

    def _load(self, plan: Plan) -> dict[str, Any]:
        saved = records.read(self._path(plan), records.RUNS, move=True)
        if saved is not None:
            # It may have had another part in a smaller search.
            return {"crashes": {}, **saved, "role": plan.role}
        tops = list(structure.parts(self.space))
        return {
            "role": plan.role,
            "label": structure.describe(plan.values, tops),
            "values": dict(plan.values),
            "reverted": plan.reverted,
            "attempts": {},
            "crashes": {},
            "runs": {},
        }

    def _save(self, plan: Plan, saved: Mapping[str, Any]) -> None:
        state.write_json(self._path(plan), saved)


def of_study(
    study: "Study",
    space: Any,
    seeds: Sequence[int],
    ended: Callable[[Plan, int, Mapping[str, Any]], None],
) -> Final:
    """The final of a study, with the seeds there is time for."""
    return Final(
        study.settings,
        space,
        study.test,
        seeds,
        study.directory,
        study.log_dir,
        study.class_names,
        ended,
        study.max_attempts,
    )


def _choices(values: Mapping[str, Any], parts: Sequence[str]) -> dict[str, Any]:
    """What is chosen by name, without the numbers."""
    return {
        name: values[name]
        for name in parts
        if isinstance(values.get(name), (str, bool))
    }
