"""Claims in the notebooks' folded answers that no cell computes: each is asserted here."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import flashsale_lib as fs


def cells_of(notebook: str, *ids: str) -> dict[str, Any]:
    """The names that some cells of a notebook leave behind; an explorer that a cell ends in is named `shown`."""
    root = Path(__file__).resolve().parent.parent
    cells = json.loads((root / "notebooks" / f"{notebook}.ipynb").read_text(encoding="utf-8"))["cells"]
    sources = {cell["id"]: "".join(cell["source"]).replace('"../data', f'"{root.as_posix()}/data') for cell in cells}
    space: dict[str, Any] = {"clock": np.arange(900), "time": np.arange(901.0)}
    for name in ids:
        exec(sources[name].replace("fs.controls.Explorer(", "shown = fs.controls.Explorer("), space)
    return space


def paid(**changes: float) -> float:
    return fs.simulate(fs.Design(**changes), record=False).paid  # type: ignore[no-any-return]


def test_00_explore_1_no_queue_limit_saves_the_naive_design() -> None:
    """Not one sale, at any limit: it does not slow the 800 workers."""
    assert {round(paid(workers=800, queue_limit=limit)) for limit in (0, 100, 2_000, 12_000, np.inf)} == {4_626}


def test_00_the_demo_finds_the_cliff_of_the_workers() -> None:
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


def test_00_parts_that_one_can_do_without() -> None:
    paid = {part: fs.simulate(fs.diagram.switched(fs.Design(), {part})).paid for part in fs.diagram.SWITCHES}
    assert round(paid.pop("worker limit")) == 4593
    assert [round(n) for n in (paid["door limit"], paid["queue"])] == [23_625, 15_821] and min(paid.values()) > 15_800
    assert fs.simulate(fs.diagram.switched(fs.Design(), {"queue"})).wait_quantile(0.95) == 0
    assert round(fs.simulate().paid - paid["recovery"]) == 65


def test_01_explore_the_work_says_how_long_and_the_part_above_the_line_how_deep() -> None:
    """Flat: 37/s, nobody waits. Fading in 5 s: 26,769 for 18,532, as long as before. Two waves: 8,588, and 758 s again."""
    explorer = cells_of("01_the_surge", "trace", "predict", "queue", "explore-draw", "explore-show", "explore")["shown"]

    def reading(preset: str, **changes: float) -> str:
        explorer.set(explorer.presets[preset] | changes)
        return repr(explorer)

    def above(capacity: float) -> float:
        return float(np.clip(explorer.outcome.lines["arriving"][1] - capacity, 0, None).sum())

    capacity, half = fs.PaymentGateway().peak()[1], "Half: the queue lasts"
    assert f"37/s at the peak. Full capacity: the queue lasts 0 s, longest 0. {half} 0 s, longest 0." in reading(
        "same buyers, flat"
    )
    assert f"lasts 356 s, longest 18,532. {half} 758 s, longest 22,957." in reading("the drop")
    assert round(above(capacity)) == 18_532 and round(above(capacity / 2)) == 22_957
    before = above(capacity) / (33_550 - 5 * 900)
    quick = reading("the drop", fades_in=5)
    assert "4,056/s at the peak" in quick and f"lasts 356 s, longest 26,769. {half} 758 s, longest 27,836." in quick
    assert round(above(capacity)) == 26_769
    assert (round(4_056 / 696, 1), round(26_769 / 18_532, 1)) == (5.8, 1.4) and before > 0.6
    assert f"longest 8,588. {half} 758 s, longest 12,871." in reading("two waves")
    full, at_half = (explorer.outcome.lines[name][1] for name in ("full capacity", "half"))
    assert full[350] == 0 and at_half[362] > 1_000  # when the second wave comes
    assert "Half: the queue lasts 840 s and more, longest" in reading("the drop", buyers=40_000)


def test_01_the_rule_for_the_queue_and_where_it_ends() -> None:
    """It needs a queue from the first of the surge to the last: where that is so, it is right to a second."""
    space = cells_of("01_the_surge", "trace", "predict", "queue")
    buyers, full = space["buyers"], space["full"]
    assert np.flatnonzero(full.queue > 0.5)[-1] < 480 and buyers[480:].mean() > 6  # at full capacity: some come later

    def lasting(*waves: tuple[int, int, float]) -> int:
        crowd = np.full(900, 8.0)
        for start, stop, size in waves:
            crowd[start:stop] += size / (stop - start)
        return int((fs.fluid_queue(crowd, 60, dt=1).queue > 0.5).sum())

    for spread in (10, 60, 120):  # exercise 3: however the 20,000 are spread, if somebody waits throughout
        assert abs(lasting((60, 60 + spread, 20_000)) - 20_000 / (60 - 8)) < 1
    assert abs(lasting((60, 160, 5_000), (160, 180, 15_000)) - 20_000 / (60 - 8)) > 60
    assert round(20_000 / (60 - 8)) == 385


def test_01_which_ruler_is_fine_for_which_question() -> None:
    """Wherever its intervals begin: 10 s show nearly all of the queue; of peak, depth and length, a minute tells the last best."""
    space = cells_of("01_the_surge", "trace")
    buyers, capacity = space["buyers"], space["capacity"]

    def told(ruler: int, late: int) -> Any:
        """Peak, longest queue and seconds of queue."""
        rate = np.roll(buyers, late).reshape(-1, ruler).mean(axis=1).repeat(ruler)
        queue = fs.fluid_queue(rate, capacity, dt=1).queue
        return np.array([rate.max(), queue.max(), (queue > 0.5).sum()])

    truth = told(1, 0)
    assert min(told(10, late)[1] for late in range(10)) > 0.97 * truth[1]
    for late in range(60):
        peak, depth, length = told(60, late) / truth
        assert length > max(peak, depth)


def test_01_the_fit_is_the_most_likely_one_for_poisson_counts() -> None:
    """No step of a tenth of a standard error, in any parameter, makes the counts more likely."""
    space = cells_of("01_the_surge", "trace", "fit", "fitted")
    for seconds in (np.arange(900), np.arange(360)):
        table, counts = space["fit"](seconds)[0], space["buyers"][seconds]

        def unlikely(five: Any, seconds: Any = seconds, counts: Any = counts) -> float:
            rate = space["expected"](seconds, *five)
            return float((rate - counts * np.log(rate)).sum())

        best = np.array(table.fitted)
        for step in np.diag(np.array(table.error) / 10):
            assert unlikely(best) < min(unlikely(best + step), unlikely(best - step))


def test_01_the_truth_that_the_fit_is_compared_with() -> None:
    """The five numbers that data/README.md tells."""
    truth = dict(cells_of("01_the_surge", "trace", "fit", "fitted", "refit")["truth"])
    assert truth == {"base": 6, "surge": 640, "start": 62, "ramp": 4, "decay": 45}
    readme = (Path(__file__).resolve().parent.parent / "data" / "README.md").read_text(encoding="utf-8")
    said = (
        "goes live after 62 s|6 buyers/s before the drop|a surge of 640 buyers/s|reached in 4 s|time constant of 45 s"
    )
    assert all(words in " ".join(readme.split()) for words in said.split("|"))


def test_01_exercises_as_their_solutions_tell() -> None:
    """124 seconds, a quarter more than 100, and 666 s of queue for 416; a quarter of the connections wait no more."""
    space = cells_of("01_the_surge", "trace")
    buyers, capacity = space["buyers"], space["capacity"]
    seconds = (buyers > capacity).sum(), (1.5 * buyers > capacity).sum()
    assert seconds == (100, 124)
    queues = [fs.fluid_queue(size * buyers, capacity, dt=1).queue for size in (1, 1.5)]
    assert [(queue > 0.5).sum() for queue in queues] == [416, 666]
    assert 50 * 30 / (50 * 120) == 0.25


def test_02_explore_and_its_rulers() -> None:
    """Half the capacity: 8 min 53 s for 3 min 35 s. The brownout: 0, about 20, 48 s more. The limit: 58 and 12 s."""
    explorer = cells_of("02_queues_as_fluid", "world", "explore-model", "explore-show", "explore")["shown"]

    def wait(preset: str, moment: int) -> float:
        explorer.set(explorer.presets[preset] | {"moment": moment})
        lines = explorer.outcome.lines
        (at, _, done), (low, number, _) = lines["buyer"]
        assert low == np.interp(at, *lines["served"]) and number == np.interp(at, *lines["joined"])
        assert abs(np.interp(done, *lines["served"]) - number) < 1e-6  # the end of the horizontal ruler is on the curve
        assert abs(np.interp(at, *lines["wait"]) - (done - at)) < 1e-6
        return float(done - at)

    assert (round(wait("half capacity", 179)), round(wait("healthy", 149))) == (533, 215)
    more = [wait("brownout", moment) - wait("healthy", moment) for moment in (65, 70, 75, 85, 200)]
    np.testing.assert_allclose(more, [0, 19.6, 48, 48, 48], atol=0.05)
    for moment, words in ((65, 0), (70, 20), (75, 48)):
        explorer.set(explorer.presets["brownout"] | {"moment": moment})
        assert f"added by the slow minute {words} s" in repr(explorer)
    for limit, longest, away in ((5000, 58, "13,562"), (1000, 12, "17,562")):
        explorer.set(explorer.presets["limited"] | {"queue_limit": limit})
        assert round(max(explorer.outcome.lines["wait"][1])) == longest
        assert f"turned away {away}" in repr(explorer)


def test_02_a_promise_of_half_an_hour_against_an_endless_room() -> None:
    """A fifth more served, 1.3 million in vain; with either, the two hours serve the same."""
    space = cells_of("02_queues_as_fluid", "world", "decide")
    people, patient = space["leave"], space["stay"]
    served, gone = people.served[:, -1], people.abandoned[:, -1]
    assert round(served[1] / served[0], 1) == 1.2 and round(gone[1] / 1e6, 1) == 1.3
    assert round((250 * 7200 - served[0] - gone[0]) / 1e6, 1) == 1.0  # heard a no
    np.testing.assert_allclose(patient.served[:, 120], 360_000)
    assert abs(people.served[1, 120] / people.served[0, 120] - 1) < 1e-6  # what is more comes after the event


def test_02_exercises_as_their_solutions_tell() -> None:
    """104 s for the last one now; 51 s is queue / capacity; 2.2 times the capacity for a minute."""
    assert round(9_000 / 86.2) == 104
    path = Path(__file__).resolve().parent.parent / "data" / "arrivals.csv"
    trace = fs.fluid_queue(fs.Demand.from_csv(path).arrivals(1)[0], 86.2, dt=1)
    assert round(trace.wait[400]) == round(trace.queue[400] / 86.2) == 51
    least, less = (fs.fluid_queue(fs.Demand.drop().arrivals(1)[0], rate, dt=1).wait.max() for rate in (190, 189))
    assert round(190 / 86.2, 1) == 2.2 and least <= 60 < less


def test_02_limits_that_keep_a_promise_with_and_without_the_brownout() -> None:
    """6,206 gives 120 s with the brownout and 72 without, 10,344 gives 168; a buyer more than 6,206 breaks the promise."""
    arrivals, clock = fs.Demand.drop().arrivals(1)[0], np.arange(900)
    slow = np.where((clock >= 120) & (clock < 180), 0.2 * 86.2, 86.2)

    def longest(capacity: Any, limit: float) -> float:
        return float(fs.fluid_queue(arrivals, capacity, dt=1, limit=limit).wait.max())

    assert (
        round(longest(slow, 6206)) == 120 and round(longest(86.2, 6206)) == 72 and round(longest(slow, 10_344)) == 168
    )
    assert longest(slow, 6206) <= 120 < longest(slow, 6207)
    for capacity, wait in ((100, 174), (150, 91), (200, 54)):  # as the feedback says
        assert round(longest(capacity, np.inf)) == wait


def test_02_the_twin_is_within_one_or_two_per_cent_with_other_seeds() -> None:
    plain = fs.PaymentGateway(service_time=150 / 86.2, contention=0, coherency=0, error_rate=0, decline_rate=0)
    for seed in (2, 3):
        design, patient = fs.Design.unlimited(workers=150, timeout=np.inf), fs.Buyers(patience=np.inf)
        twin = fs.twin(design, buyers=patient, gateway=plain, seed=seed)
        assert abs(twin.max_queue / 18_562 - 1) < 0.02 and abs(twin.waits.max() / 215.3 - 1) < 0.02


def test_03_explore_and_the_exercises() -> None:
    """26 and 76 % wait, 12 times; 55 % against 13 %; patience 30 s: 20 %, 6 s, 3 s: 20 %, 0.6 s."""
    light, heavy, small, big = (
        fs.mmc(load * c / 0.8, 1 / 0.8, c) for load, c in ((0.8, 20), (0.95, 20), (0.9, 20), (0.9, 160))
    )
    assert [round(100 * each.p_wait) for each in (light, heavy, small, big)] == [26, 76, 55, 13]
    assert round(heavy.p_wait / light.p_wait) == 3 and round(heavy.wait / light.wait) == 12
    patient, hasty = (fs.erlang_a(1.25 * 25, 1 / 0.8, 20, patience) for patience in (30, 3))
    assert [round(100 * each.p_abandon) for each in (patient, hasty)] == [20, 20]
    assert [round(each.wait, 1) for each in (patient, hasty)] == [6.0, 0.6]
    door = fs.mmc(12, 2, 8)
    assert round(1000 * door.wait) == 89 and round(100 * door.p_wait) == 36
    work, b = 12 * 0.5, 1.0
    for n in range(1, 9):  # the formula folded away in exercise 1
        b = work * b / (n + work * b)
    assert np.isclose(b / (1 - (1 - b) * work / 8), door.p_wait)
    assert fs.servers_for(100, 1, p_wait=0.1) == fs.square_root_staffing(100, 1.5) == 115
    for c, waiting in ((110, 24), (114, 12), (120, 3)):  # as the feedback says
        assert round(100 * fs.erlang_c(c, 100)) == waiting
    assert round(100 * (fs.servers_for(1000, 1, p_wait=0.1) / 1000 - 1)) == 5
    assert round(100 * fs.erlang_a(40, 1 / 0.8, 20, 30).p_abandon, 1) == 37.5


def test_03_one_server_less_or_more_is_told_apart() -> None:
    """115 servers, exactly: each neighbour hears what is true of it."""
    exercise = fs.exercises.exercise("one in ten waits")
    for servers in range(110, 126):
        enough = fs.erlang_c(servers, 100) <= 0.1
        short = "110" if servers < 112 else "Too few"
        expected = "right" if servers == 115 else "More than needed" if enough else short
        assert expected in exercise.verdict(servers)


def test_03_who_waits_does_so_for_one_over_the_spare() -> None:
    """Of 1.25 calls a second at 95 % load. And the fluid is right from 110 % on, a room for 20 from 120 % on."""
    heavy = fs.mmc(23.75, 1.25, 20)
    assert np.isclose(heavy.wait / heavy.p_wait, 1 / 1.25)
    load = np.linspace(1.1, 1.5, 9)
    lost = 1 - 1 / load
    assert abs(fs.erlang_a(load * 25, 1.25, 20, 30).p_abandon - lost).max() < 0.001
    assert abs(fs.mmck(load * 25, 1.25, 20, 40).p_block - lost)[load >= 1.2].max() < 0.003


def test_03_the_front_door_by_the_square_root_rule() -> None:
    """A work of 14.1: 18 servers with beta 1, and even 16 do. 1.5 times the buyers: 18 fail, 24 hold. 1.74 s a call at ours."""
    assert np.isclose(fs.Demand.drop().rate.max() * fs.Design().door_time, 14.1)
    assert fs.square_root_staffing(14.1, 1) == 18 and fs.Design().door_servers == 24
    target = fs.kata.TARGETS.accept_p99
    assert target == 0.3
    servers = np.array([16, 18, 24])
    for size, passed in ((1, [True, True, True]), (1.5, [False, False, True])):
        run = fs.simulate(fs.Design(door_servers=servers), demand=fs.Demand.drop().scaled(size))
        assert ((run.accept_quantile(0.99) <= target) == passed).all()
    twin = fs.twin(fs.Design(door_servers=16), seed=1)
    assert abs(twin.accept_quantile(0.99) - 0.02 * np.log(100)) < 0.006  # memoryless requests, hardly any wait
    assert round(600 * fs.Prices().machine_hour / fs.Prices().calls_per_machine) == 3
    assert abs(fs.PaymentGateway().response_time(150) - 1.74) < 0.005 and abs(100 / 1.16 - 150 / 1.74) < 0.1


def test_03_pools_and_the_question_of_notebook_02() -> None:
    """At 95 % load: 8 pools of 20 wait 15 times as long as one of 160. 82 a second at our gateway: 0.1 s, calls twice as long."""
    small, big = (fs.mmc(0.95 * c / 0.8, 1 / 0.8, c).wait for c in (20, 160))
    assert round(small / big) == 15
    assert round(82 / 86.2, 2) == 0.95 and round(150 / 86.2 / 0.8) == 2
    assert round(fs.mmc(82, 86.2 / 150, 150).wait, 1) == 0.1


def test_03_in_overload_the_queue_must_not_run_empty() -> None:
    """1 - 1/load is lost at 125 %, unless room, patience or servers are few."""
    assert round(100 * fs.mmck(31.25, 1.25, 20, 22).p_block, 1) == 24.5
    assert fs.erlang_a(31.25, 1.25, 20, 0.2).p_abandon > 0.23
    for patience in (3, 30, 300):
        run = fs.erlang_a(31.25, 1.25, 20, patience)
        assert round(100 * run.p_abandon) == 20
        assert abs(run.wait / (patience * run.p_abandon) - 1) < 1e-6  # 30 x 20 % = 6 s


def test_04_explore() -> None:
    """A burst of 200 fails, 150 does not; 340 workers fail, 330 do not; two minutes hold whatever the reloads."""
    bursts, crews, rates = (
        fs.controls.choices(fs.parameter("design", name), [80, 90, 100, 150, 1000])
        for name in ("admit_burst", "workers", "admit_rate")
    )
    assert bursts[bursts.index(200) - 1] == 150 and crews[crews.index(340) - 1] == 330 and {80, 90} <= set(rates)
    sold = fs.simulate(fs.Design.unlimited(workers=1600, admit_rate=80, admit_burst=np.array([150, 200])))
    assert sold.dead_lettered[0] < 1 and sold.dead_lettered[1] > 0.25 * sold.admissions[1]
    for change in ({"admit_rate": 90}, {"admit_rate": 80, "admit_burst": 1000}):
        sold = fs.simulate(fs.Design.unlimited(workers=np.array([330, 340]), **change))
        failed = sold.dead_lettered / sold.admissions
        assert failed[0] < 0.03 and failed[1] > 0.25
    for change, few in (({"admit_rate": 90}, 322), ({"admit_rate": 80, "admit_burst": 1000}, 390)):
        sold = fs.simulate(fs.Design.unlimited(workers=np.array([200, 330]), **change))
        assert sold.dead_lettered[0] < 0.5 and round(sold.dead_lettered[1]) == few
    for share, orders in ((0, 20_945), (0.6, 21_801), (0.95, 23_812)):
        run = fs.simulate(fs.Design.unlimited(workers=150, max_wait=120), buyers=fs.Buyers(reload_probability=share))
        assert round(run.paid) == orders and round(run.wait_quantile(0.95)) == 101


def test_04_abandoned_calls_are_what_a_gateway_holds_beyond_its_workers() -> None:
    """150.5 calls in flight: 86.4 completed, 86.2 for somebody."""
    gateway, busy = fs.PaymentGateway(), fs.simulate(fs.Design.unlimited(workers=150)).max_in_flight
    assert round(busy, 1) == 150.5 and round(gateway.throughput(busy), 1) == 86.4
    assert round(150 / gateway.response_time(busy), 1) == 86.2


def test_04_the_rule_holds_on_steady_days_and_without_its_cap_on_workers_two_days_collapse() -> None:
    """At most 101 s; in the brownout 140 s, and 107 s with a promise of 120 - 45 = 75 s. No payment fails."""
    space = cells_of("04_admission_control", "world", "rule", "test")
    table = space["table"]
    assert [round(wait) for wait in table["rule: wait"]] == [101, 101, 101, 140]
    assert [round(wait) for wait in table["75 s: wait"]] == [67, 67, 67, 107] and 90 * (1 - 0.5) == 120 - 75
    lost = table["no cap: pay"] / table["rule: pay"] - 1
    assert (lost[[2, 3]] < -0.5).all() and abs(lost[[0, 1]]).max() < 1e-3
    run = space["drop"](demand=space["surges"], gateway=space["gateways"], **space["rule"])
    assert (run.dead_lettered < 1).all()
    (spell,) = space["gateways"].brownouts
    assert spell.end - spell.start == 90 and spell.health[-1] == 0.5 and (spell.health[:-1] == 1).all()


def test_04_each_part_of_the_rule_has_its_day_and_its_price() -> None:
    """Nothing fails but where calls are refused; there the rate cap keeps 97 workers from calling again at once."""
    space = cells_of("04_admission_control", "world", "rule", "test", "parts")
    table = {name: np.array(row) for name, row in space["table_of_parts"].items()}
    ruled = table["the rule"]
    lost = {name: row[:4] / ruled[:4] - 1 for name, row in table.items()}
    assert (lost["no cap on workers"][[1, 3]] < -0.8).all() and abs(lost["no cap on workers"][[0, 2]]).max() < 1e-3
    assert lost["no cap on the rate"][2] < -0.18 and abs(lost["no cap on the rate"][[0, 1, 3]]).max() < 4e-3
    assert abs(lost["no margin on the rate"]).max() < 0.01 and lost["no margin on the rate"][2] < -0.009
    assert abs(lost["no margin on workers"][[0, 2]]).max() < 1e-3 and lost["no margin on workers"][3] < -0.2
    assert 0.24 < 1 - ruled[1] / table["no promise"][1] < 0.28  # a quarter
    assert (lost["no promise"] > 0.1).all() and round(table["no promise"][-1]) == 338
    assert (lost["rate cap at the door"] < -0.05).all()
    run = space["drop"](demand=space["surges"], gateway=space["bad"], **space["rule"])
    assert (run.dead_lettered[[0, 1, 3]] < 1).all() and run.dead_lettered[2] > 100
    assert np.allclose(space["bad"].peak()[0], [160, 160, 160, 80], atol=0.05)
    assert fs.PaymentGateway().error_time == 0.2


def test_04_97_calls_are_the_knee_and_past_the_best_of_a_shared_gateway_whose_curve_is_flat_there() -> None:
    knee, shared = fs.PaymentGateway(), fs.PaymentGateway(coherency=4 * 3.9e-5)
    assert abs(knee.throughput(97) / knee.peak()[1] - 0.9) < 0.001
    assert round(shared.peak()[0]) == 80 and shared.throughput(97) > 0.98 * shared.peak()[1]
    assert shared.throughput(160) < 0.82 * shared.peak()[1]


def test_04_the_big_burst_fills_the_gateway_before_any_call_is_given_up_at_10_s() -> None:
    """With calls given up by the clock, too: full within 7 s."""
    design = fs.Design.unlimited(workers=1600, admit_rate=80, admit_burst=1000)
    run = fs.simulate(design)
    assert 4.5 < run.time[run.in_flight >= 1199.5][0] - 60 <= 5
    twin = fs.twin(design, demand=fs.Demand.drop(window=80), seed=1)
    assert twin.in_flight[twin.time <= 67].max() >= 1199


def test_04_caps_on_rate_and_workers_hold_with_chance_too() -> None:
    """The rule under chance, with its margin and without: nothing fails. A rate of 86 alone collapses with seed 2."""
    start = fs.Demand.drop(window=150)
    for rate, workers in ((77.9, 97), (86.6, 160)):
        twin = fs.twin(fs.Design.unlimited(workers=workers, dispatch_rate=rate, max_wait=120), demand=start, seed=2)
        assert twin.dead_lettered == 0
    assert fs.twin(fs.Design.unlimited(workers=1600, admit_rate=86), demand=start, seed=2).paid < 4_500


def test_04_bots_come_on_top_of_the_buyers() -> None:
    """As many buyers come, and the door has twice as many requests, of the same buyers and as many bots."""
    people, both = (fs.simulate(fs.Design.unlimited(workers=150), buyers=fs.Buyers(bot_share=x)) for x in (0, 0.5))
    assert people.arrived == both.arrived and people.requests == both.requests
    assert abs(both.door_load[480] / people.door_load[480] - 2) < 0.01


def test_04_the_door_sends_home_whom_the_gateway_could_have_served() -> None:
    """Half of them: the calls that are missing behind the door, by those sent home."""
    door, free = (fs.simulate(fs.Design.unlimited(workers=150, admit_rate=rate)) for rate in (80, np.inf))
    missing = free.paid + free.declined - door.paid - door.declined
    assert 0.5 < missing / door.turned_away < 0.55


def test_04_a_no_costs_sales_where_nothing_collapses_unless_nearly_all_come_back() -> None:
    """A door at 80 before 150 workers, by the share that reloads; cheap or not, a no sells the same."""
    free, share = fs.simulate(fs.Design.unlimited(workers=150)).paid, np.array([0, 0.6, 0.9, 0.95])
    design = fs.Design.unlimited(workers=150, admit_rate=80, door_servers=8, refusal_cost=np.array([[0.25], [1]]))
    paid = fs.simulate(design, buyers=fs.Buyers(reload_probability=share)).paid
    assert (paid[0] == paid[1]).all() and (np.diff(paid[0]) > 0).all()
    assert 0.3 < 1 - paid[0, 1] / free < 0.38 and paid[0, 2] < free < paid[0, 3]


def test_04_neighbours_of_the_right_rate_hear_what_is_true_of_them() -> None:
    said = {answer: fs.exercises.exercise("rate on a bad day").verdict(answer) for answer in (70, 72, 72.1, 73, 74, 75)}
    assert "It holds. Does one more?" in said[70]
    assert all("About the best rate" in said[each] for each in (72, 72.1, 73))
    assert all("above the best rate" in said[each] for each in (74, 75))


def test_04_either_cap_alone_protects_and_only_the_cap_on_workers_forgives() -> None:
    """Either cap alone keeps the gateway at or below its best; a rate limit has no slope, a cap on workers has."""
    rates, workers = np.array([60, 86, 88, 110]), np.array([50, 159, 200, 300, 400, 2000])[:, None]
    run = fs.simulate(fs.Design.unlimited(workers=workers, admit_rate=rates), record=False)
    best, failing = fs.PaymentGateway().peak()[0], run.dead_lettered > 0.01 * run.admissions
    assert (run.max_in_flight[:, :2] < best).all() and (run.max_in_flight[:2] < best).all()
    assert (run.max_in_flight[2:, 2:] > best).all()
    assert not failing[:4].any() and failing[4:, 2:].all()


def test_04_a_slower_gateway_has_the_same_best_number_of_calls_and_needs_more_than_its_rate() -> None:
    """Exercise 3: 71 for any crowd; it is 71 and not 72 because calls that time out are made again."""
    slow, rates = fs.PaymentGateway(service_time=0.96), np.arange(60, 91)
    assert slow.peak()[0] == fs.PaymentGateway().peak()[0] and round(slow.peak()[1], 1) == 72.1
    door = {"workers": 1600, "admit_rate": rates}
    for crowd in (1, 1.5):
        played = {"demand": fs.Demand.drop().scaled(crowd), "gateway": slow, "record": False}
        run = fs.simulate(fs.Design.unlimited(**door), **played)
        assert rates[run.dead_lettered < 1].max() == 71
    patient = fs.simulate(fs.Design.unlimited(timeout=60, **door), **played)
    assert rates[patient.dead_lettered < 1].max() == 72


def test_04_the_door_that_knows_the_stock_sells_it_all_and_nobody_waits_after_the_end() -> None:
    run = fs.simulate(fs.Design.unlimited(workers=150, stock=5000))
    assert round(run.paid) == 5_000 and run.queued < 1e-6
    assert run.queue[run.time > 130].max() < 1


def test_05_the_deep_queue_that_charges_wins_from_a_patience_of_about_150_s() -> None:
    """Endless charges every good card; it sells more than no queue if more than 51 % are still there; skipping helps all."""
    depths, kinds = np.geomspace(100, 20_000, 40).round(), np.array([60, 120, 140, 150, 160, 300, 1200])
    none, buyers = paid(queue_limit=0), fs.Buyers(patience=kinds[:, None])
    charged, skipped = (
        fs.simulate(fs.Design(queue_limit=depths, skip_stale=skip), buyers=buyers, record=False) for skip in (0, 1)
    )
    sold = charged.paid
    np.testing.assert_allclose(sold[:, -1] + charged.paid_late[:, -1], 30_862, atol=1)
    assert (sold[:3, -1] < 0.97 * none).all() and (sold[4:, -1] > 1.03 * none).all()
    assert abs(sold[3, -1] / none - 1) < 0.01 and np.ptp(sold[3]) < 0.01 * none  # 150 s: it does not matter
    assert (sold[0] < none).all() and (np.diff(sold[0]) < 1e-6).all()  # in a hurry: the best is no queue
    assert (np.diff(sold[5:], axis=1) > -1e-6).all()  # patient: endless
    assert (np.diff(skipped.paid, axis=1) > -1e-6).all() and (skipped.paid > none).all()


def test_05_explore() -> None:
    """80 workers keep two minutes, 70 do not, at 71 calls per second; charged up to 15,810, skipped down to 15,826."""
    runs = [fs.simulate(fs.Design(queue_limit=10_344, workers=workers)) for workers in (80, 70)]
    assert runs[0].longest_wait < 120 < runs[1].longest_wait
    assert all(run.longest_wait - run.wait_quantile(0.95) < 0.01 for run in runs)  # and nobody longer
    assert [fs.words.seconds(run.wait_quantile(0.95)) for run in runs] == ["1 min 58 s", "2 min 06 s"]
    assert np.median(runs[0].dispatched[runs[0].waited_for > 79.9]).round() == 71 and 10_344 / 71 > 120
    stops = np.array([x for x in fs.controls.choices(fs.parameter("design", "queue_limit"), [10_344]) if x >= 10])
    hasty = fs.Buyers(patience=60)
    for skip, ends, sign in ((False, (15_810, 8_702), -1), (True, (15_826, 16_677), 1)):
        sold = fs.simulate(fs.Design(queue_limit=stops, skip_stale=skip), buyers=hasty, record=False).paid
        assert (round(sold[0]), round(sold[-1])) == ends
        assert (sign * np.diff(sold) > -1e-6).all()


def test_05_no_queue_beats_endless_where_those_turned_away_reload_for_longer_than_they_would_wait() -> None:
    """Stale skipped: below about 45 s of patience; at 150 s if 90 % reload."""
    for patience, share, none_wins in ((40, 0.6, 1), (50, 0.6, 0), (150, 0.6, 0), (150, 0.9, 1), (1200, 1, 1)):
        buyers = fs.Buyers(patience=patience, reload_probability=share)
        sold = fs.simulate(fs.Design(queue_limit=np.array([0, np.inf])), buyers=buyers, record=False).paid
        assert (sold[0] > sold[1]) == none_wins


def test_05_a_bigger_buffer() -> None:
    """At least 63 % of the newcomers stay till their turn, all who join behind wait longer; 7,665 are in line after two minutes."""
    few, many = (fs.simulate(fs.Design(queue_limit=limit)) for limit in (12_000, 30_000))
    assert many.paid - few.paid < many.gave_up - few.gave_up
    assert round(100 * np.exp(-many.longest_wait / 300)) == 63
    assert (many.wait >= few.wait - 1e-6).all() and few.wait.max() < 120
    twin = fs.twin(fs.Design(queue_limit=30_000), seed=1)  # its waits are those of the served
    late = many.wait > 120
    served = (many.admitted * np.exp(-many.wait / 300))[late].sum() * many.dt
    assert (twin.waits > 120).sum() == pytest.approx(served, rel=0.05)
    assert round(many.admitted[late].sum() * many.dt * np.exp(-0.4)) == 7_665


def test_05_a_spell_of_90_s_at_half_speed_steals_45_s_from_those_in_line_from_a_promise_too() -> None:
    """With a rate that is lower all day, `max_wait` keeps the promise and places do not."""
    half, nobody_leaves = fs.PaymentGateway().brownout(120.0, 210.0, 0.5), fs.Buyers(patience=1e6)
    promised, places = fs.Design.unlimited(workers=150, max_wait=120), fs.Design(queue_limit=10_344)
    for design in (promised, places):
        usual, spell = (fs.simulate(design, gateway=g, buyers=nobody_leaves) for g in (fs.PaymentGateway(), half))
        assert usual.longest_wait == pytest.approx(120, abs=0.5)
        assert spell.longest_wait - usual.longest_wait == pytest.approx(45, abs=0.5)
    kept, broken = (fs.simulate(replace(design, workers=70)).longest_wait for design in (promised, places))
    assert kept < 101 and broken > 126


def test_05_18500_places_are_never_full_even_if_stale_requests_stay_in_line() -> None:
    for patience in (60, 300, 1200):
        run = fs.simulate(fs.Design.unlimited(workers=150, skip_stale=False), buyers=fs.Buyers(patience=patience))
        assert 18_000 < run.max_queue < 18_500


def test_05_estimates_hold_for_the_longest_queue_and_position_by_rate_is_never_too_short() -> None:
    run = fs.simulate(fs.Design.unlimited(workers=150))
    assert 118 - 1 < 150 * np.log1p(run.max_queue / 86.2 / 150) < 120 < run.wait.max() < run.max_queue / 86.2 < 181
    assert (run.queue / 86.2 >= run.wait - 0.5).all()


def test_05_break_the_full_rate_of_calls_for_hardly_anybody() -> None:
    run = fs.simulate(fs.Design(queue_limit=np.inf, skip_stale=False), buyers=fs.Buyers(patience=30))
    late = (run.time > 180) & (run.time < 400)
    assert (run.waited_for > 149.9)[late].all() and (run.dispatched[late].round() == 86).all()
    assert run.goodput[late].max() < 3 and run.goodput[run.time == 240] < 1


def test_05_exercises_as_their_solutions_tell() -> None:
    """78 %, and 60 % if skipped; the top at about 2,200 is flat, 0.8 % above no queue, and orders alone say endless."""
    assert round(100 * (1 - np.exp(-(10_344 / 86.2) / 80))) == 78
    assert round(80 * np.log1p(1.5)) == 73 and round(100 * (1 - np.exp(-np.log1p(1.5)))) == 60
    trial = np.arange(0.0, 20_001, 100)
    many = fs.simulate(fs.Design(queue_limit=trial, skip_stale=False), record=False)
    earned = 15.96 * many.paid - 13 * many.paid_late
    assert trial[earned.argmax()] == 2_200 and round(earned.max()) == 254_401
    assert earned[17:28].min() > 0.9996 * earned.max() and round(1000 * (earned.max() / earned[0] - 1)) == 8
    assert many.paid.argmax() >= 185


def test_06_explore() -> None:
    def sold(**changes: float) -> float:
        return round(fs.simulate(fs.Design.unlimited(**changes), record=False).paid)

    patient = [sold(workers=w, timeout=30) for w in (80, 160, 240, 590, 610, 620)]
    assert max(patient) == patient[1] and patient[3] > 16_000 and patient[4] < 14_000 and patient[5] < 11_000
    hasty = {w: sold(workers=w, timeout=2.5) for w in (130, 140)}
    assert hasty[130] > 20_000 and hasty[140] < 8_000


def test_06_above_some_target_only_failures_stop_aimd() -> None:
    """With 4, 5 or 10 seconds it does the same; a call takes 1.24 s at the knee."""
    fixed = fs.simulate(fs.Design.unlimited(workers=150), record=False).paid
    slow, four, five, ten = (
        fs.simulate(fs.Design.unlimited(workers=800, **changes), record=False).paid
        for changes in (
            dict(aimd_target=2), dict(aimd_target=4), dict(aimd_target=5), dict(aimd_target=10),
        )
    )  # fmt: skip
    assert round(100 * (1 - slow / fixed)) == 1
    assert four == pytest.approx(ten) and five == pytest.approx(ten) and ten < 0.96 * slow
    each = 10 / np.log(10)  # a tenth of the calls take longer than 10 s, where a worker leaves: its mean is then 3.9 s
    assert round(0.9 * each, 1) == 3.9 and fs.PaymentGateway().throughput(97) * 1.24 == pytest.approx(97, rel=0.01)


def test_06_the_seconds_at_the_knee_and_a_very_crowded_cliff_just_above_97_workers() -> None:
    n, very = np.arange(1, 1201), fs.PaymentGateway(coherency=40 * 3.9e-5)
    assert 97 < (n * (1 - np.exp(-30 / very.response_time(n)))).max() < 98
    paid = [fs.simulate(fs.Design.unlimited(workers=w, timeout=30), record=False).paid for w in (97, 150)]
    assert round(100 * (paid[1] / paid[0] - 1)) == 3
    assert round(float(fs.PaymentGateway(service_time=2.4).response_time(97)), 1) == 3.7
    assert round(float(fs.PaymentGateway().response_time(150)), 1) == 1.7


def test_06_a_door_4_per_cent_above_the_best_rate_and_what_the_knee_gives_up() -> None:
    assert round(100 * (90 / fs.PaymentGateway().peak()[1] - 1)) == 4
    slow = fs.PaymentGateway(service_time=2.4)
    paid = [fs.simulate(fs.Design.unlimited(workers=w, timeout=30), gateway=slow, record=False).paid for w in (97, 150)]
    assert round(100 * (1 - paid[0] / paid[1])) == 5


def test_06_what_is_measured_has_its_best_at_16_calls_and_the_fit_knows_where() -> None:
    space = cells_of("06_gateway_saturation", "world", "little", "guess-load", "beyond", "fit-measured")
    rate, fit = space["rate"], space["fit"]
    assert rate.idxmax() == 16 and abs(fit.peak_calls - 16) < 8
    assert abs(fit.contention - 4 / 44) < fit.standard_errors[1]
    assert 1.9 < fit.coherency / (0.04 / 44) < 2.2
    assert round((fit.coherency - 0.04 / 44) / fit.standard_errors[2]) == 4
    assert round((0.044 - fit.service_time) / fit.service_time_error) == 3
    assert rate[64] < rate[8]
    off = fit.predict(rate.index) / rate - 1
    assert round(off[1], 2) == 0.48 and round(off[8], 2) == -0.08 and abs(off[8:]).max() < 0.1


def test_06_a_hasty_crew_has_its_best_below_its_cliff_and_exercise_2_its_neighbours() -> None:
    space = cells_of("06_gateway_saturation", "world", "check")
    cliff, table = space["cliff"], space["table"]
    assert (table["simulated"] / table["cliff, computed"]).between(1, 1.02).all()
    assert [round(cliff(t)) for t in (2.5, 4, 5, 10)] == [138, 189, 217, 328]
    assert 0.79 < 150 / cliff(4) < 0.81 and 0.5 < 97 / cliff(4) < 0.53


def at_the_end(brownout: float = 120, load: float = 40, **design: Any) -> Any:
    """Orders a second at the end of notebook 07's half an hour."""
    gateway, demand = fs.PaymentGateway().brownout(300, 300 + brownout, 0.2), fs.Demand([0, 1800], [load, load])
    design = {"workers": 240, **design}
    return fs.simulate(fs.Design.unlimited(**design), demand=demand, gateway=gateway).goodput[..., -1]


