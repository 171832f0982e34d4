"""The clients that write: how long a call takes, and how the SDK retries what is throttled."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, TypeAlias

from ddbsim.aws import capacity
from ddbsim.checks.bounds import MOST_CLIENTS
from ddbsim.distributions import Distribution, LogNormal

from .checks import (
    check_choice,
    check_distribution,
    check_interval,
    check_number,
    check_share,
    check_switch,
    check_whole,
    take_numpy_numbers,
)

__all__ = ["RETRY_PRESETS", "Retries", "RetryPreset", "Writer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """How an SDK retries a throttled call: ``base_s x 2^(n-1)``, at most `cap_s`, before retry n.

    The defaults are those of the SDKs since November 2026; `RETRY_PRESETS` has others by name.

    Parameters
    ----------
    max_attempts
        Attempts of one call, the first included, 1..32. (boto3's ``max_attempts`` counts retries.)
    base_s, cap_s
        Seconds.
    jitter
        Share of each delay that is drawn at random: 0 for none, 1 for full jitter.
    quota
        Tokens of each client, 0 for no quota. A retry takes `retry_cost` of them, and its success gives them back; a
        call that succeeds at once gives one. Without enough tokens a call is given up.
    retry_cost
        Tokens, >= 1.
    adaptive
        Also limit each client's rate of calls, by CUBIC, once it has been throttled.

    Examples
    --------
    >>> legacy = RETRY_PRESETS["legacy"]
    >>> round(sum(legacy.longest_delay_s(n) for n in range(1, legacy.max_attempts)), 2)
    25.55
    """

    max_attempts: int = capacity.SDK_MAX_ATTEMPTS.value
    base_s: float = capacity.SDK_BASE_S.value
    cap_s: float = capacity.SDK_CAP_S.value
    jitter: float = capacity.SDK_JITTER.value
    quota: int = capacity.SDK_QUOTA.value
    retry_cost: int = capacity.SDK_RETRY_COST.value
    adaptive: bool = False

    def __post_init__(self) -> None:
        take_numpy_numbers(self)
        check_whole(self, "max_attempts", low=1, high=32)
        check_number("Retries.base_s", self.base_s)
        check_interval("Retries.cap_s", self.cap_s)
        check_share("Retries.jitter", self.jitter)
        check_whole(self, "quota")
        check_whole(self, "retry_cost", low=1)
        check_switch("Retries.adaptive", self.adaptive)

    def longest_delay_s(self, retry: int) -> float:
        """Return the delay before retry 1, 2, ..., seconds; what jitter can only shorten."""
        return min(self.base_s * math.ldexp(1.0, retry - 1), self.cap_s)


RetryPreset: TypeAlias = Literal["legacy", "standard", "standard_2026", "adaptive"]

#: The retry modes of the SDKs: botocore's `legacy` (its default before 1.44.0), `standard` as it was, `standard` since
#: November 2026 (the default), and `adaptive`.
RETRY_PRESETS: MappingProxyType[str, Retries] = MappingProxyType(
    {
        "legacy": Retries(max_attempts=10, base_s=0.05, jitter=0.0, quota=0),
        "standard": Retries(max_attempts=3),
        "standard_2026": Retries(),
        "adaptive": Retries(adaptive=True),
    }
)


def _latency() -> Distribution:
    return LogNormal(median=capacity.WRITE_LATENCY_MEDIAN_S.value, p99=capacity.WRITE_LATENCY_P99_S.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """The clients of the table. They matter where it has a billing mode, and so can throttle.

    Parameters
    ----------
    clients
        SDK clients, 1..1,000,000, over which the writes are dealt out in turn; each has its own retry quota. A workload
        of clients that wait (`ClosedLoopWrites`) brings its own number.
    retries
        A `Retries`, or the name of a preset: "legacy", "standard", "standard_2026", "adaptive".
    latency
        Seconds from an attempt to its answer: a number or a distribution, one draw per write (assumed). An attempt
        meets the table at its start.
    """

    clients: int = capacity.WRITER_CLIENTS.value
    retries: Retries | RetryPreset = "standard_2026"
    latency: float | Distribution = field(default_factory=_latency)

    def __post_init__(self) -> None:
        take_numpy_numbers(self)
        check_whole(self, "clients", low=1, high=MOST_CLIENTS)
        if not isinstance(self.retries, Retries):
            check_choice("Writer.retries", self.retries, tuple(RETRY_PRESETS))
        check_distribution("Writer.latency", self.latency)

    @property
    def policy(self) -> Retries:
        """The retries, looked up if they are named."""
        return self.retries if isinstance(self.retries, Retries) else RETRY_PRESETS[self.retries]
