"""Event patterns: which records a mapping's filters let through."""

from .patterns import EventPattern, FilterCriteria, InvalidPatternError, matches
from .unmatchable import never_matching, only_dotted_names

__all__ = ["EventPattern", "FilterCriteria", "InvalidPatternError", "matches", "never_matching", "only_dotted_names"]
