"""When writes arrive: at random or evenly spaced, at a rate that may vary over time."""

from __future__ import annotations

import math

import numpy as np

from ddbsim.workload.columns import Floats
from ddbsim.workload.rates import Rate, RateProfile, as_rate_profile

__all__ = ["evenly_spaced", "poisson"]


def poisson(rate: Rate, duration_s: float, rng: np.random.Generator) -> Floats:
    """Return the times at which independent writers write: a Poisson process.

    Parameters
    ----------
    rate
        Writes per second, >= 0, or a rate profile.
    duration_s
        The times lie in [0, duration_s).
    rng
        Where the gaps are drawn from, in the order of time: a longer duration continues the shorter one.

    Returns
    -------
    numpy.ndarray
        Ascending times in seconds, float64.
    """
    profile = as_rate_profile("rate", rate)
    return _before(duration_s, profile, _unit_arrivals(profile.expected(duration_s), rng))


def evenly_spaced(rate: Rate, duration_s: float) -> Floats:
    """Return the times at which a metronome writes, the first at the start: one write for each one expected.

    Parameters
    ----------
    rate
        Writes per second, >= 0, or a rate profile.
    duration_s
        The times lie in [0, duration_s).

    Returns
    -------
    numpy.ndarray
        Ascending times in seconds, float64.
    """
    profile = as_rate_profile("rate", rate)
    return _before(duration_s, profile, np.arange(math.ceil(profile.expected(duration_s)), dtype=np.float64))


def _unit_arrivals(until: float, rng: np.random.Generator) -> Floats:
    """Return the arrivals of a Poisson process of rate 1 on (0, until)."""
    arrivals = np.empty(0)
    while True:
        reached = arrivals[-1] if len(arrivals) else 0.0
        if reached >= until:
            return arrivals[: np.searchsorted(arrivals, until, side="left")]
        expected = until - reached
        gaps = rng.standard_exponential(int(expected + 6 * math.sqrt(expected)) + 16)
        gaps[0] += reached
        block = np.cumsum(gaps, out=gaps)
        arrivals = np.concatenate([arrivals, block]) if len(arrivals) else block


def _before(duration_s: float, profile: RateProfile, expected: Floats) -> Floats:
    times = profile.time_of(expected)
    return times[: np.searchsorted(times, duration_s, side="left")]
