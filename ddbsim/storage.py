"""Results on disk: a folder of Parquet files and the scenario, complete or not at all."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from .log.columns import SCHEMA
from .result import FRAMES, Result
from .scenario import Scenario, ScenarioFileError, toml
from .workload import ItemWrites

__all__ = ["ResultFolderError", "check_folder", "read_result", "write_result"]

_FORMAT = 1
_META = "result.json"
_SCENARIO = "scenario.toml"
_ITEMS = "items.jsonl"


class ResultFolderError(ValueError):
    """A folder is no saved result, or is damaged."""


def write_result(result: Result, folder: str | Path, extras: Mapping[str, bytes] | None = None) -> None:
    """Save a result in a new folder; see `Result.to_parquet`.

    Parameters
    ----------
    result, folder
        What, and where.
    extras
        Further files, by name.
    """
    target = check_folder(folder)
    scenario = toml.dump(result.scenario, defaults=True, writes_file="writes.parquet", items_file=_ITEMS, folder=target)
    target.parent.mkdir(parents=True, exist_ok=True)
    # written beside its place, then moved there in one step: no half-written result under that name
    draft = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        for name in FRAMES:
            _write(result.frame(name), draft / f"{name}.parquet")
        (draft / _SCENARIO).write_text(scenario, encoding="utf-8")
        (draft / _META).write_text(json.dumps(_meta(result), indent=2), encoding="utf-8")
        if isinstance(result.scenario.workload, ItemWrites):
            lines = (json.dumps(row) for row in result.scenario.workload.rows())
            (draft / _ITEMS).write_text("\n".join(lines), encoding="utf-8")
        for name, content in (extras or {}).items():
            (draft / name).write_bytes(content)
        draft.chmod(0o755)
        draft.replace(target)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def check_folder(folder: str | Path) -> Path:
    """Return the folder as a path.

    Raises
    ------
    FileExistsError
        If something is in its place.
    OSError
        If nothing can be written there: better told before a long run than after it.
    """
    target = Path(folder)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise FileExistsError(f"{target} must not exist or be an empty folder: results are never overwritten")
    above = next(parent for parent in target.absolute().parents if parent.exists())
    if not above.is_dir() or not os.access(above, os.W_OK):
        raise OSError(f"{target} must be in a folder that can be written to, and {above} cannot")
    return target


def _meta(result: Result) -> dict[str, Any]:
    from . import __version__

    return {
        "format": _FORMAT,
        "ddbsim": __version__,
        "seed": result.seed,
        "ended_s": result.ended_s,
        "partial": result.partial,
        "simpy_events": result.simpy_events,
        "categories": {name: _categories(result.frame(name)) for name in FRAMES},
    }


def _categories(frame: pd.DataFrame) -> dict[str, list[str]]:
    """Return the categories of each column that has some: Parquet forgets those of a frame without rows."""
    kinds = zip(frame.columns, frame.dtypes, strict=True)
    return {name: list(kind.categories) for name, kind in kinds if isinstance(kind, pd.CategoricalDtype)}


def _write(frame: pd.DataFrame, path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    # documents and the like, which are no type of Parquet's
    texts = {str(name): frame[name].map(json.dumps) for name in frame if frame[name].dtype == object}
    table = pa.Table.from_pandas(frame.assign(**texts), preserve_index=False)
    # times split by byte and ids as differences pack twice as well as the defaults, and write faster
    encodings = {
        field.name: "BYTE_STREAM_SPLIT" if pa.types.is_floating(field.type) else "DELTA_BINARY_PACKED"
        for field in table.schema
        if pa.types.is_floating(field.type) or pa.types.is_integer(field.type)
    }
    dictionaries = [field.name for field in table.schema if field.name not in encodings]
    pq.write_table(
        table,
        path,
        compression="zstd",
        use_dictionary=dictionaries,
        column_encoding=encodings,
        write_page_checksum=True,  # a flipped bit is told, not read as data
    )


def read_result(folder: str | Path) -> Result:
    """Read a result that `Result.to_parquet` saved; frames are loaded when asked for.

    Parameters
    ----------
    folder
        The folder.

    Returns
    -------
    Result
        Its frames equal the saved ones; handlers are not saved, and its functions have none.

    Raises
    ------
    ResultFolderError
        If the folder is no saved result of a format that this version reads, or a file is missing or damaged.
    """
    source = Path(folder)
    meta = _read_meta(source)
    missing = [name for name in (*(f"{frame}.parquet" for frame in FRAMES), _SCENARIO) if not (source / name).exists()]
    if missing:
        raise ResultFolderError(f"{source}: the file {missing[0]} is missing")
    try:
        scenario = Scenario.from_toml(source / _SCENARIO)
    except ScenarioFileError as error:
        raise ResultFolderError(f"{source}: {_SCENARIO} is damaged ({error})") from None

    def build(name: str) -> pd.DataFrame:
        return _read(source, name, meta["categories"].get(name, {}))

    return Result(scenario, meta["seed"], meta["ended_s"], meta["simpy_events"], build)


def _read_meta(source: Path) -> dict[str, Any]:
    try:
        meta = json.loads((source / _META).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ResultFolderError(f"{source} is not a saved result: {_META} cannot be read ({error})") from None
    if not isinstance(meta, dict) or meta.get("format") != _FORMAT:
        found = meta.get("format") if isinstance(meta, dict) else meta
        raise ResultFolderError(f"{source}: format must be {_FORMAT}, got {found!r}")
    absent = [name for name in ("seed", "ended_s", "simpy_events", "categories") if name not in meta]
    if absent:
        raise ResultFolderError(f"{source}: {_META} is damaged, it has no {absent[0]}")
    return meta


def _read(source: Path, name: str, categories: dict[str, list[str]]) -> pd.DataFrame:
    try:
        frame = pd.read_parquet(source / f"{name}.parquet", page_checksum_verification=True)
    except (OSError, ValueError) as error:
        # Arrow's errors may have several lines
        reason = str(error).splitlines()[0]
        raise ResultFolderError(f"{source}: {name}.parquet is damaged ({reason})") from None
    wanted = [column.name for column in SCHEMA[name]]
    if list(frame) != wanted:
        found = ", ".join(map(str, frame)) or "none"
        raise ResultFolderError(f"{source}: {name}.parquet must have the columns {', '.join(wanted)}, and has {found}")
    for column in (column.name for column in SCHEMA[name] if column.dtype == "object"):
        frame[column] = pd.Series([json.loads(text) for text in frame[column]], dtype="object", index=frame.index)
    kinds = {column: pd.CategoricalDtype(pd.Index(names, dtype="str")) for column, names in categories.items()}
    return frame.astype(kinds)
