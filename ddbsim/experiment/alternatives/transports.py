"""The same writes by other ways than Lambda's trigger: what each costs, and what of its timing is known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ddbsim.analysis.bill import Bill, make_bill
from ddbsim.analysis.keeping_up import DOES_NOT, KEEPS_UP
from ddbsim.analysis.read_calls import read_calls
from ddbsim.analysis.stream_readers import read_lag_quantiles, reads_keeping_up
from ddbsim.aws import transports as facts
from ddbsim.checks.arguments import checked
from ddbsim.log import outcomes
from ddbsim.randomness import RandomStreams, Seed
from ddbsim.record.reads import ShardCalls, ShardRecords
from ddbsim.result.usage import billed_window_s, quantities
from ddbsim.run import draw_writes, run
from ddbsim.scenario import Scenario, StreamReader, ViewType
from ddbsim.scenario.checks import check_number
from ddbsim.scenario.stream_reader import ReaderKind
from ddbsim.system.stream.readers import follow

from .kinesis import kinesis_quantities
from .transport_comparison import TransportComparison
from .view_types import Functions, functions_of, served_by_all, whole

if TYPE_CHECKING:
    from ddbsim.aws.prices import PriceList
    from ddbsim.result.result import Result

__all__ = ["compare_transports"]

_POLLERS: dict[str, ReaderKind] = {"KCL adapter": "kcl", "Flink": "flink"}
# the same by every way, and left out
_OF_THE_TABLE = ("write_request_units", "write_capacity_unit_hours", "storage_gb_months")
_READS = "stream_read_request_units"
_SIMULATED = "simulated"
_READS_ONLY = "reads simulated; the workers' own time is not"
_AS_THE_TRIGGER = "not simulated: invocations are priced as the trigger makes them"


@dataclass(frozen=True, slots=True, eq=False)
class _Arrivals:
    """When the consumers had the records: shard_id (of any consumer), written_s, read_s (NaN: not by the end)."""

    log: pd.DataFrame
    warmup_s: float
    ended_s: float

    def falls_behind(self) -> bool:
        """Whether the consumers' backlog grows, all records since the start counted."""
        return reads_keeping_up(self.log, begin_s=self.warmup_s, ended_s=self.ended_s).verdict == DOES_NOT

    def quantiles_s(self, falls_behind: bool) -> list[float]:
        """Return the median and the 99th percentile of the delay."""
        log = self.log[self.log["written_s"] >= self.warmup_s]
        return read_lag_quantiles(log, (0.5, 0.99), ended_s=self.ended_s, falls_behind=falls_behind)


@dataclass(frozen=True, slots=True, eq=False)
class _Transport:
    """One transport: what it uses, which images it carries, and what is known of its timing."""

    name: str
    view_type: ViewType
    used: dict[str, float]
    timing: str
    arrivals: _Arrivals | None = None


@checked
def compare_transports(
    scenario: Scenario,
    *,
    rng: Seed = None,
    region: str | None = None,
    month_hours: float = 730.0,
    free_tier: bool = False,
    price_list: PriceList | None = None,
    machine_usd_per_month: float | None = None,
    progress: bool = True,
) -> TransportComparison:
    """Say which way from the table's changes to the consumers to choose: each priced on the same writes.

    - "Lambda trigger": the scenario as it is, simulated whole. Lambda's reads of the stream are free.
    - "KCL adapter", "Flink": own pollers, one per mapping, simulated as `StreamReader(kind="kcl")` and ``"flink"``
      are: on the records that the run made, shard by shard, idle shards included; with more than two on a shard their
      reads are refused at times. Their machines are priced if given.
    - "EventBridge Pipes": a pipe per mapping, which invokes the same function.
    - "Kinesis ...": change data capture into a Kinesis stream, on demand or provisioned (as many shards as the busiest
      minute needs), without or with enhanced fan-out, read by the same functions. It always carries both images.

    Where timing is not simulated, only the cost is told, and `timing` says so. Recommended is only what serves every
    function and keeps up; the bill of another is that of less work than there was, and is told as a lower bound.

    Parameters
    ----------
    scenario
        Its mappings are the consumers.
    rng
        Seed or generator.
    region, month_hours, free_tier, price_list
        As of `Result.bill`.
    machine_usd_per_month
        What the machines of all workers cost that read the stream by themselves (KCL adapter, Flink), USD >= 0; None:
        not known, so these ways are told as "from N USD + machines" and not ranked.
    progress
        Show a bar on simulated time for each run.

    Returns
    -------
    TransportComparison

    Raises
    ------
    ValueError
        If the machines' cost is no number >= 0.
    UnknownRegionError, MissingPriceError
        If a price that occurs is not held: nothing is priced at zero for want of one.
    KeyboardInterrupt
        After Ctrl-C: parts of runs are not compared.

    Examples
    --------
    >>> import ddbsim as ds
    >>> compared = compare_transports(ds.Scenario(workload=ds.PoissonWrites(rate_per_s=20), duration_s=60), rng=7)
    >>> compared.frame["transport"].head(3).tolist()
    ['Lambda trigger', 'KCL adapter', 'Flink']
    """
    if machine_usd_per_month is not None:
        check_number("machine_usd_per_month", machine_usd_per_month)
    streams = RandomStreams(rng)
    scenario.check_mapped("compare_transports")
    writes = draw_writes(scenario, streams)
    result = whole(run(scenario, writes, streams, progress=progress))
    ways = [*_on_the_stream(result, streams)]
    functions = {scenario.stream.view_type: functions_of(result)}
    if scenario.stream.view_type != "NEW_AND_OLD_IMAGES":
        stream = replace(scenario.stream, view_type="NEW_AND_OLD_IMAGES")
        result = whole(run(replace(scenario, stream=stream), writes, streams, progress=progress))
    ways += _on_kinesis(result)
    functions.setdefault("NEW_AND_OLD_IMAGES", functions_of(result))

    def bill(used: dict[str, float]) -> Bill:
        return make_bill(
            used,
            window_s=billed_window_s(result),
            region=region or scenario.region,
            month_hours=month_hours,
            free_tier=free_tier,
            price_list=price_list,
        )

    bills = {way.name: bill(way.used) for way in ways}
    # a bill of everything speaks of every price
    note = bill({component: 0.0 for way in ways for component in way.used}).note
    note = f"Without the table's writes and storage, which are the same. {note}"
    frame = _judged(_frame(ways, bills, scenario), ways, functions, machine_usd_per_month)
    return TransportComparison(frame, _costs(bills, machine_usd_per_month), bills, note)


