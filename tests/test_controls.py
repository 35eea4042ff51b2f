"""Explorers driven without a browser: every slider to both ends, every preset, random settings, and a bad setting."""

import html
import math
import random
from typing import Any

import numpy as np
import pytest

import flashsale_lib as fs
from flashsale_lib.classroom import stage
from flashsale_lib.classroom.controls import (
    PRESETS,
    Explorer,
    choices,
    drop_explorer,
    knob,
    presenter,
    slider,
)
from flashsale_lib.model.outcome import SERIES
from flashsale_lib.parameters import TABLE, Parameter, parameter
from flashsale_lib.parameters import check as parameter_check
from flashsale_lib.pictures.figures import DropPicture
from flashsale_lib.pictures.words import count, reading


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


def buttons_of(explorer: Explorer) -> list[Any]:
    return [w for w in explorer.widget.children[0].children if hasattr(w, "click")]


def test_buttons_press_the_presets(explorer: Explorer) -> None:
    buttons = buttons_of(explorer)
    assert [b.description for b in buttons] == [*PRESETS, "reset"]
    buttons[1].click()
    assert explorer.values == explorer.presets["protected"]
    buttons[-1].click()
    assert explorer.values == explorer.presets["naive"]


def test_random_settings(explorer: Explorer) -> None:
    """More of them, and for every explorer there is, in test_explorers.py."""
    draw = random.Random(12)
    for _ in range(20):
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


@pytest.mark.parametrize("big", [False, True], ids=["usual", "presenter"])
def test_drawing_one_panel_again_leaves_nothing_behind(big: bool) -> None:
    """Other windows and crowds change the limits, ticks and marks of single panels."""
    presenter(big)
    try:
        picture = DropPicture(fs.simulate(fs.Design.naive()))
        picture.png()
        for window in (600, 3600):
            for crowd in (0.01, 1, 30, 1):
                demand = fs.Demand.drop(window=window).scaled(crowd)
                outcome = fs.simulate(fs.Design.unlimited(workers=150), demand=demand)
                picture.update(outcome)
                assert picture.png() == DropPicture(outcome).png()
    finally:
        presenter(False)


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
    bundle, metadata = explorer._repr_mimebundle_()
    assert bundle["text/plain"] == repr(explorer)
    assert bundle["image/png"].startswith(b"\x89PNG") and metadata["image/png"]["alt"] == repr(explorer)
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


# --- compare, other parameters, presenter mode ------------------------------------------------------------------------


def test_a_pinned_result_stays_in_picture_words_and_table() -> None:
    explorer = drop_explorer()
    explorer.set(explorer.presets["protected"])
    kept = explorer.outcome
    explorer.pin_button.value = True
    explorer.set(explorer.presets["480 workers"])
    check(explorer)
    assert explorer.pinned is kept
    assert reading(kept) in html.unescape(explorer.pinned_line.value)
    row = f"<td>{count(explorer.outcome.paid)}</td>"
    assert row in explorer.table.value and f"<td>{count(kept.paid)}</td>" in explorer.table.value
    assert "pinned: number" in explorer.table.value
    picture = explorer.picture
    assert isinstance(picture, DropPicture)
    for line, name in picture.ghosts.items():
        assert line.get_visible()
        np.testing.assert_array_equal(line.get_ydata(), kept.series(name))
    pinned = {name: bar.get_width() * kept.arrived for name, bar in picture.pinned.items() if bar.get_visible()}
    assert pinned["paid"] == pytest.approx(kept.paid) and sum(pinned.values()) == pytest.approx(kept.arrived)
    with_pin = bytes(explorer.image.value)
    explorer.reset()
    assert explorer.pinned is None and not explorer.pin_button.value and explorer.pinned_line.value == ""
    assert not any(line.get_visible() for line in picture.ghosts)
    assert bytes(explorer.image.value) == bytes(drop_explorer().image.value) != with_pin  # nothing stays behind


def test_pinning_twice_keeps_the_first_and_an_error_is_not_pinned() -> None:
    explorer = drop_explorer(["workers"])
    first = explorer.outcome
    explorer.pin()
    explorer.set({"workers": 100})
    explorer.pin()
    assert explorer.pinned is first
    explorer.pin(False)
    explorer.compute = lambda values: fs.simulate(fs.Design(workers=-1))
    explorer.set({"workers": 50})
    assert "do not work" in repr(explorer)
    explorer.pin()
    assert explorer.pinned is None and not explorer.pin_button.value


