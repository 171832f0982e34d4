"""A scenario: everything that one run simulates."""

from __future__ import annotations

import copy
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

from ddbsim.aws import limits
from ddbsim.aws.names import REGIONS
from ddbsim.checks.arguments import checked
from ddbsim.checks.bounds import LONGEST_RUN_S, instant
from ddbsim.checks.wording import closest, shown
from ddbsim.distributions import as_distribution
from ddbsim.workload import Workload

from . import toml
from .checks import check_kind, check_limit, check_name, check_number, several, take_numpy_numbers
from .filter_patterns import criteria_of, keys_shown, news_of
from .function import Function
from .mapping import EventSourceMapping, FilterMatchesNothing, warn_of_setting, without_setting_warnings
from .scheduled import check_scheduled, without_what_comes_later
from .stream_reader import StreamReader
from .table import Stream, Table
from .writer import Writer

__all__ = ["Scenario"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What is simulated: writes, a table, its stream and the mappings that read it. Vary it with `dataclasses.replace`.

    Parameters
    ----------
    workload
        The writes.
    table, stream
        Where they go.
    writer
        The clients that write: how they retry what the table throttles.
    event_source_mappings
        One mapping or several; each reads every record. None, an empty tuple, where only `stream_readers` read.
    stream_readers
        What else reads the stream, one `StreamReader` or several. AWS allows two readers of a shard, mappings
        included, without throttling.
    duration_s
        Simulated time [0, duration_s), seconds, at most 315,576,000 (ten years). None: the workload's own length (a
        trace has one).
    warmup_s
        Records written before this instant are left out of analyses, seconds.
    account_concurrency
        Invocations at once over all functions of the account (AWS's default: 1,000).
    region
        Where it runs, a region of AWS: a matter of price.
    start
        The date and time (ISO 8601, UTC if it names no offset) of simulated time 0.
    name
        A title for reports.
    """

    workload: Workload
    table: Table = field(default_factory=Table)
    stream: Stream = field(default_factory=Stream)
    writer: Writer = field(default_factory=Writer)
    event_source_mappings: tuple[EventSourceMapping, ...] | EventSourceMapping = field(
        default_factory=lambda: (EventSourceMapping(),)
    )
    stream_readers: tuple[StreamReader, ...] | StreamReader = ()
    duration_s: float | None = None
    warmup_s: float = 0.0
    account_concurrency: int = limits.ACCOUNT_CONCURRENCY.value
    region: str = "us-east-1"
    start: str = "2026-01-01T00:00:00Z"
    name: str = "scenario"

    def __post_init__(self) -> None:
        take_numpy_numbers(self)
        given = self.event_source_mappings
        mappings = tuple(given) if isinstance(given, tuple | list) else (given,)
        for mapping in mappings:
            check_kind("Scenario.event_source_mappings", mapping, EventSourceMapping)
        check_kind("Scenario.table", self.table, Table)
        check_kind("Scenario.stream", self.stream, Stream)
        check_kind("Scenario.writer", self.writer, Writer)
        object.__setattr__(self, "event_source_mappings", mappings)
        object.__setattr__(self, "stream_readers", several(self.stream_readers))
        for reader in self.other_readers:
            check_kind("Scenario.stream_readers", reader, StreamReader)
        if not mappings and not self.other_readers:
            raise ValueError(
                "Scenario must have an EventSourceMapping (event_source_mappings) or a StreamReader (stream_readers) "
                "that reads the stream, got neither"
            )
        if not isinstance(self.workload, Workload):
            raise ValueError(
                f"Scenario.workload must be a workload such as PoissonWrites(...), got {shown(self.workload)}"
            )
        self._check_time()
        check_name("Scenario.name", self.name)
        check_name("Scenario.region", self.region)
        if self.region not in REGIONS:
            near = closest(self.region, REGIONS)
            raise ValueError(
                f"Scenario.region must be a region of AWS such as us-east-1, got {shown(self.region)}{near}"
            )
        check_limit(self, "account_concurrency", limits.ACCOUNT_CONCURRENCY, where="Scenario")
        self._check_mappings()
        self._warn_of_filters()
        check_scheduled(self.length_s, self.table, self.stream, self.mappings)

    def _check_time(self) -> None:
        if self.duration_s is None:
            own = self.workload.duration_s
            if own is None:
                raise ValueError(
                    "Scenario.duration_s must be given (seconds > 0): this workload has no length of its own"
                )
            object.__setattr__(self, "duration_s", own)
        check_number("Scenario.duration_s", self.duration_s, open_low=True, high=LONGEST_RUN_S)
        check_number("Scenario.warmup_s", self.warmup_s)
        if self.warmup_s >= self.length_s:
            raise ValueError(f"Scenario.warmup_s must be < duration_s ({self.length_s:g}), got {self.warmup_s:g}")
        instant("Scenario.start", self.start, words="a date and time as in ISO 8601")

    def _check_mappings(self) -> None:
        labels = [*(mapping.label for mapping in self.mappings), *(reader.name for reader in self.other_readers)]
        twice = [label for label, count in Counter(labels).items() if count > 1]
        if twice:
            raise ValueError(
                "event_source_mappings and stream_readers must have different names, "
                f"got {shown(twice[0])} twice: give one of them a name="
            )
        self._check_items()
        functions: dict[str, Function] = {}
        for mapping in self.mappings:
            if functions.setdefault(mapping.function.name, mapping.function) != mapping.function:
                raise ValueError(
                    f"functions of one name must be equal, but two different ones are called {mapping.function.name!r}"
                )
        for function in functions.values():
            self._check_poison(function)
        reserved = sum(function.committed_concurrency for function in functions.values())
        if reserved > self.account_concurrency:
            raise ValueError(
                f"the functions' reserved_concurrency, and provisioned_concurrency beside it, must add up to at most "
                f"account_concurrency ({self.account_concurrency}), got {reserved}"
            )

    def _check_poison(self, function: Function) -> None:
        """Refuse items that no write has: nobody would wait for them."""
        for item in function.failures.poison_items:
            if not self.workload.may_write(item):
                raise ValueError(
                    f"Function {function.name!r}: Failures.poison_items must be items that the workload writes, "
                    f"got {shown(item)}, which none of its writes has"
                )

    def _check_items(self) -> None:
        """Refuse what looks at content of items where the workload has none."""
        if self.workload.carries_items:
            return
        for mapping in self.mappings:
            where = f"EventSourceMapping {mapping.label!r}"
            if mapping.filter_match_fraction is None and criteria_of(mapping.patterns).needs_items:
                raise ValueError(
                    f"{where}: filter_criteria look at content of items, which {type(self.workload).__name__} does not "
                    "have: use ItemWrites, or state the share that passes as filter_match_fraction"
                )
            if mapping.function.handler is not None:
                kind = type(self.workload).__name__
                raise ValueError(f"{where}: a handler needs items, which {kind} does not have: use ItemWrites")

    def _warn_of_filters(self) -> None:
        """Tell of what the filters never match under this view type and these keys."""
        told = []
        for mapping in self.mappings:
            news, patterns = news_of(
                mapping.patterns,
                self.stream.view_type,
                keys_shown(self.workload, by_share=mapping.filter_match_fraction is not None),
            )
            for one in news:
                where = f"EventSourceMapping {mapping.label!r}: filter_criteria"
                warn_of_setting(f"{where}: {one}", FilterMatchesNothing)
            if news:
                # varied copies of this scenario, not other ones of the mapping, have been told
                mapping = copy.copy(mapping)
                object.__setattr__(mapping, "filter_criteria", patterns)
            told.append(mapping)
        object.__setattr__(self, "event_source_mappings", tuple(told))

    @property
    def other_readers(self) -> tuple[StreamReader, ...]:
        """The readers that are not Lambda, always as a tuple."""
        return cast("tuple[StreamReader, ...]", self.stream_readers)

    @property
    def mappings(self) -> tuple[EventSourceMapping, ...]:
        """The mappings, always as a tuple."""
        return cast("tuple[EventSourceMapping, ...]", self.event_source_mappings)

    def check_mapped(self, what: str) -> None:
        """Raise ValueError if no mapping reads the stream.

        Parameters
        ----------
        what
            What asks for one: names it in the message.
        """
        if not self.mappings:
            raise ValueError(
                f"{what} needs an EventSourceMapping, whose latency and cost it asks for, got {shown(self.name)}, "
                "which has stream readers alone: see Result.reader_numbers()"
            )

    @property
    def length_s(self) -> float:
        """The simulated time, seconds."""
        return cast("float", self.duration_s)

    def until(self, duration_s: float, *, warmup_s: float | None = None) -> Scenario:
        """Return the scenario with another length, seconds, without what it plans for a later time; without a warning.

        Parameters
        ----------
        duration_s
            As of a `Scenario`.
        warmup_s
            The same; None: as it is.

        Examples
        --------
        >>> import ddbsim as ds
        >>> scenario = ds.Scenario(
        ...     workload=ds.PoissonWrites(rate_per_s=5), table=ds.Table(splits=ds.Split(at_s=50)), duration_s=60
        ... )
        >>> scenario.until(30).table.splits
        ()
        """
        warmup_s = self.warmup_s if warmup_s is None else warmup_s
        later = without_what_comes_later(duration_s, self.table, self.stream, self.mappings)
        with without_setting_warnings():
            return replace(self, duration_s=duration_s, warmup_s=warmup_s, **later)

    @property
    def writes_per_s(self) -> float:
        """The mean rate of writes to expect, per second; clients that wait do so for the writer's mean latency."""
        answer_s = as_distribution(self.writer.latency).mean
        return self.workload.expected_writes(self.length_s, answer_s=answer_s) / self.length_s

    @property
    def start_epoch_s(self) -> float:
        """Simulated time 0 as seconds since 1970."""
        return instant("Scenario.start", self.start).timestamp()

    @checked
    def to_toml(self, path: str | Path | None = None, *, defaults: bool = False) -> str:
        """Return the scenario as TOML text, and write it to `path` if given.

        Parameters
        ----------
        path
            File to write. A trace's relative path is then taken from its folder, as `from_toml` reads it.
        defaults
            Also write the fields that are at their default.

        Raises
        ------
        ValueError
            If a part cannot be written as text (arrays, a handler).
        """
        text = toml.dump(self, defaults=defaults, folder=None if path is None else Path(path).parent)
        if path is not None:
            Path(path).write_text(text, encoding="utf-8")
        return text

    @classmethod
    @checked
    def from_toml(cls, source: str | Path) -> Scenario:
        """Read a scenario from a TOML file, or from TOML text.

        Parameters
        ----------
        source
            A path, or a text that contains a line break. Trace paths in it are taken from the file's folder.

        Raises
        ------
        ValueError
            Naming the file, the table and the field, and what is allowed there.
        """
        return cast("Scenario", toml.load(source, cls))

    def _repr_html_(self) -> str:
        import html

        return f"<pre>{html.escape(self.to_text())}</pre>"

    def to_text(self) -> str:
        """Return the scenario in a few readable lines; defaults are left out, and given writes are not spelled out."""
        try:
            return toml.dump(self, defaults=False, writes_file="(given writes)", items_file="(given items)").rstrip()
        except ValueError:
            return repr(self)
