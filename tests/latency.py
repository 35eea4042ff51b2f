"""How long the learner waits for the picture after a key moves a slider, in JupyterLab in headless Chromium.

    python tests/latency.py             the explorer of a drop, and the same picture drawn by `ipywidgets.interact`
    python tests/latency.py --nagle     the same, with the server's own way of sending small messages

It is measured in the page, from the key event to "painted": the first animation frame after the new image's load event.
A headless browser has a frame every 16.7 ms whether or not something moves, so half a frame of it is chance.
"""

import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "browser")]

from check import find_browser  # noqa: E402
from conftest import FLAGS, LAB, open_notebook, run_all, serving, window  # noqa: E402
from playwright.sync_api import Locator, Page, sync_playwright  # noqa: E402

MOVES = 40
BARS = {"median": 45.0, "p95": 80.0}
PLAIN_SERVER = (
    "--ServerApp.kernel_websocket_connection_class="
    "jupyter_server.services.kernels.connection.channels.ZMQChannelsWebsocketConnection"
)
EXPLORER = """import flashsale_lib as fs

explorer = fs.controls.drop_explorer()
explorer"""
INTERACT = """%matplotlib inline
import ipywidgets
from IPython.display import display

slider = explorer.sliders["workers"]

def show(workers):
    outcome = explorer.compute({**explorer.presets["naive"], "workers": workers})
    display(fs.figures.DropPicture(outcome).figure)

ipywidgets.interact(show, workers=ipywidgets.SelectionSlider(options=slider.options, value=800.0))
None"""
MOVE = """async ([output, key]) => {
  const now = () => performance.now(), images = () => [...output.querySelectorAll("img")].filter((i) => i.offsetParent);
  const old = images().at(-1).src;
  const image = new Promise((found) => {
    const look = () => {
      const fresh = images().find((i) => i.src && i.src !== old);
      if (fresh) { watch.disconnect(); found(fresh); }
    };
    const watch = new MutationObserver(look);
    watch.observe(output, { subtree: true, childList: true, attributes: true, attributeFilter: ["src"] });
  });
  const start = now();
  document.activeElement.dispatchEvent(new KeyboardEvent("keydown", {
    key, keyCode: key === "ArrowRight" ? 39 : 37, bubbles: true, cancelable: true,
  }));
  const fresh = await image, set = now();
  if (!fresh.complete) await new Promise((loaded) => fresh.addEventListener("load", loaded, { once: true }));
  const loaded = now();
  await new Promise((painted) => requestAnimationFrame(() => {
    const after = new MessageChannel();
    after.port1.onmessage = painted;
    after.port2.postMessage(0);
  }));
  return [set - start, loaded - start, now() - start];
}"""
"""Presses a key on the slider that has the focus; ms until the page has the image, has decoded it, has painted it."""


def measure(page: Page, root: Locator) -> list[list[float]]:
    """Times of 40 moves of the slider of workers, from 800 down to 400: across the cliff, with every axis changing."""
    handle = root.locator(".widget-slider", has_text="workers").locator(".noUi-handle")
    handle.scroll_into_view_if_needed()
    output = root.evaluate_handle("e => e.closest('.jp-OutputArea') || e")
    rows = []
    for i in range(-3, MOVES):  # the first three warm up
        handle.focus()
        row = page.evaluate(MOVE, [output, "ArrowRight" if i < 0 else "ArrowLeft"])
        page.wait_for_timeout(60)
        rows += [row] if i >= 0 else []
    return rows


def report(name: str, rows: list[list[float]]) -> dict[str, float]:
    """Print the times, and return the two that count."""
    cells = []
    for column in zip(*rows, strict=True):
        ordered = sorted(column)
        cells += [(statistics.median(ordered), ordered[round(0.95 * len(ordered)) - 1])]
    print(f"{name:>9} | " + " | ".join(f"{median:6.1f} {late:6.1f}" for median, late in cells))
    return dict(zip(BARS, cells[-1], strict=True))


def main() -> int:
    """Measure, print, and return 1 if the explorer misses a bar."""
    browser_path = find_browser()
    if browser_path is None:
        print("no Chromium, Chrome or Edge found; install one or set FLASHSALE_BROWSER")
        return 2
    options: Any = (PLAIN_SERVER,) if "--nagle" in sys.argv[1:] else ()
    with (
        tempfile.TemporaryDirectory() as base,
        serving(LAB, Path(base), *options) as server,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=browser_path, args=FLAGS)
        name = server.write("latency.ipynb", EXPLORER, INTERACT)
        with window(browser, server) as page:
            open_notebook(page, server, name)
            run_all(page)
            outputs = page.locator(".jp-Cell-outputArea")
            outputs.nth(1).locator("img").wait_for()
            print(f"{MOVES} moves, ms: median and p95 until the page has the image | has decoded it | has painted it")
            ours = report("explorer", measure(page, outputs.nth(0)))
            report("interact", measure(page, outputs.nth(1)))
        browser.close()
    missed = [f"{name} {ours[name]:.1f} (bar: below {bar:.0f})" for name, bar in BARS.items() if ours[name] >= bar]
    print(f"the explorer misses: {', '.join(missed)}" if missed else "the explorer is within its bars")
    return bool(missed)


if __name__ == "__main__":
    sys.exit(main())
