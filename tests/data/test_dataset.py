import keras
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


def test_of_takes_any_splits():
    """Images, weights, data sets, no test split: nothing is a table here."""
    images = np.zeros((6, 8, 8, 1)), np.eye(3)[[0, 1, 2, 0, 1, 2]]
    weighted = (*images, np.ones(6))
    found = data.Dataset.of(weighted, images, class_names=["a", "b", "c"])
    assert found.train is weighted and found.test is None
    assert list(found.splits) == ["train", "validation"]
    assert found.class_names == ("a", "b", "c") and found.num_classes == 3
    assert repr(found) == (
        "Dataset('data', 6/6 train/validation samples, 3 classes)"
    )
    assert found.counts.tolist() == [2, 2, 2]  # of one-hot rows

    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return 2

        def __getitem__(self, index):
            return images[0][:3], np.arange(3) % 2

    found = data.Dataset.of(Batches(), Batches(), images, name="mine")
    assert repr(found) == (
        "Dataset('mine', ?/?/6 train/validation/test samples)"
    )
    assert found.counts.tolist() == [4, 2] and found.num_classes == 2


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"class_names": ("a",)}, ">= 2 classes"),
        ({"class_names": "abc"}, "`class_names`"),
        ({"name": ""}, "`name`"),
    ],
)
def test_names_that_do_not_fit_any_splits(changes, message):
    split = np.zeros((2, 2)), np.array([0, 1])
    with pytest.raises(ValueError, match=message):
        data.Dataset.of(split, split, **changes)
