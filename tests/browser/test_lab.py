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


def bring(page: Page, text: str) -> None:
    """Scroll the notebook until `text` is in the page: JupyterLab draws only what is near the window."""
    panel = page.locator(".jp-WindowedPanel-outer").first
    panel.evaluate("e => e.scrollTo(0, 0)")
    for _ in range(80):
        page.wait_for_timeout(120)
        if page.get_by_text(text, exact=True).locator("visible=true").count():
            page.get_by_text(text, exact=True).locator("visible=true").first.scroll_into_view_if_needed()
            return
        panel.evaluate("e => e.scrollBy(0, 0.6 * e.clientHeight)")
    raise AssertionError(f"{text!r} is nowhere in the notebook")


def test_a_learner_guesses_explores_by_keyboard_and_answers(
    page: Page,
    open_notebook: Callable[[str], None],
    run_all: Callable[[], None],
    screenshot: Callable[[str], Path],
) -> None:
    open_notebook("00_the_drop.ipynb")
    run_all()

    # Lock a guess by keyboard; run the next cell; it is compared.
    bring(page, "Lock my guess")
    slider = page.locator(".widget-slider", has_text="My guess").locator(".noUi-handle")
    slider.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    page.get_by_role("button", name="Lock my guess").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Locked: 18,500 buyers. Now run on.")).to_be_visible()
    screenshot("locked")
    page.locator(".jp-CodeCell", has_text="guess.compare").locator(".cm-content").first.click()
    page.keyboard.press("ControlOrMeta+Enter")
    expect(page.get_by_text("You said 18,500 buyers. The run says 4,626 buyers")).to_be_visible(timeout=30_000)

    # A preset by keyboard, then a slider by arrow keys: words and picture follow, and nothing jumps.
    bring(page, "protected")
    page.get_by_role("button", name="protected").focus()
    page.keyboard.press("Enter")
    status = page.get_by_role("status").filter(has_text="buyers paid")
    expect(status).to_contain_text("22,482 of 33,550 buyers paid")
    picture = page.locator(".widget-image")
    before, place = picture.get_attribute("src"), picture.bounding_box()
    workers = page.locator(".widget-slider", has_text="workers (calls)").locator(".noUi-handle")
    workers.focus()
    for _ in range(20):
        page.keyboard.press("ArrowRight")
    expect(page.locator(".widget-slider", has_text="workers (calls)")).to_contain_text("350")
    expect(status).not_to_contain_text("22,482", timeout=10_000)
    expect(picture).not_to_have_attribute("src", before or "")
    assert picture.bounding_box() == place
    screenshot("explored")

    # An exercise: wrong, then right.
    bring(page, "average load: not answered yet. Put your number in place of None and run the cell again.")
    cell = page.locator(".jp-CodeCell", has_text='fs.exercises.exercise("average load")')
    for answer, verdict in (("43", "not yet. That is the normal turnout."), ("65", "right. Still far from full")):
        cell.locator(".cm-content").click()
        page.keyboard.press("ControlOrMeta+a")
        page.keyboard.insert_text(f'fs.exercises.exercise("average load").check({answer})')
        page.keyboard.press("ControlOrMeta+Enter")
        expect(page.get_by_text(f"average load: {verdict}")).to_be_visible(timeout=30_000)
    screenshot("answered")
