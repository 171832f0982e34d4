"""What a scenario can carry, in closed form, before any run: settings that cannot keep up need no simulation."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ddbsim.analysis.bill import make_bill
from ddbsim.capacity import KNOBS, allowed_per_s, full_batch
from ddbsim.scenario import EventSourceMapping, Scenario
from ddbsim.workload import HotSet, UniformKeys, Zipfian

__all__ = ["closed_form", "hottest_share", "lambda_floor_usd", "unstable"]

_COLUMNS = ["event_source_mapping", "limit", "records_per_s", "offered_per_s", "load", "knob"]
_EXACT = 1_000_000
_MB_PER_GB = 1024.0


def closed_form(scenario: Scenario) -> pd.DataFrame:
    """Return, per mapping and limit, the records per second that it allows and how much of that is offered.

    From the scenario alone: mean rates and mean sizes. `Result.capacity` has the same from a run.

    Parameters
    ----------
    scenario
        What would be run.

    Returns
    -------
    DataFrame
        event_source_mapping, limit ("lanes", "concurrency", "reads", and "hottest item" where the keys tell),
        records_per_s, offered_per_s, load (offered / allowed; 1 or more: the backlog grows without end), knob; the
        heaviest load first.

    Examples
    --------
    >>> import ddbsim as ds
    >>> scenario = ds.Scenario(
    ...     workload=ds.PoissonWrites(rate_per_s=1_000), table=ds.Table(partitions=1), duration_s=60,
    ...     event_source_mappings=ds.EventSourceMapping(
    ...         batch_size=100, function=ds.Function(duration=ds.Duration(base_s=0.185))),
    ... )
    >>> print(*closed_form(scenario).loc[0, ["limit", "records_per_s", "load"]])
    lanes 500.0 2.0
    """
    rows = [row for mapping in scenario.mappings for row in _rows(scenario, mapping)]
    return pd.DataFrame(rows, columns=_COLUMNS).sort_values("load", ascending=False, ignore_index=True, kind="stable")


def unstable(scenario: Scenario) -> str | None:
    """Return why a scenario cannot keep up, whatever the luck; None if the closed form does not say so."""
    worst = closed_form(scenario).iloc[0]
    if worst["load"] < 1.0:
        return None
    return (
        f"unstable: {worst['offered_per_s']:,.0f} records/s are offered to {worst['event_source_mapping']}, and "
        f"its {worst['limit']} allow {worst['records_per_s']:,.0f} ({worst['knob']})"
    )


def _rows(scenario: Scenario, mapping: EventSourceMapping) -> list[tuple[str, str, float, float, float, str]]:
    offered = _records_per_s(scenario)
    allowed = allowed_per_s(scenario, mapping, _mean_record_bytes(scenario))
    # what takes longer than the timeout only when batches are full may run well with emptier ones
    allowed.pop("timeout", None)
    # which records pass a filter cannot be told from rates: all that is sure is what must be read
    filtered = bool(getattr(mapping, "filter_criteria", ()))
    rows = []
    for limit, per_s in allowed.items():
        if not filtered or limit == "reads":
            rows.append(_row(mapping, limit, per_s, offered))
    lanes = scenario.table.partitions * mapping.parallelization_factor
    hottest = hottest_share(scenario)
    if hottest is not None and lanes > 1 and not filtered:
        rows.append(_row(mapping, "hottest item", allowed["lanes"] / lanes, offered * hottest))
    return rows


def _row(
    mapping: EventSourceMapping, limit: str, per_s: float, offered: float
) -> tuple[str, str, float, float, float, str]:
    load = offered / per_s if per_s else (np.inf if offered else 0.0)
    return mapping.label, limit, per_s, offered, load, KNOBS[limit]


def _records_per_s(scenario: Scenario) -> float:
    written = scenario.workload.expected_writes(scenario.length_s) / scenario.length_s
    return written * (1.0 - _share(scenario, "no_op"))


def _share(scenario: Scenario, operation: str) -> float:
    return float(getattr(getattr(scenario.workload, "operations", None), operation, 0.0))


def _mean_record_bytes(scenario: Scenario) -> float:
    """Return the mean SizeBytes of a record under the stream's view type."""
    item, view_type = scenario.workload.mean_item_bytes, scenario.stream.view_type
    changes = max(1.0 - _share(scenario, "no_op"), 1e-9)
    size = float(getattr(scenario.workload, "key_bytes", 0))
    if view_type in ("NEW_IMAGE", "NEW_AND_OLD_IMAGES"):
        size += item * (1.0 - _share(scenario, "remove") / changes)
    if view_type in ("OLD_IMAGE", "NEW_AND_OLD_IMAGES"):
        size += item * (1.0 - _share(scenario, "insert") / changes)
    return size


def lambda_floor_usd(scenario: Scenario) -> float:
    """Return what Lambda costs a month at the very least: every batch full, none repeated, no cold start.

    Parameters
    ----------
    scenario
        What would be run.

    Returns
    -------
    float
        USD; 0 where a filter keeps records from the function, or invocations fail and so end early.
    """
    used: dict[str, float] = {}
    hour_s = 3_600.0
    for mapping in scenario.mappings:
        function, failures = mapping.function, mapping.function.failures
        if getattr(mapping, "filter_criteria", ()) or failures != type(failures)():
            continue
        batch, duration_s = full_batch(scenario, mapping, _mean_record_bytes(scenario))
        invocations = _records_per_s(scenario) * hour_s / batch
        seconds = invocations * min(duration_s, function.timeout_s)
        for component, amount in (
            ("lambda_requests", invocations),
            (f"lambda_gb_seconds_{function.architecture}", seconds * function.memory_mb / _MB_PER_GB),
        ):
            used[component] = used.get(component, 0.0) + amount
    return make_bill(used, window_s=hour_s, region=scenario.region).usd_per_month if used else 0.0


def hottest_share(scenario: Scenario) -> float | None:
    """Return the share of the writes that the hottest item gets; None where the keys do not tell.

    Its records stay in one lane, in order, so no setting carries them faster than one lane does.
    """
    keys = getattr(scenario.workload, "keys", None)
    if isinstance(keys, UniformKeys):
        return 1.0 / keys.items
    if isinstance(keys, HotSet):
        return max(keys.hot_share / keys.hot_items, (1.0 - keys.hot_share) / (keys.items - keys.hot_items))
    if isinstance(keys, Zipfian):
        return 1.0 / _zipfian_sum(keys.items, keys.theta)
    return None


def _zipfian_sum(items: int, theta: float) -> float:
    """Return the sum of 1 / k ** theta: term by term up to a million, then by the integral (within 1e-6)."""
    head = float((np.arange(1, min(items, _EXACT) + 1, dtype=np.float64) ** -theta).sum())
    if items <= _EXACT:
        return head
    low, high = _EXACT + 0.5, items + 0.5
    if abs(1.0 - theta) < 1e-12:
        return head + float(np.log(high / low))
    return head + float(high ** (1.0 - theta) - low ** (1.0 - theta)) / (1.0 - theta)
