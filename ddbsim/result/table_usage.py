"""What a run used of the table, in the units that AWS bills: writes, indexes, what is read back, storage."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from ddbsim.analysis.storage import average_stored_bytes
from ddbsim.scenario import Billing, GlobalSecondaryIndex, Provisioned, Table

if TYPE_CHECKING:
    from .run import Run

__all__ = ["table_quantities"]

Used: TypeAlias = Iterator[tuple[str, float]]
Floats = npt.NDArray[np.float64]

_BYTES_PER_GB = 2.0**30
_HOUR_S = 3_600.0


def table_quantities(result: Run) -> Used:
    """Yield component and quantity of the table after the warm-up, at the prices of its class.

    On demand each unit is billed, provisioned each second's capacity, used or not. A table without a billing mode is
    billed on demand. Where a provisioned table states no read capacity, what is read back from it is billed as capacity
    used to the full, the least that it costs.
    """
    table = result.scenario.table
    infrequent = "standard_ia_" if table.table_class == "STANDARD_INFREQUENT_ACCESS" else ""
    for component, amount in _parts(result, table):
        yield infrequent + component, amount


def _parts(result: Run, table: Table) -> Used:
    yield from _writes(result, table)
    for index in table.indexes:
        yield from _index_writes(result, table, index)
    yield from _reads(result, table)
    stored = average_stored_bytes(result.writes, result.scenario.warmup_s, result.ended_s)
    yield "storage_gb_months", stored / _BYTES_PER_GB + table.other_items_gb


def _writes(result: Run, table: Table) -> Used:
    """Yield the table's own writes; a global table's are billed in every region."""
    modes, regions = _Modes.of_table(table), 1 + table.replicas
    kind = "replicated_write" if table.replicas else "write"
    if modes.has(provisioned=False):
        at_s, units = (result.writes[name].to_numpy() for name in ("written_s", "write_units"))
        yield f"{kind}_request_units", modes.on_demand(at_s, units, result) * regions
    if modes.has(provisioned=True):
        seconds, capacity = (result.table_load[name].to_numpy() for name in ("at_s", "capacity_units"))
        yield f"{kind}_capacity_unit_hours", modes.provisioned_hours(seconds, capacity, result) * regions


def _index_writes(result: Run, table: Table, index: GlobalSecondaryIndex) -> Used:
    """Yield the writes of an index, or its capacity."""
    modes = _Modes(table.modes_of(index))
    load = result.index_load[result.index_load["index"] == index.name]
    seconds = load["at_s"].to_numpy()
    if modes.has(provisioned=False):
        yield f"write_request_units/{index.name}", modes.on_demand(seconds, load["write_units"].to_numpy(), result)
    if modes.has(provisioned=True):
        capacity = np.full(len(seconds), modes.units_at_start)
        for change in result.scaling[result.scaling["resource"] == index.name].to_dict("records"):
            capacity[seconds >= change["effective_s"]] = change["units_after"]
        yield f"write_capacity_unit_hours/{index.name}", modes.provisioned_hours(seconds, capacity, result)


def _reads(result: Run, table: Table) -> Used:
    modes = _Modes.of_table(table)
    reads_back = any(mapping.function.needs != "keys" for mapping in result.scenario.mappings)
    at_s, units = (result.read_backs[name].to_numpy() for name in ("started_s", "read_units"))
    if reads_back and modes.has(provisioned=False):
        yield "read_request_units", modes.on_demand(at_s, units, result)
    if modes.states_reads or (reads_back and modes.has(provisioned=True)):
        seconds = result.table_load["at_s"].to_numpy()
        stated = modes.provisioned_hours(seconds, np.nan_to_num(modes.read_capacity(seconds)), result)
        unstated = modes.provisioned(at_s) & np.isnan(modes.read_capacity(at_s)) & _is_billed(at_s, result)
        yield "read_capacity_unit_hours", stated + float(units[unstated].sum()) / _HOUR_S


class _Modes:
    """Which billing mode holds when."""

    def __init__(self, begins: Sequence[tuple[float, Billing | None]]) -> None:
        first = begins[0][1]
        self.units_at_start = math.nan if first is None else float(first.write_units_at_start)
        self._begins_s = np.array([at_s for at_s, _ in begins])
        self._is_provisioned = np.array([isinstance(billing, Provisioned) for _, billing in begins])
        stated = [billing.read_capacity_units if isinstance(billing, Provisioned) else None for _, billing in begins]
        self._read_capacity = np.array([np.nan if units is None else units for units in stated], dtype=np.float64)

    @classmethod
    def of_table(cls, table: Table) -> _Modes:
        """Return the table's modes, one without limits if it has none."""
        return cls(table.modes or [(0.0, None)])

    @property
    def states_reads(self) -> bool:
        """Whether a provisioned mode states its read capacity."""
        return not np.isnan(self._read_capacity).all()

    def read_capacity(self, at_s: Floats) -> Floats:
        """Return the stated read capacity at some instants; NaN where none is."""
        return np.asarray(self._read_capacity[self._mode(at_s)])

    def has(self, *, provisioned: bool) -> bool:
        return bool((self._is_provisioned == provisioned).any())

    def on_demand(self, at_s: Floats, units: npt.NDArray[np.number], result: Run) -> float:
        """Return the sum of the units that were used on demand, in the billed window."""
        return float(units[_is_billed(at_s, result) & ~self.provisioned(at_s)].sum())

    def provisioned_hours(self, seconds: Floats, capacity: Floats, result: Run) -> float:
        """Return the capacity of provisioned seconds times their billed length, in unit-hours."""
        ends = np.minimum(seconds + 1.0, result.ended_s)
        length_s = np.clip(ends - np.maximum(seconds, result.scenario.warmup_s), 0.0, None)
        held = np.where(self.provisioned(seconds), capacity, 0.0)
        return float((held * length_s).sum()) / _HOUR_S

    def provisioned(self, at_s: Floats) -> npt.NDArray[np.bool_]:
        """Return whether the mode is provisioned at some instants."""
        return np.asarray(self._is_provisioned[self._mode(at_s)])

    def _mode(self, at_s: Floats) -> npt.NDArray[np.intp]:
        # what never happened (NaN) sorts last, and is billed nowhere
        return np.searchsorted(self._begins_s, at_s, side="right") - 1


def _is_billed(at_s: Floats, result: Run) -> npt.NDArray[np.bool_]:
    return np.asarray((at_s >= result.scenario.warmup_s) & (at_s < result.ended_s))
