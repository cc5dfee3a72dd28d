"""Which objects the battery looks at: defaults, and the ends of every range.

Nothing here knows a component. What a constructor requires is supplied by the
argument's name, which means the same everywhere in the pack.
"""

import functools
import inspect
import tempfile
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from typing import Any

import keras

from keras_funcs._core.checks import invalid
from keras_funcs._core.component import Choice
from keras_funcs._core.component import Component
from keras_funcs._core.component import arguments
from keras_funcs._core.component import kind_of
from keras_funcs._core.component import registered
from keras_funcs._core.traits import LayerTraits
from keras_funcs._core.traits import LossTraits
from keras_funcs._core.traits import MetricTraits
from keras_funcs._core.traits import RegularizerTraits
from keras_funcs._core.traits import ShapeOfInputs
from keras_funcs._core.traits import T
from keras_funcs._core.traits import Traits
from keras_funcs._core.traits import traits_of

CLASSES = 4

# Values of arguments that have no default, by the argument's name.
REQUIRED: dict[str, Callable[[], Any]] = {
    "class_counts": lambda: [40, 20, 10, 5],
    "cost_matrix": lambda: [[abs(i - j) for j in range(4)] for i in range(4)],
    "decay_steps": lambda: 5,
    "fraction": lambda: 0.5,
    "k": lambda: 2,
    "layer": lambda: keras.layers.Dense(CLASSES),
    "learning_rate": lambda: 0.1,
    "log_dir": tempfile.mkdtemp,
    "loss": lambda: "Robust",
    "losses": lambda: ["Robust", "Pinball"],
    "metrics": lambda: ["balanced_accuracy", "matthews_correlation"],
    "name": lambda: "label_smoothing",  # of a loss
    "regularizer": lambda: {"class_name": "L1", "config": {"l1": 0.1}},
    "regularizers": lambda: ["l1", "l2"],
    "schedule": lambda: [0.0, 0.1],
    "stable_steps": lambda: 4,
    "units": lambda: CLASSES,
    "warmup_steps": lambda: 3,
}

TRAITS: dict[str, type[Traits]] = {
    "losses": LossTraits,
    "adaptive_losses": LossTraits,
    "metrics": MetricTraits,
    "regularizers": RegularizerTraits,
}


@dataclass(frozen=True, eq=False)  # dicts have no hash, identity has
class Case:
    """A component with the constructor's arguments to check it with."""

    target: Callable[..., Any]
    arguments: Mapping[str, Any]
    tune: Mapping[str, Any] = field(default_factory=dict)
    changed: str = ""  # the argument at an end of its range, or none
    traits: Traits = LayerTraits()

    def __str__(self) -> str:
        return f"{self.name}-{self.changed or 'default'}"

    @property
    def name(self) -> str:
        return self.target.__name__

    @property
    def kind(self) -> str:
        return kind_of(self.target)

    @property
    def is_default(self) -> bool:
        return not self.changed

    @property
    def own(self) -> dict[str, inspect.Parameter]:
        """The arguments that make up the config."""
        found = arguments(self.target)
        if not isinstance(self.target, type):  # the first one is the tensor
            found = dict(list(found.items())[1:])
        return found

    @property
    def loss(self) -> LossTraits:
        """The traits of a loss; the default ones of anything else."""
        return _of_kind(self.traits, LossTraits)

    @property
    def layer(self) -> LayerTraits:
        """The traits of a layer; the default ones of anything else."""
        return _of_kind(self.traits, LayerTraits)

    @property
    def targets(self) -> str:
        """The meaning of the labels of a loss or metric."""
        if isinstance(self.traits, MetricTraits):
            return self.traits.targets
        return self.loss.targets

    @property
    def independent(self) -> bool:
        """Whether the result of a sample depends on that sample alone."""
        alone = self.loss.unit != "batch" and self.loss.independent
        return alone and self.layer.independent

    @property
    def keeps_gradient(self) -> bool:
        """Whether confidently wrong predictions are to have a gradient."""
        classified = self.targets in ("classes", "labels")
        return classified and self.loss.keeps_gradient

    @property
    def rank_is_free(self) -> bool:
        """Whether a layer's input may have more axes than the last."""
        shape = self.layer.example_shape
        return isinstance(shape, tuple) and len(shape) == 1

    @property
    def is_choice(self) -> bool:
        """Whether the argument at an end is chosen from a set."""
        name = self.changed.split("=")[0]
        return isinstance(self.tune.get(name), Choice)

    def accepts(self, name: str) -> bool:
        return name in self.own

    def make(self, **overrides: Any) -> Any:
        """A fresh object; for a function, the function of one tensor."""
        values = {**self.arguments, **overrides}
        for name, value in values.items():
            if isinstance(value, keras.layers.Layer):
                values[name] = _another(value, overrides.get("dtype"))
        if isinstance(self.target, type):
            return self.target(**values)
        return functools.partial(self.target, **values)


