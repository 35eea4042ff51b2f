"""How widgets stand on the page: presenter mode, a phone, a dark page, a page that forbids scripts, notebook 00 in Voila."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from conftest import (
    HALL,
    LAB,
    PHONE,
    PREDICTIONS,
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

EXPLORER = "import flashsale_lib as fs\n\nfs.controls.drop_explorer()"
FORBID = """<meta http-equiv="Content-Security-Policy" content="script-src-attr 'none'">"""
PLAYER = "fs.player.Player(at=100)"


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


def test_presenter_mode_is_larger_and_fits_the_projector(browser: Browser, serve: Callable[[str], Server]) -> None:
    with shown(browser, serve(LAB), ROOM, EXPLORER, PLAYER, "fs.controls.presenter()") as page:
        root, player = page.locator(".flashsale").nth(0), page.locator(".flashsale").nth(1)
        preset = page.get_by_title("Set the sliders to: protected")
        for size in (ROOM, HALL):
            page.set_viewport_size(size)
            bring(page, preset)
            press(page, preset)
            expect(root.get_by_role("status")).to_contain_text("22,482 of 33,550 buyers paid")
            name = f"presenter-{size['width']}x{size['height']}"
            font = root.evaluate("e => parseFloat(getComputedStyle(e.querySelector('.flashsale-reading')).fontSize)")
            assert font >= 19, "too small for the back row"
            for part in (root, player):
                bring(page, part)
                part.evaluate("e => e.scrollIntoView({block: 'start'})")
                page.wait_for_timeout(500)
                shoot(page, f"{name}-{'explorer' if part is root else 'player'}")
                picture, box = part.locator(".flashsale-picture").bounding_box(), part.bounding_box()
                assert picture and box and picture["x"] + picture["width"] <= box["x"] + box["width"] + 1
                # From the presets to the foot of the picture it is what the notebook shows at once.
                window = page.locator(".jp-WindowedPanel-outer").bounding_box()
                assert window and picture["y"] + picture["height"] - box["y"] <= window["height"]
            assert sideways(page) == 0
            assert not violations(page)


@pytest.fixture(scope="module")
def phone(browser: Browser, serve: Callable[[str], Server]) -> Iterator[Page]:
    with shown(browser, serve(VOILA), PHONE, EXPLORER, PLAYER, PREDICTIONS) as page:
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
    for part in ("player", "predictions"):
        bring(phone, phone.get_by_role("button", name={"player": "To the start", "predictions": "Lock my curve"}[part]))
        phone.wait_for_timeout(300)
        shoot(phone, f"phone-{part}")


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
