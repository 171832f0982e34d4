"""A result saved as a folder: complete or not at all, each file with its digest."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pandas as pd

from ddbsim.checks.bounds import MOST_PATH_CHARACTERS
from ddbsim.checks.wording import shown
from ddbsim.files.drafts import clear_stale_drafts, draft_beside
from ddbsim.files.frames import as_json, kinds_of, packed
from ddbsim.items import Change
from ddbsim.scenario import toml
from ddbsim.workload import ItemWrites, ReplayWrites, Workload

from .handler_report import HandlerReport
from .kept import Answer
from .run import FRAMES, Run

__all__ = [
    "CHANGES",
    "CHANGE_COLUMNS",
    "DIGEST",
    "EVENTS",
    "FORMAT",
    "IMAGES",
    "ITEMS",
    "META",
    "REPORT",
    "SCENARIO",
    "WRITES",
    "ResultFolderError",
    "check_folder",
    "digest_of",
    "write_result",
]

#: What a saved result consists of: its format, and the names of its files and of what stands in the note.
FORMAT = 2

META = "result.json"
SCENARIO = "scenario.toml"
ITEMS = "items.jsonl"
WRITES = "given_writes.parquet"
EVENTS = "events"
CHANGES = "changes"
REPORT = "handler_report"
DIGEST = "sha256"
CHANGE_COLUMNS = tuple(field.name for field in fields(Change))
IMAGES = {"keys": "keys_json", "old_image": "old_json", "new_image": "new_json"}


class ResultFolderError(ValueError):
    """A folder is no saved result, or is damaged; the message names the file."""


def write_result(result: Run, folder: str | Path) -> None:
    """Save a result in a new folder; see `Result.to_parquet`."""
    target = check_folder(folder)
    above = target.absolute().parent
    above.mkdir(parents=True, exist_ok=True)
    clear_stale_drafts(above)
    # written beside its place, then moved there in one step: no half-written result under that name
    draft = draft_beside(target.absolute())
    draft.mkdir()
    try:
        meta = _meta(result)
        for name, content in _contents(result, meta, target):
            _put(content, draft / name, target / name)
            meta["files"][name] = {"bytes": len(content), DIGEST: hashlib.sha256(content).hexdigest()}
        meta[DIGEST] = digest_of(meta)
        _put(json.dumps(meta, indent=1).encode(), draft / META, target / META)
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
    if "\0" in str(folder) or len(str(folder)) > MOST_PATH_CHARACTERS:
        limit = f"no name has a null character, or more than {MOST_PATH_CHARACTERS} characters with those above"
        raise OSError(f"{shown(str(folder))} must be the name of a folder, and {limit}")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise FileExistsError(f"{target} must not exist or be an empty folder: results are never overwritten")
    above = next(parent for parent in target.absolute().parents if parent.exists())
    draft = draft_beside(above / target.name)
    try:
        # whoever is asked may say yes (root is let into /proc): trying tells
        draft.mkdir()
        draft.rmdir()
    except OSError:
        raise OSError(f"{target} must be in a folder that can be written to, and {above} cannot") from None
    return target


def _put(content: bytes, path: Path, shown: Path) -> None:
    try:
        _write(content, path)
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, str(shown)) from None


def _write(content: bytes, path: Path) -> None:
    path.write_bytes(content)


def _meta(result: Run) -> dict[str, Any]:
    from ddbsim.version import __version__

    return {
        "format": FORMAT,
        "ddbsim": __version__,
        "seed": result.seed,
        "ended_s": result.ended_s,
        "partial": result.partial,
        "simpy_events": result.simpy_events,
        "categories": {},
        "kinds": {},
        "refusals": {},
        REPORT: {},
        "files": {},
    }


def _contents(result: Run, meta: dict[str, Any], target: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the files by name; what they forget, and what a question is refused with, goes into `meta`."""
    for name, frame in _frames(result, meta):
        kinds = kinds_of(frame)
        if name in FRAMES:
            # the schema has the rest
            meta["categories"][name] = {column: kind for column, kind in kinds.items() if isinstance(kind, list)}
        else:
            meta["kinds"][name] = kinds
        yield f"{name}.parquet", packed(frame)
    scenario = toml.dump(result.scenario, defaults=True, writes_file=WRITES, items_file=ITEMS, folder=target)
    yield SCENARIO, scenario.encode()
    workload = _innermost(result.scenario.workload)
    if isinstance(workload, ItemWrites):
        yield ITEMS, "\n".join(json.dumps(row) for row in workload.rows()).encode()
    if isinstance(workload, ReplayWrites):
        yield WRITES, packed(toml.writes_frame(workload.columns))  # type: ignore[arg-type]


def _innermost(workload: Workload) -> Workload:
    while hasattr(workload, "workload"):
        workload = workload.workload
    return workload


def _frames(result: Run, meta: dict[str, Any]) -> Iterator[tuple[str, pd.DataFrame]]:
    for name in FRAMES:
        yield name, result.frame(name)
    story = Answer.to(lambda: result.events)
    if story.refusal is None:
        yield EVENTS, story.given()
    else:
        meta["refusals"][EVENTS] = story.refusal
    if result.changes is not None:
        yield CHANGES, _changes_frame(result.changes)
    report = Answer.to(result.handler_report)
    if report.refusal is None:
        for field in fields(HandlerReport):
            value = getattr(report.given(), field.name)
            if isinstance(value, pd.DataFrame):
                yield f"{REPORT}.{field.name}", value
            else:
                meta[REPORT][field.name] = _told(value)
    else:
        meta["refusals"][REPORT] = report.refusal


def _told(value: Any) -> Any:
    try:
        return as_json(value)
    except RecursionError:
        return repr(value)


def _changes_frame(changes: tuple[Change, ...]) -> pd.DataFrame:
    columns = [name for name in CHANGE_COLUMNS if name not in IMAGES]
    frame = pd.DataFrame({name: [getattr(change, name) for change in changes] for name in columns})
    numbers = ("item_id", "key_bytes", "bytes_before", "bytes_after")
    return frame.astype({name: "int64" if name in numbers else "str" for name in columns})


def digest_of(meta: dict[str, Any]) -> str:
    """Return the digest of what stands in the note, itself aside."""
    content = {name: value for name, value in meta.items() if name != DIGEST}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
