"""Readers that are not Lambda, beside mappings and alone: what they read, how late, and what is said of it."""

import pickle

import numpy as np
import pandas as pd
import pytest

import ddbsim as ds
from ddbsim.plots import describe
from ddbsim.randomness import RandomStreams
from ddbsim.result.result import FRAMES
from ddbsim.run import draw_writes
from ddbsim.run import run as simulated
from ddbsim.widgets import explore

FAST = ds.StreamReader(name="search", kind="kcl")
SLOW = ds.StreamReader(name="archive", interval_s=30.0, records_per_read=100)


def scenario(*readers, mappings=(), rate_per_s=50, duration_s=240, **settings):
    return ds.Scenario(
        workload=ds.PoissonWrites(rate_per_s=rate_per_s),
        table=ds.Table(partitions=2),
        event_source_mappings=mappings,
        stream_readers=readers,
        duration_s=duration_s,
        **settings,
    )


def run(one, rng=7):
    return ds.simulate(one, rng=rng, progress=False)


@pytest.fixture(scope="module")
def alone():
    return run(scenario(FAST, SLOW))


def test_the_log_of_the_reads_is_what_the_calls_brought(alone):
    read = alone.read_log.dropna(subset="read_s")
    by_reader = read.groupby("reader", observed=True)["size_bytes"].agg(["size", "sum"])
    calls = alone.reads.groupby("reader", observed=True)[["records", "bytes"]].sum()
    np.testing.assert_array_equal(by_reader.to_numpy(), calls.to_numpy())
    assert len(alone.read_log) == 2 * alone.shards["records"].sum()
    # a call takes what is visible, and the next one comes 30 s later
    slow = read[read["reader"] == "archive"].groupby("shard_id", observed=True)["read_s"].unique()
    for instants in slow:
        np.testing.assert_allclose(np.diff(np.sort(instants)), 30.0)
    assert read[read["reader"] == "archive"].groupby(["shard_id", "read_s"], observed=True).size().max() == 100


def test_a_reader_reads_the_same_beside_a_mapping(alone):
    beside = run(scenario(FAST, mappings=ds.EventSourceMapping()))
    mine = alone.read_log[alone.read_log["reader"] == "search"].reset_index(drop=True)
    pd.testing.assert_frame_equal(beside.read_log, mine, check_categorical=False)
    pd.testing.assert_frame_equal(
        beside.records().drop(columns=["event_source_mapping", "received_s", "completed_s", "deliveries", "outcome"]),
        alone.records().drop(columns=["reader", "read_s", "outcome"]),
    )


def test_their_numbers_are_those_of_the_log(alone):
    numbers = alone.reader_numbers().set_index("reader")
    for name, log in alone.read_log.groupby("reader", observed=True):
        mine = numbers.loc[name]
        assert mine["read"] == log["read_s"].notna().sum()
        assert mine["read"] + mine["waiting"] + mine["expired"] == len(log)
        ages_s = log["read_s"].fillna(alone.ended_s) - log["written_s"]
        assert mine["lag_max_s"] == pytest.approx(ages_s.max())
        assert mine["lag_end_s"] == pytest.approx(ages_s[log["read_s"].isna()].max())
    assert numbers["verdict"].tolist() == ["keeps up", "does not keep up"]
    lag_s = alone.read_log.query("reader == 'search'").eval("read_s - written_s")
    assert numbers.loc["search", "lag_p99_s"] == pytest.approx(np.nanquantile(lag_s, 0.99), rel=0.05)
    assert np.isinf(numbers.loc["archive", ["lag_p50_s", "lag_p99_s"]].to_numpy(dtype=float)).all()


def test_a_warm_up_leaves_its_records_out():
    numbers = run(scenario(FAST, warmup_s=120)).reader_numbers().loc[0]
    log = run(scenario(FAST)).read_log
    assert numbers["read"] == (log["read_s"].notna() & (log["written_s"] >= 120)).sum()


def test_what_expires_before_it_is_read_is_told():
    result = run(scenario(SLOW, stream=ds.Stream(retention_s=60.0)))
    log, numbers = result.read_log, result.reader_numbers().loc[0]
    assert numbers["expired"] == (log["outcome"] == "expired").sum() > 1_000
    assert (log.loc[log["outcome"] == "expired", "written_s"] < result.ended_s - 60.0).all()
    assert (log["read_s"] - log["written_s"]).max() <= 60.0
    assert f"archive: {numbers['expired']:,} records expired before it read them" in result.summary.warnings
    assert result.check()["ok"].all()


def test_the_summary_has_a_table_of_readers(alone):
    text = str(alone.summary)
    assert "event_source_mapping" not in text
    assert alone.summary.readers.set_index("stream reader").loc["archive", "keeps up"] == "NO"
    assert alone.summary.readers.set_index("stream reader").loc["archive", "lag p99 (s)"] == "grows without limit"
    (note,) = alone.summary.warnings
    numbers = alone.reader_numbers().set_index("reader").loc["archive"]
    written = len(alone.read_log) // 2
    assert note.startswith(f"archive: does not keep up: it read {numbers['read']:,} of {written:,} records; offered ")
    assert "the busiest shard limit allows 3" in note
    both = run(scenario(FAST, mappings=ds.EventSourceMapping()))
    assert both.summary._repr_html_().count("<table") == 2


