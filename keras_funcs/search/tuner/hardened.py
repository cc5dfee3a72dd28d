"""The state of a KerasTuner oracle, whole on disk at every moment."""

import math
import os
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_funcs.search.store import files
from keras_funcs.search.store import records
from keras_funcs.search.store import state
from keras_funcs.search.tuner import hyperparameters


def harden(
    oracle: Any,
    first: Sequence[Mapping[str, Any]] = (),
    meets_again: bool = False,
) -> Any:
    """Gives an oracle of any class the behaviour of `DurableOracle`.

    Args:
        oracle: A `keras_tuner.Oracle`, changed in place.
        first: Sequence of mappings from hyper-parameter to value: the first
            trials, as far as they go.
        meets_again: Boolean. Whether the better ones are met again after all
            settings of the space were.
    """
    cls = type(oracle)
    if not issubclass(cls, DurableOracle):
        # An instance made by KerasTuner's own constructors keeps its class as
        # a base, so that isinstance and overridden methods hold.
        oracle.__class__ = type(
            f"Durable{cls.__name__}", (DurableOracle, cls), {}
        )
    oracle.first = [dict(values) for values in first]
    oracle.meets_again = meets_again
    return oracle


class DurableOracle:
    """State of a search that is whole on disk at every moment.

    `oracle.json` is written before a new trial's own file and holds what is
    needed to make that again; at a trial's end its own file comes first. What
    stands between the two is put right by `reload`.
    """

    first: list[dict[str, Any]]
    meets_again: bool

    def populate_space(self, trial_id: str) -> Any:
        oracle: Any = self
        if hasattr(self, "_random_state"):
            # Not part of KerasTuner's state: seeded by progress, a resumed
            # search proposes what an uninterrupted one would have.
            seed = (oracle.seed + 7919 * len(oracle.trials)) % 2**32
            oracle._random_state = np.random.RandomState(seed)
        response = super().populate_space(trial_id)  # type: ignore[misc]
        number = len(oracle.trials)
        if number < len(self.first) and response["status"] == "RUNNING":
            own = {
                name: value
                for name, value in response["values"].items()
                if name.startswith("tuner/")
            }
            response["values"] = {**self.first[number], **own}
        if response["status"] == "STOPPED" and self.meets_again:
            values = self._met_before()
            if values is not None:
                return {"status": "RUNNING", "values": values}
        return response

    def _met_before(self) -> dict[str, Any] | None:
        """Values to meet again, if there are any.

        The better half is met a second time, the better half of that a third
        time, and so on.
        """
        oracle: Any = self
        met: dict[str, list[Any]] = {}
        for trial in oracle.trials.values():
            if trial.status == "COMPLETED":
                key = hyperparameters.key(trial.hyperparameters.values)
                met.setdefault(key, []).append(trial)
        sign = -1.0 if oracle.objective.direction == "max" else 1.0
        ranked = sorted(
            met.values(), key=lambda ts: min(sign * t.score for t in ts)
        )
        half, times = len(ranked) // 2, 1
        while half:
            for trials in ranked[:half]:
                if len(trials) <= times:
                    return dict(trials[0].hyperparameters.values)
            half, times = half // 2, times + 1
        return None

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
        folder = files.trial_folder(oracle._project_dir, trial_id)
        return os.fspath(folder / files.TRIAL)

    def reload(self) -> None:
        """Reads whatever is whole; what is not is moved aside, and reported.

        A trial that was running goes back to the queue. A trial whose file is
        lost counts as failed.
        """
        oracle: Any = self
        whole = self._read_trials()
        if not self._read_state(whole):
            oracle.trials = whole
            # Fresh random numbers, not those of the trials already there.
            oracle._seed_state = oracle.seed + 104729 * len(oracle.trials)
        self._fill_up()
        self._put_right()

    def _fill_up(self) -> None:
        """Numbers the trials without a gap: KerasTuner counts them for names.

        One beyond the next number is none of this search.
        """
        oracle: Any = self
        found, width = {}, len(str(oracle.max_trials))
        by_number = {int(key): key for key in oracle.trials}
        known = {int(key) for key in oracle.start_order}
        last = max(known or by_number, default=-1)
        for number in range(last + 2):
            key = by_number.get(number, f"{number:0{width}d}")
            if number in by_number:
                found[key] = oracle.trials[key]
            elif number <= last:
                found[key] = _lost(key)
        left_out = sorted(set(oracle.trials) - set(found), key=int)
        if left_out:
            state.tell(
                f"{oracle._project_dir} holds trials of another search "
                f"({', '.join(left_out[:5])}); they are left out."
            )
        oracle.trials = found

    def _put_right(self) -> None:
        oracle: Any = self
        oracle.ongoing_trials = {}
        oracle._retry_queue = []
        for trial_id, trial in oracle.trials.items():
            if trial_id not in oracle.start_order:
                oracle.start_order.append(trial_id)
            ended = trial.status in ("COMPLETED", "FAILED")
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

    def _read_trials(self) -> dict[str, Any]:
        oracle: Any = self
        found = {}
        for trial_id, folder in files.trial_folders(
            oracle._project_dir
        ).items():
            trial = records.read(
                folder / files.TRIAL, records.TRIAL, True, _trial
            )
            if trial is None:
                continue
            if trial.trial_id != trial_id:
                state.tell(
                    f"{folder} holds trial {trial.trial_id}; it is left out."
                )
                continue
            found[trial_id] = trial
        return found

    def _read_state(self, whole: Mapping[str, Any]) -> bool:
        """Takes over the newest whole state; says whether there was one."""
        oracle: Any = self
        fresh = oracle.get_state()
        shape = {
            # Of KerasTuner's further entries the types are known.
            **{
                key: object if value is None else (type(value), type(None))
                for key, value in fresh.items()
            },
            **records.ORACLE,
        }

        def adopt(saved: dict[str, Any]) -> bool:
            oracle.trials = dict(whole)
            for trial_id, item in saved.get("ongoing_states", {}).items():
                if trial_id not in whole:
                    oracle.trials[trial_id] = _trial(item)
            for trial_id in saved["start_order"]:
                if trial_id not in oracle.trials:
                    oracle.trials[trial_id] = _lost(trial_id)
            oracle.set_state(saved)
            return True

        path = oracle._get_oracle_fname()
        for candidate in (path, files.previous(path)):
            if records.read(candidate, shape, True, adopt):
                return True
        oracle.set_state(fresh)
        return False


def _trial(saved: Mapping[str, Any]) -> Any:
    from keras_tuner.engine import trial

    return trial.Trial.from_state(dict(saved))


def _lost(trial_id: str) -> Any:
    import keras_tuner
    from keras_tuner.engine import trial

    state.tell(f"The file of trial {trial_id} is lost; it counts as failed.")
    return trial.Trial(
        keras_tuner.HyperParameters(),
        trial_id=trial_id,
        status="FAILED",
        message="The trial's file was lost or damaged.",
    )
