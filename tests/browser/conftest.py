"""What the browser tests share: Jupyter servers of this environment on a copy of the notebooks, and windows in Chromium.

Without a browser these tests are skipped, and the run says so; with FLASHSALE_REQUIRE_BROWSER=1 they fail instead.
"""

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import nbformat
import pytest
from axe_playwright_python.sync_playwright import Axe
from check import ROOT, find_browser
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

SCREENSHOTS = Path(__file__).parent / "screenshots"
ROOM = {"width": 1280, "height": 720}
HALL = {"width": 1920, "height": 1080}
PHONE = {"width": 390, "height": 844}
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
).split()
expect.set_options(timeout=30_000)
LAB, NOTEBOOK, VOILA = "jupyterlab", "notebook", "voila"
KINDS = (LAB, NOTEBOOK, VOILA)
"""The front ends, by the module that starts the server of each."""
PAGES = {LAB: "lab/tree/{}?token={}&reset", NOTEBOOK: "notebooks/{}?token={}", VOILA: "voila/render/{}?token={}"}
PREDICTIONS = """import ipywidgets

predictions = ipywidgets.VBox([
    fs.exercises.Guess("How many pay?", low=0, high=30_000, step=500, unit="buyers").widget,
    fs.exercises.Choice("What fails first?", ["the queue", "the gateway", "the front door"]).widget,
    fs.exercises.Sketch(
        "How long is the queue?", [0, 100, 200, 300, 400], low=0, high=5_000, step=500, unit="buyers"
    ).widget,
])
predictions.add_class("the-predictions")
predictions"""
"""A cell with one prediction of each kind."""


@dataclass(frozen=True)
class Server:
    """A running Jupyter server: its kind and folder (with copies of notebooks/ and data/), address, token and log."""

    kind: str
    root: Path
    address: str
    token: str
    log: Path

    def url(self, notebook: str) -> str:
        """Address that opens `notebook`, a path relative to the root, and nothing else."""
        return f"{self.address}/{PAGES[self.kind].format(notebook, self.token)}"

    def api(self, path: str, method: str = "GET") -> Any:
        """What the server's own interface answers, as Python values."""
        headers = {"Authorization": f"token {self.token}"}
        request = urllib.request.Request(f"{self.address}/api/{path}", headers=headers, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read() or "null")

    def write(self, name: str, *cells: str) -> str:
        """Put a notebook with these code cells where the server finds it; returns its path for `url`."""
        notebook = nbformat.v4.new_notebook(
            metadata={"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}},
            cells=[nbformat.v4.new_code_cell(cell, id=f"cell-{i}") for i, cell in enumerate(cells)],
        )
        nbformat.write(notebook, self.root / name)
        return name


@contextmanager
def serving(kind: str, base: Path, *extra: str) -> Iterator[Server]:
    """A server with settings, workspaces and files of its own, so that nothing is restored and nothing altered."""
    root, log = base / "root", base / "server.log"
    for folder in ("notebooks", "data"):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token = secrets.token_hex(16)
    own = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
    }
    environment = {**os.environ, **{name: str(base / folder) for name, folder in own.items()}, "JUPYTER_TOKEN": token}
    notebooks = sorted((root / "notebooks").glob("*.ipynb"))
    subprocess.run(
        [sys.executable, "-m", "nbformat.sign", *notebooks], env=environment, check=True, stdout=subprocess.DEVNULL
    )  # as `make lab` does
    if kind == VOILA:
        options = [str(root), "--Voila.ip=127.0.0.1", f"--token={token}", "--Voila.port_retries=0"]
    else:
        options = [f"--notebook-dir={root}", "--ip=127.0.0.1", "--ServerApp.port_retries=0"]
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            options.append("--allow-root")
    with log.open("w", encoding="utf-8") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", kind, "--no-browser", f"--port={port}", *options, *extra],
            env=environment, stdout=out, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            server = Server(kind, root, f"http://127.0.0.1:{port}", token, log)
            _wait_for(server, process)
            yield server
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_for(server: Server, process: subprocess.Popen[bytes]) -> None:
    path = "" if server.kind == VOILA else "api/status"
    for _ in range(900):
        try:
            urllib.request.urlopen(f"{server.address}/{path}?token={server.token}", timeout=10).close()
        except OSError:
            if process.poll() is not None:
                break
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"{server.kind} did not start:\n{server.log.read_text(encoding='utf-8')}")