@pytest.mark.parametrize("share", [0.8, 0.95, 1.05, 1.3])
def test_capacity_says_whether_a_run_keeps_up(share):
    # 100 records every 2 s from each of two shards: 100 records/s
    reader = ds.StreamReader(interval_s=2.0, records_per_read=100)
    one = scenario(reader, rate_per_s=100.0 * share, duration_s=1_200)
    told = ds.closed_form(one).set_index("limit")["load"]
    assert told["reads"] == pytest.approx(share)
    result = run(one)
    assert result.capacity().set_index("limit").loc["reads", "load"] == pytest.approx(share, rel=0.02)
    assert (result.reader_numbers().loc[0, "verdict"] == "keeps up") == (share < 1.0)


def test_a_run_without_a_mapping_has_every_frame_and_is_saved(alone, tmp_path):
    assert alone.check()["ok"].all()
    assert alone.metrics["event_source_mapping"].isna().all()
    assert alone.metrics["ConsumedWriteCapacityUnits"].sum() == alone.writes["write_units"].sum()
    alone.to_parquet(tmp_path / "run")
    for again in (ds.read_result(tmp_path / "run"), pickle.loads(pickle.dumps(alone))):
        for name in FRAMES:
            pd.testing.assert_frame_equal(again.frame(name), alone.frame(name))
        assert str(again.summary) == str(alone.summary)
    assert ds.Scenario.from_toml(alone.scenario.to_toml()) == alone.scenario


def test_a_run_without_a_mapping_can_be_read_drawn_and_billed(alone):
    client, mapped = alone.stream_client(), run(scenario(mappings=ds.EventSourceMapping())).stream_client()
    assert client.list_streams(TableName="table") == mapped.list_streams(TableName="table")
    calls = alone.bill().frame.set_index("component").loc["stream_read_request_units", "quantity"]
    assert calls == alone.reads["calls"].sum()
    assert "There is nothing" in describe(ds.plots.lag(alone))
    assert (run(scenario(FAST, duration_s=2)).events["what"] == "write").any()


def test_an_interrupt_ends_the_reads_with_the_run():
    def interrupt(now_s):
        if now_s > 100:
            raise KeyboardInterrupt

    one, streams = scenario(FAST), RandomStreams(7)
    result = simulated(one, draw_writes(one, streams), streams, progress=interrupt)
    assert result.partial
    assert (result.read_log["read_s"].dropna() <= result.ended_s).all()
    assert result.check()["ok"].all()


SLO = ds.SLO(latency_p99_s=2.0)
NEEDS_A_MAPPING = {
    "replicate": lambda one: ds.replicate(one, 2, rng=1),
    "compare": lambda one: ds.compare(one, ds.vary(one, {"name": "other"}), rng=1),
    "sweep": lambda one: ds.sweep(one, {"rate_per_s": [1, 2]}, rng=1),
    "tornado": lambda one: ds.tornado(one, {"rate_per_s": (1, 2)}, rng=1),
    "latin_hypercube": lambda one: ds.latin_hypercube(one, {"rate_per_s": (1, 2)}, points=2, rng=1),
    "solve": lambda one: ds.solve(one, slo=SLO, vary={"rate_per_s": [1, 2]}, rng=1),
    "headroom": lambda one: ds.headroom(one, slo=SLO, rng=1),
    "drain": lambda one: ds.drain(one, outage_s=20, rng=1),
    "compare_view_types": lambda one: ds.compare_view_types(one, rng=1),
    "compare_transports": lambda one: ds.compare_transports(one, rng=1),
    "the explorer": explore,
}


@pytest.mark.parametrize("what", NEEDS_A_MAPPING)
def test_what_asks_for_a_mapping_says_so(what):
    with pytest.raises(ValueError, match=f"^{what} needs an EventSourceMapping, .* stream readers alone"):
        NEEDS_A_MAPPING[what](scenario(FAST))


def test_lint_looks_at_readers_without_a_mapping():
    assert ds.lint(scenario(FAST), rng=1).frame.empty
    (rule,) = ds.lint(scenario(SLOW), rng=1).frame["rule"]
    assert rule == "reader falls behind"


def test_headroom_tells_which_reader_cannot_follow():
    reader = ds.StreamReader(name="archive", interval_s=5.0, records_per_read=100)
    one = scenario(reader, mappings=ds.EventSourceMapping(), rate_per_s=30, duration_s=60)
    answer = ds.headroom(one, slo=SLO, replications=2, precision=0.1, rng=1, progress=False)
    assert answer.holds_per_s > 40
    assert "the reader archive cannot read so many" in repr(answer)


def test_a_stream_that_nobody_reads_is_refused():
    with pytest.raises(ValueError, match=r"^Scenario must have an EventSourceMapping .* got neither$"):
        scenario()
