"""What a proof has shown, and the advice that follows from it: whole, so that following it is no new danger."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, TypeAlias

from ddbsim.aws import limits
from ddbsim.experiment.solve.screening import closed_form
from ddbsim.experiment.vary.fields import vary
from ddbsim.result.capacity import THE_TABLE
from ddbsim.scenario import Destination, EventSourceMapping, Scenario, without_setting_warnings

from .proofs import Reproduction

__all__ = [
    "DANGERS",
    "Danger",
    "Finding",
    "Rule",
    "account_needed",
    "applied",
    "bounded",
    "function_settings",
    "lanes_of",
    "mapping_settings",
    "per_mapping",
    "whole",
    "with_room",
]

Danger: TypeAlias = Literal["loss", "standstill", "delay", "waste"]
#: The worst first: records or writes are gone; they wait until somebody acts; they come late; work is done for nothing.
DANGERS: Final[tuple[Danger, ...]] = ("loss", "standstill", "delay", "waste")

# enough for a dependency to fail for some minutes, and far from the 24 hours of the stream
_RETRIES = 10
_MARGIN = 1.25
_STEPS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a proof has shown.

    Attributes
    ----------
    danger
        "loss", "standstill", "delay" or "waste".
    happens
        A sentence.
    how_long_s, records
        How long and to how many records or writes, in the run.
    change
        What to change, in words.
    settings
        The same as settings for `vary`, all of them together; empty where no setting helps.
    """

    danger: Danger
    happens: str
    how_long_s: float
    records: int
    change: str
    settings: Mapping[str, Any] = field(default_factory=dict)


Rule: TypeAlias = Callable[[Reproduction], Iterable[tuple[str, Finding]]]


def per_mapping(rule: Callable[[Reproduction, EventSourceMapping], Finding | None]) -> Rule:
    """Return a rule that asks another one of each mapping."""

    def asked(bench: Reproduction) -> Iterable[tuple[str, Finding]]:
        for mapping in bench.scenario.mappings:
            told = rule(bench, mapping)
            if told is not None:
                yield mapping.label, told

    return asked


def mapping_settings(mapping: EventSourceMapping, **settings: Any) -> dict[str, Any]:
    """Return settings of a mapping under their whole names."""
    return {f"event_source_mappings[{mapping.label}].{name}": value for name, value in settings.items()}


def function_settings(scenario: Scenario, name: str, **settings: Any) -> dict[str, Any]:
    """Return settings of a function under their whole names: the same for every mapping that names it."""
    return {
        f"event_source_mappings[{one.label}].function.{field_name}": value
        for one in scenario.mappings
        if one.function.name == name
        for field_name, value in settings.items()
    }


def applied(scenario: Scenario, settings: Mapping[str, Any]) -> Scenario:
    """Return a scenario with an advice followed."""
    with without_setting_warnings():
        return vary(scenario, settings) if settings else scenario


def bounded(bench: Reproduction, mapping: EventSourceMapping) -> dict[str, Any]:
    """Return what a mapping lacks for a bad record to be given up alone, soon, and not in silence."""
    lacks: dict[str, Any] = {}
    if mapping.maximum_retry_attempts < 0 or bench.outlasts(mapping):
        lacks["maximum_retry_attempts"] = _RETRIES
    if mapping.batch_size > 1 and not (mapping.bisect_batch_on_function_error or mapping.reports_item_failures):
        lacks["bisect_batch_on_function_error"] = True
    if mapping.on_failure is None:
        lacks["on_failure"] = Destination("sqs")
    return mapping_settings(mapping, **lacks)


def whole(scenario: Scenario, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings with those that must go along, lest they overload what they did not before.

    Returns
    -------
    dict
        Empty where no setting carries what would come.
    """
    given = dict(settings)
    before = _overloaded(scenario)
    for _ in range(_STEPS):
        new = applied(scenario, given)
        given |= _concurrency(scenario, new)
        new = applied(scenario, given)
        worse = _overloaded(new) - before
        if not worse:
            return given
        more = _lanes(new, worse)
        if not more.keys() - given.keys():
            return {}
        given |= more
    return {}


def _overloaded(scenario: Scenario) -> frozenset[tuple[str, str]]:
    """Return what is offered more than it allows, whether or not the table lets it through today."""
    loads = closed_form(scenario)
    loads = loads[(loads["load"] >= 1.0) & (loads["event_source_mapping"] != THE_TABLE)]
    return frozenset(zip(loads["event_source_mapping"], loads["limit"], strict=True))


def _lanes(scenario: Scenario, overloaded: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Return the parallelization factors that would carry what comes; nothing where none does."""
    loads = closed_form(scenario).set_index(["event_source_mapping", "limit"])["load"]
    settings: dict[str, Any] = {}
    for mapping in scenario.mappings:
        if (mapping.label, "lanes") not in overloaded or mapping.tumbling_window_in_seconds:
            continue
        factor = math.ceil(mapping.parallelization_factor * loads[mapping.label, "lanes"] * _MARGIN)
        if factor <= int(limits.PARALLELIZATION_FACTOR.high or 1):
            settings |= mapping_settings(mapping, parallelization_factor=factor)
    return settings


def lanes_of(scenario: Scenario, name: str) -> int:
    """Return how many lanes a function has: its invocations at once."""
    sharing = [one for one in scenario.mappings if one.function.name == name]
    return scenario.table.initial_partitions * sum(one.parallelization_factor for one in sharing)


def _concurrency(before: Scenario, after: Scenario) -> dict[str, Any]:
    """Return the concurrency that goes along with more lanes than there were."""
    settings: dict[str, Any] = {}
    functions = {one.function.name: one.function for one in after.mappings}
    more = {name for name in functions if lanes_of(after, name) > lanes_of(before, name)}
    for name in more:
        reserved = functions[name].reserved_concurrency
        if reserved is not None and reserved < lanes_of(after, name):
            settings |= function_settings(after, name, reserved_concurrency=lanes_of(after, name))
    account = account_needed(applied(after, settings)) if more else 0
    if account > after.account_concurrency:
        settings["account_concurrency"] = account
    # all settings of one function are given together, or it would be two
    return settings


def account_needed(scenario: Scenario) -> int:
    """Return the concurrency of the account that all lanes need, with one invocation to spare for others."""
    functions = {one.function.name: one.function for one in scenario.mappings}
    shared = sum(lanes_of(scenario, name) for name, one in functions.items() if one.reserved_concurrency is None)
    return sum(one.committed_concurrency for one in functions.values()) + shared + 1 if shared else 0


def with_room(scenario: Scenario, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings of reserved concurrency, and the account's where they would not fit into it."""
    with without_setting_warnings():
        roomy = replace(scenario, account_concurrency=int(limits.ACCOUNT_CONCURRENCY.high or 1))
    after = applied(roomy, settings)
    functions = {one.function.name: one.function for one in after.mappings}
    needed = max(sum(one.committed_concurrency for one in functions.values()), account_needed(after))
    room = {"account_concurrency": needed} if needed > scenario.account_concurrency else {}
    return dict(settings) | room
