"""The search algorithms by name, set up for a study.

Imported only where a search runs: it needs KerasTuner.
"""

import warnings
from typing import Any

import keras_tuner
import numpy as np
from sklearn.exceptions import ConvergenceWarning

from keras_funcs._core import checks

ORACLES = ("bayesian", "random", "hyperband", "grid")
CANDIDATES = 1500


class BayesianOracle(keras_tuner.oracles.BayesianOptimizationOracle):
    """Bayesian optimization that chooses among valid settings.

    KerasTuner's own follows the gradient of the acquisition function from 50
    random points: it takes seconds a trial in a space of this size, and half
    of what it moves are arguments that the point's own choices switch off.
    Here random settings and neighbours of the best are compared at once.
    """

    def populate_space(self, trial_id: str) -> Any:
        done = [t for t in self.trials.values() if t.status == "COMPLETED"]
        initial = len(self.trials) < (self.num_initial_points or 0)
        if initial or len(done) < 2:
            spread = self._spread()
            if spread["status"] == "RUNNING" or len(done) < 2:
                return spread
        x, y = self._vectorize_trials()
        with warnings.catch_warnings():
            # Of few trials any length scale may be the likeliest.
            warnings.simplefilter("ignore", ConvergenceWarning)
            self.gpr.fit(np.nan_to_num(x), np.nan_to_num(y))
        best = min(done, key=lambda t: self._cost(t.score))
        settings, vectors = self._candidates(best.hyperparameters.values)
        if not settings:
            return {"status": "STOPPED", "values": None}
        mean, deviation = self.gpr.predict(np.array(vectors), return_std=True)
        chosen = int(np.argmin(mean - self.beta * deviation))
        return {"status": "RUNNING", "values": settings[chosen]}

    def _spread(self) -> dict[str, Any]:
        """A random setting, with each option of a choice equally often.

        Drawn independently, an option of four is missing from a dozen trials
        often enough, or is met once, in bad company.
        """
        number = len(self.trials)
        for attempt in range(20):
            labels = {}
            for index, item in enumerate(self.hyperparameters.space):
                choice = isinstance(
                    item, keras_tuner.engine.hyperparameters.Choice
                )
                if choice and not item.conditions:
                    turn, place = divmod(number, len(item.values))
                    seed = (self.seed, index, turn, attempt)
                    order = np.random.default_rng(seed).permutation(
                        len(item.values)
                    )
                    labels[item.name] = item.values[order[place]]
            values, _ = self._sample(labels, keep=1.0)
            if not self._duplicate(values):
                return {"status": "RUNNING", "values": values}
        return {"status": "STOPPED", "values": None}

    def _cost(self, score: float) -> float:
        return -score if self.objective.direction == "max" else score

    def _candidates(
        self, best: dict[str, Any]
    ) -> tuple[list[dict[str, Any]], list[list[float]]]:
        """Settings not tried yet: two thirds at random, one near the best."""
        settings, vectors = [], []
        for number in range(CANDIDATES):
            near = best if number % 3 == 0 else None
            values, vector = self._sample(near)
            if not self._duplicate(values):
                settings.append(values)
                vectors.append(vector)
        return settings, vectors

    def _sample(
        self, near: dict[str, Any] | None, keep: float = 0.7
    ) -> tuple[dict[str, Any], list[float]]:
        """One setting and its vector; what `near` names mostly stays."""
        random = self._random_state
        point = keras_tuner.HyperParameters()
        vector = []
        for item in self.hyperparameters.space:
            point._hps[item.name].append(item)
            fixed = isinstance(item, keras_tuner.engine.hyperparameters.Fixed)
            value = item.default
            if point.is_active(item):
                probability = random.uniform()
                if near is not None and item.name in near and not fixed:
                    if random.uniform() < keep:
                        probability = item.value_to_prob(near[item.name])
                    elif hasattr(item, "min_value"):
                        probability = np.clip(
                            item.value_to_prob(near[item.name])
                            + random.normal(0.0, 0.15),
                            0.0,
                            1.0 - 1e-9,
                        )
                if not fixed:
                    value = item.prob_to_value(probability)
                point.values[item.name] = value
            if not fixed:
                vector.append(item.value_to_prob(value))
        return point.values, vector


def make(
    oracle: Any,
    objective: Any,
    max_trials: int | None,
    epochs: int,
    space: Any,
    seed: int,
) -> Any:
    """Returns the oracle of a study; an instance keeps its own settings."""
    if isinstance(oracle, keras_tuner.Oracle):
        oracle.objective = objective
        oracle.hyperparameters = space
        oracle.verbose = 0
        return oracle
    checks.one_of("oracle", oracle, ORACLES)
    common = {
        "objective": objective,
        "hyperparameters": space,
        "seed": seed + 1,  # KerasTuner takes 0 for "choose one"
    }
    made: Any
    if oracle == "bayesian":
        points = max(4, (max_trials or 30) // 2)
        made = BayesianOracle(num_initial_points=points, **common)
    elif oracle == "random":
        made = keras_tuner.oracles.RandomSearchOracle(**common)
    elif oracle == "hyperband":
        made = keras_tuner.oracles.HyperbandOracle(max_epochs=epochs, **common)
    else:
        made = keras_tuner.oracles.GridSearchOracle(**common)
    made.max_trials = max_trials
    made.verbose = 0
    return made
