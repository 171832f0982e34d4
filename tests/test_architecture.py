"""Who may import whom."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import ddbsim

PACKAGE = Path(ddbsim.__file__).parent
#: The house: a module imports those of its own package and of lower floors, also for its types. Neighbours on a floor
#: do not know each other.
FLOORS = (
    {"checks", "files", "log", "randomness", "version"},
    {"aws", "distributions", "plots"},
    {"analysis", "filters", "items"},
    {"boto", "workload"},
    {"record", "scenario"},
    {"frames", "result", "system"},
    {"run"},
    {"experiment", "lessons"},
    {"__main__", "widgets"},
)
#: The boxes of the system, in the order in which a record passes through them: each knows those before it.
BOXES = ("table", "stream", "function", "mapping")
FORBIDDEN = {
    "system": {"pandas", "matplotlib"},
    "record": {"pandas", "simpy", "matplotlib"},
    "analysis": {"simpy", "matplotlib"},
    "frames": {"simpy", "matplotlib"},
    "result": {"simpy", "matplotlib"},
    "plots": {"simpy"},
    "lessons": {"simpy", "matplotlib"},
    "widgets": {"simpy"},
}
MOST_ROOT_MODULES = 8


def name_of(path: Path) -> str:
    """Return a module's dotted name below the package, "" for the package itself."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def imports(name: str) -> tuple[set[str], set[str]]:
    """Return what a module imports anywhere in it: modules of the package by their names in it, and other packages."""
    path = MODULES[name]
    package = ["ddbsim", *path.relative_to(PACKAGE).parts[:-1]]
    own, others = set(), set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        found = []
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module or "") if part)
            for alias in node.names:
                whole = f"{module}.{alias.name}".removeprefix("ddbsim.")
                found.append(f"ddbsim.{whole}" if module.startswith("ddbsim") and whole in MODULES else module)
        for one in found:
            if one.partition(".")[0] == "ddbsim":
                own.add(one.removeprefix("ddbsim").removeprefix("."))
            else:
                others.add(one.partition(".")[0])
    return own - {name}, others


IMPORTS = {name: imports(name) for name in MODULES}


def room(name: str) -> str:
    return name.partition(".")[0]


def test_every_module_stands_on_one_floor():
    rooms = {room(name) for name in MODULES if name}
    assert rooms == set().union(*FLOORS)
    assert sum(len(floor) for floor in FLOORS) == len(rooms)
    assert (
        len([name for name in MODULES if "." not in name and MODULES[name].name != "__init__.py"]) <= MOST_ROOT_MODULES
    )


@pytest.mark.parametrize("name", [name for name in MODULES if name])
def test_a_module_imports_only_its_own_package_and_lower_floors(name):
    height = next(number for number, floor in enumerate(FLOORS) if room(name) in floor)
    allowed = set().union(*FLOORS[:height]) | {room(name)}
    own, others = IMPORTS[name]
    assert {room(one) for one in own} <= allowed
    assert not others & FORBIDDEN.get(room(name), set())


def test_no_module_imports_itself_by_way_of_others():
    def reached(name: str) -> set[str]:
        seen, next_ones = set(), list(IMPORTS[name][0])
        while next_ones:
            one = next_ones.pop()
            if one not in seen:
                seen.add(one)
                next_ones += IMPORTS.get(one, (set(), set()))[0]
        return seen

    assert [name for name in MODULES if name in reached(name)] == []


def test_a_box_of_the_system_knows_those_before_it():
    for name in MODULES:
        first, _, rest = name.partition(".")
        if first != "system" or room(rest) not in BOXES:
            continue
        later = BOXES[BOXES.index(room(rest)) + 1 :]
        known = {room(one.partition(".")[2]) for one in IMPORTS[name][0] if room(one) == "system"}
        assert not known & {*later, "build", "finished", "past"}, name


def test_only_the_system_imports_simpy():
    assert {room(name) for name in MODULES if "simpy" in IMPORTS[name][1]} == {"system"}


def test_importing_ddbsim_loads_nothing_heavy_that_it_may_not_need():
    heavy = ("matplotlib", "ipywidgets", "scipy", "pyarrow.parquet", "tqdm", "boto3")
    code = f"import sys, ddbsim; print([name for name in {heavy!r} if name in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert loaded.strip() == "[]"


def test_every_public_name_is_there():
    for name in ddbsim.__all__:
        assert getattr(ddbsim, name) is not None
