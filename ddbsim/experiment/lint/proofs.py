"""Short runs that show what a setting does: cut in time and, where an outage is long, in scale.

A proof is a run of the scenario, or of a neighbour of it, on the same seed. Where a setting is blamed, the same writes
go through a run without it, and only what differs is counted. Runs are shared by the rules that look at them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ddbsim.aws import limits
from ddbsim.distributions import as_distribution
from ddbsim.experiment.solve.screening import offered_to
from ddbsim.randomness import RandomStreams
from ddbsim.result.capacity import FullBatch, full_batch
from ddbsim.result.result import Result
from ddbsim.run import simulate
from ddbsim.scenario import EventSourceMapping, Failures, Function, Scenario, Suspension, without_setting_warnings

__all__ = ["Poisoned", "Reproduction", "changed", "ended_s", "latencies", "retries_last_s", "rows_of", "span_s"]

_MOST_WRITES = 60_000.0
_MOST_S = 7_200.0
_LENGTH_S = 60.0
# so that a quiet table has something to show
_LEAST_WRITES = 200.0
# what is given up after more retries is the same, only later
_RETRIES = 3
_AWAY_S = 20.0


def rows_of(frame: pd.DataFrame, mapping: EventSourceMapping) -> pd.DataFrame:
    """Return a mapping's rows of a frame."""
    mine: pd.DataFrame = frame[frame["event_source_mapping"] == mapping.label]
    return mine


def latencies(result: Result, mapping: EventSourceMapping) -> npt.NDArray[np.float64]:
    """Return each record's latency by record, seconds; NaN if it was not processed."""
    log = rows_of(result.stream_log, mapping)
    return (log["completed_s"] - log["written_s"]).to_numpy()


def retries_last_s(mapping: EventSourceMapping, duration_s: float) -> float:
    """Return how long a batch that always fails is tried, seconds; infinity if no number of retries ends it."""
    retries, backoff = mapping.maximum_retry_attempts, mapping.retry_backoff
    if retries < 0:
        return math.inf
    delays_s = sum(backoff.longest_delay_s(retry) for retry in range(1, retries + 1))
    tries_s = (retries + 1) * min(duration_s, mapping.function.timeout_s)
    return tries_s + delays_s * (1.0 - backoff.jitter / 2.0)


def ended_s(invocations: pd.DataFrame) -> pd.Series[float]:
    """Return when attempts ended, seconds; NaN of those that still ran."""
    return invocations["started_s"] + invocations["init_s"] + invocations["duration_s"]


def span_s(invocations: pd.DataFrame) -> float:
    """Return the time from the start of the first of some attempts to the end of the last, seconds."""
    return float(ended_s(invocations).max() - invocations["started_s"].min())


@dataclass(frozen=True, slots=True, eq=False)
class Poisoned:
    """A run of a mapping that meets one more item whose records always fail.

    Attributes
    ----------
    result
        The run.
    log
        Its stream_log, of this mapping.
    item_id
        The item.
    good_lost
        Which records of other items were given up.
    aside
        What the run had otherwise than the scenario, in words; empty where nothing.
    """

    result: Result
    log: pd.DataFrame
    item_id: int
    good_lost: npt.NDArray[np.bool_]
    aside: str


