"""Several runs, compared."""

from .view_types import ViewTypeComparison, compare_view_types

__all__ = ["ViewTypeComparison", "compare_view_types"]
