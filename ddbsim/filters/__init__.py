"""Event patterns: which records a mapping's filters let through."""

from .patterns import EventPattern, FilterCriteria, InvalidPatternError, matches

__all__ = ["EventPattern", "FilterCriteria", "InvalidPatternError", "matches"]
