"""Scenarios as TOML: a table per configuration, a `type` where a field may hold one of several."""

from __future__ import annotations

import inspect
import json
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import tomli_w

from ddbsim import distributions, workload
from ddbsim.checks.bounds import local_path
from ddbsim.files.columns import read_flat

from .billing import AutoScaling, BillingSwitch, HeatSplits, OnDemand, Provisioned
from .destination import Destination
from .expiry import TimeToLive
from .function import ColdStart, Duration, Failures, Function, Outage
from .indexes import GlobalSecondaryIndex
from .mapping import Backoff, EventSourceMapping, Poller, Suspension, without_setting_warnings
from .read_back import ReadBack
from .splits import Split
from .stream_reader import StreamReader
from .table import Stream, Table
from .writer import Retries, Writer

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ScenarioFileError", "dump", "load", "shortened", "writes_frame"]


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
    "throttle_backoff": Backoff,
    "poller": Poller,
    "read_back": ReadBack,
    "operations": workload.OperationMix,
}
# tables of words, and no configuration
_WORDS_BY_NAME = {"needs"}


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


_KNOWN = frozenset((*_CLASS_OF_FIELD.values(), *_CLASS_OF_TYPE.values()))
# far beyond what anybody writes, and read in no time
_MOST_SCENARIO_BYTES = 64 * 2**20
# what `simulate` reckons with for a record
_WRITE_BYTES = 250
_MOST_SHOWN = 1000
# of a recorded write: what every one has, and what further columns of `WriteColumns` are called in the file
_COLUMNS = ("at_s", "item_id", "operation", "bytes_before", "bytes_after")
_FURTHER = ("key_bytes", "kind_code", "request", "client", "think_s")


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
        What is no text is left to these files, wherever the workload has it: the columns of a `ReplayWrites` (Parquet),
        the rows of an `ItemWrites` (a JSON array a line). Handlers are then left out; without the files they, too, are
        refused.
    folder
        Where the text will stand: a trace's relative path is made to start there, as `load` reads it.
    """
    files: dict[type, str | None] = {workload.ReplayWrites: writes_file, workload.ItemWrites: items_file}
    with without_setting_warnings():
        table = _as_table(scenario if writes_file is None else _without_code(scenario), defaults, files)
    table.pop("type")
    for writes in _workloads(table):
        trace = writes.get("trace")
        if folder is not None and isinstance(trace, str) and not os.path.isabs(trace):
            path = os.path.relpath(os.path.realpath(trace), os.path.realpath(folder))
            writes["trace"] = Path(path).as_posix()
    return tomli_w.dumps(table)


def _workloads(table: Any) -> Iterator[dict[str, Any]]:
    """Yield the table of the workload, and of the one inside it."""
    while isinstance(table, dict) and isinstance(table := table.get("workload"), dict):
        yield table


def _without_code(scenario: Any) -> Any:
    """Return the scenario without its handlers; a duration that was measured has no law."""
    mappings = [
        replace(one, function=replace(one.function, handler=None, state=None, duration=one.function.law))
        for one in scenario.mappings
    ]
    return replace(scenario, event_source_mappings=mappings)


def _as_table(config: Any, defaults: bool, files: Mapping[type, str | None]) -> dict[str, Any]:
    kind, file = {"type": type(config).__name__}, files.get(type(config))
    if file is not None and isinstance(config, workload.ReplayWrites):
        return kind | {"columns": file, "key_bytes": config.key_bytes}
    if file is not None and isinstance(config, workload.ItemWrites):
        return kind | {"writes": file, "key": list(config.key)}
    values = {
        field.name: getattr(config, field.name)
        for field in fields(config)
        if field.init and getattr(config, field.name) is not None
    }
    return kind | {
        name: _as_toml(value, name, defaults, files)
        for name, value in values.items()
        if defaults or value != _default_of(config, name)
    }


def _as_toml(value: Any, name: str, defaults: bool, files: Mapping[type, str | None]) -> Any:
    if is_dataclass(value) and not isinstance(value, workload.WriteColumns):
        if type(value) not in _KNOWN:
            kind = type(value).__name__
            raise ValueError(f"{name} cannot be written to TOML: it holds {kind}, which is no class of ddbsim's own")
        table = _as_table(value, defaults, files)
        if type(value) is _CLASS_OF_FIELD.get(name):
            table.pop("type")
        return table
    if isinstance(value, dict) and name in _WORDS_BY_NAME:
        return dict(value)
    if isinstance(value, tuple | list):
        return [_as_toml(item, name, defaults, files) for item in value]
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
    where = "scenario text" if inline else local_path("scenario", source, kind=ScenarioFileError)
    try:
        table = _parsed(str(source) if inline else _text_of(Path(source), where), where)
        if not inline:
            for writes in _workloads(table):
                _anchor_paths(writes, Path(source).parent)
        return _as_config(table, scenario_class, where)
    except (RecursionError, OverflowError) as error:
        reason = "is nested too deeply" if isinstance(error, RecursionError) else f"holds a number too large ({error})"
        raise ScenarioFileError(f"{where}: {reason}") from None


def _text_of(path: Path, where: str) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_SCENARIO_BYTES + 1)
        if len(content) > _MOST_SCENARIO_BYTES:
            raise ScenarioFileError(f"{where}: a scenario must have at most {_MOST_SCENARIO_BYTES:,} bytes, got more")
        # editors of Windows put a mark of byte order before the text
        return content.decode("utf-8-sig")
    except OSError as error:
        raise ScenarioFileError(f"{where}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise ScenarioFileError(f"{where}: cannot be read (it is not UTF-8)") from None


def _parsed(text: str, where: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text.removeprefix("\ufeff"))
    except ValueError as error:  # besides what is no TOML, a number of thousands of digits
        raise ScenarioFileError(f"{where}: is not TOML ({shortened(error)})") from None


def shortened(error: object) -> str:
    """Return a message at a length that one reads: what was given may be a million characters long."""
    text = str(error)
    return text if len(text) <= _MOST_SHOWN else f"{text[: _MOST_SHOWN // 2]} ... {text[-_MOST_SHOWN // 2 :]}"


def _anchor_paths(writes: dict[str, Any], folder: Path) -> None:
    """Take a workload's relative paths from the scenario file's folder."""
    for field in ("trace", "columns", "writes"):
        path = writes.get(field)
        if isinstance(path, str) and not Path(path).is_absolute():
            writes[field] = str(folder / path)


def _recorded_writes(path: str) -> Any:
    """Return the writes in a Parquet file, of a saved result or of one's own, as columns of `ReplayWrites`."""
    wanted = (*_COLUMNS, *_FURTHER, "requested_s", "written_s", "kind")
    try:
        writes = read_flat(_local_file(path), columns=wanted, texts=("operation", "kind"), row_bytes=_WRITE_BYTES)
        if "requested_s" in writes:
            # what clients asked for, in that order; expired items are the table's own doing
            asked = writes[writes["kind"] != "ttl"] if "kind" in writes else writes
            return asked.sort_values("requested_s", kind="stable").rename(columns={"requested_s": "at_s"})
        return writes.rename(columns={"written_s": "at_s"})
    except (OSError, ValueError) as error:
        raise ValueError(
            f"ReplayWrites: columns must name a Parquet file of writes, {path} cannot be read ({shortened(error)})"
        ) from None


