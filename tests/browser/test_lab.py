"""A newcomer's first minute: JupyterLab opens notebook 00, and every cell runs."""

import json
from collections.abc import Callable
from pathlib import Path

from conftest import Lab
from playwright.sync_api import Page, expect

POP_UPS = ".jp-Dialog, .Toastify__toast, .jp-Notification-List:visible"


def test_first_notebook_runs_without_errors_or_pop_ups(
    page: Page,
    lab: Lab,
    open_notebook: Callable[[str], None],
    run_all: Callable[[], None],
    screenshot: Callable[[str], Path],
) -> None:
    open_notebook("00_the_drop.ipynb")
    page.wait_for_timeout(2000)  # pop-ups come a moment after the page
    screenshot("opened")
    expect(page.locator(POP_UPS)).to_have_count(0)
    run_all()
    screenshot("run")
    expect(page.locator(POP_UPS)).to_have_count(0)
    # What the browser saved says more than what it shows: a cell that may raise is tagged so.
    cells = json.loads((lab.root / "notebooks" / "00_the_drop.ipynb").read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    outputs = [
        output
        for cell in code
        if "raises-exception" not in cell["metadata"].get("tags", ())
        for output in cell["outputs"]
    ]
    assert not [output for output in outputs if output["output_type"] == "error" or output.get("name") == "stderr"]
    log = lab.log.read_text(encoding="utf-8").splitlines()
    assert not [line for line in log if line.startswith(("[W", "[E")) or "warning" in line.lower()]
