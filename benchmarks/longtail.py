"""Which losses help on long-tailed data, and by how much.

    KERAS_BACKEND=jax python benchmarks/longtail.py [digits mnist fashion]

Every method trains on the same data, from the same weights, with the same
budget, for each of the seeds: see `comparison.py`.
"""

import timing  # noqa: F401, first: it chooses the backend

import keras  # isort: skip
import comparison
import numpy as np
from longtail_data import PROBLEMS
from longtail_methods import callbacks
from longtail_methods import methods
from longtail_methods import network

import keras_funcs as kf


class Trainer(comparison.Trainer):
    """A loss, with the head and the host that it needs."""

    def network(self) -> keras.Model:
        return network(self.method, self.shape)

    def compiled(self, optimizer: keras.optimizers.Optimizer) -> keras.Model:
        loss = self.method.loss(self.counts)
        model = self.inner
        if self.method.hosted:
            model, loss = kf.losses.LossModel(model, loss), None
        model.compile(optimizer, loss)
        return model

    def callbacks(self) -> list[keras.callbacks.Callback]:
        return callbacks(self.method)

    def score(self, y: np.ndarray, logits: np.ndarray) -> dict[str, float]:
        # A loss of cosines multiplies them itself.
        logits = logits * getattr(self.model.loss, "scale", 1.0)
        if self.method.adjusts:
            logits = logits - np.log(np.divide(self.counts, sum(self.counts)))
        return comparison.scores(y, logits)


if __name__ == "__main__":
    comparison.main(PROBLEMS, methods(), Trainer, "runs/longtail.csv")
