"""Scenarios as TOML: a table per configuration, a `type` where a field may hold one of several."""

from __future__ import annotations

import inspect
import json
import os
import tomllib
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields, is_dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import tomli_w

from ddbsim import distributions, workload

from .billing import AutoScaling, BillingSwitch, HeatSplits, OnDemand, Provisioned
from .destination import Destination
from .expiry import TimeToLive
from .function import ColdStart, Duration, Failures, Function, Outage
from .indexes import GlobalSecondaryIndex
from .mapping import Backoff, EventSourceMapping, Poller, Suspension, traps_told
from .read_back import ReadBack
from .splits import Split
from .stream_reader import StreamReader
from .table import Stream, Table
from .writer import Retries, Writer

__all__ = ["ScenarioFileError", "dump", "load"]


class ScenarioFileError(ValueError):
    """A scenario file cannot be read; the message names the file, the table and the field."""


# fields that can hold only one class need no `type`
_CLASS_OF_FIELD: dict[str, type] = {
    "table": Table,
    "splits": Split,
    "auto_scaling": AutoScaling,
    "billing_switches": BillingSwitch,
    "global_secondary_indexes": GlobalSecondaryIndex,
    "heat_splits": HeatSplits,
    "time_to_live": TimeToLive,
    "writer": Writer,
    "retries": Retries,
    "stream": Stream,
    "event_source_mappings": EventSourceMapping,
    "function": Function,
    "duration": Duration,
    "failures": Failures,
    "outages": Outage,
    "cold_start": ColdStart,
    "on_failure": Destination,
    "suspensions": Suspension,
    "stream_readers": StreamReader,
    "retry_backoff": Backoff,
    "poller": Poller,
    "read_back": ReadBack,
    "operations": workload.OperationMix,
}


def _public_classes(module: Any) -> Iterator[type]:
    for name in module.__all__:
        value = getattr(module, name)
        # a base class makes nothing, and columns of writes are arrays: a file names them by a path
        usable = isinstance(value, type) and is_dataclass(value) and not inspect.isabstract(value)
        if usable and value is not workload.WriteColumns:
            yield value


_CLASS_OF_TYPE: dict[str, type] = {
    cls.__name__: cls for module in (distributions, workload) for cls in _public_classes(module)
} | {cls.__name__: cls for cls in (Provisioned, OnDemand)}


def dump(
    scenario: Any,
    *,
    defaults: bool,
    writes_file: str | None = None,
    items_file: str | None = None,
    folder: Path | None = None,
) -> str:
    """Return a scenario as TOML text.

    Parameters
    ----------
    scenario, defaults
        What, and whether with the fields that are at their default.
    writes_file, items_file
        What is no text is left to these files: the columns of a `ReplayWrites` (Parquet), the rows of an `ItemWrites`
        (a JSON array a line). Handlers are then left out; without the files they, too, are refused.
    folder
        Where the text will stand: a trace's relative path is made to start there, as `load` reads it.
    """
    given = None
    if writes_file is not None and isinstance(scenario.workload, workload.ReplayWrites):
        given = {"type": "ReplayWrites", "columns": writes_file, "key_bytes": scenario.workload.key_bytes}
    elif items_file is not None and isinstance(scenario.workload, workload.ItemWrites):
        given = {"type": "ItemWrites", "writes": items_file, "key": list(scenario.workload.key)}
    with traps_told():
        table = _as_table(scenario if writes_file is None else _without_code(scenario), defaults, given)
    table.pop("type")
    trace = table["workload"].get("trace")
    if folder is not None and isinstance(trace, str) and not os.path.isabs(trace):
        path = os.path.relpath(os.path.realpath(trace), os.path.realpath(folder))
        table["workload"]["trace"] = Path(path).as_posix()
    return tomli_w.dumps(table)


def _without_code(scenario: Any) -> Any:
    """Return the scenario without its handlers; a duration that was measured has no law."""
    mappings = [
        replace(one, function=replace(one.function, handler=None, state=None, duration=one.function.law))
        for one in scenario.mappings
    ]
    return replace(scenario, event_source_mappings=mappings)


def _as_table(config: Any, defaults: bool, given: dict[str, Any] | None = None) -> dict[str, Any]:
    values = {
        field.name: getattr(config, field.name)
        for field in fields(config)
        if field.init and getattr(config, field.name) is not None
    }
    return {"type": type(config).__name__} | {
        name: given if given and name == "workload" else _as_toml(value, name, defaults)
        for name, value in values.items()
        if defaults or value != _default_of(config, name)
    }


def _as_toml(value: Any, name: str, defaults: bool) -> Any:
    if is_dataclass(value) and not isinstance(value, workload.WriteColumns):
        table = _as_table(value, defaults)
        if type(value) is _CLASS_OF_FIELD.get(name):
            table.pop("type")
        return table
    if isinstance(value, tuple | list):
        return [_as_toml(item, name, defaults) for item in value]
    if isinstance(value, bool | int | float | str):
        return value
    raise ValueError(f"{name} cannot be written to TOML: it holds {type(value).__name__}, not text or numbers")