def test_07_the_edge_is_where_the_rule_says_and_neither_retries_nor_the_trigger_move_it() -> None:
    full = fs.PaymentGateway().response_time(1200)
    assert round(1200 * (1 - np.exp(-10 / full))) == 227
    assert np.isclose(1200 / full * full * (1 - np.exp(-10 / full)), 1200 * (1 - np.exp(-10 / full)))
    for attempts, brownout in ((1, 120), (3, 120), (3, 300)):
        end = at_the_end(brownout, attempts=attempts, workers=np.array([227, 228]))
        assert end[0] > 36 and end[1] < 5
    for timeout, most in ((5, 119), (10, 227), (15, 324), (20, 411), (30, 560)):
        for load, brownout in ((20, 120), (20, 300), (40, 120), (110, 120), (110, 300)):
            end = at_the_end(brownout, timeout=timeout, workers=most * np.array([0.97, 1.03]), load=load)
            assert end[0] > min(0.9 * load, 37) and end[1] < 11
    assert round(1200 * (1 - np.exp(-15 / full))) == 324


def test_07_below_the_edge_it_heals_at_any_load_and_above_it_the_load_and_the_retries_decide() -> None:
    sick = fs.PaymentGateway().brownout(300, 420, 0.2)
    designs = {"3": {}, "1": {"attempts": 1}, "budget": {"retry_budget": 0.1}, "breaker": {"breaker_threshold": 0.5}}
    heals = {"3": 10, "1": 24, "budget": 24, "breaker": 40}
    for name, design in designs.items():
        for load in (9, 10, 16, 20, 24, 26, 30, 40):
            demand = fs.Demand([0, 1800], [load, load])
            run = fs.simulate(fs.Design.unlimited(workers=240, **design), demand=demand, gateway=sick)
            assert (run.goodput[-1] > 0.9 * load) == (load <= heals[name])
    for load in (20, 60, 80, 95, 110):
        run = fs.simulate(fs.Design.unlimited(workers=220), demand=fs.Demand([0, 1800], [load, load]), gateway=sick)
        assert run.goodput[-1] > 0.99 * min(0.92 * load, 73.6)


