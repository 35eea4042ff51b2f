"""The engine against the twin on every scenario of `validation.py`: the numbers of the twin are stored there."""

import csv
import re

import pytest
import validation
from validation import BEGIN, CSV, END, QUANTITIES, README, SCENARIOS, SEED, Row, markdown, play_engine, play_twin

TWIN = validation.stored()
ALL = pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
QUICK = ["load 0.80, 1 worker", "a hundredth of everything", "adaptive limit in a brownout to 20 %"]


def row(scenario):
    return Row(scenario, TWIN[scenario.name], play_engine(scenario))


@ALL
def test_engine_and_twin_agree_except_where_we_say_why(scenario):
    """Totals within 2 % of arrivals or 3 standard errors, the 95 % wait within 5 % or 3 standard errors."""
    misses = row(scenario).misses
    if scenario.why:
        assert misses, "it agrees now: drop its `why`, and write the table anew (python tests/validation.py table)"
    else:
        assert not misses


@ALL
def test_buyers_are_conserved_in_the_twin_too(scenario):
    twin = TWIN[scenario.name]
    placed = sum(twin[place][0] for place in validation.PLACES)
    assert placed == pytest.approx(twin["arrived"][0], rel=1e-9)


def test_the_stored_numbers_are_those_of_these_scenarios():
    with CSV.open(encoding="utf-8", newline="") as file:
        stored = list(csv.DictReader(file))
    assert list(TWIN) == [scenario.name for scenario in SCENARIOS]
    assert len(SCENARIOS) >= 30
    for scenario in SCENARIOS:
        mine = [each for each in stored if each["scenario"] == scenario.name]
        assert [each["quantity"] for each in mine] == QUANTITIES
        assert {(each["replications"], each["first_seed"]) for each in mine} == {
            (f"{scenario.replications}", f"{SEED}")
        }


@pytest.mark.parametrize("name", QUICK)
def test_the_twin_still_says_what_is_stored(name):
    """To the last digit, as all randomness is seeded. If not: python tests/validation.py, and look at the table."""
    (scenario,) = (each for each in SCENARIOS if each.name == name)
    now = play_twin(scenario)
    for quantity in QUANTITIES:
        # A mean of whole numbers is exact; the wait may differ in the last bit where exp or log does.
        assert now[quantity] == pytest.approx(TWIN[name][quantity], rel=1e-12, abs=1e-12), quantity


def test_the_criterion_notices_each_kind_of_difference():
    scenario = SCENARIOS[0]
    fair = dict.fromkeys(QUANTITIES, (100.0, 0.1)) | {"arrived": (1000.0, 1.0), "wait_p95": (10.0, 0.1)}
    same = {name: mean for name, (mean, _) in fair.items()}
    assert Row(scenario, fair, same).misses == []
    assert Row(scenario, fair, same | {"paid": 119.9}).misses == []
    assert Row(scenario, fair, same | {"paid": 120.1}).misses == ["paid"]
    assert Row(scenario, fair | {"paid": (100.0, 7.0)}, same | {"paid": 120.1}).misses == []
    assert Row(scenario, fair, same | {"wait_p95": 10.51}).misses == ["wait_p95"]
    assert Row(scenario, fair | {"wait_p95": (10.0, 0.2)}, same | {"wait_p95": 10.51}).misses == []


def test_the_readme_shows_this_table():
    """Words to the letter; numbers to what another compiler may round differently."""
    shown = README.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0].strip().splitlines()
    made = markdown([row(scenario) for scenario in SCENARIOS]).splitlines()
    assert len(shown) == len(made), "python tests/validation.py table"
    number = re.compile(r"[+-]?\d[\d,]*(?:\.\d+)?")
    for left, right in zip(shown, made, strict=True):
        assert number.sub("#", left) == number.sub("#", right), "python tests/validation.py table"
        numbers = [[float(each.replace(",", "")) for each in number.findall(line)] for line in (left, right)]
        assert numbers[0] == pytest.approx(numbers[1], rel=1e-3, abs=0.11)
