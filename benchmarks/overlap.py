"""Overlap losses against MONAI's and Keras's own: value and gradient.

KERAS_BACKEND=jax python benchmarks/overlap.py
"""

import sys
from typing import Any

import timing  # first: it chooses the backend

import keras  # isort: skip
import numpy as np
from keras import ops

import keras_funcs as kf


def by_monai(ids: np.ndarray, classes: int) -> dict[str, Any]:
    """MONAI's, on the scores as they come from a Keras model.

    Its classes are axis 1; a user who has them last transposes, and the
    gradient has to come back the same way.
    """
    import monai.losses
    import torch

    y = torch.tensor(ids)[:, None]
    common = {"softmax": True, "to_onehot_y": True}
    losses = {
        "Dice": monai.losses.DiceLoss(**common),
        "Tversky": monai.losses.TverskyLoss(alpha=0.3, beta=0.7, **common),
        "GeneralizedDice": monai.losses.GeneralizedDiceLoss(**common),
    }
    return {
        f"MONAI {name}": lambda z, loss=loss: loss(z.movedim(-1, 1), y)
        for name, loss in losses.items()
    }


def by_keras(ids: np.ndarray, classes: int) -> dict[str, Any]:
    """Keras's, which take one-hot labels and probabilities."""
    rows = ops.one_hot(ops.convert_to_tensor(ids), classes)
    losses = {
        "Dice": keras.losses.Dice(axis=(1, 2)),
        "Tversky": keras.losses.Tversky(alpha=0.7, beta=0.3, axis=(1, 2)),
    }
    return {
        f"Keras {name}, softmax, one-hot": lambda z, loss=loss: loss(
            rows, ops.softmax(z, axis=-1)
        )
        for name, loss in losses.items()
    }


def segmentation(
    batch: int, size: int, classes: int, rounds: int = timing.ROUNDS
) -> None:
    rng = np.random.default_rng(0)
    z = rng.normal(size=(batch, size, size, classes)).astype("float32")
    ids = rng.integers(0, classes, z.shape[:-1])
    y = ops.convert_to_tensor(ids)
    made = [
        kf.losses.Dice(from_logits=True),
        kf.losses.Tversky(from_logits=True),
        kf.losses.GeneralizedDice(from_logits=True),
        kf.losses.UnifiedFocal(from_logits=True),
        kf.losses.LovaszSoftmax(from_logits=True),
    ]
    losses: dict[str, Any] = {
        type(loss).__name__: lambda z, loss=loss: loss(y, z) for loss in made
    }
    losses.update(by_keras(ids, classes))
    if keras.config.backend() == "torch":
        losses.update(by_monai(ids, classes))
    medians = timing.side_by_side(
        {
            name: timing.value_and_gradient(loss, z)
            for name, loss in losses.items()
        },
        rounds,
    )
    timing.table(
        f"{z.shape} float32 logits, sparse labels", medians, over="Dice"
    )


if __name__ == "__main__":
    segmentation(8, 256, 4, *map(int, sys.argv[1:]))
