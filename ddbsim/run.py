"""`simulate`: from a scenario to a Result."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .checks.arguments import checked
from .distributions import as_distribution
from .frames.run_frames import Deferred, RunFrames
from .randomness import RandomStreams, Seed
from .record.table import Admission
from .result.result import Result
from .scenario import Scenario
from .system.build import System
from .system.finished import FinishedRun
from .system.interrupt import interrupts_between_events
from .system.past import Past, planned_until, stream_until
from .system.table import admit, refused_reads
from .workload import WriteColumns

__all__ = ["MEMORY_LIMIT_BYTES", "TooManyRecordsError", "draw_writes", "longest_that_fits_s", "run", "simulate"]

MEMORY_LIMIT_BYTES = 8 * 2**30
# measured: the peak of a run of 20 million records, with all frames built, bill and summary asked for
_BYTES_PER_RECORD = 287
# reckoned, from the columns that are made and with room to spare; they count where a run is long and has few records
_BYTES_PER_SECOND = 60  # of the table's load
_BYTES_PER_MINUTE = 250  # of a mapping's metrics, and of a reader's reads of a partition
_BYTES_PER_PARTITION_STEP = 32
_LIFE_S = 4 * 3_600.0  # of a shard: refusals are drawn for little more
_BYTES_PER_SHARD = 12_000  # of a mapping: its reader and a lane


class TooManyRecordsError(ValueError):
    """The scenario would need more memory than the stated limit."""


@checked
def simulate(
    scenario: Scenario,
    *,
    rng: Seed = None,
    progress: bool = True,
    memory_limit_bytes: int = MEMORY_LIMIT_BYTES,
) -> Result:
    """Run a scenario once and return its log.

    Parameters
    ----------
    scenario
        What to simulate.
    rng
        Seed or generator. The same seed gives the same frames, bit for bit, and the same writes under any other
        design.
    progress
        Show a bar on simulated time in runs long enough to wait for.
    memory_limit_bytes
        Refuse a run that is expected to need more.

    Returns
    -------
    Result
        Frames, summary, analyses. If the run is interrupted (Ctrl-C), what was simulated so far, `result.partial`
        being true.

    Raises
    ------
    TooManyRecordsError
        If the expected number of records does not fit.

    Examples
    --------
    >>> import ddbsim as ds
    >>> scenario = ds.Scenario(workload=ds.PoissonWrites(rate_per_s=20), duration_s=30)
    >>> result = ds.simulate(scenario, rng=7, progress=False)
    >>> result.stream_log["outcome"].value_counts().index[0]
    'processed'
    """
    streams = RandomStreams(rng)
    return run(scenario, draw_writes(scenario, streams, memory_limit_bytes), streams, progress=progress)


def draw_writes(
    scenario: Scenario, streams: RandomStreams, memory_limit_bytes: int = MEMORY_LIMIT_BYTES
) -> WriteColumns:
    """Return the writes of a scenario; they depend on the workload, the length and the seed alone."""
    needs = _bytes_needed(scenario)
    if sum(needs.values()) > memory_limit_bytes:
        most = max(needs, key=lambda name: needs[name])
        raise TooManyRecordsError(
            f"{most} need {needs[most] / 2**30:,.1f} GiB, and the limit of a run is "
            f"{memory_limit_bytes / 2**30:,.1f} GiB: lower the rate or duration_s, or raise memory_limit_bytes"
        )
    return scenario.workload.draw(scenario.length_s, streams)


def _bytes_needed(scenario: Scenario) -> dict[str, float]:
    """Return what a run is expected to need at its peak, by what needs it.

    Idle polls are not among it: they are never made.
    """
    length_s, stream = scenario.length_s, scenario.stream
    readers, mappings, partitions = (
        len(scenario.other_readers),
        len(scenario.mappings),
        scenario.table.initial_partitions,
    )
    # a reader's row of a record has half the columns of a mapping's
    records = scenario.workload.expected_writes(length_s) * max(mappings + readers / 2.0, 1.0)
    slots = length_s / stream.visibility_hold_s
    shards = partitions * (1.0 + length_s / max(as_distribution(stream.shard_lifetime).mean, 1.0))
    per_step = partitions * length_s / (1.0 if length_s <= 3_600 else 60.0)
    reads = readers * partitions + mappings
    # where more than two read a shard, what each is refused is drawn
    refusals = shards * (mappings + readers) if mappings + readers > 2 else 0.0
    lanes = sum(mapping.parallelization_factor for mapping in scenario.mappings)
    return {
        f"about {records:,.0f} records": records * _BYTES_PER_RECORD,
        f"{length_s:,.0f} seconds of the table's load": length_s * _BYTES_PER_SECOND
        + per_step * _BYTES_PER_PARTITION_STEP,
        f"{length_s / 60.0:,.0f} minutes of metrics and reads": length_s / 60.0 * reads * _BYTES_PER_MINUTE,
        f"{slots:,.0f} draws of the visibility delay (visibility_hold_s)": 16.0 * slots,
        f"about {shards:,.0f} shards": shards * max(lanes, 1) * _BYTES_PER_SHARD,
        "stretches of refused reads (throttled_read_stretch_s)": refusals
        * min(length_s, _LIFE_S)
        / stream.throttled_read_stretch_s
        * 100.0,
    }


def longest_that_fits_s(scenario: Scenario, memory_limit_bytes: int = MEMORY_LIMIT_BYTES) -> float:
    """Return about how long the scenario may be for its run not to be refused, seconds."""
    needed = sum(_bytes_needed(scenario).values())
    share = memory_limit_bytes / needed if needed else math.inf
    return scenario.length_s * share


def run(
    scenario: Scenario,
    writes: WriteColumns,
    streams: RandomStreams,
    *,
    progress: bool | Callable[[float], None] = False,
) -> Result:
    """Run a scenario on writes drawn before, what its clients ask for.

    `progress` is told the simulated time reached, and may raise to end the run.
    """
    admission = admit(scenario, writes, streams)
    system = System(scenario, admission.writes, streams, admission.placement)
    if progress is True:
        # below this a run takes about a second, and a bar only flickers
        progress = len(writes) * len(scenario.mappings) > 1_000_000
    with _bar(scenario, progress) as tell, interrupts_between_events(system.env):
        finished = system.run(tell)
    if finished.recording.ended_s < scenario.length_s:
        past = Past.of(scenario, finished.recording.ended_s)
        admission = admit(past, planned_until(writes, finished.recording.ended_s), streams)
        finished = finished.until(stream_until(past, admission, streams))
    return _result(scenario, admission, finished)


def _result(scenario: Scenario, admission: Admission, finished: FinishedRun) -> Result:
    """Return the result of a finished run; its frames are made when asked for."""
    recording = finished.recording
    deferred = Deferred(
        deliveries=lambda: finished.deliveries(scenario),
        other_reads=lambda: finished.other_reads(scenario),
        refused_reads=refused_reads,
        pauses=lambda: finished.pauses,
        handlers_met=lambda twice: finished.handlers_met(scenario, twice),
    )
    frames = RunFrames(scenario, admission, recording, deferred)
    return Result(scenario, finished.streams.seed, recording.ended_s, recording.simpy_events, frames)


@contextmanager
def _bar(scenario: Scenario, show: bool | Callable[[float], None]) -> Iterator[Callable[[float], None] | None]:
    if not show or callable(show):
        yield show or None
        return
    from tqdm.auto import tqdm

    with tqdm(total=scenario.length_s, unit="s", unit_scale=True, desc=f"{scenario.name}: simulated time") as bar:

        def tell(now: float) -> None:
            bar.update(now - bar.n)

        yield tell
