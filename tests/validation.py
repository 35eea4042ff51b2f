"""Engine against twin, scenario by scenario: `python tests/validation.py` plays the twin again, which takes minutes.

It writes what the twin said (mean and standard error over replications) to `reference/twin_validation.csv`, and puts
the table into the library's README. With names of scenarios it plays only those; with `table` none, and makes the table
from the stored numbers.
`test_validation.py` holds the engine to them in every run.
"""

import csv
import dataclasses
import math
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from helpers import PLACES

import flashsale_lib as fs

CSV = Path(__file__).parent / "reference" / "twin_validation.csv"
README = Path(fs.__file__).parent / "README.md"
BEGIN, END = "<!-- validation table: python tests/validation.py -->", "<!-- end of validation table -->"

CALLS = "calls retries refused_calls timed_out_calls double_charges orphan_charges".split()
TOTALS = [*PLACES, "max_queue", "admissions", *CALLS]
"""What must agree to SHARE of arrivals, calls included: the ledger, the longest queue, and what passed on the way."""
QUANTITIES = ["arrived", *TOTALS, "wait_p95"]
SHARE = 0.02
WAIT = 0.05
"""Relative tolerance of the wait that 95 % stay below."""
SHORT = 0.01
"""Shorter waits the engine counts as none, s."""
ERRORS = 3.0
"""Standard errors of the twin's mean within which a difference is chance."""
SEED = 1000

INF = math.inf
AGES = "the twin's calls time out at a fixed age, in the fluid some sooner and some later"
CYCLES = f"{AGES}, so that the breaker opens and tries at other times"
HEALING = "on the edge: chance decides whether it heals"
CHANCE = "chance makes queues where the fluid has none"
SPREAD = "short queue: chance spreads the waits, in the fluid all are alike"
WAVERING = "the twin's door measures call times, the estimate wavers by 6 %, and the queue fills up to its highest"
CUTS = "the twin measures call times and failures, the estimates waver, and the adaptive limit is cut more often"


@dataclasses.dataclass(frozen=True)
class Scenario:
    """One row of the table. `why` is given if and only if the fluid is known to be wrong there."""

    name: str
    design: fs.Design
    demand: fs.Demand = dataclasses.field(default_factory=fs.Demand.drop)
    buyers: fs.Buyers = dataclasses.field(default_factory=fs.Buyers)
    gateway: fs.PaymentGateway = dataclasses.field(default_factory=fs.PaymentGateway)
    replications: int = 6
    why: str = ""

    def parts(self):
        return dict(design=self.design, demand=self.demand, buyers=self.buyers, gateway=self.gateway)


def steady(rate, seconds):
    return fs.Demand([0, seconds], [rate, rate])


def open_door(**changes):
    return fs.Design.unlimited(**changes)


def shrunk(k, workers, queue_limit):
    """The default drop with k times fewer buyers, and everything that counts buyers or calls k times smaller."""
    gateway = fs.PaymentGateway(contention=0.002 * k, coherency=3.9e-5 * k * k, call_limit=1200 / k)
    design = fs.Design(workers=workers / k, queue_limit=queue_limit / k, admit_burst=100 / k)
    return dict(design=design, demand=fs.Demand.drop().scaled(1 / k), gateway=gateway)


FLAT = fs.PaymentGateway(contention=0, coherency=0)
"""A gateway that does not slow down: `workers` calls of 0.8 s each."""
ILL = fs.PaymentGateway().brownout(300, 360, 0.2)
WAVES = fs.Demand([0, 100, 200, 300, 400, 500, 600], [10, 150, 10, 200, 10, 100, 10])
ALL_ON = dict(
    admit_rate=85, admit_burst=400, max_wait=90, stock=9000, overbooking=0.1, retry_budget=0.2, breaker_threshold=0.5,
    aimd_target=2.5, aimd_start=80, warm_workers=60, scale_at=20, scale_queue=100, scale_delay=30, scale_rate=5,
    idempotency_lifetime=10, workers=160, dispatch_rate=84,
)  # fmt: skip

