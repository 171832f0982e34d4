"""Results on disk: a folder of Parquet files and the scenario, complete or not at all, and never read as another.

``result.json`` has the size and the SHA-256 of each file, and its own beside its contents: a file that is not the one
that was saved is named, whatever became of it.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ddbsim.checks.arguments import checked
from ddbsim.checks.bounds import local_path
from ddbsim.files.columns import MOST_FRAME_BYTES, ParquetFileError
from ddbsim.files.frames import Kinds, from_json, unpacked
from ddbsim.items import Change
from ddbsim.log.schema import SCHEMA, empty
from ddbsim.scenario import Scenario, ScenarioFileError, toml

from .handler_report import HandlerReport
from .kept import Answer
from .result import FRAMES, Result
from .saving import (
    CHANGES,
    DIGEST,
    EVENTS,
    FORMAT,
    IMAGES,
    ITEMS,
    META,
    REPORT,
    SCENARIO,
    WRITES,
    ResultFolderError,
    digest_of,
)

__all__ = ["read_result"]

# the first one had no digests, events, items of records or report
_FIRST_FORMAT = 1
# frames that the first format has not
_LATER = ("waiting_parts", "read_log")
_MOST_META_BYTES = 64 * 2**20


@checked
def read_result(folder: str | Path, *, memory_limit_bytes: int = MOST_FRAME_BYTES) -> Result:
    """Read a result that `Result.to_parquet` saved; frames are loaded when asked for.

    Parameters
    ----------
    folder
        The folder.
    memory_limit_bytes
        Refuse a frame that needs more, before it is unpacked.

    Returns
    -------
    Result
        It answers as the saved one did; handlers are not saved, and its functions have none.

    Raises
    ------
    ResultFolderError
        If the folder is no saved result of a format that this version reads, or a file is missing, damaged or not the
        one that was saved. Frames are judged when they are loaded.
    """
    local_path("read_result: folder", folder, kind=ResultFolderError)
    saved = _Saved(Path(folder), memory_limit_bytes)
    meta = saved.meta
    return Result(saved.scenario(), meta["seed"], meta["ended_s"], meta["simpy_events"], saved)


class _Saved:
    """A folder with a saved result: where a result that was read takes its frames and answers.

    Parameters
    ----------
    folder, memory_limit_bytes
        As in `read_result`.
    """

    def __init__(self, folder: Path, memory_limit_bytes: int) -> None:
        self._folder = folder
        self._limit = memory_limit_bytes
        self.meta = _read_meta(folder)
        for name in self._files():
            self._check_size(name)

    def _files(self) -> list[str]:
        if self.meta["format"] == _FIRST_FORMAT:
            return [*(f"{frame}.parquet" for frame in FRAMES if frame not in _LATER), SCENARIO]
        return list(self.meta["files"])

    def _check_size(self, name: str) -> None:
        path = self._folder / name
        if not path.is_file():
            raise ResultFolderError(f"{self._folder}: the file {name} is missing")
        if self.meta["format"] == FORMAT and path.stat().st_size != self.meta["files"][name]["bytes"]:
            size, saved = path.stat().st_size, self.meta["files"][name]["bytes"]
            raise ResultFolderError(f"{self._folder}: {name} is damaged (it has {size:,} bytes, saved were {saved:,})")

    def _content(self, name: str) -> bytes:
        """Return the content of a file, if it is the one that was saved."""
        self._check_size(name)
        try:
            content = (self._folder / name).read_bytes()
        except OSError as error:
            raise ResultFolderError(f"{self._folder}: {name} cannot be read ({error.strerror})") from None
        if self.meta["format"] == FORMAT:
            digest = hashlib.sha256(content).hexdigest()
            if digest != self.meta["files"][name][DIGEST]:
                raise ResultFolderError(f"{self._folder}: {name} is damaged (its contents are not those saved)")
        return content

    def scenario(self) -> Scenario:
        """Return the scenario, without handlers."""
        # what the scenario names is read with it: a damaged file must be named by its own name
        for name in (SCENARIO, ITEMS, WRITES):
            if name in self.meta["files"]:
                self._content(name)
        try:
            return Scenario.from_toml(self._folder / SCENARIO)
        except ScenarioFileError as error:
            raise ResultFolderError(f"{self._folder}: {self._read_by(error)} is damaged ({error})") from None

    def _read_by(self, error: ScenarioFileError) -> str:
        """Return the file that an error is about: the first format has no digests to say so beforehand."""
        if self.meta["format"] == _FIRST_FORMAT and "ItemWrites: writes" in str(error):
            return ITEMS
        if self.meta["format"] == _FIRST_FORMAT and "ReplayWrites: columns" in str(error):
            return "writes.parquet"
        return SCENARIO

    def __call__(self, name: str) -> pd.DataFrame:
        """Return a frame."""
        schema = {column.name: column.dtype for column in SCHEMA[name]}
        if self.meta["format"] == _FIRST_FORMAT and name in _LATER:
            return empty(name)
        frame = self._frame(name, schema | self.meta["categories"].get(name, {}))
        return _as_today(frame, name, f"{self._folder}: {name}.parquet")

    def _frame(self, name: str, kinds: Kinds) -> pd.DataFrame:
        content = self._content(f"{name}.parquet")
        try:
            return unpacked(content, kinds, self._limit)
        except ParquetFileError as error:
            raise ResultFolderError(f"{self._folder}: {name}.parquet is damaged ({error})") from None

    def _answer(self, name: str) -> pd.DataFrame:
        """Return a frame that is none of the schema's, whose columns the note has."""
        kinds = self.meta["kinds"].get(name)
        if not isinstance(kinds, dict):
            raise ResultFolderError(f"{self._folder}: {META} is damaged, it has no columns of {name}")
        frame = self._frame(name, kinds)
        if list(frame) != list(kinds):
            told = f"must have the columns {', '.join(kinds)}, and has {', '.join(map(str, frame)) or 'none'}"
            raise ResultFolderError(f"{self._folder}: {name}.parquet {told}")
        return frame

    def events(self) -> pd.DataFrame:
        """Return the story."""
        self._check_kept(EVENTS)
        return self._answer(EVENTS)

    def _check_kept(self, question: str) -> None:
        """Raise what the question was refused with when the result was saved."""
        if self.meta["format"] == _FIRST_FORMAT:
            raise ValueError(
                f"{self._folder} was saved by an earlier version of ddbsim, which did not keep {question}: "
                "simulate the scenario once more to have them"
            )
        refusal = self.meta["refusals"].get(question)
        if refusal is not None:
            kind, told = refusal
            answer: Answer[Any] = Answer(refusal=(str(kind), str(told)))
            answer.given()

    def changes(self) -> tuple[Change, ...] | None:
        """Return what each write that the table took did to its item; None without real items."""
        if f"{CHANGES}.parquet" not in self.meta["files"]:
            return None
        frame = self._answer(CHANGES)
        try:
            return tuple(_change(row) for row in frame.to_dict("records"))
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise ResultFolderError(f"{self._folder}: {CHANGES}.parquet is damaged ({error})") from None

    def of_handlers(self) -> dict[str, Any]:
        """Return what the handlers met, as it was told when the result was saved."""
        self._check_kept(REPORT)
        told = {name: from_json(value) for name, value in self.meta[REPORT].items()}
        names = [field.name for field in fields(HandlerReport) if field.name not in told]
        frames: dict[str, Any] = {name: self._answer(f"{REPORT}.{name}") for name in names}
        return told | frames


