"""What is simulated: frozen configurations with AWS's names, ranges and defaults."""

from .function import Architecture, ColdStart, Duration, Failures, Function, Outage
from .mapping import AcceptedWithATrap, Backoff, EventSourceMapping, Poller, StartingPosition
from .read_back import NEEDS, Consistency, Need, ReadBack, Served, served
from .scenario import Scenario
from .table import VIEW_TYPES, Split, Stream, Table, ViewType
from .toml import ScenarioFileError

__all__ = [
    "NEEDS",
    "VIEW_TYPES",
    "AcceptedWithATrap",
    "Architecture",
    "Backoff",
    "ColdStart",
    "Consistency",
    "Duration",
    "EventSourceMapping",
    "Failures",
    "Function",
    "Need",
    "Outage",
    "Poller",
    "ReadBack",
    "Scenario",
    "ScenarioFileError",
    "Served",
    "Split",
    "StartingPosition",
    "Stream",
    "Table",
    "ViewType",
    "served",
]
