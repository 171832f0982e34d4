"""Finished runs on disk: one small Parquet file each, whole or not at all, found again by what was run."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .fingerprint import fingerprint
from .histogram import Histogram
from .measures import Measures

if TYPE_CHECKING:
    from .runs import Job

__all__ = ["RunStore", "RunStoreError"]

_FORMAT = 1
_META = "store.json"


class RunStoreError(ValueError):
    """A folder is no store of this version's runs, or a file in it is damaged."""


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
            raise RunStoreError(f"store must be a folder, got {folder!r}")
        self.folder = Path(folder)
        self._fingerprints: dict[int, tuple[Any, str]] = {}
        if self.folder.exists() and not self.folder.is_dir():
            raise RunStoreError(f"store must be a folder, and {self.folder} is a file")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunStoreError(
                f"store must be a folder that can be made, and {self.folder} cannot ({error})"
            ) from None
        if (self.folder / _META).exists():
            self._check_version()
        elif any(self.folder.iterdir()):
            raise RunStoreError(
                f"store must be a new folder or one of earlier runs, and {self.folder} holds no {_META}"
            )
        else:
            _write_whole(self.folder / _META, json.dumps(_version()).encode())

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
            known = self._fingerprints[id(job.scenario)] = (job.scenario, fingerprint(job.scenario))
        seed = "-".join(map(str, (job.seed.entropy, *job.seed.spawn_key)))
        measured = fingerprint(job.measure)[:8]
        return f"{known[1]}-{fingerprint(seed)[:16]}-{measured}"

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.parquet"

    def get(self, key: str) -> Measures | None:
        """Return what is kept of a run, or None.

        Raises
        ------
        RunStoreError
            If its file is damaged.
        """
        path = self._path(key)
        if not path.exists():
            return None
        import pyarrow.parquet as pq

        try:
            row = pq.read_table(path, page_checksum_verification=True).to_pylist()[0]
            return Measures(
                metrics=dict(zip(row["names"], row["values"], strict=True)),
                latencies=Histogram(row["first"], np.array(row["counts"], dtype=np.int64)),
                series=np.array(row["series"], dtype=np.float64),
            )
        except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise RunStoreError(f"{path} is damaged ({reason}): delete it, and the run is done again") from None

    def put(self, key: str, job: Job, measures: Measures) -> None:
        """Keep a finished run."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        row = {
            "scenario": job.scenario.name,
            "entropy": str(job.seed.entropy),
            "spawn_key": list(map(int, job.seed.spawn_key)),
            "names": list(measures.metrics),
            "values": list(measures.metrics.values()),
            "first": measures.latencies.first,
            "counts": measures.latencies.counts.tolist(),
            "series": measures.series.tolist(),
        }
        sink = pa.BufferOutputStream()
        pq.write_table(pa.Table.from_pylist([row]), sink, compression="zstd", write_page_checksum=True)
        _write_whole(self._path(key), sink.getvalue().to_pybytes())


def _version() -> dict[str, Any]:
    from ddbsim import __version__

    return {"ddbsim": __version__, "format": _FORMAT}


def _write_whole(path: Path, content: bytes) -> None:
    """Write a file beside its place and move it there in one step: a killed process leaves no half of it."""
    draft = path.with_name(f".{path.name}-{os.getpid()}")
    with draft.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
