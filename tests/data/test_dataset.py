import numpy as np
import pytest

from keras_funcs import data


def parts(**changes):
    x = np.arange(12.0).reshape(6, 2)
    y = np.array([0, 1, 2, 0, 1, 2])
    arguments = dict(
        name="six",
        train=(x, y),
        validation=(x[:3] + 100, y[:3]),
        test=(x[:1] + 200, y[:1]),
        class_names=("a", "b", "c"),
        feature_names=("f", "g"),
    )
    return arguments | changes


def test_what_it_says_of_its_arrays():
    found = data.Dataset(**parts())
    assert found.num_classes == 3
    assert found.counts.tolist() == [2, 2, 2]
    assert found.train[0].dtype == np.float32
    assert found.train[1].dtype == np.int64
    assert "6/3/1 train/validation/test" in repr(found)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"name": ""}, "`name`"),
        ({"class_names": "abc"}, "`class_names`"),
        ({"class_names": ("a",)}, ">= 2 classes"),
        ({"feature_names": ("f",)}, r"x of shape \(N, 1\)"),
        ({"train": np.zeros((3, 2))}, "a pair"),
        ({"test": (np.zeros((0, 2)), np.zeros(0, int))}, "N >= 1 rows"),
        ({"test": (np.zeros((2, 2)), np.zeros(2))}, "whole numbers"),
        ({"test": (np.zeros((2, 2)), np.array([0, 3]))}, "ids from 0 to 2"),
        ({"test": (np.zeros((2, 2)), np.array([0, -1]))}, "ids from 0 to 2"),
        ({"test": (np.full((1, 2), np.nan), np.array([0]))}, "finite"),
        ({"train": (np.zeros((2, 2)), np.array([0, 2]))}, r"none of \['b'\]"),
    ],
)
def test_parts_that_do_not_fit(changes, message):
    with pytest.raises(ValueError, match=message):
        data.Dataset(**parts(**changes))
