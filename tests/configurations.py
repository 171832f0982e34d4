"""Every public configuration class, by reflection: an example of each, and what its fields' documentation promises."""

from __future__ import annotations

import dataclasses
import inspect
import re
import types
import typing
from collections.abc import Iterator
from functools import cache
from typing import Any

import ddbsim as ds
from ddbsim import distributions, scenario, workload

_MODULES = (ds, scenario, workload, distributions)
# where dataclasses hold what was computed, not what is asked for
_COMPUTED = ("ddbsim.experiment.", "ddbsim.analysis.", "ddbsim.workload.chains", "ddbsim.workload.columns")

# what classes with required fields need; a new such class belongs here
REQUIRED: dict[str, dict[str, Any]] = {
    "BatchedWrites": {"workload": ds.PoissonWrites(rate_per_s=5.0)},
    "BillingSwitch": {"at_s": 5.0, "billing": ds.Provisioned(write_capacity_units=100)},
    "ClosedLoopWrites": {"clients": 3, "think_s": 0.5},
    "Constant": {"value": 1.0},
    "ConstantWrites": {"rate_per_s": 5.0},
    "Destination": {"kind": "sqs"},
    "Diurnal": {"mean_per_s": 5.0, "peak_to_mean": 1.5},
    "Empirical": {"values": (1.0, 2.0)},
    "Exponential": {"mean": 1.0},
    "GlobalSecondaryIndex": {"name": "by-date"},
    "HotSet": {"items": 10, "hot_items": 2, "hot_share": 0.5},
    "ItemWrites": {"writes": ((0.5, "put", {"pk": "a"}),)},
    "LogNormal": {"median": 900.0, "p99": 4_000.0},
    "Outage": {"start_s": 1.0, "end_s": 2.0},
    "PoissonWrites": {"rate_per_s": 5.0},
    "Provisioned": {"write_capacity_units": 100},
    "Ramp": {"start_per_s": 1.0, "end_per_s": 2.0, "over_s": 3.0},
    "ReplayWrites": {
        "columns": {"at_s": [0.5], "item_id": [1], "operation": [0], "bytes_before": [0], "bytes_after": [99]}
    },
    "Scenario": {"workload": ds.PoissonWrites(rate_per_s=5.0), "duration_s": 60.0},
    "SequentialKeys": {"items": 10},
    "Spike": {"base_per_s": 1.0, "peak_per_s": 2.0, "at_s": 3.0, "lasting_s": 4.0},
    "Split": {"at_s": 5.0},
    "Steps": {"times_s": (0.0, 5.0), "rates_per_s": (1.0, 2.0)},
    "Suspension": {"start_s": 5.0},
    "Trace": {"start": "2026-01-01T00:00:00+00:00", "period_s": 60.0, "counts": (1.0, 2.0)},
    # a mode, without which a table has no indexes, under limits that allow any capacity
    "Table": {
        "billing": ds.OnDemand(warm_write_units_per_s=1),
        "partition_write_units_per_s": 10**6,
        "write_quota_per_s": 10**8,
    },
    "TimeToLive": {"after_s": 60.0},
    "TraceWrites": {"trace": ds.Trace(start="2026-01-01", period_s=60.0, counts=(1.0, 2.0))},
    "TransactedWrites": {"workload": ds.PoissonWrites(rate_per_s=5.0)},
    "Uniform": {"low": 1.0, "high": 2.0},
    "UniformKeys": {"items": 10},
    "Zipfian": {"items": 10},
}


def _configurations() -> Iterator[type]:
    for module in _MODULES:
        for name in module.__all__:
            value = getattr(module, name)
            made = isinstance(value, type) and dataclasses.is_dataclass(value) and not inspect.isabstract(value)
            if made and not value.__module__.startswith(_COMPUTED):
                yield value


# workloads that hold others, or what only workloads hold, come after all that may hold the same
_LAST = ("BatchedWrites", "ClosedLoopWrites", "TransactedWrites")
CONFIGURATIONS: list[type] = sorted(
    dict.fromkeys(_configurations()), key=lambda cls: (cls.__name__ in _LAST, cls.__name__)
)
FIELDS: list[tuple[type, str]] = [
    (cls, field.name) for cls in CONFIGURATIONS for field in dataclasses.fields(cls) if field.init
]


def required(cls: type) -> dict[str, Any]:
    """Return the fields that an example of a class needs."""
    without = [f.name for f in dataclasses.fields(cls) if f.default is f.default_factory is dataclasses.MISSING]
    given = REQUIRED.get(cls.__name__, {})
    missing = set(without) - set(given)
    assert not missing, f"tests/configurations.py: REQUIRED must give {missing} of {cls.__name__}"
    return given


@cache
def kinds(cls: type, field: str) -> tuple[Any, ...]:
    """Return the types that a field may have, of a union each."""
    hint = typing.get_type_hints(cls)[field]
    union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    return typing.get_args(hint) if union else (hint,)


@cache
def documentation(cls: type, field: str) -> str:
    """Return what the docstring of a class, or of the base that it refers to, says about a field."""
    for base in cls.__mro__:
        lines = inspect.cleandoc(base.__dict__.get("__doc__") or "").splitlines()
        for number, line in enumerate(lines):
            if re.fullmatch(rf"(\w+, )*{field}(, \w+)*", line):
                end = next((n for n in range(number + 1, len(lines)) if not lines[n].startswith(" ")), len(lines))
                text = " ".join(part.strip() for part in lines[number + 1 : end])
                if not text.startswith("As in "):
                    return text
    return ""


def bounds(cls: type, field: str) -> tuple[float | None, float | None]:
    """Return the least and the largest value that the documentation names: "128..10,240", ">= 1"."""
    text = documentation(cls, field)
    if span := re.search(r"(?<![\w.])(\d[\d,]*)\.\.(\d[\d,]*\d|\d)", text):
        low, high = (float(number.replace(",", "")) for number in span.groups())
        return low, high
    if low_only := re.search(r">= (\d+)", text):
        return float(low_only[1]), None
    return None, None
