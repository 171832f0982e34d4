"""A run that is interrupted tells of its past: each frame holds the full run's rows up to that instant."""

import numpy as np
import pandas as pd
import pytest

import ddbsim as ds
from ddbsim.randomness import RandomStreams
from ddbsim.result.result import FRAMES
from ddbsim.run import draw_writes, run

RATE = ds.PoissonWrites(rate_per_s=20, keys=ds.UniformKeys(items=40))
ITEMS = ds.ItemWrites([(n * 0.11, "put", {"pk": f"{n % 7}", "n": n}) for n in range(900)])
FAILING = ds.Function(
    name="failing",
    duration=ds.Duration(base_s=0.3),
    failures=ds.Failures(error_probability=0.3, poison_items=(3,)),
    cold_start=ds.ColdStart(init=0.4, placement_s=0.3, idle=2.0),
)
MAPPING = ds.EventSourceMapping(
    function=FAILING,
    batch_size=5,
    maximum_retry_attempts=2,
    bisect_batch_on_function_error=True,
    on_failure=ds.Destination("sqs"),
)
LATE = ds.EventSourceMapping(
    name="late",
    created_s=30.3,
    starting_position="LATEST",
    suspensions=ds.Suspension(start_s=60, end_s=70, kind="updated"),
    filter_criteria={"eventName": ["MODIFY"]},
)
ROLLING = ds.Stream(shard_lifetime=ds.Uniform(10, 30), retention_s=40.0)
SCENARIOS = {
    "plain": {"workload": RATE},
    "failing": {"workload": RATE, "event_source_mappings": MAPPING, "stream": ROLLING},
    "late": {"workload": RATE, "event_source_mappings": (MAPPING, LATE), "stream": ROLLING},
    "split": {
        "workload": RATE,
        "table": ds.Table(partitions=2, splits=(ds.Split(at_s=20.5), ds.Split(at_s=70.2, partition=1))),
    },
    "readers": {"workload": RATE, "stream_readers": (ds.StreamReader(kind="kcl"), ds.StreamReader(name="other"))},
    "read-backs": {
        "workload": RATE,
        "stream": ds.Stream(view_type="KEYS_ONLY"),
        "event_source_mappings": ds.EventSourceMapping(function=ds.Function(needs="new")),
    },
    "items": {"workload": ITEMS},
    "expiring": {"workload": RATE, "table": ds.Table(time_to_live=ds.TimeToLive(after_s=3, late=0.0, scan_s=1.0))},
    "on demand": {"workload": RATE, "table": ds.Table(billing=ds.OnDemand())},
    "throttled": {
        "workload": RATE,
        "table": ds.Table(billing=ds.Provisioned(write_capacity_units=15, burst_s=0.0)),
    },
    "closed loop": {
        "workload": ds.ClosedLoopWrites(clients=5, think_s=0.2),
        "table": ds.Table(billing=ds.Provisioned(write_capacity_units=12, burst_s=0.0)),
    },
    "switched": {
        "workload": RATE,
        "table": ds.Table(
            billing=ds.Provisioned(write_capacity_units=30),
            billing_switches=ds.BillingSwitch(at_s=44.5, billing=ds.Provisioned(write_capacity_units=12)),
        ),
    },
}
DURATION_S = 100.0


def both(name, ended_s, duration_s=DURATION_S):
    """The run, and the same interrupted when its bar comes to an instant."""
    scenario = ds.Scenario(duration_s=max(duration_s, DURATION_S), **SCENARIOS[name]).until(duration_s)
    streams = RandomStreams(7)
    writes = draw_writes(scenario, streams)

    def interrupt(now_s):
        if now_s >= ended_s:
            raise KeyboardInterrupt

    return run(scenario, writes, streams), run(scenario, writes, streams, progress=interrupt)


def known(frame, ended_s, instants):
    """Rows with instants beyond the end hidden."""
    hidden = {column: frame[column].where(frame[column] <= ended_s) for column in instants}
    return frame.assign(**hidden)


def same(ours, theirs, columns=None):
    columns = list(theirs.columns) if columns is None else columns
    texts = {c: str for c in columns if isinstance(theirs[c].dtype, pd.CategoricalDtype)}
    frames = [frame[columns].astype(texts).reset_index(drop=True) for frame in (ours, theirs)]
    pd.testing.assert_frame_equal(*frames)


