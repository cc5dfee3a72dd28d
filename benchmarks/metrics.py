"""Metrics' updates against Keras's own and torchmetrics, as `fit` runs them.

KERAS_BACKEND=jax python benchmarks/metrics.py          # 65,536 x 10
KERAS_BACKEND=jax python benchmarks/metrics.py pixels   # and 16.7 million
"""

import sys
from collections.abc import Callable
from typing import Any

import timing  # first: it chooses the backend

import keras  # isort: skip
import numpy as np
from keras import ops

import keras_funcs as kf


def compiled_update(metric: Any, y: Any, p: Any) -> Callable[[], Any]:
    """An update of the state, compiled as in `fit`, called to completion."""
    backend = keras.config.backend()
    metric.update_state(y, p)  # creates the state
    if backend == "jax":
        import jax

        update = jax.jit(metric.stateless_update_state)
        state = [v.value for v in metric.variables]
        return lambda: jax.block_until_ready(update(state, y, p))
    if backend == "tensorflow":
        import tensorflow as tf

        @tf.function(jit_compile=True)
        def step(y: Any, p: Any) -> Any:
            metric.update_state(y, p)
            return metric.variables[0].value

        return lambda: step(y, p).numpy()

    def eagerly() -> None:
        import torch

        with torch.no_grad():
            metric.update_state(y, p)
        if p.is_cuda:
            torch.cuda.synchronize()

    return eagerly


def torch_updates(classes: int, y: Any, p: Any) -> dict[str, Any]:
    """The same by torchmetrics, with as many thresholds as Keras has."""
    import torch
    import torchmetrics.classification as tm

    if classes == 1:
        made = {
            "AUROC, 200": tm.BinaryAUROC(thresholds=200),
            "AUROC, 4096": tm.BinaryAUROC(thresholds=4096),
            "ConfusionMatrix": tm.BinaryConfusionMatrix(),
            "CalibrationError": tm.BinaryCalibrationError(15),
        }
        y, p = y.reshape(-1), p.reshape(-1)
    else:
        made = {
            "AUROC, 200": tm.MulticlassAUROC(classes, thresholds=200),
            "ConfusionMatrix": tm.MulticlassConfusionMatrix(classes),
            "CalibrationError": tm.MulticlassCalibrationError(classes, 15),
        }
        y, p = y.reshape(-1), p.reshape(-1, classes)
    if len(p) > 2**20:  # a comparison of all scores with all thresholds
        made.pop("AUROC, 4096", None)

    def updating(metric: Any) -> Callable[[], Any]:
        def update() -> None:
            metric.update(p, y)
            metric.reset()  # some keep every batch until the end

        return update

    y = y.long()
    with torch.no_grad():
        return {f"torchmetrics {k}": updating(m) for k, m in made.items()}


def compare(
    shape: tuple[int, ...], classes: int, rounds: int, one_hot: bool = True
) -> None:
    """One line for each metric, for `shape` labels of some classes."""
    rng = np.random.default_rng(0)
    size = int(np.prod(shape))
    ids = rng.integers(0, max(classes, 2), size).reshape(shape).astype("int32")
    if classes == 1:
        p = rng.uniform(size=(*shape, 1)).astype("float32")
    else:
        p = rng.uniform(0.01, 1, (*shape, classes)).astype("float32")
        p /= p.sum(-1, keepdims=True)
    y, scores = ops.convert_to_tensor(ids), ops.convert_to_tensor(p)
    ours = {
        "AUROC": kf.metrics.AUROC(),
        "BalancedAccuracy": kf.metrics.BalancedAccuracy(),
        "ExpectedCalibrationError": kf.metrics.ExpectedCalibrationError(),
        "BrierScore": kf.metrics.BrierScore(),
        "group: AUROC, AP, lift": kf.metrics.MetricGroup(
            ["auroc", "average_precision", kf.metrics.LiftScore(0.1)]
        ),
    }
    functions = {
        name: compiled_update(metric, y, scores)
        for name, metric in ours.items()
    }
    if classes == 1:
        functions["Keras AUC"] = compiled_update(
            keras.metrics.AUC(), ops.expand_dims(y, -1), scores
        )
        functions["Keras BinaryIoU"] = compiled_update(
            keras.metrics.BinaryIoU(), ops.expand_dims(y, -1), scores
        )
    else:
        if one_hot:  # what Keras's AUC needs for classes against the rest
            rows = ops.one_hot(ops.reshape(y, (-1,)), classes)
            functions["Keras AUC(multi_label), one-hot"] = compiled_update(
                keras.metrics.AUC(multi_label=True, num_labels=classes),
                rows,
                ops.reshape(scores, (-1, classes)),
            )
        functions["Keras MeanIoU(sparse)"] = compiled_update(
            keras.metrics.MeanIoU(classes, sparse_y_pred=False), y, scores
        )
    if keras.config.backend() == "torch":
        functions.update(torch_updates(classes, y, scores))
    medians = timing.side_by_side(functions, rounds)
    title = f"update_state, {size:,} labels, {max(classes, 2)} classes"
    timing.table(title, medians, over="AUROC")


if __name__ == "__main__":
    compare((65_536,), 10, rounds=9)
    compare((65_536,), 1, rounds=9)
    if "pixels" in sys.argv:
        compare((64, 512, 512), 1, rounds=3)
        compare((64, 512, 512), 10, rounds=3, one_hot=False)
