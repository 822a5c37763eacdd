"""Pure: what the patient tenant asks. Request n of a seed is always the same one."""

import random
from collections.abc import Sequence
from typing import Literal, NamedTuple

from tests.chaos.mix import QUICK, Ask, ChaosModel

LINES = 40  # of one batch
IN_A_RECORD = 5  # requests of one record that holds several
_RECORDS_APART = 4  # of so many records, one holds several requests
_PUBLISHED_AGAIN = 10  # of so many records, one is published twice: its sender does not know whether it was taken

# Each repeats what it is asked, or refuses.
MODELS = (
    ChaosModel(QUICK, "demo", 50),
    ChaosModel("after-500", "demo-delay-500", 25),
    ChaosModel("after-3000", "demo-delay-3000", 15),
    ChaosModel("refuses", "fault-400", 10),
)

Way = Literal["background", "line", "published"]


class Amounts(NamedTuple):
    """Background inferences, batches, and records that hold requests."""

    background: int
    batches: int
    records: int


class Record(NamedTuple):
    """What one record holds, and how often it is published."""

    asks: Sequence[Ask]
    times: int


def amounts(requests: int) -> Amounts:
    """A third of all each way."""
    each = -(-requests // 3)
    of_a_record = (IN_A_RECORD + _RECORDS_APART - 1) / _RECORDS_APART
    return Amounts(each, -(-each // LINES), round(each / of_a_record))


def asked(seed: int, way: Way, number: int) -> Ask:
    chance = random.Random(f"{way}/{seed}/{number}")
    model = chance.choices(MODELS, [one.share for one in MODELS])[0]
    return Ask(number, f"custom:{model.model_id}", f"{way} {seed} question {number}", f"{way}-{seed}-{number}")


def batch(seed: int, number: int) -> list[Ask]:
    """The lines of a batch; the key of each is its custom_id."""
    return [asked(seed, "line", number * LINES + line) for line in range(LINES)]


def record(seed: int, number: int) -> Record:
    count = IN_A_RECORD if number % _RECORDS_APART == 1 else 1
    asks = [asked(seed, "published", number * IN_A_RECORD + each) for each in range(count)]
    return Record(asks, 2 if number % _PUBLISHED_AGAIN == 3 else 1)
