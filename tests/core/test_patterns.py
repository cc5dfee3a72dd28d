"""Patterns match as `re` does, in time that grows with the text only."""

import re

import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from keras_funcs import optimizers
from keras_funcs._core.patterns import MAX_LENGTH
from keras_funcs._core.patterns import Pattern

PATHS = (
    "sequential/dense_1/kernel",
    "functional/encoder/layer_0/Layer_Norm/gamma",
    "functional/head/bias",
    "act_slope",
)


@pytest.mark.parametrize(
    "pattern",
    [
        "bias$", "head/k", "norm|bias", "^functional/.*kernel", "(gamma|beta)$",
        r"layer_\d+/", r"layer_[0-9]{1,2}/.*_Norm", "(?i)layer_?norm", ".",
        "", r"\bact_", "dense(_\\d+)?/kernel$", "[^/]+/[^/]+/bias", r"a\.b",
        "(?:encoder|decoder)/layer_0", "(?P<kind>bias)", "[]]", "a{", "{}",
        "x*?y??", r"\A\w+\Z", r"\x62ias", "(a|)+b",
    ],
)  # fmt: skip
def test_what_users_write_matches_as_in_re(pattern):
    for path in PATHS:
        assert Pattern(pattern).search(path) == bool(re.search(pattern, path))


ATOMS = st.sampled_from(
    ["a", "b", ".", "[ab]", "[^a]", r"\w", r"\d", "^", "$", r"\b", "/"]
)
REPEATS = ["*", "+", "?", "{2}", "{1,2}", "{,2}", "{1,}", "*?", "+?", "??"]
PATTERNS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]}|{pair[1]})"),
        st.tuples(inner, st.sampled_from(REPEATS)).map(
            lambda pair: f"(?:{pair[0]}){pair[1]}"
        ),
    ),
    max_leaves=6,
)


@settings(max_examples=300, deadline=None)
@given(PATTERNS, st.text("ab/1", max_size=7))
def test_any_pattern_matches_as_in_re(pattern, text):
    assert Pattern(pattern).search(text) == bool(re.search(pattern, text))


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+$", "(a|a)*$", "(a|aa)+$", "(.*a){20}$", ".*.*.*.*.*.*.*x",
        "^(([a-z])+.)+[A-Z]([a-z])+$", "(x+x+)+y", "(a|a)" * 40 + "b",
        "(((a*)*)*)*b",
    ],
)  # fmt: skip
def test_evil_patterns_end(pattern):
    # With `re` each of these outlasts the test session.
    Pattern(pattern).search("a" * 60 + "!")


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("(", "missing"),
        ("a" * (MAX_LENGTH + 1), "longer than 256"),
        ("((a{90}){90}){90}", "too many"),
        ("(?:){999999999}", "too many"),
        ("(?=bias)", "linear time"),
        (r"(a)\1", "linear time"),
        ("(?i:bias)", "linear time"),
        ("a++", "possessive"),
        ("(" * 200, "unterminated|missing"),
    ],
)
def test_what_is_refused_is_refused_when_it_is_given(pattern, why):
    for arguments in (
        {"weight_decay_exclusions": [pattern]},
        {"learning_rate_multipliers": {pattern: 0.5}},
    ):
        (name,) = arguments
        with pytest.raises(ValueError, match=f"`{name}`.*({why})") as caught:
            optimizers.AdaBelief(**arguments)
        assert "\n" not in str(caught.value)
