"""The exercises of the series in plain text: right answers, known wrong ones, and the feedback meant for each.

`python tests/answers.py` writes flashsale_lib/classroom/exercises.json, where each verdict is locked away with its answer.

A number: `step` rounds it, and `slack` steps to either side are accepted as well. Known wrong numbers get their feedback
within 3 per cent (never beyond 6). Slips with units (per cent, minutes, thousands) are found without being listed.
Several numbers: tuples instead of numbers. A word or letter: no `step`, and the `options` there are.
"""

import json
from pathlib import Path
from typing import Any

from flashsale_lib.classroom.keys import seal

BANK = Path(__file__).resolve().parent.parent / "flashsale_lib" / "classroom" / "exercises.json"

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
    "drain by hand": {
        "step": 1,
        "slack": 1,
        "right": 150,
        "praise": "The queue shrinks by the spare capacity, 60 buyers per second.",
        "wrong": {
            104.4: "That is the wait of whoever is last in the queue now. Meanwhile others join behind, and take calls, too.",
            80.1: "You added the two rates. Those who arrive make the queue longer, not shorter.",
            343.5: "You divided by the arrival rate. What makes the queue shorter?",
            60: "That is the spare capacity, in buyers per second. How long does it take for 9,000 buyers?",
        },
    },
    "wait on the trace": {
        "step": 1,
        "slack": 1,
        "right": 50.9,
        "praise": "The horizontal gap at 400 seconds.",
        "wrong": {
            4388: "That is the queue in buyers, the vertical gap. The question is about the horizontal one.",
            450.9: "That is the moment at which this buyer is served. How long did they wait until then?",
            203.8: "That is who joins at 200 seconds. The question is about 400.",
            217.1: "That is the longest wait of all. The question is about who joins at 400 seconds.",
            16.9: "That is our own drop at 400 seconds. The question is about the one in the file.",
            0: "At 400 seconds the queue of the second wave is not empty yet. Look at .wait[400] of the drop in the file.",
            126: "That is who joins at 300 seconds. The question is about 400.",
            300: "That is the patience of notebook 00. Here nobody gives up, and the wait follows from the queue.",
        },
    },
    "capacity for a minute": {
        "step": 0.5,
        "slack": 0,
        "right": 190,
        "praise": "2.2 times the capacity.",
        "wrong": {
            309: "You divided the longest queue by 60. But a quicker gateway never lets the queue grow so long.",
            705: "That is the peak of arrivals: then nobody waits at all. A minute is allowed.",
            37.3: "That is the average arrival rate. Averages over a quarter of an hour do not know the rush.",
            189: "Close. Test it, in whole calls per second: does anybody wait longer than 60 seconds, and would one call less do as well?",
            59.6: "That is the wait. With which capacity?",
            100: "Not enough: with 100, the longest wait is 174 seconds.",
            150: "Not enough: with 150, the longest wait is 91 seconds.",
            200: "Enough: with 200, nobody waits longer than 54 seconds. But a smaller capacity does as well.",
        },
    },
    "limit for a promise": {
        "step": 1,
        "slack": 0,
        "right": 6206,
        "praise": "120 seconds with the brownout, and 72 on a healthy day.",
        "wrong": {
            10_344: "That keeps the promise only on a healthy day. With the brownout, somebody waits 168 seconds.",
            6207: "Close. A place is a whole buyer: test whether you may round up.",
            4138: "That is the 48 seconds that the brownout takes. How many of the 120 are left?",
            14_482: "You added the 48 seconds. The brownout takes them away from the promise.",
            12_000: "That is the limit of the text. Compute the longest wait with it, and with the brownout.",
            2069: "That is 20 % of the healthy limit. But the gateway is slow for one minute only.",
            5172: "That is a whole minute less. The gateway still did 20 % of its work in it.",
            72: "Those are the seconds that are left. How many buyers are served in them?",
        },
    },
    "wait at the other door": {
        "step": 1,
        "slack": 1,
        "right": 89.2453,
        "praise": "The fluid says 0, for the load is only 75 %. Yet 36 % wait.",
        "wrong": {
            0: "That is the fluid. Below 100 % load it knows no wait. Add chance.",
            22.5: "You divided by what 8 servers can do. Only the spare makes the queue shorter.",
            30: "You divided by the requests that come. Only the spare makes the queue shorter.",
            250: "That is the mean wait of those who do wait. The question is about all requests.",
            360: "That is the share who wait, times 1,000. How long is the mean wait?",
            589: "That is queue and service together. The question is about the queue.",
        },
    },
    "one in ten waits": {
        "step": 1,
        "slack": 0,
        "right": 115,
        "praise": "15 % spare. With 1,000 servers' worth of work, 5 % would do.",
        "wrong": {
            # Numbers within 3 per cent get the text of their neighbour: so each text is true of them all.
            101: "With 101, the least that does not grow for ever, nearly everybody waits. Count those who wait.",
            110: "With 110, beta = 1, 24 % wait. You need a little more spare.",
            113: "Too few: even with 114, 12 % wait.",
            117: "More than needed: less than one in ten waits. What is the least that will do?",
            120: "More than needed: with 120, beta = 2, 3 % wait. What is the least that will do?",
        },
    },
    "given up at 160 %": {
        "step": 0.5,
        "slack": 1,
        "right": 37.5,
        "praise": "As long as the queue is never empty, neither patience nor servers matter: what cannot be served is lost.",
        "wrong": {
            60: "60 are too many for each 100 that can be served. But they are a share of the 160 who come.",
            62.5: "That is the share who are served. The question is about the others.",
            0: "Nobody? 160 come for each 100 that can be served. Where do the others end?",
            20: "That is the share at 125 % load. Now it is 160 %.",
        },
    },
    "seconds above capacity": {
        "step": 1,
        "slack": 0,
        "right": 124,
        "praise": "Only a quarter more seconds. But the queue that they leave lasts 666 s instead of 416.",
        "wrong": {
            100: "That is the normal turnout. Now 1.5 times as many come in every second.",
            150: "You multiplied the seconds by 1.5. It is the buyers of each second that grow.",
            67: "You divided by 1.5. More buyers make more seconds above capacity, not fewer.",
            776: "Those are the seconds that are not above capacity.",
            666: "So long the queue lasts. In how many seconds do more arrive than the capacity?",
        },
    },
    "open connections": {
        "step": 10,
        "slack": 0,
        "right": 6000,
        "praise": "The rate, times the whole time spent.",
        "wrong": {
            4500: "Those are the buyers who wait. A connection stays open for 30 s after that.",
            1500: "Those are the ones open after the wait. The wait itself counts, too.",
            120: "So many seconds one connection is open. And 50 are opened in each second.",
            170: "You added. The number present is the rate times the time.",
            2.4: "You divided. The number present is the rate times the time.",
            0.417: "You divided. The number present is the rate times the time.",
        },
    },
    "seconds of queue": {
        "step": 1,
        "slack": 1,
        "right": 384.6,
        "praise": "The surge, divided by what the base rate leaves over.",
        "wrong": {
            333: "You forgot those who come at any time. They need their share of the gateway, too.",
            294: "The base rate takes a part of the capacity, it does not add to it.",
            120: "So long the surge lasts. The queue lasts until all of it is served.",
            265: "Do not take off the two minutes of the surge. The gateway works during them, and the rule counts from its start.",
            505: "Do not add the two minutes of the surge. The gateway works during them, and the rule counts from its start.",
            52: "That is the rate left over for the surge. How long does it take for 20,000 buyers?",
            2500: "You divided by the base rate. What matters is what it leaves over of the capacity.",
        },
    },
    "places for a promise": {
        "step": 10,
        "slack": 0,
        "right": 5400,
        "praise": "Seconds x buyers per second are buyers.",
        "wrong": {
            7758: "86.2 calls per second is our gateway. This one completes 60.",
            1.5: "You divided. How many does the gateway take in all of the 90 seconds?",
            150: "You added the two. How many does the gateway take in 90 seconds?",
            10_344: "Those are two minutes at our gateway. Here it is 90 seconds at 60 calls per second.",
        },
    },
    "calls for nobody": {
        "step": 1,
        "slack": 1,
        "right": 77.7,
        "praise": "When the wait is 1.5 times the mean patience, most calls are wasted.",
        "wrong": {
            22: "Those are still there. The question is about the others.",
            100: "80 s is the mean patience. Some stay much longer, even for 120 s.",
            33: "That is a patience of 300 s. Here it is 80 s.",
            50: "The mean is not the middle: exp(-wait / patience) are still there.",
            60: "You took 73 s. That is the wait when those who left are skipped. Here they keep their place.",
            72: "You took 101 s. That is the wait when those who left are skipped. Here they keep their place.",
        },
    },
    "limit with refunds": {
        "step": 100,
        "slack": 5,
        "right": 2200,
        "praise": "With a price on late charges the best queue is a short one.",
        "wrong": {
            18_500: "That is where most orders are paid. Take off 13 dollars for each late charge.",
            20_000: "That is where most orders are paid. Take off 13 dollars for each late charge.",
            0: "Patience is 300 s: the first places bring more than they cost.",
            254_401: "That is what the best limit earns, in dollars. Which limit is it?",
            22: "That is a position in the array. Which limit stands there?",
            12_000: "That is the limit of the protected design, which skips stale requests. Here you cannot.",
        },
    },
    "tokens by hand": {
        "step": 1,
        "slack": 0,
        "right": 6,
        "praise": "The bucket forgets what overflows, and keeps the half token.",
        "wrong": {
            7: "At 20 s, did your bucket hold three? It holds 2 at most; what is more overflows.",
            5: "Did the buyer at 6 s use up the half token? Who is refused takes nothing.",
            4: "That is how many hear no. How many are let in?",
            2: "That is the burst alone. New tokens drop in all the time.",
        },
    },
    "which cap binds": {
        "step": 1,
        "slack": 0,
        "right": 60,
        "praise": "The room is full, and one leaves every second.",
        "wrong": {
            300: "In the first minute, yes. Then the room is full: who may come in now?",
            1500: "That is how many would be inside if 300 came every minute. Only 300 may be.",
            1: "That is per second. The question is per minute.",
            5: "That is the length of a session in minutes. How many sessions end in one of them?",
        },
    },
    "rate on a bad day": {
        "step": 1,
        "slack": 0,
        "right": 71,
        "praise": "A little below the best rate of that day: calls that time out are made again, and need room, too.",
        "wrong": {
            60: "It holds, but a higher one does, too.",
            65: "It holds, but a higher one does, too.",
            70: "It holds. Does one more?",
            72: "About the best rate of that day, which leaves no room for calls made again. Test it: does nothing fail?",
            74: "That is above the best rate of that day. How much do 20 % longer calls take off?",
            86: "That is the healthy gateway. Now each call takes longer.",
            78: "A margin of 10 % does not cover calls that take 20 % longer.",
            103.9: "You multiplied. Longer calls mean fewer per second.",
            160: "That is the gateway's best number of calls in flight. The question is about a rate.",
        },
    },
    "calls for a thousand": {
        "step": 1,
        "slack": 0,
        "right": 1750,
        "praise": "1,000 first calls, 500 second ones, 250 third ones.",
        "wrong": {
            3000: "That is three calls for everybody. Who succeeds at the first makes no second.",
            1500: "You stopped after the second call. A quarter of the buyers make a third.",
            1875: "That is with 4 attempts. Here there are 3.",
            875: "That is how many buyers get through. How many calls does it take?",
            2000: "That is without an end to the attempts. Here the third is the last.",
        },
    },
    "workers that heal": {
        "step": 1,
        "slack": 1,
        "right": 324.3,
        "praise": "1,200 calls, and 27 % of them are answered within 15 seconds.",
        "wrong": {
            227: "That is for a timeout of 10 seconds. Now it is 15.",
            341: "Not in proportion: of the answers, those of the first seconds are the most. Take the exponential.",
            378: "You took 15 seconds for every call. Some are answered sooner, so a worker is held for less.",
            876: "Those are the calls that are not answered in time. Take the others.",
            160: "That is the gateway's best number of calls. It heals with more workers than that.",
        },
    },
    "room for old debts": {
        "step": 0.5,
        "slack": 0,
        "right": 55,
        "praise": "25 a second for yesterday's buyers, 55 for today's.",
        "wrong": {
            25: "That is the rate at which the dead letters must go. What is left for today's buyers?",
            105: "You added the two. The dead letters take calls away from today's buyers.",
            80: "Then nothing is left for the dead letters, and they never go.",
            187.5: "That is the time without any buyers, in seconds. The question is about an arrival rate.",
        },
    },
    "peak by hand": {
        "step": 1,
        "slack": 0,
        "right": 35,
        "praise": "The root of 1,225. How fast a call is alone does not matter.",
        "wrong": {
            1225: "Take the square root of it.",
            25: "That is sigma / kappa. It is 1 - sigma above the line, and then the root.",
            5: "That is the root of sigma / kappa. It is 1 - sigma.",
            160: "That is our own gateway. This one has another sigma and kappa.",
        },
    },
    "cliff of a timeout": {
        "step": 1,
        "slack": 1,
        "right": 188,
        "praise": "With 10 s it was 328. Haste moves the cliff closer.",
        "wrong": {
            328: "That is the cliff of 10 s. Now it is 4.",
            217: "That is the cliff of 5 s. Now it is 4.",
            138: "That is the cliff of 2.5 s. Now it is 4.",
            334: "That is how many calls are in flight there. How many workers do they belong to?",
            160: "That is the peak. It does not depend on the timeout. The cliff does.",
        },
    },
    "limit at rest": {
        "step": 1,
        "slack": 0,
        "right": 100,
        "praise": "A tenth of 100 is its root, 10.",
        "wrong": {
            10: "That is the square root of the limit. How large is the limit?",
            400: "That is a gradient of 0.95.",
            80: "That is where our own gateway comes to rest. Here the gradient is given.",
            1.23: "You divided by 0.9. It is 1 - 0.9 that counts.",
            0.9: "That is the gradient. At which limit does it come to rest?",
        },
    },
    "drops a month": {
        "step": 1,
        "slack": 0,
        "right": 730 // 3,
        "praise": "Eight a day. Until then, switch off.",
        "wrong": {
            244: "With so many drops, the machines would be up for longer than the month.",
            365: "That is with 2 hours up. Here it is 3.",
            2190: "You multiplied. More hours for each drop fit less often into a month.",
            730: "That is the number of hours in a month. How many of them does a drop take?",
            10.1: "You divided once more by the 24 hours of a day. Every drop takes 3 hours, not a day.",
            81: "You divided by 3 twice.",
        },
    },
    "ten machines more": {
        "step": 1,
        "slack": 0,
        "right": 16.16,
        "praise": "If they save one order in 16 drops, they are paid for.",
        "wrong": {
            18.2: "That is without the gateway's fee. Take it from the margin first.",
            60.8: "That is the whole basket. The shop keeps its margin of it, less the fee.",
            162: "That is for one machine. Here there are 10.",
            32.3: "That is for one hour. The machines are up for 2.",
            7.3: "That is how many whole windows one order pays for. The question is about 10 machines only.",
            0.062: "Upside down: what an order brings, divided by what 10 machines cost for one drop.",
        },
    },
    "cheapest with enough orders": {
        "step": 0.01,
        "slack": 0,
        "right": 1.671,
        "praise": "100 workers and a queue limit of 11,000.",
        "wrong": {
            1.55: "That design misses a target. Look only among those that meet them all.",
            1.13: "That is the cheapest of all that meet the targets. It does not sell enough.",
            2.18: "That is the one that sells most. Something cheaper sells enough.",
            1.46: "That one pays 20,000 buyers. The shop wants 21,000.",
            21303: "That is how many pay. What does the design cost?",
            0.0078: "That is the cost per order, in cents. The question is about the whole window.",
        },
    },
    "servers for bots": {
        "step": 1,
        "slack": 0,
        "right": 26,
        "praise": "Two more than now, for twice the requests: a no takes a quarter of the time of a yes.",
        "wrong": {
            24: "With 24 the answer takes 0.7 seconds on that day. Look for the first value below 0.3.",
            25: "With 25 it still takes 0.47 seconds.",
            20: "That is the first of the range. Compare the values with 0.3.",
            28: "Enough, but not the least: fewer still answer within 0.3 seconds.",
            48: "Twice as many for twice the requests? The 24 were not full on the planned day.",
        },
    },
}


def bank() -> str:
    """The text of exercises.json."""
    keyed = {name: seal(name, **exercise) for name, exercise in ANSWERS.items()}
    return json.dumps(keyed, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    BANK.write_text(bank(), encoding="utf-8")
