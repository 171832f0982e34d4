"""Scenarios under one's fingers, in a notebook: sliders and steps over what the rest of the package computes.

Needs ipywidgets (``pip install 'ddbsim[notebooks]'``), which is loaded when the first widget is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .comparer import view_types
    from .explorer import explore
    from .stepper import step

__all__ = ["explore", "step", "view_types"]

_MODULE_OF = {"explore": "explorer", "step": "stepper", "view_types": "comparer"}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"ddbsim.widgets has {', '.join(__all__)}, not {name!r}")
    from importlib import import_module

    try:
        return getattr(import_module(f".{_MODULE_OF[name]}", __name__), name)
    except ModuleNotFoundError as error:
        if error.name != "ipywidgets":
            raise
        raise ModuleNotFoundError("ds.widgets needs ipywidgets: pip install 'ddbsim[notebooks]'") from None
