"""Small scenarios at random, of every feature at once: each from a number, so that one that fails can be named.

What is drawn must be legal: a few combinations that are refused when typed (a split of what is no partition, capacity
that cannot be there) are drawn again, and counted. The values at the edges of what may be typed come often.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import math
from collections.abc import Callable
from typing import Any

import numpy as np

import ddbsim as ds
from ddbsim.randomness import RandomStreams
from ddbsim.scenario import without_setting_warnings

__all__ = ["Draw", "scenario_of"]

# a run's last instant belongs to no run: lengths that no sum of durations and windows hits; the long ones cost most
_LENGTHS_S = (0.3, *(4.0371, 10.0371, 20.0371, 20.0371) * 3, 65.0371, 65.0371, 131.0371)
_MOST_TRIES = 50
_MOST_PARTITIONS = 20
# at what may be typed, and near it
_EXTREMES = (0, 1e-9, 1e-4, 1e-3, 1, 60, 1e9, 1e12, 10**15)
# where an extreme is a great many of what is simulated one by one: writes, clients, shards, calls, seconds
_COSTLY = {
    *("workload", "duration_s", "warmup_s", "partitions", "clients", "shard_lifetime", "visibility_hold_s", "scan_s"),
    *("interval_s", "empty_interval_s", "throttled_read_stretch_s", "keys"),
}


class Draw:
    """Draws from one number's generator."""

    def __init__(self, number: int) -> None:
        self.rng = np.random.default_rng([2026, number])

    def pick(self, *options: Any) -> Any:
        """Return one of the options, by a call if it is a function of no name."""
        chosen = options[self.rng.integers(len(options))]
        return chosen() if isinstance(chosen, _Later) else chosen

    def chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def some(self, make: Callable[[int], Any], *counts: int) -> tuple[Any, ...]:
        """Return as many as one of the counts, each made from its number."""
        return tuple(make(number) for number in range(self.pick(*counts)))


