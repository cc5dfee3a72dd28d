"""Searches over the catalogue: spaces, the study, and what KerasTuner lacks.

KerasTuner and the other packages of the `tune` extra are imported when a
study needs them, not before.
"""

from keras_funcs.search.durable import DurableTuner as DurableTuner
from keras_funcs.search.models import classifier as classifier
from keras_funcs.search.objectives import objective as objective
from keras_funcs.search.progress import Event as Event
from keras_funcs.search.progress import Reporter as Reporter
from keras_funcs.search.results import Results as Results
from keras_funcs.search.results import read as read
from keras_funcs.search.spaces import activation as activation
from keras_funcs.search.spaces import loss as loss
from keras_funcs.search.spaces import optimizer as optimizer
from keras_funcs.search.spaces import regularizer as regularizer
from keras_funcs.search.study import Study as Study
