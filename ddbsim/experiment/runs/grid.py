"""Many settings under the same replications: their runs, and the runs as frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import is_dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ddbsim.scenario import Scenario

from .executors import AllRunsFailedError, Runner
from .job import Failure, Job, replication_seed, seed_text
from .measures import METRICS, Measures, measure

if TYPE_CHECKING:
    from ddbsim.result.result import Result

__all__ = ["as_cell", "finished_and_failed", "run_grid"]


def run_grid(
    runner: Runner,
    scenarios: Sequence[Scenario],
    root: np.random.SeedSequence,
    replications: Sequence[int],
    *,
    measure: Callable[[Result], Measures] = measure,
) -> list[list[Any]]:
    """Return the outcomes of each scenario under each replication; all of one replication run in a row.

    In a row, because a worker draws the writes of a replication once for all scenarios that share them.
    """
    jobs = [Job(scenario, replication_seed(root, number), measure) for number in replications for scenario in scenarios]
    outcomes = runner.run(jobs)
    return [outcomes[place :: len(scenarios)] for place in range(len(scenarios))]


def as_cell(value: Any) -> Any:
    """Return a field's value as it stands in a frame: numbers and texts as they are, all else in words."""
    if value is None or isinstance(value, tuple | list | dict) or is_dataclass(value):
        return repr(value)
    return value


def finished_and_failed(
    labels: Sequence[Mapping[str, Any]], root: np.random.SeedSequence, outcomes: Sequence[Sequence[Any]]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the runs that came to their end, with every metric, and those that raised, with seed and error.

    Parameters
    ----------
    labels
        The columns that tell each setting from the others.
    root
        The experiment's seed.
    outcomes
        Of each setting, a measure or failure per replication.

    Raises
    ------
    AllRunsFailedError
        If none came to its end.
    """
    finished, failed = [], []
    for label, own in zip(labels, outcomes, strict=True):
        for number, outcome in enumerate(own):
            identity = {**label, "replication": number}
            if isinstance(outcome, Failure):
                failed.append(identity | {"seed": seed_text(replication_seed(root, number)), "error": outcome.error})
            elif isinstance(outcome, Measures):
                finished.append(identity | outcome.metrics)
    if not finished and failed:
        first = failed[0]
        raise AllRunsFailedError(
            f"all {len(failed)} runs failed, the first with seed {first['seed']}: {first['error']}"
        )
    columns = [*labels[0], "replication"]
    runs = pd.DataFrame(finished) if finished else pd.DataFrame(columns=[*columns, *METRICS])
    return runs, pd.DataFrame(failed, columns=[*columns, "seed", "error"])