def cases() -> list[Case]:
    """The cases of all the pack's components.

    Returns:
        List of cases: each component with its defaults and, for every
        argument that a search explores, with both ends of its range.
    """
    return [case for entry in registered() for case in _cases(entry)]


def cases_of(component: Any, **inputs: Any) -> list[Case]:
    """The cases of one component: see `check_component`.

    Raises:
        ValueError: for a constructor argument that is required and missing.
    """
    target = component
    if not inspect.isclass(target) and not inspect.isfunction(target):
        target = type(component)
        held = {
            name: getattr(component, name)
            for name in arguments(target)
            if hasattr(component, name)
        }
        inputs = {**held, **inputs}
    kind = TRAITS.get(kind_of(target), LayerTraits)
    traits = traits_of(component, kind)
    for entry in registered():
        if entry.object is target:
            return _cases(entry, traits, **inputs)
    return _cases(Component(target, {}), traits, **inputs)


def _cases(
    entry: Component,
    traits: Traits | None = None,
    targets: str | None = None,
    input_shape: ShapeOfInputs | None = None,
    **given: Any,
) -> list[Case]:
    kind = TRAITS.get(entry.kind, LayerTraits)
    traits = traits or traits_of(entry.object, kind) or kind()
    declared = getattr(entry.object, "traits", traits)
    if isinstance(declared, Traits) and not isinstance(declared, kind):
        invalid("traits", f"`{kind.__name__}` of {entry.kind}", declared)
    if targets is not None and isinstance(traits, (LossTraits, MetricTraits)):
        traits = replace(traits, targets=targets)
    if input_shape is not None and isinstance(traits, LayerTraits):
        traits = replace(traits, example_shape=input_shape)
    default = Case(entry.object, given, entry.tune, "", traits)
    required = {
        name: _required(name)
        for name, parameter in default.own.items()
        if parameter.default is parameter.empty and name not in given
    }
    default = replace(default, arguments={**required, **given})
    return [default, *_ends(default)]


def _ends(default: Case) -> Iterator[Case]:
    for name, span in default.tune.items():
        for value in span.ends:
            yield replace(
                default,
                arguments={**default.arguments, name: value},
                changed=f"{name}={value}",
            )


def _of_kind(traits: Any, kind: type[T]) -> T:
    return traits if isinstance(traits, kind) else kind()


def _another(layer: keras.layers.Layer, dtype: Any) -> keras.layers.Layer:
    """A layer to wrap, unbuilt: a built one would carry state along."""
    config = layer.get_config()
    if dtype is not None:
        config["dtype"] = dtype
    return type(layer).from_config(config)


def _required(name: str) -> Any:
    if name not in REQUIRED:
        raise ValueError(
            f"The constructor needs a value for its argument `{name}`. "
            f"Expected `check_component(..., {name}=...)`."
        )
    return REQUIRED[name]()