def test_07_a_breaker_does_not_help_beyond_the_cliff() -> None:
    """300 workers heal to 36.8 orders a second; 350, above 328, fill the gateway again and again."""
    demand, sick = fs.Demand([0, 3600], [40, 40]), fs.PaymentGateway().brownout(300, 420, 0.2)
    run = fs.simulate(fs.Design.unlimited(workers=[300, 350], breaker_threshold=0.5), demand=demand, gateway=sick)
    heals, falls = run.goodput[:, -2400:].mean(axis=1)  # the last ten minutes
    assert round(heals, 1) == 36.8 and falls < 30


def test_07_from_a_full_pile_the_count_of_calls_says_where_it_heals() -> None:
    """25.2 buyers a second with 1 attempt: at 25, not at 26; a budget at 24, not at 25; 3 attempts at 10, not at 11."""
    sick = fs.PaymentGateway().brownout(300, 420, 0.2)
    for design, most, least in (({"attempts": 1}, 25, 26), ({"retry_budget": 0.1}, 24, 25), ({}, 10, 11)):
        for load, heals in ((most, True), (least, False)):
            demand = fs.Demand([0, 600, 600.25, 7200], [40, 40, load, load])
            run = fs.simulate(fs.Design.unlimited(workers=240, **design), demand=demand, gateway=sick)
            assert run.in_flight[run.time == 600] > 1199 and (run.goodput[-1] > 0.9 * load) == heals


