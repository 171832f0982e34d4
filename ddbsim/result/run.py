"""A run as its frames: what everything that is asked of it is answered from."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from ddbsim.analysis.evidence import records_of
from ddbsim.checks.arguments import checked
from ddbsim.checks.wording import shown

from .handler_report import HandlerReport

if TYPE_CHECKING:
    import pandas as pd

    from ddbsim.items import Change
    from ddbsim.scenario import Scenario

    from .source import Source

__all__ = ["FRAMES", "Run"]

FRAMES = (
    "stream_log",
    "invocations",
    "writes",
    "shards",
    "discards",
    "metrics",
    "reads",
    "read_log",
    "latency_parts",
    "waiting_parts",
    "read_backs",
    "table_load",
    "index_load",
    "partition_load",
    "partitions",
    "scaling",
)


class Run:
    """The log of one run, as DataFrames.

    Attributes
    ----------
    scenario
        What was simulated.
    seed
        Type it as `rng` to have the same run again.
    ended_s
        Simulated time reached, seconds.
    simpy_events
        Events that SimPy processed.
    """

    def __init__(
        self,
        scenario: Scenario,
        seed: str,
        ended_s: float,
        simpy_events: int,
        source: Source,
    ) -> None:
        self.scenario = scenario
        self.seed = seed
        self.ended_s = ended_s
        self.simpy_events = simpy_events
        self._source = source
        self._made: dict[str, pd.DataFrame] = {}
        self._report: HandlerReport | None = None

    @checked
    def frame(self, name: str) -> pd.DataFrame:
        """Return a frame by name, made once.

        Parameters
        ----------
        name
            One of `ddbsim.result.run.FRAMES`.
        """
        if name not in self._made:
            if name not in FRAMES:
                raise ValueError(f"frame must be one of {', '.join(FRAMES)}, got {shown(name)}")
            self._made[name] = self._source(name)
        return self._made[name]

    @property
    def stream_log(self) -> pd.DataFrame:
        """The log: a row per record and consumer, in the order of the writes."""
        return self.frame("stream_log")

    @property
    def invocations(self) -> pd.DataFrame:
        """A row per attempt to invoke a function, throttled ones included."""
        return self.frame("invocations")

    @property
    def writes(self) -> pd.DataFrame:
        """A row per write to the table, those that changed nothing included."""
        return self.frame("writes")

    @property
    def table_load(self) -> pd.DataFrame:
        """A row per second of the table: writes asked for, taken, throttled by reason, units, capacity and burst."""
        return self.frame("table_load")

    @property
    def index_load(self) -> pd.DataFrame:
        """A row per second and global secondary index: the write units that it took."""
        return self.frame("index_load")

    @property
    def partition_load(self) -> pd.DataFrame:
        """A row per second (per minute in runs over an hour) and partition: units consumed, attempts throttled."""
        return self.frame("partition_load")

    @property
    def partitions(self) -> pd.DataFrame:
        """A row per partition that ever was: its parent, its slice of the hash space, its times."""
        return self.frame("partitions")

    @property
    def scaling(self) -> pd.DataFrame:
        """A row per change of capacity or partitions: auto scaling, on-demand growth, switches, splits."""
        return self.frame("scaling")

    @property
    def shards(self) -> pd.DataFrame:
        """A row per shard of the stream."""
        return self.frame("shards")

    @property
    def discards(self) -> pd.DataFrame:
        """A row per batch of records given up, or lost to the stream's retention."""
        return self.frame("discards")

    @property
    def metrics(self) -> pd.DataFrame:
        """A row per minute and mapping, under CloudWatch's names."""
        return self.frame("metrics")

    @property
    def reads(self) -> pd.DataFrame:
        """A row per minute in which a reader that is not Lambda called a shard: its calls, and what they brought."""
        return self.frame("reads")

    @property
    def read_log(self) -> pd.DataFrame:
        """A row per record and reader that is not Lambda, in the order of the writes: when it was read."""
        return self.frame("read_log")

    @property
    def latency_parts(self) -> pd.DataFrame:
        """Where the time of each processed record went; the parts sum to its latency."""
        return self.frame("latency_parts")

    @property
    def waiting_parts(self) -> pd.DataFrame:
        """Where the time of each record went that still waited when the run ended, and what it waits for."""
        return self.frame("waiting_parts")

    @property
    def read_backs(self) -> pd.DataFrame:
        """A row per invocation that read items from the table, because its records lacked what the handler needs."""
        return self.frame("read_backs")

    @property
    def events(self) -> pd.DataFrame:
        """The story of a small run: a row per event (time_s, where, what, record_ids, sentence), causes first.

        `what` is one of `ddbsim.log.events.EVENTS`.

        Raises
        ------
        TooLongAStoryError
            If there are more events than anybody reads.
        """
        if "events" not in self._made:
            self._made["events"] = self._source.events()
        return self._made["events"]

    @cached_property
    def changes(self) -> tuple[Change, ...] | None:
        """What each write that the table took did to its item, where the workload has real items; else None."""
        return self._source.changes()

    @property
    def partial(self) -> bool:
        """Whether the run was interrupted before its end."""
        return self.ended_s < self.scenario.length_s

    def records(self) -> pd.DataFrame:
        """Return the stream's records, one row each: as its first mapping has them, or its first reader.

        Returns
        -------
        DataFrame
            The rows of one consumer of `stream_log`, or of `read_log` where there is no mapping.
        """
        return records_of(self.stream_log, self.read_log)

    def handler_report(self) -> HandlerReport:
        """Return what the run's own handlers met: why they failed, duplicates and what these changed, missing images.

        A result that was pickled or saved keeps the report that it had then, made for that if nobody had asked.

        Raises
        ------
        ValueError
            If no function of the run had a handler.
        """
        if self._report is None:
            self._report = HandlerReport(**self._source.of_handlers())
        return self._report
