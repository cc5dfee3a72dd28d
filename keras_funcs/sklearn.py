"""Estimators for scikit-learn. They need the `tune` extra."""

from keras_funcs.search.estimators import Classifier as Classifier
from keras_funcs.search.estimators import Estimator as Estimator
from keras_funcs.search.estimators import Regressor as Regressor