@pytest.mark.filterwarnings("ignore::ddbsim.IneffectiveSettingWarning")
@pytest.mark.parametrize("ended_s", [1.0, 33.0, 62.0])
@pytest.mark.parametrize("name", SCENARIOS)
def test_each_frame_is_that_of_the_full_run_up_to_the_interrupt(name, ended_s):
    whole, cut = both(name, ended_s)
    assert cut.partial
    assert cut.ended_s == ended_s
    log = known(whole.stream_log[whole.stream_log["written_s"] < ended_s], ended_s, ("received_s", "completed_s"))
    unchanged = ["event_source_mapping", "record_id", "item_id", "shard_id", "sequence_number", "event_name"]
    same(cut.stream_log, log, [*unchanged, "written_s", "visible_s", "size_bytes", "received_s", "completed_s"])
    calls = whole.invocations[whole.invocations["started_s"] < ended_s]
    # one that was accepted in time may be placed later
    cut_calls = cut.invocations[cut.invocations["started_s"] < ended_s]
    same(
        cut_calls,
        calls,
        ["event_source_mapping", "shard_id", "lane", "attempt", "started_s", "init_s", "records"],
    )
    ended = calls["started_s"] + calls["init_s"] + calls["duration_s"] <= ended_s
    assert (cut_calls["outcome"].astype(str).to_numpy()[~ended.to_numpy()] == "running").all()
    same(cut_calls[ended.to_numpy()], calls[ended], ["duration_s", "outcome", "billed_ms"])
    same(cut.discards, whole.discards[whole.discards["discarded_s"] < ended_s])
    same(cut.latency_parts, whole.latency_parts[done(whole, ended_s)])
    same(cut.read_backs, whole.read_backs[whole.read_backs["started_s"] < ended_s])
    for frame in ("table_load", "index_load"):
        same(cut.frame(frame), whole.frame(frame)[whole.frame(frame)["at_s"] < ended_s])
    load = whole.partition_load
    same(cut.partition_load, load[(load["at_s"] < ended_s) & load["partition"].isin(cut.partition_load["partition"])])
    same(cut.scaling, whole.scaling[whole.scaling["effective_s"] < ended_s])
    for frame in ("partitions", "shards"):
        rows = known(whole.frame(frame)[whole.frame(frame)["opened_s"] < ended_s], ended_s, ("closed_s",))
        same(cut.frame(frame), rows, [column for column in rows if column not in ("records", "bytes")])
    assert cut.shards["records"].sum() == len(cut.stream_log) / len(cut.scenario.mappings)
    whole_minutes = ended_s // 60 * 60
    for frame in ("metrics", "reads"):
        rows = [one.frame(frame)[one.frame(frame)["minute_s"] < whole_minutes] for one in (cut, whole)]
        same(*rows)
        assert (cut.frame(frame)["minute_s"] < ended_s).all()


def done(result, ended_s):
    parts = result.latency_parts
    return parts["written_s"] + parts["latency_s"] <= ended_s


@pytest.mark.filterwarnings("ignore::ddbsim.IneffectiveSettingWarning")
@pytest.mark.parametrize("name", SCENARIOS)
def test_writes_summary_bill_and_check_end_at_the_same_instant(name):
    ended_s = 33.0
    whole, cut = both(name, ended_s)
    taken = whole.writes[whole.writes["written_s"] < ended_s]
    same(
        cut.writes[cut.writes["written_s"].notna()],
        taken,
        ["written_s", "item_id", "operation", "write_units", "partition", "attempts"],
    )
    assert not (cut.writes["requested_s"] >= ended_s).any()
    assert cut.table_load["admitted"].sum() == (cut.writes["written_s"].notna() & (cut.writes["kind"] != "ttl")).sum()
    units = cut.writes["write_units"].sum()
    assert cut.metrics.groupby("event_source_mapping")["ConsumedWriteCapacityUnits"].sum().iloc[0] == units
    polled = cut.metrics["PolledEventCount"].sum()
    assert polled <= len(cut.stream_log)
    check = cut.check()
    assert check["ok"].all(), check[~check["ok"]].to_string()
    quantity = cut.bill().frame.set_index("component")["quantity"]
    if "write_request_units" in quantity:
        assert quantity["write_request_units"] == units
    waiting = int(cut.latency(0.5)["waiting"].sum())
    assert waiting == (cut.stream_log["outcome"] == "waiting").sum()
    assert f"{ended_s:,.0f} of {DURATION_S:,.0f} s" in str(cut.summary)


@pytest.mark.filterwarnings("ignore::ddbsim.IneffectiveSettingWarning")
@pytest.mark.parametrize("name", ["plain", "failing", "late", "split", "readers", "items"])
def test_an_interrupt_in_mid_second_is_exact_too(name):
    whole, cut = both(name, 0.0, duration_s=137.7)
    assert cut.ended_s == pytest.approx(1.377)
    load = cut.table_load
    assert len(load) == 2
    assert load["requested"].sum() == len(cut.writes) == (whole.writes["requested_s"] < cut.ended_s).sum()
    assert (cut.stream_log["written_s"] < cut.ended_s).all()


def test_steps_of_partition_load_are_those_of_the_whole_run():
    SCENARIOS["long"] = {"workload": ds.PoissonWrites(rate_per_s=1), "table": ds.Table(billing=ds.OnDemand())}
    for billing in (None, ds.OnDemand()):
        SCENARIOS["long"]["table"] = ds.Table(billing=billing)
        whole, cut = both("long", 144.0, duration_s=7_200.0)
        same(
            cut.partition_load, whole.partition_load[whole.partition_load["at_s"] < 120].pipe(upto, cut.partition_load)
        )
    del SCENARIOS["long"]


def upto(full_minutes, cut):
    """The full minutes, and the started one as the interrupted run has it."""
    started = cut[cut["at_s"] >= 120.0]
    assert (started["at_s"] == 120.0).all()
    assert len(started) == cut["partition"].nunique()
    return pd.concat((full_minutes, started), ignore_index=True)


def test_a_run_that_is_interrupted_at_once_has_frames():
    scenario = ds.Scenario(duration_s=DURATION_S, **SCENARIOS["plain"])
    streams = RandomStreams(7)

    def interrupt(_):
        raise KeyboardInterrupt

    result = run(scenario, draw_writes(scenario, streams), streams, progress=interrupt)
    assert result.ended_s == 1.0
    assert {name: len(result.frame(name)) for name in FRAMES}["table_load"] == 1
    assert np.isfinite(result.bill().usd_per_month)
