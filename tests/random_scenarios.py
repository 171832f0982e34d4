"""Whole scenarios at random, for Hypothesis: small, but with every rule of the mapping in play."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

import ddbsim as ds
from ddbsim.scenario import without_setting_warnings

__all__ = ["scenarios", "seeds"]

# a run's last instant belongs to no run: a length that no sum of durations and windows hits
_LENGTHS_S = (4.0371, 10.0371, 10.0371, 20.0371, 75.0371)

seeds = st.integers(0, 2**32 - 1)

_NOISE = st.sampled_from([None, None, ds.Exponential(1.0), ds.LogNormal(median=1.0, sigma=0.6), ds.Uniform(0.5, 1.5)])


@st.composite
def workloads(draw: st.DrawFn) -> ds.PoissonWrites | ds.ConstantWrites:
    kind = draw(st.sampled_from([ds.PoissonWrites, ds.PoissonWrites, ds.ConstantWrites]))
    large = draw(st.booleans())
    items = draw(st.integers(2, 30))
    return kind(
        # no evenly spaced write is exactly as old as a limit allows
        rate_per_s=draw(st.sampled_from([0.51, 3.1, 8.3] if large else [1.1, 9.7, 41.3, 91.9])),
        # large items reach the limits of a page (1 MB) and of an invocation (6 MB)
        item_bytes=draw(
            st.sampled_from(
                [200_000, ds.Uniform(1_000, 400_000)] if large else [700, ds.LogNormal(median=900, p99=9_000)]
            )
        ),
        keys=draw(
            st.sampled_from(
                [
                    ds.UniformKeys(items=items),
                    ds.Zipfian(items=items),
                    ds.HotSet(items=items, hot_items=1, hot_share=0.8),
                ]
            )
        ),
        operations=draw(
            st.sampled_from([ds.OperationMix(), ds.OperationMix(insert=0.3, modify=0.3, remove=0.2, no_op=0.2)])
        ),
    )


@st.composite
def failures(draw: st.DrawFn) -> ds.Failures:
    if draw(st.booleans()):
        return ds.Failures()
    start_s = draw(st.floats(0.0, 15.0))
    outage = ds.Outage(
        start_s=start_s, end_s=start_s + draw(st.floats(0.5, 40.0)), kind=draw(st.sampled_from(["error", "timeout"]))
    )
    return ds.Failures(
        error_probability=draw(st.sampled_from([0.0, 0.1, 0.4])),
        # of the items that every workload has
        poison_items=tuple(draw(st.sets(st.integers(0, 1), max_size=2))),
        outages=draw(st.sampled_from([(), outage])),
    )


@st.composite
def functions(draw: st.DrawFn, name: str) -> ds.Function:
    """Draw a function; that some take longer than their timeout allows is meant."""
    with without_setting_warnings():
        return draw(_functions(name))


@st.composite
def _functions(draw: st.DrawFn, name: str) -> ds.Function:
    reserved = draw(st.sampled_from([None, None, 1, 2, 4]))
    return ds.Function(
        name=name,
        memory_mb=draw(st.sampled_from([128, 1769])),
        timeout_s=draw(st.integers(1, 3)),
        duration=ds.Duration(
            base_s=draw(st.sampled_from([0.0, 0.02, 0.125, 0.6])),
            per_record_s=draw(st.sampled_from([0.0, 0.004, 0.03])),
            per_kb_s=draw(st.sampled_from([0.0, 0.0001])),
            noise=draw(_NOISE),
            measured_at_mb=draw(st.sampled_from([None, 512])),
        ),
        needs=draw(st.sampled_from(["keys", "new", "old", "both", {"INSERT": "new", "MODIFY": "both"}])),
        read_back=ds.ReadBack(
            consistency=draw(st.sampled_from(["eventual", "strong", "transactional"])),
            batched=draw(st.booleans()),
            latency=draw(st.sampled_from([0.0, 0.03, ds.LogNormal(median=0.002, p99=0.01)])),
        ),
        failures=draw(failures()),
        cold_start=ds.ColdStart(
            init=draw(st.sampled_from([0.0, 0.1, ds.LogNormal(median=0.2, sigma=0.3)])),
            placement_s=draw(st.sampled_from([0.0, 0.1])),
            idle=draw(st.sampled_from([1.0, ds.Uniform(0.2, 3.0), 400.0])),
            lifetime_s=draw(st.sampled_from([5.0, 7_200.0])),
        ),
        reserved_concurrency=reserved,
        provisioned_concurrency=draw(st.sampled_from([0, 0, 1]))
        if reserved is None
        else draw(st.integers(0, reserved)),
    )


@st.composite
def pollers(draw: st.DrawFn, off_lattice: bool) -> ds.Poller:
    interval_s = draw(st.sampled_from([0.25, 0.25, 0.05, 1.0]))
    return ds.Poller(
        interval_s=interval_s,
        backlog_interval_s=draw(st.sampled_from([interval_s, 0.04, 0.6])) if off_lattice else interval_s,
        records_per_read=draw(st.sampled_from([1_000, 5, 1, 30])),
        bytes_per_read=draw(st.sampled_from([2**20, 5_000, 300_000])),
        read_ahead_batches=draw(st.sampled_from([0, 1, 3])),
        turnaround_s=draw(st.sampled_from([0.015, 0.0, 0.3])),
        activation_delay=draw(st.sampled_from([0.31, ds.Uniform(0.1, 1.5)])),
        shard_discovery_delay=draw(st.sampled_from([0.17, ds.Uniform(0.2, 1.5)])),
    )


@st.composite
def lives(draw: st.DrawFn) -> dict[str, Any]:
    """Draw when a mapping is there, mostly always."""
    if draw(st.integers(0, 2)):
        return {}
    pauses = [(1.03, 2.51, "disabled"), (3.07, 4.03, "updated"), (3.51, 8.03, "disabled")]
    return {
        "starting_position": draw(st.sampled_from(["TRIM_HORIZON", "LATEST"])),
        "created_s": draw(st.sampled_from([None, 0.0, 2.03])),
        "suspensions": tuple(
            ds.Suspension(start_s=start_s, end_s=end_s, kind=kind)
            for start_s, end_s, kind in draw(st.lists(st.sampled_from(pauses), max_size=2, unique=True))
        ),
    }


@st.composite
def filters(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a filter, mostly none."""
    # looks at content, and matches some record whatever the stream shows
    content = {"dynamodb": {"NewImage": {"a": {"S": ["x", {"exists": False}]}}}}
    return draw(
        st.sampled_from(
            [
                {},
                {},
                {"filter_criteria": ({"eventName": ["MODIFY"]},)},
                {"filter_criteria": (content,), "filter_match_fraction": 0.3},
            ]
        )
    )