def _judged(
    frame: pd.DataFrame,
    ways: list[_Transport],
    functions: dict[ViewType, Functions],
    machine_usd_per_month: float | None,
) -> pd.DataFrame:
    """Return the frame with what decides between the ways: machines, verdicts, images that do not come."""
    own = frame["transport"].isin(_POLLERS)
    machines = np.nan if machine_usd_per_month is None else machine_usd_per_month
    frame.insert(4, "machine_usd_per_month", np.where(own, machines, 0.0))
    frame["usd_per_month"] += frame["machine_usd_per_month"].fillna(0.0)
    whose = [functions[way.view_type] for way in ways]
    # the workers' own time is not simulated, only their reads are
    frame["verdict"] = frame["verdict"].where(own, [one.verdict for one in whose])
    frame.insert(3, "processed_share", np.where(own, np.nan, [one.processed_share for one in whose]))
    return frame.assign(without_image=[one.without_image for one in whose])


def _on_the_stream(result: Result, streams: RandomStreams) -> Iterator[_Transport]:
    """Yield the ways that read the table's stream."""
    view_type, own = result.scenario.stream.view_type, _without_table(quantities(result))
    yield _Transport("Lambda trigger", view_type, own, _SIMULATED, _received(result))
    read_backs = {key: amount for key, amount in own.items() if key.removeprefix("standard_ia_").startswith("read_")}
    for name, kind in _POLLERS.items():
        calls, arrivals = _polled(result, streams, name, kind)
        yield _Transport(name, view_type, read_backs | {_READS: calls}, _READS_ONLY, arrivals)
    used = own | {_READS: _reads_of_pipes(result), "pipes_requests": _requests_of_pipes(result)}
    yield _Transport("EventBridge Pipes", view_type, used, _AS_THE_TRIGGER)


def _on_kinesis(result: Result) -> Iterator[_Transport]:
    """Yield change data capture into the forms of a Kinesis stream; `result` has both images, as its records do."""
    functions = _without_table(quantities(result))
    del functions[_READS]
    for name, used in kinesis_quantities(result):
        yield _Transport(name, "NEW_AND_OLD_IMAGES", used | functions, _AS_THE_TRIGGER)


def _without_table(used: dict[str, float]) -> dict[str, float]:
    return {component: amount for component, amount in used.items() if not _is_of_the_table(component)}


def _is_of_the_table(component: str) -> bool:
    # what a part is for follows a slash
    return component.partition("/")[0].endswith(_OF_THE_TABLE)


def _received(result: Result) -> _Arrivals:
    """Return when the functions had the records; those that no function was to have are left out."""
    log = result.stream_log
    log = log[log["received_s"].notna() | (log["outcome"] == "waiting")]
    shards = len(log["shard_id"].cat.categories)
    shard = log["event_source_mapping"].cat.codes.astype(np.int64) * shards + log["shard_id"].cat.codes
    read = pd.DataFrame({"shard_id": shard, "written_s": log["written_s"], "read_s": log["received_s"]})
    return _Arrivals(read, result.scenario.warmup_s, result.ended_s)


