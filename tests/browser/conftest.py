"""A Chromium, a JupyterLab and a Voila to drive; what is missing is named, and in CI nothing may be missing."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
HOW_TO_INSTALL = {
    "chromium": "apt-get update && apt-get install -y chromium fonts-dejavu-core fonts-liberation",
    "playwright": "pip install 'ddbsim[browser]'",
    "jupyter-lab": "pip install 'ddbsim[browser]'",
    "voila": "pip install 'ddbsim[browser]'",
}
START_S = 90.0


def voila_options(port: int) -> list[str]:
    return ["--no-browser", "--Voila.ip=127.0.0.1", f"--port={port}"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    # what servers and browsers of others warn of is not ours to mend
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("default"))


def need(name: str, there: bool) -> None:
    """Skip, saying how to install what is missing; fail where it must be there."""
    if there:
        return
    sentence = f"{name} is missing: {HOW_TO_INSTALL[name]}"
    if os.environ.get("CI"):
        pytest.fail(f"{sentence} (CI is set: the browser tests must run)")
    pytest.skip(sentence)


def script(name: str) -> str:
    """Return a command of this Python's environment."""
    beside = Path(sys.executable).parent / name
    return str(beside) if beside.exists() else shutil.which(name) or ""


# Playwright's loop runs as long as the browser is there, and tests of widgets run loops of their own: end it with the
# module
@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    """Return Chromium, driven by Playwright."""
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        need("playwright", there=False)
    need("chromium", there=os.access(CHROMIUM, os.X_OK))
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with copies of the widget notebooks, for servers to write in."""
    folder = tmp_path_factory.mktemp("desk")
    for notebook in Path(__file__).parent.glob("*.ipynb"):
        shutil.copy(notebook, folder)
    return folder


@pytest.fixture(scope="module")
def lab(browser: object, desk: Path) -> Iterator[str]:
    """Return the address of a JupyterLab."""
    options = ["--no-browser", "--allow-root", "--ip=127.0.0.1", "--IdentityProvider.token=", "--ServerApp.password="]
    yield from serve("jupyter-lab", desk, lambda port: [*options, f"--ServerApp.port={port}", "--port-retries=0"])


@pytest.fixture(scope="module")
def voila(browser: object, desk: Path) -> Iterator[str]:
    """Return the address of a Voila."""
    yield from serve("voila", desk, voila_options)


def serve(name: str, folder: Path, options) -> Iterator[str]:
    """Start a server in a folder, yield its address when it answers, and end it."""
    command = script(name)
    need(name, there=bool(command))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    # a fresh configuration: settings of the machine's user must not decide a test
    own = {f"JUPYTER_{kind}_DIR": str(folder / f".jupyter-{kind.lower()}") for kind in ("CONFIG", "RUNTIME")}
    own |= {"HOME": str(folder), "IPYTHONDIR": str(folder / ".ipython")}
    with (folder / f"{name}.log").open("w") as log:
        server = subprocess.Popen(
            [command, *options(port)], cwd=folder, env=os.environ | own, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            wait_for(f"http://127.0.0.1:{port}/", server, folder / f"{name}.log")
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(timeout=30)


def wait_for(address: str, server: subprocess.Popen, log: Path) -> None:
    """Wait until a server answers."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and server.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=5)
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
        else:
            return
    pytest.fail(f"no server at {address} within {START_S:.0f} s:\n{log.read_text()[-3000:]}")
