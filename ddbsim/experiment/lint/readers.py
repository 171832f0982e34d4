"""Rules of how the stream is read: where reading begins, what filters let through, who falls behind."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pandas as pd

from ddbsim.aws import behaviour, limits
from ddbsim.distributions import as_distribution
from ddbsim.experiment.solve.screening import closed_form
from ddbsim.filters import dead_patterns
from ddbsim.log import outcomes
from ddbsim.log.sentences import count_of
from ddbsim.result.capacity import REMEDIES
from ddbsim.result.result import Result
from ddbsim.scenario import EventSourceMapping, Scenario, StreamReader, criteria_of
from ddbsim.scenario.filter_patterns import keys_shown

from .findings import Finding, applied, function_settings, lanes_of, mapping_settings, whole, with_room
from .proofs import Reproduction, rows_of

__all__ = ["falls_behind", "filters_that_match_nothing", "records_before_the_first_poll", "trailing_readers"]

_DOES_NOT = "does not keep up"
_MARGIN = 1.25
_MINUTES = 6
# of the attempts; a throttled lane rests, so that a starved one has few
_MANY = 0.05


def records_before_the_first_poll(bench: Reproduction, mapping: EventSourceMapping) -> Finding | None:
    """Look for LATEST: what is written between a mapping's creation and its first poll is never read."""
    if mapping.starting_position != "LATEST":
        return None
    delay_s = 2.0 * as_distribution(mapping.poller.activation_delay).mean
    length_s = bench.affordable_s(max(bench.length_s, 2.0 * delay_s))
    scale = min(1.0, length_s / (2.0 * delay_s)) if delay_s else 1.0
    created_s = 0.25 * length_s
    poller = mapping.poller
    if scale < 1.0:
        poller = replace(poller, activation_delay=0.25 * length_s)
    result = bench.alone(mapping, length_s=length_s, created_s=created_s, poller=poller)
    log = rows_of(result.stream_log, mapping)
    missed = log[(log["outcome"] == "skipped") & (log["written_s"] >= created_s)]
    if missed.empty:
        return None
    shrunk = "" if scale == 1.0 else " (a shorter activation than usual, to fit into a short run)"
    return Finding(
        danger="loss",
        happens=f"With LATEST, what is written after the mapping is created and before its first poll is never read: "
        f"{count_of(len(missed), 'record')} of a mapping created at {created_s:.3g} s{shrunk}. An update can do the "
        "same.",
        how_long_s=float(missed["written_s"].max() - created_s),
        records=len(missed),
        change="set starting_position to TRIM_HORIZON",
        settings=mapping_settings(mapping, starting_position="TRIM_HORIZON"),
    )


def filters_that_match_nothing(bench: Reproduction, mapping: EventSourceMapping) -> Finding | None:
    """Look for filters, or patterns of them, that let nothing through."""
    patterns = mapping.patterns
    if not patterns:
        return None
    scenario = bench.typed
    dead = dead_patterns(
        criteria_of(patterns),
        scenario.stream.view_type,
        keys=keys_shown(scenario.workload, by_share=mapping.filter_match_fraction is not None),
    )
    log = rows_of(bench.as_typed.stream_log, mapping)
    judged = log[~log["outcome"].isin(["waiting", "skipped"])]
    held = judged[judged["outcome"] == "filtered"]
    everything = len(judged) > 0 and len(held) == len(judged)
    # what a part of the run has not shown may come later, such as a record that expires
    nothing = everything and (len(dead) == len(patterns) or bench.typed_length_s >= scenario.length_s)
    if nothing or (dead and len(dead) == len(patterns)):
        why = "; ".join(dead.values()) if dead else "no record of the run matches it"
        return Finding(
            danger="loss",
            happens=f"The filter lets nothing through: {len(held):,} of {count_of(len(judged), 'record')} "
            f"{bench.within(bench.typed_length_s)} were held back. {why[0].upper()}{why[1:]}.",
            how_long_s=float(held["written_s"].max() - held["written_s"].min()) if len(held) else 0.0,
            records=len(held),
            change="mend filter_criteria: try patterns with ds.matches(pattern, record)",
        )
    if not dead:
        return None
    told = "; ".join(f"pattern {number}: {why}" for number, why in dead.items())
    return Finding(
        danger="waste",
        happens=f"{count_of(len(dead), 'pattern')} of {len(patterns)} can never match: {told}.",
        how_long_s=0.0,
        records=0,
        change="mend or drop them: what they were meant for does not come",
    )


