"""The settings that a widget moves: where each stands in a scenario, and the values that it can take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, cast

from ddbsim.checks.wording import shown
from ddbsim.scenario import NEEDS, EventSourceMapping, Function, Scenario
from ddbsim.workload import ConstantWrites, PoissonWrites, TraceWrites, Workload
from ddbsim.workload.rates import RateProfile
from ddbsim.workload.writes import DrawnWrites

from .horizon import scheduled, with_length

__all__ = ["UNRESERVED", "Setting", "changed", "image_settings_of", "settings_of", "shortened", "with_traffic"]

_BATCH_SIZES = (1, 2, 5, 10, 25, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000)
_WINDOWS_S = (0, 1, 2, 5, 10, 20, 30, 60, 120, 300)
_MEMORIES_MB = (128, 256, 512, 1_024, 1_769, 2_048, 3_008, 4_096, 8_192, 10_240)
_CONCURRENCIES = (1, 2, 5, 10, 20, 50, 100, 200, 500)
_TRAFFIC = (0.1, 0.2, 0.5, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0)
_PER_KB_S = (0.0, 0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002)
_OF_FUNCTION = ("memory_mb", "reserved_concurrency", "needs", "per_kb_s")
# a slider's value cannot be None
UNRESERVED = "none"
# what a run of a few hundredths of a second holds: a slider's picture follows the hand
_QUICK_RECORDS = 60_000
_QUICK_S = 120.0
_LEAST_S = 10.0
# what comes of an event is to be seen as well
_AFTERWARDS = 1.25


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of a scenario.

    Attributes
    ----------
    name
        AWS's name in snake_case, or "traffic".
    label
        The name with the unit, where the name does not end in it.
    options
        (label, value) pairs in rising order, the scenario's own value among them.
    value
        The scenario's own.
    """

    name: str
    label: str
    options: tuple[tuple[str, Any], ...]
    value: Any


def settings_of(scenario: Scenario, mapping: str) -> tuple[Setting, ...]:
    """Return the settings of a mapping, of its function and of the traffic.

    Parameters
    ----------
    scenario
        Where the sliders stand at first.
    mapping
        Name of the mapping that they move.

    Examples
    --------
    >>> import ddbsim as ds
    >>> scenario = ds.Scenario(workload=ds.PoissonWrites(rate_per_s=50), duration_s=60)
    >>> [setting.name for setting in settings_of(scenario, "function")][:2]
    ['batch_size', 'maximum_batching_window_in_seconds']
    """
    one = _mapping(scenario, mapping)
    function = one.function
    settings = (
        _numbers("batch_size", _BATCH_SIZES, one.batch_size),
        _numbers("maximum_batching_window_in_seconds", _WINDOWS_S, one.maximum_batching_window_in_seconds),
        _numbers("parallelization_factor", range(1, 11), one.parallelization_factor),
        _numbers("memory_mb", _MEMORIES_MB, function.memory_mb),
        _reserved(function.reserved_concurrency, scenario.account_concurrency),
    )
    return settings + (() if _fixed(scenario.workload) else (_traffic(scenario),))


def image_settings_of(scenario: Scenario, mapping: str) -> tuple[Setting, ...]:
    """Return what decides between view types: what the handler needs of a change, and what a larger event costs it."""
    function = _mapping(scenario, mapping).function
    words: tuple[tuple[str, Any], ...] = tuple((name, name) for name in NEEDS)
    if isinstance(function.needs, dict):
        words += (("by event", function.needs),)
    needs = Setting("needs", "handler needs", words, function.needs)
    if isinstance(function.duration, str):
        # measured: there is no law to change
        return (needs,)
    own = function.duration.per_kb_s
    per_kb = tuple((f"{1000 * value:g}", value) for value in sorted({*_PER_KB_S, own}))
    return needs, Setting("per_kb_s", "handler time per KB (ms)", per_kb, own)


def changed(scenario: Scenario, mapping: str, values: Mapping[str, Any]) -> Scenario:
    """Return the scenario with the settings at these values.

    Parameters
    ----------
    scenario
        What to change; it is left as it is.
    mapping
        Name of the mapping whose settings are given.
    values
        Value by name of a `Setting`.

    Raises
    ------
    ValueError
        If the service would refuse the settings.
    """
    values = dict(values)
    factor = values.pop("traffic", 1.0)
    one = _mapping(scenario, mapping)
    function = _refitted(one.function, {name: values.pop(name) for name in _OF_FUNCTION if name in values})
    mappings = tuple(_moved(other, one, values, function) for other in scenario.mappings)
    workload = scenario.workload if factor == 1.0 else with_traffic(scenario.workload, factor)
    return replace(scenario, workload=workload, event_source_mappings=mappings)


