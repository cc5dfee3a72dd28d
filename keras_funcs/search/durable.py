"""KerasTuner made to survive: mixins for its oracles and tuners.

KerasTuner writes its state in place, reads it back only if it is whole,
repeats a trial that kills the process for ever, and stops at three NaN in a
row. `DurableTuner` in front of any KerasTuner tuner changes that and nothing
else:

```python
class Hyperband(search.DurableTuner, keras_tuner.Hyperband):
    pass
```
"""

import collections
import math
import os
import traceback
import warnings
from collections.abc import Iterable
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from keras_funcs._core import checks
from keras_funcs._core.sublayers import touch
from keras_funcs.search import state

MAX_ATTEMPTS = 3
PROJECT_MARKS = ("oracle.json", f"oracle.json{state.PREVIOUS}")


def harden(
    oracle: Any,
    baseline: Mapping[str, Any] | None = None,
    max_attempts: int = MAX_ATTEMPTS,
) -> Any:
    """Gives an oracle of any class the behaviour of `DurableOracle`.

    Args:
        oracle: A `keras_tuner.Oracle`, changed in place.
        baseline: Mapping from hyper-parameter to value: the first trial. None
            leaves the first trial to the oracle.
        max_attempts: Integer >= 1. How often a trial may end the process
            before it counts as failed.
    """
    cls = type(oracle)
    if not issubclass(cls, DurableOracle):
        # An instance made by KerasTuner's own constructors keeps its class as
        # a base, so that isinstance and overridden methods hold.
        oracle.__class__ = type(
            f"Durable{cls.__name__}", (DurableOracle, cls), {}
        )
        oracle._attempts = collections.Counter()
    oracle.baseline = None if baseline is None else dict(baseline)
    oracle.max_attempts = max_attempts
    return oracle


