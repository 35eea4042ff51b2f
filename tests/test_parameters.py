"""Every parameter of every dataclass: what is refused, and that the message says name, value, bounds and next step."""

import dataclasses
import math
import re
from decimal import Decimal

import numpy as np
import pytest

import flashsale_lib as fs
from flashsale_lib.model.scenario import Brownout
from flashsale_lib.parameters import TABLE, parameter, parameters

KINDS = {"buyers": fs.Buyers, "gateway": fs.PaymentGateway, "design": fs.Design}
ROWS = [row for row in TABLE if row.owner in KINDS]
IDS = [f"{row.owner}.{row.name}" for row in ROWS]
NUMBERS = [row for row in ROWS if not row.flag]
DROP = [row for row in TABLE if row.owner == "demand"]


def make(row, value):
    if row.owner == "demand":
        return fs.Demand.drop(**{row.name: value})
    return KINDS[row.owner](**{row.name: value})


def refusal(row, value):
    with pytest.raises(fs.ParameterError) as caught:
        make(row, value)
    message = str(caught.value)
    what, _, step = message.partition("; ")
    assert what.startswith(f"{row.owner}.{row.name} is "), "name"
    assert f": must be {row.bounds}" in what, "bounds"
    assert len(step.split()) >= 2, "next step"
    return message


def outside(row):
    """A little and a lot below and above the legal range."""
    below = [row.low - 1, -1e300] if row.low == 0 else [row.low * 0.999, 0.0, -1.0]
    above = [math.nextafter(row.high, math.inf), row.high * 2, 1e300] + [math.inf] * (not row.unlimited)
    return [*below, -math.inf, *above]


@pytest.mark.parametrize("row", [*NUMBERS, *DROP], ids=lambda row: f"{row.owner}.{row.name}")
def test_out_of_range_is_refused_and_the_value_shown(row):
    for value in outside(row):
        message = refusal(row, value)
        assert f" is {value:g}" in message
        way = "at least" if value < row.low else "at most"
        bound = row.low if value < row.low else row.high
        assert f"move it to {way} {bound:g}" in message


@pytest.mark.parametrize("row", [*ROWS, *DROP], ids=lambda row: f"{row.owner}.{row.name}")
def test_nan_is_refused(row):
    assert " is nan" in refusal(row, math.nan)
    assert " is nan" in refusal(row, np.float64("nan"))


@pytest.mark.parametrize("row", [*ROWS, *DROP], ids=lambda row: f"{row.owner}.{row.name}")
@pytest.mark.parametrize(
    "value", ["1", None, 1j, {}, {"a": 1}, {1}, [], Decimal(1), [1, None], ["a"], np.datetime64("2026-01-01")]
)
def test_wrong_types_are_refused(row, value):
    refusal(row, value)


@pytest.mark.parametrize("row", [*NUMBERS, *DROP], ids=lambda row: f"{row.owner}.{row.name}")
@pytest.mark.parametrize("value", [True, np.bool_(True), [True, False]])
def test_a_bool_is_not_a_number(row, value):
    refusal(row, value)


@pytest.mark.parametrize("row", [row for row in ROWS if row.flag], ids=lambda row: row.name)
@pytest.mark.parametrize("value", [0.5, 2, -1, "True", "yes", [True, 3]])
def test_a_flag_is_true_or_false(row, value):
    refusal(row, value)


def test_flags_take_bools_zero_and_one_and_arrays_of_them():
    assert fs.Design(skip_stale=False).skip_stale is False
    assert fs.Design(skip_stale=1).skip_stale is True
    assert fs.Design(skip_stale=[True, False]).skip_stale.tolist() == [1.0, 0.0]


@pytest.mark.parametrize("row", [row for row in NUMBERS if row.whole], ids=lambda row: row.name)
def test_whole_numbers(row):
    assert "round it, for example to 2" in refusal(row, 2.25)
    assert getattr(make(row, 2), row.name) == 2.0


@pytest.mark.parametrize("row", NUMBERS, ids=[i for i, row in zip(IDS, ROWS, strict=True) if not row.flag])
def test_arrays_report_the_first_bad_element(row):
    good = row.low or min(1.0, row.high)
    assert "at index 2:" in refusal(row, [good, good, row.low - 1, math.nan])
    assert "at index (1, 0):" in refusal(row, np.array([[good, good], [math.nan, good]]))
    array = getattr(make(row, [good, good]), row.name)
    assert array.dtype == np.float64
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1


