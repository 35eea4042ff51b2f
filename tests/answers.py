"""The exercises of the series in plain text: right answers, known wrong ones, and the feedback meant for each.

`python tests/answers.py` writes flashsale_lib/exercises.json, where each verdict is locked away with its answer.

A number: `step` rounds it, and `slack` steps to either side are accepted as well. Known wrong numbers get their feedback
within 3 per cent (never beyond 6). Slips with units (per cent, minutes, thousands) are found without being listed.
Several numbers: tuples instead of numbers. A word or letter: no `step`, and the `options` there are.
"""

import json
from pathlib import Path
from typing import Any

from flashsale_lib.keys import seal

BANK = Path(__file__).resolve().parent.parent / "flashsale_lib" / "exercises.json"

ANSWERS: dict[str, dict[str, Any]] = {
    "average load": {
        "step": 1,
        "slack": 1,
        "right": 64.6,
        "praise": "Still far from full, on average. The surge does not care.",
        "wrong": {
            43: "That is the normal turnout. Now 1.5 times as many come.",
            97: "You took 1.5 times twice.",
            29: "You divided by 1.5. More buyers mean more load.",
            813: "That is the load in the second of the peak. The question is about the average.",
        },
    },
    "best workers": {
        "step": 1,
        "slack": 0,
        "right": 160,
        "praise": "It is the gateway's best number of calls in flight.",
        "wrong": {
            800: "More workers, more sales? Look at the curve again.",
            150: "Close, and a good choice with a margin. But one of the 80 designs sells a little more.",
            87: "That is the gateway's best rate, in calls per second. Workers are calls in flight.",
            15: "That is a position in the array. Which number of workers stands there?",
            23632: "That is how many pay. With how many workers?",
        },
    },
    "last in the queue": {
        "step": 1,
        "slack": 1,
        "right": 139.2,
        "praise": "Buyers, divided by buyers per second, are seconds.",
        "wrong": {
            115: "That is what 95 % stayed below in the simulation, where some people give up. What if nobody does?",
            80: "You divided by the number of workers. A worker is busy for more than a second with each call.",
            152: "You divided by those who pay. A declined card takes a call, too.",
            0.00718: "Upside down: buyers, divided by buyers per second, are seconds.",
        },
    },
}


def bank() -> str:
    """The text of exercises.json."""
    keyed = {name: seal(name, **exercise) for name, exercise in ANSWERS.items()}
    return json.dumps(keyed, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    BANK.write_text(bank(), encoding="utf-8")
