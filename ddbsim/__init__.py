"""Simulate DynamoDB tables, their streams and the Lambda functions that read them; get the log as DataFrames.

::

    import ddbsim as ds

    scenario = ds.Scenario(workload=ds.PoissonWrites(rate_per_s=50), duration_s=60)
    result = ds.simulate(scenario, rng=7)
    result.latency()
"""

from . import plots, widgets
from .assumptions import assumptions
from .aws.prices import MissingPriceError, PriceListError, UnknownRegionError, load_price_list, prices
from .boto.reading import read_stream
from .distributions import Constant, Distribution, Empirical, Exponential, LogNormal, Uniform
from .experiment import TransportComparison, ViewTypeComparison, compare_transports, compare_view_types
from .result import Result
from .run import TooManyRecordsError, simulate
from .scenario import (
    RETRY_PRESETS,
    VIEW_TYPES,
    AcceptedWithATrap,
    AutoScaling,
    Backoff,
    BillingSwitch,
    ColdStart,
    Duration,
    EventSourceMapping,
    Failures,
    Function,
    GlobalSecondaryIndex,
    HeatSplits,
    OnDemand,
    Outage,
    Poller,
    Provisioned,
    ReadBack,
    Retries,
    Scenario,
    ScenarioFileError,
    Split,
    Stream,
    Table,
    Writer,
)
from .storage import ResultFolderError, read_result
from .uses import view_type_uses
from .workload import (
    ConstantWrites,
    Diurnal,
    HotSet,
    OperationMix,
    PoissonWrites,
    Ramp,
    ReplayWrites,
    SequentialKeys,
    Spike,
    Steps,
    Trace,
    TraceError,
    TraceWrites,
    UniformKeys,
    Zipfian,
    read_trace,
)

__version__ = "0.1.0"

__all__ = [
    "RETRY_PRESETS",
    "VIEW_TYPES",
    "AcceptedWithATrap",
    "AutoScaling",
    "Backoff",
    "BillingSwitch",
    "ColdStart",
    "Constant",
    "ConstantWrites",
    "Distribution",
    "Diurnal",
    "Duration",
    "Empirical",
    "EventSourceMapping",
    "Exponential",
    "Failures",
    "Function",
    "GlobalSecondaryIndex",
    "HeatSplits",
    "HotSet",
    "LogNormal",
    "MissingPriceError",
    "OnDemand",
    "OperationMix",
    "Outage",
    "PoissonWrites",
    "Poller",
    "PriceListError",
    "Provisioned",
    "Ramp",
    "ReadBack",
    "ReplayWrites",
    "Result",
    "ResultFolderError",
    "Retries",
    "Scenario",
    "ScenarioFileError",
    "SequentialKeys",
    "Spike",
    "Split",
    "Steps",
    "Stream",
    "Table",
    "TooManyRecordsError",
    "Trace",
    "TraceError",
    "TraceWrites",
    "TransportComparison",
    "Uniform",
    "UniformKeys",
    "UnknownRegionError",
    "ViewTypeComparison",
    "Writer",
    "Zipfian",
    "__version__",
    "assumptions",
    "compare_transports",
    "compare_view_types",
    "load_price_list",
    "plots",
    "prices",
    "read_result",
    "read_stream",
    "read_trace",
    "simulate",
    "view_type_uses",
    "widgets",
]
