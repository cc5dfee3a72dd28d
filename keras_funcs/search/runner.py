"""The course of a study, step by step. Imported only where one runs."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any

from keras_funcs.search import finalists as final
from keras_funcs.search import identity
from keras_funcs.search import local
from keras_funcs.search import logs
from keras_funcs.search import oracles
from keras_funcs.search import preflight
from keras_funcs.search import results
from keras_funcs.search import spaces
from keras_funcs.search import state
from keras_funcs.search import training
from keras_funcs.search.durable import harden
from keras_funcs.search.progress import Event
from keras_funcs.search.progress import Listener
from keras_funcs.search.progress import duration

if TYPE_CHECKING:
    from keras_funcs.search.study import Study

MAX_RESERVE = 0.6  # of `max_time`, at most, kept for the final
ABLATIONS = 3  # assumed in estimates until the winner is known


class Runner:
    """One sitting of a study."""

    def __init__(self, study: "Study", say: Listener) -> None:
        self.study = study
        self.say = say
        self.began = False
        self.space = local.explore(study.settings.build)
        self.baseline = dict(self.space.values)
        self.tops = list(spaces.parts(self.space))
        self.fingerprint = identity.fingerprint(study, self.space)
        self.path = study.directory / results.STUDY
        self.saved = self._read()
        if self.saved:
            identity.compare_fingerprints(
                study.directory, self.saved["fingerprint"], self.fingerprint
            )
        else:
            self._preflight()
        self.clock = local.Clock(self.saved.get("seconds", 0.0))
        self.seconds: list[float] = []
        self.steady: list[float] = []

    def run(self) -> None:
        """Search, final, ablation, report: whatever is still to be done."""
        self._begin()
        self._search()
        found = results.read(self.study.directory)
        if not found.ranked():
            raise self._nothing_worked()
        self._final(found)
        self._finish()

    def stopped(self) -> None:
        """Says how to go on after Ctrl-C."""
        self._store()
        self.say(
            Event(
                "study_ended",
                message=f"Stopped after {duration(self.clock.elapsed)}. "
                f"{self.study.directory / 'report.md'} has what there is; "
                "`resume()` goes on.",
            )
        )

    def _read(self) -> dict[str, Any]:
        for path in (
            self.path,
            self.path.with_name(self.path.name + state.PREVIOUS),
        ):
            try:
                return state.read_json(path)
            except FileNotFoundError:
                continue
            except state.Damaged as error:
                state.quarantine(path, error)
        return {}

    def _preflight(self) -> None:
        """One batch of the baseline, before anything is written."""
        training.clear()
        model = training.build(self.study.settings.build, self.space)
        preflight.check_model(model, self.study.settings, self.study.test)

    def _begin(self) -> None:
        study, objective = self.study, self.study.settings.objective
        state.sweep(study.directory)
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
        if limit is None or not self.seconds:
            return
        mean = sum(self.seconds) / len(self.seconds)
        reserve = min(self._final_seconds(), MAX_RESERVE * limit)
        if self.clock.elapsed + mean > limit - reserve:
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
        if done:
            for name, known in (
                ("seconds", self.seconds),
                ("steady", self.steady),
            ):
                found = trial.metrics.get_history(name)
                known.append(found[0].value[0] if found else 0.0)
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
        return spaces.describe(values, self.tops)

    def _final_seconds(self) -> float:
        if not self.seconds:
            return 0.0
        configs = 1 + self.study.finalists
        configs += ABLATIONS if self.study.ablation else 0
        # A configuration is compiled once; further seeds only train.
        first = sum(self.seconds) / len(self.seconds)
        further = sum(self.steady) / len(self.steady)
        return configs * (first + (len(self.study.seeds) - 1) * further)

    def _seconds_left(self) -> float | None:
        if not self.seconds:
            return None
        oracle = self.tuner.oracle
        ended = len(oracle.end_order)
        mean = sum(self.seconds) / len(self.seconds)
        left = max(0, self.study.max_trials - ended) * mean
        left += self._final_seconds()
        if self.study.max_time is not None:
            left = min(left, self.study.max_time - self.clock.elapsed)
        return float(max(0.0, left))

    def _nothing_worked(self) -> RuntimeError:
        trials = [
            item
            for item in self.tuner.oracle.trials.values()
            if item.status == "FAILED"
        ]
        if trials:
            return local.all_failed(trials)
        return RuntimeError("The search ended without a trial.")

    # The final.

    def _final(self, found: results.Results) -> None:
        study = self.study
        # Decided once: a resumed study runs the same configurations.
        if "finalists" not in self.saved:
            plans = final.select(found, self.baseline, study.finalists)
            self.saved["finalists"] = [
                {"name": plan.name, "values": dict(plan.values)}
                for plan in plans[1:]
            ]
        plans = [
            final.Plan(results.BASELINE, results.BASELINE, self.baseline),
            *(
                final.Plan(item["name"], "finalist", item["values"])
                for item in self.saved["finalists"]
            ),
        ]
        self._run_plans(plans, "Final")
        found = results.read(study.directory)
        winner = found.winner
        if not study.ablation or winner is None:
            return
        plans = final.ablations(winner, self.baseline, self.space)
        if self._affords(plans):
            self._run_plans(plans, "What each choice contributes")
        else:
            self.saved["ablation_left_out"] = "for lack of time"

    def _run_plans(self, plans: list[final.Plan], title: str) -> None:
        study = self.study
        names = self.saved["configs"]
        names.extend(p.name for p in plans if p.name not in names)
        self._store()
        runs = final.Final(
            study.settings,
            self.space,
            study.test,
            study.seeds,
            study.directory,
            study.log_dir,
            study.class_names,
            self._run_ended,
            study.max_attempts,
        )
        self._runs = runs
        self._plans = plans
        self._of = len(plans) * len(study.seeds)
        missing = runs.missing(plans)
        if not missing:
            return
        self.say(
            Event(
                "finalists_started",
                of=self._of,
                message=f"{title}: {len(plans)} configurations, "
                f"{len(study.seeds)} seeds",
            )
        )
        self._durations: list[float] = []
        for plan in plans:
            runs.run(plan)
            self._store()

    def _affords(self, plans: list[final.Plan]) -> bool:
        limit = self.study.max_time
        if limit is None or not plans:
            return True
        known = getattr(self, "_durations", []) or self.seconds or [0.0]
        need = len(plans) * len(self.study.seeds) * sum(known) / len(known)
        return self.clock.elapsed + need <= limit

    def _run_ended(
        self, plan: final.Plan, seed: int, outcome: Mapping[str, Any]
    ) -> None:
        missing = self._runs.missing(self._plans)
        self._durations.append(outcome.get("seconds", 0.0))
        mean = sum(self._durations) / len(self._durations)
        left = mean * missing
        if plan.role != "ablation" and self.study.ablation:
            left += mean * ABLATIONS * len(self.study.seeds)
        label = self._label(plan.values)
        if plan.role == "ablation":
            label = f"without {plan.reverted}"
        elif plan.role == results.BASELINE:
            label = results.BASELINE
        self.say(
            Event(
                "run_ended",
                number=self._of - missing,
                of=self._of,
                label=f"{label}, seed {seed}",
                score=outcome.get("score"),
                seconds_left=left,
                message=outcome.get("error", "").split("\n")[0],
            )
        )

    def _finish(self) -> None:
        study = self.study
        found = results.read(study.directory)
        best = found.best
        if best is not None:
            source = study.directory / results.FINALISTS / f"{best.name}.keras"
            if source.exists():
                state.copy(source, study.directory / "best.keras")
                self.saved["best"] = best.name
        self._store()
        report = study.report()
        self.say(Event("study_ended", message=self._closing(report)))

    def _closing(self, report: Path) -> str:
        from keras_funcs.search import terminal

        found = results.read(self.study.directory)
        return terminal.summary(found, report, self.clock.elapsed)
