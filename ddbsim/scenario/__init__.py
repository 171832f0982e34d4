"""What is simulated: frozen configurations with AWS's names, ranges and defaults."""

from .function import Architecture, ColdStart, Duration, Failures, Function, Outage
from .mapping import AcceptedWithATrap, Backoff, EventSourceMapping, Poller, StartingPosition
from .scenario import Scenario
from .table import VIEW_TYPES, Split, Stream, Table, ViewType
from .toml import ScenarioFileError

__all__ = [
    "VIEW_TYPES",
    "AcceptedWithATrap",
    "Architecture",
    "Backoff",
    "ColdStart",
    "Duration",
    "EventSourceMapping",
    "Failures",
    "Function",
    "Outage",
    "Poller",
    "Scenario",
    "ScenarioFileError",
    "Split",
    "StartingPosition",
    "Stream",
    "Table",
    "ViewType",
]
