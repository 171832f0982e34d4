"""What is written beside its place and moved there in one step: no half of it ever stands under its name.

A process that is killed leaves its draft behind. The name of a draft says whose it is, so that the next one who writes
there can clear away what nobody will finish.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import socket
import time
from pathlib import Path

__all__ = ["clear_stale_drafts", "draft_beside", "is_draft"]

# hidden, and no longer than most names may be, whatever the name of what is written
_NAME = re.compile(r"\.ddbsim-draft-(?P<host>.*)-(?P<pid>\d+)-[0-9a-f]{8}")
# what the store of the first format left
_FIRST_NAME = re.compile(r"\.(store\.json|[0-9a-f-]+\.parquet)-(?P<pid>\d+)")
# of a process on another machine nobody here knows whether it still writes, and numbers of processes come again
_SURELY_LEFT_S = 86_400.0


def draft_beside(target: Path) -> Path:
    """Return a new path in the folder of `target`, for this process to write what is then moved there."""
    return target.parent / f".ddbsim-draft-{_host()}-{os.getpid()}-{secrets.token_hex(4)}"


def is_draft(path: Path) -> bool:
    """Return whether a path is a draft, by its name."""
    return bool(_NAME.fullmatch(path.name) or _FIRST_NAME.fullmatch(path.name))


def clear_stale_drafts(folder: Path) -> None:
    """Delete the drafts in a folder whose process has ended.

    All others go when they are a day old. What cannot be deleted stays.
    """
    for path in folder.iterdir():
        if is_draft(path) and _is_stale(path):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                _unlink(path)


def _unlink(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:
        # another's, in a folder that is shared: it harms nobody
        return


def _is_stale(path: Path) -> bool:
    known = _NAME.fullmatch(path.name)
    pid = int((known or _FIRST_NAME.fullmatch(path.name))["pid"])  # type: ignore[index]
    here = known is None or known["host"] == _host()
    if here and os.name == "posix" and not _runs(pid):
        return True
    try:
        return time.time() - path.stat().st_mtime > _SURELY_LEFT_S
    except OSError:
        # finished, or cleared away by another in this moment
        return False


def _host() -> str:
    return re.sub(r"[^\w.]", "_", socket.gethostname())[:64]


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        # another user's
        return True
    return True