class Reproduction:
    """Where a scenario's proofs are run.

    Parameters
    ----------
    scenario
        What is examined, as typed.
    streams
        Random streams: every proof starts from the same.
    outage_s
        The outage that the design should survive, seconds.
    """

    def __init__(self, scenario: Scenario, streams: RandomStreams, outage_s: float) -> None:
        self.typed = scenario
        # always on and without a handler: what would hide the thing that a proof is about
        self.scenario = replace(scenario, event_source_mappings=tuple(map(_examined, scenario.mappings)))
        self.outage_s = outage_s
        self.rate_per_s = scenario.writes_per_s
        self.runs = 0
        self._streams = streams
        self._poisoned: dict[tuple[str, bool], Poisoned | None] = {}
        self._usual: dict[str, pd.DataFrame] = {}
        self._away: dict[frozenset[str], Result] = {}

    @property
    def length_s(self) -> float:
        """The length of a usual proof, seconds."""
        return self.affordable_s(max(_LENGTH_S, _LEAST_WRITES / self.rate_per_s))

    @cached_property
    def typed_length_s(self) -> float:
        """The length of the run as typed: it holds what is planned, and all of traffic that comes and goes, seconds."""
        if not self.typed.workload.steady:
            return self.affordable_s(math.inf)
        return max(self.length_s, self.affordable_s(2.5 * self.last_event_s))

    @cached_property
    def last_event_s(self) -> float:
        """When the last thing that is planned is over, seconds."""
        return max(_planned(self.typed), default=0.0)

    def affordable_s(self, length_s: float) -> float:
        """Return a length, cut to what the scenario has and to the writes that a proof may take, seconds."""
        return min(length_s, self.scenario.length_s, _MOST_WRITES / self.rate_per_s, _MOST_S)

    def within(self, length_s: float) -> str:
        """Return what part of the scenario a proof saw, in words."""
        return f"in its first {length_s:.3g} s" if length_s < self.scenario.length_s else "in its whole length"

    def typed_mapping(self, mapping: EventSourceMapping) -> EventSourceMapping:
        """Return a mapping as it was typed."""
        (typed,) = (one for one in self.typed.mappings if one.label == mapping.label)
        return typed

    def aside(self, mapping: EventSourceMapping) -> str:
        """Return what the proofs that leave a mapping on, and call no handler, leave out; empty where nothing."""
        typed = self.typed_mapping(mapping)
        left_out = [
            name
            for name, given in (
                ("creation", typed.created_s is not None),
                ("suspensions", bool(typed.suspensions)),
                ("handler", typed.function.handler is not None),
            )
            if given
        ]
        return f" (shown without its {' and '.join(left_out)})" if left_out else ""

    @cached_property
    def as_typed(self) -> Result:
        """The scenario as typed, cut in time: with its handlers, creations and suspensions."""
        return self.run(scenario=self.typed, length_s=self.typed_length_s)

    @cached_property
    def as_it_is(self) -> Result:
        """The scenario, every mapping on all the time and no handler called, cut in time."""
        return self.as_typed if self._is_as_typed(self.length_s) else self.run()

    def _is_as_typed(self, length_s: float) -> bool:
        return self.typed_length_s == length_s and self.scenario.mappings == self.typed.mappings

    def run(
        self,
        *,
        scenario: Scenario | None = None,
        length_s: float | None = None,
        replication: int | None = None,
        **changes: Any,
    ) -> Result:
        """Run the scenario with fields replaced."""
        with without_setting_warnings():
            varied = replace(scenario or self.scenario, **changes)
            short = varied.until(length_s or self.length_s, warmup_s=0.0)
        self.runs += 1
        streams = self._streams if replication is None else self._streams.replication(replication)
        return simulate(short, rng=streams.root, progress=False)

    def alone(self, mapping: EventSourceMapping, *, length_s: float | None = None, **settings: Any) -> Result:
        """Run a mapping as the only reader, with settings replaced; all its lanes may invoke at once."""
        return self.run(
            length_s=length_s,
            event_source_mappings=_varied(mapping, settings),
            stream_readers=(),
            account_concurrency=max(self.scenario.account_concurrency, self._lanes(mapping)),
        )

    def sound(self, mapping: EventSourceMapping) -> EventSourceMapping:
        """Return a mapping whose function does not fail and is not throttled: what else is wrong would hide a proof."""
        function, settings = mapping.function, dict[str, Any]()
        if function.failures != Failures():
            settings["failures"] = Failures()
        if self.full_batch(mapping).duration_s > 0.5 * function.timeout_s:
            settings["timeout_s"] = int(limits.TIMEOUT.high or function.timeout_s)
        if function.reserved_concurrency is not None and function.reserved_concurrency < self._lanes(mapping):
            settings |= {"reserved_concurrency": None, "provisioned_concurrency": 0}
        return _varied(mapping, {"function": changed(function, settings)}) if settings else mapping

    def _lanes(self, mapping: EventSourceMapping) -> int:
        return (
            self.scenario.table.initial_partitions * mapping.parallelization_factor
            + mapping.function.committed_concurrency
        )

    def usual(self, mapping: EventSourceMapping) -> pd.DataFrame:
        """Return the stream_log of a mapping that reads alone, its function sound."""
        if mapping.label not in self._usual:
            single = len(self.scenario.mappings) == 1 and not self.scenario.other_readers
            sound = self.sound(mapping)
            same = single and sound == mapping and self._lanes(mapping) <= self.scenario.account_concurrency
            result = self.as_it_is if same else self.alone(sound)
            self._usual[mapping.label] = rows_of(result.stream_log, mapping)
        return self._usual[mapping.label]

    def poisoned(self, mapping: EventSourceMapping, *, behind: bool = False) -> Poisoned | None:
        """Run a mapping alone, one more item making its function raise each time; None where there is no record.

        Parameters
        ----------
        mapping
            Which. What is given up after many retries is given up after a few in the run.
        behind
            Whether it meets the item in a backlog, when batches are full.
        """
        key = (mapping.label, behind)
        if key not in self._poisoned:
            self._poisoned[key] = self._poison(mapping, behind)
        return self._poisoned[key]

    def _poison(self, mapping: EventSourceMapping, behind: bool) -> Poisoned | None:
        usual = self.usual(mapping)
        done = usual[usual["outcome"] == "processed"].sort_values("received_s", kind="stable")
        if done.empty:
            return None
        item_id = int(done["item_id"].iloc[len(done) // 10])
        settings, aside = ({}, "") if self.outlasts(mapping) else _hastened(mapping)
        poison = {"failures": Failures(poison_items=(item_id,))}
        settings["function"] = changed(self.sound(mapping).function, poison)
        if behind:
            settings |= _returning(mapping, min(_AWAY_S, self.length_s / 3.0))
        result = self.alone(mapping, **settings)
        log = rows_of(result.stream_log, mapping)
        good_lost = (log["outcome"] == "discarded") & (log["item_id"] != item_id)
        lost_before = (usual["outcome"] == "discarded").to_numpy()
        return Poisoned(result, log, item_id, good_lost.to_numpy() & ~lost_before, aside + self.aside(mapping))

    def after_outage(
        self,
        mapping: EventSourceMapping,
        outage_s: float,
        length_s: float,
        *,
        retention_s: float | None = None,
        **settings: Any,
    ) -> Result:
        """Run a mapping alone that reads nothing for a while, and meets the backlog at once when it is back."""
        stream = self.scenario.stream
        return self.run(
            length_s=length_s,
            stream=stream if retention_s is None else replace(stream, retention_s=retention_s),
            stream_readers=(),
            event_source_mappings=_varied(mapping, _returning(mapping, outage_s) | settings),
        )

    def away(self, names: frozenset[str], outage_s: float, length_s: float) -> Result:
        """Run the scenario with every mapping of some functions away for a while; once for the same ones."""
        if names not in self._away:
            self._away[names] = self._run_away(names, outage_s, length_s)
        return self._away[names]

    def _run_away(self, names: frozenset[str], outage_s: float, length_s: float) -> Result:
        mappings = [
            _varied(one, _returning(one, outage_s)) if one.function.name in names else one
            for one in self.scenario.mappings
        ]
        return self.run(length_s=length_s, event_source_mappings=tuple(mappings))

    def outlasts(self, mapping: EventSourceMapping) -> bool:
        """Return whether a record that always fails is tried until the stream forgets it."""
        retention_s, age_s = self.scenario.stream.retention_s, mapping.maximum_record_age_in_seconds
        if 0 <= age_s < retention_s:
            return False
        return retries_last_s(mapping, self.full_batch(mapping).duration_s) >= retention_s

    def full_batch(self, mapping: EventSourceMapping) -> FullBatch:
        """Return the fullest invocation of a mapping, with its mean times."""
        return full_batch(self.scenario, mapping, offered_to(self.scenario, mapping))


def _planned(scenario: Scenario) -> Iterator[float]:
    """Yield when each thing that a scenario plans is over, seconds; the beginning of what never ends."""
    table, stream = scenario.table, scenario.stream
    yield from (split.at_s for split in table.stated_splits)
    yield from (switch.at_s for switch in table.stated_switches)
    if stream.disabled_s is not None:
        yield stream.disabled_s
    for mapping in scenario.mappings:
        # most laws end before twice their mean
        begins_s = 2.0 * as_distribution(mapping.poller.activation_delay).mean
        if mapping.created_s is not None:
            yield mapping.created_s + begins_s
        for one in mapping.planned_suspensions:
            yield one.start_s if math.isinf(one.end_s) else one.end_s + begins_s
        yield from (outage.end_s for outage in mapping.function.failures.windows)


def _hastened(mapping: EventSourceMapping) -> tuple[dict[str, Any], str]:
    """Return settings with which a batch is given up within a short run, and what they are, in words."""
    if mapping.maximum_retry_attempts > _RETRIES:
        return {"maximum_retry_attempts": _RETRIES}, f" (shown with {_RETRIES} retries)"
    return {}, ""


def _returning(mapping: EventSourceMapping, outage_s: float) -> dict[str, Any]:
    """Return the settings of a mapping disabled at first, and polling as soon as it is enabled."""
    return {
        "suspensions": Suspension(start_s=0.0, end_s=outage_s),
        "poller": replace(mapping.poller, activation_delay=0.0),
    }


def _varied(mapping: EventSourceMapping, settings: dict[str, Any]) -> EventSourceMapping:
    with without_setting_warnings():
        return replace(mapping, **settings)


def changed(function: Function, settings: dict[str, Any]) -> Function:
    """Return a function with settings replaced, without a warning."""
    with without_setting_warnings():
        return replace(function, **settings)


def _examined(mapping: EventSourceMapping) -> EventSourceMapping:
    if mapping.created_s is None and not mapping.suspensions and mapping.function.handler is None:
        return mapping
    function = mapping.function
    if function.handler is not None:
        function = changed(function, {"handler": None, "state": None, "duration": function.law})
    return _varied(mapping, {"function": function, "created_s": None, "suspensions": ()})
