"""Predictions scored by the metrics of a study's model."""

from typing import Any

import keras
import numpy as np

from keras_funcs._core.traits import takes_logits
from keras_funcs.inspect.confusion import all_losses
from keras_funcs.inspect.recorder import flatten
from keras_funcs.search.plan import Plan
from keras_funcs.search.training import data
from keras_funcs.search.training import fitting
from keras_funcs.search.training.predictions import Predictions
from keras_funcs.search.training.predictions import classes_of


class Scorer:
    """Scores predictions that no model of the study made.

    Args:
        plan: `Plan`.
        hp: `HyperParameters` of a model whose metrics are taken.

    Attributes:
        classes: Integer. The classes that the model tells apart; 0 if it gives
            numbers.
    """

    def __init__(self, plan: Plan, hp: Any) -> None:
        self.plan = plan
        self.model = fitting.build(plan.build, hp)
        self.logits = takes_logits(all_losses(self.model)[0])
        # A model that is subclassed has no `output_shape`.
        row = keras.tree.map_structure(
            lambda part: keras.ops.convert_to_tensor(part[:1]),
            data.parts_of(plan.dataset.validation)[0],
        )
        self.shape = tuple(self.model(row, training=False).shape)
        self.classes = classes_of(
            self.model, self.shape, plan.dataset.is_regression
        )

    def score(self, split: Any, found: Predictions) -> dict[str, float]:
        """All metrics of predictions for a split of arrays."""
        _, y, weight = data.parts_of(split)
        outputs = self._outputs(found)
        self.model.reset_metrics()
        logs = self.model.compute_metrics(
            x=None,
            y=keras.ops.convert_to_tensor(y),
            y_pred=keras.ops.convert_to_tensor(outputs.astype("float32")),
            sample_weight=weight,
        )
        logs = {name: value for name, value in logs.items() if name != "loss"}
        return {
            name: float(keras.ops.convert_to_numpy(value))
            for name, value in flatten(logs)
        }

    def _outputs(self, found: Predictions) -> np.ndarray:
        """Predictions in the form that the model gives its own."""
        values = found.values.astype(np.float64)
        if not found.are_classes:
            return values.reshape(-1, *self.shape[1:])
        if len(self.shape) > 1 and self.shape[-1] > 1:
            return values if self.logits is not False else np.exp(values)
        odds = values[:, 1] - values[:, 0]
        single = odds if self.logits else np.exp(values[:, 1])
        return single.reshape(-1, *self.shape[1:])
