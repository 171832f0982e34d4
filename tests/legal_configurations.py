"""Any legal configuration of any public class, drawn by reflection: not only those worth running."""

from __future__ import annotations

import dataclasses
import typing
import warnings
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import cache
from typing import Any

from configurations import CONFIGURATIONS, bounds, kinds, required
from hypothesis import reject
from hypothesis import strategies as st

import ddbsim as ds
from ddbsim.aws.names import REGIONS
from ddbsim.checks.bounds import FIRST_YEAR, LAST_YEAR

# what can be printed: no control characters, no surrogates, no blank but the space
texts = st.text(st.characters(exclude_categories=["C", "Z"]) | st.just(" "), min_size=1, max_size=12)
aws_names = st.text("abcXYZ019_-", min_size=3, max_size=12)
numbers = st.floats(0.001, 1e6, allow_nan=False)
instants = st.datetimes(
    datetime(FIRST_YEAR, 1, 1), datetime(LAST_YEAR, 12, 31), timezones=st.none() | st.timezones()
).map(lambda at: at.isoformat())

# given writes cannot be written as text, nor can handlers
WRITTEN = [cls for cls in CONFIGURATIONS if cls.__name__ not in ("ItemWrites", "ReplayWrites")]
# fields of which annotation and documentation do not tell enough
FIELDS: dict[tuple[str, str], st.SearchStrategy[Any]] = {
    # of the items that workloads have by default
    ("Failures", "poison_items"): st.lists(st.integers(0, 9_999), max_size=3).map(tuple),
    ("Destination", "name"): st.text("abc019-", min_size=3, max_size=12),
    ("Function", "name"): aws_names,
    ("GlobalSecondaryIndex", "name"): aws_names,
    ("Scenario", "region"): st.sampled_from(REGIONS),
    ("Table", "name"): aws_names,
    ("EventSourceMapping", "filter_criteria"): st.sampled_from(
        [('{"eventName": ["INSERT"]}',), ('{"eventName": ["MODIFY"]}', '{"eventName": [{"prefix": "R"}]}')]
    ),
    ("EventSourceMapping", "function_response_types"): st.sampled_from([(), ("ReportBatchItemFailures",)]),
    ("Function", "duration"): st.deferred(lambda: legal(ds.Duration)),
    ("Function", "handler"): st.none(),
    ("Function", "needs"): st.sampled_from(
        ["keys", "new", "old", "both", {"INSERT": "new", "MODIFY": "both", "REMOVE": "old"}, {"MODIFY": "new"}]
    ),
    ("Function", "provisioned_concurrency"): st.integers(0, 9),
    ("Function", "reserved_concurrency"): st.none() | st.just(0) | st.integers(9, 20),
    ("Function", "state"): st.none(),
    ("Poller", "bytes_per_read"): st.integers(1, 2**20),
    ("Poller", "records_per_read"): st.integers(1, 1_000),
    # a table and its three indexes may have 40,000
    ("Provisioned", "write_capacity_units"): st.integers(1, 10_000),
    ("Scenario", "start"): instants,
    ("Scenario", "stream_readers"): st.deferred(
        lambda: st.lists(legal(ds.StreamReader), max_size=3, unique_by=lambda reader: reader.name).map(tuple)
    ),
    ("Split", "partition"): st.integers(0, 3),
    ("Stream", "event_bytes_per_stored_byte"): st.floats(1, 9),
    ("Stream", "retention_s"): st.floats(1, 86_400),
    ("Trace", "gaps"): st.lists(st.tuples(instants, st.integers(1, 99)), max_size=2).map(tuple),
    ("Trace", "start"): instants,
}
WRITTEN_FIELDS = [
    (cls, field.name)
    for cls in WRITTEN
    for field in dataclasses.fields(cls)
    if field.init and (cls.__name__, field.name) not in {("Function", "handler"), ("Function", "state")}
]


@cache
def fields_of(cls: type) -> st.SearchStrategy[dict[str, Any]]:
    """Return a strategy for the fields that a class needs, and some of the others."""
    needed = {name: values(cls, name) for name in required(cls)}
    rest = {f.name: values(cls, f.name) for f in dataclasses.fields(cls) if f.init and f.name not in needed}
    return st.fixed_dictionaries(needed, optional=rest)


@st.composite
def legal(draw: st.DrawFn, cls: type, **fields: st.SearchStrategy[Any]) -> Any:
    """Draw a configuration of a class."""
    if cls.__name__ in CLASSES and not fields:
        return draw(CLASSES[cls.__name__])
    chosen = draw(fields_of(cls)) | {name: draw(strategy) for name, strategy in fields.items()}
    chosen = reconciled(cls, chosen, set(fields))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ds.IneffectiveSettingWarning)
        try:
            return cls(**chosen)
        except ValueError:
            # fields that are legal each, and not together
            reject()


def reconciled(cls: type, chosen: dict[str, Any], asked: set[str]) -> dict[str, Any]:
    """Return fields that may stand together: of two that may not, the one that was not asked for goes."""
    names = set(chosen)
    if cls is ds.EventSourceMapping:
        alone, others = (
            "tumbling_window_in_seconds",
            {"parallelization_factor", "filter_criteria", "filter_match_fraction"},
        )
        if alone in names and names & others:
            names -= others if alone in asked else {alone}
        if "filter_match_fraction" in names and not chosen.get("filter_criteria"):
            return {name: chosen[name] for name in names} | {"filter_criteria": ('{"eventName": ["INSERT"]}',)}
    if cls is ds.Table and names & {"billing_switches", "global_secondary_indexes"} and chosen.get("billing") is None:
        return chosen | {"billing": ds.OnDemand()}
    return {name: value for name, value in chosen.items() if name in names}


