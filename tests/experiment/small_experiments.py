"""Scenarios and measures that workers of other processes import too."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

import ddbsim as ds
from ddbsim.randomness import RandomStreams
from ddbsim.workload import WriteColumns


def small(**fields: object) -> ds.Scenario:
    """A scenario that takes some milliseconds."""
    duration = ds.Duration(base_s=0.02, per_record_s=0.001, noise=ds.LogNormal(median=1.0, sigma=0.5))
    scenario = ds.Scenario(
        workload=ds.PoissonWrites(rate_per_s=60),
        table=ds.Table(partitions=2),
        event_source_mappings=ds.EventSourceMapping(function=ds.Function(name="indexer", duration=duration)),
        duration_s=40,
        warmup_s=5,
        name="small",
    )
    return ds.vary(scenario, fields) if fields else scenario


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedWrites(ds.PoissonWrites):
    """Leaves a file for each time that it is drawn, and takes its time; fails or dies where it is told to."""

    folder: str
    pause_s: float = 0.0
    fails_for: tuple[int, ...] = ()
    dies_for: tuple[int, ...] = ()

    def draw(self, duration_s: float, streams: RandomStreams) -> WriteColumns:
        number = streams.root.spawn_key[-1]
        Path(self.folder, f"{number}-{self.rate_per_s:g}-{time.monotonic_ns()}").touch()
        time.sleep(self.pause_s)
        if number in self.dies_for:
            os._exit(1)
        if number in self.fails_for:
            raise RuntimeError(f"told to fail in replication {number}")
        return ds.PoissonWrites.draw(self, duration_s, streams)


def counted(folder: object, **options: object) -> ds.Scenario:
    """The small scenario with writes that count how often they are drawn."""
    return ds.vary(small(), {"workload": CountedWrites(rate_per_s=60, folder=str(folder), **options)})
