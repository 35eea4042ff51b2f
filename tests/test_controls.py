"""Explorers driven without a browser: every slider to both ends, every preset, random settings, and a bad setting."""

import math
import random

import numpy as np
import pytest

import flashsale_lib as fs
from flashsale_lib.controls import PRESETS, Explorer, choices, drop_explorer, slider
from flashsale_lib.figures import DropPicture
from flashsale_lib.outcome import SERIES
from flashsale_lib.parameters import TABLE, Parameter, parameter
from flashsale_lib.parameters import check as parameter_check
from flashsale_lib.words import count, reading


@pytest.fixture(scope="module")
def explorer() -> Explorer:
    return drop_explorer()


def check(explorer: Explorer) -> None:
    """What must hold after any move: no error shown, ledger closed, all finite, words and table with the numbers."""
    outcome = explorer.outcome
    assert "do not work" not in explorer.line.value
    assert abs(outcome.ledger().buyers.sum() - outcome.arrived) <= 1e-9 * outcome.arrived
    for name in SERIES:
        assert np.isfinite(outcome.series(name)).all(), name
    # The outcome shown is that of the sliders, not of an earlier move.
    again = explorer.compute(explorer.values)
    assert again.paid == outcome.paid
    assert repr(explorer) == reading(again)
    assert f"{count(again.paid)} of {count(again.arrived)} buyers paid" in explorer.line.value
    assert f">{count(again.paid)}</td>" in explorer.table.value
    assert bytes(explorer.image.value).startswith(b"\x89PNG")


def test_every_slider_at_both_ends(explorer: Explorer) -> None:
    for name, control in explorer.sliders.items():
        for end in (0, -1):
            explorer.reset()
            control.value = control.options[end][1]
            check(explorer)
            assert explorer.values[name] == control.options[end][1]


def test_every_preset_and_reset(explorer: Explorer) -> None:
    for name, design in PRESETS.items():
        explorer.set(explorer.presets[name])
        check(explorer)
        assert explorer.values["workers"] == design.workers
        assert explorer.values["queue_limit"] == design.queue_limit
    explorer.reset()
    assert explorer.values == explorer.presets["naive"]
    check(explorer)


def test_settings_without_a_slider_follow_the_preset() -> None:
    explorer = drop_explorer(["workers"])
    explorer.set(explorer.presets["tight door"])
    assert explorer.outcome.paid == fs.simulate(PRESETS["tight door"]).paid
    explorer.sliders["workers"].value = 100.0
    assert explorer.outcome.paid == fs.simulate(fs.Design(admit_rate=80, queue_limit=500, workers=100)).paid


def test_an_unknown_setting_is_refused(explorer: Explorer) -> None:
    with pytest.raises(fs.UnknownParameterError, match="no setting 'worker'"):
        explorer.set({"worker": 10})


def test_buttons_press_the_presets(explorer: Explorer) -> None:
    buttons = [w for w in explorer.widget.children[0].children if hasattr(w, "click")]
    assert [b.description for b in buttons] == [*PRESETS, "reset"]
    buttons[1].click()
    assert explorer.values == explorer.presets["protected"]
    buttons[-1].click()
    assert explorer.values == explorer.presets["naive"]


def test_200_random_settings(explorer: Explorer) -> None:
    draw = random.Random(12)
    for _ in range(200):
        explorer.set({name: draw.choice(c.options)[1] for name, c in explorer.sliders.items()})
        check(explorer)


def test_the_plotted_data_is_the_outcome(explorer: Explorer) -> None:
    explorer.set(explorer.presets["protected"])
    picture, outcome = explorer.picture, explorer.outcome
    assert isinstance(picture, DropPicture)
    for line, values in (
        (picture.arriving, outcome.offered),
        (picture.admitted, outcome.admitted),
        (picture.paying, outcome.goodput),
        (picture.waiting, outcome.queue),
        (picture.flying, outcome.in_flight),
    ):
        np.testing.assert_array_equal(line.get_xdata(), outcome.time)
        np.testing.assert_array_equal(line.get_ydata(), values)
    widths = {name: bar.get_width() * outcome.arrived for name, bar in picture.bars.items()}
    assert widths["paid"] == pytest.approx(outcome.paid)
    assert sum(widths.values()) == pytest.approx(outcome.arrived)


def test_moving_gives_the_picture_that_a_fresh_drawing_gives(explorer: Explorer) -> None:
    """Only what moved is drawn again; nothing of the old picture may stay behind."""
    for name in ("protected", "tight door", "480 workers", "naive"):
        explorer.set(explorer.presets[name])
        moved = explorer.picture.png()
        explorer.picture.rescale()
        assert explorer.picture.png() == moved
        assert DropPicture(explorer.outcome).png() == moved


def test_a_failing_computation_is_shown_and_the_next_move_works() -> None:
    def compute(values: dict[str, float]) -> fs.Outcome:
        if values["workers"] == 10:
            raise RuntimeError("no <b>workers</b>")
        return fs.simulate(fs.Design(workers=values["workers"]))

    explorer = Explorer([parameter("design", "workers")], compute, DropPicture, {"start": {"workers": 150.0}})
    explorer.set({"workers": 10})
    assert "These settings do not work" in explorer.line.value and "&lt;b&gt;" in explorer.line.value
    assert repr(explorer) == "These settings do not work: no <b>workers</b>"
    assert explorer.image.layout.visibility == "hidden" and explorer.table.value == ""
    explorer.set({"workers": 200})
    assert "buyers paid" in explorer.line.value and explorer.image.layout.visibility == "visible"


def test_without_a_kernel_there_is_text_and_a_picture(explorer: Explorer) -> None:
    bundle = explorer._repr_mimebundle_()
    assert bundle["text/plain"] == repr(explorer)
    assert bundle["image/png"].startswith(b"\x89PNG")
    assert "application/vnd.jupyter.widget-view+json" in bundle


@pytest.mark.parametrize("row", [r for r in TABLE if not r.flag], ids=lambda r: f"{r.owner}.{r.name}")
def test_every_slider_offers_legal_distinct_labelled_values(row: Parameter) -> None:
    offered = choices(row)
    assert offered == sorted(set(offered)) and 2 <= len(offered) <= 300
    for value in offered:
        assert parameter_check(row, value) == value
    control = slider(row, offered[0])
    labels = [label for label, _ in control.options]
    assert len(set(labels)) == len(labels)
    assert control.description == row.label and row.unit in row.label
    assert math.isinf(offered[-1]) == row.slider.unlimited
