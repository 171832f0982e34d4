import numpy as np
import pandas as pd
import pytest

from ddbsim.randomness import RandomStreams
from ddbsim.workload import INSERT, MODIFY, NO_OP, OPERATIONS, REMOVE, ReplayWrites, WriteColumns


def columns(**changed):
    base = {
        "at_s": [0.0, 1.0, 1.0, 2.5],
        "item_id": [5, 5, 9, 5],
        "operation": ["INSERT", "MODIFY", "NO_OP", "REMOVE"],
        "bytes_before": [0, 100, 0, 140],
        "bytes_after": [100, 140, 0, 0],
    }
    return base | changed


def test_replayed_writes_are_the_given_ones_until_the_end_of_the_run():
    workload = ReplayWrites(columns=columns())
    writes = workload.draw(2.5, RandomStreams(1))
    assert len(writes) == 3
    assert writes.at_s.tolist() == [0.0, 1.0, 1.0]
    assert writes.item_id.tolist() == [5, 5, 9]
    assert [OPERATIONS[code] for code in writes.operation] == ["INSERT", "MODIFY", "NO_OP"]
    assert writes.bytes_before.tolist() == [0, 100, 0]
    assert writes.bytes_after.tolist() == [100, 140, 0]
    assert workload.expected_writes(2.5) == 3
    assert workload.expected_writes(100) == 4
    assert workload.mean_item_bytes == 120


def test_columns_have_the_documented_types_and_are_read_only():
    writes = ReplayWrites(columns=pd.DataFrame(columns())).draw(10, RandomStreams(1))
    kept = (writes.at_s, writes.item_id, writes.operation, writes.bytes_before, writes.bytes_after)
    assert [column.dtype for column in kept] == [np.float64, np.int64, np.int8, np.int32, np.int32]
    with pytest.raises(ValueError, match="read-only"):
        writes.at_s[0] = 1.0


def test_the_given_arrays_stay_writable_and_apart():
    at_s = np.array([0.0, 1.0, 1.0, 2.5])
    workload = ReplayWrites(columns=columns(at_s=at_s))
    at_s[0] = 0.5
    assert workload.draw(10, RandomStreams(1)).at_s[0] == 0.0


def test_codes_and_names_mean_the_same():
    by_code = WriteColumns.from_columns(columns(operation=[INSERT, MODIFY, NO_OP, REMOVE]), key_bytes=36)
    by_name = WriteColumns.from_columns(columns(), key_bytes=36)
    assert by_code.operation.tolist() == by_name.operation.tolist()


def test_columns_that_were_drawn_can_be_replayed():
    writes = WriteColumns.from_columns(columns(), key_bytes=50)
    workload = ReplayWrites(columns=writes)
    assert workload.key_bytes == 50
    assert workload.draw(10, RandomStreams(1)).bytes_after.tolist() == writes.bytes_after.tolist()


def test_no_rows_are_no_writes():
    empty = {name: [] for name in columns()}
    assert len(ReplayWrites(columns=empty).draw(10, RandomStreams(1))) == 0


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"at_s": [0, 2, 1, 3]}, r"at_s must be finite, >= 0 and ascending, got 1.0 in row 2"),
        ({"at_s": [-1, 2, 3, 3]}, r"at_s must be .*, got -1.0 in row 0"),
        ({"at_s": [0, np.nan, 1, 3]}, r"at_s must be .*, got nan in row 1"),
        ({"at_s": [0, 1, 2, np.inf]}, r"at_s must be .*, got inf in row 3"),
        ({"item_id": [1, 2, -3, 4]}, "item_id must be >= 0, got -3 in row 2"),
        ({"item_id": [1, 2]}, r"item_id must have as many rows as at_s \(4\), got 2"),
        ({"item_id": [1.5, 2, 3, 4]}, "item_id must be a column of whole numbers, got float64"),
        (
            {"operation": ["INSERT", "UPSERT", "NO_OP", "REMOVE"]},
            "operation must be one of INSERT, .*, got 'UPSERT' in row 1",
        ),
        ({"operation": [0, 1, 3, 4]}, "operation must be one of .*, got 4 in row 3"),
        ({"bytes_before": [7, 100, 0, 140]}, r"bytes_before must be 0 \(no item\) or 36..409600 .*, got 7 in row 0"),
        ({"bytes_after": [100, 409_601, 0, 0]}, r"bytes_after must be .*, got 409601 in row 1"),
        ({"bytes_before": [50, 100, 0, 140]}, "bytes_before must be 0 for an INSERT, .*, got 50 in row 0"),
        ({"bytes_before": [0, 0, 0, 140]}, "bytes_before must be 0 for an INSERT, > 0 for MODIFY.*, got 0 in row 1"),
        ({"bytes_after": [100, 140, 0, 90]}, "bytes_after must be 0 for a REMOVE, .*, got 90 in row 3"),
        ({"bytes_after": [0, 140, 0, 0]}, "bytes_after must be 0 for a REMOVE, > 0 for INSERT.*, got 0 in row 0"),
        ({"bytes_after": [100, 140, 50, 0]}, "bytes_after must equal bytes_before for a NO_OP, got 50 in row 2"),
    ],
)
def test_wrong_columns_are_told_with_their_row(changed, message):
    with pytest.raises(ValueError, match=message):
        ReplayWrites(columns=columns(**changed))


def test_missing_columns_are_named():
    with pytest.raises(ValueError, match=r"columns must be at_s, .*, got none named operation, bytes_after"):
        ReplayWrites(columns={"at_s": [], "item_id": [], "bytes_before": []})
