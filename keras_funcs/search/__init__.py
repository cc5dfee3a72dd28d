"""Searches over the catalogue: spaces, the study, and what KerasTuner lacks.

KerasTuner and the other packages of the `tune` extra are imported when a
study needs them, not before.
"""

from keras_funcs.search.plan import Final as Final
from keras_funcs.search.prediction import Predictor as Predictor
from keras_funcs.search.prediction import load as load
from keras_funcs.search.progress import Console as Console
from keras_funcs.search.progress import Progress as Progress
from keras_funcs.search.progress import Step as Step
from keras_funcs.search.report.results import Results as Results
from keras_funcs.search.report.results import read as read
from keras_funcs.search.spaces.catalogue import activation as activation
from keras_funcs.search.spaces.catalogue import loss as loss
from keras_funcs.search.spaces.catalogue import optimizer as optimizer
from keras_funcs.search.spaces.catalogue import regularizer as regularizer
from keras_funcs.search.spaces.elsewhere import class_weight as class_weight
from keras_funcs.search.spaces.elsewhere import optuna_trial as optuna_trial
from keras_funcs.search.spaces.fits import Space as Space
from keras_funcs.search.spaces.fits import space as space
from keras_funcs.search.spaces.heads import Output as Output
from keras_funcs.search.spaces.heads import output as output
from keras_funcs.search.spaces.models import classifier as classifier
from keras_funcs.search.spaces.models import table as table
from keras_funcs.search.study import Study as Study
from keras_funcs.search.tuner.durable import DurableTuner as DurableTuner
from keras_funcs.search.tuner.objectives import objective as objective