@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_bounds_default_and_infinity_are_legal_and_kept(row):
    for value in [row.low, row.high, row.default] + [math.inf] * row.unlimited:
        assert getattr(make(row, value), row.name) == value
    assert getattr(KINDS[row.owner](), row.name) == row.default


def test_the_callers_array_is_copied():
    mine = np.array([10.0, 20.0])
    design = fs.Design(workers=mine)
    mine[0] = -1
    assert design.workers.tolist() == [10, 20]


@pytest.mark.parametrize(("owner", "kind"), KINDS.items())
def test_unknown_names_are_answered_with_the_known_ones(owner, kind):
    name = next(parameters(owner)).name
    with pytest.raises(fs.ParameterError, match=f"{owner}.{name}s=5: unknown name; did you mean {name}") as caught:
        kind(**{name + "s": 5})
    assert isinstance(caught.value, TypeError)  # as Python itself would say
    for row in parameters(owner):
        assert row.name in str(caught.value)
    with pytest.raises(fs.ParameterError, match="use one of these names"):
        kind(zzzzzz=5)
    with pytest.raises(fs.ParameterError, match="unknown name"):
        dataclasses.replace(kind(), nothing=1)


@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_frozen_replaceable_comparable(row):
    start = KINDS[row.owner]()
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(start, row.name, row.low)
    other = not row.default if row.flag else row.high if row.default != row.high else row.low
    assert dataclasses.replace(start, **{row.name: other}) == make(row, other) != start
    assert make(row, [other, other]) == make(row, [other, other]) != make(row, other)
    with pytest.raises(fs.ParameterError):
        dataclasses.replace(start, **{row.name: math.nan})


@pytest.mark.parametrize(("owner", "kind"), KINDS.items())
def test_docstrings_list_every_parameter_with_its_bounds(owner, kind):
    for row in parameters(owner):
        assert re.search(rf"^ *{row.name} :.*Default {row.default:g}\.$", kind.__doc__, re.M | re.I), row.name
        assert f"Must be {row.bounds}" in kind.__doc__


def test_the_table_is_sound():
    for row in TABLE:
        assert row.meaning and (row.unit or row.flag)
        assert row.low <= row.slider.low <= row.slider.high <= row.high, row.name
        assert row.low <= row.default <= row.high or (row.unlimited and row.default == math.inf), row.name
        assert row.slider.unlimited <= row.unlimited  # "no limit" is offered only where it is legal
        assert not row.slider.log or row.slider.low > 0
    assert len({(row.owner, row.name) for row in TABLE}) == len(TABLE)
    with pytest.raises(fs.UnknownParameterError, match="did you mean workers"):
        parameter("design", "worker")


# ---- brownouts ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((math.nan, 2, 0.5), "brownout start is nan"),
        ((1, math.nan, 0.5), "brownout end is nan"),
        ((1, 2, math.nan), "brownout health is nan"),
        ((1, 2, -0.1), "from 0 (dead) to 1 (healthy)"),
        ((1, 2, 20), "for 20 % speed pass 0.2"),
        ((2, 1, 0.5), "before it starts"),
        ((1, 2, [0.5, 1.5]), "from 0 (dead) to 1 (healthy)"),
        ((None, 2, 0.5), "brownout start is None: must be a number"),
        ((1j, 2, 0.5), "must be a number"),
        (({}, 2, 0.5), "must be a number"),
        (("300", 360, 0.5), "brownout start is '300'"),
        ((True, 360, 0.5), "brownout start is True"),
    ],
)
def test_bad_brownouts_are_refused(arguments, words):
    with pytest.raises(fs.ParameterError, match=re.escape(words)) as caught:
        fs.PaymentGateway().brownout(*arguments)
    assert "; " in str(caught.value), "next step"


