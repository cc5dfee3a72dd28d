"""Data to search on: a bundled long-tailed set, and the user's own tables."""

from keras_funcs.data.balanced import ClassBalanced
from keras_funcs.data.columns import NumberColumn
from keras_funcs.data.columns import TextColumn
from keras_funcs.data.dataset import Dataset
from keras_funcs.data.kinds import Decision
from keras_funcs.data.longtail import digits_longtail
from keras_funcs.data.longtail import long_tail
from keras_funcs.data.preprocessing import TablePreprocessing
from keras_funcs.data.reading import Reading
from keras_funcs.data.spelling import Spelling
from keras_funcs.data.table import load_table

__all__ = [
    "ClassBalanced",
    "Dataset",
    "Decision",
    "NumberColumn",
    "Reading",
    "Spelling",
    "TablePreprocessing",
    "TextColumn",
    "digits_longtail",
    "load_table",
    "long_tail",
]
