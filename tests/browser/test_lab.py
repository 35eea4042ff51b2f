"""A newcomer's first minute: JupyterLab opens notebook 00, and every cell runs."""

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
    expect(page.locator(".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.error']")).to_have_count(0)
    expect(page.locator(POP_UPS)).to_have_count(0)
    warnings = [line for line in lab.log.read_text().splitlines() if line.startswith("[W") or "Warning" in line]
    assert not warnings
