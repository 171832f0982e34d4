"""Small faults put into the package, one at a time: whether a test notices.

A random sample, the same for the same seed. Which tests run a line is measured once; of these the quickest go first,
and the first that fails ends it. A mutant that never ends has been noticed, too.
"""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path
from queue import Queue
from xml.etree import ElementTree

import coverage
import numpy as np
from cosmic_ray.ast import get_ast_from_path
from cosmic_ray.mutating import MutationVisitor
from cosmic_ray.plugins import get_operator, operator_names

__all__ = ["Mutant", "mutants_of", "survivors"]

PROJECT = Path(__file__).parents[1]
_COPIED = ("ddbsim", "tests", "data", "notebooks", "pyproject.toml", "README.md", "CHANGELOG.md", ".ci")
# where numbers are made
MUTATED = ("system", "log", "analysis", "workload", "experiment", "capacity.py", "costs.py", "table_costs.py")
_ARITHMETIC = ("Add", "Sub", "Mul", "Div", "FloorDiv", "Mod")
_COMPARISON = ("Eq", "NotEq", "Lt", "LtE", "Gt", "GtE")
_OTHERS = ("NumberReplacer", "ReplaceAndWithOr", "ReplaceOrWithAnd", "AddNot", "ZeroIterationForLoop")
# a browser, other machines' code and whole notebooks tell of a fault late
_LEFT_OUT = ("tests/browser", "tests/test_readme.py", "tests/test_architecture.py", "tests/benchmarks")
_MOST_TESTS = 60
_WORKERS = 2
_BASE_TIMEOUT_S = 90.0


@dataclass(frozen=True, slots=True)
class Mutant:
    """One fault.

    Attributes
    ----------
    path
        The module, from the project's folder.
    operator, occurrence
        What is changed, by cosmic-ray's name, and which of the places.
    line
        Where.
    """

    path: str
    operator: str
    occurrence: int
    line: int

    def code(self) -> str:
        """Return the module's text with the fault."""
        changed: str = MutationVisitor.mutate_code(
            (PROJECT / self.path).read_text(), get_operator(self.operator)(), self.occurrence
        )
        return changed

    def diff(self) -> str:
        """Return the lines that differ."""
        before, after = (PROJECT / self.path).read_text().splitlines(), self.code().splitlines()
        lines = [line.strip() for line in unified_diff(before, after, n=0, lineterm="")][3:]
        return f"{self.path}:{self.line}: " + " -> ".join(line[1:].strip() for line in lines)


def mutants_of(count: int, seed: int) -> list[Mutant]:
    """Return a random sample of all mutants, without repetition."""
    every = [mutant for path in _modules() for mutant in _of_module(path)]
    chosen = np.random.default_rng(seed).choice(len(every), size=count, replace=False)
    return [every[number] for number in sorted(chosen.tolist())]


def _modules() -> list[Path]:
    places = [PROJECT / "ddbsim" / name for name in MUTATED]
    return sorted(path for place in places for path in (place.rglob("*.py") if place.is_dir() else [place]))


def _of_module(path: Path) -> Iterator[Mutant]:
    kept, nodes = _code_lines(path), list(_nodes(get_ast_from_path(path)))
    for name in operator_names():
        if not _is_small(name.removeprefix("core/")):
            continue
        operator, occurrence = get_operator(name)(), 0
        for node in nodes:
            for (line, _), _ in operator.mutation_positions(node):
                if line in kept:
                    yield Mutant(str(path.relative_to(PROJECT)), name, occurrence, line)
                occurrence += 1


def _nodes(node: object) -> Iterator[object]:
    yield node
    for child in getattr(node, "children", ()):
        yield from _nodes(child)


def _is_small(name: str) -> bool:
    """Whether an operator swaps two of a kind, moves a comparison or a number by one, or drops a branch."""
    family, _, swap = name.partition("_")
    if family in ("ReplaceBinaryOperator", "ReplaceComparisonOperator"):
        kinds = _ARITHMETIC if family == "ReplaceBinaryOperator" else _COMPARISON
        return all(part in kinds for part in swap.split("_"))
    return name in _OTHERS


def _code_lines(path: Path) -> set[int]:
    """Return the lines of functions: annotations, names of types and what is done at import are left out."""
    lines: set[int] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef):
            for part in node.body:
                lines |= set(range(part.lineno, (part.end_lineno or part.lineno) + 1))
    return lines


def survivors(mutants: list[Mutant], folder: Path) -> list[Mutant]:
    """Return the mutants that no test notices.

    Parameters
    ----------
    mutants
        What to try.
    folder
        Where copies of the project are made.
    """
    copies: Queue[Path] = Queue()
    for number in range(_WORKERS):
        copies.put(_copy(folder / f"copy {number}"))
    tests = _tests_of_lines(_copy(folder / "whole"))

    def survives(mutant: Mutant) -> bool:
        covering = tests.get((mutant.path, mutant.line), [])[:_MOST_TESTS]
        if not covering:
            return True
        copy = copies.get()
        try:
            (copy / mutant.path).write_text(mutant.code())
            return _passes(copy, covering)
        finally:
            shutil.copy(PROJECT / mutant.path, copy / mutant.path)
            copies.put(copy)

    with ThreadPoolExecutor(_WORKERS) as pool:
        return [mutant for mutant, alive in zip(mutants, pool.map(survives, mutants), strict=True) if alive]


def _copy(folder: Path) -> Path:
    for name in _COPIED:
        source = PROJECT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            folder.mkdir(exist_ok=True)
            shutil.copy(source, folder / name)
    return folder


def _pytest(folder: Path, *arguments: str, timeout_s: float | None = None) -> int:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", *arguments]
    # no bytecode: a file that changes twice in one second would be taken for the old one
    env = os.environ | {"PYTHONPATH": str(folder), "MPLBACKEND": "agg", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        command, cwd=folder, env=env, timeout=timeout_s, stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    return done.returncode


def _passes(folder: Path, tests: list[tuple[float, str]]) -> bool:
    expected_s = sum(seconds for seconds, _ in tests)
    try:
        return (
            _pytest(folder, "-x", "-n", "0", *(name for _, name in tests), timeout_s=_BASE_TIMEOUT_S + 5 * expected_s)
            == 0
        )
    except subprocess.TimeoutExpired:
        return False


def _tests_of_lines(folder: Path) -> dict[tuple[str, int], list[tuple[float, str]]]:
    """Return the tests that run each line, the quickest first, with their seconds."""
    left_out = [f"--ignore={name}" for name in _LEFT_OUT]
    _pytest(folder, "--cov=ddbsim", "--cov-context=test", "--cov-report=", "--junitxml=times.xml", *left_out)
    seconds = _seconds_of_tests(folder / "times.xml")
    data = coverage.CoverageData(str(folder / ".coverage"))
    data.read()
    found: dict[tuple[str, int], list[tuple[float, str]]] = defaultdict(list)
    for file in data.measured_files():
        path = str(Path(file).relative_to(folder))
        for line, contexts in data.contexts_by_lineno(file).items():
            names = {context.rpartition("|")[0] for context in contexts if context}
            found[path, line] = sorted((seconds.get(name, 1.0), name) for name in names if name in seconds)
    return found


def _seconds_of_tests(report: Path) -> dict[str, float]:
    """Return how long each test took, by its name as pytest takes it, of those that passed."""
    seconds = {}
    for case in ElementTree.parse(report).iter("testcase"):
        if not len(case):
            path = case.attrib["classname"].replace(".", "/") + ".py"
            seconds[f"{path}::{case.attrib['name']}"] = float(case.attrib["time"])
    return seconds
