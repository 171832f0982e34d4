"""Rules of the table: what it refuses, and what the service would refuse where a table has no billing mode."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from ddbsim.analysis.table_numbers import over_cap
from ddbsim.experiment.solve.screening import closed_form
from ddbsim.log.sentences import count_of
from ddbsim.result.capacity import THE_TABLE
from ddbsim.result.result import Result
from ddbsim.scenario import OnDemand, Provisioned, Scenario

from .findings import Finding, whole
from .proofs import Reproduction

__all__ = ["caps_that_are_passed", "writes_that_are_refused"]

# of the writes asked for: what a retry brings a moment later is no danger
_LATE_SHARE = 0.01
_MARGIN = 1.25


def writes_that_are_refused(bench: Reproduction) -> Iterable[tuple[str, Finding]]:
    """Tell what a table, its indexes, partitions or items throttle."""
    if bench.typed.table.billing is None:
        return
    loads = closed_form(bench.typed)
    loads = loads[(loads["event_source_mapping"] == THE_TABLE) & (loads["load"] >= 1.0)]
    result, length_s = bench.as_typed, bench.typed_length_s
    if len(loads) and not _refused(result):
        # a burst may pay for a while
        length_s = bench.affordable_s(math.inf)
        result = bench.run(scenario=bench.typed, length_s=length_s)
    refused = _refused(result)
    if not refused:
        return
    numbers, writes = result.table_numbers(), result.writes
    hurt = writes[(writes["attempts"] > 1) | (writes["outcome"] != "admitted")]["requested_s"]
    reasons = ", ".join(f"{name} ({count:,})" for name, count in numbers.reasons.items())
    binding = loads.iloc[0] if len(loads) else None
    over = "" if binding is None else f" The {binding['limit']} limit is asked for {binding['load']:.2f} times."
    lost = numbers.lost + numbers.waiting
    yield (
        THE_TABLE,
        Finding(
            danger="loss" if numbers.lost else "delay",
            happens=f"Of {numbers.asked:,} writes that clients asked for {bench.within(length_s)}, {numbers.lost:,} "
            f"were given up and {numbers.delayed:,} came late: {reasons}.{over}",
            how_long_s=float(hurt.max() - hurt.min()),
            records=lost if numbers.lost else refused,
            change=_words(loads, numbers.reasons),
            settings=_capacity(bench.typed, loads, result),
        ),
    )


def _refused(result: Result) -> int:
    """Return how many writes were given up or came late, 0 where it is a moment's matter of a few."""
    numbers = result.table_numbers()
    late = numbers.delayed + numbers.waiting
    matters = numbers.lost or late > _LATE_SHARE * numbers.asked
    return numbers.lost + late if matters else 0


def _words(loads: pd.DataFrame, reasons: dict[str, int]) -> str:
    knobs = list(dict.fromkeys(loads["remedy"]))
    if not knobs:
        index = any(name.startswith("Index") for name in reasons)
        what = "write capacity for the index" if index else "write capacity before the traffic comes"
        knobs = [f"more {what} (auto scaling and on-demand growth take minutes)"]
    return "; ".join(knobs)


def _capacity(scenario: Scenario, loads: pd.DataFrame, result: Result) -> dict[str, Any]:
    """Return the capacity that takes what is asked, and what the mappings then need; nothing where none helps."""
    table, limits = scenario.table, set(loads["limit"])
    if "item" in limits or len(table.stated_switches):
        return {}
    units = _peak_units_per_s(result)
    loads_of = dict(zip(loads["limit"], loads["load"], strict=True))
    partitions = math.ceil(table.initial_partitions * loads_of.get("partition", 0.0) * _MARGIN)
    units = max(units, (partitions - 1) * table.partition_write_units_per_s + 1 if partitions else 0)
    settings = _billing(table.billing, "table.billing", units) | _indexes(scenario, loads_of)
    if table.partitions is not None:
        needed = max(math.ceil(units / table.partition_write_units_per_s), partitions, table.partitions)
        settings["table.partitions"] = needed
    return whole(scenario, settings)


def _peak_units_per_s(result: Result) -> int:
    """Return the write units that clients asked for in the busiest second, with a margin."""
    requested_s = result.writes["requested_s"].dropna().to_numpy()
    units = result.scenario.workload.means.write_units
    busiest = int(np.bincount(requested_s.astype(np.int64)).max()) if len(requested_s) else 0
    return math.ceil(busiest * units * _MARGIN)


def _billing(billing: Any, path: str, units: int) -> dict[str, Any]:
    if isinstance(billing, OnDemand):
        most = billing.max_write_request_units
        raised = None if most is None else max(most, units)
        warm = max(billing.warm_write_units_per_s, units)
        return {path: replace(billing, warm_write_units_per_s=warm, max_write_request_units=raised)}
    if not isinstance(billing, Provisioned):
        return {}
    scaling = billing.auto_scaling
    if scaling is not None:
        least = max(scaling.min_capacity, units)
        scaling = replace(scaling, min_capacity=least, max_capacity=max(scaling.max_capacity, least))
    more = max(billing.write_capacity_units, units)
    return {path: replace(billing, write_capacity_units=more, auto_scaling=scaling)}


def _indexes(scenario: Scenario, loads: dict[str, float]) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    for number, index in enumerate(scenario.table.indexes):
        load = loads.get(f"index {index.name}", 0.0)
        if load and isinstance(index.billing, Provisioned):
            units = math.ceil(index.billing.write_capacity_units * load * _MARGIN)
            settings |= _billing(index.billing, f"table.global_secondary_indexes[{number}].billing", units)
    return settings


def caps_that_are_passed(bench: Reproduction) -> Iterable[tuple[str, Finding]]:
    """Tell what a table without a mode takes and the service would not."""
    table, result = bench.typed.table, bench.as_typed
    if table.billing is not None:
        return
    cap = table.partition_write_units_per_s
    over = over_cap(result.writes, cap, warmup_s=0.0, ended_s=result.ended_s)
    if not over.partitions and over.item_units_per_s <= cap:
        return
    # as warm as so many partitions can be: what is refused then is refused by partitions and items
    warm = table.initial_partitions * cap
    limited = replace(
        table, billing=OnDemand(warm_write_units_per_s=warm), write_quota_per_s=max(warm, table.write_quota_per_s)
    )
    numbers = bench.run(scenario=bench.typed, length_s=bench.length_s, table=limited).table_numbers()
    refused = numbers.lost + numbers.delayed + numbers.waiting
    hot = over.item_units_per_s > cap
    item = f", and the hottest item {over.item_units_per_s:,.0f}" if hot else ""
    yield (
        THE_TABLE,
        Finding(
            danger="loss" if numbers.lost else "delay",
            happens=f"The table has no billing mode, so it never throttles: {count_of(over.partitions, 'partition')} "
            f"of {table.initial_partitions} passed the {cap:,} write units/s that the service gives one (the busiest "
            f"had {over.partition_units_per_s:,.0f}{item}). On demand, and as warm as its partitions can be, "
            f"{refused:,} of {numbers.asked:,} writes were refused at least once, and {numbers.lost:,} given up "
            f"{bench.within(bench.length_s)}.",
            how_long_s=bench.length_s,
            records=refused,
            change="spread the hot item's writes: no capacity splits one item"
            if hot
            else "spread the writes over more keys or partitions, and set Table(billing=...) to see what it takes",
        ),
    )
