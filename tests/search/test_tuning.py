"""The scripts of `tuning/`, in small."""

import importlib.util
import pathlib

import pytest

FOLDER = pathlib.Path(__file__).parents[2] / "tuning"


@pytest.mark.parametrize("name", ["longtail_digits", "table"])
def test_a_script_runs(name, tmp_path):
    path = FOLDER / f"{name}.py"
    assert len(path.read_text().splitlines()) < 80
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    study = module.main(
        trials=1, epochs=1, seeds=2, directory=tmp_path / "study"
    )
    assert len(study.leaderboard()) == 1
    assert study.best_model().count_params() > 0
    assert (tmp_path / "study" / "report.md").exists()
