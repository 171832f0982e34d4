"""Saved results: complete or not at all, equal when read back, refused in one sentence when damaged."""

import dataclasses
import errno
import hashlib
import io
import json
import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import ddbsim as ds
from ddbsim.files.drafts import draft_beside
from ddbsim.files.frames import as_json, from_json
from ddbsim.items import compact_json
from ddbsim.randomness import RandomStreams
from ddbsim.result import saving
from ddbsim.result.result import FRAMES
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
    assert files == sorted([*(f"{name}.parquet" for name in (*FRAMES, "events")), "scenario.toml", "result.json"])
    assert all((tmp_path / "a" / f).read_bytes() == (tmp_path / "b" / f).read_bytes() for f in files)


def test_a_failure_half_way_leaves_nothing(result, tmp_path, monkeypatch):
    write = saving._write

    def fail(content, path):
        if path.stem == "shards":
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        write(content, path)

    monkeypatch.setattr(saving, "_write", fail)
    with pytest.raises(OSError, match=r"No space left on device: '.*/out/shards\.parquet'"):
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
    pd.testing.assert_frame_equal(again.handler_report().frame, first.handler_report().frame)


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
    with pytest.raises(
        ds.ResultFolderError, match=r"is not a saved result.*(cannot be read|format must be 1 or 2, got)"
    ):
        ds.read_result(tmp_path)


def test_a_note_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "result.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ds.ResultFolderError, match="is not a saved result"):
        ds.read_result(tmp_path)


NOTED = ["seed", "ended_s", "simpy_events", "categories", "kinds", "refusals", "handler_report", "files", "sha256"]


@pytest.mark.parametrize("absent", NOTED)
def test_a_note_without_a_part_is_refused(result, tmp_path, absent):
    result.to_parquet(tmp_path / "out")
    with pytest.raises(ds.ResultFolderError, match=rf"result\.json is damaged, it has no {absent}"):
        ds.read_result(edited(tmp_path / "out", {absent: None}))


@pytest.mark.parametrize("name", ["seed", "ended_s", "simpy_events", "categories", "partial", "ddbsim"])
def test_a_note_with_another_value_is_refused(result, tmp_path, name):
    result.to_parquet(tmp_path / "out")
    with pytest.raises(ds.ResultFolderError, match=r"result\.json is damaged"):
        ds.read_result(edited(tmp_path / "out", {name: [1]}))


def edited(folder, changes):
    """Change a folder's note; None takes a part out."""
    note = folder / "result.json"
    meta = json.loads(note.read_text()) | changes
    note.write_text(json.dumps({name: value for name, value in meta.items() if value is not None}))
    return folder


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


def forged(folder, name, content):
    """Put another content in a folder, and say in its note that it is the one that was saved."""
    (folder / name).write_bytes(content)
    meta = json.loads((folder / "result.json").read_text())
    meta["files"][name] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    meta["sha256"] = saving.digest_of(meta)
    (folder / "result.json").write_text(json.dumps(meta))


def parquet(frame):
    sink = io.BytesIO()
    frame.to_parquet(sink, compression="zstd")
    return sink.getvalue()


def test_a_frame_with_other_columns_is_told(result, tmp_path):
    result.to_parquet(tmp_path / "out")
    forged(tmp_path / "out", "shards.parquet", parquet(result.shards.rename(columns={"bytes": "octets"})))
    with pytest.raises(ds.ResultFolderError, match=r"shards\.parquet must have the columns .*, and has .*octets"):
        _ = ds.read_result(tmp_path / "out").shards


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + b"\0" * 40 + b"PAR1"], ids=["empty", "short", "zeros"])
def test_a_forged_file_is_told_like_a_damaged_one(result, tmp_path, content):
    result.to_parquet(tmp_path / "out")
    forged(tmp_path / "out", "shards.parquet", content)
    with pytest.raises(ds.ResultFolderError, match=r"shards\.parquet is damaged \("):
        _ = ds.read_result(tmp_path / "out").shards