class DurableOracle:
    """State of a search that is whole on disk at every moment.

    `oracle.json` is written before a new trial's own file and holds what is
    needed to make that again; at a trial's end its own file comes first. What
    stands between the two is put right by `reload`.
    """

    baseline: dict[str, Any] | None
    max_attempts: int
    _attempts: collections.Counter[str]

    def populate_space(self, trial_id: str) -> Any:
        oracle: Any = self
        if hasattr(self, "_random_state"):
            # Not part of KerasTuner's state: seeded by progress, a resumed
            # search proposes what an uninterrupted one would have.
            seed = (oracle.seed + 7919 * len(oracle.trials)) % 2**32
            oracle._random_state = np.random.RandomState(seed)
        response = super().populate_space(trial_id)  # type: ignore[misc]
        first = not oracle.trials and self.baseline is not None
        if first and response["status"] == "RUNNING":
            own = {
                name: value
                for name, value in response["values"].items()
                if name.startswith("tuner/")
            }
            response["values"] = {**(self.baseline or {}), **own}
        return response

    def create_trial(self, tuner_id: str) -> Any:
        trial = super().create_trial(tuner_id)  # type: ignore[misc]
        if trial.status == "RUNNING":
            # On the disk before the attempt: the attempt may be the last
            # thing this process does.
            self._attempts[trial.trial_id] += 1
            self.save()
        return trial

    def forgive(self, trial_id: str) -> None:
        """Takes back an attempt that the user ended, not the trial."""
        self._attempts[trial_id] -= 1
        self.save()

    def update_trial(
        self, trial_id: str, metrics: Mapping[str, Any], step: int = 0
    ) -> Any:
        oracle: Any = self
        name = oracle.objective.name
        if name in metrics and not math.isfinite(metrics[name]):
            raise ArithmeticError(
                f"`{name}` was {metrics[name]}, not a number."
            )
        finite = {k: v for k, v in metrics.items() if math.isfinite(v)}
        return super().update_trial(trial_id, finite, step=step)  # type: ignore[misc]

    def score_trial(self, trial: Any) -> None:
        super().score_trial(trial)  # type: ignore[misc]
        if trial.score is None or not math.isfinite(trial.score):
            trial.message = f"The objective was {trial.score}, not a number."
            trial.score = math.nan  # KerasTuner then counts it as invalid

    def _check_consecutive_failures(self) -> None:
        """Three failures in a row are no reason to stop a long search."""

    def save(self) -> None:
        oracle: Any = self
        saved = oracle.get_state()
        saved["attempts"] = dict(self._attempts)
        saved["ongoing_states"] = {
            trial.trial_id: trial.get_state()
            for trial in oracle.ongoing_trials.values()
        }
        state.write_json(oracle._get_oracle_fname(), saved, keep=True)
        self._save_missing(oracle.ongoing_trials.values())

    def _save_missing(self, trials: Iterable[Any]) -> None:
        for trial in trials:
            path = self._trial_file(trial.trial_id)
            if not os.path.exists(path):
                state.write_json(path, trial.get_state())

    def _save_trial(self, trial: Any) -> None:
        path = self._trial_file(trial.trial_id)
        if trial.status == "RUNNING" and not os.path.exists(path):
            return  # a new one: `save` follows, and writes both in order
        state.write_json(path, trial.get_state())

    def _trial_file(self, trial_id: str) -> str:
        # Not KerasTuner's function: it makes a folder, which would look lost.
        oracle: Any = self
        return os.path.join(
            oracle._project_dir, f"trial_{trial_id}", "trial.json"
        )

    def reload(self) -> None:
        """Reads whatever is whole; what is not is moved aside, and reported.

        A trial that was running goes back to the queue, unless it has ended
        the process too often. A trial whose file is lost counts as failed.
        """
        oracle: Any = self
        oracle.trials = self._read_trials()
        saved = self._read_state()
        for trial_id, item in saved.get("ongoing_states", {}).items():
            if trial_id not in oracle.trials:
                oracle.trials[trial_id] = _trial(item)
        known = set(saved.get("start_order", [])) | self._folders()
        for trial_id in known - set(oracle.trials):
            oracle.trials[trial_id] = _lost(trial_id)
        if saved:
            oracle.set_state(saved)
        else:
            # Fresh random numbers, not those of the trials already there.
            oracle._seed_state = oracle.seed + 104729 * len(oracle.trials)
        oracle.trials = {
            key: oracle.trials[key] for key in sorted(known, key=int)
        }
        self._attempts = collections.Counter(saved.get("attempts", {}))
        self._put_right()

    def _put_right(self) -> None:
        oracle: Any = self
        oracle.ongoing_trials = {}
        oracle._retry_queue = []
        for trial_id, trial in oracle.trials.items():
            if trial_id not in oracle.start_order:
                oracle.start_order.append(trial_id)
            ended = trial.status in ("COMPLETED", "FAILED")
            times = self._attempts[trial_id]
            if not ended and times >= self.max_attempts:
                trial.status, ended = "FAILED", True
                trial.message = f"It ended the process, {times} times."
                self._save_trial(trial)
            if not ended:
                oracle._retry_queue.insert(0, trial_id)  # popped from the end
            elif trial_id not in oracle.end_order:
                oracle.end_order.append(trial_id)
            if trial.hyperparameters.values:
                oracle._record_values(trial)
        if hasattr(self, "_ordered_ids"):
            # The grid's place is not in KerasTuner's state either. In one
            # process the trials are in the grid's order.
            oracle._ordered_ids = type(oracle._ordered_ids)()
            for trial_id in oracle.start_order:
                oracle._ordered_ids.insert(trial_id)
            oracle._populate_next = list(oracle.end_order)
        if oracle.trials:
            self._save_missing(oracle.trials.values())  # `save` forgets them
            self.save()

    def _folders(self) -> set[str]:
        oracle: Any = self
        # Also those whose file was moved aside.
        paths = Path(oracle._project_dir).glob("trial_*/trial.json*")
        names = {path.parent.name.removeprefix("trial_") for path in paths}
        return {name for name in names if name.isdigit()}

    def _read_trials(self) -> dict[str, Any]:
        found = {}
        for trial_id in self._folders():
            path = self._trial_file(trial_id)
            if not os.path.exists(path):
                continue
            try:
                found[trial_id] = _trial(state.read_json(path))
            except (ValueError, KeyError, TypeError) as error:
                state.quarantine(path, f"Trial {trial_id}: {error}")
        return found

    def _read_state(self) -> dict[str, Any]:
        oracle: Any = self
        path = oracle._get_oracle_fname()
        expected = set(oracle.get_state())
        for candidate in (path, path + state.PREVIOUS):
            try:
                saved = state.read_json(candidate)
                missing = expected - set(saved)
                if missing:
                    raise state.Damaged(f"{candidate} lacks {sorted(missing)}")
                return saved
            except FileNotFoundError:
                continue
            except state.Damaged as error:
                state.quarantine(candidate, error)
        return {}


