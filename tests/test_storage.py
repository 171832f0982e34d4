"""Saved results: complete or not at all, equal when read back, refused in one sentence when damaged."""

import json

import numpy as np
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
    assert type(again.scenario.workload) is type(workload)
    assert np.all(again.scenario.workload.draw(20, None).key_bytes == workload.draw(20, None).key_bytes)
    replayed = ds.simulate(again.scenario, rng=7, progress=False)
    pd.testing.assert_frame_equal(replayed.writes, first.writes)


def test_items_documents_and_all_but_the_handler_come_back(tmp_path):
    def handler(event, context):
        raise ValueError("no")

    mapping = ds.EventSourceMapping(
        function=ds.Function(handler=handler, duration="measured"),
        filter_criteria=[{"dynamodb": {"NewImage": {"n": {"N": ["1"]}}}}],
        maximum_retry_attempts=0,
        on_failure=ds.Destination("s3"),
    )
    rows = [(0.5, "put", {"pk": "a", "n": 1}), (0.6, "put", {"pk": "a", "n": 1}), (1.0, "delete", {"pk": "b"})]
    first = ds.simulate(
        ds.Scenario(workload=ItemWrites(rows), event_source_mappings=mapping, duration_s=5), rng=7, progress=False
    )
    first.to_parquet(tmp_path / "out")
    again = ds.read_result(tmp_path / "out")
    assert again.discards["document"].tolist() == first.discards["document"].tolist()
    assert again.discards["document"][0]["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert again.scenario.workload.changes == first.scenario.workload.changes
    assert again.scenario.mappings[0].function.handler is None
    assert again.scenario.mappings[0].filter_criteria == mapping.filter_criteria
    with pytest.raises(ValueError, match="no function of this run has one"):
        again.handler_report()


def test_foreign_and_damaged_folders_are_refused(result, tmp_path):
    with pytest.raises(ds.ResultFolderError, match="not a saved result"):
        ds.read_result(tmp_path)
    result.to_parquet(tmp_path / "out")
    (tmp_path / "out" / "shards.parquet").unlink()
    with pytest.raises(ds.ResultFolderError, match=r"shards\.parquet is missing"):
        ds.read_result(tmp_path / "out")


def test_a_trace_is_found_from_the_saved_scenario(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "traces").mkdir()
    (tmp_path / "traces" / "t.csv").write_text("timestamp,value\n2026-01-01T00:00:00Z,60\n2026-01-01T00:01:00Z,30\n")
    scenario = ds.Scenario(workload=ds.TraceWrites(trace="traces/t.csv"), duration_s=20)
    ds.simulate(scenario, rng=7, progress=False).to_parquet("results/one")
    monkeypatch.chdir("traces")
    again = ds.read_result("../results/one").scenario
    assert again.workload.duration_s == 120.0


@pytest.mark.parametrize("content", ["[]", "{}", "{", '{"format": 99}', "\x00"])
def test_a_foreign_note_is_refused(tmp_path, content):
    (tmp_path / "result.json").write_text(content)
    with pytest.raises(ds.ResultFolderError, match=r"is not a saved result|format must be 1, got"):
        ds.read_result(tmp_path)


def test_a_note_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "result.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ds.ResultFolderError, match="is not a saved result"):
        ds.read_result(tmp_path)


@pytest.mark.parametrize("absent", ["seed", "ended_s", "simpy_events", "categories"])
def test_a_note_without_a_part_is_refused(result, tmp_path, absent):
    result.to_parquet(tmp_path / "out")
    note = tmp_path / "out" / "result.json"
    meta = json.loads(note.read_text())
    del meta[absent]
    note.write_text(json.dumps(meta))
    with pytest.raises(ds.ResultFolderError, match=f"it has no {absent}"):
        ds.read_result(tmp_path / "out")


def test_a_damaged_scenario_is_told(result, tmp_path):
    result.to_parquet(tmp_path / "out")
    (tmp_path / "out" / "scenario.toml").write_text("duration_s = ")
    with pytest.raises(ds.ResultFolderError, match=r"scenario\.toml is damaged"):
        ds.read_result(tmp_path / "out")


def test_a_flipped_bit_is_told(result, tmp_path):
    result.to_parquet(tmp_path / "out")
    file = tmp_path / "out" / "stream_log.parquet"
    content = bytearray(file.read_bytes())
    content[len(content) // 3] ^= 1
    file.write_bytes(content)
    with pytest.raises(ds.ResultFolderError, match=r"stream_log\.parquet is damaged"):
        _ = ds.read_result(tmp_path / "out").stream_log


def test_a_frame_with_other_columns_is_told(result, tmp_path):
    result.to_parquet(tmp_path / "out")
    result.shards.rename(columns={"bytes": "octets"}).to_parquet(tmp_path / "out" / "shards.parquet")
    with pytest.raises(ds.ResultFolderError, match=r"shards\.parquet must have the columns .*, and has .*octets"):
        _ = ds.read_result(tmp_path / "out").shards


def test_an_interrupt_while_saving_leaves_nothing(result, tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(storage, "_meta", interrupt)
    with pytest.raises(KeyboardInterrupt):
        result.to_parquet(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_refused_before_the_run(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"must be in a folder that can be written to, and .*file cannot"):
        storage.check_folder(tmp_path / "file" / "out")


def test_an_empty_folder_is_filled_and_a_missing_one_made(result, tmp_path):
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "empty", tmp_path / "a" / "b"):
        result.to_parquet(folder)
        assert ds.read_result(folder).seed == result.seed


def test_analyses_of_a_result_read_back_are_those_of_the_run(result, tmp_path):
    result.to_parquet(tmp_path / "out")
    again = ds.read_result(tmp_path / "out")
    assert str(again) == str(result)
    pd.testing.assert_frame_equal(again.lag(), result.lag())
    pd.testing.assert_frame_equal(again.waits(), result.waits())
    pd.testing.assert_frame_equal(again.bill().frame, result.bill().frame)
