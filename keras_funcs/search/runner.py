"""The course of a study, step by step. Imported only where one runs.

It makes the jobs and stores their outcomes; an engine runs them.
"""

from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

from keras_funcs.search import engines
from keras_funcs.search import finalists
from keras_funcs.search import jobs
from keras_funcs.search.beside import Beside
from keras_funcs.search.budget import LEAST_SEEDS
from keras_funcs.search.budget import Budget
from keras_funcs.search.engines import logs
from keras_funcs.search.finalists import Entrant
from keras_funcs.search.jobs import Job
from keras_funcs.search.jobs import Outcome
from keras_funcs.search.plan import Plan
from keras_funcs.search.progress import Progress
from keras_funcs.search.progress import Step
from keras_funcs.search.progress import duration
from keras_funcs.search.reference import LeftOut
from keras_funcs.search.report import markdown
from keras_funcs.search.report import results
from keras_funcs.search.report import terminal
from keras_funcs.search.spaces import structure
from keras_funcs.search.store import files
from keras_funcs.search.store import identity
from keras_funcs.search.store import records
from keras_funcs.search.store import state
from keras_funcs.search.store.attempts import Attempts
from keras_funcs.search.store.runs import Runs
from keras_funcs.search.training import facts
from keras_funcs.search.training import fitting
from keras_funcs.search.training import preflight
from keras_funcs.search.training.scoring import Scorer
from keras_funcs.search.tuner import explorer
from keras_funcs.search.tuner.hyperparameters import settings_of
from keras_funcs.search.tuner.trials import Trials

ABLATIONS = 3  # assumed in estimates until the winner is known
REFERENCES = 2  # the plain baseline and the tuned one


