"""Frames as Parquet: what a file holds, and what it forgets (kinds of columns, categories of a frame without rows)."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from .columns import ParquetFileError, read_flat

__all__ = ["Kinds", "as_json", "from_json", "kinds_of", "packed", "unpacked"]

#: The dtype of each column by its name; of one of categories, the list of them.
Kinds: TypeAlias = Mapping[str, str | list[str]]

# what JSON has no word for: a map with one of these names only
_TAGS = _TUPLE, _SET, _MAP, _BYTES = "tuple", "set", "map", "bytes"


def kinds_of(frame: pd.DataFrame) -> dict[str, str | list[str]]:
    """Return the kinds of a frame's columns."""
    kinds = zip(frame.columns, frame.dtypes, strict=True)
    return {
        str(name): list(map(str, kind.categories)) if isinstance(kind, pd.CategoricalDtype) else str(kind)
        for name, kind in kinds
    }


def packed(frame: pd.DataFrame) -> bytes:
    """Return a frame as the content of a Parquet file; objects in it as JSON."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    texts = {str(name): [_json(value) for value in frame[name]] for name in frame if frame[name].dtype == object}
    # an empty list would be of no kind
    columns = {name: pd.Series(text, index=frame.index, dtype="str") for name, text in texts.items()}
    table = pa.Table.from_pandas(frame.assign(**columns), preserve_index=False)
    # times split by byte and ids as differences pack twice as well as the defaults, and write faster
    encodings = {
        field.name: "BYTE_STREAM_SPLIT" if pa.types.is_floating(field.type) else "DELTA_BINARY_PACKED"
        for field in table.schema
        if pa.types.is_floating(field.type) or pa.types.is_integer(field.type)
    }
    sink = pa.BufferOutputStream()
    pq.write_table(
        table,
        sink,
        compression="zstd",
        use_dictionary=[field.name for field in table.schema if field.name not in encodings],
        column_encoding=encodings,
        write_page_checksum=True,
    )
    content: bytes = sink.getvalue().to_pybytes()
    return content


def unpacked(content: bytes, kinds: Kinds, memory_limit_bytes: int) -> pd.DataFrame:
    """Return the frame that `packed` made a file of: its columns of these kinds, the others as Parquet has them.

    Raises
    ------
    ParquetFileError
        If the content is damaged, or needs more memory than the limit.
    """
    texts = [name for name, kind in kinds.items() if kind in ("str", "object")]
    frame = read_flat(content, texts=texts, memory_limit_bytes=memory_limit_bytes)
    try:
        return _of_kinds(frame, kinds)
    except (ValueError, TypeError, KeyError, RecursionError, OverflowError) as error:
        raise ParquetFileError(f"its columns are not of the kinds that were saved ({error})") from None


def _of_kinds(frame: pd.DataFrame, kinds: Kinds) -> pd.DataFrame:
    known = {name: kinds[str(name)] for name in frame if str(name) in kinds}
    for name in (name for name, kind in known.items() if kind == "object"):
        frame[name] = _objects(frame[name])
    # all at once: each call makes all columns anew
    return frame.astype(
        {
            name: pd.CategoricalDtype(pd.Index(kind, dtype="str")) if isinstance(kind, list) else kind
            for name, kind in known.items()
            if kind != "object"
        }
    )


def _objects(texts: pd.Series) -> pd.Series:
    # an empty column first: of tuples of one length pandas would make a table
    column = np.empty(len(texts), dtype=object)
    for row, text in enumerate(texts):
        column[row] = from_json(json.loads(text))
    return pd.Series(column, index=texts.index, dtype="object")


def _json(value: Any) -> str:
    return json.dumps(as_json(value))


def as_json(value: Any) -> Any:
    """Return a value as JSON can hold it and `from_json` has it back.

    What is no list, map, tuple, set, number or text comes back as a text that says what it was.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value.item() if isinstance(value, np.generic) else value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, list):
        return [as_json(one) for one in value]
    if isinstance(value, tuple | set | frozenset):
        return {_TUPLE if isinstance(value, tuple) else _SET: [as_json(one) for one in value]}
    if isinstance(value, bytes | bytearray):
        return {_BYTES: base64.b64encode(value).decode()}
    if not isinstance(value, dict):
        return repr(value)
    if all(isinstance(name, str) for name in value) and list(value) not in ([tag] for tag in _TAGS):
        return {name: as_json(one) for name, one in value.items()}
    return {_MAP: [[as_json(name), as_json(one)] for name, one in value.items()]}


def from_json(value: Any) -> Any:
    """Return what `as_json` was given."""
    if isinstance(value, list):
        return [from_json(one) for one in value]
    if not isinstance(value, dict):
        return value
    held: Any
    tag, held = next(iter(value.items())) if len(value) == 1 else ("", None)
    if tag == _TUPLE:
        return tuple(map(from_json, held))
    if tag == _SET:
        return set(map(from_json, held))
    if tag == _BYTES:
        return base64.b64decode(held)
    if tag == _MAP:
        return {from_json(name): from_json(one) for name, one in held}
    return {name: from_json(one) for name, one in value.items()}
