"""Demand: shapes, exact counts on any step, and every fault of a CSV by its row."""

import dataclasses
import math

import numpy as np
import pytest
from scipy.integrate import quad

import flashsale_lib as fs

JUMPY = fs.Demand([0, 10, 10, 20, 25], [5, 5, 50, 0, 8])


def closed_form(base=5.0, surge=700.0, start=60.0, ramp=3.0, decay=40.0, window=900.0):
    climb = min(max(window - start, 0.0), ramp)
    fall = max(window - start - ramp, 0.0)
    return base * window + (surge * climb**2 / (2 * ramp) if ramp else 0.0) - surge * decay * math.expm1(-fall / decay)


@pytest.mark.parametrize(
    "shape",
    [
        {},
        {"ramp": 0.0},
        {"start": 0.0},
        {"start": 0.0, "ramp": 0.0},
        {"window": 61.5},  # ends while it climbs
        {"window": 100.0},  # ends while it falls
        {"window": 60.0},  # ends as the drop starts
        {"window": 60.0, "ramp": 0.0},
        {"window": 30.0},
        {"base": 0.0, "surge": 0.0},
        {"decay": 1e-3},
        {"window": 10_000.0},
    ],
)
def test_drop_has_the_total_of_its_closed_form(shape):
    # The exponential is traced by 2000 straight pieces: 3e-6 of the surge too many.
    assert fs.Demand.drop(**shape).total == pytest.approx(closed_form(**shape), rel=5e-6, abs=1e-9)


def test_drop_has_the_rates_of_its_closed_form():
    t = np.linspace(0, 899, 5000)
    climb, fall = np.clip((t - 60) / 3, 0, 1), np.clip(t - 63, 0, None)
    assert fs.Demand.drop()(t) == pytest.approx(5 + 700 * climb * np.exp(-fall / 40), rel=2e-4)


@pytest.mark.parametrize("dt", [0.01, 0.07, 0.25, 1 / 3, 1, 2.5, 7, 10, 899, 5000])
@pytest.mark.parametrize("demand", [fs.Demand.drop(), JUMPY, fs.Demand([3, 4], [1, 2])], ids=["drop", "jumps", "short"])
def test_no_buyer_is_lost_on_any_step(demand, dt):
    counts, step = demand.arrivals(dt)
    assert step <= dt * (1 + 1e-9)
    assert step * counts.size == pytest.approx(demand.window, rel=1e-12)
    assert counts.sum() == pytest.approx(demand.total, rel=1e-9)
    assert np.all(counts >= 0)
    edges = demand.time[0] + step * np.arange(counts.size + 1)
    assert np.cumsum(counts) == pytest.approx(demand.cumulative(edges[1:]), rel=1e-9, abs=1e-9)


def test_cumulative_is_the_integral_of_the_rate():
    for a, b in [(0, 7), (7, 10), (10, 13), (13, 24), (24, 25)]:
        area, _ = quad(lambda t: float(JUMPY(t)), a + 1e-12, b - 1e-12, points=[20] if a < 20 < b else None)
        assert JUMPY.cumulative(b) - JUMPY.cumulative(a) == pytest.approx(area, abs=1e-6)
    assert JUMPY.total == 5 * 10 + 25 * 10 + 4 * 5
    assert [JUMPY.cumulative(t) for t in (-5, 0, 25, 99)] == [0, 0, JUMPY.total, JUMPY.total]
    assert [JUMPY(t) for t in (-1, 0, 10, 10.001, 25, 26)] == pytest.approx([0, 5, 5, 49.995, 8, 0])
    assert fs.Demand([0, 0, 10], [5, 8, 8])([0, 1]).tolist() == [5, 8], "at a jump the rate before it, at the start too"


def test_scaling_multiplies_every_count():
    assert JUMPY.scaled(1.5).total == pytest.approx(1.5 * JUMPY.total)
    batch = JUMPY.scaled([[1.0], [2.0]]).scaled([1.0, 3.0, 0.0])
    assert batch.total == pytest.approx(JUMPY.total * np.array([[1, 3, 0], [2, 6, 0]]))
    assert batch.arrivals(0.5)[0].shape == (2, 3, 50)
    assert batch(5.0).shape == (2, 3)
    assert fs.simulate(demand=batch, record=False).arrived == pytest.approx(batch.total)
    with pytest.raises(fs.ParameterError, match="demand scale k is -2: must be at least 0; "):
        JUMPY.scaled([1, -2])


def test_a_demand_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        JUMPY.time = [0, 1]
    with pytest.raises(ValueError, match="read-only"):
        JUMPY.rate[0] = 1


