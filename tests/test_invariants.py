"""What holds in every run, whatever the scenario: states, order, conservation, sums, and what the seed decides."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from random_scenarios import scenarios, seeds

import ddbsim as ds
from ddbsim.analysis.latency import PARTS
from ddbsim.log.schema import SCHEMA
from ddbsim.result.result import FRAMES

LOG, RUN = "stream_log", "invocations"


def simulate(scenario: ds.Scenario, seed: int) -> ds.Result:
    return ds.simulate(scenario, rng=seed, progress=False)


def check_states(result: ds.Result) -> None:
    """Each record has one row, hence one state, per consumer; its columns fit its state."""
    log, disabled_s = result.stream_log, result.scenario.stream.disabled_s
    changed = result.writes[result.writes["operation"] != "NO_OP"]
    records = len(changed) if disabled_s is None else int((changed["written_s"] < disabled_s).sum())
    mappings = [mapping.label for mapping in result.scenario.mappings]
    assert len(log) == records * len(mappings)
    assert not log.duplicated(["event_source_mapping", "record_id"]).any()
    assert set(log["outcome"]) <= {"processed", "discarded", "expired", "waiting", "filtered", "skipped"}
    assert (log["completed_s"].notna() == (log["outcome"] == "processed")).all()
    assert (log["received_s"].notna() == (log["deliveries"] > 0)).all()
    assert result.shards["records"].sum() == records


def check_order_in_time(result: ds.Result) -> None:
    """Written <= visible <= received <= completed < the run's end."""
    log = result.stream_log
    assert (log["visible_s"] >= log["written_s"]).all()
    received = log[log["received_s"].notna()]
    assert (received["received_s"] >= received["visible_s"]).all()
    done = log[log["outcome"] == "processed"]
    assert (done["completed_s"] >= done["received_s"]).all()
    assert (done["completed_s"] <= result.ended_s).all()


def check_order_per_item(result: ds.Result) -> None:
    """The records of an item arrive, and are done, in the order of its writes."""
    for _, log in result.stream_log.groupby(["event_source_mapping", "item_id"], observed=True):
        for column in ("received_s", "completed_s"):
            assert log[column].dropna().is_monotonic_increasing
        # what was never delivered was passed over by no later record that was: it is waiting, or was given up
        delivered = np.flatnonzero(log["deliveries"].to_numpy() > 0)
        last = delivered[-1] if len(delivered) else 0
        assert "waiting" not in set(log["outcome"].iloc[:last][log["deliveries"].iloc[:last] == 0])


def check_invocations(result: ds.Result) -> None:
    """Deliveries add up over invocations; a lane has one at a time; throttled ones cost nothing."""
    rows = result.invocations
    ran = rows[rows["outcome"] != "throttled"]
    for name, log in result.stream_log.groupby("event_source_mapping", observed=True):
        assert log["deliveries"].sum() == ran.loc[ran["event_source_mapping"] == name, "records"].sum()
    assert not rows.loc[rows["outcome"] == "throttled", ["duration_s", "init_s", "billed_ms"]].any(axis=None)
    assert (rows["records"] >= 1).all()
    for mapping in result.scenario.mappings:
        mine = rows[rows["event_source_mapping"] == mapping.label]
        assert (mine["records"] <= mapping.batch_size).all()
        assert (mine["lane"] < mapping.parallelization_factor).all()
        assert (mine["duration_s"].dropna() <= mapping.function.timeout_s).all()
        assert not ((mine["records"] > 1) & (mine["payload_bytes"] > 6 * 2**20)).any()
    for _, lane in ran.groupby(["event_source_mapping", "shard_id", "lane"], observed=True):
        ends = (lane["started_s"] + lane["init_s"] + lane["duration_s"]).to_numpy()
        # the end is a sum in another order than the engine's
        assert (lane["started_s"].to_numpy()[1:] >= ends[:-1] - 1e-9).all()


def check_billing(result: ds.Result) -> None:
    """Each finished invocation is billed its init and duration, rounded up to whole milliseconds."""
    ran = result.invocations.query("outcome not in ('throttled', 'running')")
    exact_ms = (ran["init_s"] + ran["duration_s"]) * 1000.0
    assert (ran["billed_ms"] >= exact_ms - 1e-5).all()
    assert (ran["billed_ms"] < exact_ms + 1.0).all()
    running = result.invocations.query("outcome == 'running'")
    assert not running["billed_ms"].any()


def check_concurrency(result: ds.Result) -> None:
    """No function runs more at once than it reserved; all others together no more than what is left."""
    functions = {mapping.function.name: mapping.function for mapping in result.scenario.mappings}
    reserved = {name: f.reserved_concurrency for name, f in functions.items() if f.reserved_concurrency is not None}
    rest = [name for name in functions if name not in reserved]
    for names, limit in [([name], limit) for name, limit in reserved.items()] + [
        (rest, result.scenario.account_concurrency - sum(reserved.values()))
    ]:
        assert most_at_once(result.invocations[result.invocations["function"].isin(names)]) <= limit


def most_at_once(rows: pd.DataFrame) -> int:
    rows = rows[rows["outcome"] != "throttled"]
    ends = (rows["started_s"] + rows["init_s"] + rows["duration_s"]).fillna(math.inf)
    # an end and a start may fall together, and then differ by their rounding
    at = np.concatenate((ends.to_numpy() - 1e-9, rows["started_s"].to_numpy()))
    steps = np.concatenate((np.full(len(rows), -1), np.ones(len(rows), dtype=int)))
    return int(np.cumsum(steps[np.argsort(at, kind="stable")]).max(initial=0))


