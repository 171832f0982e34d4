"""Many settings of one scenario: every metric and the bill of each."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ddbsim.analysis.intervals import check_confidence
from ddbsim.checks.arguments import checked
from ddbsim.checks.wording import shown
from ddbsim.experiment.estimate.replicate import check_replications, estimates_of
from ddbsim.experiment.runs.executors import ExecutorChoice, Runner
from ddbsim.experiment.runs.grid import as_cell, finished_and_failed, run_grid
from ddbsim.experiment.runs.measures import METRICS, check_metric, keeping_up_of
from ddbsim.experiment.solve.words import amount, doubts
from ddbsim.randomness import RandomStreams, Seed
from ddbsim.scenario import Scenario

from .fields import Setting, grid, variants

__all__ = ["Sweep", "run_settings", "sweep"]

_SHOWN = ("latency_p50_s", "latency_p99_s", "usd_per_month")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Sweep:
    """The runs of many settings.

    Attributes
    ----------
    fields
        The fields that were varied.
    frame
        Long: a row per setting and metric: setting (its number), the fields, keeps_up (the verdict), metric, mean, low,
        high, half_width, deviation (between replications), replications.
    runs
        A row per setting and replication: setting, the fields, replication, and every metric.
    failures
        A row per run that raised: setting, the fields, replication, seed, error.
    refused
        A row per setting that makes no scenario: setting, the fields, note.
    notes
        A row per setting that the service accepts though it will not do what one may expect: setting, the fields, note.
    confidence
        Of the intervals.
    """

    fields: tuple[str, ...]
    frame: pd.DataFrame
    runs: pd.DataFrame
    failures: pd.DataFrame
    refused: pd.DataFrame
    notes: pd.DataFrame
    confidence: float

    def settings(
        self, metrics: str | Sequence[str] = ("latency_p50_s", "latency_p99_s", "usd_per_month")
    ) -> pd.DataFrame:
        """Return the means of some metrics, a row per setting: the fields, the verdict (keeps_up), then the metrics."""
        names = [metrics] if isinstance(metrics, str) else list(metrics)
        for name in names:
            check_metric("metric", name)
        index = ["setting", *self.fields, "keeps_up"]
        table = self.frame.pivot(index=index, columns="metric", values="mean")[names]
        table.columns.name = None
        wide: pd.DataFrame = table.reset_index().drop(columns="setting")
        return wide

    def table(self, metric: str = "latency_p99_s", rows: str | None = None, columns: str | None = None) -> pd.DataFrame:
        """Return a metric's means, a row and a column per value of two fields; over the other fields their mean.

        Parameters
        ----------
        metric
            Which.
        rows, columns
            Fields; the first two that were varied if None.
        """
        check_metric("metric", metric)
        names = [rows or self.fields[0], columns or (self.fields[1] if len(self.fields) > 1 else "metric")]
        for name in names:
            if name not in (*self.fields, "metric"):
                raise ValueError(
                    f"rows and columns must be fields that were varied ({', '.join(self.fields)}), got {shown(name)}"
                )
        mine = self.frame[self.frame["metric"] == metric]
        means = mine.groupby(names, sort=False)["mean"].mean().unstack()
        order = {name: list(dict.fromkeys(mine[name])) for name in names}
        table: pd.DataFrame = means.loc[order[names[0]], order[names[1]]]
        return table

    def correlations(self, metric: str = "latency_p99_s") -> pd.DataFrame:
        """Return how a metric goes with each field that has numbers, over all runs, the strongest first.

        Returns
        -------
        DataFrame
            field, rank_correlation (Spearman's, -1..1: the sign tells the direction), beyond_chance (whether runs of a
            field without any effect would show as much in fewer than 5 of 100 cases), runs.
        """
        check_metric("metric", metric)
        rows = []
        for name in self.fields:
            values = pd.to_numeric(self.runs[name], errors="coerce")
            if values.notna().all():
                known = np.isfinite(self.runs[metric])
                rank = values[known].rank().corr(self.runs.loc[known, metric].rank())
                count = int(known.sum())
                rows.append((name, rank, bool(abs(rank) > 1.96 / np.sqrt(max(count - 1, 1))), count))
        frame = pd.DataFrame(rows, columns=["field", "rank_correlation", "beyond_chance", "runs"])
        return frame.sort_values("rank_correlation", key=abs, ascending=False, ignore_index=True)

    def __repr__(self) -> str:
        return "\n".join([self._title(), self._shown().to_string(index=False), *self._remarks()])

    def _repr_html_(self) -> str:
        remarks = "".join(f"<p>{html.escape(remark)}</p>" for remark in self._remarks())
        return f"<p><b>{html.escape(self._title())}</b></p>{self._shown().to_html(index=False, border=0)}{remarks}"

    def _shown(self) -> pd.DataFrame:
        told = self.settings(_SHOWN)
        texts = {name: [amount(name, value) for value in told[name]] for name in _SHOWN}
        return told.assign(**texts).rename(columns={"keeps_up": "keeps up"})

    def _title(self) -> str:
        count = self.runs.groupby("setting")["replication"].count().max()
        return f"{self.runs['setting'].nunique()} settings of {', '.join(self.fields)}, {count} replications each"

    def _by_setting(self) -> Iterator[tuple[Any, pd.DataFrame]]:
        yield from self.runs.groupby("setting", sort=False)

    def _remarks(self) -> list[str]:
        remarks = doubts(
            {", ".join(f"{name} = {own[name].iloc[0]}" for name in self.fields): own for _, own in self._by_setting()}
        )
        remarks += [f"refused: {row['note']}" for row in self.refused.to_dict("records")]
        remarks += [f"note: {row['note']}" for row in self.notes.drop_duplicates("note").to_dict("records")]
        if len(self.failures):
            first = self.failures.iloc[0]
            remarks.append(f"{len(self.failures)} runs failed, the first with seed {first['seed']}: {first['error']}")
        return remarks


@checked
def sweep(
    scenario: Scenario,
    vary: Mapping[str, Any],
    *,
    replications: int = 3,
    confidence: float = 0.95,
    rng: Seed = None,
    executor: ExecutorChoice = None,
    store: str | Path | None = None,
    progress: bool = True,
) -> Sweep:
    """Run every combination of some fields' values, all on the same writes.

    Parameters
    ----------
    scenario
        What is varied.
    vary
        Field -> its values. A field is named by its path, or by any end of it that no other field has
        ("batch_size", "function.memory_mb"); see `vary`.
    replications
        Of each setting, >= 1; all settings have the same writes and the same luck.
    confidence
        Of the intervals, in (0, 1).
    rng, executor, store, progress
        As in `replicate`.

    Returns
    -------
    Sweep
        `frame` is tidy, `table(metric)` a pivot of it; `ds.plots.heat_map` and `ds.plots.interaction` draw it.

    Raises
    ------
    ValueError
        If it is empty, a field unknown or ambiguous, or no setting makes a scenario.

    Examples
    --------
    >>> import ddbsim as ds
    >>> base = ds.Scenario(workload=ds.PoissonWrites(rate_per_s=20), duration_s=60, warmup_s=10)
    >>> swept = ds.sweep(base, {"batch_size": [1, 100]}, replications=1, rng=7, executor="serial", progress=False)
    >>> swept.settings("invocations")["invocations"].is_monotonic_decreasing
    True
    """
    scenario.check_mapped("sweep")
    return run_settings(
        scenario,
        grid(vary),
        replications=replications,
        confidence=confidence,
        rng=rng,
        runner=Runner(executor, store, progress=progress, what=f"{scenario.name}: sweep"),
    )


def run_settings(
    scenario: Scenario,
    settings: Sequence[Setting],
    *,
    replications: int,
    confidence: float,
    rng: Seed,
    runner: Runner,
) -> Sweep:
    """Run a list of settings."""
    confidence = check_confidence(confidence)
    check_replications("replications", replications)
    made = variants(scenario, settings)
    root = RandomStreams(rng).root
    usable = [(number, variant) for number, variant in enumerate(made) if variant.scenario is not None]
    scenarios = [variant.scenario for _, variant in usable if variant.scenario is not None]
    with runner:
        outcomes = run_grid(runner, scenarios, root, range(replications))
    labels = [{"setting": number, **_label(variant.setting)} for number, variant in usable]
    runs, failures = finished_and_failed(labels, root, outcomes)
    fields = tuple(settings[0])
    remarks = [
        {"setting": number, **_label(variant.setting), "note": variant.note, "refused": variant.scenario is None}
        for number, variant in enumerate(made)
        if variant.note
    ]
    remarked = pd.DataFrame(remarks, columns=["setting", *fields, "note", "refused"]).astype({"refused": "bool"})
    return Sweep(
        fields=fields,
        frame=_estimates(runs, fields, confidence),
        runs=runs,
        failures=failures,
        refused=remarked[remarked["refused"]].drop(columns="refused").reset_index(drop=True),
        notes=remarked[~remarked["refused"]].drop(columns="refused").reset_index(drop=True),
        confidence=confidence,
    )


def _label(setting: Setting) -> dict[str, Any]:
    return {name: as_cell(value) for name, value in setting.items()}


def _estimates(runs: pd.DataFrame, fields: Sequence[str], confidence: float) -> pd.DataFrame:
    metrics = [name for name in map(str, runs) if name.rsplit(".", 1)[-1] in METRICS and name not in fields]
    parts = []
    for which, own in runs.groupby("setting", sort=False):
        told = estimates_of(own[metrics], confidence)
        own_values = {"setting": which, **{name: own[name].iloc[0] for name in fields}}
        own_values["keeps_up"] = keeping_up_of(own["falls_behind"])
        for place, (name, value) in enumerate(own_values.items()):
            told.insert(place, name, value)
        parts.append(told)
    return pd.concat(parts, ignore_index=True)
