"""What is simulated: frozen configurations with AWS's names, ranges and defaults."""

from .billing import AutoScaling, Billing, BillingSwitch, HeatSplits, OnDemand, Provisioned
from .destination import Destination, DestinationKind
from .expiry import TimeToLive
from .filter_notes import filter_notes, filters_told
from .filter_patterns import criteria_of
from .function import Architecture, ColdStart, Duration, Failures, Function, Outage
from .indexes import GlobalSecondaryIndex
from .mapping import (
    Backoff,
    EventSourceMapping,
    FilterMatchesNothing,
    IneffectiveSettingWarning,
    Poller,
    StartingPosition,
    Suspension,
    warn_of_setting,
    without_setting_warnings,
)
from .read_back import (
    AS_IT_IS_THEN,
    EVENT_NAMES,
    NEEDS,
    TOLD,
    Consistency,
    EventName,
    Need,
    Needs,
    ReadBack,
    Served,
    Way,
    are_read_back,
    images_needed,
    needed_of,
    read_back_events,
    served,
    ways,
)
from .scenario import Scenario
from .splits import HASH_SPACE, MOST_OPEN_PARTITIONS, Split, first_bounds
from .stream_reader import ReaderKind, StreamReader
from .table import VIEW_TYPES, Stream, Table, ViewType
from .toml import ScenarioFileError
from .writer import RETRY_PRESETS, Retries, RetryPreset, Writer

__all__ = [
    "AS_IT_IS_THEN",
    "EVENT_NAMES",
    "HASH_SPACE",
    "MOST_OPEN_PARTITIONS",
    "NEEDS",
    "RETRY_PRESETS",
    "TOLD",
    "VIEW_TYPES",
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
    "EventName",
    "EventSourceMapping",
    "Failures",
    "FilterMatchesNothing",
    "Function",
    "GlobalSecondaryIndex",
    "HeatSplits",
    "IneffectiveSettingWarning",
    "Need",
    "Needs",
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
    "Way",
    "Writer",
    "are_read_back",
    "criteria_of",
    "filter_notes",
    "filters_told",
    "first_bounds",
    "images_needed",
    "needed_of",
    "read_back_events",
    "served",
    "warn_of_setting",
    "ways",
    "without_setting_warnings",
]
