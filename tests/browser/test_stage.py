"""How widgets stand on the page: presenter mode, a phone, a dark page, a page that forbids scripts, notebook 00 in Voila."""

import importlib.util
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from conftest import (
    HALL,
    LAB,
    PHONE,
    ROOM,
    VOILA,
    Server,
    bring,
    open_notebook,
    press,
    run_all,
    shoot,
    violations,
    window,
)  # fmt: skip
from playwright.sync_api import Browser, Page, expect

HAS_PLAYER = importlib.util.find_spec("flashsale_lib.player") is not None
EXPLORER = "import flashsale_lib as fs\n\nfs.controls.drop_explorer()"
FORBID = """<meta http-equiv="Content-Security-Policy" content="script-src-attr 'none'">"""
PLAYER = "from flashsale_lib.player import Player\n\nPlayer(at=100)" if HAS_PLAYER else "None"


@contextmanager
def shown(browser: Browser, server: Server, size: Any, *cells: str) -> Iterator[Page]:
    """A window of that size on a notebook of these cells that has run."""
    name = server.write("stage.ipynb", *cells)
    with window(browser, server, size) as page:
        open_notebook(page, server, name)
        if server.kind != VOILA:
            page.keyboard.press("ControlOrMeta+b")  # the side bar away, as when projecting
            run_all(page)
        page.locator("img.widget-image").first.wait_for()
        yield page


def sideways(page: Page) -> float:
    """How much wider than the window the page is."""
    return page.evaluate("document.documentElement.scrollWidth - innerWidth")


@pytest.mark.parametrize("size", [ROOM, HALL], ids=["1280x720", "1920x1080"])
def test_presenter_mode_is_larger_and_fits_the_projector(
    browser: Browser, serve: Callable[[str], Server], size: Any
) -> None:
    name = f"presenter-{size['width']}x{size['height']}"
    cells = (EXPLORER, PLAYER, "fs.controls.presenter()")
    with shown(browser, serve(LAB), size, *cells) as page:
        root = page.locator(".flashsale").first
        bring(page, root.get_by_role("button", name="protected"))
        press(page, root.get_by_role("button", name="protected"))
        expect(root.get_by_role("status")).to_contain_text("22,482 of 33,550 buyers paid")
        page.wait_for_timeout(300)
        shoot(page, name)
        assert root.evaluate("e => parseFloat(getComputedStyle(e.querySelector('.flashsale-reading')).fontSize)") >= 19
        # From the presets to the foot of the picture it is one screenful, below the cell's two lines.
        box, picture = root.bounding_box(), root.locator("img.widget-image").bounding_box()
        assert box and picture and picture["y"] + picture["height"] - box["y"] <= size["height"] - 40
        assert picture["width"] <= box["width"] and sideways(page) == 0
        assert not violations(page)
        if HAS_PLAYER:
            player = page.locator(".flashsale", has=page.get_by_role("button", name="Play")).first
            bring(page, player)
            player.evaluate("e => e.scrollIntoView({block: 'start'})")
            page.wait_for_timeout(500)
            shoot(page, f"{name}-player")


@pytest.fixture(scope="module")
def phone(browser: Browser, serve: Callable[[str], Server]) -> Iterator[Page]:
    with shown(browser, serve(VOILA), PHONE, EXPLORER, PLAYER) as page:
        yield page


def test_a_phone_shows_everything_and_scrolls_only_the_picture(phone: Page) -> None:
    root = phone.locator(".flashsale").first
    shoot(phone, "phone")
    assert sideways(phone) == 0
    track = root.locator(".slider-container").first.bounding_box()
    assert track and track["width"] >= 240
    places = set()
    for name in ("protected", "tight door", "endless queue", "480 workers", "over the cliff", "naive"):
        press(phone, root.get_by_role("button", name=name))
        phone.wait_for_timeout(400)
        box, picture = root.bounding_box(), root.locator("img.widget-image").bounding_box()
        assert box and picture
        places.add((box["height"], picture["y"] - box["y"]))
    assert len(places) == 1, places
    frame = root.get_by_role("group", name="picture")
    press(phone, frame, "ArrowRight", 5)
    phone.wait_for_timeout(500)
    assert frame.evaluate("e => e.scrollLeft") > 50
    shoot(phone, "phone-scrolled")
    assert not violations(phone)
    shoot(phone, "phone-whole", whole=True)


def test_a_dark_page_is_readable(browser: Browser, serve: Callable[[str], Server]) -> None:
    server = serve(VOILA)
    name = server.write("dark.ipynb", EXPLORER, PLAYER)
    with window(browser, server) as page:
        page.goto(f"{server.url(name)}&theme=dark")
        root = page.locator(".flashsale").first
        press(page, root.get_by_role("button", name="pin"))
        expect(root.locator(".flashsale-pinned")).to_be_visible()
        expect(page.locator("#loading")).to_have_count(0)
        shoot(page, "dark")
        assert not violations(page)


def test_sliders_work_where_a_page_forbids_our_script(browser: Browser, serve: Callable[[str], Server]) -> None:
    server = serve(LAB)
    name = server.write("strict.ipynb", EXPLORER)

    with window(browser, server) as page:
        errors: list[Any] = []
        page.on("pageerror", lambda error: errors.append(error))
        open_notebook(page, server, name)
        page.evaluate("document.head.insertAdjacentHTML('beforeend', POLICY)".replace("POLICY", json.dumps(FORBID)))
        run_all(page)
        root = page.locator(".flashsale").first
        handle = root.locator(".noUi-handle").first
        handle.wait_for()
        assert handle.get_attribute("aria-label") is None, "the script ran after all"
        press(page, root.get_by_role("button", name="protected"))
        expect(root.get_by_role("status")).to_contain_text("22,482 of 33,550 buyers paid")
        press(page, handle, "ArrowRight", 5)
        expect(root.locator(".widget-slider").first).to_contain_text("200")
        expect(root.get_by_role("status")).to_contain_text("22,236 of 33,550 buyers paid")
        assert not errors


def test_notebook_00_runs_in_voila_as_it_is(browser: Browser, serve: Callable[[str], Server]) -> None:
    server = serve(VOILA)
    with window(browser, server) as page:
        errors: list[Any] = []
        page.on("pageerror", lambda error: errors.append(error))
        open_notebook(page, server, "notebooks/00_the_drop.ipynb")
        expect(page.get_by_role("button", name="Lock my guess")).to_be_visible()
        preset = page.get_by_title("Set the sliders to: protected")
        preset.scroll_into_view_if_needed()
        root = page.locator(".flashsale", has=preset)
        press(page, preset)
        expect(root.get_by_role("status")).to_contain_text("22,482 of 33,550 buyers paid")
        shoot(page, "voila-00")
        for wrong in (".jp-RenderedText[data-mime-type*=error]", ".jp-RenderedText[data-mime-type*=stderr]"):
            expect(page.locator(wrong)).to_have_count(0)
        broken = page.evaluate(
            "[...document.images].filter((i) => i.complete && !i.naturalWidth && i.offsetParent).length"
        )
        assert broken == 0 and not errors
