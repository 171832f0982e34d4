"""What a run gives: frames, analyses on them, a summary. No live simulation inside; it can be pickled and saved."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ddbsim.analysis import checks as _checks
from ddbsim.analysis import lag as _lag
from ddbsim.analysis import latency as _latency
from ddbsim.analysis import throttling as _throttling
from ddbsim.analysis import utilization as _utilization
from ddbsim.analysis.bill import Bill, make_bill
from ddbsim.analysis.evidence import records_of
from ddbsim.analysis.keeping_up import KeepingUp, grown
from ddbsim.analysis.per_mapping import MappingNumbers, mapping_numbers, measured_from_s
from ddbsim.analysis.stream_readers import reader_numbers as _reader_numbers
from ddbsim.analysis.stuck import stuck_shards as _stuck_shards
from ddbsim.analysis.table_numbers import TableNumbers, table_numbers
from ddbsim.checks.arguments import checked
from ddbsim.scenario.assumptions import assumptions

from .capacity import capacity as _capacity
from .capacity import mappings_keeping_up
from .handler_report import HandlerReport
from .kept import Kept
from .summary import Summary, summarize
from .usage import billed_window_s, quantities

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from ddbsim.aws.prices import PriceList
    from ddbsim.boto.client import StreamClient
    from ddbsim.items import Change
    from ddbsim.scenario import EventSourceMapping, Scenario

    from .kept import Source

__all__ = ["FRAMES", "Result"]

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


class Result:
    """The log of one run, as DataFrames, and what one asks of it.

    Made by `simulate` and `read_result`, not by hand.

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
            One of `ddbsim.result.result.FRAMES`.
        """
        if name not in self._made:
            if name not in FRAMES:
                raise ValueError(f"frame must be one of {', '.join(FRAMES)}, got {name!r}")
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
    def events(self) -> pd.DataFrame:
        """The story of a small run: a row per event (time_s, where, what, record_ids, sentence), causes first.

        `what` is one of `ddbsim.frames.story.EVENTS`.

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
    def read_backs(self) -> pd.DataFrame:
        """A row per invocation that read items from the table, because its records lacked what the handler needs."""
        return self.frame("read_backs")

    @property
    def partial(self) -> bool:
        """Whether the run was interrupted before its end."""
        return self.ended_s < self.scenario.length_s

    def keeping_up(self) -> pd.DataFrame:
        """Return whether each mapping keeps up: whether its backlog grows over the second half of the run.

        Returns
        -------
        DataFrame
            event_source_mapping, verdict ("keeps up", "does not keep up", "too short to tell"), growth_share (of the
            records written in the second half, the share by which the backlog grew) with its interval (low, high),
            processed_share (of the records written, those that were processed or filtered by the end), growing_shards.

        Notes
        -----
        Where the run is too short to tell, the closed form decides if it is plainly exceeded.

        Examples
        --------
        >>> import ddbsim as ds
        >>> scenario = ds.Scenario(workload=ds.PoissonWrites(rate_per_s=1_000), duration_s=30,
        ...     event_source_mappings=ds.EventSourceMapping(batch_size=2))
        >>> ds.simulate(scenario, rng=7, progress=False).keeping_up().loc[0, "verdict"]
        'does not keep up'
        """
        import pandas as pd

        rows = [
            (name, one.verdict, one.growth_share, one.low, one.high, one.processed_share, len(one.growing))
            for name, one in self._keeping_up.items()
        ]
        columns = ["verdict", "growth_share", "low", "high", "processed_share", "growing_shards"]
        return pd.DataFrame(rows, columns=["event_source_mapping", *columns])

    @cached_property
    def _keeping_up(self) -> dict[str, KeepingUp]:
        return mappings_keeping_up(self)

    @checked
    def latency(self, quantiles: float | Sequence[float] = (0.5, 0.95, 0.99), *, by: str | None = None) -> pd.DataFrame:
        """Return quantiles of the latency, written to completed, after the warm-up.

        Records still waiting count as censored: they took at least until the end of the run. Where the backlog of a
        shard grows, its records have no latency that a longer run would not change: infinity.

        Parameters
        ----------
        quantiles
            In [0, 1].
        by
            A further column of the log to split by ("shard_id", "event_name").

        Returns
        -------
        DataFrame
            event_source_mapping, [by], quantile, latency_s, records, waiting.
        """
        return _latency.quantiles(
            self.stream_log,
            quantiles,
            by=by,
            warmup_s=measured_from_s(self.scenario.warmup_s, self.ended_s),
            ended_s=self.ended_s,
            growing=grown(self._keeping_up),
        )

    @checked
    def ecdf(self, *, points: int = 500) -> pd.DataFrame:
        """Return the distribution function of the latency after the warm-up, at up to `points` steps.

        Returns
        -------
        DataFrame
            event_source_mapping, latency_s, share.
        """
        return _latency.ecdf(
            self.stream_log,
            points=points,
            warmup_s=measured_from_s(self.scenario.warmup_s, self.ended_s),
            ended_s=self.ended_s,
            growing=grown(self._keeping_up),
        )

    @checked
    def lag(self, every_s: float | None = None) -> pd.DataFrame:
        """Return how far each mapping is behind on each shard, over time.

        Parameters
        ----------
        every_s
            Step of the time grid, seconds; a two-hundredth of the run if None.

        Returns
        -------
        DataFrame
            event_source_mapping, shard_id, at_s, records_behind, seconds_behind, iterator_age_s.
        """
        return _lag.lag(self.stream_log, self.invocations, self.discards, every_s=every_s, ended_s=self.ended_s)

    @checked
    def largest_lag(self, begin_s: float | None = None) -> pd.DataFrame:
        """Return how far behind each mapping was on each shard at the most, and is at the end.

        Exact, where the steps of `lag` may miss the moment.

        Parameters
        ----------
        begin_s
            Records written before this instant are left out, seconds, but for those that wait at the end; the end of
            the warm-up if None.

        Returns
        -------
        DataFrame
            event_source_mapping, shard_id, largest_s (age of the oldest open record, at the most), at_the_end_s (the
            same at the end of the run; 0 where nothing is open).
        """
        if begin_s is None:
            begin_s = measured_from_s(self.scenario.warmup_s, self.ended_s)
        return _lag.largest_lag(self.stream_log, self.discards, begin_s=begin_s, ended_s=self.ended_s)

    def stuck_shards(self) -> pd.DataFrame:
        """Return the lanes whose oldest record has waited far longer than the others took, and why it waits.

        Returns
        -------
        DataFrame
            event_source_mapping, shard_id, lane, waits_for (a part of `waits`), waited_s, records, attempt, throttles,
            nothing_sent_s, error_type, error_message; see `ddbsim.analysis.stuck.stuck_shards`.
        """
        cycles_s = {mapping.label: mapping.cycle_s for mapping in self.scenario.mappings}
        return _stuck_shards(
            self.waiting_parts, self.invocations, self.stream_log, cycles_s=cycles_s, ended_s=self.ended_s
        )

    @checked
    def table_delay(self, every_s: float | None = None) -> pd.DataFrame:
        """Return how much of the delay from a client's intent to the processed record was throttling at the table.

        Parameters
        ----------
        every_s
            Step of the time grid, seconds; a two-hundredth of the run if None.

        Returns
        -------
        DataFrame
            event_source_mapping, at_s, records, throttled, attempts, at_table_s, in_stream_s, total_s, table_share;
            see `ddbsim.analysis.throttling.table_delay`.
        """
        ended_s, warmup_s = self.ended_s, self.scenario.warmup_s
        return _throttling.table_delay(
            self.writes, self.stream_log, every_s=every_s, ended_s=ended_s, warmup_s=warmup_s
        )

    @checked
    def throughput(self, every_s: float | None = None) -> pd.DataFrame:
        """Return records written and completed, invocations and concurrency, over time.

        Returns
        -------
        DataFrame
            event_source_mapping, at_s, written_per_s, completed_per_s, invocations_per_s, concurrency.
        """
        return _utilization.throughput(self.stream_log, self.invocations, every_s=every_s, ended_s=self.ended_s)

    @checked
    def waits(self, *, cohort: float | None = None) -> pd.DataFrame:
        """Return what records waited for, on average, after the warm-up, those that still wait included.

        Parameters
        ----------
        cohort
            Only the slowest: 0.99 for the records at or beyond the 99th percentile of latency, or of what they have
            waited so far. None: all.

        Returns
        -------
        DataFrame
            event_source_mapping, part, mean_s, share, waiting (records that are in that part at the end of the run).
        """
        warmup_s = measured_from_s(self.scenario.warmup_s, self.ended_s)
        return _latency.waits(self.latency_parts, self.waiting_parts, cohort=cohort, warmup_s=warmup_s)

    def capacity(self) -> pd.DataFrame:
        """Return which limits the design has, and how much of each is offered; see `ddbsim.result.capacity`."""
        return _capacity(self)

    @checked
    def bill(
        self,
        *,
        region: str | None = None,
        month_hours: float = 730.0,
        free_tier: bool = False,
        price_list: PriceList | None = None,
    ) -> Bill:
        """Return what the run costs after its warm-up, and what a month of it would.

        Parameters
        ----------
        region
            AWS's name of it; the scenario's if None.
        month_hours
            Length of a month, hours.
        free_tier
            Take the monthly free amounts off.
        price_list
            Prices to use instead of those shipped; see `load_price_list`.

        Returns
        -------
        Bill
            Its `frame` has a row per component.
        """
        return make_bill(
            quantities(self),
            window_s=billed_window_s(self),
            region=region or self.scenario.region,
            month_hours=month_hours,
            free_tier=free_tier,
            price_list=price_list,
        )

    @checked
    def numbers(self, mapping: EventSourceMapping) -> MappingNumbers:
        """Return what a mapping did after the warm-up: the numbers that every summary and comparison tells."""
        return mapping_numbers(
            self.stream_log,
            self.invocations,
            self.shards,
            self.discards,
            mapping.label,
            parallelization_factor=mapping.parallelization_factor,
            warmup_s=self.scenario.warmup_s,
            ended_s=self.ended_s,
        )

    def reader_numbers(self) -> pd.DataFrame:
        """Return what each reader that is not Lambda did after the warm-up: how late it read, what it left.

        Returns
        -------
        DataFrame
            reader, verdict ("keeps up", "does not keep up", "too short to tell"), growth_share, low, high (as of
            `keeping_up`), read, expired, waiting (records), lag_p50_s, lag_p95_s, lag_p99_s (from the write to the
            read; infinity where the backlog grows), lag_max_s, lag_end_s, calls, throttled; no row without a reader.

        Examples
        --------
        >>> import ddbsim as ds
        >>> scenario = ds.Scenario(workload=ds.PoissonWrites(rate_per_s=20), duration_s=120,
        ...     event_source_mappings=(), stream_readers=ds.StreamReader(kind="kcl", name="search"))
        >>> ds.simulate(scenario, rng=7, progress=False).reader_numbers().loc[0, ["reader", "verdict"]].tolist()
        ['search', 'keeps up']
        """
        return _reader_numbers(
            self.read_log,
            self.reads,
            cycles_s={reader.name: max(reader.rhythm_s) for reader in self.scenario.other_readers},
            begin_s=measured_from_s(self.scenario.warmup_s, self.ended_s),
            ended_s=self.ended_s,
        )

    def table_numbers(self) -> TableNumbers:
        """Return what the table made of the writes that clients asked for after the warm-up."""
        return table_numbers(self.writes, warmup_s=self.scenario.warmup_s, ended_s=self.ended_s)

    def check(self) -> pd.DataFrame:
        """Return whether the frames agree with each other and with the rules of the service: a row per check.

        The summary says so of a run of up to 20,000 records if a check fails; longer runs are checked when asked.

        Returns
        -------
        DataFrame
            check, ok, problems (rows that contradict it), detail (the first of them; what holds, if none does).

        Examples
        --------
        >>> import ddbsim as ds
        >>> scenario = ds.Scenario(workload=ds.PoissonWrites(rate_per_s=20), duration_s=30)
        >>> bool(ds.simulate(scenario, rng=7, progress=False).check()["ok"].all())
        True
        """
        return _checks.check(self.evidence())

    def records(self) -> pd.DataFrame:
        """Return the stream's records, one row each: as its first mapping has them, or its first reader.

        Returns
        -------
        DataFrame
            The rows of one consumer of `stream_log`, or of `read_log` where there is no mapping.
        """
        return records_of(self.stream_log, self.read_log)

    def evidence(self) -> _checks.Evidence:
        """Return what `check` judges: the frames, and the settings that say when records may be given up."""
        mappings = self.scenario.mappings
        return _checks.Evidence(
            **{name: self.frame(name) for name in _checks.JUDGED},
            ended_s=self.ended_s,
            retention_s=self.scenario.stream.retention_s,
            maximum_retry_attempts={one.label: one.maximum_retry_attempts for one in mappings},
            maximum_record_age_in_seconds={one.label: one.maximum_record_age_in_seconds for one in mappings},
        )

    @checked
    def stream_client(self, at_s: float | None = None) -> StreamClient:
        """Return a client that reads the run's stream as boto3's `dynamodbstreams` client reads a real one.

        It answers `list_streams`, `describe_stream`, `get_shard_iterator` and `get_records` at a simulated instant,
        its `now_s`, which `advance(seconds)` moves. Of a workload of real items (`ItemWrites`) records carry their
        images; of any other they carry the key ``{"item_id": {"N": "17"}}`` and sizes.

        Parameters
        ----------
        at_s
            Where its clock stands at first, seconds; the end of the run if None.

        Examples
        --------
        >>> import ddbsim as ds
        >>> scenario = ds.Scenario(workload=ds.ConstantWrites(rate_per_s=2), duration_s=5)
        >>> client = ds.simulate(scenario, rng=7, progress=False).stream_client()
        >>> (stream,) = client.list_streams(TableName="table")["Streams"]
        >>> description = client.describe_stream(StreamArn=stream["StreamArn"])["StreamDescription"]
        >>> description["StreamStatus"], len(description["Shards"])
        ('ENABLED', 4)
        """
        from ddbsim.boto.client import StreamClient
        from ddbsim.boto.content import StreamContent

        content = StreamContent(self.scenario, self.records(), self.shards, self.writes, self.changes)
        return StreamClient(content, self.ended_s if at_s is None else at_s)

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

    def assumptions(self) -> pd.DataFrame:
        """Return the assumed numbers, published by nobody, that this run depends on."""
        frame = assumptions(self.scenario)
        return frame[frame["touched"] & (frame["status"] == "assumed")].reset_index(drop=True)

    @cached_property
    def summary(self) -> Summary:
        """What one looks at first; shown when a Result is the last line of a notebook cell."""
        return summarize(self)

    def _repr_html_(self) -> str:
        return self.summary._repr_html_()

    def __repr__(self) -> str:
        return str(self.summary)

    @checked
    def to_parquet(self, folder: str | Path) -> None:
        """Save all frames and the scenario in a new folder, complete or not at all.

        Parameters
        ----------
        folder
            Must not exist, or be empty.

        Raises
        ------
        FileExistsError
            If the folder holds anything.
        """
        from .storage import write_result

        write_result(self, folder)

    def __getstate__(self) -> dict[str, Any]:
        made, kept = self._made | {name: self.frame(name) for name in FRAMES}, Kept.of(self)
        left_out = ("summary", "changes", "_keeping_up")
        state = {name: value for name, value in self.__dict__.items() if name not in left_out}
        return state | {"_made": made, "_source": kept, "_report": None}
