"""Pictures: the words carry the numbers, the artists carry the data, the bytes are the same every time."""

import numpy as np
import pytest

import flashsale_lib as fs
from flashsale_lib.pictures.canvas import round_up
from flashsale_lib.pictures.figures import FASTEST, FATES, DropPicture, clock_times, clocks, curve, fates, ledger
from flashsale_lib.pictures.words import count, seconds, share, value


@pytest.fixture(scope="module")
def outcomes() -> dict[str, fs.Outcome]:
    return {"naive": fs.simulate(fs.Design.naive()), "protected": fs.simulate()}


def test_fates_add_up_to_everyone(outcomes: dict[str, fs.Outcome]) -> None:
    for outcome in outcomes.values():
        assert sum(fates(outcome).values()) == pytest.approx(outcome.arrived, rel=1e-9)


def test_the_ledger_draws_and_says_the_same(outcomes: dict[str, fs.Outcome]) -> None:
    picture = ledger(outcomes)
    patches = picture.figure.axes[0].patches
    drawn = sum(p.get_width() for p in patches)
    assert drawn == pytest.approx(len(outcomes), abs=0.002 * len(outcomes))  # parts below 0.1 % are left out
    for outcome in outcomes.values():
        assert f"paid {count(outcome.paid)}" in repr(picture)
        assert any(np.isclose(p.get_width() * outcome.arrived, outcome.paid) for p in patches)


def test_the_clocks_draw_and_say_the_same(outcomes: dict[str, fs.Outcome]) -> None:
    picture = clocks(outcomes)
    lines = picture.figure.axes[0].lines
    for line, outcome in zip(lines, outcomes.values(), strict=True):
        times = clock_times(outcome, 0.95)
        np.testing.assert_allclose(line.get_xdata(), times)
        assert all(seconds(t) in repr(picture) for t in times)
        # No part takes longer than the whole, and the whole not longer than its parts together.
        assert max(times[1:3]) <= times[3] <= times[1] + times[2]


def test_a_narrow_part_of_the_ledger_carries_its_number_upright_and_inside() -> None:
    run = fs.simulate(fs.Design(queue_limit=0))  # 4.1 % declined
    (axes,) = ledger({"no queue": run}).figure.axes
    (text,) = (t for t in axes.texts if t.get_rotation() == 90)
    assert text.get_text() == "1,376"
    box, part = text.get_window_extent(), axes.patches[1].get_window_extent()
    assert part.x0 < box.x0 and box.x1 < part.x1 and part.y0 < box.y0 and box.y1 < part.y1


def test_a_clock_of_no_time_at_all_stands_at_the_edge_and_says_so() -> None:
    picture = clocks({"no queue": fs.simulate(fs.Design(queue_limit=0)), "12,000": fs.simulate(), "too": fs.simulate()})
    (axes,) = picture.figure.axes
    assert axes.lines[0].get_xdata()[1] == FASTEST == axes.get_xlim()[0]
    assert "queue 0 ms" in repr(picture) and any(text.get_text() == "0 ms (off the scale)" for text in axes.texts)
    heights = np.concatenate([line.get_ydata() for line in axes.lines])
    assert np.sort(heights).reshape(4, 3) == pytest.approx(heights.reshape(3, 4).T)  # a clock's markers stand together
    assert (np.abs(heights.reshape(3, 4) - np.arange(4)) < 0.45).all()  # in the clock's own band
    boxes = [text.get_window_extent() for text in axes.texts]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_names_on_a_curve_stay_inside_off_the_line_and_off_each_other() -> None:
    x = np.arange(10, 801, 10.0)
    y = 22_000 * np.minimum(x / 80, 1) * np.where(x > 330, 0.2, 1)
    marks = {"first": 10.0, "80 workers": 80.0, "240 workers": 240.0, "250 workers": 250.0, "800 workers": 800.0}
    (axes,) = curve(x, y, xlabel="workers", ylabel="paid", marks=marks).figure.axes
    assert next(text.get_text() for text in axes.texts) == "first\n2,750"
    labels = [text.get_window_extent() for text in axes.texts]
    assert all(axes.bbox.x0 <= box.x0 and box.x1 <= axes.bbox.x1 for box in labels)
    line = axes.transData.transform(np.column_stack([x, y]))
    assert not any(box.contains(*point) for box in labels for point in line)
    assert not any(a.overlaps(b) for i, a in enumerate(labels) for b in labels[:i])


