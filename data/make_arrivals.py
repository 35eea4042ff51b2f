"""Generates arrivals.csv: seeded, so that the same file comes out again. See README.md."""

from pathlib import Path

import numpy as np

from flashsale_lib import Demand

first = Demand.drop(base=6, surge=640, start=62, ramp=4, decay=45)
edges = np.arange(901.0)
expected = np.diff(first.cumulative(edges))
# A second, smaller wave five minutes later: somebody with many followers posts the link.
expected += np.diff(Demand.drop(base=0, surge=55, start=362, ramp=20, decay=70).cumulative(edges))
buyers = np.random.default_rng(20261124).poisson(expected)
rows = "".join(f"{time},{count}\n" for time, count in zip(range(900), buyers, strict=True))
Path(__file__).with_name("arrivals.csv").write_text("time,buyers\n" + rows, encoding="utf-8")
