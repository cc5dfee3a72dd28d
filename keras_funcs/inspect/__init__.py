"""What a model and a run look like: TensorBoard files, figures, diagnosis."""

from keras_funcs.inspect.events import EventWriter as EventWriter