def _polled(result: Result, streams: RandomStreams, name: str, kind: ReaderKind) -> tuple[float, _Arrivals]:
    """Return the calls of a reader per mapping, all shards together, and when each record was read."""
    scenario = result.scenario
    shards = _shards(result)
    made: list[ShardCalls] = []
    for mapping in scenario.mappings:
        reader = StreamReader(name=f"transport/{name}/{mapping.label}", kind=kind)
        made += follow(scenario, reader, shards, streams, result.ended_s)
    parts = [one.by_minute() for one in made]
    columns = {column: np.concatenate([part[column] for part in parts]) for column in ("minute_s", "calls")}
    calls = read_calls(pd.DataFrame(columns), scenario.warmup_s, result.ended_s)
    log = pd.DataFrame(
        {
            "shard_id": np.repeat(np.arange(len(made)), [len(one.shard.written_s) for one in made]),
            "written_s": np.concatenate([one.shard.written_s for one in made]),
            "read_s": np.concatenate([one.read_s() for one in made]),
        }
    )
    return calls, _Arrivals(log, scenario.warmup_s, result.ended_s)


def _shards(result: Result) -> Sequence[ShardRecords]:
    """Return the shards of a run as its frames tell them."""
    log, shards = result.records(), result.shards
    code = log["shard_id"].cat.codes.to_numpy()
    rows = np.split(np.argsort(code, kind="stable"), np.cumsum(np.bincount(code, minlength=len(shards)))[:-1])
    columns = {name: log[name].to_numpy() for name in ("written_s", "visible_s", "size_bytes")}
    parents: list[Any] = shards["parent_shard_id"].cat.codes.tolist()
    opened_s, closed_s = shards["opened_s"].tolist(), shards["closed_s"].fillna(np.inf).tolist()
    return [
        ShardRecords(number, parents[number], opened_s[number], closed_s[number], *(c[row] for c in columns.values()))
        for number, row in enumerate(rows)
    ]


def _reads_of_pipes(result: Result) -> float:
    """Return the reads of pipes that poll each open shard as Lambda does; Lambda's alone are free."""
    opened_s = result.shards["opened_s"].clip(lower=result.scenario.warmup_s)
    open_s = (result.shards["closed_s"].fillna(result.ended_s).clip(upper=result.ended_s) - opened_s).clip(lower=0.0)
    return sum(float(open_s.sum()) / mapping.poller.interval_s for mapping in result.scenario.mappings)


def _requests_of_pipes(result: Result) -> float:
    """Return what pipes are metered by: each batch, not its retries, in steps of 64 KB."""
    sent = result.invocations
    sent = sent[(sent["started_s"] >= result.scenario.warmup_s) & (sent["attempt"] == 1)]
    sent = sent[outcomes.ran(sent)]
    return float(np.ceil(sent["payload_bytes"].to_numpy() / facts.PIPES_REQUEST_BYTES.value).sum())


def _frame(ways: list[_Transport], bills: dict[str, Bill], scenario: Scenario) -> pd.DataFrame:
    rows = []
    for way in ways:
        falls_behind = way.arrivals is not None and way.arrivals.falls_behind()
        p50_s, p99_s = (np.nan, np.nan) if way.arrivals is None else way.arrivals.quantiles_s(falls_behind)
        rows.append(
            {
                "transport": way.name,
                "served": served_by_all(scenario, way.view_type),
                "verdict": DOES_NOT if falls_behind else KEEPS_UP,
                "usd_per_month": bills[way.name].usd_per_month,
                "delay_p50_s": p50_s,
                "delay_p99_s": p99_s,
                "timing": way.timing + ("; it falls behind" if falls_behind else ""),
            }
        )
    return pd.DataFrame(rows)


def _costs(bills: dict[str, Bill], machine_usd_per_month: float | None) -> pd.DataFrame:
    stacked = pd.concat({name: bill.frame for name, bill in bills.items()}, names=["transport"])
    costs = stacked.reset_index(level="transport").reset_index(drop=True).drop(columns="quantity_per_month")
    if not machine_usd_per_month:
        return costs
    machines = costs.head(len(_POLLERS)).assign(
        transport=list(_POLLERS),
        component="machines",
        label="Machines of the workers",
        quantity=1.0,
        unit="month",
        unit_price_usd=machine_usd_per_month,
        usd=np.nan,
        usd_per_month=float(machine_usd_per_month),
        price_status="given",
        source="",
    )
    machines["price_date"] = pd.NaT
    return pd.concat([costs, machines.astype(costs.dtypes)], ignore_index=True)
