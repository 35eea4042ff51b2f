"""One-way keys: a verdict is locked away with the answer that earns it, so that whoever reads the file learns nothing.

Each answer with a verdict of its own gives a key, to find the verdict by, and a stream, to read it with; both come from
one slow salted hash of the rounded answer. Trying all numbers takes a program and patience, more than the exercise.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import Any

from ..parameters import ParameterError
from ..pictures.written import bare

__all__ = ["near", "rounded", "seal", "unseal", "work"]

WORK = 4000
"""Hash rounds for a whole tolerance: about 2.5 ms."""
NEAR = math.log(1.03)
"""Known wrong answers are recognised within 3 per cent, and not beyond 6."""


def work(slack: int, size: int = 1) -> int:
    """Hash rounds for each of the answers that are within the tolerance: together always the same."""
    return int(WORK // (2 * slack + 1) ** size)


def rounded(values: Sequence[float], step: float, slack: int = 0) -> list[str]:
    """The values in multiples of `step`, then their neighbours up to `slack` multiples away, the nearest first.

    >>> rounded([64.6], 1, 1), rounded([0.5, 2], 0.5)
    (['65', '64', '66'], ['1,4'])
    """
    nearest = [round(value / step) for value in values]
    offsets = sorted(product(range(-slack, slack + 1), repeat=len(values)), key=lambda each: sum(map(abs, each)))
    return [",".join(str(n + o) for n, o in zip(nearest, each, strict=True)) for each in offsets]


def near(value: float) -> list[str]:
    """Texts of a wrong answer and of its two neighbours: the first of whatever is within 3 per cent is among them.

    >>> near(43)[0] in near(42.2), near(43)[0] in near(40)
    (True, False)
    """
    if value == 0:
        return ["~0"]
    sign, place = "-" if value < 0 else "", round(math.log(abs(value)) / NEAR)
    return [f"~{sign}{place + offset}" for offset in (0, -1, 1)]


def _stream(name: str, text: str, rounds: int) -> tuple[str, bytes]:
    made = hashlib.pbkdf2_hmac("sha256", text.encode(), f"flash sale, exercise {name}".encode(), rounds, 24)
    return made[:8].hex(), made[8:]


def _mixed(verdict: bytes, seed: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(verdict, hashlib.shake_256(seed).digest(len(verdict)), strict=True))


def unseal(name: str, texts: Iterable[str], verdicts: Mapping[str, str], rounds: int = WORK) -> str | None:
    """The verdict on the first of the texts that has one, with "+" before it if right and "-" if wrong; else None.

    >>> exercise = seal("sum", right=4, wrong={22: "You glued them together."}, step=1)
    >>> unseal("sum", near(22), exercise["verdicts"]), unseal("sum", ["4"], exercise["verdicts"])
    ('-You glued them together.', '+')
    """
    for text in texts:
        key, seed = _stream(name, text, rounds)
        if key in verdicts:
            return _mixed(bytes.fromhex(verdicts[key]), seed).decode()
    return None


def seal(
    name: str, *, right: Any, wrong: Mapping[Any, str] | None = None, praise: str = "", step: float | None = None,
    slack: int = 0, options: Sequence[str] = (),
) -> dict[str, Any]:  # fmt: skip
    """What `Exercise` needs: for a number or a tuple of numbers (with `step`), or for a word or letter (without).

    Raises ParameterError where an answer could not be told from another.

    >>> seal("letter", right="b", options="abc", wrong={"a": "No."})["options"]
    ['a', 'b', 'c']
    """
    size, verdicts, hidden = 1, {}, {bare(str(right)): "+" + praise}
    if step is None:
        hidden |= {bare(str(answer)): "-" + text for answer, text in (wrong or {}).items()}
        if options and not set(hidden) <= {bare(option) for option in options}:
            raise ParameterError(
                f"{name}: answers {sorted(hidden)} are not all among the options {list(options)}; add them"
            )
    else:
        values = {answer: answer if isinstance(answer, tuple) else (answer,) for answer in (right, *(wrong or ()))}
        size = len(values[right])
        if not (step > 0 and all(math.isfinite(each) for value in values.values() for each in value)):
            raise ParameterError(f"{name}: answers must be finite and the step {step!r} above 0; pass such numbers")
        if slack < 0 or (2 * slack + 1) ** size > 27:
            raise ParameterError(
                f"{name}: slack {slack} for {size} numbers: must be 0 to 13, less for several; widen the step"
            )
        accepted = set(rounded(values[right], step, slack))
        hidden = {rounded(values[right], step)[0]: "+" + praise}
        for answer, text in (wrong or {}).items():
            if rounded(values[answer], step)[0] in accepted:
                raise ParameterError(
                    f"{name}: wrong answer {answer!r} would count as right; leave it out, or narrow the slack"
                )
            hidden[near(answer)[0] if size == 1 else "~" + rounded(values[answer], step)[0]] = "-" + text
    if len(hidden) != 1 + len(wrong or {}):
        raise ParameterError(f"{name}: two answers cannot be told apart; numbers must differ by 3 per cent")
    for text, verdict in hidden.items():
        key, seed = _stream(name, text, work(slack, size))
        verdicts[key] = _mixed(verdict.encode(), seed).hex()
    rest = {"options": list(options)} if step is None else {"step": step, "slack": slack, "size": size}
    return {**rest, "verdicts": dict(sorted(verdicts.items()))}
