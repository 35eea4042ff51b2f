"""Measures load_test_measured.csv: a small payment service over real HTTP, driven at rising concurrency. See README.md.

`python data/measure_load.py` takes under two minutes and needs nothing but Python. The service is a process of its own on this
machine. Each call waits WORK on average by itself, as for a bank. Then it books the payment, one call at a time, under one lock: it writes
a row (WRITE), and compares its card with every other call in flight, so that no card is charged twice at once (COMPARE each).
Waiting for the lock is contention. The comparisons are the coherency cost: the more calls, the more each has to do. All three
are pauses, not computation, so that the shape does not depend on the speed of the machine.

The load is a closed loop: N clients, each with one call in flight, always. A level lasts some seconds; all levels are measured
in several rounds, and the file holds the medians, so that a busy moment of the machine does not bend the curve.
"""

import argparse
import csv
import http.client
import multiprocessing
import random
import statistics
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

WORK, WRITE, COMPARE = 0.040, 0.004, 0.00004  # seconds
LEVELS = (1, 4, 8, 16, 24, 32, 48, 64, 96, 128)
COLUMNS = ("calls", "calls_per_second", "seconds_per_call", "lowest", "highest")
FILE = Path(__file__).with_name("load_test_measured.csv")


class Service(ThreadingHTTPServer):
    """One thread for each connection, and what all threads share: a count and a lock."""

    daemon_threads = True
    request_queue_size = 512

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Payment)
        self.in_flight = 0
        self.counting, self.booking = threading.Lock(), threading.Lock()

    @contextmanager
    def counted(self) -> Any:
        with self.counting:
            self.in_flight += 1
        try:
            yield
        finally:
            with self.counting:
                self.in_flight -= 1


class Payment(BaseHTTPRequestHandler):
    """POST /pay: wait for the bank, then book under the lock."""

    server: Service
    protocol_version = "HTTP/1.1"  # connections stay open
    wbufsize = -1  # head and body in one packet
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        if self.path != "/pay":
            self.send_error(404)
            return
        with self.server.counted():
            time.sleep(WORK * random.uniform(0.5, 1.5))
            with self.server.booking:
                time.sleep(WRITE + COMPARE * (self.server.in_flight - 1))
        self.send_response(200)
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"paid")

    def log_message(self, *_: Any) -> None:
        """Nothing: a line per call would be most of the load."""


def serve(told: Any) -> None:
    """The service's process: say which port the system gave us, then serve until stopped."""
    service = Service()
    told.send(service.server_port)
    service.serve_forever()


@contextmanager
def running() -> Any:
    """A service in a process of its own; gives its port."""
    start = multiprocessing.get_context("spawn")
    here, there = start.Pipe(duplex=False)
    process = start.Process(target=serve, args=(there,), daemon=True)
    process.start()
    try:
        if not here.poll(20):
            raise RuntimeError("the service did not start within 20 s: is the machine very busy? Run again")
        yield here.recv()
    finally:
        process.terminate()
        process.join()


def measure(port: int, calls: int, seconds: float, warm_up: float = 0.8) -> tuple[float, float]:
    """Keep `calls` calls in flight for `seconds`: calls completed per second, and mean seconds per call."""
    taken: list[float] = []  # of calls that end within the time that counts
    failed: list[str] = []
    start = time.perf_counter() + warm_up
    end = start + seconds

    def client() -> None:
        line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            while (before := time.perf_counter()) < end:
                line.request("POST", "/pay")
                answer = line.getresponse()
                if answer.read() != b"paid":
                    raise RuntimeError(f"the service answered {answer.status} {answer.reason}")
                after = time.perf_counter()
                if start <= after < end:
                    taken.append(after - before)
        except (OSError, http.client.HTTPException, RuntimeError) as error:
            failed.append(f"{type(error).__name__}: {error}")
        finally:
            line.close()

    clients = [threading.Thread(target=client) for _ in range(calls)]
    for each in clients:
        each.start()
    for each in clients:
        each.join()
    if failed:
        raise RuntimeError(f"with {calls} calls in flight {len(failed)} clients failed; the first: {failed[0]}")
    if not taken:
        raise RuntimeError(f"with {calls} calls in flight none ended within {seconds:g} s: measure for longer")
    return len(taken) / seconds, statistics.fmean(taken)


def load_test(levels: Sequence[int], seconds: float, rounds: int) -> list[tuple[float, ...]]:
    """A row for each level, as in COLUMNS: medians over the rounds, and the lowest and highest throughput."""
    found: dict[int, list[tuple[float, float]]] = {calls: [] for calls in levels}
    with running() as port:
        for number in range(rounds):
            for calls in levels:
                found[calls].append(measure(port, calls, seconds))
                rate, each = found[calls][-1]
                print(
                    f"round {number + 1}: {calls:4} calls in flight, {rate:6.1f}/s, {1000 * each:6.1f} ms each",
                    flush=True,
                )
    rows = []
    for calls, repeats in found.items():
        rates, times = zip(*repeats, strict=True)
        middle = statistics.median(rates), statistics.median(times)
        rows.append((calls, round(middle[0], 1), round(middle[1], 4), round(min(rates), 1), round(max(rates), 1)))
    return rows


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Measure a small HTTP service at rising concurrency.")
    parser.add_argument("--levels", type=int, nargs="+", default=LEVELS, help="calls in flight")
    parser.add_argument("--seconds", type=float, default=2.5, help="how long each level is measured, each time")
    parser.add_argument("--rounds", type=int, default=3, help="how often")
    parser.add_argument("--file", type=Path, default=FILE, help="where the result goes")
    asked = parser.parse_args(arguments)
    if min(asked.levels) < 1 or len(set(asked.levels)) < len(asked.levels):
        parser.error(f"levels are {asked.levels}: must be different whole numbers from 1; mend the list")
    if asked.seconds <= 0 or asked.rounds < 1:
        parser.error(
            f"{asked.rounds} rounds of {asked.seconds:g} s: must be at least 1, and above 0 s; measure for longer"
        )
    if not asked.file.parent.is_dir():
        parser.error(f"no folder {asked.file.parent}: make it first, or pass another --file")
    try:
        rows = load_test(asked.levels, asked.seconds, asked.rounds)
    except RuntimeError as error:
        sys.exit(f"measure_load: {error}")
    with asked.file.open("w", encoding="utf-8", newline="") as out:
        csv.writer(out, lineterminator="\n").writerows([COLUMNS, *rows])


if __name__ == "__main__":
    main()