def _change(row: dict[Any, Any]) -> Change:
    texts = {name: row[name] if isinstance(row[name], str) else "" for name in IMAGES.values()}
    images = {name: json.loads(texts[text]) if texts[text] else None for name, text in IMAGES.items()}
    event_name = row["event_name"] if isinstance(row["event_name"], str) else None
    return Change(**{**row, **texts, **images, "event_name": event_name})


def _read_meta(source: Path) -> dict[str, Any]:
    try:
        with (source / META).open("rb") as file:
            meta = json.loads(file.read(_MOST_META_BYTES).decode())
    except (OSError, ValueError, RecursionError) as error:
        raise ResultFolderError(f"{source} is not a saved result: {META} cannot be read ({error})") from None
    if not isinstance(meta, dict) or meta.get("format") not in (FORMAT, _FIRST_FORMAT):
        found = meta.get("format") if isinstance(meta, dict) else meta
        raise ResultFolderError(
            f"{source} is not a saved result of a format that this version reads: in {META} format must be "
            f"{_FIRST_FORMAT} or {FORMAT}, got {toml.shortened(repr(found))}"
        )
    _check_meta(source, meta)
    return meta


def _check_meta(source: Path, meta: dict[str, Any]) -> None:
    first = meta["format"] == _FIRST_FORMAT
    needed: dict[str, Any] = {"seed": str, "ended_s": float | int, "simpy_events": int, "categories": dict}
    if not first:
        needed |= {"kinds": dict, "refusals": dict, REPORT: dict, "files": dict, DIGEST: str}
    for name, kind in needed.items():
        if name not in meta:
            raise ResultFolderError(f"{source}: {META} is damaged, it has no {name}")
        if not isinstance(meta[name], kind):
            raise ResultFolderError(f"{source}: {META} is damaged, its {name} is {toml.shortened(repr(meta[name]))}")
    if not first and meta[DIGEST] != digest_of(meta):
        raise ResultFolderError(f"{source}: {META} is damaged (its contents are not those saved)")
    if first:
        meta["files"] = {}
    _check_categories(source, meta["categories"])
    if not math.isfinite(meta["ended_s"]):
        raise ResultFolderError(f"{source}: {META} is damaged, its ended_s is {meta['ended_s']}")


def _check_categories(source: Path, categories: dict[str, Any]) -> None:
    for frame, columns in categories.items():
        wanted = {column.name for column in SCHEMA.get(frame, ()) if column.dtype == "category"}
        fits = isinstance(columns, dict) and all(
            name in wanted and isinstance(names, list) and len(set(map(str, names))) == len(names)
            for name, names in columns.items()
        )
        if not fits:
            raise ResultFolderError(f"{source}: {META} is damaged, in the categories of {frame}")


def _as_today(frame: pd.DataFrame, name: str, where: str) -> pd.DataFrame:
    """Return a frame with the columns of today; what an earlier version did not know, it does not say.

    Raises
    ------
    ResultFolderError
        If it has columns that no version had, or lacks numbers that cannot be missing.
    """
    wanted = {column.name: column.dtype for column in SCHEMA[name]}
    frame = frame.rename(columns=_RENAMED)
    if list(frame) == list(wanted):
        return frame
    unknown = [column for column in frame if column not in wanted]
    lacking = [column for column, kind in wanted.items() if column not in frame and kind not in _MAY_LACK]
    if unknown or lacking:
        found = ", ".join(map(str, frame)) or "none"
        raise ResultFolderError(f"{where} must have the columns {', '.join(wanted)}, and has {found}")
    for column, kind in wanted.items():
        if column not in frame:
            frame[column] = pd.Series(_MAY_LACK[kind], index=frame.index, dtype=kind)
    return frame[list(wanted)]


# by earlier versions
_RENAMED = {"behind_s": "queue_wait_s"}
_MAY_LACK: dict[str, Any] = {"float64": np.nan, "category": np.nan, "str": None, "object": None}
