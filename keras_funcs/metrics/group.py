"""Several metrics as one, which count what they share only once."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_funcs._core import checks
from keras_funcs._core.component import Configurable
from keras_funcs._core.component import component
from keras_funcs._core.resolve import getter
from keras_funcs._core.traits import MetricTraits
from keras_funcs._core.typing import Tensor
from keras_funcs.metrics._state import StateMetric

_get = getter("metrics", keras.metrics.get)


@component()
class MetricGroup(Configurable, keras.metrics.Metric):
    """Several metrics that share their state, as one metric.

    For two or more metrics of one family: all that can be read off a confusion
    matrix, or off a histogram of scores, is then counted once a batch and held
    once. Metrics of other families and Keras's own may be members too; they
    count for themselves.

    The logs hold each member under its own name (`val_balanced_accuracy`), so
    that callbacks can watch it. Keras cannot tell which way a member is
    better: give them `mode="max"` or `mode="min"`. In a model of several
    outputs the members of different groups need different names.

    Formula:
    ```python
    result = {metric.name: metric.result() for metric in metrics}
    ```
    where a member whose result is a dict adds its entries.

    Args:
        metrics: List of metrics with different names, or what
            `keras_funcs.metrics.get` makes metrics of. A member belongs to the
            group from then on: it shows the group's state, and is not to be
            given to `compile` a second time.
        **kwargs: `name`, which does not show in the logs, and `dtype` of
            `keras.metrics.Metric`; the members keep theirs.

    Inputs:
        y_true: What every member takes.
        y_pred: What every member takes.

    Raises:
        ValueError: for an empty list, for what is no metric, for two members
            of one name, and for a member of another group.

    Example:

    >>> group = keras_funcs.metrics.MetricGroup(
    ...     ["balanced_accuracy", "matthews_correlation"]
    ... )
    >>> group.update_state([0, 0, 1, 1], np.eye(2)[[0, 0, 1, 0]])
    >>> {name: round(float(v), 4) for name, v in group.result().items()}
    {'balanced_accuracy': 0.75, 'matthews_correlation': 0.5774}

    Reference:
        Nicki Skafte Detlefsen et al. (2022), JOSS 7(70),
        doi:10.21105/joss.04101 (compute groups)
    """

    traits = MetricTraits(targets="classes", reads_size=False, single=True)

    def __init__(
        self,
        metrics: Sequence[Any],
        name: str = "metric_group",
        **kwargs: Any,
    ) -> None:
        members = _members(metrics)
        super().__init__(name=name, **kwargs)
        self.metrics = members
        # The others follow one of these, which counts for both.
        self._counting = _leaders(members)

    def update_state(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor = None
    ) -> None:
        """Counts a batch, once for all members that share a state."""
        for metric in self._counting:
            metric.update_state(y_true, y_pred, sample_weight=sample_weight)

    def result(self) -> dict[str, Tensor]:
        """Every member's result under its name."""
        found: dict[str, Tensor] = {}
        for metric in self.metrics:
            result = metric.result()
            found.update(
                result if isinstance(result, dict) else {metric.name: result}
            )
        return found

    def reset_state(self) -> None:
        """Forgets all that was counted."""
        for metric in self._counting:  # Keras's own know best how
            metric.reset_state()

    @property
    def variables(self) -> list[Any]:
        return [v for metric in self._counting for v in metric.variables]


def _members(metrics: Any) -> list[keras.metrics.Metric]:
    if not isinstance(metrics, (list, tuple)) or not metrics:
        checks.invalid("metrics", "a list of metrics", metrics)
    members = []
    for given in metrics:
        if isinstance(given, str) and given in ("accuracy", "acc"):
            # Keras guesses which one; by this name it is that of equal numbers.
            checks.invalid(
                "metrics",
                "`SparseCategoricalAccuracy()`, `CategoricalAccuracy()` or "
                '`BinaryAccuracy()` in place of "accuracy"',
                metrics,
            )
        member = checks.keras_object("metrics", given, _get, "metrics")
        if not isinstance(member, keras.metrics.Metric):
            checks.invalid("metrics", "metrics", metrics)
        if isinstance(member, StateMetric) and member.leader() is not member:
            checks.invalid("metrics", "members of no other group", metrics)
        members.append(member)
    names = [member.name for member in members]
    if len(set(names)) < len(names):
        checks.invalid("metrics", "metrics of different names", names)
    return members


def _leaders(
    members: Sequence[keras.metrics.Metric],
) -> list[keras.metrics.Metric]:
    """The members that count; makes the others follow them."""
    leaders: list[keras.metrics.Metric] = []
    for member in members:
        for leader in leaders:
            if (
                isinstance(member, StateMetric)
                and isinstance(leader, StateMetric)
                and member.can_follow(leader)
            ):
                member.follow(leader)
                break
        else:
            leaders.append(member)
    return leaders
