"""What each view type is for: it follows from what a use needs to see of a change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .scenario import VIEW_TYPES, Need, served

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["view_type_uses"]

# what a stream is used for, and what that needs to see
_USES: dict[str, Need] = {
    "notify that something changed": "keys",
    "audit that something changed": "keys",
    "process the latest state downstream": "new",
    "revert a change": "old",
    "audit what was there before": "old",
    "business logic on what changed": "both",
    "synchronise a copy, and check it": "both",
    "audit each change in detail": "both",
}


def view_type_uses() -> pd.DataFrame:
    """Return what streams are used for, how each view type serves it, and which carries least of those that do.

    No table of recommendations is behind it: a view type serves a use directly if its records carry what the use needs,
    by a read-back if only the new image is lacking (the table has the present item), and else not at all.

    Returns
    -------
    DataFrame
        A row per use: use, needs ("keys", "new", "old", "both"), a column per view type ("directly", "by a read-back"
        or "not at all"), and leanest: of those that serve directly, the view type whose records are smallest.

    Examples
    --------
    >>> uses = view_type_uses()
    >>> uses.loc[uses["leanest"] == "OLD_IMAGE", "use"].tolist()
    ['revert a change', 'audit what was there before']
    >>> uses.loc[2, "KEYS_ONLY"]
    'by a read-back'
    """
    import pandas as pd

    rows = []
    for use, needs in _USES.items():
        ways = {view_type: served(needs, view_type) for view_type in VIEW_TYPES}
        # the view types stand in the order of what they carry
        leanest = next(view_type for view_type, way in ways.items() if way == "directly")
        row: dict[str, str] = {"use": use, "needs": needs} | {str(view_type): way for view_type, way in ways.items()}
        rows.append(row | {"leanest": leanest})
    return pd.DataFrame(rows)
