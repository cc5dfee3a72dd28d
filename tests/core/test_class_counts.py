"""`class_counts` from whatever holds labels, and what it refuses."""

from collections import Counter

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from keras import ops

import keras_funcs

class_counts = keras_funcs.class_counts
few = settings(max_examples=40, deadline=None, derandomize=True)
IDS = [0, 2, 2, 1, 2, 0, 2]
WANTED = [2, 1, 4]


@few
@given(
    ids=st.lists(st.integers(0, 9), min_size=1, max_size=50),
    more=st.integers(0, 4),
)
def test_ids_and_their_one_hot_rows(ids, more):
    size = max(ids) + 1 + more
    counter = Counter(ids)
    wanted = [counter[c] for c in range(size)]
    if size > 1:
        found = class_counts(ids, num_classes=size)
        assert found.tolist() == wanted and found.dtype == np.int64
        rows = np.eye(size)[ids]
        assert class_counts(rows).tolist() == wanted
        assert class_counts(rows, size).tolist() == wanted
    assert class_counts(ids).tolist() == wanted[: max(ids) + 1]


@pytest.mark.parametrize(
    "dtype", ["int8", "uint8", "int64", "float32", "float16"]
)
def test_any_dtype(dtype):
    assert class_counts(np.array(IDS, dtype)).tolist() == WANTED


@pytest.mark.parametrize(
    "labels",
    [
        IDS,
        tuple(IDS),
        np.array(IDS)[:, None],
        np.array(IDS).reshape(1, 7),
        np.array(IDS).reshape(7, 1, 1),
        [[c] for c in IDS],
    ],
)
def test_any_shape_of_ids(labels):
    assert class_counts(labels).tolist() == WANTED


def test_tensors():
    ids = ops.convert_to_tensor(IDS)
    assert class_counts(ids).tolist() == WANTED
    rows = ops.one_hot(ids, 3)
    assert class_counts(rows).tolist() == WANTED


def test_booleans_are_binary_or_multi_hot():
    assert class_counts(np.array([True, False, True])).tolist() == [1, 2]
    rows = np.array([[True, False], [True, True]])
    assert class_counts(rows).tolist() == [2, 1]


def test_multi_hot_rows_count_every_label():
    rows = np.array([[1, 1, 0], [0, 0, 0], [1, 0, 1]])
    assert class_counts(rows.astype("float32")).tolist() == [2, 1, 1]
    assert class_counts(rows, 3).tolist() == [2, 1, 1]


def test_whole_numbers_that_could_be_either_need_the_number_of_classes():
    masks = np.array([[0, 1, 1, 0], [1, 0, 0, 0]])
    with pytest.raises(ValueError, match="num_classes"):
        class_counts(masks)
    assert class_counts(masks, 2).tolist() == [5, 3]


def test_the_form_is_decided_by_the_first_batch():
    class Tokens(keras.utils.PyDataset):
        def __len__(self):
            return 2

        def __getitem__(self, index):
            y = np.array([[[0, 1, 2, 0]], [[0, 1, 1, 0]]][index])
            return np.zeros((1, 1)), y

    assert class_counts(Tokens()).tolist() == [4, 3, 1]


def test_soft_rows_are_rounded_once():
    class Rows(keras.utils.PyDataset):
        def __len__(self):
            return 10

        def __getitem__(self, index):
            return np.zeros((1, 1)), np.array([[0.4, 0.6]])

    assert class_counts(Rows()).tolist() == [4, 6]


def test_soft_rows_count_what_they_add_up_to():
    rows = np.array([[0.9, 0.1], [0.8, 0.2], [0.4, 0.6]])
    assert class_counts(rows).tolist() == [2, 1]


def test_num_classes_tells_tokens_from_rows():
    tokens = np.array([[0, 1], [1, 1]])
    with pytest.raises(ValueError, match="num_classes"):
        class_counts(tokens)
    assert class_counts(tokens, num_classes=4).tolist() == [1, 3, 0, 0]
    masks = np.zeros((2, 5, 5), int)
    masks[0, 0] = 2
    assert class_counts(masks, 3).tolist() == [45, 0, 5]


def test_nothing_is_held_that_need_not_be():
    seen = []

    class Batches:
        def __iter__(self):
            for start in range(0, 7, 2):
                seen.append(start)
                yield None, np.array(IDS[start : start + 2])

    assert class_counts(Batches()).tolist() == WANTED
    assert seen == [0, 2, 4, 6]