def falls_behind(bench: Reproduction, mapping: EventSourceMapping) -> Finding | None:
    """Look for mappings whose backlog grows without end."""
    ran = rows_of(bench.as_typed.invocations, mapping)
    ran = ran[outcomes.ran(ran) & (ran["outcome"] != "running")]
    # of what never succeeds another rule tells
    if len(ran) and outcomes.errors(ran).all():
        return None
    loads = closed_form(bench.typed)
    mine = loads[loads["event_source_mapping"] == mapping.label]
    over = mine[mine["load"] >= 1.0]
    result = _shown_behind(bench, mapping, bool(len(over)))
    if result is None:
        return None
    log = rows_of(result.stream_log, mapping)
    waiting = log[log["outcome"] == "waiting"]
    if waiting.empty:
        return None
    binds, change, limits_passed = _binds(bench, result, mapping, over)
    return Finding(
        danger="standstill",
        happens=f"It does not keep up: {len(waiting):,} of {count_of(len(log), 'record')} still waited after "
        f"{result.ended_s:,.3g} s, and the backlog grows. {binds}",
        how_long_s=float(result.ended_s - waiting["written_s"].min()),
        records=len(waiting),
        change=change,
        settings=_relief(bench.typed, mapping, limits_passed),
    )


def _shown_behind(bench: Reproduction, mapping: EventSourceMapping, sure: bool) -> Result | None:
    """Return a run in which the mapping's backlog grows; one alone may be chance where no limit is passed."""
    first, length_s = bench.as_typed, bench.typed_length_s
    if bench.last_event_s > 0.5 * length_s and not sure:
        # it has not had the time to come back from what was planned
        return None
    if _grows(first, mapping):
        if sure:
            return first
        longer_s = bench.affordable_s(4.0 * length_s)
        fresh = None if longer_s > length_s else 1
        again = bench.run(scenario=bench.typed, length_s=longer_s, replication=fresh)
        return again if _grows(again, mapping) else None
    if not sure:
        return None
    longer = bench.run(scenario=bench.typed, length_s=bench.affordable_s(10.0 * length_s))
    return longer if _grows(longer, mapping) else None


def _grows(result: Result, mapping: EventSourceMapping) -> bool:
    verdicts = result.keeping_up().set_index("event_source_mapping")["verdict"]
    return bool(verdicts[mapping.label] == _DOES_NOT)


def _binds(
    bench: Reproduction, result: Result, mapping: EventSourceMapping, over: pd.DataFrame
) -> tuple[str, str, dict[str, float]]:
    """Return what holds a mapping up, what to change, and the load of each limit that is passed."""
    if len(over):
        worst = over.iloc[0]
        told = f"{worst['limit']}: {worst['records_per_s']:,.0f} records/s of the {worst['offered_per_s']:,.0f} offered"
        change = f"change {'; '.join(dict.fromkeys(over['remedy']))}"
        return f"What binds: {told}.", change, dict(zip(over["limit"], over["load"], strict=True))
    if any(math.isinf(one.end_s) for one in bench.typed_mapping(mapping).planned_suspensions):
        return "It is disabled and never enabled again.", "enable it again within the stream's retention", {}
    attempts = rows_of(result.invocations, mapping)
    if outcomes.throttled(attempts).mean() > _MANY:
        told = f"{outcomes.throttled(attempts).mean():.0%} of its attempts are throttled, and a throttled lane rests"
        return f"What binds: {told}.", f"change {REMEDIES['concurrency']}", {"concurrency": 1.0}
    if outcomes.failed(attempts).mean() > _MANY:
        told = f"{outcomes.failed(attempts).mean():.0%} of its attempts fail, and a failed batch is sent again"
        return f"What binds: {told}.", "see error_type in result.invocations", {}
    return "No limit of full batches is passed.", "see result.capacity() and result.waits()", {}


