"""Every check of the project, one after the other: `make test`, or `python tests/check.py` where there is no make.

Each check runs even when an earlier one failed; the exit code is 0 only when all of them passed.
"""

import os
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "msedge",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)
PYTEST = ("-m", "pytest")
# A notebook's kernel is one session: its cells stay together (loadfile), and a warning it prints is an output that
# strict nbval compares; warnings of the test machinery itself (-W default) are not ours.
NBVAL = ("--nbval", "--nbval-current-env", "--nbval-cell-timeout=120", "--nbval-sanitize-with=tests/sanitize.cfg")
CHECKS = {
    "lint": ("-m", "ruff", "check", "."),
    "format": ("-m", "ruff", "format", "--check", "."),
    "types": ("-m", "mypy"),
    "tests": (*PYTEST, "-n", "2", "--cov", "--ignore=tests/browser"),
    "notebooks": (*PYTEST, *NBVAL, "-W", "default", "-n", "2", "--dist", "loadfile", "notebooks/"),
    "browser": (*PYTEST, "tests/browser"),
}


def find_browser() -> str | None:
    """Path of a Chromium (or Chrome, or Edge) on this machine; the variable FLASHSALE_BROWSER names another."""
    found = map(shutil.which, filter(None, (os.environ.get("FLASHSALE_BROWSER"), *BROWSERS)))
    return next(filter(None, found), None)


def versions() -> str:
    """What this run stands on, for whoever reads its log."""
    from importlib.metadata import PackageNotFoundError, version

    lines = [f"Python {platform.python_version()} on {platform.platform()}, {os.cpu_count()} cores"]
    for name in "numpy scipy pandas matplotlib ipywidgets jupyterlab numba simpy nbval pytest ruff mypy".split():
        try:
            lines.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            lines.append(f"{name} not installed")
    return ", ".join(lines) + f", browser {find_browser() or 'not found'}"


def main() -> int:
    """Run the checks named on the command line, or all of them; return the exit code."""
    names = sys.argv[1:] or list(CHECKS)
    unknown = [name for name in names if name not in CHECKS]
    if unknown:
        print(f"no check called {', '.join(unknown)}; there are: {', '.join(CHECKS)}")
        return 2
    print(versions(), flush=True)
    # The first import of pyplot on a machine prints that it builds a font cache: not in a notebook's output, please.
    subprocess.run([sys.executable, "-W", "ignore", "-c", "import matplotlib.pyplot"], stderr=subprocess.DEVNULL)
    results = {}
    if "types" in names and os.environ.get("UV_RESOLUTION", "").startswith("lowest"):
        print("\ntypes: left out, since the oldest dependencies are annotated differently; see the run on the newest.")
        names.remove("types")
    for name in names:
        print(f"\n=== {name}: python {' '.join(CHECKS[name])}", flush=True)
        start = time.perf_counter()
        done = subprocess.run([sys.executable, *CHECKS[name]], cwd=ROOT)
        results[name] = done.returncode
        print(f"=== {name}: {'passed' if done.returncode == 0 else 'FAILED'}, {time.perf_counter() - start:.0f} s")
    if "browser" in names and find_browser() is None:
        print(
            "\nThe browser tests did NOT run: no Chromium, Chrome or Edge found; install one or set FLASHSALE_BROWSER."
        )
    failed = [name for name, code in results.items() if code]
    print(f"\nFailed: {', '.join(failed)}" if failed else "\nAll checks passed.")
    return 1 if failed else 0


if __name__ == "__main__":
    if sys.argv[1:] == ["--find-browser"]:
        print(find_browser() or "no browser found")
        sys.exit(find_browser() is None)
    sys.exit(main())