def test_what_an_earlier_version_did_not_know_is_missing_and_all_else_is_there(result, tmp_path):
    result.to_parquet(tmp_path / "out")
    forged(tmp_path / "out", "shards.parquet", parquet(result.shards.drop(columns=["closed_s", "parent_shard_id"])))
    shards = ds.read_result(tmp_path / "out").shards
    assert list(shards) == list(result.shards)
    assert shards[["closed_s", "parent_shard_id"]].isna().all(axis=None)
    forged(tmp_path / "out", "shards.parquet", parquet(result.shards.drop(columns=["records"])))
    with pytest.raises(ds.ResultFolderError, match=r"shards\.parquet must have the columns"):
        _ = ds.read_result(tmp_path / "out").shards


def test_a_bomb_is_refused_before_it_goes_off(result, tmp_path):
    result.to_parquet(tmp_path / "out")
    rows = 2_000_000
    bomb = result.shards.loc[np.zeros(rows, dtype=int)].reset_index(drop=True)
    forged(tmp_path / "out", "shards.parquet", parquet(bomb))
    again = ds.read_result(tmp_path / "out", memory_limit_bytes=2**26)
    with pytest.raises(
        ds.ResultFolderError, match=r"shards\.parquet .*2,000,000 rows need 0\.1 GiB .* limit is 0\.1 GiB"
    ):
        _ = again.shards
    long = pd.Series(["x" * 100_000], dtype="str").repeat(2_000).reset_index(drop=True)
    discards = pd.DataFrame(dict.fromkeys(result.discards, long))
    forged(tmp_path / "out", "discards.parquet", parquet(discards))
    with pytest.raises(ds.ResultFolderError, match=r"discards\.parquet .*the texts of document need 0\.2 GiB"):
        _ = ds.read_result(tmp_path / "out", memory_limit_bytes=2**26).discards


