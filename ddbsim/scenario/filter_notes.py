"""What the filters of a scenario never let through, in words."""

from __future__ import annotations

import copy

from ddbsim.filters import dead_patterns

from .filter_patterns import criteria_of, keys_shown, sentences_of
from .scenario import Scenario
from .table import VIEW_TYPES

__all__ = ["filter_notes", "filters_told"]


def filter_notes(scenario: Scenario) -> list[str]:
    """Return a sentence for each filter, or each pattern of one, that no record of a scenario can match."""
    notes = []
    for mapping in scenario.mappings:
        dead = dead_patterns(
            criteria_of(mapping.patterns),
            scenario.stream.view_type,
            keys=keys_shown(scenario.workload, by_share=mapping.filter_match_fraction is not None),
        )
        notes += [f"{mapping.label}: {told}" for told in sentences_of(dead, len(mapping.patterns), dead) if dead]
    return notes


def filters_told(scenario: Scenario) -> Scenario:
    """Return a scenario that is varied over all view types without a warning of what its filters then let through."""
    told = []
    for mapping in scenario.mappings:
        one = copy.copy(mapping)
        patterns = mapping.patterns.having_told(range(1, len(mapping.patterns) + 1), VIEW_TYPES)
        object.__setattr__(one, "filter_criteria", patterns)
        told.append(one)
    same = copy.copy(scenario)
    object.__setattr__(same, "event_source_mappings", tuple(told))
    return same
