"""Saved results: complete or not at all, equal when read back, refused in one sentence when damaged."""

import pandas as pd
import pytest

import ddbsim as ds
from ddbsim import storage
from ddbsim.result import FRAMES
from ddbsim.workload import ItemWrites


def run(workload=None):
    scenario = ds.Scenario(workload=workload or ds.PoissonWrites(rate_per_s=20), duration_s=20)
    return ds.simulate(scenario, rng=7, progress=False)


@pytest.fixture(scope="module")
def result():
    return run()


def test_frames_and_scenario_survive(result, tmp_path):
    result.to_parquet(tmp_path / "out")
    again = ds.read_result(tmp_path / "out")
    assert again.scenario == result.scenario
    for name in FRAMES:
        pd.testing.assert_frame_equal(again.frame(name), result.frame(name))


def test_a_damaged_frame_is_told(result, tmp_path):
    result.to_parquet(tmp_path / "out")
    (tmp_path / "out" / "shards.parquet").write_bytes(b"PAR1 and nothing more")
    with pytest.raises(ds.ResultFolderError, match=r"shards\.parquet is damaged"):
        _ = ds.read_result(tmp_path / "out").shards


def test_two_folders_of_one_result_are_equal_byte_by_byte(result, tmp_path):
    result.to_parquet(tmp_path / "a")
    result.to_parquet(tmp_path / "b")
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert len(files) == len(FRAMES) + 2
    assert all((tmp_path / "a" / f).read_bytes() == (tmp_path / "b" / f).read_bytes() for f in files)


def test_a_failure_half_way_leaves_nothing(result, tmp_path, monkeypatch):
    write = storage._write

    def fail(frame, path):
        if path.stem == "shards":
            raise OSError("disk full")
        write(frame, path)

    monkeypatch.setattr(storage, "_write", fail)
    with pytest.raises(OSError, match="disk full"):
        result.to_parquet(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_used_folder_is_never_overwritten(result, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="never overwritten"):
        result.to_parquet(tmp_path)


@pytest.mark.parametrize(
    "workload",
    [
        ds.ReplayWrites(
            columns={
                "at_s": [0.5, 1.5],
                "item_id": [3, 4],
                "operation": ["INSERT", "MODIFY"],
                "bytes_before": [0, 900],
                "bytes_after": [800, 700],
            },
            key_bytes=20,
        ),
        ItemWrites([(0.5, "put", {"pk": "a", "n": 1}), (1.5, "put", {"pk": "a", "n": 2})]),
    ],
    ids=["ReplayWrites", "ItemWrites"],
)
def test_given_writes_are_read_back_from_the_saved_writes(workload, tmp_path):
    first = run(workload)
    first.to_parquet(tmp_path / "out")
    again = ds.read_result(tmp_path / "out")
    assert isinstance(again.scenario.workload, ds.ReplayWrites)
    assert again.scenario.workload.key_bytes == workload.draw(20, None).key_bytes
    replayed = ds.simulate(again.scenario, rng=7, progress=False)
    pd.testing.assert_frame_equal(replayed.writes, first.writes)


def test_foreign_and_damaged_folders_are_refused(result, tmp_path):
    with pytest.raises(ds.ResultFolderError, match="not a saved result"):
        ds.read_result(tmp_path)
    result.to_parquet(tmp_path / "out")
    (tmp_path / "out" / "shards.parquet").unlink()
    with pytest.raises(ds.ResultFolderError, match=r"shards\.parquet is missing"):
        ds.read_result(tmp_path / "out")