def test_an_interrupt_while_saving_leaves_nothing(result, tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(saving, "_meta", interrupt)
    with pytest.raises(KeyboardInterrupt):
        result.to_parquet(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_refused_before_the_run(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"must be in a folder that can be written to, and .*file cannot"):
        saving.check_folder(tmp_path / "file" / "out")


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


# the same answers, live, pickled and read back


class Once:
    """Fails the first time that it gets a record, and remembers; adds up what it did."""

    def __call__(self, event, context):
        for record in event["Records"]:
            key = record["dynamodb"]["SequenceNumber"]
            context.state["sum"] = context.state.get("sum", 0) + 1
            _ = record["dynamodb"].get("OldImage")
            if context.state.setdefault(key, 0) == 0:
                context.state[key] = 1
                raise RuntimeError("the first time")


def failing(event, context):
    raise ValueError("no")


def items(count=25, **beside):
    rows = [
        (0.2 * place, "put", {"pk": f"k{place % 7}", "n": place, "set": {"a", "b"}} | beside) for place in range(count)
    ]
    return ItemWrites(
        [*rows, (5.1, "delete", {"pk": "k0"}), (5.2, "put", {"pk": "k1", "n": 1}), (5.2, "put", {"pk": "k1", "n": 1})]
    )


def mapping(**fields):
    return ds.EventSourceMapping(**({"batch_size": 4, "maximum_retry_attempts": 2} | fields))


SMALL = {
    "plain": {"workload": ds.PoissonWrites(rate_per_s=20)},
    "nothing": {"workload": ds.PoissonWrites(rate_per_s=0)},
    "too long a story": {"workload": ds.PoissonWrites(rate_per_s=600)},
    "items": {"workload": items(), "stream": ds.Stream(view_type="NEW_AND_OLD_IMAGES")},
    "binary items": {"workload": items(b=b"\x00\xff", l=[1, {"m": b"x"}]), "stream": ds.Stream(view_type="NEW_IMAGE")},
    "two consumers": {"workload": items(), "event_source_mappings": (mapping(name="a"), mapping(name="b")),
                          "stream_readers": ds.StreamReader(name="c")},
    "filter": {"workload": items(), "event_source_mappings": mapping(
        filter_criteria=[{"dynamodb": {"NewImage": {"n": {"N": ["3"]}}}}])},
    "handler": {"workload": items(), "event_source_mappings": mapping(
        function=ds.Function(handler=Once(), state={}), bisect_batch_on_function_error=True)},
    "handler without state": {"workload": items(), "event_source_mappings": mapping(
        function=ds.Function(handler=failing), on_failure=ds.Destination("s3"))},
    "windows": {"workload": items(), "event_source_mappings": mapping(
        function=ds.Function(handler=Once(), state={}), tumbling_window_in_seconds=5)},
    "splits": {"workload": items(), "table": ds.Table(partitions=2, splits=ds.Split(at_s=2.0, partition=1))},
    "throttled and expiring": {"workload": items(), "table": ds.Table(
        partitions=1, billing=ds.Provisioned(write_capacity_units=1, burst_s=0, initial_burst_s=0),
        time_to_live=ds.TimeToLive(after_s=3, late=0.0, scan_s=1.0))},
    "batched items": {"workload": ds.BatchedWrites(workload=items(), size=3)},
    "transacted items": {"workload": ds.TransactedWrites(workload=items(), size=2), "event_source_mappings": mapping(
        function=ds.Function(handler=failing))},
    "disabled": {"workload": items(), "stream": ds.Stream(disabled_s=3.0)},
}  # fmt: skip


def asked(result):
    """Return all that a result answers, as text and frames."""
    client = result.stream_client()
    records = []
    for shard in client.describe_stream(StreamArn=client.stream_arn)["StreamDescription"]["Shards"]:
        start = {"StreamArn": client.stream_arn, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
        answer = client.get_records(ShardIterator=client.get_shard_iterator(**start)["ShardIterator"])
        records.append((shard, answer["Records"]))
    answers = {"client": pd.DataFrame({"records": [repr(records)]}), "check": result.check()}
    for name, ask in (("events", lambda: result.events), ("report", result.handler_report)):
        try:
            answer = ask()
        except ValueError as error:
            answers[name] = pd.DataFrame({"error": [repr(error)]})
            continue
        for field in dataclasses.fields(answer) if name == "report" else []:
            value = getattr(answer, field.name)
            answers[f"{name} {field.name}"] = value if isinstance(value, pd.DataFrame) else pd.DataFrame({"": [value]})
        if name == "events":
            answers["events None"] = answer
        answers[f"{name} told"] = pd.DataFrame({"text": [str(answer)]})
    return answers | {name: result.frame(name) for name in FRAMES}


@pytest.mark.parametrize("name", SMALL)
def test_a_result_answers_alike_live_pickled_and_read_back(name, tmp_path):
    live = ds.simulate(ds.Scenario(**{"duration_s": 20} | SMALL[name]), rng=7, progress=False)
    pickled = pickle.loads(pickle.dumps(live))
    live.to_parquet(tmp_path / "out")
    read = ds.read_result(tmp_path / "out")
    read.to_parquet(tmp_path / "again")
    wanted = asked(live)
    for other in (pickled, read, ds.read_result(tmp_path / "again"), pickle.loads(pickle.dumps(read))):
        found = asked(other)
        assert found.keys() == wanted.keys()
        for part, frame in wanted.items():
            pd.testing.assert_frame_equal(found[part], frame, obj=part)
        assert str(other.summary) == str(live.summary)
        assert other.changes == live.changes
    if "handler" not in name:
        once_more = ds.simulate(read.scenario, rng=7, progress=False)
        pd.testing.assert_frame_equal(once_more.writes, live.writes)


def test_texts_of_changes_are_those_of_their_images():
    live = ds.simulate(ds.Scenario(**{"duration_s": 20} | SMALL["throttled and expiring"]), rng=7, progress=False)
    assert any(change.event_name == "REMOVE" for change in live.changes)
    for change in live.changes:
        assert change.old_json == ("" if change.old_image is None else compact_json(change.old_image))
        assert change.new_json == ("" if change.new_image is None else compact_json(change.new_image))


def test_the_stories_of_small_items_are_there():
    live = ds.simulate(ds.Scenario(**{"duration_s": 20} | SMALL["items"]), rng=7, progress=False)
    told = asked(pickle.loads(pickle.dumps(live)))
    assert "NewImage" in told["client"]["records"][0]
    assert "item 0 was inserted" in told["events None"]["sentence"].str.lower().str.cat()


def test_wrapped_writes_are_read_back_as_they_were(tmp_path):
    drawn = ds.PoissonWrites(rate_per_s=10, item_bytes=ds.Uniform(100, 900)).draw(20, RandomStreams(3))
    given = ds.ReplayWrites(columns=drawn)
    twice = ds.ReplayWrites(columns=ds.TransactedWrites(workload=given, size=3).draw(20, RandomStreams(3)))
    for place, workload in enumerate((ds.BatchedWrites(workload=given, size=4), given, twice)):
        first = run(workload)
        first.to_parquet(tmp_path / str(place))
        again = ds.read_result(tmp_path / str(place)).scenario
        assert type(again.workload) is type(workload)
        one, other = (each.workload.draw(20, None) for each in (first.scenario, again))
        for column in one._arrays:
            np.testing.assert_array_equal(getattr(one, column), getattr(other, column))
        pd.testing.assert_frame_equal(ds.simulate(again, rng=7, progress=False).stream_log, first.stream_log)


def test_a_trace_inside_batches_is_found_from_the_saved_scenario(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text("timestamp,value\n2026-01-01T00:00:00Z,60\n2026-01-01T00:01:00Z,30\n")
    workload = ds.BatchedWrites(workload=ds.TraceWrites(trace="t.csv"), size=2)
    run(workload).to_parquet("results/one")
    assert ds.read_result("results/one").scenario.workload.duration_s == 120.0


def test_writes_of_ones_own_class_are_refused_when_saved_not_when_read(tmp_path):
    class Mine(ds.PoissonWrites):
        pass

    with pytest.raises(ValueError, match="it holds Mine, which is no class of ddbsim's own"):
        run(Mine(rate_per_s=3)).to_parquet(tmp_path / "out")
    assert not list(tmp_path.iterdir())


# what becomes of files


def damages(content, places=12):
    """Yield what may become of a file: bits flipped, ends cut off, stretches of zeros, nothing, more."""
    size = len(content)
    for place in range(0, size, max(1, size // places)):
        flipped = bytearray(content)
        flipped[place] ^= 1 << (place % 8)
        yield bytes(flipped)
    for place in range(0, size, max(1, size // 4)):
        yield content[:place]
        yield content[:place] + b"\0" * min(32, size - place) + content[place + 32 :]
    yield content + b"\n"


def all_of(folder, name):
    """Return what comes of reading the folder and the file in it, an error's text or what it holds."""
    try:
        result = ds.read_result(folder)
        if name.startswith("handler_report"):
            return result.handler_report().frame
        if name == "changes.parquet":
            return result.changes
        stem = name.partition(".")[0]
        return result.frame(stem) if stem in FRAMES else result.events
    except ds.ResultFolderError as error:
        return str(error)


def test_whatever_becomes_of_a_file_is_told_with_its_name(tmp_path):
    folder = tmp_path / "out"
    ds.simulate(ds.Scenario(**{"duration_s": 20} | SMALL["handler"]), rng=7, progress=False).to_parquet(folder)
    names = sorted(path.name for path in folder.iterdir())
    assert {"items.jsonl", "changes.parquet", "events.parquet", "handler_report.frame.parquet"} < set(names)
    for name in names:
        content, wanted = (folder / name).read_bytes(), all_of(folder, name)
        for damaged in damages(content):
            if damaged == content:
                continue
            (folder / name).write_bytes(damaged)
            found = all_of(folder, name)
            if isinstance(found, str):
                assert name in found
                assert "\n" not in found
            else:
                # a line break behind the note is no part of what it says
                assert name == "result.json"
                pd.testing.assert_frame_equal(found, wanted)
        (folder / name).write_bytes(content)


def test_an_emptied_or_missing_file_is_named(tmp_path):
    ds.simulate(ds.Scenario(**{"duration_s": 20} | SMALL["handler"]), rng=7, progress=False).to_parquet(
        tmp_path / "out"
    )
    for path in sorted((tmp_path / "out").iterdir()):
        content = path.read_bytes()
        path.unlink()
        with pytest.raises(ds.ResultFolderError, match=path.name.replace(".", r"\.")):
            ds.read_result(tmp_path / "out")
        path.write_bytes(content)


# what earlier versions saved


@pytest.fixture
def earlier(tmp_path):
    with zipfile.ZipFile(Path(__file__).with_name("result_of_format_1.zip")) as saved:
        saved.extractall(tmp_path / "earlier")
    return tmp_path / "earlier"


def test_a_result_of_the_first_format_is_read(earlier, tmp_path):
    again = ds.read_result(earlier)
    assert (again.seed, again.ended_s, again.scenario.name) == ("7", 10.0, "format 1")
    assert len(again.stream_log) == 8
    assert len(again.scenario.workload.changes) == 8
    assert again.check()["ok"].all()
    assert again.stream_client().list_streams()["Streams"]
    for ask in (lambda: again.events, again.handler_report):
        with pytest.raises(ValueError, match="was saved by an earlier version of ddbsim, which did not keep"):
            ask()
    again.to_parquet(tmp_path / "anew")
    pd.testing.assert_frame_equal(ds.read_result(tmp_path / "anew").stream_log, again.stream_log)


def test_damage_of_the_first_format_is_told_by_the_files_name(earlier):
    for name in ("result.json", "scenario.toml", "items.jsonl", "shards.parquet"):
        content = (earlier / name).read_bytes()
        for damaged in damages(content):
            (earlier / name).write_bytes(damaged)
            found = all_of(earlier, "shards.parquet")
            # the scenario's text may name the items in place of itself
            named = (name, "items.jsonl") if name == "scenario.toml" else (name,)
            assert not isinstance(found, str) or any(one in found for one in named)
        (earlier / name).write_bytes(content)


# drafts and places


def test_the_draft_of_a_killed_process_goes_with_the_next_result(result, tmp_path):
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    mine = draft_beside(tmp_path / "out")
    left = mine.with_name(mine.name.replace(f"-{os.getpid()}-", f"-{child.pid}-"))
    for path in (mine, left, tmp_path / ".out-of-mine"):
        path.mkdir()
        (path / "writes.parquet").touch()
    result.to_parquet(tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([mine.name, ".out-of-mine", "out"])


@pytest.mark.parametrize("folder", ["/proc/x", "a\0b", "n" * 300])
def test_a_place_that_is_none_is_told_as_typed_before_the_run(folder):
    with pytest.raises(OSError, match=rf"{folder[:20]!r}"[1:-1].replace("\\", "\\\\")) as told:
        saving.check_folder(folder)
    assert "draft" not in str(told.value)
    assert "\n" not in str(told.value)


def test_what_json_has_no_word_for_comes_back():
    state = {
        1: (2, [3.5, None]),
        "s": {"a"},
        ("t",): b"x",
        "tuple": {"tuple": [1]},
        "map": {"map": 5},
        "n": np.int64(3),
    }
    again = from_json(json.loads(json.dumps(as_json(state))))
    assert again == state
    assert isinstance(from_json(as_json(object())), str)
