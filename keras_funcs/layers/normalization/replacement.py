"""Exchanges layers of an existing model for others."""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_funcs._core import checks
from keras_funcs.layers.normalization.normalizing import DynamicTanh

NORMALIZATIONS = (
    keras.layers.LayerNormalization,
    keras.layers.RMSNormalization,
)


def replace_normalization(
    model: keras.Model,
    make: Callable[..., keras.layers.Layer] = DynamicTanh,
    normalizations: Sequence[type] = (keras.layers.LayerNormalization,),
) -> keras.Model:
    """A copy of a model with other layers in place of its normalizations.

    For training anew or for fine-tuning: the copy has all weights of the model,
    scale and offset of the normalizations included, but predicts something
    else until it is trained.

    Args:
        model: A functional or sequential model; models within it are converted
            as well. It is left as it is.
        make: Called for each normalization, with the keyword arguments `name`,
            `dtype`, `trainable`, `axis`, `scale`, `center` and the
            `gamma_...` and `beta_...` of `DynamicTanh`, and returns the layer
            that takes its place. Defaults to `DynamicTanh`;
            `functools.partial(DynamicTanh, alpha_initializer=0.2)` is another.
        normalizations: Which classes to replace, of
            `keras.layers.LayerNormalization` and
            `keras.layers.RMSNormalization`. Defaults to the former.

    Returns:
        The new model, compiled with the same settings if `model` was.

    Raises:
        ValueError: where no layer is to be replaced, or where a normalization
            stands inside of another layer, where it cannot be reached.

    Example:

    >>> model = keras.Sequential([
    ...     keras.Input((8,)),
    ...     keras.layers.Dense(4),
    ...     keras.layers.LayerNormalization(),
    ... ])
    >>> model = keras_funcs.layers.replace_normalization(model)
    >>> type(model.layers[-1]).__name__
    'DynamicTanh'
    """
    if not callable(make):
        checks.invalid("make", "a callable that returns a layer", make)
    if (
        not isinstance(normalizations, (list, tuple))
        or not normalizations
        or not set(normalizations) <= set(NORMALIZATIONS)
    ):
        names = [cls.__name__ for cls in NORMALIZATIONS]
        checks.invalid(
            "normalizations", f"some of the classes {names}", normalizations
        )
    kinds = tuple(normalizations)
    # A model whose class says how to call it has no tensors to go along.
    is_graph = isinstance(model, keras.Sequential) or (
        isinstance(model, keras.Model) and getattr(model, "inputs", None)
    )
    if not is_graph:
        checks.invalid("model", "a functional or sequential model", model)
    pairs: list[tuple[Any, Any]] = []

    def exchange(old: Any) -> Any:
        if isinstance(old, kinds):
            new = make(**_arguments(old))
        else:
            hidden = [item.name for item in _held_by(old, kinds, set())]
            if hidden:
                raise ValueError(
                    f"Layer '{old.name}' holds normalizations that cannot be "
                    "replaced from outside. Expected normalizations among the "
                    "model's own layers. Received: a "
                    f"{type(old).__name__} with {hidden}"
                )
            new = type(old).from_config(old.get_config())
        pairs.append((old, new))
        return new

    copy = keras.models.clone_model(
        model, clone_function=exchange, recursive=True
    )
    if not any(isinstance(old, kinds) for old, _ in pairs):
        raise ValueError(
            "There is nothing to replace. Expected a model with layers of "
            f"{[cls.__name__ for cls in kinds]}. Received: '{model.name}' with "
            f"{sorted({type(old).__name__ for old, _ in pairs})}"
        )
    for old, new in pairs:
        if isinstance(old, kinds):
            _carry_over(old, new)
        elif isinstance(old, keras.layers.Layer) and old.built:
            new.set_weights(old.get_weights())
    return copy


def _arguments(old: Any) -> dict[str, Any]:
    """The arguments of the layer that takes the place of a normalization."""
    axis = old.axis
    found = {
        "name": old.name,
        "dtype": old.dtype_policy,
        "trainable": old.trainable,
        "axis": list(axis) if isinstance(axis, (list, tuple)) else axis,
    }
    if isinstance(old, keras.layers.RMSNormalization):
        return {**found, "scale": True, "center": False}
    center = old.center and not old.rms_scaling
    found.update(scale=old.scale or old.rms_scaling, center=center)
    for coefficient in ("gamma", "beta"):
        for role in ("initializer", "regularizer", "constraint"):
            name = f"{coefficient}_{role}"
            found[name] = getattr(old, name)
    return found


def _carry_over(old: Any, new: Any) -> None:
    """Copies scale and offset, where the new layer has a place for them."""
    scale = "scale" if isinstance(old, keras.layers.RMSNormalization) else ""
    for source, target in ((scale or "gamma", "gamma"), ("beta", "beta")):
        value = getattr(old, source, None)
        place = getattr(new, target, None)
        if value is None or place is None:
            continue
        # Leading axes of size 1 come and go.
        shapes = [[n for n in v.shape if n != 1] for v in (value, place)]
        if shapes[0] == shapes[1]:
            # By way of NumPy: on JAX both would share a buffer, which training
            # takes away from the other model.
            place.assign(
                np.reshape(ops.convert_to_numpy(value), tuple(place.shape))
            )


def _held_by(
    holder: Any, kinds: tuple[type, ...], seen: set[int]
) -> Iterator[Any]:
    """The layers of some kinds that are attributes of a layer, at any depth."""
    for value in vars(holder).values():
        for item in keras.tree.flatten(value):
            if not isinstance(item, keras.layers.Layer) or id(item) in seen:
                continue
            seen.add(id(item))
            if isinstance(item, kinds):
                yield item
            yield from _held_by(item, kinds, seen)
