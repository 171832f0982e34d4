"""Every number about AWS that the model uses, with its origin."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

from ddbsim.aws import behaviour, capacity, limits, transports
from ddbsim.aws.facts import Fact, facts_in
from ddbsim.checks.arguments import checked

from . import read_back_events

if TYPE_CHECKING:
    import pandas as pd

    from . import Scenario

__all__ = ["assumptions"]

# what `compare_transports` rests on: no scenario's course depends on it
_OF_TRANSPORTS = facts_in(vars(transports).values())


@checked
def assumptions(scenario: Scenario | None = None) -> pd.DataFrame:
    """Return every number and rule about AWS that the model uses; prices stand in `prices()`.

    Parameters
    ----------
    scenario
        Say which of them this scenario touches, and what it puts in their place.

    Returns
    -------
    DataFrame
        name, value, unit, status ("documented", "measured" or "assumed"), source, date, meaning, parameter (where it
        can be changed). With a scenario also: touched (whether the scenario's course depends on it), in_scenario
        (its values there, where it is a parameter).
    """
    import pandas as pd

    facts = [fact for module in (limits, behaviour, capacity, transports) for fact in facts_in(vars(module).values())]
    columns = ("name", "value", "unit", "status", "source", "date", "meaning", "parameter")
    frame = pd.DataFrame([[getattr(fact, name) for name in columns] for fact in facts], columns=list(columns))
    if scenario is not None:
        values = [_values(scenario, fact) for fact in facts]
        frame["touched"] = [_touched(scenario, fact) for fact in facts]
        frame["in_scenario"] = [", ".join(dict.fromkeys(map(str, found))) for found in values]
    return frame


def _values(scenario: Scenario, fact: Fact) -> list[Any]:
    """Return what the scenario has in the field that a fact is the default of."""
    owner, _, field = fact.parameter.partition(".")
    return [getattr(config, field) for config in _configs(scenario) if type(config).__name__ == owner]


def _configs(config: Any) -> Iterator[Any]:
    yield config
    for field in fields(config):
        value = getattr(config, field.name)
        for part in value if isinstance(value, tuple) else (value,):
            if is_dataclass(part):
                yield from _configs(part)


def _touched(scenario: Scenario, fact: Fact) -> bool:
    """Whether the course of a scenario can depend on a fact."""
    if fact in _OF_TRANSPORTS:
        return False
    mappings = scenario.mappings
    troubled = any(
        m.function.failures.error_probability or m.function.failures.poison_items or m.function.failures.outages
        for m in mappings
    )
    scarce = any(m.function.reserved_concurrency is not None for m in mappings) or (
        sum(scenario.table.initial_partitions * m.parallelization_factor for m in mappings)
        > scenario.account_concurrency
    )
    reads_back = any(read_back_events(m.function.needs, scenario.stream.view_type) for m in mappings)
    crowded = len(mappings) + len(scenario.other_readers) > limits.READERS_PER_SHARD.value
    conditions = {
        "read_back_median_s": reads_back,
        "read_back_p99_s": reads_back,
        "batch_get_items": reads_back and any(m.function.read_back.batched for m in mappings),
        "retry_initial_s": troubled or scarce,
        "retry_factor": troubled or scarce,
        "retry_cap_s": troubled or scarce,
        "retry_jitter": any(m.retry_backoff.jitter or m.delays_of_throttles.jitter for m in mappings),
        "throttle_retries": scarce,
        "bisect_point": troubled and any(m.bisect_batch_on_function_error for m in mappings),
        "lane_hash": any(m.parallelization_factor > 1 for m in mappings),
        "lane_checkpoint": any(m.parallelization_factor > 1 for m in mappings),
        "empty_batching_window": any(m.maximum_batching_window_in_seconds for m in mappings),
        "retention_s": scenario.length_s > scenario.stream.retention_s,
        "shard_lifetime_low_s": scenario.length_s > behaviour.SHARD_LIFETIME_LOW_S.value,
        "shard_lifetime_high_s": scenario.length_s > behaviour.SHARD_LIFETIME_LOW_S.value,
        "environment_lifetime_s": any(scenario.length_s > m.function.cold_start.lifetime_s for m in mappings),
        "destination_function_arn": any(m.on_failure is not None for m in mappings),
        "response_payload_bytes": any(m.function.handler is not None for m in mappings),
        "window_ended_early": any(m.tumbling_window_in_seconds for m in mappings),
        "filter_criteria": False,
        "filter_pattern_characters": False,
        "readers_per_shard": crowded,
        "throttled_read_law": crowded,
        "throttled_read_stretch_s": crowded,
        "throttled_read_reserve": crowded,
        "memory_of_one_vcpu_mb": any(m.function.law.measured_at_mb is not None for m in mappings),
    }
    return bool(conditions.get(fact.name, True))