def test_07_the_rule_is_the_formula_of_the_cliff_at_the_call_limit() -> None:
    """Its largest value, 328, is 06's cliff; at N = 1,200 it is 227."""
    n = np.arange(1, 1201)
    workers = n * (1 - np.exp(-10 / fs.PaymentGateway().response_time(n)))
    assert (round(workers.max()), round(workers[-1])) == (328, 227)


def test_07_an_order_is_worth_its_margin_less_the_fee() -> None:
    """18 - 2.04 = 15.96 dollars, as in notebook 08."""
    p = fs.Prices()
    assert np.isclose(p.fee_share * p.basket + p.fee_fixed, 2.04)
    assert np.isclose(p.basket * p.margin - 2.04, 15.96)


def test_07_explore() -> None:
    space = cells_of("07_recovery_queues", "world", "explorer-parts")

    def told(**changes: float) -> str:
        start = {"workers": 240, "attempts": 3, "timeout": 10, "brownout_length": 120, "arrival_rate": 40}
        start |= {"retry_budget": np.inf, "breaker_threshold": np.inf}
        return str(space["play"](start | changes).reading)

    for workers, seconds in ((230, 60), (240, 50), (260, 40), (280, 30), (300, 20), (320, 10)):
        assert "heals" in told(workers=workers, brownout_length=seconds)
        assert "stays down" in told(workers=workers, brownout_length=seconds + 10)
    assert all("heals" in told(workers=220, brownout_length=seconds) for seconds in (120, 300))
    assert "heals" in told(arrival_rate=14) and "stays down: 4.4" in told(arrival_rate=16)
    assert "heals" in told(arrival_rate=24, attempts=1) and "stays down" in told(arrival_rate=26, attempts=1)
    assert "heals" in told(arrival_rate=14, attempts=1) and "heals after 0 s" in told(brownout_length=0)
    for load, full in ((14, False), (16, True)):  # so few do not fill the pile in two minutes
        sick, demand = fs.PaymentGateway().brownout(300, 420, 0.2), fs.Demand([0, 1800], [load, load])
        assert (fs.simulate(fs.Design.unlimited(workers=240), demand=demand, gateway=sick).max_in_flight > 1199) == full


