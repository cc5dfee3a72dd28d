"""Callbacks: what changes or is looked at while a model trains."""

from keras_funcs.callbacks.deferred_reweighting import (
    DeferredReweighting as DeferredReweighting,
)
from keras_funcs.callbacks.loss_schedule import LossSchedule as LossSchedule
from keras_funcs.callbacks.tensorboard_inspector import (
    TensorBoardInspector as TensorBoardInspector,
)
