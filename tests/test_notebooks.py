"""What strict nbval cannot see: unexecuted cells, numbers in the prose, exercises, anatomy, cell length."""

import json
import re
from pathlib import Path
from typing import Any

import answers
import pytest

from flashsale_lib.classroom import exercises

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
NUMBER = re.compile(r"(?<![\w.])\d[\d,]*(?:\.\d+)?(?![\w])")

every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def cells(path: Path, kind: str) -> list[dict[str, Any]]:
    found = [c for c in json.loads(path.read_text(encoding="utf-8"))["cells"] if c["cell_type"] == kind]
    for cell in found:
        cell["text"] = "".join(cell["source"])
    return found


def told(output: Any) -> str:
    """What one output says: what was printed, or the text of what was shown."""
    return "".join(output.get("text", output.get("data", {}).get("text/plain", "")))


def outputs(path: Path) -> str:
    """All text that the cells of a notebook print or show."""
    return "\n".join(told(output) for cell in cells(path, "code") for output in cell["outputs"])


@every_notebook
def test_every_code_cell_was_executed_and_none_failed(path: Path) -> None:
    code = cells(path, "code")
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    assert not [o for cell in code for o in cell["outputs"] if o["output_type"] == "error"]


@every_notebook
def test_cells_are_short_enough_to_explain(path: Path) -> None:
    assert len(cells(path, "code")) + len(cells(path, "markdown")) <= 45
    assert max(len(cell["text"].splitlines()) for cell in cells(path, "code")) <= 15


@every_notebook
def test_printed_lines_fit_a_projector(path: Path) -> None:
    """JupyterLab with its file list open, 1280 pixels wide, breaks lines of more than 104 characters within a word."""
    printed = [
        line
        for cell in cells(path, "code")
        for output in cell["outputs"]
        if "text" in output or set(output.get("data", {})) == {"text/plain"}
        for line in told(output).splitlines()
        if not line.startswith("Prediction: ")  # there a widget stands
    ]
    assert [line for line in printed if len(line) > 104] == []


WORDS, LINE, PICTURE, GUESS, PLAY = 170, 4 / 60, 0.5, 1.5, 2.5
"""Words a minute; minutes for a line of code or of output, a picture, a locked guess, the sliders of Explore (whose code is skipped)."""


def minutes(path: Path) -> float:
    """What the main path takes: without sections that end in (optional), exercises and what follows them."""
    total, counts, exploring = PLAY, True, False
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        text = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            for line in text.splitlines():
                if line.startswith("## "):
                    exploring = line.startswith("## Explore")
                    counts = not line.rstrip().endswith("(optional)")
                    if line.startswith("## Exercises"):
                        return total
                total += counts * len(re.findall(r"\w+", re.sub(r"\(https?://[^)]*\)", "", line))) / WORDS
        elif counts:
            total += 0 if exploring and "explore" in cell["id"] else LINE * written(text)
            for output in cell["outputs"]:
                if "image/png" in output.get("data", {}):
                    total += PICTURE  # its text is for those who cannot see it
                else:
                    total += GUESS if told(output).startswith("Prediction") else LINE * written(told(output))
    raise AssertionError("no exercises")


def written(text: str) -> int:
    """The lines of a text that are not empty."""
    return sum(bool(line.strip()) for line in text.splitlines())


@every_notebook
def test_the_minutes_are_honest(path: Path) -> None:
    """By the pace above, fitted to what eight readers of 01 to 08 estimated: their mean, each within 2 minutes."""
    (stated,) = re.findall(r"^\*\*(?:\d+ to )?(\d+) minutes\*\*", cells(path, "markdown")[0]["text"], flags=re.M)
    assert minutes(path) <= int(stated)


@every_notebook
def test_the_sections_come_in_the_order_of_the_series(path: Path) -> None:
    text = "\n".join(cell["text"] for cell in cells(path, "markdown"))
    wanted = ["Predict", "Check", "Explore", "Break it", "Decide", "In production", "Key points", "Exercises", "Next"]
    places = [text.find(f"## {heading}") for heading in wanted]
    assert -1 not in places, f"missing: {wanted[places.index(-1)]}"
    assert places[0] < min(places[1:]) and places[4:] == sorted(places[4:])


