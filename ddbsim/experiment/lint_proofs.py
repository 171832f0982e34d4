"""Short runs that show what a setting does: cut in time and, where an outage is long, in scale.

A proof is a run of a neighbour of the scenario on the same seed. Where a setting is blamed, the same writes go through
a run without it, and only what differs is counted.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ddbsim.randomness import RandomStreams
from ddbsim.result import Result
from ddbsim.run import simulate
from ddbsim.scenario import EventSourceMapping, Scenario, Suspension, traps_told

__all__ = ["Bench", "latencies", "rows_of"]

_MOST_WRITES = 60_000.0
_LENGTH_S = 60.0
# so that a quiet table has something to show
_LEAST_WRITES = 200.0


def rows_of(frame: pd.DataFrame, mapping: EventSourceMapping) -> pd.DataFrame:
    """Return a mapping's rows of a frame."""
    mine: pd.DataFrame = frame[frame["event_source_mapping"] == mapping.label]
    return mine


def latencies(result: Result, mapping: EventSourceMapping) -> npt.NDArray[np.float64]:
    """Return each record's latency by record, seconds; NaN if it was not processed."""
    log = rows_of(result.stream_log, mapping)
    return (log["completed_s"] - log["written_s"]).to_numpy()


class Bench:
    """Where a scenario's proofs are run.

    Parameters
    ----------
    scenario
        What is examined. Its mappings are taken to run all the time, without handlers, so that no state is touched.
    streams
        Random streams: every proof starts from the same.
    outage_s
        The outage that the design should survive, seconds.
    """

    def __init__(self, scenario: Scenario, streams: RandomStreams, outage_s: float) -> None:
        self.scenario = replace(scenario, event_source_mappings=tuple(map(_examined, scenario.mappings)))
        self.outage_s = outage_s
        self._seed = streams.root
        self.rate_per_s = scenario.writes_per_s

    @property
    def length_s(self) -> float:
        """The length of a usual proof, seconds."""
        return self.affordable_s(max(_LENGTH_S, _LEAST_WRITES / self.rate_per_s))

    def affordable_s(self, length_s: float) -> float:
        """Return a length, cut to what the scenario has and to the writes that a proof may take, seconds."""
        return min(length_s, self.scenario.length_s, _MOST_WRITES / self.rate_per_s)

    def within(self, length_s: float) -> str:
        """Return what part of the scenario a proof saw, in words."""
        return f"in its first {length_s:.3g} s" if length_s < self.scenario.length_s else "in its whole length"

    @cached_property
    def as_it_is(self) -> Result:
        """The scenario itself, cut in time."""
        return self.run()

    def run(self, *, length_s: float | None = None, **changes: Any) -> Result:
        """Run the scenario with fields replaced."""
        with traps_told():
            varied = replace(self.scenario, **changes)
            short = varied.until(length_s or self.length_s, warmup_s=0.0)
        return simulate(short, rng=self._seed, progress=False)

    def alone(self, mapping: EventSourceMapping, *, length_s: float | None = None, **settings: Any) -> Result:
        """Run a mapping as the only reader, with settings replaced."""
        return self.run(length_s=length_s, event_source_mappings=_varied(mapping, settings), stream_readers=())

    def poisoned(self, mapping: EventSourceMapping, item_id: int) -> Result:
        """Run a mapping alone, one more item making its function raise each time."""
        failures = mapping.function.failures
        poison = replace(failures, poison_items=(*failures.poison_items, item_id))
        return self.alone(mapping, function=replace(mapping.function, failures=poison))

    def after_outage(
        self, mapping: EventSourceMapping, outage_s: float, length_s: float, *, retention_s: float | None = None
    ) -> Result:
        """Run a mapping alone that reads nothing for a while, and meets the backlog at once when it is back."""
        stream = self.scenario.stream
        return self.run(
            length_s=length_s,
            stream=stream if retention_s is None else replace(stream, retention_s=retention_s),
            stream_readers=(),
            event_source_mappings=_returning(mapping, outage_s),
        )

    def function_after_outage(self, name: str, outage_s: float, length_s: float) -> Result:
        """Run the scenario with every mapping of a function away for a while."""
        mappings = [_returning(one, outage_s) if one.function.name == name else one for one in self.scenario.mappings]
        return self.run(length_s=length_s, event_source_mappings=tuple(mappings))


def _returning(mapping: EventSourceMapping, outage_s: float) -> EventSourceMapping:
    """Return the mapping disabled at first, and polling as soon as it is enabled."""
    settings = {
        "suspensions": Suspension(start_s=0.0, end_s=outage_s),
        "poller": replace(mapping.poller, activation_delay=0.0),
    }
    return _varied(mapping, settings)


def _varied(mapping: EventSourceMapping, settings: dict[str, Any]) -> EventSourceMapping:
    with traps_told():
        return replace(mapping, **settings)


def _examined(mapping: EventSourceMapping) -> EventSourceMapping:
    function = mapping.function
    if function.handler is not None:
        function = replace(function, handler=None, state=None, duration=function.law)
    return _varied(mapping, {"function": function, "created_s": None, "suspensions": ()})