def _local_file(path: str) -> Path:
    """Return the path of a plain file: no address is fetched, and no device read without end."""
    file = Path(path)
    if not file.is_file():
        raise ValueError("it is no file" if file.exists() else "there is no such file")
    return file


def _replayed(values: dict[str, Any]) -> Any:
    """Return a `ReplayWrites`, with all columns that `writes_frame` kept."""
    frame = values["columns"]
    if "key_bytes" in frame:
        # by which each row is checked: the smallest of theirs
        values = values | {"key_bytes": max(1, int(frame["key_bytes"].min()))}
    made = workload.ReplayWrites(**values)
    further = {name.removesuffix("_code"): frame[name].to_numpy() for name in _FURTHER if name in frame}
    if not further:
        return made
    columns = cast("workload.WriteColumns", made.columns)
    return workload.ReplayWrites(columns=columns.take(slice(None), **further))


def writes_frame(writes: workload.WriteColumns) -> pd.DataFrame:
    """Return all columns of writes as a frame that a Parquet file can hold and `load` reads back equal."""
    import pandas as pd

    columns = {name: getattr(writes, name) for name in _COLUMNS}
    further = {name: getattr(writes, name.removesuffix("_code")) for name in _FURTHER}
    return pd.DataFrame(columns | {name: one for name, one in further.items() if isinstance(one, np.ndarray)})


def _recorded_items(path: str) -> list[Any]:
    """Return the rows that a saved result holds, as `ItemWrites` takes them."""
    try:
        text = _local_file(path).read_text(encoding="utf-8-sig")
        return [json.loads(line) for line in text.split("\n") if line.strip()]
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(
            f"ItemWrites: writes must name a file with a JSON row a line, {path} cannot be read ({shortened(error)})"
        ) from None


def _as_config(table: dict[str, Any], cls: type, where: str) -> Any:
    known: dict[str, Field[Any]] = {field.name: field for field in fields(cls) if field.init}
    unknown = sorted(set(table) - set(known))
    if unknown:
        told = f"unknown field {shortened(repr(unknown[0]))} of {cls.__name__}"
        raise ScenarioFileError(f"{where}: {told}; allowed: {', '.join(known)}")
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
            return _replayed(values | {"columns": _recorded_writes(values["columns"])})
        if cls is workload.ItemWrites and isinstance(values["writes"], str):
            values["writes"] = _recorded_items(values["writes"])
        return cls(**values)
    except ScenarioFileError:
        raise
    except (TypeError, ValueError) as error:
        raise ScenarioFileError(f"{where}: {shortened(error)}") from error
    except (OverflowError, RecursionError) as error:
        told = "holds a number too large" if isinstance(error, OverflowError) else "is nested too deeply"
        raise ScenarioFileError(f"{where}: {cls.__name__} {told} ({shortened(error)})") from None


def _from_toml(value: Any, name: str, where: str) -> Any:
    if isinstance(value, list):
        return tuple(_from_toml(item, name, f"{where}[{index}]") for index, item in enumerate(value))
    if isinstance(value, date):
        # TOML has dates of its own, and datetime is a date
        return value.isoformat()
    if not isinstance(value, dict) or name in _WORDS_BY_NAME:
        return value
    return _as_config(*_class_of(value, name, where), where)


def _class_of(table: dict[str, Any], name: str, where: str) -> tuple[dict[str, Any], type]:
    named = table.get("type")
    if named is None and name in _CLASS_OF_FIELD:
        return table, _CLASS_OF_FIELD[name]
    if not isinstance(named, str) or named not in _CLASS_OF_TYPE:
        raise ScenarioFileError(
            f"{where}: type must be one of {', '.join(sorted(_CLASS_OF_TYPE))}, got {shortened(repr(named))}"
        )
    return {key: value for key, value in table.items() if key != "type"}, _CLASS_OF_TYPE[named]
