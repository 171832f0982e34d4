"""Readers of one's own: when they call, against a loop that makes every call."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddbsim.analysis.polling import Polling, poll, poll_shard
from ddbsim.analysis.read_calls import read_calls

SECOND = Polling(1.0, 2.0)


def call_by_call(visible, sizes, polling, start_s, end_s, closed_s):
    """Make each call by itself, and take over records one by one."""
    now, position, calls = start_s, 0, []
    while now < end_s and (now < closed_s or position < len(visible)):
        taken = size = 0
        while position < len(visible) and visible[position] <= now and taken < 1_000:
            if taken and size + sizes[position] > 2**20:
                break
            size, taken, position = size + sizes[position], taken + 1, position + 1
        calls.append((now, position))
        now += polling.busy_s if taken else polling.idle_s
    return calls


# times in eighths of a second: sums of them are exact
eighths = st.integers(0, 800).map(lambda number: number / 8)


@given(
    visible=st.lists(eighths, max_size=60).map(sorted),
    sizes=st.lists(st.sampled_from([100, 300_000, 800_000]), min_size=60, max_size=60),
    rhythm=st.sampled_from([(1.0, 2.0), (0.25, 1.0), (0.5, 0.125)]),
    start_s=eighths,
    closed_s=st.one_of(st.just(math.inf), eighths),
)
def test_stretches_without_records_change_nothing(visible, sizes, rhythm, start_s, closed_s):
    visible = [at for at in visible if at <= closed_s]
    sizes = sizes[: len(visible)]
    made = poll_shard(
        np.array(visible), np.array(sizes), Polling(*rhythm), start_s=start_s, end_s=90.0, closed_s=closed_s
    )
    expected = call_by_call(visible, sizes, Polling(*rhythm), start_s, 90.0, closed_s)
    assert list(zip(made.at_s.tolist(), made.read.tolist(), strict=True)) == expected


def test_a_read_takes_a_thousand_records_and_the_reader_falls_behind():
    visible = np.zeros(2_500)
    made = poll_shard(visible, np.full(2_500, 100), SECOND, start_s=0.5, end_s=10.0)
    assert made.at_s.tolist() == [0.5, 1.5, 2.5, 3.5, 5.5, 7.5, 9.5]
    assert made.read.tolist() == [1_000, 2_000, 2_500, 2_500, 2_500, 2_500, 2_500]
    assert made.read_s()[[0, 999, 1_000, 2_499]].tolist() == [0.5, 0.5, 1.5, 2.5]


def test_an_idle_shard_is_called_as_often_as_the_published_arithmetic_has_it():
    nothing = np.empty(0)
    month_s = 730 * 3_600
    adapter = poll_shard(nothing, nothing, Polling(1.0, 2.0), start_s=0.0, end_s=month_s)
    assert len(adapter.at_s) == 1_314_000
    every_250_ms = poll_shard(nothing, nothing, Polling(0.25, 0.25), start_s=0.0, end_s=month_s)
    assert len(every_250_ms.at_s) == 10_512_000


def test_calls_are_counted_by_minute_and_shard_idle_ones_too():
    shards = pd.DataFrame({"shard_id": ["a", "b"], "opened_s": [0.0, 60.0], "closed_s": [90.0, math.nan]})
    log = pd.DataFrame({"shard_id": "a", "written_s": [10.0], "visible_s": [10.5], "size_bytes": [700]})
    calls, reads = poll(log, shards, SECOND, reader="own", phases_s=np.array([0.0, 1.0]), end_s=120.0)
    # a: 0, 2, ... 12 (reads), 13, 15, ... 89; b: from 61 on
    assert calls.to_dict("records") == [
        {"reader": "own", "shard_id": "a", "minute_s": 0.0, "calls": 31, "records": 1, "bytes": 700},
        {"reader": "own", "shard_id": "a", "minute_s": 60.0, "calls": 15, "records": 0, "bytes": 0},
        {"reader": "own", "shard_id": "b", "minute_s": 60.0, "calls": 30, "records": 0, "bytes": 0},
    ]
    assert reads.to_dict("records") == [{"written_s": 10.0, "read_s": 12.0}]


@pytest.mark.parametrize(("start_s", "calls"), [(0, 600), (60, 360), (90, 240), (120, 120)])
def test_calls_before_the_warm_up_are_not_billed(start_s, calls):
    reads = pd.DataFrame({"minute_s": [0.0, 60.0, 120.0], "calls": [240, 240, 120]})
    assert read_calls(reads, start_s, 150.0) == calls
