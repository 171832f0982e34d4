"""Every notebook runs, and prints what is committed: ``pytest notebooks`` executes each of them once."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from execute import FOLDER, executed
from nbformat.v4 import new_code_cell, new_notebook, new_output
from outputs import differences, same


@pytest.mark.parametrize("name", sorted(path.name for path in FOLDER.glob("*.ipynb")))
def test_a_notebook_prints_what_is_committed(name):
    path = FOLDER / name
    found = list(differences(nbformat.read(path, as_version=4), executed(path)))
    if found:
        pytest.fail("\n\n".join([name, *map(str, found)]), pytrace=False)


SOURCES = ("print('p99 is 0.482 s')", "2 + 2", "print('no text')")


@pytest.fixture(scope="module")
def made_up(tmp_path_factory) -> Path:
    """Return a small notebook with its true outputs."""
    path = tmp_path_factory.mktemp("made_up") / "small.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell(source) for source in SOURCES]), path)
    nbformat.write(executed(path), path)
    return path


def found_after(path: Path, spoil) -> list[tuple[int, str]]:
    """Return cell and kind of what is found once the committed notebook has been spoiled."""
    committed = nbformat.read(path, as_version=4)
    spoil(committed)
    return [(one.cell, one.kind) for one in differences(committed, executed(path))]


def text_of_first_cell(text):
    def spoil(notebook):
        notebook.cells[0].outputs[0].text = text

    return spoil


def without_the_sum(notebook):
    notebook.cells[1].outputs = []


def with_more_than_it_prints(notebook):
    notebook.cells[2].outputs.append(new_output("display_data", {"image/png": "", "text/plain": "a figure"}))


def another_sum(notebook):
    notebook.cells[1].outputs[0].data["text/plain"] = "5"


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda notebook: None, []),
        (text_of_first_cell("p99 is 0.483 s\n"), []),
        (text_of_first_cell("p99 is 0.492 s\n"), [(0, "stdout")]),
        (text_of_first_cell("p95 is 0.482 s\n"), [(0, "stdout")]),
        (text_of_first_cell("p99 was 0.482 s\n"), [(0, "stdout")]),
        (without_the_sum, [(1, "text/plain")]),
        (another_sum, [(1, "text/plain")]),
        (with_more_than_it_prints, [(2, "image/png"), (2, "text/plain")]),
    ],
)
def test_a_changed_number_a_changed_word_and_a_missing_output_are_found(made_up, spoil, expected):
    assert found_after(made_up, spoil) == expected


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        ("a  1.50\nb 20.1", "a 1.51 b  20.1", True),
        ("15,959.72 USD", "15,961.00 USD", True),
        ("15,959.72 USD", "15,989.72 USD", False),
        ("60 records", "61 records", False),
        ("1.2e-07", "1.3e-07", True),
        ("1.2e-07", "1.4e-07", False),
        ("-0.5", "0.5", False),
        ("nan", "0.0", False),
        ("<Styler at 0x7f26eebaa690>", "<Styler at 0x7f26eebaa123>", True),
        ("2 of 6 prices are known only from over a year ago, the oldest from 2021", "3 of 6 prices are known only from over a year ago", True),
    ],
)
def test_numbers_may_differ_by_rounding_and_words_not_at_all(before, now, expected):
    assert same(before, now) is expected
