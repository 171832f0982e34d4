"""The event source mapping: how Lambda reads the stream and invokes the function."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, cast

from ddbsim.aws import behaviour, limits
from ddbsim.checks.bounds import LEAST_POLL_S
from ddbsim.checks.wording import shown
from ddbsim.distributions import Distribution, Uniform
from ddbsim.filters import only_dotted_names

from .checks import (
    check_choice,
    check_distribution,
    check_interval,
    check_kind,
    check_limit,
    check_name,
    check_number,
    check_share,
    check_switch,
    check_whole,
    several,
    take_numpy_numbers,
)
from .destination import Destination
from .filter_patterns import Patterns, criteria_of, news_of, read_patterns
from .function import Function
from .setting_warnings import IneffectiveSettingWarning, warn_of_setting, without_setting_warnings

__all__ = [
    "Backoff",
    "EventSourceMapping",
    "FilterMatchesNothing",
    "IneffectiveSettingWarning",
    "Poller",
    "StartingPosition",
    "Suspension",
    "warn_of_setting",
    "without_setting_warnings",
]

StartingPosition: TypeAlias = Literal["TRIM_HORIZON", "LATEST"]

# of the powers of a back-off's factor: e^700 is what float64 just holds
_LARGEST_LOG = 700.0
# fields of a mapping that bear a limit's name
_LIMITS = (
    limits.BATCH_SIZE,
    limits.MAXIMUM_BATCHING_WINDOW,
    limits.PARALLELIZATION_FACTOR,
    limits.MAXIMUM_RETRY_ATTEMPTS,
    limits.MAXIMUM_RECORD_AGE,
    limits.TUMBLING_WINDOW,
)


class FilterMatchesNothing(IneffectiveSettingWarning):
    """A filter, or a pattern of it, that no record of a stream can match."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Delay before a failed or throttled batch is sent again: ``min(cap, initial x factor^(n-1))`` before retry n.

    Parameters
    ----------
    initial_s, factor, cap_s
        Seconds, >= 0.001; a factor >= 1; seconds, >= 0.001.
    jitter
        Share of the delay that is drawn at random, 0..1: 0 for none, 1 for full jitter.
    """

    initial_s: float = behaviour.RETRY_INITIAL_S.value
    factor: float = behaviour.RETRY_FACTOR.value
    cap_s: float = behaviour.RETRY_CAP_S.value
    jitter: float = behaviour.RETRY_JITTER.value

    def __post_init__(self) -> None:
        take_numpy_numbers(self)
        check_interval("Backoff.initial_s", self.initial_s)
        check_number("Backoff.factor", self.factor, low=1.0)
        check_interval("Backoff.cap_s", self.cap_s)
        check_share("Backoff.jitter", self.jitter)

    def longest_delay_s(self, retry: int) -> float:
        """Return the delay before retry 1, 2, ..., seconds; what jitter can only shorten."""
        # a power beyond float64's is beyond any cap, too
        if (retry - 1) * math.log(self.factor) > _LARGEST_LOG:
            return self.cap_s
        return min(self.cap_s, self.initial_s * float(self.factor) ** (retry - 1))


def _activation_delay() -> Distribution:
    return Uniform(low=behaviour.ACTIVATION_LOW_S.value, high=behaviour.ACTIVATION_HIGH_S.value)


def _shard_discovery_delay() -> Distribution:
    return Uniform(low=behaviour.SHARD_DISCOVERY_LOW_S.value, high=behaviour.SHARD_DISCOVERY_HIGH_S.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Poller:
    """How Lambda's poller reads a shard; no setting of the service changes any of it.

    Parameters
    ----------
    interval_s
        Time between polls of a shard, seconds, >= 0.0001; each poller has its own fixed lattice.
    records_per_read, bytes_per_read
        Limits of one read; bytes are counted as SizeBytes.
    read_ahead_batches
        Polling goes on while invocations run, until each lane holds this many full batches beyond the one in flight
        (assumed). With 0 only an idle lane reads.
    backlog_interval_s
        Time to the next poll after a page that a limit cut off, seconds, >= 0.0001 (assumed).
    turnaround_s
        From the end of an invocation to the start of the lane's next, seconds.
    activation_delay
        From the creation of a mapping, or the end of a suspension, to its first poll, seconds: a number or a
        distribution. LATEST means: what is written after that.
    shard_discovery_delay
        From the end of a shard to the first poll of its children, seconds: a number or a distribution (assumed).
    idle_window_s
        A tumbling window that no later record ends is ended this long after its end, seconds (assumed).
    """

    interval_s: float = behaviour.POLL_INTERVAL_S.value
    records_per_read: int = limits.RECORDS_PER_READ.value
    bytes_per_read: int = limits.BYTES_PER_READ.value
    read_ahead_batches: int = behaviour.READ_AHEAD_BATCHES.value
    backlog_interval_s: float = behaviour.BACKLOG_POLL_INTERVAL_S.value
    turnaround_s: float = behaviour.TURNAROUND_S.value
    activation_delay: float | Distribution = field(default_factory=_activation_delay)
    shard_discovery_delay: float | Distribution = field(default_factory=_shard_discovery_delay)
    idle_window_s: float = behaviour.IDLE_WINDOW_S.value

    def __post_init__(self) -> None:
        take_numpy_numbers(self)
        check_interval("Poller.interval_s", self.interval_s, low=LEAST_POLL_S)
        check_whole(self, "records_per_read", low=1, high=limits.RECORDS_PER_READ.value)
        check_whole(self, "bytes_per_read", low=1, high=limits.BYTES_PER_READ.value)
        check_whole(self, "read_ahead_batches")
        check_interval("Poller.backlog_interval_s", self.backlog_interval_s, low=LEAST_POLL_S)
        check_number("Poller.turnaround_s", self.turnaround_s)
        check_distribution("Poller.activation_delay", self.activation_delay)
        check_distribution("Poller.shard_discovery_delay", self.shard_discovery_delay)
        check_number("Poller.idle_window_s", self.idle_window_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspension:
    """A stretch of time in which a mapping is disabled, or is being updated: no poll, no invocation.

    Its position is kept, and an invocation in flight ends. After it the poller takes its `activation_delay` to begin
    again.

    Parameters
    ----------
    start_s, end_s
        From when to when, seconds; `end_s` infinite for a mapping that is never enabled again.
    kind
        "disabled", or "updated": then a mapping that started at LATEST loses its position, and what is written before
        it polls again is skipped (one report from the field, https://github.com/awsdocs/aws-lambda-developer-guide
        issue 487, 2026-01; assumed).
    """

    start_s: float
    end_s: float = math.inf
    kind: Literal["disabled", "updated"] = "disabled"

    def __post_init__(self) -> None:
        take_numpy_numbers(self)
        check_number("Suspension.start_s", self.start_s)
        if self.end_s != math.inf:
            check_number("Suspension.end_s", self.end_s, low=self.start_s, open_low=True)
        check_choice("Suspension.kind", self.kind, ("disabled", "updated"))


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSourceMapping:
    """An event source mapping between the stream and a function; names, ranges and defaults are AWS's.

    Parameters
    ----------
    function
        The function that gets the batches.
    name
        Names the mapping in the log; the function's name if None.
    batch_size
        Most records per invocation, 1..10,000. Beyond what one read returns (1,000) without a batching window it gives
        a warning: a batch is then what one read found, and never so full.
    maximum_batching_window_in_seconds
        Whole seconds, 0..300, for which records are gathered. The window opens when the last invocation ended.
    parallelization_factor
        Lanes per shard, 1..10; the records of one item stay in one lane, in order.
    starting_position
        "TRIM_HORIZON" or "LATEST".
    maximum_retry_attempts
        Retries of a failed batch, 0..10,000; -1: until its records expire.
    maximum_record_age_in_seconds
        60..604,800; records older than this are discarded before an invocation; -1: no limit.
    bisect_batch_on_function_error
        Split a failed batch in two instead of retrying it; splitting uses no retry.
    function_response_types
        () or ("ReportBatchItemFailures",).
    tumbling_window_in_seconds
        Whole seconds, 0 (off)..900: invocations of a window hand a state on to each other, and a last one without
        records ends it. With a parallelization factor of 1 and no filter only.
    filter_criteria
        Event patterns (JSON texts or dicts; see `ddbsim.matches`), 5 and up to 10 on request: the function gets what
        one of them matches. The API's own form, {"Filters": [{"Pattern": "..."}, ...]}, is taken too. What no record
        can match gives a warning, `FilterMatchesNothing`.
    filter_match_fraction
        Share, 0..1, of the records that the filter lets through, drawn at random: for patterns that look at content
        of items, where the workload has none.
    on_failure
        Where the metadata of discarded records go.
    created_s
        When the mapping is created, seconds; None: long before 0 s.
    suspensions
        When it is disabled or updated, one or several.
    retry_backoff
        Delay law of retries; AWS publishes none.
    throttle_backoff
        Delay law of a batch that was throttled; None: as `retry_backoff`. AWS publishes none, and where a function is
        short of concurrency its effect is large: see throttle_retries in `assumptions()`.
    poller
        How the shard is read; no setting of the service.
    """

    function: Function = field(default_factory=Function)
    name: str | None = None
    batch_size: int = limits.BATCH_SIZE.value
    maximum_batching_window_in_seconds: int = limits.MAXIMUM_BATCHING_WINDOW.value
    parallelization_factor: int = limits.PARALLELIZATION_FACTOR.value
    starting_position: StartingPosition = "TRIM_HORIZON"
    maximum_retry_attempts: int = limits.MAXIMUM_RETRY_ATTEMPTS.value
    maximum_record_age_in_seconds: int = limits.MAXIMUM_RECORD_AGE.value
    bisect_batch_on_function_error: bool = False
    function_response_types: tuple[str, ...] = ()
    tumbling_window_in_seconds: int = limits.TUMBLING_WINDOW.value
    filter_criteria: tuple[str | Mapping[str, Any], ...] = ()
    filter_match_fraction: float | None = None
    on_failure: Destination | None = None
    created_s: float | None = None
    suspensions: tuple[Suspension, ...] | Suspension = ()
    retry_backoff: Backoff = field(default_factory=Backoff)
    throttle_backoff: Backoff | None = behaviour.THROTTLE_RETRIES.value
    poller: Poller = field(default_factory=Poller)

    def __post_init__(self) -> None:
        take_numpy_numbers(self)
        check_kind("EventSourceMapping.function", self.function, Function)
        if self.name is not None:
            check_name("EventSourceMapping.name", self.name)
        where = f"EventSourceMapping {self.label!r}"
        check_kind(f"{where}: retry_backoff", self.retry_backoff, Backoff)
        if self.throttle_backoff is not None:
            check_kind(f"{where}: throttle_backoff", self.throttle_backoff, Backoff)
        check_kind(f"{where}: poller", self.poller, Poller)
        for limit in _LIMITS:
            check_limit(self, limit.name, limit, where=where)
        check_switch(f"{where}: bisect_batch_on_function_error", self.bisect_batch_on_function_error)
        check_choice(f"{where}: starting_position", self.starting_position, ("TRIM_HORIZON", "LATEST"))
        object.__setattr__(self, "function_response_types", several(self.function_response_types))
        if self.function_response_types not in ((), ("ReportBatchItemFailures",)):
            raise ValueError(
                f"{where}: function_response_types must be () or ('ReportBatchItemFailures',), "
                f"got {shown(self.function_response_types)}"
            )
        self._check_filter(where)
        self._check_life(where)
        if self.on_failure is not None:
            check_kind(f"{where}: on_failure", self.on_failure, Destination)
        if self.tumbling_window_in_seconds:
            self._check_tumbling(where)
        self._warn_of_ineffective(where)

    def _check_filter(self, where: str) -> None:
        if not isinstance(self.filter_criteria, Patterns):
            try:
                patterns = read_patterns(self.filter_criteria)
            except ValueError as error:
                raise ValueError(f"{where}: filter_criteria: {error}") from None
            object.__setattr__(self, "filter_criteria", patterns)
            self._warn_of_filter(where)
        if self.filter_match_fraction is not None:
            check_share(f"{where}: filter_match_fraction", self.filter_match_fraction)
            if not self.filter_criteria:
                raise ValueError(f"{where}: filter_match_fraction must be None without filter_criteria")

    def _warn_of_filter(self, where: str) -> None:
        """Tell of what matches nothing whatever the stream shows; the scenario knows what its stream does."""
        news, patterns = news_of(self.patterns)
        object.__setattr__(self, "filter_criteria", patterns)
        for told in news:
            warn_of_setting(f"{where}: filter_criteria: {told}", FilterMatchesNothing)
        for told in only_dotted_names(criteria_of(self.patterns)):
            warn_of_setting(f"{where}: filter_criteria: {told}")

    def _check_life(self, where: str) -> None:
        if self.created_s is not None:
            check_number(f"{where}: created_s", self.created_s)
        suspensions = several(self.suspensions)
        for suspension in suspensions:
            check_kind(f"{where}: suspensions", suspension, Suspension)
        object.__setattr__(self, "suspensions", tuple(sorted(suspensions, key=lambda one: one.start_s)))

    def _check_tumbling(self, where: str) -> None:
        if self.parallelization_factor > 1:
            raise ValueError(
                f"{where}: parallelization_factor must be 1 with a tumbling window, got {self.parallelization_factor}"
            )
        if self.filter_criteria:
            raise ValueError(f"{where}: filter_criteria must be empty with a tumbling window")

    def _warn_of_ineffective(self, where: str) -> None:
        # smaller ones do fill without a window, from a backlog: the service takes 101, and has 100 as its default
        read = max(self.poller.records_per_read, limits.BATCH_SIZE.value)
        if self.maximum_batching_window_in_seconds == 0 and self.batch_size > read:
            warn_of_setting(
                f"{where}: batch_size {self.batch_size} is beyond the {self.poller.records_per_read:,} records of one "
                "read: without a batching window a batch holds what one read found, and is never so full; set "
                "maximum_batching_window_in_seconds to 1 or more"
            )
        if self.maximum_record_age_in_seconds > limits.RETENTION_S.value:
            warn_of_setting(
                f"{where}: maximum_record_age_in_seconds {self.maximum_record_age_in_seconds} has no effect beyond "
                "the stream's 86,400 s of retention"
            )

    @property
    def label(self) -> str:
        """The mapping's name in the log."""
        return self.name or self.function.name

    @property
    def delays_of_throttles(self) -> Backoff:
        """The delay law of throttled batches."""
        return self.throttle_backoff or self.retry_backoff

    @property
    def cycle_s(self) -> float:
        """The longest time that a mapping which keeps up lets records wait on purpose, seconds."""
        windows = (self.maximum_batching_window_in_seconds, self.tumbling_window_in_seconds)
        return float(max(*windows, self.poller.interval_s))

    @property
    def patterns(self) -> Patterns:
        """The filter's patterns as JSON texts, read."""
        return cast("Patterns", self.filter_criteria)

    @property
    def planned_suspensions(self) -> tuple[Suspension, ...]:
        """The suspensions, always as a tuple, by their start."""
        return cast("tuple[Suspension, ...]", self.suspensions)

    @property
    def reports_item_failures(self) -> bool:
        """Whether a partial batch response counts."""
        return bool(self.function_response_types)
