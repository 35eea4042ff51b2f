"""The measurement behind data/load_test_measured.csv, in miniature: real HTTP, real processes, a second or two."""

import csv
import http.client
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

DATA = Path(__file__).resolve().parent.parent / "data"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("measure_load", DATA / "measure_load.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["measure_load"] = module  # the service's own process finds it by this name ...
    sys.path.insert(0, str(DATA))  # ... and in this folder
    spec.loader.exec_module(module)
    yield module
    sys.path.remove(str(DATA))
    del sys.modules["measure_load"]


@pytest.fixture(scope="module")
def port(script: ModuleType) -> Any:
    with script.running() as port:
        yield port


def rows_of(path: Path) -> list[dict[str, float]]:
    with path.open(encoding="utf-8", newline="") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


def test_a_call_over_http_is_paid_and_the_line_stays_open(port: int) -> None:
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    for _ in range(2):
        line.request("POST", "/pay")
        answer = line.getresponse()
        assert (answer.status, answer.read()) == (200, b"paid")
    line.request("POST", "/refund")
    assert line.getresponse().status == 404
    line.close()


def test_rate_times_time_is_the_calls_in_flight_and_more_calls_wait_longer(script: ModuleType, port: int) -> None:
    alone, crowd = (script.measure(port, calls, seconds=0.8, warm_up=0.3) for calls in (1, 24))
    assert alone[1] > 0.02 + 0.004
    assert crowd[1] > 1.5 * alone[1]
    assert crowd[0] * crowd[1] == pytest.approx(24, rel=0.3)


def test_the_script_writes_a_row_for_each_level(script: ModuleType, tmp_path: Path, capsys: Any) -> None:
    script.main(["--levels", "1", "8", "--seconds", "0.3", "--rounds", "1", "--file", str(tmp_path / "test.csv")])
    assert "round 1:    8 calls in flight" in capsys.readouterr().out
    one, eight = rows_of(tmp_path / "test.csv")
    assert tuple(one) == script.COLUMNS
    assert (one["calls"], eight["calls"]) == (1, 8)
    assert all(row["lowest"] <= row["calls_per_second"] <= row["highest"] for row in (one, eight))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--levels", "0", "4"], "levels are [0, 4]: must be different whole numbers from 1"),
        (["--seconds", "0"], "must be at least 1, and above 0 s"),
        (["--file", "/no such folder/x.csv"], "make it first, or pass another --file"),
    ],
)
def test_wrong_arguments_are_told(script: ModuleType, arguments: list[str], message: str, capsys: Any) -> None:
    with pytest.raises(SystemExit):
        script.main(arguments)
    assert message in capsys.readouterr().err


def test_a_service_that_is_not_there_is_told(script: ModuleType) -> None:
    with pytest.raises(RuntimeError, match="with 2 calls in flight 2 clients failed; the first: "):
        script.measure(1, 2, seconds=0.1, warm_up=0.0)


def test_the_stored_file_is_what_the_script_writes_and_obeys_littles_law(script: ModuleType) -> None:
    rows = rows_of(DATA / "load_test_measured.csv")
    assert [row["calls"] for row in rows] == list(script.LEVELS)
    assert all(tuple(row) == script.COLUMNS for row in rows)
    for row in rows:
        assert row["calls_per_second"] * row["seconds_per_call"] == pytest.approx(row["calls"], rel=0.06)
