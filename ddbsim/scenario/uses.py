"""What each view type is for: it follows from what a use needs to see of a change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import TOLD, VIEW_TYPES, Need, ViewType, Way, served

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["view_type_uses"]


@dataclass(frozen=True, slots=True)
class _Use:
    """What a stream is used for: what that needs to see, and whether of each change, which a read-back may miss."""

    name: str
    needs: Need
    each_change: bool = False

    def way(self, view_type: ViewType) -> Way:
        way = served(self.needs, view_type)
        return "not at all" if self.each_change and way == "by a read-back" else way


_USES = (
    _Use("notify that something changed", "keys"),
    _Use("audit that something changed", "keys"),
    _Use("process the latest state downstream", "new"),
    _Use("revert a change", "old", each_change=True),
    _Use("audit what was there before", "old", each_change=True),
    _Use("business logic on what changed", "both", each_change=True),
    # a copy that is ahead of its record differs from the old image of the next
    _Use("synchronise a copy, and check it", "both", each_change=True),
    _Use("audit each change in detail", "both", each_change=True),
)


def view_type_uses() -> pd.DataFrame:
    """Return what streams are used for, how each view type serves it, and which carries least of those that do.

    No table of recommendations is behind it: a view type serves a use directly if its records carry what the use needs,
    by a read-back if only the new image is lacking (the table has the item as it is then, which may be newer than the
    record), and else not at all. A use that has to see each change is not served by a read-back: changes that came
    close together would show one and the same item.

    Returns
    -------
    DataFrame
        A row per use: use, needs ("keys", "new", "old", "both"), each_change (whether it has to see every change as it
        was), a column per view type ("directly", "by a read-back, of the item as it is then" or "not at all"), and
        leanest: of those that serve directly, the view type whose records are smallest.

    Examples
    --------
    >>> uses = view_type_uses()
    >>> uses.loc[uses["leanest"] == "OLD_IMAGE", "use"].tolist()
    ['revert a change', 'audit what was there before']
    >>> uses.loc[2, "KEYS_ONLY"]
    'by a read-back, of the item as it is then'
    """
    import pandas as pd

    rows = []
    for use in _USES:
        found = {view_type: use.way(view_type) for view_type in VIEW_TYPES}
        # the view types stand in the order of what they carry
        leanest = next(view_type for view_type, way in found.items() if way == "directly")
        row: dict[str, object] = {"use": use.name, "needs": use.needs, "each_change": use.each_change}
        row |= {str(view_type): TOLD[way] for view_type, way in found.items()}
        rows.append(row | {"leanest": leanest})
    return pd.DataFrame(rows)
