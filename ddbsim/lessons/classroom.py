"""What the lessons' scenarios share: one plain function, no noise, so that each thing has one cause."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ddbsim.distributions import Distribution
from ddbsim.scenario import ColdStart, Duration, EventSourceMapping, Failures, Function, Scenario, Stream, Table
from ddbsim.workload import ConstantWrites, SequentialKeys, Steps, Workload

__all__ = ["GUIDE", "LAMBDA_GUIDE", "STREAMS", "function", "mapping", "scenario", "writes"]

GUIDE = "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide"
STREAMS = f"{GUIDE}/Streams.html"
LAMBDA_GUIDE = "https://docs.aws.amazon.com/lambda/latest/dg"


def writes(records: int, *, every_s: float, items: int) -> Workload:
    """Return evenly spaced writes, one item after the other and from the first again."""
    rate = Steps((0.0, (records - 0.5) * every_s), (1 / every_s, 0.0))
    return ConstantWrites(rate_per_s=rate, keys=SequentialKeys(items=items))


def function(
    *, base_s: float = 0.1, noise: Distribution | None = None, failures: Failures | None = None, **settings: Any
) -> Function:
    """Return a function that takes a tenth of a second per invocation, unless told otherwise."""
    return Function(
        name="indexer",
        duration=Duration(base_s=base_s, noise=noise),
        failures=failures or Failures(),
        cold_start=ColdStart(init=0.2),
        **settings,
    )


def mapping(reader: Function | None = None, **settings: Any) -> EventSourceMapping:
    """Return a mapping to such a function, in batches of eight unless told otherwise."""
    given: dict[str, Any] = {"function": reader or function(), "batch_size": 8} | settings
    return EventSourceMapping(**given)


def scenario(
    name: str,
    workload: Workload,
    mappings: EventSourceMapping | Sequence[EventSourceMapping],
    *,
    duration_s: float,
    table: Table | None = None,
    **stream: Any,
) -> Scenario:
    """Return a scenario on one partition, whose records can be read a tenth of a second after the write."""
    of_stream: dict[str, Any] = {"visibility_delay": 0.1} | stream
    several = (mappings,) if isinstance(mappings, EventSourceMapping) else tuple(mappings)
    return Scenario(
        name=name,
        workload=workload,
        table=table or Table(partitions=1),
        stream=Stream(**of_stream),
        event_source_mappings=several,
        duration_s=duration_s,
    )