@pytest.fixture(scope="session")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Server]]:
    """Function that gives the server of a kind, started when first asked for and kept until the end."""
    servers: dict[str, Server] = {}
    with ExitStack() as stack:

        def get(kind: str) -> Server:
            if kind not in servers:
                servers[kind] = stack.enter_context(serving(kind, tmp_path_factory.mktemp(kind)))
            return servers[kind]

        yield get


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The Chromium of this machine, driven by Playwright."""
    path = find_browser()
    if path is None:
        missing = pytest.fail if os.environ.get("FLASHSALE_REQUIRE_BROWSER") else pytest.skip
        missing("no Chromium, Chrome or Edge found; install one or set FLASHSALE_BROWSER")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@contextmanager
def window(browser: Browser, server: Server, size: Any = ROOM) -> Iterator[Page]:
    """A fresh window with storage of its own; afterwards no kernel is left running."""
    context = browser.new_context(viewport=size)
    context.set_default_timeout(90_000)  # a machine may be busy
    page = context.new_page()
    try:
        yield page
    finally:
        if server.kind == VOILA:  # there a kernel ends when its page is left
            page.goto("about:blank")
        context.close()
        if server.kind != VOILA:
            for session in server.api("sessions"):
                server.api(f"sessions/{session['id']}", method="DELETE")


def open_notebook(page: Page, server: Server, name: str) -> None:
    """Open a notebook, and return once its kernel is ready (in Voila: once it has run)."""
    page.goto(server.url(name))
    if server.kind == VOILA:
        expect(page.locator("#loading")).to_have_count(0, timeout=120_000)
        return
    page.locator(".jp-Notebook .jp-Cell").first.wait_for(timeout=90_000)
    for _ in range(900):  # the indicator in the window says idle before the kernel has answered
        with suppress(HTTPError):  # the server cannot tell while a kernel is just starting
            if any(kernel["execution_state"] == "idle" and kernel["connections"] for kernel in server.api("kernels")):
                return
        page.wait_for_timeout(100)
    pytest.fail(f"no kernel for {name}:\n{server.log.read_text(encoding='utf-8')}")


def run_all(page: Page) -> None:
    """Run every cell of the notebook that is open in JupyterLab or Notebook 7, and wait for the last."""
    page.locator("li.lm-MenuBar-item", has_text="Run").click()
    page.locator("li[data-command='runmenu:run-all']").click()
    waiting = page.locator(".jp-InputPrompt", has_text="[*]")
    waiting.first.wait_for(timeout=30_000)
    expect(waiting).to_have_count(0, timeout=120_000)


def bring(page: Page, wanted: Locator) -> Locator:
    """Scroll the notebook until `wanted` is in the window: JupyterLab draws only what is near it."""
    panel = page.locator(".jp-WindowedPanel-outer").first
    if panel.count():
        panel.evaluate("e => e.scrollTo(0, 0)")
        for _ in range(80):
            page.wait_for_timeout(120)
            if wanted.locator("visible=true").count():
                break
            panel.evaluate("e => e.scrollBy(0, 0.6 * e.clientHeight)")
    wanted.first.scroll_into_view_if_needed()
    return wanted.first


def press(page: Page, element: Locator, key: str = "Enter", times: int = 1) -> None:
    """Press a key so many times, as fast as it goes, on an element."""
    element.focus()
    for _ in range(times):
        page.keyboard.press(key)


def violations(page: Page) -> list[str]:
    """What axe-core finds serious or critical in our part of the page: widgets, and the outputs they stand in."""
    found = Axe().run(page, {"include": [[".flashsale"], [".jp-OutputArea-output"]]}).response["violations"]
    return [
        f"{rule['id']} ({rule['impact']}): {node['html'][:200]}: {node['failureSummary']}"
        for rule in found
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"]
    ]


def shoot(page: Page, name: str, whole: bool = False) -> None:
    """Save what the window shows (or the whole page) as screenshots/NAME.png, to be looked at."""
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=whole)
