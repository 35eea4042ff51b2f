"""Against peers, in one run: the engine, its SimPy twin, and Ciw on the reduced problem that Ciw can express.

`python tests/bench_peers.py`; Ciw is no dependency of this project: `pip install ciw` first, or its rows are left out.
Machines are noisy: read the ratios.
"""

import os
import statistics
import time
from collections.abc import Callable

import numpy as np

import flashsale_lib as fs
from flashsale_lib.discrete_event.twins import twin

try:
    import ciw
except ImportError:
    ciw = None


def seconds(work: Callable[[], object], times: int) -> float:
    """Median wall time of one call, after one call to warm up."""
    work()
    measured = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        measured.append(time.perf_counter() - start)
    return statistics.median(measured)


# The reduced problem: lambda(t) = 2000 exp(-t/30) for 600 s, 50 servers of 0.4 s, room for 2,000 in the queue,
# patience 30 s, nobody comes back. Exact mean by forward equations (peers' table): served 15,124.8, abandoned 6,089.
TIME = np.linspace(0.0, 600.0, 6001)
DEMAND = fs.Demand(TIME, 2000.0 * np.exp(-TIME / 30.0))
DESIGN = fs.Design.unlimited(workers=50, queue_limit=2000, attempts=1, timeout=np.inf)
BUYERS = fs.Buyers(patience=30, reload_probability=0)
GATEWAY = fs.PaymentGateway(
    service_time=0.4, contention=0, coherency=0, call_limit=np.inf, error_rate=0, decline_rate=0
)


def reduced() -> fs.Outcome:
    return fs.simulate(DESIGN, demand=DEMAND, buyers=BUYERS, gateway=GATEWAY, record=False)


def ciw_once(seed: int) -> tuple[float, float]:
    """Served and abandoned in one replication by Ciw."""
    edges = np.linspace(0.0, 600.0, 601)
    rates = np.diff(DEMAND.cumulative(edges))
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.PoissonIntervals(list(rates), list(edges[1:]), max_sample_date=600)],
        service_distributions=[ciw.dists.Exponential(1 / 0.4)],
        number_of_servers=[50],
        queue_capacities=[2000],
        reneging_time_distributions=[ciw.dists.Exponential(1 / 30)],
    )
    ciw.seed(seed)
    simulation = ciw.Simulation(network)
    simulation.simulate_until_max_time(600)
    kinds = [record.record_type for record in simulation.get_all_records()]
    return kinds.count("service"), kinds.count("renege")


def main() -> None:
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n")

    engine = seconds(lambda: fs.simulate(record=False), 30)
    by_buyer = seconds(lambda: twin(seed=1), 3)
    print(f"default drop            engine {1e3 * engine:8.2f} ms")
    print(
        f"                        twin   {1e3 * by_buyer:8.0f} ms, {by_buyer / engine:,.0f} times as long (bar 1,000)"
    )

    outcome, small = reduced(), seconds(reduced, 30)
    print(
        f"\nreduced problem         engine {1e3 * small:8.2f} ms, served {outcome.paid:,.0f}, abandoned {outcome.gave_up:,.0f}"
    )
    print("                        exact mean           served 15,125, abandoned 6,089")
    one = twin(DESIGN, demand=DEMAND, buyers=BUYERS, gateway=GATEWAY, seed=1)
    by_buyer = seconds(lambda: twin(DESIGN, demand=DEMAND, buyers=BUYERS, gateway=GATEWAY, seed=1), 3)
    print(
        f"                        twin   {1e3 * by_buyer:8.0f} ms, served {one.paid:,.0f}, "
        f"abandoned {one.gave_up:,.0f}, {by_buyer / small:,.0f} times as long"
    )
    if ciw is None:
        print("                        Ciw is not installed (pip install ciw)")
    else:
        start = time.perf_counter()
        served, abandoned = ciw_once(1)
        took = time.perf_counter() - start
        print(
            f"                        Ciw    {1e3 * took:8.0f} ms, served {served:,.0f}, "
            f"abandoned {abandoned:,.0f}, {took / small:,.0f} times as long"
        )

    designs = fs.sample(10_000, workers=(20, 400), admit_rate=(20, 1000), queue_limit=(100, 30_000), attempts=(1, 6))
    start = time.perf_counter()
    table = fs.sweep(designs, progress=False)
    took = time.perf_counter() - start
    print(f"\nsweep of 10,000 designs {took:.1f} s, scorecard included; {table.all_met.mean():.0%} meet all targets")


if __name__ == "__main__":
    main()