def _relief(scenario: Scenario, mapping: EventSourceMapping, loads: dict[str, float]) -> dict[str, Any]:
    """Return the settings that let a mapping keep up; nothing where none does."""
    if not loads or loads.keys() - {"lanes", "concurrency"}:
        return {}
    settings: dict[str, Any] = {}
    if "lanes" in loads:
        factor = math.ceil(mapping.parallelization_factor * loads["lanes"] * _MARGIN)
        if factor > int(limits.PARALLELIZATION_FACTOR.high or 1) or mapping.tumbling_window_in_seconds:
            return {}
        settings |= mapping_settings(mapping, parallelization_factor=factor)
    if "concurrency" in loads:
        settings |= _invocations(scenario, mapping, settings)
    return whole(scenario, settings)


def _invocations(scenario: Scenario, mapping: EventSourceMapping, settings: dict[str, Any]) -> dict[str, Any]:
    function = mapping.function
    roomy = with_room(scenario, settings) | settings
    if function.reserved_concurrency is None:
        return roomy
    lanes = lanes_of(applied(scenario, roomy), function.name)
    return with_room(scenario, settings | function_settings(scenario, function.name, reserved_concurrency=lanes))


def trailing_readers(bench: Reproduction) -> Iterable[tuple[str, Finding]]:
    """Tell which readers that are not Lambda read less than is written."""
    scenario = bench.typed
    for number, reader in enumerate(scenario.other_readers):
        load = _load_of(scenario, reader)
        if load < 1.0:
            continue
        length_s = bench.affordable_s(max(bench.typed_length_s, _MINUTES * 60.0))
        longer = length_s > bench.typed_length_s
        result = bench.run(scenario=scenario, length_s=length_s) if longer else bench.as_typed
        told = _trailing(bench, result, reader, number, load)
        if told is not None:
            yield reader.name, told


def _load_of(scenario: Scenario, reader: StreamReader) -> float:
    """Return what is written to the busiest shard over what a reader can read of it."""
    rows = closed_form(scenario)
    return float(rows.loc[rows["event_source_mapping"] == reader.name, "load"].max())


def _trailing(bench: Reproduction, result: Result, reader: StreamReader, number: int, load: float) -> Finding | None:
    log = result.read_log[result.read_log["reader"] == reader.name]
    brought, written = int((log["outcome"] == "read").sum()), len(log)
    age_s = float((log["read_s"].fillna(result.ended_s) - log["written_s"]).max())
    # what one round of reads and the visibility leave behind is no backlog
    usual_s = 3.0 * max(reader.rhythm_s) + 5.0
    if not age_s > usual_s or brought >= written:
        return None
    interval_s = reader.rhythm_s[0] / (load * _MARGIN)
    # no more often than Lambda itself
    quick = interval_s >= behaviour.POLL_INTERVAL_S.value
    return Finding(
        danger="standstill",
        happens=f"It reads less than is written ({load:.2f} times what it can read goes to the busiest shard): "
        f"{brought:,} of {written:,} records in {result.ended_s:,.4g} s, the last of them {age_s:,.3g} s old.",
        how_long_s=age_s,
        records=written - brought,
        change="read more often (interval_s), or fewer bytes per record (view type)",
        settings={f"stream_readers[{number}].interval_s": interval_s} if quick else {},
    )
