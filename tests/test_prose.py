"""Claims in the notebooks' folded answers that no cell computes: each is asserted here."""

import flashsale_lib as fs


def paid(**changes: float) -> float:
    return fs.simulate(fs.Design(**changes), record=False).paid  # type: ignore[no-any-return]


def test_00_explore_1_sales_by_workers_with_the_queue_limit() -> None:
    """Hardly change from 150 to 200, about 19,500 at 300, collapse between 320 and 350."""
    assert abs(paid(workers=200) / paid(workers=150) - 1) < 0.02
    assert abs(paid(workers=300) - 19_500) < 250
    assert paid(workers=320) > 17_500
    assert paid(workers=350) < 8_000


def test_00_explore_2_the_cliff_of_the_admit_rate() -> None:
    """At 90 a second most payments fail; at 86 none do, and it sells less than the protected design."""
    over, under = (fs.simulate(fs.Design.unlimited(workers=1000, admit_rate=rate)) for rate in (90, 86))
    assert over.dead_lettered > 0.5 * over.admissions
    assert under.dead_lettered < 1
    assert under.paid < paid()
    offered = fs.controls.choices(fs.parameter("design", "admit_rate"), [90.0])
    assert offered[offered.index(90.0) - 1] == 86.0
    assert round(100 * (90 / fs.PaymentGateway().peak()[1] - 1)) == 4


def test_00_explore_3_retries_are_not_to_blame() -> None:
    naive = fs.Design.naive()
    once = fs.Design.unlimited(workers=naive.workers, attempts=1)
    assert abs(fs.simulate(once).paid - 4_700) < 50
    assert abs(fs.simulate(naive).paid - 4_600) < 50