def test_07_the_map_has_its_edges_at_the_rule_and_where_two_minutes_build_the_pile() -> None:
    for load, workers, sells in ((13, 300, True), (17, 300, False), (60, 220, True), (60, 240, False)):
        demand, gateway = fs.Demand([0, 1800], [load, load]), fs.PaymentGateway().brownout(300, 420, 0.2)
        run = fs.simulate(fs.Design.unlimited(workers=workers), demand=demand, gateway=gateway)
        assert (run.goodput[-1] > 0.5 * load) == sells


def test_07_waves_without_jitter_stay_as_high_as_those_who_are_left() -> None:
    calls = {name: np.array(each) for name, each in cells_of("07_recovery_queues", "world", "jitter")["calls"].items()}
    waves = calls["no jitter"]
    assert waves[waves > 0].tolist() == list(range(1000, 0, -100)) and waves.nonzero()[0].max() == 380
    assert calls["jitter"][1:].max() < 300 and calls["jitter"].nonzero()[0].max() == 20
    assert calls["jitter"].sum() < 0.46 * waves.sum()


def test_08_explore() -> None:
    space = cells_of("08_cost_of_a_window", "prices", "guess", "bill", "order", "naive", "explorer-parts", "explore")
    explorer = space["shown"]

    def told(preset: str, **changes: float) -> tuple[str, dict[str, str]]:
        explorer.set({**explorer.presets[preset], **changes})
        return repr(explorer), {row[0]: row[2] for row in explorer.picture.table}

    (_, hours), (_, month) = told("warm 2 hours"), told("warm 2 hours", hours_up=730)
    assert {name for name in hours if hours[name] != month[name]} == {"workers on standby", "front door"}
    assert hours["workers on standby"] == "1.30" and month["workers on standby"] == "540.42"
    assert hours["front door"] == "0.24" and month["front door"] == "86.50"
    for delay, cost, sold in ((5, "0.68", "21,797"), (120, "0.75", "16,810")):
        words = told("by the queue", scale_delay=delay)[0]
        assert f"cost {cost} dollars" in words and f"{sold} of" in words
    assert "missed: none" in told("warm 2 hours")[0]


