"""The course of a study, step by step. Imported only where one runs."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any

from keras_funcs.search import budget
from keras_funcs.search import finalists as final
from keras_funcs.search.engines import local
from keras_funcs.search.engines import logs
from keras_funcs.search.progress import Event
from keras_funcs.search.progress import Listener
from keras_funcs.search.progress import duration
from keras_funcs.search.report import results
from keras_funcs.search.spaces import structure
from keras_funcs.search.store import files
from keras_funcs.search.store import identity
from keras_funcs.search.store import records
from keras_funcs.search.store import state
from keras_funcs.search.training import fitting
from keras_funcs.search.training import preflight
from keras_funcs.search.tuner import oracles
from keras_funcs.search.tuner.durable import harden

if TYPE_CHECKING:
    from keras_funcs.search.study import Study

MAX_RESERVE = 0.6  # of `max_time`, at most, kept for the final
ABLATIONS = 3  # assumed in estimates until the winner is known
REFERENCES = 2  # the plain baseline and the tuned one


class Runner:
    """One sitting of a study."""

    def __init__(self, study: "Study", say: Listener) -> None:
        self.study = study
        self.say = say
        self.began = False
        self.space = local.explore(study.settings.build)
        self.baseline = dict(self.space.values)
        self.tops = list(structure.parts(self.space))
        self.fingerprint = identity.fingerprint(study, self.space)
        self.path = study.directory / files.STUDY
        # Only a look, for errors before a folder is made: another process
        # may be at work until the lock is held.
        self.saved = self._read(move=False)
        if not self.saved:
            self._preflight()
        self.clock = local.Clock(self.saved.get("seconds", 0.0))
        self.pace = budget.Pace()
        self.seeds = list(study.seeds)

    def run(self) -> None:
        """Search, final, ablation, report: whatever is still to be done."""
        self._begin()
        self._search()
        found = results.read(self.study.directory)
        if not found.ranked():
            raise local.all_failed(list(self.tuner.oracle.trials.values()))
        self._final(found)
        self._finish()

    def stopped(self) -> None:
        """Says how to go on after Ctrl-C."""
        self._store()
        self.say(
            Event(
                "study_ended",
                message=f"Stopped after {duration(self.clock.elapsed)}. "
                f"{self.study.directory / files.REPORT} has what there is; "
                "the same command, or `resume()`, goes on.",
            )
        )

    def _read(self, move: bool) -> dict[str, Any]:
        """The study's file; `move=True` puts damaged ones aside."""
        directory = self.study.directory
        if not move and not state.is_study(directory):
            return {}
        found: dict[str, Any] = records.read_study(directory, move) or {}
        if found:
            identity.compare_fingerprints(
                directory, found["fingerprint"], self.fingerprint
            )
        return found

    def _preflight(self) -> None:
        """One batch of the baseline, before anything is written."""
        fitting.clear()
        model = fitting.build(self.study.settings.build, self.space)
        preflight.check_model(model, self.study.settings, self.study.test)

    def _begin(self) -> None:
        study, objective = self.study, self.study.settings.objective
        state.sweep(study.directory)
        for name in files.FOLDERS:
            state.clear_way(study.directory / name)
        self.saved = self._read(move=True)
        self.clock.before = self.saved.get("seconds", 0.0)
        fresh = {
            "version": identity.VERSION,
            "environment": identity.environment(),
            "seconds": 0.0,
            "configs": [],
        }
        self.saved = {
            **fresh,
            **self.saved,
            "name": study.name,
            "fingerprint": self.fingerprint,
            "objective": {
                "name": objective.name,
                "direction": objective.direction,
            },
            "baseline": self.baseline,
            "parts": self.tops,
            "seeds": study.seeds,
            "epochs": study.epochs,
            "batch_size": study.settings.batch_size,
            "tested": study.test is not None,
            "class_names": study.class_names,
            "max_trials": study.max_trials,
            "max_time": study.max_time,
            "left_out": {},
            "seconds_needed": None,
        }
        self._store()
        self.began = True
        if study.log_dir is not None:
            metric = objective.name.removeprefix("val_")
            logs.describe_space(study.log_dir, self.space, metric)
        self.say(Event("study_started", message=""))

    def _store(self) -> None:
        if self.saved:
            self.saved["seconds"] = round(self.clock.elapsed, 3)
            state.write_json(self.path, self.saved, keep=True)

    # The search.

    def _search(self) -> None:
        study = self.study
        oracle = oracles.make(
            study.oracle,
            study.settings.objective,
            study.max_trials,
            study.epochs,
            self.space.copy(),
            study.seed,
        )
        tuner = local.StudyTuner(
            harden(oracle, self.baseline, study.max_attempts),
            study.settings,
            study.directory,
            study.seed,
            study.log_dir,
            before=self._check_time,
            started=self._trial_started,
            ended=self._trial_ended,
        )
        self.tuner = tuner
        self.say(
            Event(
                "search_started",
                of=study.max_trials,
                message=f"Search: {study.max_trials} trials",
            )
        )
        try:
            tuner.search()
        except local.OutOfTime:
            self.say(
                Event(
                    "note",
                    message="The rest of the time goes to the finalists.",
                )
            )

    def _check_time(self) -> None:
        limit = self.study.max_time
        self.pace.learn(self.tuner.oracle.trials.values())
        known = len(self.pace.first)
        if limit is None or not known:
            return
        # With one trial there is nothing to compare the baseline with.
        least = self.pace.comparison()
        reserve = min(self._final_seconds(), max(least, MAX_RESERVE * limit))
        if known == 1:
            reserve = least
        if self.clock.elapsed + self.pace.trial > limit - reserve:
            raise local.OutOfTime

    def _trial_started(self, trial: Any) -> None:
        self.say(
            Event(
                "trial_started",
                number=int(trial.trial_id) + 1,
                of=self.study.max_trials,
                label=self._label(trial.hyperparameters.values),
                best=self._best(),
                seconds_left=self._seconds_left(),
            )
        )

    def _trial_ended(self, trial: Any) -> None:
        done = trial.status == "COMPLETED"
        self.pace.learn(self.tuner.oracle.trials.values())
        self._store()
        self.say(
            Event(
                "trial_ended",
                number=int(trial.trial_id) + 1,
                of=self.study.max_trials,
                label=self._label(trial.hyperparameters.values),
                score=float(trial.score) if done else None,
                best=self._best(),
                seconds_left=self._seconds_left(),
                message=(trial.message or "").split("\n")[0],
            )
        )

    def _best(self) -> float | None:
        trials = self.tuner.oracle.get_best_trials(1)
        done = trials and trials[0].status == "COMPLETED"
        return float(trials[0].score) if done else None

    def _label(self, values: Mapping[str, Any]) -> str:
        return structure.describe(values, self.tops)

    def _final_seconds(self) -> float:
        study = self.study
        # The trials that there can be bound the finalists.
        finalists = min(study.finalists, study.max_trials - 1)
        if not finalists:
            return self.pace.runs(len(self.seeds))
        configs = REFERENCES + finalists
        configs += ABLATIONS if study.ablation else 0
        return configs * self.pace.runs(len(self.seeds))

    def _seconds_left(self) -> float | None:
        if not self.pace.first:
            return None
        ended = len(self.tuner.oracle.end_order)
        left = max(0, self.study.max_trials - ended) * self.pace.trial
        return self._within(left + self._final_seconds())

    def _within(self, seconds: float) -> float:
        """An estimate, cut at the time that is allowed."""
        if self.study.max_time is not None:
            seconds = min(seconds, self.study.max_time - self.clock.elapsed)
        return float(max(0.0, seconds))

    # The final.

    def _final(self, found: results.Results) -> None:
        study = self.study
        self.pace.learn(self.tuner.oracle.trials.values())
        plans = final.decide(
            self.saved, found, self.baseline, study.finalists, self.space
        )
        # What the least comparison needs comes first, then what would be
        # missed most: the tuned baseline stands before the finalists.
        first = [p for p in plans if p.role != results.TUNED][:2]
        plans = [*first, *(p for p in plans if p not in first)]
        self._fit_seeds(first)
        if len(plans) == 1 and study.max_time is not None:
            need = self.clock.elapsed + self.pace.trial
            self.saved["seconds_needed"] = need + self.pace.comparison()
        left = self._run_plans(plans, "Final", len(first))
        if left:
            self._leave_out("finalists", f"{left} for lack of time")
        winner = results.read(study.directory).winner
        if not study.ablation or winner is None:
            return
        plans = final.ablations(winner, self.baseline, self.space)
        if self._affords(plans):
            self._run_plans(plans, "What each choice contributes", len(plans))
        else:
            self._leave_out("ablation", "for lack of time")

    def _leave_out(self, what: str, message: str) -> None:
        self.saved["left_out"][what] = message
        self.say(Event("note", message=f"Left out: {what}, {message}."))

    def _fit_seeds(self, plans: list[final.Plan]) -> None:
        """Takes as many seeds as fit the comparison that must be made."""
        total = len(self.seeds)
        while len(self.seeds) > budget.LEAST_SEEDS and not self._affords(plans):
            self.seeds.pop()
        if len(self.seeds) < total:
            self.saved["seeds"] = self.seeds
            self._leave_out(
                "seeds", f"{total - len(self.seeds)} for lack of time"
            )

    def _runs(self) -> final.Final:
        return final.of_study(
            self.study, self.space, self.seeds, self._run_ended
        )

    def _run_plans(
        self, plans: list[final.Plan], title: str, certain: int
    ) -> int:
        """Runs what there is time for, the first `certain` ones anyway.

        Returns:
            How many plans were left out.
        """
        names = self.saved["configs"]
        runs = self._runs()
        self._plans = plans
        self._of = len(plans) * len(self.seeds)
        if runs.missing(plans):
            self.say(
                Event(
                    "finalists_started",
                    of=self._of,
                    message=f"{title}: {len(plans)} configurations, "
                    f"{len(self.seeds)} seeds",
                )
            )
        left = 0
        for number, plan in enumerate(plans):
            if number >= certain and not self._affords([plan]):
                left += 1
                continue
            if plan.name not in names:
                names.append(plan.name)
            self._store()
            self._fresh = True
            runs.run(plan)
        self._store()
        return left

    def _need(self, plans: list[final.Plan]) -> float:
        runs = self._runs()
        return sum(self.pace.runs(runs.missing([plan])) for plan in plans)

    def _affords(self, plans: list[final.Plan]) -> bool:
        limit, need = self.study.max_time, self._need(plans)
        return not need or limit is None or self.clock.elapsed + need <= limit

    def _run_ended(
        self, plan: final.Plan, seed: int, outcome: Mapping[str, Any]
    ) -> None:
        if "seconds" in outcome:
            self.pace.correct(outcome["seconds"], self._fresh)
            self._fresh = False
        missing = self._runs().missing(self._plans)
        left = self._need(self._plans)
        compared = any(p.role == "finalist" for p in self._plans)
        if compared and self.study.ablation:
            left += ABLATIONS * self.pace.runs(len(self.seeds))
        label = self._label(plan.values)
        if plan.role == "ablation":
            label = f"without {plan.reverted}"
        elif plan.role == results.BASELINE:
            label = results.BASELINE
        elif plan.role == results.TUNED:
            label = "tuned baseline"
        self.say(
            Event(
                "run_ended",
                number=self._of - missing,
                of=self._of,
                label=f"{label}, seed {seed}",
                score=outcome.get("score"),
                seconds_left=self._within(left),
                message=outcome.get("error", "").split("\n")[0],
            )
        )

    def _finish(self) -> None:
        study = self.study
        found = results.read(study.directory)
        best = found.best
        if best is not None:
            source = files.model_of(study.directory, best.name)
            if source.is_file():
                state.copy(source, study.directory / files.BEST_MODEL)
                self.saved["best"] = best.name
        self._store()
        report = study.report()
        self.say(Event("study_ended", message=self._closing(report)))

    def _closing(self, report: Path) -> str:
        from keras_funcs.search.report import terminal

        found = results.read(self.study.directory)
        return terminal.summary(found, report, self.clock.elapsed)
