"""Views of a model and a run: TensorBoard files, figures, diagnosis."""

from keras_funcs.inspect import figures as figures
from keras_funcs.inspect.curves import Curve as Curve
from keras_funcs.inspect.curves import activation_curves as activation_curves
from keras_funcs.inspect.diagnosis.model import Finding as Finding
from keras_funcs.inspect.diagnosis.model import diagnose as diagnose
from keras_funcs.inspect.events import EventWriter as EventWriter
