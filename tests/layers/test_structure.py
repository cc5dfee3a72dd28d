"""How the classes of a family are built on each other."""

import inspect

import keras
import pytest

import keras_funcs  # noqa: F401 (defines the classes)


def below(cls):
    for child in cls.__subclasses__():
        yield child
        yield from below(child)


def functions(cls):
    for name, value in vars(cls).items():
        value = value.fget if isinstance(value, property) else value
        value = getattr(value, "__func__", value)
        if inspect.isfunction(value) and name != "__init__":
            yield name, value


def is_ours(cls):
    return cls.__module__.startswith("keras_funcs.")


@pytest.mark.parametrize(
    "base",
    [
        keras.layers.Layer,
        keras.regularizers.Regularizer,
        keras.initializers.Initializer,
    ],
)
def test_no_concrete_method_overrides_a_concrete_one(base):
    classes = {cls for cls in below(base) if is_ours(cls)}
    # What a hosted loss is, is tested with the losses.
    classes = {c for c in classes if ".losses." not in c.__module__}
    assert classes
    for cls in classes:
        inherited = {
            name
            for other in filter(is_ours, cls.__mro__[1:])
            for name, value in functions(other)
            if "raise NotImplementedError" not in inspect.getsource(value)
        }
        overridden = inherited & {name for name, _ in functions(cls)}
        assert not overridden, (cls, overridden)
