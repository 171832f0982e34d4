"""Closed forms to set beside the measured: single-server waits, Little's law, what lanes can carry."""

from __future__ import annotations

__all__ = ["lane_capacity_per_s", "little", "md1_wait_s", "mg1_wait_s", "read_capacity_per_s"]


def mg1_wait_s(rate_per_s: float, service_mean_s: float, service_var_s2: float) -> float:
    """Return the mean wait in an M/G/1 queue: Pollaczek and Khinchine's formula.

    Parameters
    ----------
    rate_per_s
        Poisson arrivals per second.
    service_mean_s, service_var_s2
        Mean (s) and variance (s^2) of the service time.

    Returns
    -------
    float
        Seconds before service; infinity at a load of 1 or more.

    Examples
    --------
    >>> round(mg1_wait_s(8.0, 0.1, 0.01), 6)
    0.4
    """
    load = rate_per_s * service_mean_s
    if load >= 1.0:
        return float("inf")
    return rate_per_s * (service_var_s2 + service_mean_s**2) / (2.0 * (1.0 - load))


def md1_wait_s(rate_per_s: float, service_s: float) -> float:
    """Return the mean wait in an M/D/1 queue, seconds; infinity at a load of 1 or more.

    Parameters
    ----------
    rate_per_s
        Poisson arrivals per second.
    service_s
        The service time, the same for all, seconds.

    Examples
    --------
    >>> round(md1_wait_s(8.0, 0.1), 6)
    0.2
    """
    return mg1_wait_s(rate_per_s, service_s, 0.0)


def little(rate_per_s: float, time_s: float) -> float:
    """Return Little's law: the mean number in a system, from the rate through it and the mean time in it.

    Examples
    --------
    >>> little(5_000.0, 0.2)
    1000.0
    """
    return rate_per_s * time_s


def lane_capacity_per_s(lanes: int, batch_size: float, duration_s: float, turnaround_s: float = 0.0) -> float:
    """Return the records per second that saturated lanes carry: lanes x batch / (duration + turnaround).

    Parameters
    ----------
    lanes
        Shards x parallelization_factor, or the concurrency that there is.
    batch_size
        Records per invocation.
    duration_s, turnaround_s
        Of one invocation, and from its end to the start of the next, seconds.

    Examples
    --------
    >>> round(lane_capacity_per_s(4, 100, 0.185, 0.015))
    2000
    """
    return lanes * batch_size / (duration_s + turnaround_s) if duration_s + turnaround_s > 0 else float("inf")


def read_capacity_per_s(shards: int, record_bytes: float, interval_s: float, records: int, size_bytes: int) -> float:
    """Return the records per second that a backlogged reader gets from its shards: full pages at each poll.

    Parameters
    ----------
    shards
        Read side by side.
    record_bytes
        Mean SizeBytes of a record.
    interval_s
        From poll to poll, seconds.
    records, size_bytes
        Limits of a page.

    Examples
    --------
    >>> read_capacity_per_s(2, 100.0, 0.25, 1_000, 2**20)
    8000.0
    """
    page = min(records, size_bytes / record_bytes) if record_bytes > 0 else records
    return shards * page / interval_s