def check_discards(result: ds.Result) -> None:
    """Each record given up stands in one row of `discards`, under the condition that its state tells."""
    lost = result.discards.assign(expired=result.discards["condition"] == "TrimmedByRetention")
    for name, log in result.stream_log.groupby("event_source_mapping", observed=True):
        rows = lost[lost["event_source_mapping"] == name]
        assert rows.loc[~rows["expired"], "records"].sum() == (log["outcome"] == "discarded").sum()
        assert rows.loc[rows["expired"], "records"].sum() == (log["outcome"] == "expired").sum()
    assert (lost["discarded_s"] < result.ended_s).all()
    assert (lost["last_sequence_number"] - lost["first_sequence_number"] >= lost["records"] - 1).all()
    assert (lost.loc[~lost["expired"], "approximate_invoke_count"] >= 1).all()


def check_latency_parts(result: ds.Result) -> None:
    """The parts of a latency sum to it, none is negative, and each processed record has its row."""
    parts = result.latency_parts
    done = result.stream_log[result.stream_log["outcome"] == "processed"]
    assert len(parts) == len(done)
    np.testing.assert_allclose(parts[list(PARTS)].sum(axis=1), parts["latency_s"], rtol=0, atol=1e-9)
    assert (parts[list(PARTS)] >= -1e-9).all(axis=None)
    order = ["event_source_mapping", "record_id"]
    latency = (done["completed_s"] - done["written_s"]).to_numpy()
    assert parts[order].astype(str).to_numpy().tolist() == done[order].astype(str).to_numpy().tolist()
    np.testing.assert_allclose(parts["latency_s"], latency, rtol=0, atol=1e-9)


def check_metrics(result: ds.Result) -> None:
    """CloudWatch's sums are the invocations' sums, minute by minute and in all."""
    rows, metrics = result.invocations, result.metrics
    for name, mine in metrics.groupby("event_source_mapping", observed=True):
        of_mapping = rows[rows["event_source_mapping"] == name]
        ran = of_mapping[of_mapping["outcome"] != "throttled"]
        minutes = (ran["started_s"] // 60).value_counts().reindex(mine["minute_s"] / 60, fill_value=0)
        assert minutes.tolist() == mine["Invocations"].tolist()
        assert mine["Throttles"].sum() == len(of_mapping) - len(ran)
        assert mine["Errors"].sum() == ran["outcome"].isin(("error", "timeout")).sum()
        assert mine["ConsumedWriteCapacityUnits"].sum() == result.writes["write_units"].sum()
        if ran["duration_s"].notna().any():
            assert mine["Duration_Maximum"].max() == pytest.approx(ran["duration_s"].max() * 1000)


def check_itself(result: ds.Result) -> None:
    """The run's own check finds nothing."""
    table = result.check()
    assert table["ok"].all(), table.loc[~table["ok"], "detail"].tolist()


CHECKS = (
    check_states,
    check_order_in_time,
    check_order_per_item,
    check_invocations,
    check_billing,
    check_concurrency,
    check_discards,
    check_latency_parts,
    check_metrics,
    check_itself,
)


def check_everything(scenario: ds.Scenario, seed: int) -> None:
    result = simulate(scenario, seed)
    for check in CHECKS:
        check(result)
    again = simulate(scenario, seed)
    for name in FRAMES:
        pd.testing.assert_frame_equal(result.frame(name), again.frame(name), check_exact=True)


@given(scenario=scenarios(), seed=seeds)
def test_the_invariants_hold_in_any_run(scenario, seed):
    check_everything(scenario, seed)


@pytest.mark.thorough
@given(scenario=scenarios(), seed=seeds)
def test_the_invariants_hold_in_hundreds_of_runs(scenario, seed):
    check_everything(scenario, seed)


@given(scenario=scenarios(), seed=seeds)
def test_another_view_type_gets_the_same_writes_and_other_bytes(scenario, seed):
    logs = {}
    for view_type in ds.VIEW_TYPES:
        result = simulate(replace(scenario, stream=replace(scenario.stream, view_type=view_type)), seed)
        logs[view_type] = result
    first = logs["KEYS_ONLY"]
    for result in logs.values():
        pd.testing.assert_frame_equal(result.writes, first.writes, check_exact=True)
        same = ["record_id", "item_id", "shard_id", "sequence_number", "event_name", "written_s", "visible_s"]
        pd.testing.assert_frame_equal(result.stream_log[same], first.stream_log[same], check_exact=True)
    size = {name: result.stream_log["size_bytes"].to_numpy() for name, result in logs.items()}
    # both images carry the keys of one record, so a record of both is one set of keys less than the two singly
    np.testing.assert_array_equal(size["NEW_AND_OLD_IMAGES"], size["NEW_IMAGE"] + size["OLD_IMAGE"] - size["KEYS_ONLY"])
    assert (size["NEW_IMAGE"] > size["KEYS_ONLY"]).tolist() == (first.stream_log["event_name"] != "REMOVE").tolist()
    assert (size["OLD_IMAGE"] > size["KEYS_ONLY"]).tolist() == (first.stream_log["event_name"] != "INSERT").tolist()


@given(scenario=scenarios(), seed=seeds)
def test_another_reader_leaves_the_writes_alone(scenario, seed):
    other = ds.EventSourceMapping(name="other", batch_size=3, parallelization_factor=2)
    first, second = simulate(scenario, seed), simulate(replace(scenario, event_source_mappings=other), seed)
    pd.testing.assert_frame_equal(first.writes, second.writes, check_exact=True)


def test_the_schema_names_what_is_checked_here():
    assert {column.name for column in SCHEMA["latency_parts"]} >= set(PARTS)
