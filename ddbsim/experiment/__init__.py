"""Several runs: replicated, compared, swept, searched."""

from ddbsim.experiment.alternatives.transport_comparison import TransportComparison
from ddbsim.experiment.alternatives.view_type_comparison import ViewTypeComparison
from ddbsim.experiment.estimate.batch_means import batch_means

from .alternatives.transports import compare_transports
from .alternatives.view_types import compare_view_types
from .estimate.compare import Comparison, compare
from .estimate.replicate import Replications, replicate
from .lint.lint import LintReport, lint
from .outage.drain import Drain, drain
from .runs.executors import AllRunsFailedError, UnpicklableScenarioError
from .runs.fingerprint import NoFingerprintError
from .runs.job import replication_seed
from .runs.store import RunNotKeptWarning, RunStoreError
from .solve.headroom import Headroom, headroom
from .solve.screening import closed_form
from .solve.slo import SLO
from .solve.snippets import Snippets, snippets
from .solve.solve import Solution, solve
from .vary.fields import vary
from .vary.sensitivity import Tornado, latin_hypercube, tornado
from .vary.sweep import Sweep, sweep

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
