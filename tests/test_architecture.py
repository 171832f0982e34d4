"""Who may import whom."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import ddbsim

PACKAGE = Path(ddbsim.__file__).parent
# what says in words what was typed, and how much of it is taken: any may use it
WORDS = {"arguments", "bounds", "text_files", "wording"}
BASE = {"aws", "distributions", "randomness"}
MAY_IMPORT = {
    "aws": set(),
    "distributions": set(),
    "randomness": set(),
    "log": set(),
    "items": {"aws"},
    "filters": {"aws"},
    "workload": BASE | {"items"},
    "scenario": BASE | {"workload", "items", "filters"},
    "snapshot": set(),
    "system": BASE | {"scenario", "workload", "log", "items", "filters", "snapshot"},
    "analysis": {"aws", "log"},
    "plots": {"log"},
    "boto": BASE | {"items", "log", "scenario"},
    "lessons": BASE | {"scenario", "workload", "run", "result"},
    "widgets": BASE | {"scenario", "workload", "log", "analysis", "plots", "run", "result", "summary", "experiment"},
}
FORBIDDEN = {
    "system": {"pandas", "matplotlib"},
    "analysis": {"simpy", "matplotlib"},
    "plots": {"simpy"},
    "lessons": {"simpy", "matplotlib"},
    "widgets": {"simpy"},
}


def imports(path: Path) -> set[str]:
    """Return what a module imports: siblings as "ddbsim.x", others by their top-level name."""
    package = ("ddbsim", *path.relative_to(PACKAGE).parts[:-1])
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module or "") if part)
            names = [f"{module}.{alias.name}" if module == "ddbsim" else module for alias in node.names]
        found |= {".".join(name.split(".")[:2]) if name.startswith("ddbsim") else name.split(".")[0] for name in names}
    return found


def modules(name: str) -> list[Path]:
    folder = PACKAGE / name
    return sorted(folder.rglob("*.py")) if folder.is_dir() else [PACKAGE / f"{name}.py"]


@pytest.mark.parametrize("name", MAY_IMPORT)
def test_a_package_imports_only_what_it_may(name):
    allowed = {f"ddbsim.{other}" for other in MAY_IMPORT[name] | WORDS | {name}} | {"ddbsim"}
    for path in modules(name):
        siblings = {found for found in imports(path) if found.startswith("ddbsim")}
        assert siblings <= allowed, path
        assert not imports(path) & FORBIDDEN.get(name, set()), path


def test_only_the_system_imports_simpy():
    users = {path.relative_to(PACKAGE).parts[0] for path in PACKAGE.rglob("*.py") if "simpy" in imports(path)}
    assert users == {"system"}


def test_importing_ddbsim_loads_nothing_heavy_that_it_may_not_need():
    heavy = ("matplotlib", "ipywidgets", "scipy", "pyarrow.parquet", "tqdm", "boto3")
    code = f"import sys, ddbsim; print([name for name in {heavy!r} if name in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert loaded.strip() == "[]"


def test_every_public_name_is_there():
    for name in ddbsim.__all__:
        assert getattr(ddbsim, name) is not None