def test_a_picture_has_the_same_bytes_every_time(outcomes: dict[str, fs.Outcome]) -> None:
    assert ledger(outcomes).png() == ledger(outcomes).png()
    assert clocks(outcomes).png() == clocks(outcomes).png()
    assert DropPicture(outcomes["naive"]).png() == DropPicture(outcomes["naive"]).png()


@pytest.mark.parametrize(
    "design",
    [fs.Design(workers=0), fs.Design(admit_rate=0), fs.Design(timeout=1000.0), fs.Design(timeout=0.5)],
    ids=["no workers", "closed door", "endless timeout", "hasty timeout"],
)
def test_extreme_drops_can_be_drawn(design: fs.Design) -> None:
    outcome = fs.simulate(design)
    assert DropPicture(outcome).png().startswith(b"\x89PNG")
    assert clocks({"extreme": outcome}).png().startswith(b"\x89PNG")
    assert ledger({"extreme": outcome}).png().startswith(b"\x89PNG")


def test_no_demand_can_be_drawn() -> None:
    outcome = fs.simulate(demand=fs.Demand([0, 60], [0, 0]))
    assert "0 of 0 buyers paid (0 %)" in repr(DropPicture(outcome))
    assert "accept nobody, queue nobody" in repr(clocks({"nobody": outcome}))
    assert ledger({"nobody": outcome}).png().startswith(b"\x89PNG")


def test_every_fate_differs_by_more_than_colour() -> None:
    looks = [(hatch, colour) for _, colour, hatch, _ in FATES.values()]
    assert len({hatch for hatch, _ in looks if hatch}) == sum(bool(hatch) for hatch, _ in looks)


@pytest.mark.parametrize(
    ("number", "words"),
    [(0.0384, "38 ms"), (1.54, "1.5 s"), (47.6, "48 s"), (182.2, "3 min 02 s"), (59.96 * 60, "59 min 58 s"),
     (7200, "2 h 00 min"), (8e8, "9,259 days"), (float("inf"), "never"), (float("nan"), "nobody"), (0, "0 ms")],
)  # fmt: skip
def test_times_in_words(number: float, words: str) -> None:
    assert seconds(number) == words


def test_counts_shares_and_values_in_words() -> None:
    assert (count(12345.4), count(float("inf"))) == ("12,345", "no limit")
    assert (share(1, 7), share(1, 80), share(0, 5), share(3, 0)) == ("14 %", "1.2 %", "0 %", "0 %")
    assert value(fs.parameter("design", "admit_rate"), float("inf")) == "no limit"
    assert value(fs.parameter("design", "skip_stale"), True) == "yes"
    assert value(fs.parameter("gateway", "coherency"), 3.9e-5) == "3.9e-05"


def test_axis_limits_move_in_big_steps() -> None:
    assert [round_up(x) for x in (0, 0.7, 1, 1.1, 4103, 5000, 12000)] == [1, 1, 1, 2, 5000, 5000, 20000]


def test_an_empty_queue_has_true_numbers_on_its_axis() -> None:
    axis = DropPicture(fs.simulate(fs.Design.unlimited(workers=1600, admit_rate=80))).queue.yaxis
    for tick, label in zip(axis.get_ticklocs(), axis.get_ticklabels(), strict=True):
        assert float(label.get_text().replace(",", "")) == tick


def test_a_batch_has_no_single_picture() -> None:
    batch = fs.simulate(fs.Design(workers=[80, 160]))
    for show in (DropPicture, lambda o: ledger({"batch": o}), lambda o: clocks({"batch": o}), fs.words.reading):
        with pytest.raises(fs.ParameterError, match="holds 2 scenarios"):
            show(batch)