def _default_of(config: Any, name: str) -> Any:
    field = next(field for field in fields(config) if field.name == name)
    if field.default_factory is not MISSING:
        return field.default_factory()
    return field.default


def load(source: str | Path, scenario_class: type) -> Any:
    """Return the scenario that a TOML file or text describes; a file's relative paths start in its folder."""
    inline = isinstance(source, str) and "\n" in source
    where = "scenario text" if inline else str(source)
    try:
        text = str(source) if inline else Path(source).read_text(encoding="utf-8")
        table = tomllib.loads(text)
    except OSError as error:
        raise ScenarioFileError(f"{where}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise ScenarioFileError(f"{where}: cannot be read (it is not UTF-8)") from None
    except tomllib.TOMLDecodeError as error:
        raise ScenarioFileError(f"{where}: is not TOML ({error})") from None
    if not inline:
        _anchor_path(table, "trace", Path(source).parent)
        _anchor_path(table, "columns", Path(source).parent)
        _anchor_path(table, "writes", Path(source).parent)
    return _as_config(table, scenario_class, where)


def _anchor_path(table: dict[str, Any], field: str, folder: Path) -> None:
    """Take a workload's relative path from the scenario file's folder."""
    writes = table.get("workload")
    path = writes.get(field) if isinstance(writes, dict) else None
    if isinstance(path, str) and not Path(path).is_absolute():
        writes[field] = str(folder / path)  # type: ignore[index]


def _recorded_writes(path: str) -> Any:
    """Return the writes that a saved result holds, as columns of `ReplayWrites`."""
    import pandas as pd

    try:
        writes = pd.read_parquet(path)
        if "requested_s" in writes:
            # what clients asked for, in that order; expired items are the table's own doing
            asked = writes[writes["kind"].astype(str) != "ttl"] if "kind" in writes else writes
            return asked.sort_values("requested_s", kind="stable").rename(columns={"requested_s": "at_s"})
        return writes.rename(columns={"written_s": "at_s"})
    except (OSError, ValueError) as error:
        raise ValueError(
            f"ReplayWrites: columns must name a Parquet file of writes, {path} cannot be read ({error})"
        ) from None


def _recorded_items(path: str) -> list[Any]:
    """Return the rows that a saved result holds, as `ItemWrites` takes them."""
    try:
        return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError) as error:
        raise ValueError(
            f"ItemWrites: writes must name a file with a JSON row a line, {path} cannot be read ({error})"
        ) from None


def _as_config(table: dict[str, Any], cls: type, where: str) -> Any:
    known: dict[str, Field[Any]] = {field.name: field for field in fields(cls) if field.init}
    unknown = sorted(set(table) - set(known))
    if unknown:
        raise ScenarioFileError(f"{where}: unknown field {unknown[0]!r} of {cls.__name__}; allowed: {', '.join(known)}")
    missing = [
        name
        for name, field in known.items()
        if name not in table and field.default is MISSING and field.default_factory is MISSING
    ]
    if missing:
        raise ScenarioFileError(f"{where}: {cls.__name__} needs the field {missing[0]!r}")
    values = {name: _from_toml(value, name, f"{where}: {name}") for name, value in table.items()}
    try:
        if cls is workload.ReplayWrites and isinstance(values["columns"], str):
            values["columns"] = _recorded_writes(values["columns"])
        if cls is workload.ItemWrites and isinstance(values["writes"], str):
            values["writes"] = _recorded_items(values["writes"])
        return cls(**values)
    except ScenarioFileError:
        raise
    except (TypeError, ValueError) as error:
        raise ScenarioFileError(f"{where}: {error}") from error


def _from_toml(value: Any, name: str, where: str) -> Any:
    if isinstance(value, list):
        return tuple(_from_toml(item, name, f"{where}[{index}]") for index, item in enumerate(value))
    if isinstance(value, date):
        # TOML has dates of its own, and datetime is a date
        return value.isoformat()
    if not isinstance(value, dict):
        return value
    return _as_config(*_class_of(value, name, where), where)


def _class_of(table: dict[str, Any], name: str, where: str) -> tuple[dict[str, Any], type]:
    named = table.get("type")
    if named is None and name in _CLASS_OF_FIELD:
        return table, _CLASS_OF_FIELD[name]
    if not isinstance(named, str) or named not in _CLASS_OF_TYPE:
        raise ScenarioFileError(f"{where}: type must be one of {', '.join(sorted(_CLASS_OF_TYPE))}, got {named!r}")
    return {key: value for key, value in table.items() if key != "type"}, _CLASS_OF_TYPE[named]