def test_batches_with_weights_and_with_rows():
    batches = [
        (None, np.eye(3)[IDS[:4]], np.ones(4)),
        (None, np.eye(3)[IDS[4:]], np.ones(3)),
    ]
    assert class_counts(iter(batches)).tolist() == WANTED


class Sequence(keras.utils.PyDataset):
    def __init__(self, rows=False, **kwargs):
        super().__init__(**kwargs)
        self.rows = rows

    def __len__(self):
        return 3

    def __getitem__(self, index):
        y = np.array(IDS[3 * index : 3 * index + 3])
        return np.zeros((len(y), 2)), np.eye(3)[y] if self.rows else y


@pytest.mark.parametrize("rows", [False, True])
def test_py_dataset(rows):
    assert class_counts(Sequence(rows)).tolist() == WANTED


@pytest.mark.parametrize("dtype", ["float16", "float32", "uint8", "bool"])
def test_rows_are_counted_past_what_their_dtype_holds(dtype):
    rows = np.eye(2)[np.arange(9001) % 2].astype(dtype)
    assert class_counts(rows).tolist() == [4501, 4500]
    soft = np.full((70_000, 2), 0.5, "float16")
    assert class_counts(soft).tolist() == [35_000, 35_000]


def test_counts_are_of_everything_and_exact():
    y = np.zeros(2**24 + 3, np.uint8)
    y[-1] = 1
    assert class_counts(y).tolist() == [2**24 + 2, 1]


@pytest.mark.parametrize(
    "labels",
    [
        [0, -1, 2],
        [-1, -1],
        [0.5, 1.0],
        [0.0, float("nan")],
        [float("inf"), 1.0],
        ["cat", "dog"],
        np.array([1 + 2j]),
        [[1, 0], [2, -1]],
        10,
        None,
        {"a": 1},
        [10**9],
    ],
)
def test_labels_that_are_no_class_are_refused(labels):
    with pytest.raises(ValueError, match="argument `y`|labels in `y`"):
        class_counts(labels)


@pytest.mark.parametrize("labels", [[], np.zeros((0, 3)), np.zeros((2, 3)), ()])
def test_no_labels_are_refused(labels):
    with pytest.raises(ValueError, match="`y`.*at least one"):
        class_counts(labels)


def test_num_classes_bounds_the_ids():
    with pytest.raises(ValueError, match="argument `y`.*num_classes=2"):
        class_counts(IDS, num_classes=2)
    for value in (1, 0, 2.0, "3"):
        with pytest.raises(ValueError, match="argument `num_classes`"):
            class_counts(IDS, num_classes=value)


def test_a_data_set_without_labels_is_refused():
    with pytest.raises(ValueError, match="argument `y`"):
        class_counts(iter([np.zeros(3)]))
    with pytest.raises(ValueError, match="argument `y`"):
        class_counts(iter([(np.zeros(3),)]))


if keras.backend.backend() == "tensorflow":
    import tensorflow as tf

    @pytest.mark.parametrize("batched", [False, True])
    @pytest.mark.parametrize("rows", [False, True])
    def test_tf_data(batched, rows):
        y = np.eye(3)[IDS] if rows else np.array(IDS)
        data = tf.data.Dataset.from_tensor_slices((np.zeros((7, 2)), y))
        if batched:
            data = data.batch(3)
        elif rows:
            data = data.batch(1)
        assert class_counts(data).tolist() == WANTED


if keras.backend.backend() == "torch":
    import torch.utils.data

    @pytest.mark.parametrize("batch_size", [1, 3, 10])
    def test_torch_data_loader(batch_size):
        data = torch.utils.data.TensorDataset(
            torch.zeros(7, 2), torch.tensor(IDS)
        )
        loader = torch.utils.data.DataLoader(
            data, batch_size=batch_size, shuffle=True
        )
        assert class_counts(loader).tolist() == WANTED


@pytest.mark.parametrize("dtype", ["U1", "S1", "O"])
def test_names_of_classes_are_told_how_to_become_ids(dtype):
    labels = np.array(["b", "a", "b"], dtype)
    with pytest.raises(ValueError, match="np.unique.*y=\\[b?'b'") as caught:
        class_counts(labels)
    assert "\n" not in str(caught.value)
    _, ids = np.unique(labels, return_inverse=True)
    assert class_counts(ids).tolist() == [1, 2]