class DurableTuner:
    """A mixin that goes in front of a KerasTuner tuner.

    Its state survives `kill -9` and a full disk; a trial that ends with NaN
    or infinity fails and the search goes on; every trial has its own
    TensorBoard run on every backend; adaptive activations inside other layers
    can be reloaded; the folder is refused where it holds other files, and one
    process at a time works in it. `overwrite=True` is refused: delete the
    folder yourself.
    """

    _oracle: Any = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if kwargs.get("overwrite"):
            checks.invalid(
                "overwrite", "False; nothing is ever deleted here", True
            )
        project = os.path.join(
            str(kwargs.get("directory") or "."),
            str(kwargs.get("project_name") or "untitled_project"),
        )
        state.claim(project, PROJECT_MARKS)
        super().__init__(*args, **kwargs)

    @property
    def oracle(self) -> Any:
        return self._oracle

    @oracle.setter
    def oracle(self, oracle: Any) -> None:
        # KerasTuner's constructors assign it before anything is read.
        hardened = isinstance(oracle, DurableOracle)
        self._oracle = oracle if hardened else harden(oracle)

    def search(self, *args: Any, **kwargs: Any) -> Any:
        tuner: Any = self
        with state.Lock(tuner.project_dir):
            return super().search(*args, **kwargs)  # type: ignore[misc]

    def save(self) -> None:
        tuner: Any = self
        self.oracle.save()
        state.write_json(tuner._get_tuner_fname(), tuner.get_state())

    def reload(self) -> None:
        self.oracle.reload()
        if not self.oracle.hyperparameters.space:
            super()._populate_initial_space()  # type: ignore[misc]

    def _populate_initial_space(self) -> None:
        # Called where KerasTuner finds no file of the tuner's, which it writes
        # only after the first trial; the oracle's may be there all the same.
        tuner: Any = self
        if any(
            os.path.exists(os.path.join(tuner.project_dir, name))
            for name in PROJECT_MARKS
        ):
            self.reload()
        else:
            super()._populate_initial_space()  # type: ignore[misc]
        self.save()

    def _try_run_and_update_trial(
        self, trial: Any, *args: Any, **kwargs: Any
    ) -> None:
        import keras_tuner

        tuner: Any = self
        try:
            tuner._run_and_update_trial(trial, *args, **kwargs)
            trial.status = "COMPLETED"
        except KeyboardInterrupt:
            self.oracle.forgive(trial.trial_id)
            raise
        except keras_tuner.errors.FatalError:
            raise
        except Exception as error:
            if isinstance(error, OSError) and error.errno in state.DISK_ERRORS:
                # Each further trial would fail as well.
                raise state.explained(error, tuner.project_dir) from error
            failed = isinstance(error, keras_tuner.errors.FailedTrialError)
            trial.status = "FAILED" if failed else "INVALID"
            trial.message = reason(error)

    def _try_build(self, hp: Any) -> Any:
        model = super()._try_build(hp)  # type: ignore[misc]
        touch(model)
        return model

    def _configure_tensorboard_dir(
        self, callbacks: list[Any], trial: Any, execution: int = 0
    ) -> None:
        for callback in callbacks:
            if "TensorBoard" in " ".join(
                cls.__name__ for cls in type(callback).__mro__
            ) and hasattr(callback, "log_dir"):
                callback.log_dir = os.path.join(
                    str(callback.log_dir),
                    trial_name(trial.trial_id),
                    f"execution_{execution}",
                )


def reason(error: BaseException) -> str:
    """What happened, in its first line; where, below it."""
    text = " ".join(str(error).split()) or type(error).__name__
    where = "".join(traceback.format_exception(error))
    return f"{type(error).__name__}: {text[:500]}\n{where}"


def trial_name(trial_id: str) -> str:
    """The name of a trial's folder and row: it sorts as the trials do."""
    return f"trial_{int(trial_id):04d}"


def _trial(saved: Mapping[str, Any]) -> Any:
    from keras_tuner.engine import trial

    return trial.Trial.from_state(dict(saved))


def _lost(trial_id: str) -> Any:
    import keras_tuner
    from keras_tuner.engine import trial

    warnings.warn(
        f"The file of trial {trial_id} is lost; it counts as failed.",
        stacklevel=2,
    )
    return trial.Trial(
        keras_tuner.HyperParameters(),
        trial_id=trial_id,
        status="FAILED",
        message="The trial's file was lost or damaged.",
    )