class _Later:
    """An option that is drawn only if it is picked."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = make

    def __call__(self) -> Any:
        return self.make()


def scenario_of(number: int) -> tuple[ds.Scenario, int]:
    """Return the scenario of a number, and how many drafts of it were refused when typed."""
    draw = Draw(number)
    for refused in range(_MOST_TRIES):
        try:
            with without_setting_warnings():
                return _scenario(draw), refused
        except ValueError:
            continue
    raise AssertionError(f"none of {_MOST_TRIES} drafts of scenario {number} is legal")


def _scenario(draw: Draw) -> ds.Scenario:
    length_s = draw.pick(*_LENGTHS_S)
    start = draw.pick("2026-01-01T00:00:00Z", "2024-02-29T23:59:59.5+05:30", "1970-01-02", "2200-12-31T23:59:59Z")
    carries_items = draw.chance(0.35)
    writes = _items(draw) if carries_items else _workload(draw)
    functions = [_function(draw, name, carries_items) for name in ("shared", "other")]
    reading = draw.some(
        lambda n: _mapping(draw, f"mapping {n}", draw.pick(*functions), carries_items), 0, *(1, 1, 2, 3) * 3
    )
    whole = ds.Scenario(
        workload=writes,
        table=_table(draw),
        stream=_stream(draw),
        writer=ds.Writer(
            clients=draw.pick(1, 10),
            retries=draw.pick(
                "standard_2026", "standard", "legacy", "adaptive", ds.Retries(max_attempts=1), ds.Retries(base_s=0.05)
            ),
            latency=draw.pick(0.0, ds.LogNormal(median=0.004, p99=0.01)),
        ),
        event_source_mappings=reading,
        stream_readers=draw.some(lambda n: _reader(draw, f"reader {n}"), *((0, 0, 0, 1, 2) if reading else (1, 3))),
        duration_s=1_000.0,
        account_concurrency=draw.pick(10, 1_000),
        region=draw.pick("us-east-1", "eu-central-1", "sa-east-1"),
        start=start,
    )
    scenario = whole.until(length_s, warmup_s=draw.pick(0.0, 0.0, 0.1, length_s / 3))
    return scenario if draw.chance(0.7) else _at_the_bounds(draw, scenario.until(min(length_s, 4.0371), warmup_s=0.0))


# values at the bounds


def _at_the_bounds(draw: Draw, scenario: ds.Scenario) -> ds.Scenario:
    """Return a scenario of which some numbers lie at the bounds of what may be typed, wherever they stand."""
    for _ in range(draw.pick(1, 2, 4)):
        path = draw.pick(*_numbers(scenario))
        order = draw.rng.permutation(len(_EXTREMES))
        for extreme in (_EXTREMES[place] for place in order):
            try:
                changed = _with(scenario, path, extreme)
            except ValueError:
                continue
            # a table's partitions follow from its capacity, and each is a shard
            if changed.table.initial_partitions <= _MOST_PARTITIONS:
                scenario = changed
                break
    return scenario


def _numbers(config: Any) -> list[tuple[str | int, ...]]:
    """Return the path of each number in a configuration, but of those that are a matter of cost."""
    if isinstance(config, tuple):
        return [(place, *path) for place, part in enumerate(config) for path in _numbers(part)]
    if not dataclasses.is_dataclass(config):
        return [()] if isinstance(config, int | float) and not isinstance(config, bool) else []
    fields = [field.name for field in dataclasses.fields(config) if field.init and field.name not in _COSTLY]
    return [(name, *path) for name in fields for path in _numbers(getattr(config, name))]


def _with(config: Any, path: tuple[str | int, ...], value: Any) -> Any:
    """Return a copy of a configuration with another value at a path."""
    if not path:
        return value
    first, *rest = path
    if isinstance(first, int):
        return (*config[:first], _with(config[first], tuple(rest), value), *config[first + 1 :])
    return dataclasses.replace(config, **{first: _with(getattr(config, first), tuple(rest), value)})


# what is written


def _workload(draw: Draw) -> Any:
    plain = {
        "item_bytes": draw.pick(
            36, 700, 200_000, 409_600, ds.Uniform(1_000, 400_000), ds.LogNormal(median=900, p99=9_000)
        ),
        "keys": draw.pick(
            ds.UniformKeys(items=draw.pick(1, 2, 30, 10**9)),
            ds.Zipfian(items=draw.pick(2, 30, 1_000), theta=draw.pick(0.1, 0.99)),
            ds.HotSet(items=30, hot_items=1, hot_share=0.8),
            ds.SequentialKeys(items=9),
        ),
        "operations": draw.pick(
            ds.OperationMix(),
            ds.OperationMix(insert=0.3, modify=0.3, remove=0.2, no_op=0.1, condition_failed=0.1),
            ds.OperationMix(insert=0.4, modify=0.2, remove=0.4, existing=0.5),
            ds.OperationMix(insert=1.0, modify=0.0),
        ),
        "key_bytes": draw.pick(1, 36),
    }
    rate_per_s = draw.pick(*(0.51, 3.1, 9.7) * 3, 0.0)
    profile = draw.pick(
        rate_per_s,
        rate_per_s,
        ds.Diurnal(mean_per_s=3.0, peak_to_mean=1.8, period_s=40.0),
        ds.Ramp(start_per_s=0.0, end_per_s=9.0, over_s=30.0, at_s=1.0),
        ds.Spike(base_per_s=1.0, peak_per_s=30.0, at_s=3.0, lasting_s=2.0),
        ds.Steps(times_s=(0.0, 5.0), rates_per_s=(0.5, 12.0)),
    )
    # sizes at the limit weigh: few of them
    rarely = profile if not isinstance(plain["item_bytes"], int) or plain["item_bytes"] < 10_000 else 1.3
    trace = ds.Trace(
        start="2026-01-01T00:00:00",
        period_s=draw.pick(1, 60),
        counts=tuple(draw.rng.integers(0, 40, 1_000)),
        measures=draw.pick("writes", "write units"),
    )
    inner = draw.pick(
        ds.PoissonWrites(rate_per_s=rarely, **plain),
        ds.PoissonWrites(rate_per_s=rarely, **plain),
        ds.ConstantWrites(rate_per_s=rarely, **plain),
        ds.TraceWrites(trace=trace, mean_rate_per_s=draw.pick(None, 2.0), **plain),
    )
    return draw.pick(
        inner,
        inner,
        inner,
        _Later(lambda: ds.BatchedWrites(workload=inner, size=draw.pick(1, 5, 25))),
        _Later(lambda: ds.TransactedWrites(workload=inner, size=draw.pick(1, 3, 100))),
        _Later(lambda: ds.ClosedLoopWrites(clients=draw.pick(1, 5), think_s=draw.pick(0.5, 3.0), **plain)),
        _Later(lambda: ds.ReplayWrites(columns=inner.draw(9.0, RandomStreams(int(draw.rng.integers(9)))))),
        _Later(lambda: ds.ycsb(draw.pick("A", "B", "D", "F"), ops_per_s=5)),
        _Later(lambda: ds.flash_sale(base_per_s=1, peak_per_s=40, at_s=draw.pick(0, 3), lasting_s=2, items=40)),
    )


def _items(draw: Draw) -> Any:
    made, at_s = [], 0.0
    for number in range(draw.pick(0, 1, 40, 40, 120, 120)):
        at_s += float(draw.rng.exponential(0.2))
        key = {"pk": f"key {draw.rng.integers(draw.pick(1, 9))}"}
        content = draw.pick(
            {},
            {"n": number},
            {"text": "ä" * int(draw.rng.integers(1, 400)), "list": [1, {"a": None}], "on": True},
            {"price": 12, "state": draw.pick("open", "done"), "tags": {"red", "blue"}},
        )
        made.append(draw.pick((at_s, "put", key | content), (at_s, "put", key | content), (at_s, "delete", key)))
    plain = ds.ItemWrites(made)
    return draw.pick(
        plain,
        plain,
        _Later(lambda: ds.BatchedWrites(workload=plain, size=5)),
        _Later(lambda: ds.TransactedWrites(workload=plain, size=3)),
    )


# the table and its stream


def _billing(draw: Draw) -> Any:
    scaling = ds.AutoScaling(
        target_value=draw.pick(20, 70, 90),
        min_capacity=draw.pick(1, 5),
        max_capacity=draw.pick(5, 400),
        scale_out_minutes=1,
        scale_in_minutes=1,
        metric_delay_s=1,
        update_delay_s=1,
    )
    return draw.pick(
        _Later(
            lambda: ds.OnDemand(
                warm_write_units_per_s=draw.pick(4_000, 4_000, 12_000),
                max_write_request_units=draw.pick(None, None, 3),
                peak_growth_s=draw.pick(0.0, 1_800.0),
                max_read_request_units=draw.pick(None, None, 1),
            )
        ),
        _Later(
            lambda: ds.Provisioned(
                write_capacity_units=draw.pick(1, 5, 50, 3_000),
                auto_scaling=draw.pick(None, scaling),
                initial_burst_s=draw.pick(0.0, 300.0),
                adaptive_capacity=draw.chance(0.5),
                read_capacity_units=draw.pick(None, 1, 50),
            )
        ),
    )


def _index(draw: Draw, number: int) -> ds.GlobalSecondaryIndex:
    own = draw.pick(None, ds.Provisioned(write_capacity_units=draw.pick(1, 40)))
    return ds.GlobalSecondaryIndex(
        name=f"index-{number}",
        billing=own,
        projected_share=draw.pick(0.0, 0.3, 1.0),
        key_changed_share=draw.pick(0.0, 0.4),
        untouched_share=draw.pick(0.0, 0.4),
        keys=draw.pick(None, ds.Zipfian(items=5)),
    )


def _splits(draw: Draw, count: int) -> tuple[ds.Split, ...]:
    """Return splits that find their partition open, each later than the one before by more than a second."""
    known, open_now, made = count, list(range(count)), []
    for turn in range(draw.pick(0, 0, 1, 3)):
        chosen = open_now.pop(int(draw.rng.integers(len(open_now))))
        made.append(ds.Split(at_s=0.5 + 1.3 * turn, partition=chosen))
        open_now += [known, known + 1]
        known += 2
    return tuple(made)


def _table(draw: Draw) -> ds.Table:
    common = {
        "time_to_live": draw.pick(
            None,
            None,
            ds.TimeToLive(after_s=0.7, late=0.0, scan_s=0.5),
            ds.TimeToLive(after_s=2, late=ds.Uniform(0.0, 3.0), scan_s=1.0),
        ),
        "table_class": draw.pick("STANDARD", "STANDARD_INFREQUENT_ACCESS"),
        "replicas": draw.pick(0, 2),
        "other_items_gb": draw.pick(0.0, 45.0),
        "partition_read_units_per_s": draw.pick(3_000, 300),
    }
    if draw.chance(0.5):
        partitions = draw.pick(1, 2, 5)
        return ds.Table(partitions=partitions, splits=_splits(draw, partitions), **common)
    return ds.Table(
        billing=_billing(draw),
        billing_switches=draw.some(
            lambda n: ds.BillingSwitch(at_s=draw.pick(0.01, 1.5, 7.0) + 9.0 * n, billing=_billing(draw)), 0, 0, 1, 2
        ),
        global_secondary_indexes=draw.some(lambda n: _index(draw, n), 0, 0, 1, 2),
        heat_splits=ds.HeatSplits(enabled=draw.chance(0.5), sustained_minutes=1, split_s=1.5),
        partition_write_units_per_s=draw.pick(1_000, 1_000, 300),
        **common,
    )


def _stream(draw: Draw) -> ds.Stream:
    return ds.Stream(
        view_type=draw.pick(*ds.VIEW_TYPES),
        retention_s=draw.pick(86_400.0, 86_400.0, 4.0),
        visibility_delay=draw.pick(0.0, 0.25, ds.LogNormal(median=0.1, sigma=0.5)),
        visibility_hold_s=draw.pick(0.1, 1.0),
        # images of 200 KB become events over 6 MB
        event_bytes_per_stored_byte=draw.pick(1.15, 1.15, 1.15, 50.0),
        shard_lifetime=draw.pick(15_000.0, 15_000.0, ds.Uniform(2.0, 5.0)),
        throttled_read_stretch_s=draw.pick(50.0, 3.0),
        disabled_s=draw.pick(None, None, None, 5.03),
    )


def _reader(draw: Draw, name: str) -> ds.StreamReader:
    return ds.StreamReader(
        name=name,
        kind=draw.pick("kcl", "flink", "custom"),
        interval_s=draw.pick(None, 0.3, 7.0),
        empty_interval_s=draw.pick(None, 0.6),
        records_per_read=draw.pick(1, 30, 1_000),
        discovery_s=draw.pick(0.0, 1.3),
    )


# the functions and their mappings


class _Seen:
    """What a handler may keep of its own kind."""

    def __init__(self) -> None:
        self.ids: list[set[str]] = [set()]


def _counts(event: dict[str, Any], context: Any) -> None:
    context.state["seen"] = context.state.get("seen", 0) + len(event["Records"])


def _keeps_objects(event: dict[str, Any], context: Any) -> None:
    for record in event["Records"]:
        seen = context.state.ids[0]
        if record["eventID"] in seen and len(seen) % 2:
            raise KeyError(record["eventID"])
        seen.add(record["eventID"])


def _changes_its_event(event: dict[str, Any], context: object) -> None:
    for record in event.pop("Records"):
        record.clear()
        record["dynamodb"] = None


def _raises(event: dict[str, Any], context: object) -> None:
    if len(event["Records"]) % 2:
        raise ValueError(f"odd: {len(event['Records'])}")


def _answers_nonsense(event: dict[str, Any], context: object) -> Any:
    return [None, {"batchItemFailures": "x"}, object(), {"batchItemFailures": [{"itemIdentifier": "0"}]}, 1j][
        len(event["Records"]) % 5
    ]


def _reports_one(event: dict[str, Any], context: object) -> Any:
    last = event["Records"][-1]["dynamodb"]["SequenceNumber"] if event["Records"] else ""
    return {"batchItemFailures": [{"itemIdentifier": last}] if len(event["Records"]) > 1 else []}


def _exits(event: dict[str, Any], context: object) -> None:
    if len(event["Records"]) > 1:
        raise SystemExit(3)


class _Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


def _raises_without_words(event: dict[str, Any], context: object) -> None:
    if len(event["Records"]) % 2:
        raise _Unspeakable


def _recurs(event: dict[str, Any], context: object) -> Any:
    return _recurs(event, context) if len(event["Records"]) == 1 else {"batchItemFailures": [event]}


def _answers_itself(event: dict[str, Any], context: object) -> Any:
    answer: dict[str, Any] = {"batchItemFailures": []}
    answer["batchItemFailures"].append(answer)
    return answer if len(event["Records"]) > 2 else "\ud800" * len(event["Records"])


async def _waits(event: dict[str, Any], context: object) -> None:
    return None


def _keeps_a_window(event: dict[str, Any], context: object) -> Any:
    logging.getLogger("handler").debug("one")
    state = event.get("state") or {}
    return {"state": state | {"count": state.get("count", 0) + len(event["Records"])}}


HANDLERS = (
    *(_changes_its_event, _raises, _answers_nonsense, _reports_one, _keeps_a_window, _keeps_objects),
    *(_exits, _raises_without_words, _recurs, _answers_itself, _waits),
)
_STATES: dict[Any, Callable[[], Any]] = {_counts: dict, _keeps_objects: _Seen}


def _function(draw: Draw, name: str, carries_items: bool) -> ds.Function:
    reserved = draw.pick(*[None] * 7, 0, 1, 1, 3)
    handler = draw.pick(None, *HANDLERS, _counts, _counts) if carries_items else None
    # a handler has its own answers: the law's failures are for a function that is described
    described = {} if handler else {"needs": draw.pick(*_NEEDS)}
    if not handler and draw.chance(0.6):
        described["failures"] = _failures(draw)
    return ds.Function(
        name=name,
        memory_mb=draw.pick(128, 1_769, 10_240),
        timeout_s=draw.pick(1, 3, 900),
        duration=ds.Duration(
            base_s=draw.pick(0.0, 0.02, 0.125, 0.6),
            per_record_s=draw.pick(0.0, 0.004, 0.03),
            per_kb_s=draw.pick(0.0, 0.0001),
            noise=draw.pick(None, ds.Exponential(1.0), ds.Uniform(0.5, 1.5), ds.Empirical(values=(0.5, 1.5, 2.0))),
            measured_at_mb=draw.pick(None, 512),
            cpu_share=draw.pick(0.0, 1.0),
        ),
        read_back=ds.ReadBack(
            consistency=draw.pick("eventual", "strong", "transactional"),
            batched=draw.chance(0.5),
            latency=draw.pick(0.0, 0.03),
        ),
        cold_start=ds.ColdStart(
            init=draw.pick(0.0, 0.1, ds.LogNormal(median=0.2, sigma=0.3)),
            placement_s=draw.pick(0.0, 0.1),
            idle=draw.pick(0.0, 1.0, 400.0),
            lifetime_s=draw.pick(5.0, 7_200.0),
        ),
        reserved_concurrency=reserved,
        provisioned_concurrency=draw.pick(0, 0, 1 if reserved is None else reserved),
        architecture=draw.pick("x86_64", "arm64"),
        ephemeral_storage_mb=draw.pick(512, 10_240),
        handler=handler,
        state=_STATES.get(handler, lambda: None)(),
        **described,
    )


_NEEDS = ("keys", "new", "old", "both", {"INSERT": "new", "MODIFY": "both", "REMOVE": "keys"})


def _failures(draw: Draw) -> ds.Failures:
    start_s = draw.pick(0.0, 2.5)
    outage = ds.Outage(start_s=start_s, end_s=start_s + draw.pick(0.5, 40.0), kind=draw.pick("error", "timeout"))
    again = ds.Outage(start_s=start_s + 0.3, end_s=start_s + 1.0, kind=draw.pick("error", "timeout"))
    return ds.Failures(
        error_probability=draw.pick(0.0, 0.0, 0.2, 0.2, 1.0),
        poison_items=draw.pick((), (0,)),
        outages=draw.pick((), (), outage, (again, outage)),
        out_of_memory_bytes=draw.pick(None, None, None, None, 1, 40_000),
    )


def _mapping(draw: Draw, name: str, function: ds.Function, carries_items: bool) -> ds.EventSourceMapping:
    factor = draw.pick(1, 1, 2, 10)
    tumbling = draw.pick(0, 0, 0, 1, 7)
    return ds.EventSourceMapping(
        name=name,
        function=function,
        batch_size=draw.pick(1, 2, 7, 100, 10_000),
        maximum_batching_window_in_seconds=draw.pick(0, 0, 0, 1, 3, 300) if not tumbling else draw.pick(1, 3),
        parallelization_factor=1 if tumbling else factor,
        starting_position=draw.pick("TRIM_HORIZON", "TRIM_HORIZON", "TRIM_HORIZON", "LATEST"),
        maximum_retry_attempts=draw.pick(-1, 0, 1, 10_000),
        maximum_record_age_in_seconds=draw.pick(-1, 60, 604_800),
        bisect_batch_on_function_error=draw.chance(0.5),
        function_response_types=draw.pick((), ("ReportBatchItemFailures",)),
        tumbling_window_in_seconds=tumbling,
        on_failure=draw.pick(
            None,
            _Later(
                lambda: ds.Destination(kind=draw.pick("sqs", "sns", "s3"), failure_probability=draw.pick(0.0, 0.5, 1.0))
            ),
        ),
        created_s=draw.pick(None, None, 0.0, 2.03),
        suspensions=draw.some(
            lambda n: ds.Suspension(
                start_s=1.03 + 2.5 * n,
                end_s=draw.pick(2.51 + 2.5 * n, 2.51 + 2.5 * n, 8.03, math.inf),
                kind=draw.pick("disabled", "updated"),
            ),
            *(0, 0, 0, 0, 1, 2),
        ),
        retry_backoff=ds.Backoff(
            initial_s=draw.pick(0.2, 0.05), cap_s=draw.pick(0.4, 60.0), jitter=draw.pick(0.0, 1.0)
        ),
        throttle_backoff=draw.pick(None, ds.Backoff(cap_s=0.2, jitter=0.5)),
        poller=_poller(draw),
        **({} if tumbling else _filter(draw, carries_items)),
    )


def _poller(draw: Draw) -> ds.Poller:
    interval_s = draw.pick(0.25, 0.25, 0.05, 1.0)
    return ds.Poller(
        interval_s=interval_s,
        backlog_interval_s=draw.pick(interval_s, 0.04, 0.6),
        records_per_read=draw.pick(1, 5, 1_000),
        bytes_per_read=draw.pick(2**20, 5_000),
        read_ahead_batches=draw.pick(0, 1, 3),
        turnaround_s=draw.pick(0.015, 0.0, 0.3),
        activation_delay=draw.pick(0.31, ds.Uniform(0.1, 1.5)),
        shard_discovery_delay=draw.pick(0.17, ds.Uniform(0.2, 1.5)),
        idle_window_s=draw.pick(0.33, 120.0),
    )


def _filter(draw: Draw, carries_items: bool) -> dict[str, Any]:
    content = {"dynamodb": {"NewImage": {"state": {"S": ["open", {"exists": False}]}}}}
    keys = {"dynamodb": {"Keys": {"pk": {"S": [{"prefix": "key"}, {"wildcard": "*7*"}]}}}}
    numbers = {"dynamodb": {"NewImage": {"n": {"N": [{"numeric": [">", 9]}]}}, "SizeBytes": [{"numeric": ["<", 500]}]}}
    either = {
        "$or": [{"eventName": [{"anything-but": "REMOVE"}]}, {"dynamodb": {"OldImage": {"on": {"BOOL": [True]}}}}]
    }
    by_name = {"eventName": [draw.pick("INSERT", "MODIFY", "REMOVE")]}
    by_id = {"dynamodb": {"Keys": {"item_id": {"N": [{"numeric": ["<", 3]}]}}}}
    in_api_form = {"Filters": [{"Pattern": json.dumps(by_name)}, {"Pattern": "{}"}]}
    if draw.chance(0.5):
        return {}
    if carries_items:
        return {"filter_criteria": draw.pick(by_name, (content, by_name), keys, numbers, either, in_api_form)}
    return draw.pick(
        {"filter_criteria": (by_name,)},
        {"filter_criteria": by_id},
        {"filter_criteria": in_api_form},
        {"filter_criteria": (content,), "filter_match_fraction": draw.pick(0.0, 0.3, 1.0)},
    )
