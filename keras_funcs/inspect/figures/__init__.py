"""Figures as PNG or SVG bytes, for TensorBoard and for reports."""

from keras_funcs.inspect.figures.charts import (
    activation_curve as activation_curve,
)
from keras_funcs.inspect.figures.charts import (
    confusion_matrix as confusion_matrix,
)
from keras_funcs.inspect.figures.charts import grouped_bars as grouped_bars
from keras_funcs.inspect.figures.charts import interval_plot as interval_plot
from keras_funcs.inspect.figures.lines import line_chart as line_chart
from keras_funcs.inspect.figures.lines import parallel_plot as parallel_plot
