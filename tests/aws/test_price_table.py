from pathlib import Path

import pytest

from ddbsim.aws.prices import COMPONENTS
from ddbsim.aws.prices.table import BEGIN, END, price_table, with_table

README = Path(__file__).resolve().parents[2] / "README.md"


def test_the_readme_has_the_prices_of_the_code():
    text = README.read_text(encoding="utf-8")
    assert with_table(text) == text, "run: python -m ddbsim.aws.prices.table README.md"


def test_each_component_has_a_row_in_a_unit_that_can_be_read():
    rows = price_table().splitlines()[2:]
    assert len(rows) == len(COMPONENTS)
    assert rows[0].startswith(
        "| Writes, on demand: million × write request unit | 0.625 | 0.625 | 0.625* | 0.70675* | "
    )
    assert rows[2].startswith("| Writes, provisioned: WCU-hour | 0.00065 | 0.00065 | 0.00065 | 0.000735 | 0.000793 | ")
    assert rows[6].startswith("| Table storage: GB-month | 0.25 | 0.25 | 0.25* | 0.283 | 0.305* | ")
    assert "| 16.6667; 15 from 6 G; 13.3334 from 15 G |" in price_table()
    assert rows[0].endswith("| 2026-05 |")


@pytest.mark.parametrize("text", ["no marks", f"{END} {BEGIN}", BEGIN])
def test_a_text_without_the_marks_is_refused(text):
    with pytest.raises(ValueError, match="the text must have the marks"):
        with_table(text)