def test_brownouts_chain_and_compare():
    gateway = fs.PaymentGateway().brownout(1, 2, 0.5).brownout(3, 4, [0.1, 0.2])
    assert [b.start for b in gateway.brownouts] == [1, 3]
    assert gateway == fs.PaymentGateway().brownout(1, 2, 0.5).brownout(3, 4, [0.1, 0.2]) != fs.PaymentGateway()
    assert fs.simulate(gateway=fs.PaymentGateway().brownout(80, 80, 0.0)).paid == fs.simulate().paid, "over at once"
    with pytest.raises(fs.ParameterError, match=r"must be a tuple of Brownout; use .brownout"):
        fs.PaymentGateway(brownouts=[Brownout(1, 2, 0.5)])


# ---- simulate ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["design", "demand", "buyers", "gateway"])
def test_simulate_refuses_the_wrong_part_by_name(name):
    with pytest.raises(fs.ParameterError, match=rf"{name} is \{{\}}, a dict: must be a \w+; pass fs."):
        fs.simulate(**{name: {}})


@pytest.mark.parametrize("dt", [0, -1, math.nan, math.inf, 2e9, "0.1", None, 1j, True])
def test_simulate_refuses_a_bad_step(dt):
    with pytest.raises(fs.ParameterError, match=r"simulation.dt is .*: must be a number from 1e-06 .*; "):
        fs.simulate(dt=dt)


def test_simulate_refuses_what_would_not_fit():
    with pytest.raises(fs.ParameterError, match="900000000 steps for a window of 900 s; use a longer step"):
        fs.simulate(dt=1e-6)
    with pytest.raises(fs.ParameterError, match=r"would take \d+ GB: must be at most 4 GB; pass record=False"):
        fs.simulate(fs.Design(workers=np.ones(200_000)))


def test_simulate_names_the_shapes_that_do_not_broadcast():
    with pytest.raises(
        fs.ParameterError, match=r"design.workers \(3,\), buyers.patience \(2,\); give each its own axis"
    ):
        fs.simulate(fs.Design(workers=[1, 2, 3]), buyers=fs.Buyers(patience=[1, 2]))


def test_masked_arrays_are_refused_because_a_mask_would_be_lost():
    with pytest.raises(fs.ParameterError, match=r"design.workers is a masked array: .* fill the gaps"):
        fs.Design(workers=np.ma.array([1, 2], mask=[0, 1]))


def test_record_is_yes_or_no():
    with pytest.raises(fs.ParameterError, match="record is 'no': must be True or False"):
        fs.simulate(record="no")


def test_brownouts_whose_shapes_do_not_broadcast_are_refused():
    with pytest.raises(fs.ParameterError, match=r"\(start, end, health\) are \[\(2,\), \(3,\), \(\)\]: must broadcast"):
        fs.PaymentGateway().brownout([1, 2], [3, 4, 5], 0.5)


def test_ragged_rows_are_refused():
    with pytest.raises(fs.ParameterError, match=r"design.workers is \[\[1, 2\], \[3\]\], a list: must be a number"):
        fs.Design(workers=[[1, 2], [3]])


def test_unknown_owners_and_rows_are_answered_with_the_known_ones():
    with pytest.raises(fs.UnknownParameterError, match=r"desing: unknown name; did you mean design\? Known: buyers"):
        fs.parameters("desing")
    with pytest.raises(fs.UnknownParameterError, match=r"nobody.workers: .*; use one of these names Known: .*gateway"):
        fs.parameter("nobody", "workers")


def test_a_design_equals_no_other_kind_of_thing():
    assert fs.Design() != fs.Buyers()
    assert fs.Design() != "design"
    assert fs.PaymentGateway().brownout(1, 2, 0.5) != fs.PaymentGateway()


def test_a_label_is_the_name_in_plain_words_with_its_unit():
    assert parameter("design", "skip_stale").label == "skip stale"
    assert parameter("design", "queue_limit").label == "queue limit (buyers)"


def test_a_demand_of_absurd_size_is_refused():
    with pytest.raises(fs.ParameterError, match=r"must be within .*; check its unit"):
        fs.Demand([0, 1e30], [1, 1])


def test_one_step_not_several():
    with pytest.raises(
        fs.ParameterError, match=r"simulation.dt is an array of shape \(2,\): must be .*; pass one number"
    ):
        fs.simulate(dt=[0.1, 0.2])


def test_a_brownout_may_be_none_or_total():
    assert fs.PaymentGateway().brownout(0, 60, [0, 1]).brownouts[0].health.tolist() == [0, 1]
