"""`python -m tests.fuzz.answers 100000`: answers and streams that an endpoint may send, in every exchange.

Status 1 when one of them has no typed outcome, or takes too much time or memory."""

import argparse
import resource
import sys
import time
import traceback
from collections import Counter

from tests.fuzz.answers.trying import EVERY_WAY, tried

_PROGRESS_EVERY_S = 5.0
_MOST_SHOWN = 5
_MOST_MB = 500


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.answers", description=__doc__)
    parser.add_argument("number", type=int, nargs="?", default=1000, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the seed of the first; the others follow")
    given = parser.parse_args()
    outcomes: Counter[str] = Counter()
    wrong = 0
    began = told = time.monotonic()
    for seed in range(given.first, given.first + given.number):
        try:
            outcomes[tried(seed)] += 1
        except Exception:  # noqa: BLE001 - whatever it is, it is what is looked for
            wrong += 1
            if wrong <= _MOST_SHOWN:
                _say(f"seed {seed}, {EVERY_WAY[seed % len(EVERY_WAY)]}:\n{traceback.format_exc()}")
        if time.monotonic() - told > _PROGRESS_EVERY_S:
            told = time.monotonic()
            _say(f"{seed - given.first + 1} of {given.number}, {wrong} wrong")
    most_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    _say(f"{given.number} in {time.monotonic() - began:.0f} s, {most_mb:.0f} MB at most, {wrong} wrong")
    _say(", ".join(f"{outcome} {number}" for outcome, number in outcomes.most_common()))
    return 1 if wrong or most_mb > _MOST_MB else 0


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
