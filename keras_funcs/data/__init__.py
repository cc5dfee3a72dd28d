"""Data to search on: a bundled long-tailed set, and the user's own tables."""

from keras_funcs.data.dataset import Dataset
from keras_funcs.data.longtail import digits_longtail
from keras_funcs.data.longtail import long_tail

__all__ = ["Dataset", "digits_longtail", "long_tail"]
