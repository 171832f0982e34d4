"""What a scenario can carry, in closed form, before any run: settings that cannot keep up need no simulation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pandas as pd

from ddbsim.analysis.bill import make_bill
from ddbsim.checks.arguments import checked
from ddbsim.result.capacity import (
    COLUMNS,
    THE_TABLE,
    Asked,
    Offered,
    Row,
    full_batch,
    index_units,
    limits_of,
    reader_limits,
    table_limits,
)
from ddbsim.scenario import EventSourceMapping, Scenario, read_back_events

__all__ = ["asked_of", "closed_form", "design_limits", "lambda_floor_usd", "offered_to", "unstable"]

_MB_PER_GB = 1024.0


@checked
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
        event_source_mapping (a stream reader's name for its limits, "" for the table's own), limit ("lanes",
        "concurrency", "reads", "hottest item"; of a reader "reads" and "busiest shard"; of a table with a billing mode
        "table", "index NAME", "partition", "item"), records_per_s, offered_per_s, load (offered / allowed; 1 or more: a
        consumer's backlog grows without end, and a table throttles for good), remedy; the heaviest load first.
        Consumers are offered what the table lets through.

    Notes
    -----
    Full batches back to back, with every part of the duration: base, records, payload, noise, memory, read-backs, and
    the retries of invocations that fail at random. A run carries this or less: up to 15 % less where batches are
    shorter than the interval between polls, as lanes then wait for the next page now and then, and up to 35 % less with
    too little concurrency, as throttled lanes back off. So a load of 1 or more is sure, and one just below is not.

    Where a filter looks at what rates do not tell, only the reads are there: give `filter_match_fraction` to have the
    others.

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
    return _by_load([*_design_rows(scenario), *reader_limits(scenario, _written(scenario))])


def design_limits(scenario: Scenario) -> pd.DataFrame:
    """Return the rows of `closed_form` that decide about a design: all but those of readers that are not Lambda."""
    return _by_load([*_design_rows(scenario)])


def _by_load(rows: list[Row]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=COLUMNS).sort_values("load", ascending=False, ignore_index=True, kind="stable")


def _design_rows(scenario: Scenario) -> Iterator[Row]:
    offered = {mapping.label: offered_to(scenario, mapping) for mapping in scenario.mappings}
    for mapping in scenario.mappings:
        # what takes longer than the timeout only when batches are full may run well with emptier ones
        yield from (row for row in limits_of(scenario, mapping, offered, "hottest item") if row[1] != "timeout")
    yield from table_limits(scenario, asked_of(scenario))


def _written(scenario: Scenario) -> Offered:
    """Return what every reader of the stream would be offered, and the least share of the busiest shard in it."""
    means = scenario.workload.means
    worst = max((load for *_, load, _ in table_limits(scenario, asked_of(scenario))), default=0.0)
    hottest = means.hottest_share
    return Offered(
        records_per_s=scenario.writes_per_s * means.recorded_share / max(worst, 1.0),
        record_bytes=means.record_bytes(scenario.stream.view_type),
        hottest_share=hottest + (1.0 - hottest) / scenario.table.initial_partitions,
    )


def offered_to(scenario: Scenario, mapping: EventSourceMapping) -> Offered:
    """Return what a mapping would be offered, from the averages of the workload."""
    means = scenario.workload.means
    read = read_back_events(mapping.function.needs, scenario.stream.view_type)
    return replace(
        _written(scenario),
        passed_share=mapping.filter_match_fraction if mapping.filter_criteria else 1.0,
        read_back_share=sum(means.event_share(event) for event in read),
        hottest_share=means.hottest_share,
    )


def asked_of(scenario: Scenario) -> Asked:
    """Return what clients would ask of the table, from the averages of the workload."""
    means = scenario.workload.means
    return Asked(
        writes_per_s=scenario.writes_per_s,
        recorded_share=means.recorded_share,
        write_units=means.write_units,
        hottest_share=means.hottest_share,
        index_units=index_units(scenario, means),
    )


def unstable(scenario: Scenario, *, lost_writes: bool = False) -> str | None:
    """Return why a scenario cannot keep up, whatever the luck; None if the closed form does not say so.

    Parameters
    ----------
    scenario
        What would be run.
    lost_writes
        Whether the table may refuse writes: then its limits do not count.
    """
    rows = design_limits(scenario)
    worst = (rows[rows["event_source_mapping"] != THE_TABLE] if lost_writes else rows).iloc[0]
    if worst["load"] < 1.0:
        return None
    if worst["event_source_mapping"] == THE_TABLE:
        return (
            f"the table throttles: {worst['load']:.2f} times what its {worst['limit']} limit allows is written "
            f"({worst['remedy']})"
        )
    return (
        f"unstable: {worst['offered_per_s']:,.0f} records/s are offered to {worst['event_source_mapping']}, and "
        f"its {worst['limit']} allow {worst['records_per_s']:,.0f} ({worst['remedy']})"
    )


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
        if mapping.filter_criteria or failures != type(failures)():
            continue
        offered = offered_to(scenario, mapping)
        full = full_batch(scenario, mapping, offered)
        invocations = offered.records_per_s * hour_s / full.records
        seconds = invocations * min(full.duration_s, function.timeout_s)
        for component, amount in (
            ("lambda_requests", invocations),
            (f"lambda_gb_seconds_{function.architecture}", seconds * function.memory_mb / _MB_PER_GB),
        ):
            used[component] = used.get(component, 0.0) + amount
    return make_bill(used, window_s=hour_s, region=scenario.region).usd_per_month if used else 0.0
