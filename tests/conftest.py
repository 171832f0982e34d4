"""Hypothesis profiles: `fast` by default, `thorough` with ``pytest -m thorough``."""

from __future__ import annotations

import sys

import pytest
from hypothesis import HealthCheck, Phase, settings

# the same examples in every run: a failure is never a matter of luck, and a green run can be repeated
_SHARED = {
    "deadline": None,
    "derandomize": True,
    "database": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.filter_too_much],
    # all but "explain": it runs a failing scenario hundreds of times more, to tell what does not matter in it
    "phases": [Phase.explicit, Phase.reuse, Phase.generate, Phase.target, Phase.shrink],
}

settings.register_profile("fast", max_examples=40, **_SHARED)
settings.register_profile("thorough", max_examples=250, **_SHARED)


def pytest_configure(config: pytest.Config) -> None:
    """Take the profile that fits the tests asked for; ``--hypothesis-profile`` wins."""
    if not config.getoption("--hypothesis-profile", default=None):
        thorough = config.getoption("markexpr", default="").strip() == "thorough"
        settings.load_profile("thorough" if thorough else "fast")


@pytest.fixture(autouse=True)
def close_figures():
    """Close what a test drew: pyplot keeps every figure, and warns of the twenty-first."""
    yield
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close("all")
