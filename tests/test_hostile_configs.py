"""Configs written by someone else: refused, or harmless."""

import pytest
from hypothesis import HealthCheck
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from keras_funcs import testing
from keras_funcs.testing.checks.serialization import revive

CASES = [
    case
    for case in testing.cases()
    if case.is_default and case.kind != "activations"
]

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
)
json_values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["class_name", "config", "module", "registered_name", "x"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=6,
)


@pytest.mark.parametrize("case", CASES, ids=str)
@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
def test_any_config_loads_or_is_refused(case, data):
    config = case.make().get_config()
    # The others are Keras's; some have nothing of their own but a name.
    own = sorted(set(case.own) & set(config)) or ["name"]
    names = data.draw(st.sets(st.sampled_from(own), min_size=1))
    for name in sorted(names):
        config[name] = data.draw(json_values, label=name)
    try:
        made = revive(case, config)
    except (ValueError, TypeError):
        return
    assert type(made) is case.target
    made.get_config()