def test_08_half_the_workers_behind_a_queue_as_deep() -> None:
    half = fs.simulate(fs.Design(workers=75))
    assert half.max_queue > 11_999 < fs.simulate().max_queue


def test_08_minutes_save_a_dollar_and_calling_saves_cents_on_top() -> None:
    twenty = fs.Prices(standby=300)
    hours, minutes = (fs.cost_per_order(fs.simulate(), p) * fs.simulate().paid for p in (fs.Prices(), twenty))
    assert (round(hours, 2), round(minutes, 2)) == (2.18, 0.74)
    for delay, lost in ((30, 0), (60, 365)):
        clock = fs.simulate(fs.Design(warm_workers=20, scale_at=0, scale_delay=delay))
        assert round(fs.simulate().paid - clock.paid) == lost
        assert 0.05 < minutes - fs.cost_per_order(clock, twenty) * clock.paid < 0.06
    queue = fs.simulate(fs.Design(warm_workers=20, scale_queue=100, scale_delay=30))
    assert round(minutes - fs.cost_per_order(queue, twenty) * queue.paid, 2) == 0.05
    begun = int(np.argmax(queue.queue > 100))
    assert queue.workers_up[begun + int(29 / queue.dt)] == 20  # on their own until the others have started
    door = fs.simulate(fs.Design(door_servers=16))
    assert round(hours - fs.cost_per_order(door) * door.paid, 2) == 0.08


