"""Trains many settings of one program at once, on JAX.

A *lane* is a setting with its seed. Lanes whose configurations differ in
nothing but floats form a *group*: they share one compiled program, in which
the floats, the seeds and all variables have an axis for the lanes. Every lane
ends where `fit` alone would have led it.

The chapters, in the order of reading: `configs` says which models form a
group, `objects` finds their floats and tells them apart by all else, `numbers`
lets a traced float answer the questions that Python asks of it, `program`
compiles an epoch, `course` decides for each lane when its training ends,
`blocks` runs the epochs, `trainer` shares out the memory and keeps what was
compiled.
"""

from keras_funcs.search.engines.vectorized.configs import Configuration
from keras_funcs.search.engines.vectorized.course import Halving
from keras_funcs.search.engines.vectorized.groups import Group
from keras_funcs.search.engines.vectorized.refusal import NotVectorizable
from keras_funcs.search.engines.vectorized.results import LaneResult
from keras_funcs.search.engines.vectorized.trainer import Trainer
from keras_funcs.search.engines.vectorized.trainer import train

__all__ = [
    "Configuration",
    "Group",
    "Halving",
    "LaneResult",
    "NotVectorizable",
    "Trainer",
    "train",
]