@every_notebook
def test_every_number_in_the_prose_is_printed_by_a_cell_or_sourced(path: Path) -> None:
    prose = "\n".join(cell["text"] for cell in cells(path, "markdown"))
    prose = re.sub(r"## In production.*?(?=\n## )", "", prose, flags=re.S)  # facts with sources
    unknown = unprinted(prose, path)
    assert not unknown, unknown


def unprinted(prose: str, path: Path) -> list[str]:
    """Numbers of three digits or more, and per cents, that a notebook does not print. Code, hints and solutions are exempt."""
    known = outputs(path) + "\n" + "\n".join(cell["text"] for cell in cells(path, "code"))
    printed = {n.replace(",", "").replace("_", "") for n in NUMBER.findall(known.replace("_", ""))}
    prose = re.sub(r"```.*?```|<details>.*?</details>|<code>.*?</code>|12:00(:\d\d)?", "", prose, flags=re.S)
    unknown = []
    for match in NUMBER.finditer(prose):
        number = match.group().rstrip(",").replace(",", "")
        percent = prose[match.end() : match.end() + 2] == " %"
        if (
            (len(number.replace(".", "")) >= 3 or percent)
            and number not in printed
            and not _rounds_a_printed(number, printed, percent)
        ):
            unknown.append(prose[max(0, match.start() - 30) : match.end() + 10].replace("\n", " "))
    return unknown


def _rounds_a_printed(number: str, printed: set[str], percent: bool) -> bool:
    """Whether a printed number, rounded to the digits of the prose, gives it; a per cent may be printed as a share."""
    digits = len(number.partition(".")[2])
    factors = (1.0, 100.0) if percent else (1.0,)
    return any(f"{float(p) * f:.{digits}f}" == number for p in printed for f in factors)


@every_notebook
def test_every_stored_picture_carries_its_words(path: Path) -> None:
    """As alt text: pages made from a notebook show it to a screen reader."""
    pictures = [o for c in cells(path, "code") for o in c["outputs"] if "image/png" in o.get("data", {})]
    assert pictures
    for output in pictures:
        assert output["metadata"]["image/png"]["alt"] == "".join(output["data"]["text/plain"])


@every_notebook
def test_facts_in_production_carry_a_plain_link(path: Path) -> None:
    text = "\n".join(cell["text"] for cell in cells(path, "markdown"))
    facts = text.split("## In production")[1].split("\n## ")[0].split("\n- ")[1:]
    assert 2 <= len(facts) <= 4
    assert all(re.search(r"\(Source: https://\S+\)", fact) for fact in facts)


def test_the_bank_of_keys_is_the_one_made_from_the_answers() -> None:
    assert answers.BANK.read_text(encoding="utf-8") == answers.bank(), "run: python tests/answers.py"


@pytest.mark.parametrize("name", answers.ANSWERS)
def test_right_answers_pass_and_wrong_ones_get_the_feedback_meant_for_them(name: str) -> None:
    wanted = answers.ANSWERS[name]
    exercise = exercises.exercise(name)
    assert len(wanted["wrong"]) >= 3
    for answer, feedback in wanted["wrong"].items():
        assert exercise.verdict(answer) == f"not yet. {feedback}"
    assert not exercise.solved
    assert exercise.verdict(wanted["right"]).startswith("right.")
    assert exercise.solved


@every_notebook
def test_folded_solutions_solve_the_exercises(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs the notebook's own cells, then each solution from its text, as a learner would paste it."""
    monkeypatch.chdir(path.parent)
    space: dict[str, Any] = {}
    for cell in cells(path, "code"):
        exec(compile(cell["text"], path.name, "exec"), space)
    found = 0
    for cell in cells(path, "markdown"):
        folded = re.findall(r"<summary>Solution</summary>\s*```python\n(.*?)```", cell["text"], flags=re.S)
        for solution in folded:
            found += 1
            number = re.search(r"answer_(\d+)", solution)
            assert number, solution
            exec(solution, space)
            exercise = space[f"exercise_{number[1]}"]
            assert exercise.verdict(space[f"answer_{number[1]}"]).startswith("right."), solution
            assert cell["text"].count("<summary>Hint ") == 3
    assert found >= 2
