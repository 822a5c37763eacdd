"""`make histories SEEDS="1-20000"`: plays the history of each seed. Status 1 when an invariant is broken in one."""

import argparse
import sys
import time
from collections.abc import Iterable, Iterator

from tests.histories.generating import make
from tests.histories.mutants import MUTANTS, Mutant, in_force
from tests.histories.playing import play
from tests.histories.trace import told
from tests.histories.trying import Broken, broken_by

_PROGRESS_EVERY_S = 5.0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.histories", description=__doc__)
    parser.add_argument("seeds", nargs="+", help="numbers and ranges of numbers: 7 100-200")
    parser.add_argument("--trace", action="store_true", help="only print what happens in each, in its order")
    parser.add_argument("--mutants", action="store_true", help="only print for each mutant the first that notices it")
    given = parser.parse_args()
    seeds = list(seeds_of(given.seeds))
    if given.mutants:
        return _noticed(seeds)
    if given.trace:
        for seed in seeds:
            _trace(seed)
        return 0
    broken = list(_tried(seeds))
    if broken:
        print(f"{len(broken)} histories broke an invariant: {' '.join(str(one.seed) for one in broken)}")  # noqa: T201
    return 1 if broken else 0


def seeds_of(words: Iterable[str]) -> Iterator[int]:
    for word in words:
        first, _, last = word.partition("-")
        yield from range(int(first), int(last or first) + 1)


def _trace(seed: int) -> None:
    history = make(seed)
    print(history, *map(told, play(history).trace), sep="\n")  # noqa: T201


def _noticed(seeds: list[int]) -> int:
    """The seed that a mutant has now is tried first. Status 1 when one of them is not noticed in any."""
    unnoticed = 0
    for mutant in MUTANTS:
        with in_force(mutant):
            found = next((seed for seed in (mutant.seed, *seeds) if _notices(mutant, seed)), None)
        unnoticed += found is None
        print(f"{mutant.name}: {found} (was {mutant.seed})", flush=True)  # noqa: T201
    return 1 if unnoticed else 0


def _notices(mutant: Mutant, seed: int) -> bool:
    broken = broken_by(seed, shrink=False)
    return broken is not None and mutant.invariant in {violation.invariant for violation in broken.violations}


def _tried(seeds: list[int]) -> Iterator[Broken]:
    began = said = time.perf_counter()
    for number, seed in enumerate(seeds, start=1):
        if (broken := broken_by(seed)) is not None:
            print(broken, flush=True)  # noqa: T201
            yield broken
        if time.perf_counter() - said > _PROGRESS_EVERY_S or number == len(seeds):
            said = time.perf_counter()
            print(f"{number} of {len(seeds)} histories, {number / (said - began):.0f} a second", flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
