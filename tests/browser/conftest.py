"""What the browser tests share: a JupyterLab of this environment on a copy of the notebooks, and a page in Chromium.

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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from check import ROOT, find_browser
from playwright.sync_api import Browser, Page, expect, sync_playwright

SCREENSHOTS = Path(__file__).parent / "screenshots"
VIEWPORT = {"width": 1280, "height": 720}
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
).split()


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab: its folder (with copies of notebooks/ and data/), address, token and log."""

    root: Path
    address: str
    token: str
    log: Path

    def url(self, notebook: str) -> str:
        """Address that opens `notebook`, a path relative to the root, and nothing else."""
        return f"{self.address}/lab/tree/{notebook}?token={self.token}&reset"

    def api(self, path: str, method: str = "GET") -> Any:
        """What JupyterLab's own interface answers, as Python values."""
        headers = {"Authorization": f"token {self.token}"}
        request = urllib.request.Request(f"{self.address}/api/{path}", headers=headers, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read() or "null")


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """JupyterLab with settings, workspaces and files of its own, so that nothing is restored and nothing altered."""
    base = tmp_path_factory.mktemp("lab")
    root, log = base / "root", base / "lab.log"
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
        [sys.executable, "-m", "nbformat.sign", *notebooks], env=environment, check=True
    )  # as `make lab` does
    options = [
        "--no-browser",
        "--ip=127.0.0.1",
        f"--port={port}",
        "--ServerApp.port_retries=0",
        f"--notebook-dir={root}",
    ]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options.append("--allow-root")
    address = f"http://127.0.0.1:{port}"
    with log.open("w", encoding="utf-8") as out:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options], env=environment, stdout=out, stderr=subprocess.STDOUT
        )
        try:
            lab = Lab(root, address, token, log)
            _wait_for(lab, server)
            yield lab
        finally:
            server.terminate()
            server.wait(20)


def _wait_for(lab: Lab, server: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        try:
            lab.api("status")
        except OSError:
            if server.poll() is not None:
                break
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"JupyterLab did not start:\n{lab.log.read_text(encoding='utf-8')}")


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


@pytest.fixture
def page(browser: Browser, lab: Lab) -> Iterator[Page]:
    """A fresh window of 1280 by 720, with storage of its own; afterwards no kernel is left running."""
    context = browser.new_context(viewport=VIEWPORT)
    yield context.new_page()
    context.close()
    for session in lab.api("sessions"):
        lab.api(f"sessions/{session['id']}", method="DELETE")


@pytest.fixture
def screenshot(page: Page, request: pytest.FixtureRequest) -> Callable[[str], Path]:
    """Function that saves what the window shows as screenshots/TEST-NAME.png, to be looked at."""

    def save(name: str) -> Path:
        SCREENSHOTS.mkdir(exist_ok=True)
        path = SCREENSHOTS / f"{request.node.name}-{name}.png"
        page.screenshot(path=path)
        return path

    return save


@pytest.fixture
def open_notebook(lab: Lab, page: Page) -> Callable[[str], None]:
    """Function that opens notebooks/NAME in the window and returns once its kernel is ready."""

    def open_it(name: str) -> None:
        page.goto(lab.url(f"notebooks/{name}"))
        page.locator(".jp-Notebook .jp-Cell").first.wait_for(timeout=60_000)
        for _ in range(600):  # the indicator in the window says idle before the kernel has answered
            if any(kernel["execution_state"] == "idle" and kernel["connections"] for kernel in lab.api("kernels")):
                return
            page.wait_for_timeout(100)
        pytest.fail(f"no kernel for {name} within a minute:\n{lab.log.read_text(encoding='utf-8')}")

    return open_it


@pytest.fixture
def run_all(page: Page) -> Callable[[], None]:
    """Function that runs every cell of the open notebook, waits for the last, and saves."""

    def run() -> None:
        page.locator("li.lm-MenuBar-item", has_text="Run").click()
        page.locator("li[data-command='runmenu:run-all']").click()
        waiting = page.locator(".jp-InputPrompt", has_text="[*]")
        waiting.first.wait_for(timeout=30_000)
        expect(waiting).to_have_count(0, timeout=120_000)
        page.keyboard.press("ControlOrMeta+s")
        expect(page.locator(".lm-TabBar-tab.jp-mod-current.jp-mod-dirty")).to_have_count(0, timeout=30_000)

    return run