@st.composite
def mappings(draw: st.DrawFn, name: str, function: ds.Function, off_lattice: bool) -> ds.EventSourceMapping:
    return ds.EventSourceMapping(
        name=name,
        function=function,
        batch_size=draw(st.sampled_from([1, 2, 7, 100])),
        maximum_batching_window_in_seconds=draw(st.sampled_from([0, 0, 0, 1, 3])),
        parallelization_factor=draw(st.sampled_from([1, 2, 4, 10])),
        maximum_retry_attempts=draw(st.sampled_from([-1, 0, 1, 4])),
        maximum_record_age_in_seconds=draw(st.sampled_from([-1, 60])),
        bisect_batch_on_function_error=draw(st.booleans()),
        function_response_types=draw(st.sampled_from([(), ("ReportBatchItemFailures",)])),
        retry_backoff=ds.Backoff(
            initial_s=draw(st.sampled_from([0.2, 0.05])),
            cap_s=draw(st.sampled_from([0.4, 60.0])),
            jitter=draw(st.sampled_from([0.0, 0.5, 1.0])),
        ),
        throttle_backoff=draw(st.sampled_from([None, ds.Backoff(cap_s=0.2, jitter=0.5)])),
        poller=draw(pollers(off_lattice)),
        **draw(lives()),
        **draw(filters()),
    )


@st.composite
def tables(draw: st.DrawFn) -> ds.Table:
    count = draw(st.integers(1, 3))
    splits = [ds.Split(at_s=2.07, partition=0), ds.Split(at_s=3.51, partition=count + 1)]
    return ds.Table(partitions=count, splits=tuple(splits[: draw(st.sampled_from([0, 0, 1, 2]))]))


@st.composite
def scenarios(draw: st.DrawFn, off_lattice: bool = False) -> ds.Scenario:
    """Draw a scenario of one or two mappings, with one function or two; `off_lattice`: backlogs are read faster."""
    with without_setting_warnings():
        return draw(_scenarios(off_lattice))


@st.composite
def _scenarios(draw: st.DrawFn, off_lattice: bool) -> ds.Scenario:
    shared = draw(functions("shared"))
    reading: tuple[Any, ...] = (draw(mappings("first", shared, off_lattice)),)
    if draw(st.booleans()):
        second = shared if draw(st.booleans()) else draw(functions("other"))
        reading += (draw(mappings("second", second, off_lattice)),)
    longest = ds.Scenario(
        workload=draw(workloads()),
        table=draw(tables()),
        stream=ds.Stream(
            view_type=draw(st.sampled_from(ds.VIEW_TYPES)),
            retention_s=draw(st.sampled_from([86_400.0, 86_400.0, 4.0])),
            visibility_delay=draw(st.sampled_from([0.0, 0.25, ds.LogNormal(median=0.1, sigma=0.5)])),
            shard_lifetime=draw(st.sampled_from([15_000.0, 15_000.0, ds.Uniform(2.0, 5.0)])),
            disabled_s=draw(st.sampled_from([None, None, None, 5.03])),
        ),
        event_source_mappings=reading,
        # with three readers and more, reads are refused
        stream_readers=tuple(ds.StreamReader(name=f"other {n}") for n in range(draw(st.sampled_from([0, 0, 1, 3])))),
        duration_s=10 * max(_LENGTHS_S),
        account_concurrency=draw(st.sampled_from([1_000, 10])),
    )
    # longer than the least maximum_record_age_in_seconds only now and then: such runs cost most
    return longest.until(draw(st.sampled_from(_LENGTHS_S)))
