"""Every explorer of the library and of the notebooks: to both ends of each slider, every preset, 200 random settings."""

import contextlib
import json
import random
from pathlib import Path
from typing import Any

import pytest

import flashsale_lib as fs
from flashsale_lib.classroom.controls import Explorer
from flashsale_lib.classroom.player import Player
from flashsale_lib.model.outcome import SERIES, Outcome

NOTEBOOKS = sorted((Path(__file__).resolve().parent.parent / "notebooks").glob("[0-9]*.ipynb"))
RANDOM = 200


def shown_in(path: Path) -> dict[str, Any]:
    """The explorers and players that a notebook shows, by cell."""
    import ast

    space: dict[str, Any] = {"__name__": "__main__"}
    found: dict[str, Any] = {}
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] != "code":
            continue
        tree = ast.parse("".join(cell["source"]))
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, path.name, "exec"), space)
        shown = eval(compile(ast.Expression(last.value), path.name, "eval"), space) if last is not None else None
        if isinstance(shown, Explorer | Player):
            found[f"{path.stem} {cell['id']}"] = shown
    return found


@pytest.fixture(scope="module", params=["library", *NOTEBOOKS], ids=lambda p: p if isinstance(p, str) else p.stem)
def shown(request: pytest.FixtureRequest) -> dict[str, Any]:
    if request.param == "library":
        more = fs.controls.drop_explorer(["patience", "workers", "surge"])
        return {"default": fs.controls.drop_explorer(), "buyers": more, "player": Player()}
    with contextlib.chdir(request.param.parent):  # where its kernel runs
        return shown_in(request.param)


def check(explorer: Explorer[Any]) -> None:
    """No error; finite; ledger closed; words, table and picture are those of the sliders and of nothing earlier."""
    assert not explorer.error, explorer.values
    result = explorer.outcome
    if isinstance(result, Outcome):
        assert abs(result.ledger().buyers.sum() - result.arrived) <= 1e-9 * max(result.arrived, 1.0)
        assert all(abs(result.series(name)).max() < 1e12 for name in SERIES)  # NaN would fail
    words = repr(explorer)
    assert words and "nan" not in words.lower().split() and "inf" not in words.lower().split(), words
    assert bytes(explorer.image.value).startswith(b"\x89PNG")
    for row in explorer.picture.table:
        assert all(cell for cell in row)


def test_explorers_at_both_ends_presets_and_random_settings(shown: dict[str, Any]) -> None:
    for where, explorer in shown.items():
        if not isinstance(explorer, Explorer):
            continue
        for name, control in explorer.sliders.items():
            ends = (
                [v for _, v in (control.options[0], control.options[-1])]
                if hasattr(control, "options")
                else [True, False]
            )
            for end in ends:
                explorer.reset()
                control.value = end
                assert explorer.values[name] == end
                check(explorer)
        for preset in explorer.presets.values():
            explorer.set(preset)
            check(explorer)
        explorer.reset()
        draw, start = random.Random(where), repr(explorer)
        for _ in range(RANDOM):
            explorer.set(
                {
                    n: draw.choice([v for _, v in getattr(c, "options", ((0, True), (1, False)))])
                    for n, c in explorer.sliders.items()
                }
            )
            check(explorer)
        fresh = explorer._draw(explorer.compute(explorer.values))
        assert fresh.reading == repr(explorer) and fresh.png() == bytes(explorer.image.value)
        explorer.reset()
        assert repr(explorer) == start


def test_players_at_every_end_and_random_moments_with_random_parts(shown: dict[str, Any]) -> None:
    for where, player in shown.items():
        if not isinstance(player, Player):
            continue
        draw = random.Random(where)
        for preset in player.presets.values():
            player.set(preset, off=(), at=player.outcome.time[0])
            assert not player.error
            player.set(at=player.outcome.time[-1])
            assert not player.error
        for _ in range(RANDOM):
            parts = [p for p, button in player.switches.items() if not button.disabled and draw.random() < 0.3]
            values = {n: draw.choice([v for _, v in c.options]) for n, c in player.sliders.items()}
            player.set(values, off=parts, at=float(draw.randint(0, int(player.outcome.time[-1]))))
            assert not player.error, (where, values, parts)
            outcome = player.outcome
            assert abs(outcome.ledger().buyers.sum() - outcome.arrived) <= 1e-9 * max(outcome.arrived, 1.0)
            words = repr(player)
            assert words and "nan" not in words.split() and "nan" not in player.image.value.lower().split('"')
