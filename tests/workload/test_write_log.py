import numpy as np
import pandas as pd
import pytest

import ddbsim as ds
from ddbsim.workload import OPERATIONS

ROWS = [
    (3.0, ("user", 7), "UPDATE", 400),
    (0.5, ("user", 7), "put", 300),
    (1.0, "b", "MODIFY", 200),
    (2.0, "c", "REMOVE", 150),
    (2.5, "d", "delete", 0),
    (4.0, ("user", 7), "Delete", np.nan),
    (5.0, ("user", 7), "delete", np.nan),
    (6.0, ("user", 7), "INSERT", 90),
]


def log(rows=ROWS):
    return pd.DataFrame(rows, columns=["time", "item", "operation", "bytes"]).astype({"bytes": float})


def story(workload):
    writes = workload.columns
    names = [OPERATIONS[code] for code in writes.operation]
    columns = (writes.at_s, writes.item_id, writes.bytes_before, writes.bytes_after)
    times, items, before, after = (column.tolist() for column in columns)
    return list(zip(times, items, names, before, after, strict=True))


def test_what_each_write_did_follows_from_the_rows_before():
    assert story(ds.replay(log())) == [
        (0.5, 0, "INSERT", 0, 300),
        (1.0, 1, "MODIFY", 200, 200),
        (2.0, 2, "REMOVE", 150, 0),
        (2.5, 3, "NO_OP", 0, 0),
        (3.0, 0, "MODIFY", 300, 400),
        (4.0, 0, "REMOVE", 400, 0),
        (5.0, 0, "NO_OP", 0, 0),
        (6.0, 0, "INSERT", 0, 90),
    ]


def test_items_of_an_old_table_exist_before_they_are_first_put():
    assert story(ds.replay(log(ROWS[:2]), existing=True)) == [
        (0.5, 0, "MODIFY", 300, 300),
        (3.0, 0, "MODIFY", 300, 400),
    ]


@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
@pytest.mark.parametrize(("start", "shift_s"), [(None, 0.5), ("start", 0.0)])
def test_instants_become_seconds_from_the_start(zone, start, shift_s):
    midnight = pd.Timestamp("2026-03-29", tz=zone)
    frame = log().assign(time=midnight + pd.to_timedelta(log()["time"], unit="s"))
    at_s = ds.replay(frame, start=midnight if start else None).columns.at_s
    assert at_s.tolist() == sorted(time - shift_s for time, *_ in ROWS)


def test_seconds_count_from_the_start_that_is_given():
    assert ds.replay(log(ROWS[:2]), start=0.5).columns.at_s.tolist() == [0.0, 2.5]


def test_writes_of_the_same_time_keep_their_order():
    rows = [(1.0, "a", "put", size) for size in (100, 200, 300)]
    assert ds.replay(log(rows)).columns.bytes_after.tolist() == [100, 200, 300]


def test_a_log_without_rows_has_no_writes():
    frame = log().iloc[:0].astype({"time": float})
    assert len(ds.replay(frame).columns) == 0


def test_a_replayed_log_runs_and_makes_a_record_per_change():
    result = ds.simulate(ds.Scenario(workload=ds.replay(log()), duration_s=60), rng=7)
    changes = result.writes[result.writes["operation"] != "NO_OP"]
    assert changes["operation"].tolist() == ["INSERT", "MODIFY", "REMOVE", "MODIFY", "REMOVE", "INSERT"]
    assert len(result.stream_log) == len(changes)


@pytest.mark.parametrize(
    ("column", "row", "value", "sentence"),
    [
        ("time", 1, -2.0, "time must be finite and not before the start, got -2.0 in row 1"),
        ("time", 2, np.nan, "time must be finite and not before the start, got nan in row 2"),
        ("item", 3, None, "item must not be missing, got None in row 3"),
        ("operation", 4, "upsert", "operation must be put, update, delete, .*, got 'upsert' in row 4"),
        ("bytes", 0, 12.0, r"bytes must be a whole number in 36\.\.409600 .*, got 12.0 in row 0"),
        ("bytes", 0, 400.5, r"bytes must be a whole number in 36\.\.409600 .*, got 400.5 in row 0"),
        ("bytes", 1, np.nan, r"bytes must be a whole number in 36\.\.409600 .*, got nan in row 1"),
        ("bytes", 3, 0.0, "operation must be REMOVE only where the item exists .*, got REMOVE in row 3"),
        ("operation", 0, "INSERT", "operation must be INSERT only where the item is missing .*, got INSERT in row 0"),
        ("operation", 7, "MODIFY", "operation must be MODIFY only where the item exists .*, got MODIFY in row 7"),
    ],
)
def test_a_bad_row_is_told(column, row, value, sentence):
    frame = log().astype({"item": object})
    frame.loc[row, column] = value
    with pytest.raises(ValueError, match=f"replay: {sentence}"):
        ds.replay(frame)


@pytest.mark.parametrize(
    ("change", "arguments", "sentence"),
    [
        (lambda frame: frame.drop(columns="item"), {}, "frame must have the columns time, item, .* named item"),
        (lambda frame: frame.assign(time="noon"), {}, "time must hold seconds or datetime64 instants, got str"),
        (lambda frame: frame.assign(bytes="many"), {}, "bytes must hold numbers, got str"),
        (lambda frame: frame.assign(item=[[1]] * len(frame)), {}, "item must hold hashable values"),
        (lambda frame: frame, {"start": "noon"}, "start must be a time like those of the log, got 'noon'"),
        (lambda frame: frame, {"key_bytes": 0}, "key_bytes must be a finite number >= 1, got 0"),
    ],
)
def test_what_is_no_log_is_told(change, arguments, sentence):
    with pytest.raises(ValueError, match=f"replay: {sentence}"):
        ds.replay(change(log()), **arguments)
