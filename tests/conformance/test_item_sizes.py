"""Sizes that the service charges for attribute values."""

import json
from pathlib import Path

import pytest

from ddbsim.items import item_bytes, value_bytes

PATH = Path(__file__).resolve().parents[2] / "../shared/conformance/item_sizes.json"
VALUES = json.loads(PATH.read_text())["values"] if PATH.exists() else []
pytestmark = pytest.mark.skipif(not VALUES, reason=f"the recordings are not beside the repository ({PATH})")


@pytest.mark.parametrize("case", VALUES, ids=lambda case: case["label"])
def test_a_value_has_the_charged_size(case):
    assert value_bytes(case["value"]) == case["bytes"]


@pytest.mark.parametrize("case", VALUES, ids=lambda case: case["label"])
def test_an_item_adds_its_names(case):
    assert item_bytes({"pk": {"S": "é"}, "value": case["value"]}) == 2 + 2 + 5 + case["bytes"]
