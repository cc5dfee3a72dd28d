"""Callbacks: what changes or is looked at while a model trains."""

from keras_funcs.callbacks.deferred_reweighting import (
    DeferredReweighting as DeferredReweighting,
)