SCENARIOS = [
    # ---- healthy, saturated, collapsed ------------------------------------------------------------------------
    Scenario("the protected design", fs.Design()),
    Scenario("open door, 160 workers", open_door(workers=160)),
    Scenario("open door, 80 workers", open_door(workers=80)),
    Scenario("open door, 40 workers", open_door(workers=40)),
    Scenario("open door, 320 workers", open_door(workers=320)),
    Scenario("open door, 480 workers", open_door(workers=480), why=AGES),
    Scenario("open door, 800 workers: the naive design", fs.Design.naive(), why=AGES),
    Scenario("the same, one attempt", open_door(workers=800, attempts=1), why=AGES),
    Scenario("steady 20/s, 160 workers", open_door(workers=160), steady(20, 600)),
    Scenario("three waves, 100 workers", open_door(workers=100), WAVES),
    # ---- the door ---------------------------------------------------------------------------------------------
    Scenario("queue limit 500", fs.Design(workers=120, queue_limit=500), why=SPREAD),
    Scenario("queue limit 5,000", fs.Design(workers=120, queue_limit=5000)),
    Scenario("tokens 40/s, burst 1,000", open_door(workers=160, admit_rate=40, admit_burst=1000)),
    Scenario("tokens 80/s, 1,600 workers", open_door(workers=1600, admit_rate=80)),
    Scenario("tokens 90/s, 1,600 workers", open_door(workers=1600, admit_rate=90)),
    Scenario("95 % reload after 5 s", fs.Design(queue_limit=2000), buyers=fs.Buyers(reload_probability=0.95, reload_delay=5)),
    # ---- buyers and gateway -----------------------------------------------------------------------------------
    Scenario("patience 30 s", fs.Design(), buyers=fs.Buyers(patience=30)),
    Scenario("endless patience", open_door(workers=150), buyers=fs.Buyers(patience=INF)),
    Scenario("10 % errors, 20 % declines", fs.Design(), gateway=fs.PaymentGateway(error_rate=0.1, decline_rate=0.2)),
    Scenario("gateway refuses beyond 60 calls", fs.Design(workers=100), gateway=fs.PaymentGateway(call_limit=60)),
    Scenario("brownout, 160 workers", open_door(workers=160), steady(40, 600), gateway=ILL, why=AGES),
    Scenario("brownout, 240 workers", open_door(workers=240), steady(40, 600), gateway=ILL, why=HEALING),
    Scenario("dead for 60 s, 100 workers", open_door(workers=100), steady(40, 600),
             gateway=fs.PaymentGateway().brownout(300, 360, 0)),
    # ---- small systems, load near 1 ---------------------------------------------------------------------------
    Scenario("a tenth of everything", **shrunk(10, 150, 12000), replications=20),
    Scenario("a hundredth of everything", **shrunk(100, 200, 12000), replications=60),
    Scenario("load 0.80, 1 worker", open_door(workers=1), steady(1, 900), gateway=FLAT, replications=40, why=CHANCE),
    Scenario("load 0.80, 40 workers", open_door(workers=40), steady(40, 600), gateway=FLAT, why=CHANCE),
    Scenario("load 0.98, 40 workers", open_door(workers=40), steady(49, 600), gateway=FLAT, why=CHANCE),
    Scenario("load 1.00, 40 workers", open_door(workers=40), steady(50, 600), gateway=FLAT, why=CHANCE),
    # ---- each policy ------------------------------------------------------------------------------------------
    Scenario("skip_stale off", open_door(workers=120, skip_stale=False)),
    Scenario("dispatch rate 60/s", fs.Design(workers=400, dispatch_rate=60)),
    Scenario("timeout 2.5 s, no keys", fs.Design(workers=60, timeout=2.5, idempotency_lifetime=0)),
    Scenario("timeout 2.5 s, keys for 100 s", fs.Design(workers=60, timeout=2.5, idempotency_lifetime=100)),
    Scenario("timeout 1.5 s: a collapse", fs.Design(workers=100, timeout=1.5), why=AGES),
    Scenario("promise 60 s", fs.Design(max_wait=60), why=WAVERING),
    Scenario("half of the tokens to bots", open_door(admit_rate=80, workers=150), buyers=fs.Buyers(bot_share=0.5)),
    Scenario("stock 5,000", fs.Design(stock=5000)),
    Scenario("stock 5,000, overbooking 20 %", fs.Design(stock=5000, overbooking=0.2)),
    Scenario("retry budget 5 %, 30 % errors", fs.Design(retry_budget=0.05), gateway=fs.PaymentGateway(error_rate=0.3)),
    Scenario("circuit breaker, dead for 60 s", open_door(workers=100, breaker_threshold=0.5), steady(40, 600),
             gateway=fs.PaymentGateway().brownout(300, 360, 0), why=CYCLES),
    Scenario("circuit breaker, naive design", open_door(workers=800, breaker_threshold=0.5), why=CYCLES),
    Scenario("adaptive limit, 800 workers", open_door(workers=800, aimd_target=2.0)),
    Scenario("20 workers warm, others by schedule", fs.Design(warm_workers=20, scale_at=10)),
    Scenario("20 workers warm, others by queue", fs.Design(warm_workers=20, scale_queue=200)),
    # ---- several at once --------------------------------------------------------------------------------------
    Scenario("promise, bots and tokens", fs.Design(max_wait=60, admit_rate=100), buyers=fs.Buyers(bot_share=0.3)),
    Scenario("adaptive limit in a brownout to 40 %", open_door(workers=240, aimd_target=2.5), steady(40, 600),
             gateway=fs.PaymentGateway().brownout(300, 360, 0.4), why=CUTS),
    Scenario("adaptive limit in a brownout to 20 %", open_door(workers=240, aimd_target=2.0), steady(40, 600),
             gateway=ILL, why=CUTS, replications=3),
    Scenario("every policy on", fs.Design(**ALL_ON), buyers=fs.Buyers(bot_share=0.2)),
    Scenario("every policy on, sick gateway", fs.Design(**ALL_ON, skip_stale=False), buyers=fs.Buyers(bot_share=0.2),
             gateway=fs.PaymentGateway(error_rate=0.03).brownout(200, 300, 0.6), why=CUTS),
]  # fmt: skip


