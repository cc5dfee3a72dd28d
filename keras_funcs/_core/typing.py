"""Names for the types that Keras leaves open."""

from collections.abc import Callable
from collections.abc import Sequence
from typing import Any
from typing import TypeAlias

Tensor: TypeAlias = Any  # a backend tensor, a keras.Variable or a NumPy array
Shape: TypeAlias = tuple[int | None, ...]
Config: TypeAlias = dict[str, Any]
Axes: TypeAlias = int | Sequence[int] | None
Number: TypeAlias = int | float
Counts: TypeAlias = Sequence[int]

InitializerLike: TypeAlias = Any  # an instance, a config, a name, or a number
RegularizerLike: TypeAlias = Any  # an instance, a config, a name, or None
ConstraintLike: TypeAlias = Any  # an instance, a config, a name, or None
ActivationLike: TypeAlias = str | Callable[..., Any] | None
