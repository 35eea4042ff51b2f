"""The instructor's material agrees with the notebooks: minutes add up, buttons and cells exist, numbers are printed there."""

import re
from itertools import pairwise
from pathlib import Path

import pytest
from test_notebooks import NOTEBOOKS, cells, unprinted

from flashsale_lib.classroom.controls import PRESETS

TEXT = (NOTEBOOKS[0].parent / "TEACHING.md").read_text(encoding="utf-8")
ON_EVERY_EXPLORER = {"pin", "reset", *PRESETS}

every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def part(heading: str) -> str:
    """What stands under a heading, up to the next of the same rank."""
    rank = heading.split(" ")[0]
    _, _, rest = TEXT.partition(f"\n{heading}")
    assert rest, f"no section {heading!r}"
    return re.split(rf"\n#{{1,{len(rank)}}} ", rest)[0]


def rows(table: str) -> list[list[str]]:
    """The cells of a Markdown table, without its head."""
    lines = [line for line in table.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def minutes(clock: str) -> int:
    hours, _, rest = clock.partition(":")
    return 60 * int(hours) + int(rest)


@pytest.mark.parametrize(
    ("sheet", "total"), [("The kata only: 40", 40), ("90 minutes", 90), ("Half a day: 3 hours 45", 225)]
)
def test_the_minutes_of_a_run_sheet_add_up(sheet: str, total: int) -> None:
    steps = [(minutes(start), int(length)) for start, length, *_ in rows(part(f"### {sheet}"))]
    assert steps[0][0] == 0 and sum(steps[-1]) == total
    assert all(start + length == following for (start, length), (following, _) in pairwise(steps))


@every_notebook
def test_every_number_said_in_class_is_printed_by_the_notebook(path: Path) -> None:
    said = re.sub(r"\*\*They say\*\*.*?\*\*You say\*\*", "", part(f"### {path.stem[:2]} "))  # wrong guesses are theirs
    assert not unprinted(said, path)


@every_notebook
def test_every_button_of_a_demo_is_there(path: Path) -> None:
    code = "\n".join(cell["text"] for cell in cells(path, "code"))
    demo = part(f"### {path.stem[:2]} ").split("**Demo")[1]
    pressed = re.findall(r"\*\*(.+?)\*\*", demo.partition("**")[2])
    assert pressed
    for button in pressed:
        assert button in ON_EVERY_EXPLORER or any(f'"{b}"' in code for b in (button, button.replace(" ", "_"))), button


def test_every_misconception_is_met_in_the_cell_that_the_table_names() -> None:
    table = rows(part("## Misconceptions"))
    assert sorted({int(row[0]) for row in table}) == list(range(1, 23))
    by_number = {path.stem[:2]: path for path in NOTEBOOKS}
    named = set()
    for number, _, notebook, cell_id, _ in table:
        (cell,) = [c for c in cells(by_number[notebook], "code") if c["id"] == cell_id.strip("`")]
        assert f"misconception-{int(number):02}" in cell["metadata"]["tags"]
        named.add((notebook, cell["id"], int(number)))
    tagged = {
        (path.stem[:2], cell["id"], int(tag.rpartition("-")[2]))
        for path in NOTEBOOKS
        for cell in cells(path, "code")
        for tag in cell["metadata"].get("tags", ())
        if tag.startswith("misconception-")
    }
    assert named == tagged
