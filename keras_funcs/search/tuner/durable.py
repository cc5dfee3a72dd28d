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

import os
from pathlib import Path
from typing import Any

from keras_funcs._core import checks
from keras_funcs._core.sublayers import touch
from keras_funcs.search.plan import MAX_ATTEMPTS
from keras_funcs.search.store import files
from keras_funcs.search.store import state
from keras_funcs.search.store.attempts import Attempts
from keras_funcs.search.tuner.hardened import DurableOracle
from keras_funcs.search.tuner.hardened import harden

PROJECT_MARKS = (files.ORACLE, files.ORACLE + files.PREVIOUS)


class DurableTuner:
    """A mixin that goes in front of a KerasTuner tuner.

    Its state survives `kill -9` and a full disk; a trial that ends with NaN
    or infinity fails and the search goes on; every trial has its own
    TensorBoard run on every backend; adaptive activations inside other layers
    can be reloaded; the folder is refused where it holds other files, and one
    process at a time works in it. `overwrite=True` is refused: delete the
    folder yourself. A trial that crashes the process `max_attempts` times,
    3 unless a subclass says otherwise, fails.
    """

    max_attempts = MAX_ATTEMPTS
    _oracle: Any = None
    _attempts: Attempts

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
        folder = Path(tuner.project_dir)
        self._attempts = Attempts(folder, self.max_attempts)
        with state.Lock(folder), self._attempts.watched():
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
        why = self._attempts.given_up(trial.trial_id)
        if why:
            trial.status, trial.message = "FAILED", why
            return
        with self._attempts.of(trial.trial_id):
            try:
                tuner._run_and_update_trial(trial, *args, **kwargs)
                trial.status = "COMPLETED"
            except keras_tuner.errors.FatalError:
                raise
            except Exception as error:
                state.check_disk(error, tuner.project_dir)
                failed = isinstance(error, keras_tuner.errors.FailedTrialError)
                trial.status = "FAILED" if failed else "INVALID"
                trial.message = state.reason(error)

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
                    files.trial_name(trial.trial_id),
                    f"execution_{execution}",
                )
