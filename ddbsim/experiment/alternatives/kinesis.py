"""Change data capture into Kinesis Data Streams: what it uses, from the writes and records of a run.

Notes
-----
A change is metered by the larger image in whole KB, and its record always carries both images, whatever the table's
stream does: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/kds.html
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ddbsim.aws import transports as facts
from ddbsim.result.usage import billed_window_s

if TYPE_CHECKING:
    from ddbsim.result.result import Result

__all__ = ["kinesis_quantities", "shards_needed"]

Floats = npt.NDArray[np.float64]

_GB = 2.0**30
_HOUR_S = 3_600.0


def kinesis_quantities(result: Result) -> Iterator[tuple[str, dict[str, float]]]:
    """Yield the forms of the stream, each with what it uses after the warm-up.

    Parameters
    ----------
    result
        A run whose stream carries both images; each of its mappings is a consumer. A record's size on Kinesis is taken
        as its share of Lambda's JSON event (assumed).
    """
    scenario, log = result.scenario, result.stream_log
    consumers, hours = len(scenario.mappings), billed_window_s(result) / _HOUR_S
    log = log[(log["event_source_mapping"] == scenario.mappings[0].label) & (log["written_s"] >= scenario.warmup_s)]
    stream = scenario.stream
    size = log["size_bytes"].to_numpy() * stream.event_bytes_per_stored_byte + stream.event_record_overhead_bytes
    captured = {"kinesis_change_data_capture_units": _change_data_units(result)}
    billed_in = _steps(size, facts.KINESIS_BILLED_BYTES.value) * facts.KINESIS_BILLED_BYTES.value
    out_gb = float(size.sum()) / _GB * consumers
    on_demand = captured | {"kinesis_on_demand_stream_hours": hours, "kinesis_on_demand_gb_in": billed_in / _GB}
    yield "Kinesis, on demand", on_demand | {"kinesis_on_demand_gb_out": out_gb}
    yield "Kinesis, on demand, fan-out", on_demand | {"kinesis_on_demand_fan_out_gb": out_gb}
    units = {"kinesis_put_payload_units": _steps(size, facts.KINESIS_PAYLOAD_UNIT_BYTES.value)}
    written_s = log["written_s"].to_numpy() - scenario.warmup_s
    window_s = billed_window_s(result)
    shards = shards_needed(written_s, size, window_s=window_s, sharing=consumers)
    yield "Kinesis, provisioned", captured | units | {"kinesis_shard_hours": shards * hours}
    shards = shards_needed(written_s, size, window_s=window_s, sharing=0)
    yield (
        "Kinesis, provisioned, fan-out",
        captured
        | units
        | {
            "kinesis_shard_hours": shards * hours,
            "kinesis_fan_out_consumer_shard_hours": shards * hours * consumers,
            "kinesis_fan_out_gb": out_gb,
        },
    )


def _change_data_units(result: Result) -> float:
    """Return the units of all changes; a write that changed nothing is captured as little as it is streamed."""
    writes = result.writes
    changes = writes[(writes["written_s"] >= result.scenario.warmup_s) & (writes["operation"] != "NO_OP")]
    larger = np.maximum(changes["bytes_before"].to_numpy(), changes["bytes_after"].to_numpy())
    return _steps(larger, facts.CHANGE_DATA_UNIT_BYTES.value)


def _steps(size: npt.NDArray[np.number], step: int) -> float:
    """Return the sum of sizes in whole steps, at least one each."""
    return float(np.maximum(np.ceil(size / step), 1.0).sum())


def shards_needed(written_s: Floats, size_bytes: Floats, *, window_s: float, sharing: int) -> int:
    """Return the shards that a provisioned stream needs in its busiest minute, with records spread evenly.

    Parameters
    ----------
    written_s, size_bytes
        The records, times from the window's start.
    window_s
        Length of the window, seconds; a last, shorter minute counts at its rate.
    sharing
        Consumers without fan-out, which share what a shard gives out.
    """
    starts = np.arange(max(1, math.ceil(window_s / 60.0))) * 60.0
    lengths = np.minimum(starts + 60.0, window_s) - starts
    minute = np.minimum((written_s // 60).astype(np.int64), len(starts) - 1)
    records = np.bincount(minute, minlength=len(starts)) / lengths
    in_bytes = np.bincount(minute, weights=size_bytes, minlength=len(starts)) / lengths
    loads = (
        records / facts.KINESIS_SHARD_RECORDS_PER_S.value,
        in_bytes / facts.KINESIS_SHARD_BYTES_IN_PER_S.value,
        in_bytes * sharing / facts.KINESIS_SHARD_BYTES_OUT_PER_S.value,
    )
    return max(1, math.ceil(max(float(load.max()) for load in loads)))
