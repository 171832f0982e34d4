"""What is simulated: frozen configurations with AWS's names, ranges and defaults."""

from .billing import AutoScaling, Billing, BillingSwitch, HeatSplits, OnDemand, Provisioned
from .destination import Destination, DestinationKind
from .expiry import TimeToLive
from .filter_patterns import criteria_of, filter_notes, filters_told
from .function import Architecture, ColdStart, Duration, Failures, Function, Outage
from .indexes import GlobalSecondaryIndex
from .mapping import (
    AcceptedWithATrap,
    Backoff,
    EventSourceMapping,
    FilterMatchesNothing,
    Poller,
    StartingPosition,
    Suspension,
    traps_told,
    warn_of_trap,
)
from .read_back import NEEDS, Consistency, Need, ReadBack, Served, served
from .scenario import Scenario
from .splits import HASH_SPACE, MOST_OPEN_PARTITIONS, Split, first_bounds
from .stream_reader import ReaderKind, StreamReader
from .table import VIEW_TYPES, Stream, Table, ViewType
from .toml import ScenarioFileError
from .writer import RETRY_PRESETS, Retries, RetryPreset, Writer

__all__ = [
    "HASH_SPACE",
    "MOST_OPEN_PARTITIONS",
    "NEEDS",
    "RETRY_PRESETS",
    "VIEW_TYPES",
    "AcceptedWithATrap",
    "Architecture",
    "AutoScaling",
    "Backoff",
    "Billing",
    "BillingSwitch",
    "ColdStart",
    "Consistency",
    "Destination",
    "DestinationKind",
    "Duration",
    "EventSourceMapping",
    "Failures",
    "FilterMatchesNothing",
    "Function",
    "GlobalSecondaryIndex",
    "HeatSplits",
    "Need",
    "OnDemand",
    "Outage",
    "Poller",
    "Provisioned",
    "ReadBack",
    "ReaderKind",
    "Retries",
    "RetryPreset",
    "Scenario",
    "ScenarioFileError",
    "Served",
    "Split",
    "StartingPosition",
    "Stream",
    "StreamReader",
    "Suspension",
    "Table",
    "TimeToLive",
    "ViewType",
    "Writer",
    "criteria_of",
    "filter_notes",
    "filters_told",
    "first_bounds",
    "served",
    "traps_told",
    "warn_of_trap",
]
