"""What a run used, in the units that AWS bills."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .aws import limits

if TYPE_CHECKING:
    from .result import Result

__all__ = ["billed_window_s", "quantities"]

_MB_PER_GB = 1024.0


def billed_window_s(result: Result) -> float:
    """Return the length of what is billed: the run without its warm-up, seconds."""
    return result.ended_s - result.scenario.warmup_s


def quantities(result: Result) -> dict[str, float]:
    """Return the quantity of each billed component after the warm-up.

    Lambda's own reads of the stream are in it, as what they cost: zero units.
    """
    used = {"write_request_units": _write_units(result)}
    if any(mapping.function.needs != "keys" for mapping in result.scenario.mappings):
        used["read_request_units"] = _read_units(result)
    used["stream_read_request_units"] = 0.0
    for key, amount in _lambda(result).items():
        used[key] = used.get(key, 0.0) + amount
    return used


def _write_units(result: Result) -> float:
    writes = result.writes
    return float(writes.loc[writes["written_s"] >= result.scenario.warmup_s, "write_units"].sum())


def _read_units(result: Result) -> float:
    reads = result.read_backs
    return float(reads.loc[reads["started_s"] >= result.scenario.warmup_s, "read_units"].sum())


def _lambda(result: Result) -> dict[str, float]:
    invocations = result.invocations
    ran = invocations[(invocations["outcome"] != "throttled") & (invocations["started_s"] >= result.scenario.warmup_s)]
    used: dict[str, float] = {"lambda_requests": float(len(ran))}
    seconds_of = ran.groupby("function", observed=True)["billed_ms"].sum() / 1000.0
    functions = {mapping.function.name: mapping.function for mapping in result.scenario.mappings}
    for name, function in functions.items():
        seconds = float(seconds_of.get(name, 0.0))
        key = f"lambda_gb_seconds_{function.architecture}"
        used[key] = used.get(key, 0.0) + seconds * function.memory_mb / _MB_PER_GB
        extra_mb = function.ephemeral_storage_mb - limits.EPHEMERAL_STORAGE.value
        if extra_mb:
            storage = used.get("lambda_ephemeral_gb_seconds", 0.0)
            used["lambda_ephemeral_gb_seconds"] = storage + seconds * extra_mb / _MB_PER_GB
    return used
