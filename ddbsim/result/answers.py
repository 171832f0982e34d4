"""What one asks of a run: latency, lag, waits, capacity, cost."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ddbsim.analysis import checks as _checks
from ddbsim.analysis import lag as _lag
from ddbsim.analysis import latency as _latency
from ddbsim.analysis import stream_readers as _stream_readers
from ddbsim.analysis import throttling as _throttling
from ddbsim.analysis import utilization as _utilization
from ddbsim.analysis.bill import Bill, make_bill
from ddbsim.analysis.keeping_up import KeepingUp, grown
from ddbsim.analysis.per_mapping import MappingNumbers, mapping_numbers, measured_from_s
from ddbsim.analysis.stuck import stuck_shards as _stuck_shards
from ddbsim.analysis.table_numbers import TableNumbers, table_numbers
from ddbsim.checks.arguments import checked
from ddbsim.scenario.assumptions import assumptions

from .capacity import capacity as _capacity
from .capacity import mappings_keeping_up
from .usage import billed_window_s, quantities

if TYPE_CHECKING:
    import pandas as pd

    from ddbsim.aws.prices import PriceList
    from ddbsim.boto.client import StreamClient
    from ddbsim.scenario import EventSourceMapping

from .run import Run

__all__ = ["Answers"]


class Answers(Run):
    """A run, and the analyses of its frames."""

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

    @cached_property
    def _reader_numbers(self) -> pd.DataFrame:
        return _stream_readers.reader_numbers(
            self.read_log,
            self.reads,
            cycles_s={reader.name: max(reader.rhythm_s) for reader in self.scenario.other_readers},
            begin_s=measured_from_s(self.scenario.warmup_s, self.ended_s),
            ended_s=self.ended_s,
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
        return self._reader_numbers.copy()

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

    def evidence(self) -> _checks.CheckInput:
        """Return what `check` judges: the frames, and the settings that say when records may be given up."""
        mappings = self.scenario.mappings
        return _checks.CheckInput(
            **{name: self.frame(name) for name in _checks.CHECKED_FRAMES},
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

        stream = self.scenario.stream
        content = StreamContent(
            self.records(),
            self.shards,
            self.writes,
            self.changes,
            view_type=stream.view_type,
            retention_s=stream.retention_s,
            disabled_s=np.inf if stream.disabled_s is None else stream.disabled_s,
            region=self.scenario.region,
            table_name=self.scenario.table.name,
            start_epoch_s=self.scenario.start_epoch_s,
        )
        return StreamClient(content, self.ended_s if at_s is None else at_s)

    def assumptions(self) -> pd.DataFrame:
        """Return the assumed numbers, published by nobody, that this run depends on."""
        frame = assumptions(self.scenario)
        return frame[frame["touched"] & (frame["status"] == "assumed")].reset_index(drop=True)
