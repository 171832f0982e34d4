"""How long runs must be: where a stretch of a run is like any other, and what a longer one would tell."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from ddbsim.result.capacity import THE_TABLE
from ddbsim.run import MEMORY_LIMIT_BYTES, TooManyRecordsError, longest_that_fits_s
from ddbsim.scenario import Scenario

from .screening import design_limits
from .words import span

__all__ = ["alike", "at_length", "check_fits", "long_look_s", "needs_long_look", "short_length_s", "table_rows"]

_SHORT_SHARE = 12.0
_SHORT_LEAST_S = 30.0
_SHORT_LEAST_RECORDS = 5_000.0
_SHORT_WINDOWS = 4.0
# a short run that spares less than this is not worth its own draws
_WORTH = 0.6
# below this load of its limits no burst hides that a table throttles, and no partition splits for its heat
_COOL = 0.8
# above this load of a mapping's limits, its backlog is slow to show where it goes
_BUSY = 0.7
_LONG = 4.0
_LONGEST = 16.0


def short_length_s(scenarios: Sequence[Scenario]) -> float | None:
    """Return how long a short run is, seconds; None where only runs of full length are alike.

    A stretch of steady traffic is like any other. Where the rate changes, or something happens at a given time, or a
    table still lives on its burst, or the stretch would spare little, there are no short runs.
    """
    first = scenarios[0]
    length_s, warmup_s = first.length_s, first.warmup_s
    if any(not alike(one) or one.length_s != length_s or one.warmup_s != warmup_s for one in scenarios):
        return None
    rate = min(one.writes_per_s for one in scenarios)
    windows = [mapping.maximum_batching_window_in_seconds for one in scenarios for mapping in one.mappings]
    measured_s = max(
        (length_s - warmup_s) / _SHORT_SHARE,
        _SHORT_LEAST_S,
        _SHORT_LEAST_RECORDS / rate if rate else math.inf,
        _SHORT_WINDOWS * max(windows, default=0),
    )
    short_s = math.ceil(warmup_s + measured_s) if math.isfinite(measured_s) else math.inf
    return float(short_s) if short_s <= _WORTH * length_s else None


def alike(scenario: Scenario) -> bool:
    """Whether every stretch of a run is like any other."""
    events: list[object] = [scenario.table.splits, scenario.table.stated_switches, scenario.table.time_to_live]
    events.append(scenario.stream.disabled_s)
    for mapping in scenario.mappings:
        failures = mapping.function.failures
        # what is poisoned stands in the way from its first record on
        events += [mapping.planned_suspensions, mapping.created_s, failures.outages, failures.poison_items]
    return scenario.workload.steady and not any(events) and _cool(scenario)


def _cool(scenario: Scenario) -> bool:
    """Whether the table is so far below its limits that nothing of it changes in the course of a run."""
    if scenario.table.billing is None:
        return True
    rows = table_rows(design_limits(scenario))
    return len(rows) > 0 and float(rows["load"].max()) < _COOL


def table_rows(capacity: pd.DataFrame) -> pd.DataFrame:
    """Return those limits of a closed form that are the table's: its own, and its indexes', partitions' and items'."""
    own: pd.DataFrame = capacity[capacity["event_source_mapping"] == THE_TABLE]
    return own


def at_length(scenario: Scenario, length_s: float) -> Scenario:
    """Return the scenario with another length."""
    return scenario.until(length_s)


def needs_long_look(scenario: Scenario) -> bool:
    """Whether a design is so near a limit that a run of the scenario's length may not show where its backlog goes."""
    return float(design_limits(scenario)["load"].max()) >= _BUSY


def long_look_s(scenario: Scenario, wanted_s: float = 0.0) -> float | None:
    """Return how long a longer run is that is still of the same traffic, seconds; None if there is none.

    Parameters
    ----------
    scenario
        What is looked at.
    wanted_s
        How long it should be at the least: four times the scenario's length in any case, sixteen times at the most.
    """
    if not alike(scenario):
        return None
    measured_s = scenario.length_s - scenario.warmup_s
    length_s = scenario.warmup_s + min(max(_LONG * measured_s, 1.2 * wanted_s), _LONGEST * measured_s)
    own_s = scenario.workload.duration_s
    longest_s = min(longest_that_fits_s(scenario, MEMORY_LIMIT_BYTES), math.inf if own_s is None else own_s)
    return length_s if scenario.length_s < length_s <= longest_s else None


def check_fits(what: str, scenarios: Sequence[Scenario]) -> None:
    """Raise before the first run if a run would be refused for its memory.

    Raises
    ------
    TooManyRecordsError
        With the length that fits.
    """
    for scenario in scenarios:
        longest_s = longest_that_fits_s(scenario, MEMORY_LIMIT_BYTES)
        if scenario.length_s > longest_s:
            raise TooManyRecordsError(
                f"{what}: runs of {scenario.name!r} of {span(scenario.length_s)} have more records than fit into "
                f"{MEMORY_LIMIT_BYTES / 2**30:,.1f} GiB: shorten duration_s to at most {math.floor(longest_s):,} s, "
                "or lower the rate"
            )