def _refitted(function: Function, values: dict[str, Any]) -> Function:
    """Return the function with its new settings; its durations are those of the memory that it had."""
    if values.get("reserved_concurrency") == UNRESERVED:
        values = values | {"reserved_concurrency": None}
    duration = function.duration
    if "per_kb_s" in values and not isinstance(duration, str):
        duration = replace(duration, per_kb_s=values["per_kb_s"])
        values = {name: value for name, value in values.items() if name != "per_kb_s"} | {"duration": duration}
    moved = values.get("memory_mb", function.memory_mb) != function.memory_mb
    # a measured duration has no law to refit
    if moved and not isinstance(duration, str) and duration.measured_at_mb is None:
        values = values | {"duration": replace(duration, measured_at_mb=function.memory_mb)}
    return replace(function, **values)


def _moved(
    other: EventSourceMapping, one: EventSourceMapping, values: dict[str, Any], function: Function
) -> EventSourceMapping:
    """Return a mapping with its new settings; mappings that share the function share what happens to it."""
    if other.function.name != one.function.name:
        return other
    return replace(other, **(values if other is one else {}), function=function)


def with_traffic(workload: Workload, factor: float) -> Workload:
    """Return the same writes at a rate that is `factor` times as high, at every instant.

    Parameters
    ----------
    workload
        Poisson, constant or traced writes.
    factor
        >= 0.

    Raises
    ------
    ValueError
        If the workload's writes are given, not drawn.

    Examples
    --------
    >>> import ddbsim as ds
    >>> with_traffic(ds.PoissonWrites(rate_per_s=ds.Spike(10, 100, at_s=5, lasting_s=1)), 2).rate_per_s
    Spike(base_per_s=20, peak_per_s=200, at_s=5, lasting_s=1)
    """
    if _fixed(workload):
        raise ValueError(f"traffic can be changed for writes that are drawn, not for {type(workload).__name__}")
    if isinstance(workload, PoissonWrites | ConstantWrites):
        return replace(workload, rate_per_s=_scaled(workload.rate_per_s, factor))
    # the rate asked for is that of the whole trace, whatever is cut from it
    traced = cast("TraceWrites", workload)
    whole = replace(traced, busiest_s=None)
    return replace(traced, mean_rate_per_s=_scaled(whole.used_trace.mean_per_s, factor))


def shortened(scenario: Scenario, horizon_s: float | None) -> Scenario:
    """Return the scenario over a horizon that is simulated in an instant, its warm-up in proportion.

    Parameters
    ----------
    scenario
        Whose length is the most.
    horizon_s
        Seconds > 0; None: the time of 60,000 records, but 10..120 s; more where what is scheduled in the scenario fits
        into these records.
    """
    length_s = scenario.length_s
    if horizon_s is None:
        rate_per_s = scenario.workload.expected_writes(length_s) * len(scenario.mappings) / length_s
        affordable_s = max(_QUICK_RECORDS / max(rate_per_s, 1e-9), _LEAST_S)
        ends_s = [_AFTERWARDS * one.at_s for one in scheduled(scenario) if _AFTERWARDS * one.at_s <= affordable_s]
        horizon_s = min(affordable_s, max([_QUICK_S, *ends_s]))
        # a round number of seconds reads better, and is copied as code
        horizon_s = round(horizon_s)
    return scenario if horizon_s >= length_s else with_length(scenario, horizon_s)


def _mapping(scenario: Scenario, name: str) -> EventSourceMapping:
    for mapping in scenario.mappings:
        if mapping.label == name:
            return mapping
    known = ", ".join(mapping.label for mapping in scenario.mappings)
    raise ValueError(f"mapping must be one of {known}, got {shown(name)}")


def _numbers(name: str, usual: Sequence[int], own: int | None) -> Setting:
    values = sorted({*usual} | ({own} if own is not None else set()))
    return Setting(name, name, tuple((f"{value:,}", value) for value in values), own)


def _reserved(own: int | None, most: int) -> Setting:
    one = _numbers("reserved_concurrency", [value for value in _CONCURRENCIES if value <= most], own)
    options = (*one.options, (UNRESERVED, UNRESERVED))
    return replace(one, options=options, value=UNRESERVED if own is None else own)


def _traffic(scenario: Scenario) -> Setting:
    mean = scenario.workload.expected_writes(scenario.length_s) / scenario.length_s
    return Setting(
        "traffic", "traffic (writes/s)", tuple((f"{mean * factor:,.6g}", factor) for factor in _TRAFFIC), 1.0
    )


def _fixed(workload: Workload) -> bool:
    return not isinstance(workload, DrawnWrites)


def _scaled(rate: Any, factor: float) -> Any:
    """Return a rate, or a profile with each of its fields of rates, multiplied."""
    if isinstance(rate, RateProfile):
        of_rates = [field.name for field in fields(rate) if field.name.endswith("_per_s")]  # type: ignore[arg-type]
        return replace(rate, **{name: _scaled(getattr(rate, name), factor) for name in of_rates})  # type: ignore[type-var]
    if isinstance(rate, tuple | list):
        return tuple(_scaled(one, factor) for one in rate)
    # 12 digits: what is copied as code says 5500, not 5500.000000000001
    scaled = float(f"{rate * factor:.12g}")
    return int(scaled) if scaled.is_integer() else scaled
