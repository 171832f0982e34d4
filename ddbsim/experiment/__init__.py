"""Several runs, compared."""

from .transports import TransportComparison, compare_transports
from .view_types import ViewTypeComparison, compare_view_types

__all__ = ["TransportComparison", "ViewTypeComparison", "compare_transports", "compare_view_types"]