@pytest.mark.parametrize(
    ("time", "rate", "words"),
    [
        ([0, 1], [1, -2], "demand.rate is -2 buyers/s at index 1: must be at least 0; "),
        ([0, 1], [1, math.nan], "demand.rate is nan at index 1: must be finite"),
        ([0, math.inf], [1, 1], "demand.time is inf at index 1: must be finite"),
        ([0, 1], [1, 1e300], "demand.rate is 1e.300 at index 1: must be within 1e"),
        ([0, 2, 1], [1, 1, 1], "demand.time falls from 2 s at index 1 to 1 s: must never fall; sort the times"),
        ([1, 1], [1, 1], "spans 0 s: must be above 0; "),
        ([0], [1], r"demand.time has shape \(1,\): must be one row of at least 2 times"),
        ([[0, 1]], [1, 1], r"demand.time has shape \(1, 2\)"),
        ([0, 1], [1, 2, 3], r"demand.rate has shape \(3,\): its last axis must match the 2 times; "),
        ([0, 1], 5, r"demand.rate has shape \(\)"),
        ([0, 1], ["1", "2"], "demand.rate is .*: must be numbers"),
        ([0, 1], [True, False], "demand.rate is .*: must be numbers"),
        ([0, 1], [1, None], "demand.rate is .*: must be numbers"),
        ([0, 1], [1, 1j], "demand.rate is .*: must be numbers"),
        ([0, 1], {}, "demand.rate is .*: must be numbers"),
        ("ab", [1, 1], "demand.time is 'ab': must be numbers"),
        ([0, 1], [[1], [1, 2]], "demand.rate is .*: must be numbers"),
        ([0, 1], np.zeros((0, 2)), "demand.rate is an empty array"),
    ],
)
def test_bad_demands_are_refused(time, rate, words):
    with pytest.raises(fs.ParameterError, match=words) as caught:
        fs.Demand(time, rate)
    assert "; " in str(caught.value), "next step"


# ---- CSV ---------------------------------------------------------------------------------------------------------


def csv(tmp_path, text):
    path = tmp_path / "counts.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_csv_counts_arrive_evenly_in_their_interval(tmp_path):
    demand = fs.Demand.from_csv(csv(tmp_path, "time, buyers\n60,10\n65,0\n70,2.5\n"))
    assert demand.total == 12.5
    assert demand.cumulative([62.5, 65, 70, 72.5, 75]) == pytest.approx([5, 10, 10, 11.25, 12.5])
    assert demand.window == 15
    assert demand.arrivals(5)[0] == pytest.approx([10, 0, 2.5])
    reordered = fs.Demand.from_csv(csv(tmp_path, "buyers,note,time\n10,x,60\n0,y,65\n2.5,,70\n"))
    assert np.array_equal(reordered.rate, demand.rate)


GOOD = "time,buyers\n0,1\n1,2\n2,3\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the file is empty; give it a header"),
        ("time,buyers\n", r"0 row\(s\) of data; give at least 2"),
        ("time,buyers\n0,1\n", r"1 row\(s\) of data; give at least 2"),
        ("time,count\n0,1\n1,2\n", "no column buyers among .*time.*count.*; name the columns"),
        ("t,buyers\n0,1\n1,2\n", "no column time among"),
        (GOOD + "4,1\n", "row 5: 2 s after the row before, but the first interval is 1 s; make the intervals equal"),
        ("time,buyers\n0,1\n2,1\n1,1\n", "row 4: time 1 s comes after 2 s; sort the rows"),
        ("time,buyers\n0,1\n1,1\n1,1\n", "row 4: time 1 s comes after 1 s; sort the rows by time, one row per time"),
        (GOOD + "3,-1\n", "row 5: buyers is -1; a count must be at least 0"),
        (GOOD + "3,nan\n", "row 5: buyers is nan; replace it by a finite number"),
        (GOOD + "nan,3\n", "row 5: time is nan; replace it"),
        (GOOD + "3,inf\n", "row 5: buyers is inf; replace it"),
        (GOOD + "3,\n", "row 5: buyers is empty; fill it in, or delete the row"),
        (GOOD + "3,  \n", "row 5: buyers is empty"),
        (GOOD + ",3\n", "row 5: time is empty"),
        (GOOD + "3\n", "row 5: buyers is (empty|nan)"),
        ("time,buyers\n0,1\n\n1,2\n", "row 3: (time|buyers) is (empty|nan)"),
        (
            GOOD + "3,12 buyers\n",
            "row 5: buyers is '12 buyers', not a number; write it with a decimal point and no unit",
        ),
        (GOOD + '3,"1,5"\n', "row 5: buyers is '1,5', not a number"),
        ("time,buyers\n12:00,1\n12:01,2\n", "row 2: time is '12:00', not a number"),
        (GOOD + "3,4,5\n", "row 5: 3 fields under 2 columns; write one per column, with a decimal point"),
        ("time,buyers\n0,1,5\n60,2,7\n", "row 2: 3 fields under 2 columns"),
        (GOOD + "3,1_0\n", "row 5: buyers is '1_0', not a number"),
        (b"time,buyers\n\xff\xfe\x00\n", "not a text file; save the table as CSV in UTF-8"),
    ],
)
def test_each_fault_of_a_csv_has_its_own_error_naming_the_row(tmp_path, text, words):
    path = csv(tmp_path, text)
    with pytest.raises(fs.ParameterError, match=words) as caught:
        fs.Demand.from_csv(path)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        fs.Demand.from_csv(tmp_path / "nowhere.csv")


def test_blank_lines_at_the_end_and_a_byte_order_mark_are_no_fault(tmp_path):
    assert fs.Demand.from_csv(csv(tmp_path, b"\xef\xbb\xbf" + (GOOD + "\n , \n").encode())).total == 6


def test_epoch_times_with_rounded_digits_are_equally_spaced(tmp_path):
    rows = "".join(f"{1.76e9 + 0.1 * i:.1f},1\n" for i in range(50))
    assert fs.Demand.from_csv(csv(tmp_path, "time,buyers\n" + rows)).total == pytest.approx(50)


def test_demands_are_equal_by_value():
    assert fs.Demand.drop() == fs.Demand.drop()
    assert hash(fs.Demand.drop()) == hash(fs.Demand.drop())
    assert fs.Demand.drop() != fs.Demand.drop(surge=701)
    assert fs.Demand.drop() != 1
