"""`simulate`: from a scenario to a Result."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .randomness import RandomStreams, Seed
from .result import Result
from .scenario import Scenario
from .scenario.checks import check_kind
from .system.build import System
from .system.interrupt import interrupts_between_events
from .system.past import Past, planned_until, stream_until
from .system.table import admit
from .workload import WriteColumns

__all__ = ["MEMORY_LIMIT_BYTES", "TooManyRecordsError", "draw_writes", "run", "simulate"]

MEMORY_LIMIT_BYTES = 8 * 2**30
# measured: peak of a run with all frames built, see tests/benchmarks
_BYTES_PER_RECORD = 250


class TooManyRecordsError(ValueError):
    """The scenario would need more memory than the stated limit."""


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
    check_kind("scenario", scenario, Scenario)
    streams = RandomStreams(rng)
    return run(scenario, draw_writes(scenario, streams, memory_limit_bytes), streams, progress=progress)


def draw_writes(
    scenario: Scenario, streams: RandomStreams, memory_limit_bytes: int = MEMORY_LIMIT_BYTES
) -> WriteColumns:
    """Return the writes of a scenario; they depend on the workload, the length and the seed alone."""
    expected = scenario.workload.expected_writes(scenario.length_s) * len(scenario.mappings)
    if expected * _BYTES_PER_RECORD > memory_limit_bytes:
        raise TooManyRecordsError(
            f"about {expected:,.0f} records need {expected * _BYTES_PER_RECORD / 2**30:,.1f} GiB, and the limit is "
            f"{memory_limit_bytes / 2**30:,.1f} GiB: lower the rate or duration_s, or raise memory_limit_bytes"
        )
    return scenario.workload.draw(scenario.length_s, streams)


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
        recording = system.run(tell)
    if recording.ended_s < scenario.length_s:
        past = Past.of(scenario, recording.ended_s)
        admission = admit(past, planned_until(writes, recording.ended_s), streams)
        recording = recording.until(stream_until(past, admission, streams))
    return Result.of_run(scenario, streams.seed, admission, recording)


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