def test_08_late_charges_are_buyers_who_were_told_that_it_failed() -> None:
    naive = fs.simulate(fs.Design.naive())
    assert naive.paid_late == 0 and 1_523 < naive.orphan_charges < naive.dead_lettered


def test_08_three_thousand_designs() -> None:
    space = cells_of("08_cost_of_a_window", "prices", "guess", "bill", "order", "sweep", "pareto", "job")
    words = str(space["show"](space["play_many"](lambda done, size: None)))
    assert "Designs: 3,000; 418 meet the targets; 19 on the front, from 17,201 at 1.12 to 22,697 at 2.54" in words
    assert "1 design that meets the targets beats that" in words
    found, (cost, paid) = space["play_many"](lambda done, size: None), (space["window_cost"], fs.simulate().paid)
    (one,) = found[found.all_met & (found.running <= cost) & (found.paid >= paid)].to_dict("records")
    assert one["door_servers"] == 17 and round(one["paid"] - paid) == 26 and round(cost - one["running"], 2) == 0.1
    design = fs.Design(**{name: one[name] for name in ("workers", "queue_limit", "door_servers", "max_wait")})
    assert round(fs.simulate(design, demand=fs.Demand.drop().scaled(1.5)).accept_quantile(0.99), 2) == 1.24


def test_08_exercise_3_as_its_solution_tells() -> None:
    good = cells_of("08_cost_of_a_window", "prices", "guess", "bill", "order", "sweep")["good"]
    one = good.loc[good[good.paid >= 21_000].running.idxmin()]
    assert (one.workers, one.queue_limit, round(one.running, 2)) == (100, 11_000, 1.67)
    assert round(fs.simulate().paid - one.paid) == 1179


