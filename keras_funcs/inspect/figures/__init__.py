"""Figures as PNG bytes, for TensorBoard and for reports."""

from keras_funcs.inspect.figures.charts import (
    activation_curve as activation_curve,
)
from keras_funcs.inspect.figures.charts import (
    confusion_matrix as confusion_matrix,
)
from keras_funcs.inspect.figures.charts import grouped_bars as grouped_bars
from keras_funcs.inspect.figures.charts import interval_plot as interval_plot
