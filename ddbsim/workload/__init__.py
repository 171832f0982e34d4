"""When writes come, to which items, what they do and how large they are: sorted columns, no simulation."""

from ddbsim.workload.arrivals import evenly_spaced, poisson
from ddbsim.workload.closed_loop import ClosedLoopWrites
from ddbsim.workload.columns import (
    BATCH,
    CONDITION_FAILED,
    INSERT,
    MODIFY,
    NO_OP,
    OPERATIONS,
    REMOVE,
    SINGLE,
    TRANSACTION,
    TTL,
    WRITE_KINDS,
    WriteColumns,
)
from ddbsim.workload.curves import Diurnal, Ramp
from ddbsim.workload.flash_sale import flash_sale
from ddbsim.workload.grouped import BatchedWrites, TransactedWrites
from ddbsim.workload.item_writes import ItemWrites
from ddbsim.workload.keys import HotSet, Keys, SequentialKeys, UniformKeys, Zipfian
from ddbsim.workload.operations import OperationMix
from ddbsim.workload.rates import RateProfile, Spike, Steps
from ddbsim.workload.trace import Trace, TraceError
from ddbsim.workload.trace_files import read_cloudwatch_trace, read_csv_trace, read_trace
from ddbsim.workload.traced import TraceWrites
from ddbsim.workload.write_log import replay
from ddbsim.workload.writes import ConstantWrites, PoissonWrites, ReplayWrites, Workload
from ddbsim.workload.ycsb import YCSB_MIXES, YcsbMix, ycsb

__all__ = [
    "BATCH",
    "CONDITION_FAILED",
    "INSERT",
    "MODIFY",
    "NO_OP",
    "OPERATIONS",
    "REMOVE",
    "SINGLE",
    "TRANSACTION",
    "TTL",
    "WRITE_KINDS",
    "YCSB_MIXES",
    "BatchedWrites",
    "ClosedLoopWrites",
    "ConstantWrites",
    "Diurnal",
    "HotSet",
    "ItemWrites",
    "Keys",
    "OperationMix",
    "PoissonWrites",
    "Ramp",
    "RateProfile",
    "ReplayWrites",
    "SequentialKeys",
    "Spike",
    "Steps",
    "Trace",
    "TraceError",
    "TraceWrites",
    "TransactedWrites",
    "UniformKeys",
    "Workload",
    "WriteColumns",
    "YcsbMix",
    "Zipfian",
    "evenly_spaced",
    "flash_sale",
    "poisson",
    "read_cloudwatch_trace",
    "read_csv_trace",
    "read_trace",
    "replay",
    "ycsb",
]
