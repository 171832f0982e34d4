"""Small faults put into the package, one at a time: whether a test notices.

A random sample, the same for the same seed. Which tests run a line is measured once; of the
files that have such tests all are run, those of the module's own area and the quick ones first, and the first that
fails ends it. A mutant that never ends has been noticed, too.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path
from queue import Queue
from typing import TypeAlias
from xml.etree import ElementTree

import coverage
import numpy as np
import pytest
from cosmic_ray.ast import get_ast_from_path
from cosmic_ray.mutating import MutationVisitor
from cosmic_ray.plugins import get_operator, operator_names

__all__ = ["Mutant", "Trial", "mutants_of", "trials"]

Line: TypeAlias = tuple[str, int]

PROJECT = Path(__file__).parents[1]
_COPIED = ("ddbsim", "tests", "data", "notebooks", "pyproject.toml", "README.md", "CHANGELOG.md", ".ci")
# where numbers are made
MUTATED = ("system", "log", "frames", "record", "analysis", "workload", "experiment", "result")
_ARITHMETIC = ("Add", "Sub", "Mul", "Div", "FloorDiv", "Mod")
_COMPARISON = ("Eq", "NotEq", "Lt", "LtE", "Gt", "GtE")
_OTHERS = ("NumberReplacer", "ReplaceAndWithOr", "ReplaceOrWithAnd", "AddNot", "ZeroIterationForLoop")
# a browser, other machines' code and whole notebooks tell of a fault late
_LEFT_OUT = ("tests/browser", "tests/test_readme.py", "tests/test_architecture.py", "tests/benchmarks")
# of the tests of one mutant, as measured with coverage
_MOST_S = 300.0
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

    def change(self) -> tuple[str, str]:
        """Return what differs: as it stands, and with the fault, lines joined by spaces."""
        before, after = (PROJECT / self.path).read_text().splitlines(), self.code().splitlines()
        lines = list(unified_diff(before, after, n=0, lineterm=""))[3:]
        old, new = (" ".join(line[1:].strip() for line in lines if line[0] == sign) for sign in "-+")
        return old, new


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of one fault.

    Attributes
    ----------
    mutant
        The fault.
    noticed
        Whether a test failed, or did not end.
    told
        The test that failed, or why none did.
    """

    mutant: Mutant
    noticed: bool
    told: str

    def __str__(self) -> str:
        """Return a line for the fault, and one for what became of it."""
        verdict = "noticed" if self.noticed else "NOT NOTICED"
        old, new = self.mutant.change()
        return f"{self.mutant.path}:{self.mutant.line}\n  - {old}\n  + {new}\n    {verdict}: {self.told}"


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


def trials(mutants: list[Mutant], folder: Path, *, within_s: float) -> list[Trial]:
    """Try whether a test notices each mutant.

    Parameters
    ----------
    mutants
        What to try.
    folder
        Where copies of the project are made.
    within_s
        No further mutant is tried after this time, seconds.
    """
    until = time.monotonic() + within_s
    copies: Queue[Path] = Queue()
    for number in range(_WORKERS):
        copies.put(_copy(folder / f"copy {number}"))
    whole = _copy(folder / "whole")
    lines, seconds = _tests_of_lines(whole)
    chosen = [_chosen(mutant, lines, seconds) for mutant in mutants]
    _check_names(whole, {name for names in chosen for name in names})

    def tried(mutant: Mutant, names: list[str]) -> Trial:
        if not names:
            return Trial(mutant, False, "no test runs this line")
        copy = copies.get()
        try:
            if time.monotonic() > until:
                return Trial(mutant, False, "no time was left to try it")
            (copy / mutant.path).write_text(mutant.code())
            failed = _failure(copy, names, _BASE_TIMEOUT_S + 5 * sum(seconds[name] for name in names))
            return Trial(mutant, failed is not None, failed or f"{len(names)} tests pass")
        finally:
            shutil.copy(PROJECT / mutant.path, copy / mutant.path)
            copies.put(copy)

    with ThreadPoolExecutor(_WORKERS) as pool:
        return list(pool.map(tried, mutants, chosen))


