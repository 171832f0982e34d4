"""Why invocations failed: reasons, counted."""

from __future__ import annotations

from typing import Final

import pandas as pd

__all__ = ["REASON", "reasons_of"]

#: The columns that say why an invocation failed.
REASON: Final = ("error_type", "error_message", "error_line")


_COLUMNS = ("event_source_mapping", "function", *REASON, "invocations", "first_s")


def reasons_of(invocations: pd.DataFrame, mappings: list[str]) -> pd.DataFrame:
    """Return why the invocations of mappings failed: a row per reason, the most frequent first.

    Returns
    -------
    DataFrame
        As `HandlerReport.reasons`; empty texts where there is no message or line.
    """
    failed = invocations[invocations["event_source_mapping"].isin(mappings) & invocations["error_type"].notna()]
    texts = failed[["event_source_mapping", "function", *REASON]].astype("str").fillna("")
    grouped = texts.assign(started_s=failed["started_s"]).groupby(list(texts), sort=False)["started_s"]
    counted = grouped.agg(invocations="size", first_s="min").reset_index()
    return counted.sort_values("invocations", ascending=False, kind="stable", ignore_index=True)[[*_COLUMNS]]
