"""Reads the text files that a user names: local ones, of a bounded size, and JSON of a bounded depth."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

from .bounds import MOST_FILE_BYTES, local_path
from .wording import brief

__all__ = ["json_in", "text_in"]


def text_in(path: str | os.PathLike[str], what: str, kind: type[ValueError]) -> str:
    """Return the text of a file.

    Parameters
    ----------
    path
        A local file; nothing is fetched, and what is no regular file (a pipe, a device) is not waited for.
    what
        What it should be, for the error: "a trace".
    kind
        The error to raise, one sentence that repeats nothing of the file.
    """
    where = local_path(what, path, kind=kind)
    rule = f"{shown_path(where)}: {what} must be a readable UTF-8 text file"
    try:
        found = os.stat(where)
        if not stat.S_ISREG(found.st_mode):
            raise kind(f"{rule}, got: not a file")
        if found.st_size > MOST_FILE_BYTES:
            raise kind(f"{rule} of at most {MOST_FILE_BYTES / 2**20:,.0f} MiB, got {found.st_size / 2**20:,.0f} MiB")
        return Path(where).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise kind(f"{rule}, got: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise kind(f"{rule}, got: it is not UTF-8") from error


def json_in(text: str, where: str, kind: type[ValueError]) -> Any:
    """Return what a JSON text says; raise `kind`, naming the place, for what is no JSON or cannot be held."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise kind(f"{where}, line {error.lineno}: the file must be JSON, got: {error.msg}") from error
    except RecursionError:
        raise kind(f"{where}: the JSON is nested too deep to be read") from None
    except ValueError:
        raise kind(f"{where}: the JSON has a number of too many digits") from None


def shown_path(path: str | os.PathLike[str]) -> str:
    """Return a path for an error, its middle left out where it is long."""
    return brief(os.fspath(path), 200)
