"""Event patterns: which records a mapping's filters let through."""

from .patterns import EventPattern, FilterCriteria, InvalidPatternError, matches
from .unmatchable import dead_patterns, never_matching, only_dotted_names

__all__ = [
    "EventPattern",
    "FilterCriteria",
    "InvalidPatternError",
    "dead_patterns",
    "matches",
    "never_matching",
    "only_dotted_names",
]
