"""A newcomer's first minutes: JupyterLab opens notebook 00, every cell runs, and all of it can be used by keyboard."""

import json
from collections.abc import Callable, Iterator

import pytest
from check import ROOT
from conftest import LAB, Server, bring, open_notebook, press, run_all, shoot, window
from playwright.sync_api import Browser, Page, expect

POP_UPS = ".jp-Dialog, .Toastify__toast, .jp-Notification-List:visible"
NAME = "notebooks/00_the_drop.ipynb"


@pytest.fixture(scope="module")
def lab(serve: Callable[[str], Server]) -> Server:
    return serve(LAB)


@pytest.fixture(scope="module")
def page(browser: Browser, lab: Server) -> Iterator[Page]:
    """Notebook 00, opened; the first test runs it, for all."""
    with window(browser, lab) as page:
        open_notebook(page, lab, NAME)
        yield page


def test_first_notebook_runs_without_errors_or_pop_ups(page: Page, lab: Server) -> None:
    page.wait_for_timeout(2000)  # pop-ups come a moment after the page
    shoot(page, "lab-opened")
    expect(page.locator(POP_UPS)).to_have_count(0)
    run_all(page)
    page.keyboard.press("ControlOrMeta+s")
    expect(page.locator(".lm-TabBar-tab.jp-mod-current.jp-mod-dirty")).to_have_count(0)
    expect(page.locator(POP_UPS)).to_have_count(0)
    # What the browser saved says more than what it shows: a cell that may raise is tagged so.
    cells = json.loads((lab.root / NAME).read_text(encoding="utf-8"))["cells"]
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


def test_a_guess_locks_and_is_compared(page: Page) -> None:
    bring(page, page.get_by_role("button", name="Lock my guess"))
    slider = page.locator(".widget-slider", has_text="My guess").locator(".noUi-handle")
    for guess in (17_500, 18_000, 18_500):
        # One by one: on a busy machine JupyterLab still lays out what was scrolled to.
        press(page, slider, "ArrowRight")
        expect(slider).to_have_attribute("aria-valuenow", f"{guess}.0")
    press(page, page.get_by_role("button", name="Lock my guess"))
    expect(page.get_by_text("Locked: 18,500 buyers. Now run on.")).to_be_visible()
    shoot(page, "lab-locked")
    page.locator(".jp-CodeCell", has_text="guess.compare").locator(".cm-content").first.click()
    page.keyboard.press("ControlOrMeta+Enter")
    expect(page.get_by_text("You said 18,500 buyers. The run says 4,626 buyers")).to_be_visible()


def test_the_explorer_follows_the_keyboard_and_nothing_jumps(page: Page) -> None:
    preset = page.get_by_title("Set the sliders to: protected")
    bring(page, preset)
    root = page.locator(".flashsale", has=preset)
    press(page, preset)
    status, picture = root.get_by_role("status"), root.locator(".widget-image")
    expect(status).to_contain_text("22,482 of 33,550 buyers paid")
    before, place = picture.get_attribute("src"), picture.bounding_box()
    workers = root.get_by_role("slider", name="workers (calls)")
    press(page, workers, "ArrowRight", 20)
    expect(workers).to_have_attribute("aria-valuetext", "350")
    expect(status).not_to_contain_text("22,482")
    expect(picture).not_to_have_attribute("src", before or "")
    assert picture.bounding_box() == place
    shoot(page, "lab-explored")


def test_the_playhead_runs_through_the_drop_by_keyboard(page: Page) -> None:
    if not any("Player" in "".join(cell["source"]) for cell in json.loads((ROOT / NAME).read_text())["cells"]):
        pytest.skip("notebook 00 has no player")
    bring(page, page.get_by_role("button", name="To the start"))
    root = page.locator(".flashsale", has=page.get_by_role("button", name="To the start")).first
    press(page, root.get_by_role("button", name="To the start"))
    head = root.get_by_role("slider", name="time (s)")
    expect(root.get_by_role("status")).to_contain_text("at 0 s:")
    press(page, head, "ArrowRight", 30)
    expect(head).not_to_have_attribute("aria-valuenow", "0.0")
    expect(root.get_by_role("status")).not_to_contain_text("at 0 s:")
    shoot(page, "lab-played")


def test_an_exercise_answers_wrong_and_right(page: Page) -> None:
    asked = "average load: not answered yet. Put your number in place of None and run the cell again."
    bring(page, page.get_by_text(asked, exact=True))
    cell = page.locator(".jp-CodeCell", has_text='fs.exercises.exercise("average load")')
    for answer, verdict in (("43", "not yet. That is the normal turnout."), ("65", "right. Still far from full")):
        cell.locator(".cm-content").click()
        page.keyboard.press("ControlOrMeta+a")
        page.keyboard.insert_text(f'fs.exercises.exercise("average load").check({answer})')
        page.keyboard.press("ControlOrMeta+Enter")
        expect(page.get_by_text(f"average load: {verdict}")).to_be_visible()
    shoot(page, "lab-answered")
