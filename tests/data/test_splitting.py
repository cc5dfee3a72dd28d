"""Regression targets, and splits by file, group and time."""

import numpy as np
import pandas as pd
import pytest

from keras_funcs import data
from keras_funcs.data import splitting

RANDOM = np.random.default_rng(0)


def save(folder, table, name="t.csv"):
    path = folder / name
    table.to_csv(path, index=False)
    return path


def quantities(rows=80):
    x = RANDOM.normal(size=rows)
    return pd.DataFrame({"x": x, "price": 1e5 + 2e4 * x})


def classes(rows=60, **columns):
    x = RANDOM.normal(size=rows)
    y = np.where(np.arange(rows) % 3 == 0, "rare", "often")
    return pd.DataFrame({"x": x, "y": y} | columns)


def decision(found, name, kind):
    return next(
        item.reason
        for item in found.preprocessing.decisions
        if (item.name, item.kind) == (name, kind)
    )


def sizes(found):
    return [len(y) for _, y in found.splits.values()]


def test_many_numbers_are_a_quantity(tmp_path):
    table = quantities()
    found = data.load_table(save(tmp_path, table), "price")
    assert found.task == "regression" and found.class_names == ()
    assert sizes(found) == [48, 16, 16]
    y = np.concatenate([y for _, y in found.splits.values()])
    np.testing.assert_allclose(np.sort(y), np.sort(table["price"]), 1e-6)
    assert "80 different numbers" in decision(found, "price", "target")
    # Each split has small and large ones.
    for _, part in found.splits.values():
        assert abs(np.median(part) - np.median(y)) < np.std(y) / 2


def test_the_user_overrules_what_numbers_look_like(tmp_path):
    table = pd.DataFrame({"x": range(60), "y": [1, 2, 10] * 20})
    path = save(tmp_path, table)
    kept = {"numeric": ["x"]}
    found = data.load_table(path, "y", **kept)
    assert found.task == "multiclass" and found.class_names == ("1", "2", "10")
    assert data.load_table(path, "y", **kept, task="ordinal").task == "ordinal"
    found = data.load_table(path, "y", **kept, task="regression")
    assert found.task == "regression"
    assert set(found.test[1]) == {1.0, 2.0, 10.0}


def test_classes_have_the_order_that_the_user_gives(tmp_path):
    order = ["low", "medium", "high"]
    path = save(tmp_path, classes().assign(y=order * 20))
    found = data.load_table(path, "y", task="ordinal", classes=order)
    assert found.class_names == tuple(order)
    reason = decision(found, "y", "target")
    assert reason == "3 classes in order: low, medium, high"


def test_numbers_in_text_are_read(tmp_path):
    table = pd.DataFrame({"x": RANDOM.normal(size=60)})
    table["y"] = [f"$1,{n:03d}.50" for n in range(60)]
    found = data.load_table(save(tmp_path, table), "y")
    assert found.task == "regression"
    assert min(y.min() for _, y in found.splits.values()) == 1000.5


def test_a_file_of_test_rows(tmp_path):
    path = save(tmp_path, classes())
    other = classes(12).assign(more=1)
    test = save(tmp_path, other, "test.csv")
    found = data.load_table(path, "y", test=test)
    assert sizes(found) == [48, 12, 12]
    assert "test rows of test.csv" in decision(found, "t.csv", "rows")
    names = np.array(found.class_names)
    assert names[found.test[1]].tolist() == other["y"].tolist()
    with pytest.raises(ValueError, match=r"one of the classes.*\['new'\]"):
        bad = save(tmp_path, other.assign(y="new"), "bad.csv")
        data.load_table(path, "y", test=bad)
    with pytest.raises(ValueError, match="with the target `y`"):
        bad = save(tmp_path, other.drop(columns="y"), "bad.csv")
        data.load_table(path, "y", test=bad)


def test_groups_stay_together(tmp_path):
    groups = [f"p{i // 2}" for i in range(60)]
    path = save(tmp_path, classes(patient=groups, number=range(60)))
    found = data.load_table(path, "y", group="patient", numeric=["number"])
    assert found.feature_names == ("x", "number")
    scale = found.preprocessing.numbers[1]
    seen = [
        {
            groups[round(z * scale.scale + scale.mean)]
            for z in x[:, 1].astype(float)
        }
        for x, _ in found.splits.values()
    ]
    assert not (seen[0] & seen[1] or seen[0] & seen[2] or seen[1] & seen[2])
    assert decision(found, "patient", "left out") == "30 groups of rows"
    other = classes(12, number=range(12), patient="p99")
    test = save(tmp_path, other, "test.csv")
    options = {"group": "patient", "numeric": ["number"], "test": test}
    assert sizes(data.load_table(path, "y", **options))[2] == 12
    save(tmp_path, other.assign(patient="p3"), "test.csv")
    with pytest.raises(ValueError, match="1 of them, such as p3"):
        data.load_table(path, "y", **options)


def test_the_last_rows_in_time_are_the_test(tmp_path):
    days = pd.date_range("2026-01-01", periods=60).strftime("%Y-%m-%d")
    order = RANDOM.permutation(60)
    table = classes(day=days, number=range(60)).iloc[order]
    found = data.load_table(
        save(tmp_path, table), "y", time="day", numeric=["number"]
    )
    column = found.feature_names.index("number")
    train, val, test = (x[:, column] for x, _ in found.splits.values())
    assert train.max() < val.min() <= val.max() < test.min()
    assert "the last ones to test" in decision(found, "t.csv", "rows")
    path = tmp_path / "t.csv"
    found = data.load_table(path, "y", time="day", test=path)
    assert "the last ones to choose" in decision(found, "t.csv", "rows")


def test_times_may_have_the_offsets_of_summer_and_winter():
    texts = pd.Series(
        ["2026-10-25T02:30:00+02:00", "2026-10-25T02:10:00+01:00"]
    )
    first, second = splitting.read_times("t", texts)
    assert second > first


def test_rows_of_one_moment_are_not_torn_apart():
    times = np.repeat(np.arange(10.0), 6)
    shares = splitting.Shares(0.2, 0.2, 0, times=times)
    parts = shares.split(np.arange(60) % 2, are_classes=True)
    moments = [set(times[part]) for part in parts]
    assert sum(len(part) for part in moments) == 10


def test_the_batch_goes_by_the_rows():
    def size(rows):
        x, y = np.zeros((rows, 1)), np.zeros(rows, int)
        return data.Dataset.of((x, y), (x, y)).batch_size

    assert [size(n) for n in (10, 4_000, 35_000, 10**6)] == [32, 64, 512, 1024]
