"""What a run used, in the units that AWS bills."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ddbsim.analysis.read_calls import read_calls
from ddbsim.aws import limits
from ddbsim.log import outcomes

from .table_usage import table_quantities

if TYPE_CHECKING:
    import pandas as pd

    from ddbsim.scenario import Function

    from .run import Run

__all__ = ["billed_window_s", "quantities"]

Used: TypeAlias = Iterator[tuple[str, float]]

_MB_PER_GB = 1024.0
_BYTES_PER_MESSAGE = 64 * 1024
_SENT_TO = {"sqs": "sqs_requests", "sns": "sns_publishes", "s3": "s3_put_requests"}


def billed_window_s(result: Run) -> float:
    """Return the length of what is billed: the run without its warm-up, seconds."""
    return result.ended_s - result.scenario.warmup_s


def quantities(result: Run) -> dict[str, float]:
    """Return the quantity of each billed component after the warm-up.

    A component is there, be it with zero, if the scenario can have any of it. Lambda's own reads of the stream are, as
    what they cost: zero units.
    """
    used: dict[str, float] = {}
    for part in (table_quantities, _stream_reads, _functions, _destinations):
        for component, amount in part(result):
            used[component] = used.get(component, 0.0) + amount
    return used


def _stream_reads(result: Run) -> Used:
    reads = getattr(result, "reads", None)
    calls = 0.0 if reads is None else read_calls(reads, result.scenario.warmup_s, result.ended_s)
    yield "stream_read_request_units", calls


def _functions(result: Run) -> Used:
    ran = result.invocations[outcomes.ran(result.invocations)]
    ran = _billed(result, ran, "started_s")
    yield "lambda_requests", float(len(ran))
    seconds = ran.groupby(["function", "provisioned"], observed=True)["billed_ms"].sum() / 1000.0
    functions = {mapping.function.name: mapping.function for mapping in result.scenario.mappings}
    for name, function in functions.items():
        on_demand_s, provisioned_s = (float(seconds.get((name, kind), 0.0)) for kind in (False, True))
        yield from _duration(function, on_demand_s, provisioned_s)
        if function.provisioned_concurrency:
            kept = function.provisioned_concurrency * billed_window_s(result)
            yield f"lambda_provisioned_concurrency_gb_seconds_{function.architecture}", kept * _gb(function)


def _duration(function: Function, on_demand_s: float, provisioned_s: float) -> Used:
    yield f"lambda_gb_seconds_{function.architecture}", on_demand_s * _gb(function)
    if function.provisioned_concurrency:
        yield f"lambda_provisioned_duration_gb_seconds_{function.architecture}", provisioned_s * _gb(function)
    extra_mb = function.ephemeral_storage_mb - limits.EPHEMERAL_STORAGE.value
    if extra_mb:
        yield "lambda_ephemeral_gb_seconds", (on_demand_s + provisioned_s) * extra_mb / _MB_PER_GB


def _gb(function: Function) -> float:
    return function.memory_mb / _MB_PER_GB


def _destinations(result: Run) -> Used:
    """Yield the documents that on-failure destinations got, in steps of 64 KB where the service counts so."""
    discards = _billed(result, result.discards, "discarded_s")
    sent = discards[discards["delivered"]]
    for kind, documents in sent.groupby("destination", observed=True)["document"]:
        component = _SENT_TO[str(kind)]
        sizes = documents.map(_json_bytes).to_numpy(dtype=np.float64)
        steps = np.ones_like(sizes) if component == "s3_put_requests" else np.ceil(sizes / _BYTES_PER_MESSAGE)
        yield component, float(steps.sum())


def _json_bytes(document: Any) -> int:
    return len(json.dumps(document, separators=(",", ":")).encode())


def _billed(result: Run, frame: pd.DataFrame, instant: str) -> pd.DataFrame:
    """Return the rows after the warm-up; an interrupted run knows writes that it never came to."""
    return frame[(frame[instant] >= result.scenario.warmup_s) & (frame[instant] < result.ended_s)]