def replicate(scenario, seed):
    """What the twin says in one replication: the numbers in the order of QUANTITIES."""
    outcome = fs.twin(**scenario.parts(), seed=seed)
    return [*(getattr(outcome, name) for name in QUANTITIES[:-1]), outcome.wait_quantile(0.95)]


def play_twin(scenario, spread=map):
    """{quantity: (mean, standard error)} over the scenario's replications; `spread` is map, or that of an executor."""
    n = scenario.replications
    runs = list(spread(replicate, [scenario] * n, range(SEED, SEED + n)))
    means, errors = np.mean(runs, axis=0), np.std(runs, axis=0, ddof=1) / math.sqrt(n)
    return {name: (float(m), float(e)) for name, m, e in zip(QUANTITIES, means, errors, strict=True)}


def play_engine(scenario):
    outcome = fs.simulate(**scenario.parts(), record=False)
    return {name: getattr(outcome, name) for name in QUANTITIES[:-1]} | {"wait_p95": outcome.wait_quantile(0.95)}


@dataclasses.dataclass(frozen=True)
class Row:
    """A scenario with both answers, and what of them does not agree: {quantity: difference}."""

    scenario: Scenario
    twin: dict
    engine: dict

    @property
    def off(self):
        """Engine minus twin, of arrivals, for every total."""
        return {name: (self.engine[name] - self.twin[name][0]) / self.engine["arrived"] for name in TOTALS}

    @property
    def worst(self):
        return max(TOTALS, key=lambda name: abs(self.off[name]))

    @property
    def misses(self):
        """The quantities outside the criterion."""
        found = [name for name in TOTALS if abs(self.off[name]) > max(SHARE, self._chance(name))]
        (mean, error), got = self.twin["wait_p95"], self.engine["wait_p95"]
        if abs(got - mean) > max(WAIT * mean, ERRORS * error, SHORT):
            found.append("wait_p95")
        return found

    def _chance(self, name):
        return ERRORS * self.twin[name][1] / self.engine["arrived"]

    def cells(self):
        paid, error = self.twin["paid"]
        wait, wait_error = self.twin["wait_p95"]
        verdict = "agrees" if not self.misses else f"**off** ({', '.join(words(m) for m in self.misses)}): "
        return (
            self.scenario.name,
            f"{paid:,.0f} ± {error:,.0f} / {self.engine['paid']:,.0f}",
            f"{100 * self.off[self.worst]:+.1f} ({words(self.worst)})",
            f"{wait:.1f} ± {wait_error:.1f} / {self.engine['wait_p95']:.1f}",
            verdict + (self.scenario.why if self.misses else ""),
        )


def words(name):
    return "wait" if name == "wait_p95" else name.replace("_", " ")


def stored():
    """{scenario: {quantity: (mean, standard error)}} as the twin left it."""
    table = {}
    with CSV.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            table.setdefault(row["scenario"], {})[row["quantity"]] = (float(row["mean"]), float(row["standard_error"]))
    return table


def rows():
    twins = stored()
    return [Row(each, twins[each.name], play_engine(each)) for each in SCENARIOS]


def markdown(rows):
    head = (
        "scenario",
        "paid: twin ± s.e. / engine",
        "worst total, % of arrivals",
        "p95 wait, s: twin ± s.e. / engine",
        "verdict",
    )
    lines = [head, ("---",) * len(head), *(row.cells() for row in rows)]
    agree = sum(not row.misses for row in rows)
    table = "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
    return f"{agree} of {len(rows)} scenarios agree.\n\n{table}"


def regenerate(scenarios=SCENARIOS):
    """Play the twin on these scenarios; what is stored of the others stays."""
    table = {}
    if CSV.exists():
        with CSV.open(encoding="utf-8", newline="") as file:
            for row in csv.reader(file):
                table.setdefault(row[0], []).append(row)
    with ProcessPoolExecutor(2) as executor:
        for scenario in scenarios:
            begun = time.perf_counter()
            runs = str(scenario.replications), str(SEED)
            answers = play_twin(scenario, executor.map).items()
            table[scenario.name] = [[scenario.name, name, repr(m), repr(e), *runs] for name, (m, e) in answers]
            print(f"{time.perf_counter() - begun:5.1f} s  {scenario.name}", file=sys.stderr, flush=True)
    with CSV.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow("scenario quantity mean standard_error replications first_seed".split())
        for scenario in SCENARIOS:
            out.writerows(table.get(scenario.name, []))


def main(*names):
    if names != ("table",):
        unknown = set(names) - {scenario.name for scenario in SCENARIOS}
        if unknown:
            sys.exit(f"no scenario is called {', '.join(sorted(unknown))}; see SCENARIOS, or pass table, or nothing")
        regenerate([scenario for scenario in SCENARIOS if not names or scenario.name in names])
    table = markdown(rows())
    text = README.read_text(encoding="utf-8")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    README.write_text(f"{before}{BEGIN}\n\n{table}\n\n{END}{after}", encoding="utf-8")
    print(table)


if __name__ == "__main__":
    main(*sys.argv[1:])
