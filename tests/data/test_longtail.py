import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits

from keras_funcs import data


@given(
    classes=st.integers(2, 12),
    each=st.integers(1, 80),
    share=st.floats(0, 1),
    seed=st.integers(0, 2**32),
)
def test_long_tail_profile(classes, each, share, seed):
    y = np.random.default_rng(seed).permutation(np.arange(classes * each))
    y = y % classes
    imbalance = 1 + share * (each - 1)
    chosen = data.long_tail(y, imbalance, seed)
    assert len(set(chosen.tolist())) == len(chosen)
    assert (np.diff(chosen) > 0).all()
    counts = np.sort(np.bincount(y[chosen], minlength=classes))[::-1]
    # The formula, in exact-enough decimals instead of binary powers.
    for rank, count in enumerate(counts):
        exact = each * np.exp(-np.log(imbalance) * rank / (classes - 1))
        assert count >= 1
        assert abs(count - np.floor(exact)) <= (
            abs(exact - np.round(exact)) < 1e-6
        )


@pytest.mark.parametrize("size", range(1, 200))
def test_the_smallest_class_keeps_a_sample(size):
    chosen = data.long_tail(np.repeat([0, 1], size), size, 0)
    assert len(chosen) == size + 1


def test_long_tail_is_a_function_of_the_seed():
    y = np.repeat(np.arange(5), 50)
    one = data.long_tail(y, 10, 3)
    assert np.array_equal(one, data.long_tail(y, 10, 3))
    assert not np.array_equal(one, data.long_tail(y, 10, 4))
    largest = {
        int(np.bincount(y[data.long_tail(y, 10, seed)]).argmax())
        for seed in range(40)
    }
    assert largest == set(range(5))


def test_a_class_that_is_too_small():
    y = np.repeat([0, 1, 2], [10, 30, 30])
    with pytest.raises(ValueError, match="class 0, which has 10 samples"):
        for seed in range(20):
            data.long_tail(y, 2, seed, largest=30)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (([0.0, 1.0], 1, 0), "class ids"),
        (([], 1, 0), "class ids"),
        (([[0, 1]], 1, 0), "class ids"),
        (([0, 0], 1, 0), "two classes"),
        (([0, 1], 0.5, 0), ">= 1"),
        (([0, 1], float("nan"), 0), ">= 1"),
        (([0, 0, 1, 1], 3, 0), "at most 2"),
        (([0, 1], 1, -1), "`seed`"),
        (([0, 1], 1, 0.5), "`seed`"),
    ],
)
def test_long_tail_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        data.long_tail(*arguments)


@pytest.fixture(scope="module")
def digits():
    return data.digits_longtail()


def test_digits_profile(digits):
    assert sorted(digits.counts.tolist(), reverse=True) == [
        100, 71, 51, 36, 26, 18, 13, 9, 6, 5,
    ]  # fmt: skip
    assert np.bincount(digits.validation[1]).tolist() == [24] * 10
    assert np.bincount(digits.test[1]).tolist() == [50] * 10
    assert digits.train[0].min() == 0 and digits.train[0].max() == 1


def rows(x):
    return [row.tobytes() for row in x]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_digits_do_not_leak(seed):
    digits = data.digits_longtail(seed=seed)
    bundle = load_digits()
    known = {
        row: int(label)
        for row, label in zip(
            rows((bundle.data / 16).astype("float32")), bundle.target
        )
    }
    # All images differ, so that a sample is known by its pixels.
    assert len(known) == len(bundle.target)
    seen = []
    for x, y in (digits.train, digits.validation, digits.test):
        assert [known[row] for row in rows(x)] == y.tolist()
        seen += rows(x)
    assert len(set(seen)) == len(seen)


def test_digits_are_shuffled(digits):
    for _, y in (digits.train, digits.validation, digits.test):
        assert np.mean(np.diff(y) == 0) < 0.5


def test_digits_depend_on_seed_and_imbalance(digits):
    assert contents(digits) == contents(data.digits_longtail(20, 0))
    others = [data.digits_longtail(20, 1), data.digits_longtail(10, 0)]
    assert contents(others[0]) != contents(digits)
    assert others[0].counts.argmax() != digits.counts.argmax()
    # The same seed splits alike, however long the tail.
    assert set(rows(others[1].test[0])) == set(rows(digits.test[0]))
    balanced = data.digits_longtail(1)
    assert balanced.counts.tolist() == [100] * 10
    assert min(data.digits_longtail(100).counts) == 1


def test_digits_preprocessing_takes_pixels_from_0_to_16(digits):
    bundle = load_digits()
    table = dict(zip(bundle.feature_names, bundle.data.T))
    found = digits.preprocessing.transform(table)
    assert set(rows(digits.test[0])) <= set(rows(found))
    assert digits.feature_names == tuple(bundle.feature_names)


@pytest.mark.parametrize("imbalance", [0, 0.5, 101, float("inf"), "20", True])
def test_digits_refuse_an_imbalance(imbalance):
    with pytest.raises(ValueError, match="`imbalance`"):
        data.digits_longtail(imbalance)


def contents(dataset):
    """All that a dataset holds, in a form that can be compared."""
    splits = (dataset.train, dataset.validation, dataset.test)
    arrays = [(a.shape, a.tobytes()) for split in splits for a in split]
    return dataset.class_names, arrays
