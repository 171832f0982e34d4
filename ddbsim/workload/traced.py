"""Writes at a rate that was measured: the shape of real traffic, at the level wanted."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ddbsim.workload.arrivals import poisson
from ddbsim.workload.checks import finite_number
from ddbsim.workload.columns import Floats
from ddbsim.workload.rates import RateProfile
from ddbsim.workload.trace import FILLS, Fill, Trace
from ddbsim.workload.trace_files import read_trace
from ddbsim.workload.writes import DrawnWrites

__all__ = ["TraceWrites"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceWrites(DrawnWrites):
    """Writes at the rates of a trace, at random (Poisson) within each of its periods.

    What a period averages away, a burst of seconds within five minutes, is not in a trace and does not come back.

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
    item_bytes, keys, operations, key_bytes
        As in `DrawnWrites`.
    """

    trace: Trace | str
    mean_rate_per_s: float | None = None
    busiest_s: float | None = None
    fill: Fill | None = None

    def __post_init__(self) -> None:
        DrawnWrites.__post_init__(self)
        if isinstance(self.trace, os.PathLike):
            object.__setattr__(self, "trace", os.fspath(self.trace))
        if not isinstance(self.trace, Trace | str) or self.trace == "":
            raise ValueError(f"TraceWrites: trace must be a Trace or the path of a file, got {self.trace!r}")
        if self.mean_rate_per_s is not None:
            finite_number("TraceWrites: mean_rate_per_s", self.mean_rate_per_s)
        if self.busiest_s is not None:
            finite_number("TraceWrites: busiest_s", self.busiest_s, above=True)
        self._check_fill()

    def _check_fill(self) -> None:
        if self.fill is not None and self.fill not in FILLS:
            raise ValueError(f"TraceWrites: fill must be None or one of {', '.join(FILLS)}, got {self.fill!r}")
        if self.fill is not None and isinstance(self.trace, Trace):
            raise ValueError(f"TraceWrites: fill must be None for a Trace, which is filled already, got {self.fill!r}")

    @property
    def used_trace(self) -> Trace:
        """The trace as it is used: read, scaled, cut."""
        return _used(self._read(), self.mean_rate_per_s, self.busiest_s)

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

    def _read(self) -> Trace:
        if isinstance(self.trace, Trace):
            return self.trace
        return _read_once(os.path.abspath(self.trace), self.fill, _state_of(self.trace))

    def _checked_duration(self, duration_s: float) -> float:
        length = self.duration_s
        finite_number("duration_s", duration_s, above=True)
        if duration_s > length * (1 + 1e-9):
            raise ValueError(f"duration_s must be <= {length:g} (the trace's length), got {duration_s!r}")
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
def _read_once(path: str, fill: Fill | None, state: tuple[int, ...]) -> Trace:
    """Return the trace in a file; another `state` makes an edited file a new one."""
    return read_trace(path, fill=fill)


@lru_cache(maxsize=32)
def _used(trace: Trace, mean_rate_per_s: float | None, busiest_s: float | None) -> Trace:
    scaled = trace if mean_rate_per_s is None else trace.scaled(mean_rate_per_s)
    return scaled if busiest_s is None else scaled.busiest(busiest_s)
