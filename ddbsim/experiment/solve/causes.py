"""Why a design fails: what its runs met, counted in the run and told in words."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ddbsim.analysis.keeping_up import TOO_SHORT
from ddbsim.experiment.runs.measures import Measures, measure
from ddbsim.log.outcomes import INVOCATION_OUTCOMES
from ddbsim.result.capacity import THE_TABLE, full_batch, limits_of
from ddbsim.scenario import EventSourceMapping, Scenario

from .screening import design_limits, offered_to
from .stretches import table_rows

if TYPE_CHECKING:
    from ddbsim.result.result import Result

__all__ = ["LONG_ENOUGH_S", "cause", "limit_in_words", "measure_with_causes"]

#: How long a run must be, seconds, for its backlog to tell whether it grows; 0 if this one is.
LONG_ENOUGH_S = "cause.long_enough_s"
_ATTEMPTS = "cause.attempts."
_REFUSED = "cause.refused."
_ASKED = "cause.asked"
# an interval that must be so narrow tells whether a backlog grows
_COARSE = 0.05
# what touches fewer attempts than this did not break the design
_SHARE = 0.01
_NEAR = 0.8


def measure_with_causes(result: Result) -> Measures:
    """Return what an experiment keeps of a run, and beside it what went wrong, counted."""
    kept = measure(result)
    return Measures(kept.metrics | dict(_counted(result)), kept.latencies, kept.series)


def _counted(result: Result) -> Iterator[tuple[str, float]]:
    begin_s = result.scenario.warmup_s
    invocations = result.invocations
    for outcome, count in invocations.loc[invocations["started_s"] >= begin_s, "outcome"].value_counts().items():
        yield f"{_ATTEMPTS}{outcome}", float(count)
    writes = result.writes
    asked = writes["requested_s"] >= begin_s
    yield _ASKED, float(asked.sum())
    refused = writes.loc[asked & (writes["outcome"] == "lost"), "throttle_reason"]
    for reason, count in refused.value_counts().items():
        yield f"{_REFUSED}{reason}", float(count)
    yield LONG_ENOUGH_S, _long_enough_s(result)


def _long_enough_s(result: Result) -> float:
    told = result.keeping_up()
    unsure = told[told["verdict"] == TOO_SHORT]
    if unsure.empty:
        return 0.0
    # a backlog that returns to its level does not grow with time, and what is written does
    measured_s = result.ended_s - result.scenario.warmup_s
    factor = max(float((unsure["high"] / _COARSE).fillna(2.0).max()), 1.0)
    cycles_s = max(mapping.cycle_s for mapping in result.scenario.mappings)
    return result.scenario.warmup_s + max(measured_s * factor, 8.0 * cycles_s)


def _mean(runs: Sequence[Measures], name: str) -> float:
    return float(np.mean([one.metrics.get(name, 0.0) for one in runs])) if runs else 0.0


def cause(scenario: Scenario, runs: Sequence[Measures]) -> str:
    """Return what broke a design, in words; empty if nothing stands out.

    Parameters
    ----------
    scenario
        What was run.
    runs
        Of `measure_with_causes`.
    """
    return next(_causes(scenario, runs), "")


def _causes(scenario: Scenario, runs: Sequence[Measures]) -> Iterator[str]:
    """Yield what went wrong, what lies nearest to the root first."""
    yield from _of_table(scenario, runs)
    counts = {outcome: _mean(runs, f"{_ATTEMPTS}{outcome}") for outcome in INVOCATION_OUTCOMES}
    attempts = sum(counts.values())
    for outcome, words in _ATTEMPTS_IN_WORDS.items():
        if attempts and counts[outcome] > _SHARE * attempts:
            yield f"{words(scenario)} ({counts[outcome]:,.0f} of {attempts:,.0f} attempts in a run)"
    worst = design_limits(scenario).iloc[0]
    if worst["load"] >= _NEAR:
        yield limit_in_words(worst)


def _of_table(scenario: Scenario, runs: Sequence[Measures]) -> Iterator[str]:
    lost = _mean(runs, "lost_writes")
    if not lost:
        return
    names = {name for one in runs for name in one.metrics if name.startswith(_REFUSED)}
    reasons = sorted(names, key=lambda name: -_mean(runs, name))
    asked = max(_mean(runs, _ASKED), 1.0)
    reason = f" ({reasons[0].removeprefix(_REFUSED)})" if reasons else ""
    rows = table_rows(design_limits(scenario))
    near = rows[rows["load"] >= _NEAR]
    limit = "" if near.empty else f": {limit_in_words(near.iloc[0])}"
    yield f"the table refuses writes, and clients give up {lost / asked:.1%} of them{reason}{limit}"


def limit_in_words(row: pd.Series[Any]) -> str:
    """Return a row of the closed form as a clause."""
    name = str(row["event_source_mapping"])
    of = "" if name == THE_TABLE else f" of {name}"
    if math.isinf(row["load"]):
        return f"{row['limit']}{of} allows nothing ({row['remedy']})"
    return f"{row['limit']}{of} at {row['load']:.0%} of what it allows ({row['remedy']})"


def _timeouts(scenario: Scenario) -> str:
    for mapping in scenario.mappings:
        most = _too_long(scenario, mapping)
        if most is not None:
            return f"every batch of {most:,} records takes longer than timeout_s {mapping.function.timeout_s:g} s"
    timeouts = ", ".join(f"{mapping.function.timeout_s:g} s" for mapping in scenario.mappings)
    return f"invocations take longer than timeout_s {timeouts}"


def _too_long(scenario: Scenario, mapping: EventSourceMapping) -> int | None:
    """Return how many records a full batch has, if it takes longer than the timeout."""
    offered = {one.label: offered_to(scenario, one) for one in scenario.mappings}
    if all(row[1] != "timeout" for row in limits_of(scenario, mapping, offered, "hottest item")):
        return None
    return int(full_batch(scenario, mapping, offered[mapping.label]).records)


def _out_of_memory(scenario: Scenario) -> str:
    limits = [
        f"{one.function.failures.out_of_memory_bytes:,} bytes"
        for one in scenario.mappings
        if one.function.failures.out_of_memory_bytes is not None
    ]
    return f"invocations run out of memory, with events of more than {', '.join(limits)}"


def _throttled(scenario: Scenario) -> str:
    reserved = [
        f"reserved_concurrency {one.function.reserved_concurrency}"
        for one in scenario.mappings
        if one.function.reserved_concurrency is not None
    ]
    limits = ", ".join(dict.fromkeys(reserved)) or f"account_concurrency {scenario.account_concurrency:,}"
    return f"invocations are throttled for want of concurrency ({limits})"


_ATTEMPTS_IN_WORDS = {
    "too_large": lambda _: "events are larger than 6 MB",
    "out_of_memory": _out_of_memory,
    "timeout": _timeouts,
    "error": lambda _: "invocations fail",
    "partial": lambda _: "invocations fail in part",
    "throttled": _throttled,
}
