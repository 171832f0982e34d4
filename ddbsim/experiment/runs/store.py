"""Finished runs on disk: one small Parquet file each, whole or not at all, found again by what was run.

Each file holds a digest of its own values: what is damaged is done again, never read as other numbers.
"""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ddbsim.checks.bounds import local_path
from ddbsim.checks.wording import shown
from ddbsim.files.drafts import clear_stale_drafts, draft_beside, is_draft

from .fingerprint import contents_of, fingerprint
from .histogram import Histogram
from .measures import Measures

if TYPE_CHECKING:
    from .job import Job

__all__ = ["RunNotKeptWarning", "RunStore", "RunStoreError"]

_FORMAT = 2
_META = "store.json"
_DIGEST = "digest"
# a run measures some hundred numbers, a histogram and a series: nothing comes near
_MOST_FILE_BYTES = 16 * 2**20
_MOST_VALUES = 1_000_000


class RunStoreError(ValueError):
    """A folder is no store of this version's runs."""


class RunNotKeptWarning(UserWarning):
    """A finished run could not be kept in a store, or what was kept of one is damaged and the run is done again."""


class RunStore:
    """A folder of finished runs.

    The key of a run is the fingerprint of its scenario (its contents, not its title), the seed, and what was measured.
    The folder belongs to one version of ddbsim: another may simulate differently.

    Parameters
    ----------
    folder
        Made if it is not there.

    Raises
    ------
    RunStoreError
        If the folder cannot be made, is something else, or belongs to another version.
    """

    def __init__(self, folder: str | Path) -> None:
        if not isinstance(folder, str | os.PathLike):
            raise RunStoreError(f"store must be a folder, got {shown(folder)}")
        local_path("store", folder, kind=RunStoreError)
        self.folder = Path(folder)
        self._fingerprints: dict[int, tuple[Any, Any, str]] = {}
        if self.folder.exists() and not self.folder.is_dir():
            raise RunStoreError(f"store must be a folder, and {self.folder} is a file")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunStoreError(
                f"store must be a folder that can be made, and {self.folder} cannot ({error})"
            ) from None
        clear_stale_drafts(self.folder)
        # another process may make the store in this moment: what it leaves until then are drafts
        foreign = [path for path in self.folder.iterdir() if not is_draft(path)]
        if (self.folder / _META).exists():
            self._check_version()
        elif foreign:
            raise RunStoreError(
                f"store must be a new folder or one of earlier runs, and {self.folder} holds no {_META}"
            )
        else:
            self._make()

    def _make(self) -> None:
        try:
            _write_whole(self.folder / _META, json.dumps(_version()).encode())
        except OSError as error:
            raise RunStoreError(
                f"store must be a folder that can be written to, and {self.folder} cannot ({error})"
            ) from None

    def _check_version(self) -> None:
        try:
            found = json.loads((self.folder / _META).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise RunStoreError(
                f"{self.folder / _META} is damaged ({error}): delete the folder, or use another"
            ) from None
        if found != _version():
            told = ", ".join(f"{key} {value}" for key, value in found.items()) if isinstance(found, dict) else found
            here = ", ".join(f"{key} {value}" for key, value in _version().items())
            raise RunStoreError(
                f"{self.folder} holds runs of {told}, and this is {here}: runs of two versions are not mixed; "
                "use another folder, or delete this one"
            )

    def key(self, job: Job) -> str:
        """Return the name under which a run is kept."""
        known = self._fingerprints.get(id(job.scenario))
        if known is None:
            # the scenario is kept too: its id must not become another's
            contents = contents_of(job.scenario.workload)
            known = self._fingerprints[id(job.scenario)] = (job.scenario, contents, fingerprint(job.scenario))
        seed = "-".join(map(str, (job.seed.entropy, *job.seed.spawn_key)))
        measured = fingerprint(job.measure)[:8]
        return f"{known[2]}-{fingerprint(seed)[:16]}-{measured}"

    def _edited(self, job: Job) -> bool:
        known = self._fingerprints.get(id(job.scenario))
        return known is not None and contents_of(job.scenario.workload) != known[1]

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.parquet"

    def get(self, key: str) -> Measures | None:
        """Return what is kept of a run, or None; if that is damaged, None too, with a `RunNotKeptWarning`."""
        path = self._path(key)
        try:
            row = _row_of(path.read_bytes(), key)
            return Measures(
                metrics=dict(zip(row["names"], row["values"], strict=True)),
                latencies=Histogram(row["first"], np.array(row["counts"], dtype=np.int64)),
                series=np.array(row["series"], dtype=np.float64),
            )
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, IndexError, TypeError, OverflowError, MemoryError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            warnings.warn(f"{path} is damaged ({reason}): the run is done again", RunNotKeptWarning, stacklevel=2)
            return None

    def put(self, key: str, job: Job, measures: Measures) -> None:
        """Keep a finished run; not one whose trace was edited since its key was made, of which a warning tells.

        Raises
        ------
        OSError
            If it cannot be written, naming the file; nothing is left of it then.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        if self._edited(job):
            told = "a file that its workload reads was edited meanwhile: the run is not kept"
            warnings.warn(f"{job.scenario.name}: {told}", RunNotKeptWarning, stacklevel=2)
            return
        row = {
            "key": key,
            "scenario": job.scenario.name,
            "entropy": str(job.seed.entropy),
            "spawn_key": list(map(int, job.seed.spawn_key)),
            "names": list(measures.metrics),
            "values": list(map(float, measures.metrics.values())),
            "first": int(measures.latencies.first),
            "counts": measures.latencies.counts.tolist(),
            "series": measures.series.tolist(),
        }
        sink = pa.BufferOutputStream()
        pq.write_table(pa.Table.from_pylist([row | {_DIGEST: _digest(row)}]), sink, compression="zstd")
        _write_whole(self._path(key), sink.getvalue().to_pybytes())


def _row_of(content: bytes, key: str) -> dict[str, Any]:
    """Return the row of a run's file.

    Raises
    ------
    ValueError, KeyError, ...
        Whatever comes of contents that are not those written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if len(content) > _MOST_FILE_BYTES:
        raise ValueError(f"a run has at most {_MOST_FILE_BYTES:,} bytes, got {len(content):,}")
    file = pq.ParquetFile(pa.BufferReader(content))
    _check_size(file.metadata)
    row: dict[str, Any] = file.read().to_pylist()[0]
    if row.pop(_DIGEST) != _digest(row) or row["key"] != key:
        raise ValueError("its values are not those that were written")
    return row


def _check_size(metadata: Any) -> None:
    """Refuse what unpacks to more than any run has, before it is unpacked."""
    groups = [metadata.row_group(number) for number in range(min(metadata.num_row_groups, 2))]
    values = [group.column(place).num_values for group in groups for place in range(group.num_columns)]
    if metadata.num_rows != 1 or len(groups) != 1 or max(values, default=0) > _MOST_VALUES:
        raise ValueError(f"a run has one row of at most {_MOST_VALUES:,} values")


def _digest(row: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(row, sort_keys=True).encode()).hexdigest()


def _version() -> dict[str, Any]:
    from ddbsim.version import __version__

    return {"ddbsim": __version__, "format": _FORMAT}


def _write_whole(path: Path, content: bytes) -> None:
    """Write a file beside its place and move it there in one step: a killed process leaves no half of it."""
    draft = draft_beside(path)
    try:
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException as error:
        draft.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise OSError(error.errno, error.strerror, str(path)) from None
        raise
