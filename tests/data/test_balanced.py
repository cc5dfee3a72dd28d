"""Class-balanced batches of arrays and of data sets."""

import keras
import numpy as np
import pytest
import torch

from keras_funcs import data

N = [900, 90, 10]
Y = np.repeat([0, 1, 2], N)
X = np.arange(1000.0)[:, None]


def labels(batches):
    found = [batches[index][1] for index in range(len(batches))]
    return np.concatenate(found)


@pytest.mark.parametrize(
    ("schedule", "shares"),
    [
        ("balanced", [1 / 3, 1 / 3, 1 / 3]),
        ("square_root", np.sqrt(N) / np.sqrt(N).sum()),
        (lambda epoch: 1.0, np.array(N) / 1000),
    ],
)
def test_classes_have_their_shares(schedule, shares):
    batches = data.ClassBalanced((X, Y), schedule, batch_size=100)
    assert len(batches) == 10
    np.testing.assert_allclose(batches.probabilities(), shares)
    found = np.bincount(labels(batches), minlength=3) / 1000
    np.testing.assert_allclose(found, shares, atol=0.06)


def test_rows_stay_whole_and_are_drawn_by_place_and_epoch():
    weight = X[:, 0] + 0.5
    batches = data.ClassBalanced(({"a": X}, Y, weight), batch_size=300)
    x, y, w = batches[3]
    assert len(y) == 100
    rows = x["a"][:, 0].astype(int)
    assert (Y[rows] == y).all() and (w == rows + 0.5).all()
    assert (batches[3][1] == y).all() and (batches[2][1][:100] != y).any()
    batches.on_epoch_end()
    assert (batches[3][0]["a"] != x["a"]).any()


def test_a_schedule_moves_from_epoch_to_epoch():
    batches = data.ClassBalanced((X, Y), lambda epoch: 1.0 - min(epoch, 1))
    first = batches.probabilities()
    batches.on_epoch_end()
    assert first[2] == pytest.approx(0.01)
    assert batches.probabilities()[2] == pytest.approx(1 / 3)


class Batches(keras.utils.PyDataset):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        part = slice(250 * index, 250 * (index + 1))
        return X[part], np.eye(3)[Y[part]]


def test_data_sets_of_batches_and_one_hot_labels():
    whole = data.ClassBalanced((X, np.eye(3)[Y]), batch_size=50)
    for given in (Batches(), [Batches()[i] for i in range(4)].__iter__()):
        found = data.ClassBalanced(given, batch_size=50)
        np.testing.assert_array_equal(labels(found), labels(whole))
    dataset = torch.utils.data.TensorDataset(torch.tensor(X), torch.tensor(Y))
    loader = torch.utils.data.DataLoader(dataset, batch_size=128)
    found = data.ClassBalanced(loader, batch_size=50)
    assert (labels(found) == labels(whole).argmax(1)).all()


def test_it_trains():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(3)])
    model.compile("sgd", "sparse_categorical_crossentropy", run_eagerly=True)
    batches = data.ClassBalanced((X / 1000, Y), batch_size=500)
    model.fit(batches, epochs=2, verbose=0)
    assert batches.epoch >= 1


@pytest.mark.parametrize(
    ("given", "options", "name"),
    [
        ((X, Y), {"schedule": "cubic"}, "schedule"),
        ((X, Y), {"batch_size": 0}, "batch_size"),
        ((X, Y[:5]), {}, "as many labels"),
        ((X,), {}, "sample_weight"),
        ((X, X + 0.5), {}, "class ids"),
        ((X, np.ones((1000, 2))), {}, "one-hot"),
        (iter(()), {}, "batches"),
    ],
)
def test_mistakes(given, options, name):
    with pytest.raises(ValueError, match=name):
        data.ClassBalanced(given, **options)
