"""Readers that are not Lambda: their calls, against a loop that makes every one."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ddbsim as ds
from ddbsim.record.reads import ShardRecords
from ddbsim.system.stream.readers import follow_shard
from ddbsim.system.stream.shared_reads import SharedReads

END_S = 90.0
MONTH_S = 730 * 3_600.0


def shard(visible, sizes, *, written=None, closed_s=math.inf):
    visible = np.array(visible, dtype=np.float64)
    written = visible if written is None else np.array(written, dtype=np.float64)
    return ShardRecords(0, -1, 0.0, closed_s, written, visible, np.array(sizes, dtype=np.int32))


def shared_by(readers, seed):
    if readers == 2:
        return None
    return SharedReads(ds.Stream(throttled_read_stretch_s=8.0), readers, 0.0, END_S, np.random.default_rng(seed))


def call_by_call(records, rhythm, at_s, shared, retention_s):
    """Make each call by itself, and take over records one by one: (instant, refused, records brought)."""
    readable = records.visible_s if shared is None else shared.readable_s(records.visible_s)
    position, calls = 0, []
    while at_s < END_S:
        if shared is not None and shared.refuses(at_s):
            calls.append((at_s, True, []))
            at_s += rhythm[1]
            continue
        taken, size = [], 0
        while position < len(readable) and readable[position] <= at_s and len(taken) < 1_000:
            if not taken and records.written_s[position] < at_s - retention_s:
                position += 1
                continue
            if taken and size + records.size_bytes[position] > 2**20:
                break
            size += records.size_bytes[position]
            taken.append(position)
            position += 1
        calls.append((at_s, False, taken))
        if position == len(readable) and records.closed_s <= at_s:
            return calls
        at_s += rhythm[0] if taken else rhythm[1]
    return calls


# times in eighths of a second: sums of them are exact
eighths = st.integers(0, 800).map(lambda number: number / 8)


@given(
    visible=st.lists(eighths, max_size=60).map(sorted),
    sizes=st.lists(st.sampled_from([100, 300_000, 800_000]), min_size=60, max_size=60),
    rhythm=st.sampled_from([(1.0, 2.0), (0.25, 1.0), (0.5, 0.125)]),
    at_s=eighths,
    closed_s=st.one_of(st.just(math.inf), eighths),
    readers=st.sampled_from([2, 2, 3, 5]),
    retention_s=st.sampled_from([math.inf, 12.0]),
    seed=st.integers(0, 100),
)
def test_calls_that_bring_nothing_are_counted_as_a_loop_over_each_counts_them(
    visible, sizes, rhythm, at_s, closed_s, readers, retention_s, seed
):
    visible = [at for at in visible if at <= closed_s]
    written = [at - 0.5 for at in visible]
    records = shard(visible, sizes[: len(visible)], written=written, closed_s=closed_s)
    reader = ds.StreamReader(interval_s=rhythm[0], empty_interval_s=rhythm[1])
    made = follow_shard(reader, records, at_s, END_S, shared=shared_by(readers, seed), retention_s=retention_s)
    expected = call_by_call(records, rhythm, at_s, shared_by(readers, seed), retention_s)
    assert made.answered == sum(not refused for _, refused, _ in expected)
    read_s = {record: at for at, _, taken in expected for record in taken}
    np.testing.assert_array_equal(made.read_s(), [read_s.get(n, math.nan) for n in range(len(visible))])
    minutes = made.by_minute()
    for minute_s in (0.0, 60.0):
        inside = [one for one in expected if minute_s <= one[0] < minute_s + 60]
        row = np.flatnonzero(minutes["minute_s"] == minute_s)
        assert len(row) == bool(inside)
        if inside:
            found = [int(minutes[name][row[0]]) for name in ("calls", "throttled", "records", "bytes")]
            ages_s = [at - records.written_s[positions[-1]] for at, _, positions in inside if positions]
            assert np.isnan(minutes["age_max_s"][row[0]]) if not ages_s else minutes["age_max_s"][row[0]] == max(ages_s)
            taken = [record for _, _, records_taken in inside for record in records_taken]
            size = int(records.size_bytes[taken].sum())
            refused = sum(one[1] for one in inside)
            assert found == [len(inside) - refused, refused, len(taken), size]


def test_a_read_takes_a_thousand_records_and_the_reader_falls_behind():
    made = follow_shard(ds.StreamReader(kind="kcl"), shard(np.zeros(2_500), np.full(2_500, 100)), 0.5, 10.0)
    assert made.page_s == [0.5, 1.5, 2.5]
    assert made.page_end == [1_000, 2_000, 2_500]
    assert (made.run_s, made.run_calls) == ([3.5], [4])
    assert made.read_s()[[0, 999, 1_000, 2_499]].tolist() == [0.5, 0.5, 1.5, 2.5]


@pytest.mark.parametrize(("kind", "interval_s", "calls"), [("kcl", None, 1_314_000), ("custom", 0.25, 10_512_000)])
def test_an_idle_month_is_one_step_and_called_as_often_as_the_published_arithmetic_has_it(kind, interval_s, calls):
    made = follow_shard(ds.StreamReader(kind=kind, interval_s=interval_s), shard([], []), 0.0, MONTH_S)
    assert made.steps == 1
    assert made.answered == calls


def test_a_month_with_a_record_a_day_takes_steps_by_its_records():
    days = np.arange(30) * 86_400.0 + 7.3
    made = follow_shard(ds.StreamReader(kind="flink"), shard(days, np.full(30, 700)), 0.4, MONTH_S)
    assert made.steps <= 2 * 30 + 1
    minutes = made.by_minute()
    assert minutes["records"].sum() == 30
    assert minutes["calls"].sum() == made.answered
    assert len(minutes["calls"]) == MONTH_S // 60


def test_reads_have_no_row_for_a_minute_in_which_a_shard_was_not_called():
    scenario = ds.Scenario(
        workload=ds.PoissonWrites(rate_per_s=1.0),
        table=ds.Table(partitions=1),
        stream=ds.Stream(shard_lifetime=300.0),
        stream_readers=ds.StreamReader(interval_s=90.0),
        duration_s=1_800.0,
    )
    result = ds.simulate(scenario, rng=7, progress=False)
    reads = result.reads
    assert (reads["calls"] + reads["throttled"] > 0).all()
    assert reads["records"].sum() > 1_500
    assert len(reads) <= 1_800 / 90 + len(result.shards)


def test_rows_of_reads_grow_with_time_and_not_with_shards_times_time():
    def rows(days):
        scenario = ds.Scenario(
            workload=ds.PoissonWrites(rate_per_s=1 / 3_600),
            stream_readers=ds.StreamReader(kind="kcl"),
            duration_s=days * 86_400.0,
        )
        result = ds.simulate(scenario, rng=7, progress=False)
        return len(result.reads), len(result.metrics)

    short, long = rows(1), rows(4)
    assert 3.9 < long[0] / short[0] < 4.1
    assert long[0] < 4 * 1_440 * 4 * 1.02
