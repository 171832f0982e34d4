"""Writes at a rate that was measured: the shape of real traffic, at the level wanted."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from ddbsim.checks.bounds import local_path
from ddbsim.checks.wording import shown
from ddbsim.distributions import Distribution
from ddbsim.randomness import RandomStreams
from ddbsim.workload.arrivals import poisson
from ddbsim.workload.columns import Floats
from ddbsim.workload.grouped import TransactedWrites
from ddbsim.workload.keys import Keys
from ddbsim.workload.means import WriteMeans
from ddbsim.workload.operations import OperationMix
from ddbsim.workload.rates import RateProfile
from ddbsim.workload.trace import FILLS, MEASURES, Fill, Measure, Trace
from ddbsim.workload.trace_files import read_trace
from ddbsim.workload.writes import ConstantWrites, DrawnWrites, Workload

from .checks import finite_number, one_of

__all__ = ["TraceWrites"]

# enough for the mean units of a write to a third of a percent, whatever the sizes are; a few hundredths of a second
_UNITS_DRAWN = 200_000
_UNITS_SEED = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceWrites(DrawnWrites):
    """Writes at the rates of a trace, at random (Poisson) within each of its periods.

    What a period averages away, a burst of seconds within five minutes, is not in a trace and does not come back.
    Write units become writes by the units that these writes take on average, in transactions twice as many: the run
    consumes what the trace has.

    Parameters
    ----------
    trace
        A `Trace`, or the path of a CSV or CloudWatch JSON file (`read_trace`), read on first use.
    mean_rate_per_s
        The mean rate that the WHOLE trace is scaled to, writes per second, >= 0. None: as it is.
    busiest_s
        Take only the busiest window of whole periods of this length, seconds, > 0; cut after scaling. None: all of it.
    fill
        How to fill the gaps of a file: "linear", "previous" or "zero". None: `read_trace` chooses.
    id
        Which metric of a CloudWatch file, by its `Id`. None: `read_trace` chooses.
    measures
        What a file counts, "writes" or "write units" (ConsumedWriteCapacityUnits). None: as it is labelled.
    item_bytes, keys, operations, key_bytes
        As in `DrawnWrites`.
    """

    trace: Trace | str
    mean_rate_per_s: float | None = None
    busiest_s: float | None = None
    fill: Fill | None = None
    id: str | None = None
    measures: Measure | None = None

    def __post_init__(self) -> None:
        DrawnWrites.__post_init__(self)
        if isinstance(self.trace, os.PathLike):
            object.__setattr__(self, "trace", os.fspath(self.trace))
        if not isinstance(self.trace, Trace | str) or self.trace == "":
            raise ValueError(f"TraceWrites: trace must be a Trace or the path of a file, got {shown(self.trace)}")
        if isinstance(self.trace, str):
            local_path("TraceWrites: trace", self.trace)
        if self.mean_rate_per_s is not None:
            finite_number("TraceWrites: mean_rate_per_s", self.mean_rate_per_s)
        if self.busiest_s is not None:
            finite_number("TraceWrites: busiest_s", self.busiest_s, above=True)
        self._check_how_to_read()

    def _check_how_to_read(self) -> None:
        """Refuse what says how to read a file, if it is wrong or there is none."""
        if self.fill is not None:
            one_of("TraceWrites: fill", self.fill, FILLS, also="None or ")
        if self.measures is not None:
            one_of("TraceWrites: measures", self.measures, MEASURES, also="None or ")
        if self.id is not None and (not isinstance(self.id, str) or not self.id):
            raise ValueError(f"TraceWrites: id must be None or the Id of a metric, got {shown(self.id)}")
        for name in ("fill", "id", "measures"):
            if isinstance(self.trace, Trace) and getattr(self, name) is not None:
                got = shown(getattr(self, name))
                done = "filled" if name == "fill" else "read"
                raise ValueError(f"TraceWrites: {name} must be None for a Trace, which is {done} already, got {got}")

    @property
    def used_trace(self) -> Trace:
        """The trace as it is used: read, in writes, scaled, cut."""
        trace = self._read()
        if trace.measures != "writes":
            trace = self._in_writes(trace, transaction=None)
        return _used(trace, self.mean_rate_per_s, self.busiest_s)

    @property
    def duration_s(self) -> float:
        """The length of the trace, or of its busiest window, seconds."""
        return self.used_trace.duration_s

    @property
    def profile(self) -> RateProfile:
        """The rate over time."""
        return self.used_trace.as_rate()

    @property
    def steady(self) -> bool:
        """Whether writes come at one rate all the time: those of a trace do not."""
        return False

    @property
    def rate_field(self) -> str | None:
        """The field `mean_rate_per_s`, where it is a number > 0."""
        return "mean_rate_per_s" if self.mean_rate_per_s else None

    def for_transactions(self, size: int) -> Workload:
        """Return the writes to send in transactions: fewer ones where the trace counts write units."""
        trace = self._read()
        if trace.measures == "writes":
            return self
        return replace(self, trace=self._in_writes(trace, transaction=size), fill=None, id=None, measures=None)

    def _in_writes(self, trace: Trace, *, transaction: int | None) -> Trace:
        return _in_writes(trace, self.item_bytes, self.keys, self.operations, self.key_bytes, transaction)

    def _read(self) -> Trace:
        if isinstance(self.trace, Trace):
            return self.trace
        return _read_once(os.path.abspath(self.trace), self.fill, self.id, self.measures, _state_of(self.trace))

    def _checked_duration(self, duration_s: float) -> float:
        length = self.duration_s
        finite_number("duration_s", duration_s, above=True)
        if duration_s > length * (1 + 1e-9):
            raise ValueError(f"duration_s must be <= {length:g} (the trace's length), got {shown(duration_s)}")
        return duration_s

    def _arrivals(self, duration_s: float, rng: np.random.Generator) -> Floats:
        return poisson(self.profile, duration_s, rng)


def _state_of(path: str) -> tuple[int, ...]:
    """Return what differs once a file is edited or replaced, be its date put back or not."""
    if not os.path.exists(path):
        return ()
    state = os.stat(path)
    return state.st_mtime_ns, state.st_ctime_ns, state.st_size, state.st_ino


@lru_cache(maxsize=32)
def _read_once(
    path: str, fill: Fill | None, name: str | None, measures: Measure | None, state: tuple[int, ...]
) -> Trace:
    """Return the trace in a file; another `state` makes an edited file a new one."""
    return read_trace(path, fill=fill, id=name, measures=measures)


@lru_cache(maxsize=32)
def _in_writes(
    trace: Trace,
    item_bytes: float | Distribution,
    keys: Keys,
    operations: OperationMix,
    key_bytes: int,
    transaction: int | None,
) -> Trace:
    """Return a trace of write units in writes of these items, by the mean units of many such writes.

    A write's units follow from the item before and after it, so from all that is drawn, and from the writes before it.
    Of `transaction` writes that are sent together those take twice as many, but a second one to an item is sent alone.
    """
    count = int(min(sum(trace.counts) + 1, _UNITS_DRAWN))
    like = ConstantWrites(
        rate_per_s=count, item_bytes=item_bytes, keys=keys, operations=operations, key_bytes=key_bytes
    )
    sent = TransactedWrites(workload=like, size=transaction) if transaction else like
    return trace.as_writes(WriteMeans.given(sent.draw(1.0, RandomStreams(_UNITS_SEED))).write_units)


@lru_cache(maxsize=32)
def _used(trace: Trace, mean_rate_per_s: float | None, busiest_s: float | None) -> Trace:
    scaled = trace if mean_rate_per_s is None else trace.scaled(mean_rate_per_s)
    return scaled if busiest_s is None else scaled.busiest(busiest_s)