def varied(cls: type, field: str) -> st.SearchStrategy[Any]:
    """Return a strategy for configurations of a class whose `field` is not at its default."""
    (chosen,) = (one for one in dataclasses.fields(cls) if one.name == field)
    default = chosen.default if chosen.default_factory is dataclasses.MISSING else chosen.default_factory()
    if cls.__name__ in CLASSES:
        return CLASSES[cls.__name__].filter(lambda config: getattr(config, field) != default)
    return legal(cls, **{field: values(cls, field).filter(lambda value: value != default)})


@cache
def values(cls: type, field: str) -> st.SearchStrategy[Any]:
    """Return a strategy for the values that a field may have."""
    if (cls.__name__, field) in FIELDS:
        return FIELDS[cls.__name__, field]
    return st.one_of([_of_kind(kind, cls, field) for kind in kinds(cls, field)])


def _of_kind(kind: Any, cls: type, field: str) -> st.SearchStrategy[Any]:
    low, high = bounds(cls, field)
    simple = {
        bool: st.booleans(),
        float: st.floats(max(low or 0, 0.001), high or 1e6),
        int: st.integers(int(low or 0), int(high or 1e6)),
        str: texts,
        type(None): st.none(),
    }
    if kind in simple:
        return simple[kind]
    if typing.get_origin(kind) is typing.Literal:
        return st.sampled_from(typing.get_args(kind))
    if typing.get_origin(kind) in (tuple, Sequence):
        return st.lists(_of_kind(typing.get_args(kind)[0], cls, field), min_size=1, max_size=3).map(tuple)
    subclasses = [one for one in WRITTEN if isinstance(kind, type) and issubclass(one, kind)]
    assert subclasses, f"tests/legal_configurations.py: FIELDS must say how to draw {cls.__name__}.{field} ({kind})"
    return st.deferred(lambda: st.one_of([legal(one) for one in subclasses]))


@st.composite
def scenarios(draw: st.DrawFn) -> ds.Scenario:
    """Draw a scenario of up to three mappings, each with a function of its own."""
    names = draw(st.lists(aws_names, min_size=1, max_size=3, unique=True))
    reading = []
    for name in names:
        mapping = draw(legal(ds.EventSourceMapping, name=st.none() | st.just(name)))
        function = replace(mapping.function, name=name)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ds.IneffectiveSettingWarning)
            reading.append(replace(mapping, function=function))
    return draw(
        legal(
            ds.Scenario,
            event_source_mappings=st.just(tuple(reading)),
            duration_s=st.floats(100, 1e7),
            warmup_s=st.floats(0, 99),
            account_concurrency=st.integers(60, 10_000),
        )
    )


@st.composite
def tables(draw: st.DrawFn) -> ds.Table:
    """Draw a table whose caps allow any capacity, so that no mode is refused for another field."""
    billing = {
        "billing": st.one_of(legal(ds.Provisioned), legal(ds.OnDemand)),
        "partition_write_units_per_s": st.integers(10**6, 10**7),
        "write_quota_per_s": st.integers(10**8, 10**9),
    }
    several = {
        "billing_switches": st.lists(legal(ds.BillingSwitch), max_size=2).map(tuple),
        "global_secondary_indexes": st.lists(
            legal(ds.GlobalSecondaryIndex), max_size=2, unique_by=lambda index: index.name
        ).map(tuple),
    }
    names = [field.name for field in dataclasses.fields(ds.Table) if field.name not in billing | several]
    others = draw(st.fixed_dictionaries({}, optional={name: values(ds.Table, name) for name in names}))
    moded = draw(st.fixed_dictionaries(billing, optional=several)) if draw(st.booleans()) else {}
    try:
        return ds.Table(**others | moded)
    except ValueError:
        # two splits of one partition
        reject()


# classes whose fields hang together
CLASSES: dict[str, st.SearchStrategy[Any]] = {
    "HotSet": st.builds(ds.HotSet, items=st.integers(9, 99), hot_items=st.integers(1, 8), hot_share=st.floats(0, 1)),
    "LogNormal": st.one_of(
        st.builds(lambda over, sigma: ds.LogNormal(median=1 + over, sigma=sigma, shift=1), numbers, st.floats(1, 3)),
        st.builds(lambda median, times: ds.LogNormal(median=median, p99=median * times), numbers, st.floats(1.1, 9)),
    ),
    "Empirical": st.one_of(
        st.builds(ds.Empirical, st.lists(numbers, min_size=1, max_size=4)),
        st.builds(ds.Empirical, st.just((1.0, 2.0)), st.tuples(numbers, numbers)),
    ),
    "OperationMix": st.sampled_from(
        [
            ds.OperationMix(),
            ds.OperationMix(insert=0.25, modify=0.25, remove=0.25, no_op=0.25),
            ds.OperationMix(existing=0.5),
            ds.OperationMix(modify=0.5, condition_failed=0.5),
        ]
    ),
    "Outage": st.builds(
        lambda start, more, kind: ds.Outage(start_s=start, end_s=start + more, kind=kind),
        numbers, st.floats(1, 100), st.sampled_from(["error", "timeout"]),
    ),
    "Scenario": scenarios(),
    "Table": tables(),
    "Steps": st.builds(lambda step, first, then: ds.Steps((0, step), (first, then)), numbers, numbers, numbers),
    "Suspension": st.one_of(
        st.builds(ds.Suspension, start_s=numbers),
        st.builds(
            lambda start, more, kind: ds.Suspension(start_s=start, end_s=start + more, kind=kind),
            numbers, st.floats(1, 100), st.sampled_from(["disabled", "updated"]),
        ),
    ),
    "Uniform": st.builds(lambda low, more: ds.Uniform(low, low + more), numbers, numbers),
}  # fmt: skip
