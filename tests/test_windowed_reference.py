"""Tumbling windows: the engine against the per-record reference model, to the last bit, state by state."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_scenarios import scenarios, seeds
from test_reference import FLAKY, OUTAGE, QUICK, SLOW, assert_same, assert_same_attempts, scenario
from windowed_reference import simulate_windows_by_record

import ddbsim as ds

WAITS_3_S = ds.Poller(idle_window_s=3.0)


class Counting:
    """A handler that counts records in its state, and notes each event by its shard."""

    def __init__(self, padding: int = 0) -> None:
        self.padding = "x" * padding
        self.notes: dict[str, list[tuple[Any, ...]]] = {}

    def __call__(self, event: dict[str, Any], context: object) -> dict[str, Any]:
        state, count = event["state"], len(event["Records"])
        flags = event["isFinalInvokeForWindow"], event["isWindowTerminatedEarly"]
        self.notes.setdefault(event["shardId"], []).append((count, state.get("count"), *flags))
        return {"state": {"count": state.get("count", 0) + count, "padding": state.get("padding", "") + self.padding}}


def with_handler(one: ds.Scenario, handler: Counting) -> ds.Scenario:
    """Give a scenario's function a handler, and the handler items: as many writes a second as the scenario has."""
    rng = np.random.default_rng(7)
    at_s = np.cumsum(rng.exponential(1 / one.workload.rate_per_s, int(one.duration_s * one.workload.rate_per_s)))
    rows = [(at, "put", {"pk": f"key {n % 40}", "ordinal": n}) for n, at in enumerate(at_s.tolist())]
    mapping = one.mappings[0]
    mapping = replace(mapping, function=replace(mapping.function, handler=handler))
    return replace(one, workload=ds.ItemWrites(rows), event_source_mappings=mapping)


def assert_same_states(one: ds.Scenario, seed: int, padding: int = 0) -> list[tuple[Any, ...]]:
    """Hold attempts and the events that a handler gets equal; return the notes of these events."""
    ours, theirs = Counting(padding), Counting(padding)
    result = ds.simulate(with_handler(one, ours), rng=seed, progress=False)
    assert_same_attempts(result, simulate_windows_by_record(with_handler(one, theirs), seed))
    assert ours.notes == theirs.notes
    return [note for notes in ours.notes.values() for note in notes]


CASES = {
    "one shard": scenario(partitions=1, tumbling_window_in_seconds=3),
    "batches of one window": scenario(tumbling_window_in_seconds=1, maximum_batching_window_in_seconds=3),
    "silence ends a window": scenario(rate=0.2, duration_s=90.0, tumbling_window_in_seconds=2, poller=WAITS_3_S),
    "silence while a batch is awaited": scenario(
        rate=0.3,
        duration_s=90.0,
        tumbling_window_in_seconds=2,
        maximum_batching_window_in_seconds=5,
        poller=WAITS_3_S,
    ),
    "shards end": scenario(
        rate=20.0, stream=ds.Stream(shard_lifetime=ds.Uniform(3, 5)), tumbling_window_in_seconds=10
    ),
    "shards end, and the lane needs a rest": scenario(
        rate=20.0,
        stream=ds.Stream(shard_lifetime=ds.Uniform(3, 5)),
        tumbling_window_in_seconds=10,
        poller=ds.Poller(turnaround_s=0.6),
    ),
    "failing calls": scenario(
        function=ds.Function(duration=QUICK, failures=ds.Failures(error_probability=0.3)),
        maximum_retry_attempts=2,
        tumbling_window_in_seconds=2,
        bisect_batch_on_function_error=True,
    ),
    "an outage longer than the retries": scenario(
        function=ds.Function(duration=QUICK, failures=OUTAGE), maximum_retry_attempts=1, tumbling_window_in_seconds=2
    ),
    "throttled calls": scenario(
        partitions=3, function=ds.Function(duration=SLOW, reserved_concurrency=1), tumbling_window_in_seconds=1
    ),
    "paused": scenario(
        suspensions=(ds.Suspension(start_s=3, end_s=6), ds.Suspension(start_s=12.5, end_s=14)),
        poller=ds.Poller(activation_delay=0.7, idle_window_s=0.5),
        rate=2.0,
        tumbling_window_in_seconds=1,
    ),
    "trimmed while it is paused": scenario(
        rate=9.7,
        partitions=1,
        stream=ds.Stream(retention_s=4.0, visibility_delay=0.0),
        suspensions=ds.Suspension(start_s=3.51, end_s=8.03),
        starting_position="TRIM_HORIZON",
        maximum_batching_window_in_seconds=1,
        poller=ds.Poller(activation_delay=0.31, idle_window_s=0.33),
        tumbling_window_in_seconds=1,
    ),
    "trimmed while a batch is awaited": scenario(
        rate=1.1,
        partitions=1,
        duration_s=75.0,
        stream=ds.Stream(retention_s=4.0, visibility_delay=0.0, shard_lifetime=ds.Uniform(2, 5)),
        batch_size=2,
        maximum_batching_window_in_seconds=3,
        poller=ds.Poller(idle_window_s=0.33),
        tumbling_window_in_seconds=1,
    ),
    "trimmed": scenario(
        function=ds.Function(duration=SLOW),
        stream=ds.Stream(retention_s=4.0),
        created_s=9.0,
        poller=ds.Poller(activation_delay=0.2, records_per_read=30),
        tumbling_window_in_seconds=1,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_windows_agree_with_the_reference(case):
    notes = assert_same_states(CASES[case], seed=7)
    assert len(notes) > 5
    assert any(final for *_, final, _ in notes)


def test_states_that_grow_too_large_end_their_windows_early():
    notes = assert_same_states(CASES["one shard"], seed=7, padding=400_000)
    assert any(early for *_, early in notes)
    assert any(final and not early for *_, final, early in notes)


def test_partial_responses_and_poison_items_agree_within_windows():
    function = ds.Function(name="indexer", duration=QUICK, failures=FLAKY)
    one = scenario(
        function=function,
        function_response_types=("ReportBatchItemFailures",),
        maximum_retry_attempts=1,
        tumbling_window_in_seconds=2,
    )
    reference = assert_same(one, 7, simulate_windows_by_record)
    assert {attempt.outcome for attempt in reference.attempts} >= {"success", "error", "partial"}


@st.composite
def windowed_scenarios(draw: st.DrawFn) -> ds.Scenario:
    """Draw a scenario whose first mapping has a tumbling window."""
    one = draw(scenarios())
    first, *others = one.mappings
    windowed = replace(
        first,
        parallelization_factor=1,
        filter_criteria=(),
        filter_match_fraction=None,
        tumbling_window_in_seconds=draw(st.sampled_from([1, 2, 7])),
        poller=replace(first.poller, idle_window_s=draw(st.sampled_from([0.33, 1.57, 120.0]))),
    )
    return replace(one, event_source_mappings=(windowed, *others))


@given(scenario=windowed_scenarios(), seed=seeds)
def test_windows_agree_in_any_scenario(scenario, seed):
    assert_same(scenario, seed, simulate_windows_by_record)


@pytest.mark.thorough
@given(scenario=windowed_scenarios(), seed=seeds)
@settings(max_examples=300)
def test_windows_agree_in_a_great_many_scenarios(scenario, seed):
    assert_same(scenario, seed, simulate_windows_by_record)
