"""Parquet files from anywhere: a local file, flat columns, and no more rows than memory has room for.

A few megabytes of Parquet may unpack to hundreds of gigabytes. What a file says of itself is summed up before anything
is unpacked, and texts are never spread over the rows before their lengths are.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["MOST_FRAME_BYTES", "ParquetFileError", "read_flat"]

#: What the columns of a file may take in memory, as `simulate` allows a run by default.
MOST_FRAME_BYTES = 8 * 2**30


class ParquetFileError(ValueError):
    """A file is no Parquet file of flat columns, is damaged, or unpacks to more than the limit."""


def read_flat(
    source: Path | bytes,
    *,
    columns: Sequence[str] | None = None,
    texts: Sequence[str] = (),
    row_bytes: int = 0,
    memory_limit_bytes: int = MOST_FRAME_BYTES,
) -> pd.DataFrame:
    """Return columns of a Parquet file: numbers as they are, texts as categories.

    Parameters
    ----------
    source
        A local file, or its content.
    columns
        Which, those that are there; all if None.
    texts
        Columns of texts to return spread over the rows, not as categories.
    row_bytes
        What a row needs in memory at least, for what is made of it later.
    memory_limit_bytes
        Refuse what needs more.

    Raises
    ------
    ParquetFileError
        In one sentence; also for what Arrow has no room for.
    OSError
        If the file cannot be opened.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    stream: Any = pa.BufferReader(source) if isinstance(source, bytes) else source.open("rb")
    with stream:
        try:
            file = pq.ParquetFile(stream, page_checksum_verification=True)
            wanted = _flat(file.schema_arrow, columns)
            _check_rows(file.metadata, max(row_bytes, 8 * len(wanted)), memory_limit_bytes)
            kept = [field.name for field in wanted if _is_text(field.type)]
            stream.seek(0)
            file = pq.ParquetFile(stream, page_checksum_verification=True, read_dictionary=kept)
            table = file.read([field.name for field in wanted]).replace_schema_metadata(None)
            _check_texts(table, texts, memory_limit_bytes)
            frame: pd.DataFrame = table.to_pandas()
        except ParquetFileError:
            raise
        # a damaged file makes Arrow raise nearly anything, of several lines, when it unpacks what is none
        except (pa.ArrowException, OSError, ValueError, TypeError, KeyError, OverflowError, MemoryError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise ParquetFileError(reason) from None
    spread = [name for name in texts if name in frame and isinstance(frame[name].dtype, pd.CategoricalDtype)]
    return frame.astype(dict.fromkeys(spread, "str"))


def _flat(schema: Any, columns: Sequence[str] | None) -> list[Any]:
    """Return the wanted fields; refuse lists, structures and names that come twice."""
    import pyarrow as pa

    wanted = [field for field in schema if columns is None or field.name in columns]
    names = [field.name for field in wanted]
    if len(set(names)) < len(names):
        raise ParquetFileError("two of its columns have one name")
    for field in wanted:
        if pa.types.is_nested(field.type):
            raise ParquetFileError(f"column {field.name} must hold numbers or texts, got {field.type}")
    return wanted


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _check_rows(metadata: Any, row_bytes: int, limit: int) -> None:
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    rows = sum(
        max([group.num_rows, *(group.column(place).num_values for place in range(group.num_columns))])
        for group in groups
    )
    unpacked = sum(max(group.total_byte_size, 0) for group in groups)
    rows = max(rows, metadata.num_rows)
    needed = max(rows * row_bytes, unpacked)
    if needed > limit:
        raise ParquetFileError(
            f"its {rows:,} rows need {needed / 2**30:,.1f} GiB of memory, and the limit is {limit / 2**30:,.1f} GiB"
        )


def _check_texts(table: Any, texts: Sequence[str], limit: int) -> None:
    """Refuse texts that are few in the file and many in the rows."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for name in texts:
        if name not in table.column_names or not pa.types.is_dictionary(table[name].type):
            continue
        needed = 0
        for chunk in table[name].chunks:
            lengths = pc.binary_length(chunk.dictionary).to_numpy(zero_copy_only=False)
            counts = np.bincount(chunk.indices.drop_null().to_numpy(), minlength=len(lengths))
            needed += int(np.nan_to_num(lengths).astype(np.float64) @ counts)
        if needed > limit:
            raise ParquetFileError(
                f"the texts of {name} need {needed / 2**30:,.1f} GiB of memory, and the limit is "
                f"{limit / 2**30:,.1f} GiB"
            )