def test_09_four_of_five_that_pass_the_planned_day_fail_on_another() -> None:
    """Of other random designs as well: a fifth survives, give or take three standard errors of 3.5 percentage points."""
    designs = fs.kata.draw(1500, seed=11)
    passed = designs[fs.kata.survey(designs).all_met]
    days = {name: fs.kata.survey(passed, scenario=day).all_met for name, day in fs.kata.SCENARIOS.items()}
    assert 0.1 < np.mean(np.all(list(days.values()), axis=0)) < 0.31
    assert min(days, key=lambda name: days[name].mean()) == "a 90 s brownout"
    demand = fs.kata.SCENARIOS["the drop"].demand
    assert round((demand.cumulative(90) - demand.cumulative(60)) / demand.total, 2) == 0.45


def test_09_calls_of_four_seconds_and_buyers_who_fail_twice() -> None:
    """Exponential times: exp(-10/4) = 8 % take more than 10 s. With one call in ten failing: 1 % twice, 0.1 % three times."""
    assert round(100 * np.exp(-10 / 4)) == 8
    brownout = fs.kata.SCENARIOS["a 90 s brownout"]
    assert brownout.gateway.error_rate == 0.1 and fs.kata.TARGETS.failed_share == 0.005
    failed = {
        n: fs.score(fs.kata.play(fs.Design(workers=130, queue_limit=6500, attempts=n), brownout), brownout.targets)
        for n in (2, 3)
    }
    assert [card.set_index("target").met["failed_share"] for card in failed.values()] == [False, True]


def test_09_which_day_misses_what() -> None:
    """The cost on the quiet day alone; the quick answer on the two days with more requests alone."""
    designs = fs.kata.draw(1000, seed=0)
    passed = designs[fs.kata.survey(designs).all_met]
    missed = {}
    for name, day in fs.kata.SCENARIOS.items():
        table = fs.kata.survey(passed, scenario=day)
        missed[name] = {
            target
            for target in ("accept_p99", "cost_per_order")
            if (table[target] > getattr(day.targets, target)).any()
        }
    assert [name for name, targets in missed.items() if "cost_per_order" in targets] == ["a quiet day"]
    assert [n for n, targets in missed.items() if "accept_p99" in targets] == ["1.5 times the turnout", "a bot wave"]


def test_09_a_promise_against_places() -> None:
    """Of the reference "a promise": on its brownout day 6,500 places sell 11 % more at the same wait; 110 s would break."""
    day, promise = fs.kata.SCENARIOS["a 90 s brownout"], fs.kata.REFERENCES["a promise"][0]
    places = fs.kata.play(fs.Design(workers=130, queue_limit=6500), day)
    ours = fs.kata.play(promise, day)
    assert round(100 * (places.paid / ours.paid - 1)) == 11
    assert abs(places.wait_quantile(0.95) - ours.wait_quantile(0.95)) < 2
    assert fs.kata.survived(fs.Design(workers=130, queue_limit=6500)) == dict.fromkeys(fs.kata.SCENARIOS, True)
    assert fs.kata.play(fs.Design(workers=130, queue_limit=np.inf, max_wait=110), day).wait_quantile(0.95) > 120


def test_01_the_base_rate_is_that_of_the_first_and_the_last_minute() -> None:
    buyers = cells_of("01_the_surge", "trace")["buyers"]
    assert round(buyers[:60].mean()) == round(buyers[-60:].mean()) == 6
