"""Simulate DynamoDB tables, their streams and the Lambda functions that read them; get the log as DataFrames.

::

    import ddbsim as ds

    scenario = ds.Scenario(workload=ds.PoissonWrites(rate_per_s=50), duration_s=60)
    result = ds.simulate(scenario, rng=7)
    result.latency()
"""

from . import plots
from .assumptions import assumptions
from .aws.prices import MissingPriceError, PriceListError, UnknownRegionError, load_price_list, prices
from .distributions import Constant, Distribution, Empirical, Exponential, LogNormal, Uniform
from .experiment import ViewTypeComparison, compare_view_types
from .result import Result
from .run import TooManyRecordsError, simulate
from .scenario import (
    VIEW_TYPES,
    AcceptedWithATrap,
    Backoff,
    ColdStart,
    Duration,
    EventSourceMapping,
    Failures,
    Function,
    Outage,
    Poller,
    Scenario,
    ScenarioFileError,
    Stream,
    Table,
)
from .storage import ResultFolderError, read_result
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

_TABLE_OF_CONTENTS = {
    "configure": (
        "Scenario Table Stream EventSourceMapping Poller Backoff Function Duration Failures Outage ColdStart "
        "VIEW_TYPES AcceptedWithATrap ScenarioFileError "
        "PoissonWrites ConstantWrites TraceWrites ReplayWrites OperationMix "
        "UniformKeys Zipfian HotSet SequentialKeys Steps Ramp Diurnal Spike Trace TraceError read_trace "
        "Distribution Constant Uniform Exponential LogNormal Empirical"
    ),
    "run": "simulate Result read_result ResultFolderError TooManyRecordsError",
    "analyse": (
        "compare_view_types ViewTypeComparison assumptions "
        "prices load_price_list PriceListError UnknownRegionError MissingPriceError"
    ),
    "plot": "plots",
}

__all__ = [  # noqa: PLE0604 - the table above is the list
    *(name for names in _TABLE_OF_CONTENTS.values() for name in names.split()),
    "__version__",
]