class Runner:
    """One sitting of a study.

    Args:
        plan: The `Plan` of the study.
        tell: `Progress` that hears of each step.
    """

    def __init__(self, plan: Plan, tell: Progress) -> None:
        self.plan = plan
        self.tell = tell
        self.began, self._said = False, list[str]()
        self.space = explorer.explore(plan.build)
        self.baseline = dict(self.space.values)
        self.parts = list(structure.parts(self.space))
        if not state.is_study(plan.directory):
            self._preflight()
        self.plan = plan = engines.settle(plan, self.space, self._said.append)
        self.fingerprint = identity.fingerprint(plan, self.space)
        # Only a look, for errors before a folder is made: another process
        # may be at work until the lock is held.
        self.saved = self._read(move=False)
        self.budget = Budget(plan.budget, self.saved.get("seconds", 0.0))
        self.seeds = plan.seeds

    def run(self) -> None:
        """Search, final, ablation, report: whatever is still to be done."""
        plan = self.plan
        self._begin()
        attempts = self.attempts = Attempts(plan.directory, plan.max_attempts)
        with attempts.watched():
            say = self.tell.on_note
            self.engine = engines.make(plan, self.space, attempts, say)
            self.runs = Runs(plan.directory, self.seeds)
            self._refer()
            self._search()
            found = results.read(plan.directory)
            if not found.ranked():
                raise self.trials.all_failed()
            self._final(found)
            self._derive()
        self._finish()

    def stopped(self) -> None:
        """Says how to go on after Ctrl-C."""
        self._store()
        self.tell.on_study_end(
            f"Stopped after {duration(self.budget.clock.elapsed)}. "
            f"{self.plan.directory / files.REPORT} has what there is; "
            "the same command, or `resume()`, goes on."
        )

    # The study's file.

    def _read(self, move: bool) -> dict[str, Any]:
        """The study's file; `move=True` puts damaged ones aside."""
        directory = self.plan.directory
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
        model = fitting.build(self.plan.build, self.space)
        preflight.check_model(model, self.plan)

    def _begin(self) -> None:
        plan = self.plan
        state.sweep(plan.directory)
        for name in files.FOLDERS:
            state.clear_way(plan.directory / name)
        self.saved = self._read(move=True)
        self.budget.clock.before = self.saved.get("seconds", 0.0)
        self.saved = {
            "version": identity.VERSION,
            "environment": identity.environment(),
            "data": facts.describe(plan.dataset),
            "seconds": 0.0,
            "configs": [],
            **self.saved,
            **identity.facts(plan),
            "fingerprint": self.fingerprint,
            "baseline": self.baseline,
            "parts": self.parts,
            "left_out": {},
            "seconds_needed": None,
        }
        self._store()
        self.began = True
        if plan.log_dir is not None:
            metric = plan.objective.name.removeprefix("val_")
            logs.describe_space(plan.log_dir, self.space, metric)
        self.tell.on_study_begin()
        for line in self._said:
            self.tell.on_note(line)

    def _store(self) -> None:
        if self.saved:
            self.saved["seconds"] = round(self.budget.clock.elapsed, 3)
            path = self.plan.directory / files.STUDY
            state.write_json(path, self.saved, keep=True)

    # The search.

    def _search(self) -> None:
        self.trials = Trials(self.plan, self.space, self.baseline)
        self.tell.on_search_begin(self.plan.trials)
        self.engine.run(self._searched(), self._trial_ended)

    def _searched(self) -> Iterator[list[Job]]:
        """The blocks of the search, each announced."""
        for block in self.trials.blocks(self.engine.block, self._is_over):
            for job in block:
                self.tell.on_trial_begin(self._step(job))
            yield block

    def _is_over(self) -> bool:
        self.budget.pace.learn(self.trials.timings())
        over = self.budget.search_is_over(self._final_seconds())
        if over:
            self.tell.on_note("The rest of the time goes to the finalists.")
        return over

    def _trial_ended(self, outcome: Outcome) -> None:
        trial = self.trials.end(outcome)
        done = trial.status == "COMPLETED"
        self.budget.pace.learn(self.trials.timings())
        self._store()
        self.tell.on_trial_end(
            self._step(
                outcome.job,
                score=float(trial.score) if done else None,
                message=(trial.message or "").split("\n")[0],
            )
        )

    def _step(self, job: Job, **known: Any) -> Step:
        return Step(
            number=files.trial_number(job.name) + 1,
            of=self.plan.trials,
            label=self._label(job.values),
            best=self.trials.best(),
            seconds_left=self._seconds_left(),
            **known,
        )

    def _label(self, values: Mapping[str, Any]) -> str:
        return structure.describe(values, self.parts)

    def _final_seconds(self) -> float:
        final, runs = self.plan.final, self.budget.pace.runs
        # The trials that there can be bound the finalists.
        best = min(final.finalists, self.plan.trials - 1)
        if not best:
            return runs(len(self.seeds))
        configs = REFERENCES + best + ABLATIONS * final.ablation
        return configs * runs(len(self.seeds))

    def _seconds_left(self) -> float | None:
        pace = self.budget.pace
        if not pace.first:
            return None
        left = max(0, self.plan.trials - self.trials.ended) * pace.trial
        return self.budget.within(left + self._final_seconds())

    # The final.

    def _final(self, found: results.Results) -> None:
        plan, budget = self.plan, self.budget
        budget.pace.learn(self.trials.timings())
        self._noted: set[str] = set()
        entrants = finalists.decide(
            self.saved, found, self.baseline, plan.final.finalists, self.space
        )
        # What the least comparison needs comes first, then what would be
        # missed most: the tuned baseline stands before the finalists.
        first = [e for e in entrants if e.role != jobs.TUNED][:2]
        entrants = [*first, *(e for e in entrants if e not in first)]
        self._fit_seeds(first)
        if len(entrants) == 1 and budget.limit is not None:
            need = budget.clock.elapsed + budget.pace.trial
            self.saved["seconds_needed"] = need + budget.pace.comparison()
        left = self._run(entrants, "Final", len(first))
        if left:
            self._leave_out("finalists", f"{left} for lack of time")
        winner = results.read(plan.directory).winner
        if not plan.final.ablation or winner is None:
            return
        entrants = finalists.ablations(winner, self.baseline, self.space)
        if budget.affords(self._need(entrants)):
            title = "What each choice contributes"
            self._run(entrants, title, len(entrants))
        else:
            self._leave_out("ablation", "for lack of time")

    def _leave_out(self, what: str, message: str) -> None:
        self.saved["left_out"][what] = message
        self.tell.on_note(f"Left out: {what}, {message}.")

    def _fit_seeds(self, entrants: list[Entrant]) -> None:
        """Takes as many seeds as fit the comparison that must be made."""
        total = len(self.seeds)
        while len(self.seeds) > LEAST_SEEDS and not self.budget.affords(
            self._need(entrants)
        ):
            self.seeds.pop()
        lost = total - len(self.seeds)
        if lost:
            self.saved["seeds"] = self.seeds
            self._leave_out("seeds", f"{lost} for lack of time")

    def _run(self, entrants: list[Entrant], title: str, certain: int) -> int:
        """Runs what there is time for, the first `certain` ones anyway.

        Returns:
            How many entrants were left out.
        """
        self._entrants = {entrant.name: entrant for entrant in entrants}
        self._of = len(entrants) * len(self.seeds)
        self._compiled = ""
        if self._missing():
            counted = f"{len(entrants)} configurations, {len(self.seeds)} seeds"
            self.tell.on_final_begin(f"{title}: {counted}", self._of)
        left: list[Entrant] = []
        self.engine.run(self._entered(entrants, certain, left), self._run_ended)
        self._store()
        return len(left)

    def _entered(
        self, entrants: list[Entrant], certain: int, left: list[Entrant]
    ) -> Iterator[list[Job]]:
        """The blocks of the final: all jobs at once, if no time is set.

        Otherwise one entrant at a time, as long as there is time for it.
        """
        whole: list[Job] = []
        for number, entrant in enumerate(entrants):
            if number >= certain and not self.budget.affords(
                self._need([entrant])
            ):
                left.append(entrant)
                continue
            seeds = self.runs.missing(entrant.name, self.seeds)
            if len(seeds) < len(self.seeds):
                self._enter(entrant)
            block = entrant.jobs(seeds, self.plan.epochs)
            if self.budget.limit is None:
                whole += block
            elif block:
                yield block
        if whole:
            yield whole

    def _enter(self, entrant: Entrant) -> None:
        """Notes an entrant in the study's files, in the order of the final."""
        names = self.saved["configs"]
        if entrant.name not in names:
            names.append(entrant.name)
        place = {name: n for n, name in enumerate(self._entrants)}
        names.sort(key=lambda name: place.get(name, -1))
        self._store()
        known = {
            "role": entrant.role,
            "label": self._label(entrant.values),
            "values": dict(entrant.values),
            "reverted": entrant.reverted,
        }
        self.runs.enter(entrant.name, known)
        self._noted.add(entrant.name)

    def _missing(self) -> int:
        """How many runs are still to be made."""
        return sum(
            len(self.runs.missing(name, self.seeds)) for name in self._entrants
        )

    def _need(self, entrants: list[Entrant]) -> float:
        lacking = (self.runs.missing(e.name, self.seeds) for e in entrants)
        return sum(self.budget.pace.runs(len(seeds)) for seeds in lacking)

    def _run_ended(self, outcome: Outcome) -> None:
        job, pace = outcome.job, self.budget.pace
        entrant = self._entrants[job.name]
        if job.name not in self._noted:
            self._enter(entrant)
        self.runs.add(outcome)
        if outcome.seconds is not None:
            pace.correct(outcome.seconds, job.name != self._compiled)
            self._compiled = job.name
        left = self._need(list(self._entrants.values()))
        compared = any(e.role == jobs.FINALIST for e in self._entrants.values())
        if compared and self.plan.final.ablation:
            left += ABLATIONS * pace.runs(len(self.seeds))
        self.tell.on_run_end(
            Step(
                number=self._of - self._missing(),
                of=self._of,
                label=f"{self._title(entrant)}, seed {job.seed}",
                score=outcome.score,
                seconds_left=self.budget.within(left),
                message=outcome.error.split("\n")[0],
            )
        )

    def _title(self, entrant: Entrant) -> str:
        if entrant.role == jobs.ABLATION:
            return f"without {entrant.reverted}"
        titles = {jobs.BASELINE: "baseline", jobs.TUNED: "tuned baseline"}
        return titles.get(entrant.role, self._label(entrant.values))

    # The rows beside.

    def _refer(self) -> None:
        """Fits what the study is held against, whatever it finds."""
        self.saved["beside"] = []
        if not self.plan.final.references:
            return
        try:
            for name in self._beside().references():
                self.saved["beside"].append(name)
                self._store()
        except LeftOut as error:
            self._leave_out("references", str(error))

    def _derive(self) -> None:
        """Adds what the runs of the final give without another run."""
        found = results.read(self.plan.directory)
        self.saved["beside"] += self._beside().derived(found)

    def _beside(self) -> Beside:
        def scorer() -> Scorer:
            return Scorer(self.plan, settings_of(self.space, self.baseline))

        return Beside(self.plan, self.runs, scorer, self.seeds, self.attempts)

    # The end.

    def _finish(self) -> None:
        directory = self.plan.directory
        model = finalists.recommended_model(results.read(directory))
        if model is not None:
            path, self.saved["shipped"] = model
            state.copy(path, directory / files.BEST_MODEL)
        self._store()
        found, seconds = results.read(directory), self.budget.clock.elapsed
        summary = terminal.summary(found, markdown.write(found), seconds)
        self.tell.on_study_end(summary)
