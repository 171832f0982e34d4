"""The Lambda function: how long it takes, how it fails, how its environments live."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping, MutableSequence, MutableSet
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, cast

from ddbsim.aws import behaviour, limits
from ddbsim.checks.bounds import MOST_ITEMS
from ddbsim.checks.wording import shown
from ddbsim.distributions import Distribution, LogNormal, Uniform

from .checks import (
    check_aws_name,
    check_choice,
    check_distribution,
    check_kind,
    check_limit,
    check_number,
    check_share,
    check_whole,
    several,
    take_numpy_numbers,
)
from .read_back import Needs, ReadBack, as_needs
from .setting_warnings import warn_of_setting

__all__ = ["Architecture", "ColdStart", "Duration", "Failures", "Function", "Outage"]

Architecture: TypeAlias = Literal["x86_64", "arm64"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Duration:
    """How long the handler takes for a batch: ``(base + per record + per KB) x noise``, scaled by memory.

    Parameters
    ----------
    base_s
        Per invocation, whatever the batch, seconds.
    per_record_s
        Per record of the batch, seconds.
    per_kb_s
        Per 1,024 bytes of the event, seconds: decoding, copying. What makes a view type slower than another.
    noise
        Factor drawn for each invocation; a distribution around 1. None for none.
    cpu_share
        Share of the time, at `measured_at_mb`, that shrinks as CPU grows, 0..1 (0: all waiting, 1: all computing).
    measured_at_mb
        Memory at which the figures above were taken, 128..10,240 MiB; None: at the function's own.

    Notes
    -----
    CPU is proportional to memory up to one vCPU at 1,769 MiB; beyond that a single-threaded handler gains nothing.
    """

    base_s: float = 0.010
    per_record_s: float = 0.0
    per_kb_s: float = 0.0
    noise: Distribution | None = None
    cpu_share: float = 1.0
    measured_at_mb: int | None = None

    def __post_init__(self) -> None:
        take_numpy_numbers(self)
        check_number("Duration.base_s", self.base_s)
        check_number("Duration.per_record_s", self.per_record_s)
        check_number("Duration.per_kb_s", self.per_kb_s)
        check_share("Duration.cpu_share", self.cpu_share)
        if self.noise is not None:
            object.__setattr__(self, "noise", noise := check_distribution("Duration.noise", self.noise))
            if noise.mean <= 0:
                raise ValueError(f"Duration.noise must be a distribution with a mean > 0, got {shown(noise)}")
        if self.measured_at_mb is not None:
            check_limit(self, "measured_at_mb", limits.MEMORY, where="Duration.measured_at_mb")

    def memory_factor(self, memory_mb: int) -> float:
        """Return how much longer (> 1) or shorter (< 1) the handler takes at `memory_mb` than where it was measured."""
        if self.measured_at_mb is None:
            return 1.0
        one_vcpu = float(limits.VCPU_MEMORY_MB.value)
        slower = min(self.measured_at_mb, one_vcpu) / min(memory_mb, one_vcpu)
        return 1.0 - self.cpu_share + self.cpu_share * slower

    def mean_s(self, records: float, payload_bytes: float, memory_mb: int) -> float:
        """Return the mean duration of a batch, seconds."""
        seconds = self.base_s + self.per_record_s * records + self.per_kb_s * payload_bytes / limits.KB
        noise = 1.0 if self.noise is None else self.noise.mean
        return seconds * noise * self.memory_factor(memory_mb)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """A stretch of time in which every invocation fails, because something that the handler needs is down.

    Parameters
    ----------
    start_s, end_s
        Invocations whose handler starts in [start_s, end_s) fail, seconds.
    kind
        "error": the handler raises after its usual duration; "timeout": it hangs until the function's timeout.
    """

    start_s: float
    end_s: float
    kind: Literal["error", "timeout"] = "error"

    def __post_init__(self) -> None:
        take_numpy_numbers(self)
        check_number("Outage.start_s", self.start_s)
        check_number("Outage.end_s", self.end_s, low=self.start_s, open_low=True)
        check_choice("Outage.kind", self.kind, ("error", "timeout"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Failures:
    """How invocations fail.

    Parameters
    ----------
    error_probability
        Chance, 0..1, that an invocation raises, whatever its records (a transient error).
    poison_items
        Ids of items whose records make the handler raise each time. With "ReportBatchItemFailures" the handler
        reports the first such record instead of raising.
    outages
        Stretches of time in which every invocation fails.
    out_of_memory_bytes
        An invocation with a larger event runs out of memory, bytes > 0; None: none does.
    """

    error_probability: float = 0.0
    poison_items: tuple[int, ...] = ()
    outages: tuple[Outage, ...] | Outage = ()
    out_of_memory_bytes: int | None = None

    @property
    def windows(self) -> tuple[Outage, ...]:
        """The outages, always as a tuple, by their start."""
        return cast("tuple[Outage, ...]", self.outages)

    def __post_init__(self) -> None:
        take_numpy_numbers(self)
        check_share("Failures.error_probability", self.error_probability)
        if self.out_of_memory_bytes is not None:
            check_whole(self, "out_of_memory_bytes", low=1)
        object.__setattr__(self, "poison_items", several(self.poison_items))
        outages = several(self.outages)
        for outage in outages:
            check_kind("Failures.outages", outage, Outage)
        object.__setattr__(self, "outages", tuple(sorted(outages, key=lambda outage: outage.start_s)))
        if not all(map(_is_item, self.poison_items)):
            raise ValueError(
                f"Failures.poison_items must be whole numbers >= 0 (item ids) and <= {MOST_ITEMS:g}, "
                f"got {shown(self.poison_items)}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class ColdStart:
    """Life of the execution environments.

    Parameters
    ----------
    init
        Init Duration, seconds: a number or a distribution. Billed.
    placement_s
        What comes before it (placement, code download), seconds; not billed (assumed).
    idle
        How long an idle environment is kept, seconds: a number or a distribution.
    lifetime_s
        Age at which an environment is ended even if busy before, seconds (assumed).
    """

    init: float | Distribution = field(
        default_factory=lambda: LogNormal(median=behaviour.INIT_MEDIAN_S.value, sigma=behaviour.INIT_SIGMA.value)
    )
    placement_s: float = behaviour.PLACEMENT_S.value
    idle: float | Distribution = field(
        default_factory=lambda: Uniform(low=behaviour.IDLE_LOW_S.value, high=behaviour.IDLE_HIGH_S.value)
    )
    lifetime_s: float = behaviour.ENVIRONMENT_LIFETIME_S.value

    def __post_init__(self) -> None:
        take_numpy_numbers(self)
        check_distribution("ColdStart.init", self.init)
        check_distribution("ColdStart.idle", self.idle)
        check_number("ColdStart.placement_s", self.placement_s)
        check_number("ColdStart.lifetime_s", self.lifetime_s, open_low=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A Lambda function.

    Parameters
    ----------
    name
        Its name, 1..64 letters, digits, - and _; mappings that name the same function share its concurrency and its
        environments.
    memory_mb
        Memory, 128..10,240 MiB.
    timeout_s
        An invocation that takes longer fails at this instant, 1..900 s (AWS's default: 3). A mean duration beyond it
        gives a warning.
    duration
        The law of the handler's duration, or "measured": how long `handler` takes here, which no seed repeats.
    needs
        What the handler must see of a change: "keys", the "new" image, the "old" one, or "both"; or that by event name,
        as in ``{"INSERT": "new", "MODIFY": "both", "REMOVE": "old"}``, where an event that is not named needs "keys".
        An INSERT has no old image and a REMOVE no new one, under any view type.
    read_back
        How it reads an item of which the stream's view type leaves out the new image; see `view_type_uses`.
    failures
        How invocations fail.
    cold_start
        Life of the execution environments.
    reserved_concurrency
        Most invocations at once, kept for this function alone, >= 0; None: only the account's limit holds; 0 stops it.
    provisioned_concurrency
        Environments that are kept ready, part of `reserved_concurrency` if that is given: as many invocations at once
        have no cold start. They are taken first, and billed whether used or not.
    architecture
        "x86_64" or "arm64": a matter of price.
    ephemeral_storage_mb
        Size of /tmp, 512..10,240 MiB: a matter of price.
    handler
        Your own handler, ``handler(event, context)``, called in virtual time with the event that Lambda would send;
        what it returns or raises decides what follows. Needs a workload that carries items (`ItemWrites`). One that
        is an `async def` fails each time, as in Lambda's Python runtime.
    state
        An object in which the handler keeps what it has done (a dict, a list, a set, ...): also `context.state`. After
        each run it holds again what it held before, so that the next one is the same; `handler_report().states` has
        copies of what the run left. What else a handler changes, the next run finds changed. Runs with a state go one
        after the other, in threads too. `Result.handler_report` looks at it to tell whether processing a record twice
        changes anything. It must hold nothing that cannot be copied, such as an open file or a generator; locks may be.
    """

    name: str = "function"
    memory_mb: int = limits.MEMORY.value
    timeout_s: int = limits.TIMEOUT.value
    duration: Duration | Literal["measured"] = field(default_factory=Duration)
    needs: Needs = field(default="keys", hash=False)
    read_back: ReadBack = field(default_factory=ReadBack)
    failures: Failures = field(default_factory=Failures)
    cold_start: ColdStart = field(default_factory=ColdStart)
    reserved_concurrency: int | None = None
    provisioned_concurrency: int = 0
    architecture: Architecture = "x86_64"
    ephemeral_storage_mb: int = limits.EPHEMERAL_STORAGE.value
    handler: Callable[[Any, Any], Any] | None = None
    state: Any = field(default=None, compare=False)

    @property
    def law(self) -> Duration:
        """The law of the duration; where it is measured, one that adds nothing."""
        return Duration(base_s=0.0) if isinstance(self.duration, str) else self.duration

    def __post_init__(self) -> None:
        take_numpy_numbers(self)
        check_aws_name("Function.name", self.name, "function")
        where = f"Function {self.name!r}"
        self._check_handler(where)
        object.__setattr__(self, "needs", as_needs(f"{where}: needs", self.needs))
        check_kind(f"{where}: read_back", self.read_back, ReadBack)
        check_kind(f"{where}: failures", self.failures, Failures)
        check_kind(f"{where}: cold_start", self.cold_start, ColdStart)
        for limit in (limits.MEMORY, limits.TIMEOUT, limits.EPHEMERAL_STORAGE):
            check_limit(self, limit.name, limit, where=where)
        check_choice(f"{where}: architecture", self.architecture, ("x86_64", "arm64"))
        check_whole(self, "provisioned_concurrency")
        self._warn_of_timeout(where)
        if self.reserved_concurrency is not None:
            check_whole(self, "reserved_concurrency")
            if self.provisioned_concurrency > self.reserved_concurrency:
                raise ValueError(
                    f"{where}: provisioned_concurrency must be at most reserved_concurrency "
                    f"({self.reserved_concurrency}), got {self.provisioned_concurrency}"
                )

    def _warn_of_timeout(self, where: str) -> None:
        least_s = self.law.mean_s(1, 0, self.memory_mb)
        if least_s > self.timeout_s:
            warn_of_setting(
                f"{where}: duration takes {least_s:g} s on average for a single record, and timeout_s ends it after "
                f"{self.timeout_s} s: most invocations fail"
            )

    @property
    def committed_concurrency(self) -> int:
        """Invocations at once that are taken from what the account's other functions share."""
        return self.provisioned_concurrency if self.reserved_concurrency is None else self.reserved_concurrency

    def _check_handler(self, where: str) -> None:
        if self.handler is not None and not callable(self.handler):
            raise ValueError(f"{where}: handler must be a function of (event, context), got {shown(self.handler)}")
        if self.state is not None and self.handler is None:
            raise ValueError(f"{where}: state must be None without a handler, got {shown(self.state)}")
        if self.state is not None and not _can_change(self.state):
            raise ValueError(
                f"{where}: state must be a dict, list, set or object with attributes, got {shown(self.state)}"
            )
        if self.duration == "measured" and self.handler is not None:
            return
        if isinstance(self.duration, str):
            raise ValueError(
                f"{where}: duration must be Duration(...), or 'measured' with a handler, got {shown(self.duration)}"
            )
        check_kind(f"{where}: duration", self.duration, Duration)


def _is_item(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_ITEMS


def _can_change(state: Any) -> bool:
    """Whether a handler can keep something in an object."""
    if isinstance(state, MutableMapping | MutableSequence | MutableSet):
        return True
    return hasattr(state, "__dict__") or bool(getattr(state, "__slots__", ()))