def test_a_drop_explorer_takes_parameters_of_buyers_gateway_and_demand() -> None:
    presets = {"as it is": fs.Design(), "impatient": {"patience": 60.0, "surge": 350.0, "error_rate": 0.1}}
    explorer = drop_explorer(["workers", "patience", "surge", "error_rate", "skip_stale"], presets=presets)
    assert explorer.outcome.paid == fs.simulate().paid
    explorer.set(explorer.presets["impatient"])
    wanted = fs.simulate(
        demand=fs.Demand.drop(surge=350), buyers=fs.Buyers(patience=60), gateway=fs.PaymentGateway(error_rate=0.1)
    )
    assert explorer.outcome.paid == wanted.paid and explorer.outcome.arrived == wanted.arrived
    explorer.sliders["skip_stale"].value = False
    assert explorer.outcome.paid_late > 0
    explorer.reset()
    assert explorer.sliders["skip_stale"].value is True and explorer.outcome.paid == fs.simulate().paid


def test_what_is_given_stays_fixed_and_a_given_demand_has_no_sliders() -> None:
    troubled = fs.PaymentGateway(error_rate=0.05).brownout(100, 160, 0.2)
    explorer = drop_explorer(["workers", "decline_rate"], gateway=troubled, presets={"start": fs.Design()})
    assert explorer.outcome.paid == fs.simulate(gateway=troubled).paid
    with pytest.raises(fs.ParameterError, match="leave out one of the two"):
        drop_explorer(["surge"], demand=fs.Demand.drop())
    with pytest.raises(fs.UnknownParameterError, match="workes"):
        drop_explorer(["workes"])


def test_presets_lack_nothing_and_names_are_single() -> None:
    workers = parameter("design", "workers")
    with pytest.raises(fs.ParameterError, match="preset 'b' has no value for workers"):
        Explorer([workers], lambda v: fs.simulate(), DropPicture, {"a": {"workers": 10.0}, "b": {}})
    with pytest.raises(fs.ParameterError, match="two sliders of the same name"):
        Explorer([workers, workers], lambda v: fs.simulate(), DropPicture)


def test_knobs_refuse_impossible_ends() -> None:
    row = knob("arrival_rate", "calls/s", low=1, high=100, start=10, step=20, log=True)
    assert row.label == "arrival rate (calls/s)" and choices(row)[0] == 1 and choices(row)[-1] == 100
    servers = knob("servers", "servers", low=1, high=200, start=20, step=20, log=True, whole=True)
    assert all(x == round(x) for x in choices(servers)) and choices(servers)[:3] == [1, 2, 3]
    for bad in ({"low": 5, "high": 5}, {"low": 0, "high": 5, "log": True}, {"low": 0, "high": 5, "step": 0}):
        with pytest.raises(fs.ParameterError, match="mend the ends"):
            knob("x", "s", **{"start": 5, **bad})
    with pytest.raises(fs.ParameterError, match="starts at 7: must be from 0 to 5"):
        knob("x", "s", low=0, high=5, start=7)


def test_presenter_mode_enlarges_what_is_shown_and_what_comes() -> None:
    explorer = drop_explorer()
    explorer.pin()
    usual = width(bytes(explorer.image.value))
    assert "flashsale-presenter" not in explorer.widget._dom_classes
    presenter()
    try:
        assert width(bytes(explorer.image.value)) > 1.2 * usual
        assert "flashsale-presenter" in explorer.widget._dom_classes
        assert explorer.pinned is not None
        explorer.set({"workers": 300})
        assert width(bytes(explorer.image.value)) > 1.2 * usual
        later = drop_explorer()
        assert "flashsale-presenter" in later.widget._dom_classes and width(bytes(later.image.value)) > 1.2 * usual
    finally:
        presenter(False)
    assert width(bytes(explorer.image.value)) == usual and "flashsale-presenter" not in later.widget._dom_classes


def width(png: bytes) -> int:
    return int.from_bytes(png[16:20], "big")


def test_a_table_is_escaped_and_takes_a_pinned_one_beside_it() -> None:
    table = stage.html_table((("a", "b"), ("<i>", "1")), (("a", "b"), ("<i>", "2")))
    assert table.count("<tr>") == 2 and "&lt;i&gt;" in table and "pinned: b" in table and "<td>2</td>" in table
    assert stage.html_table(()) == ""
