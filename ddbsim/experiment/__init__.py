"""Several runs: replicated, compared, swept, searched."""

from .compare import Comparison, compare
from .executors import AllRunsFailedError, UnpicklableScenarioError
from .fields import vary
from .fingerprint import NoFingerprintError
from .intervals import batch_means
from .replicate import Replications, replicate
from .runs import replication_seed
from .store import RunStoreError
from .transports import TransportComparison, compare_transports
from .view_types import ViewTypeComparison, compare_view_types

__all__ = [
    "AllRunsFailedError",
    "Comparison",
    "NoFingerprintError",
    "Replications",
    "RunStoreError",
    "TransportComparison",
    "UnpicklableScenarioError",
    "ViewTypeComparison",
    "batch_means",
    "compare",
    "compare_transports",
    "compare_view_types",
    "replicate",
    "replication_seed",
    "vary",
]
