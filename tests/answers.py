"""The exercises of the series in plain text: right answers, known wrong ones, and the feedback meant for each.

`python tests/answers.py` writes flashsale_lib/exercises.json, which holds one-way keys in their place.
A tolerance is one `step` to either side of the right answer.
"""

import json
from pathlib import Path
from typing import Any

from flashsale_lib.exercises import key

BANK = Path(__file__).resolve().parent.parent / "flashsale_lib" / "exercises.json"

ANSWERS: dict[str, dict[str, Any]] = {
    "average load": {
        "step": 1,
        "right": 64.6,
        "praise": "Still far from full, on average. The surge does not care.",
        "wrong": {
            43: "That is the normal turnout. Now 1.5 times as many come.",
            29: "You divided by 1.5. More buyers mean more load.",
            0.65: "That is the share. The question asks for per cent.",
            813: "That is the load in the second of the peak. The question is about the average.",
        },
    },
    "best workers": {
        "step": 5,
        "right": 160,
        "praise": "It is the gateway's best number of calls in flight.",
        "wrong": {
            800: "More workers, more sales? Look at the bars again.",
            86.6: "That is the gateway's best rate, in calls per second. Workers are calls in flight.",
            15: "That is a position in the array. Which number of workers stands there?",
        },
    },
    "last in the queue": {
        "step": 1,
        "right": 139.2,
        "praise": "Buyers, divided by buyers per second, are seconds.",
        "wrong": {
            115: "That is what 95 % stayed below in the simulation, where some people give up. What if nobody does?",
            80: "You divided by the number of workers. A worker is busy for more than a second with each call.",
            151: "You counted only those who pay. A declined card takes a call, too.",
        },
    },
}


def bank() -> str:
    """The text of exercises.json."""
    keyed = {}
    for name, exercise in ANSWERS.items():
        step = exercise["step"]
        keyed[name] = {
            "step": step,
            "right": key(name, exercise["right"], step),
            "praise": exercise["praise"],
            "wrong": {key(name, answer, step): text for answer, text in exercise["wrong"].items()},
        }
    return json.dumps(keyed, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    BANK.write_text(bank(), encoding="utf-8")