def _chosen(mutant: Mutant, lines: dict[Line, set[str]], seconds: dict[str, float]) -> list[str]:
    """Return the tests to run, as many as there is time for: the module's own area first, of each the quick ones.

    Tests of one file share results, which the first of them makes: the others look at the line, too.
    """
    covering = lines.get((mutant.path, mutant.line), set())
    files = {name.partition("::")[0] for name in covering}
    area = f"tests/{Path(mutant.path).parts[1]}/"
    ordered = sorted(
        (name for name in seconds if name.partition("::")[0] in files),
        key=lambda name: (not name.startswith(area), name not in covering, seconds[name]),
    )
    spent_s = np.cumsum([seconds[name] for name in ordered])
    return ordered[: max(1, int(np.searchsorted(spent_s, _MOST_S)))]


def _copy(folder: Path) -> Path:
    for name in _COPIED:
        source = PROJECT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            folder.mkdir(exist_ok=True)
            shutil.copy(source, folder / name)
    return folder


def _pytest(folder: Path, *arguments: str, timeout_s: float | None = None) -> tuple[int, str]:
    """Return pytest's exit code and what it printed; TimeoutExpired once it and its workers have been ended."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", *arguments]
    # no bytecode: a file that changes twice in one second would be taken for the old one
    env = os.environ | {"PYTHONPATH": str(folder), "MPLBACKEND": "agg", "PYTHONDONTWRITEBYTECODE": "1"}
    with subprocess.Popen(
        command,
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            printed, _ = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            # workers that go on would hold the pipe open
            os.killpg(process.pid, signal.SIGKILL)
            raise
        return process.returncode, printed


def _check_names(folder: Path, names: set[str]) -> None:
    """Raise unless pytest finds every test: one that it does not find would look like one that failed."""
    code, printed = _pytest(folder, "--collect-only", "-n", "0", *sorted(names))
    if names and code != pytest.ExitCode.OK:
        raise RuntimeError(f"pytest does not find the tests to run:\n{printed[-2000:]}")


def _failure(folder: Path, names: list[str], timeout_s: float) -> str | None:
    """Return the first test that fails; None if all pass."""
    try:
        code, printed = _pytest(folder, "-x", "-n", "0", *names, timeout_s=timeout_s)
    except subprocess.TimeoutExpired:
        return "the tests do not end"
    if code == pytest.ExitCode.OK:
        return None
    failed = re.search(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", printed, re.MULTILINE)
    return failed[1] if failed else f"pytest ends with {code}"


def _tests_of_lines(folder: Path) -> tuple[dict[Line, set[str]], dict[str, float]]:
    """Return the tests that run each line, and how long each test that passes takes, seconds."""
    left_out = [f"--ignore={name}" for name in _LEFT_OUT]
    _pytest(folder, "--cov=ddbsim", "--cov-context=test", "--cov-report=", "--junitxml=times.xml", *left_out)
    seconds = _seconds_of_tests(folder / "times.xml")
    data = coverage.CoverageData(str(folder / ".coverage"))
    data.read()
    found: dict[Line, set[str]] = defaultdict(set)
    for file in data.measured_files():
        path = str(Path(file).relative_to(folder))
        for line, contexts in data.contexts_by_lineno(file).items():
            names = {context.rpartition("|")[0] for context in contexts if context}
            found[path, line] |= names & seconds.keys()
    return found, seconds


def _seconds_of_tests(report: Path) -> dict[str, float]:
    """Return how long each test took, by its name as pytest takes it, of those that passed."""
    seconds = {}
    for case in ElementTree.parse(report).iter("testcase"):
        if not len(case):
            path = case.attrib["classname"].replace(".", "/") + ".py"
            seconds[f"{path}::{case.attrib['name']}"] = float(case.attrib["time"])
    return seconds
