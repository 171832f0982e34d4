"""Several runs: replicated, compared, swept, searched."""

from .compare import Comparison, compare
from .drain import Drain, drain
from .executors import AllRunsFailedError, UnpicklableScenarioError
from .fields import vary
from .fingerprint import NoFingerprintError
from .headroom import Headroom, headroom
from .intervals import batch_means
from .lint import LintReport, lint
from .replicate import Replications, replicate
from .runs import replication_seed
from .screening import closed_form
from .sensitivity import Tornado, latin_hypercube, tornado
from .slo import SLO
from .snippets import Snippets, snippets
from .solve import Solution, solve
from .store import RunNotKeptWarning, RunStoreError
from .sweep import Sweep, sweep
from .transports import TransportComparison, compare_transports
from .view_types import ViewTypeComparison, compare_view_types

__all__ = [
    "SLO",
    "AllRunsFailedError",
    "Comparison",
    "Drain",
    "Headroom",
    "LintReport",
    "NoFingerprintError",
    "Replications",
    "RunNotKeptWarning",
    "RunStoreError",
    "Snippets",
    "Solution",
    "Sweep",
    "Tornado",
    "TransportComparison",
    "UnpicklableScenarioError",
    "ViewTypeComparison",
    "batch_means",
    "closed_form",
    "compare",
    "compare_transports",
    "compare_view_types",
    "drain",
    "headroom",
    "latin_hypercube",
    "lint",
    "replicate",
    "replication_seed",
    "snippets",
    "solve",
    "sweep",
    "tornado",
    "vary",
]
