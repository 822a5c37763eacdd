"""Pure: what is asked. Request n of a seed is always the same one."""

import random
from typing import NamedTuple


class ChaosModel(NamedTuple):
    """behaviour: the model server's name for it; share: of all requests, in percent."""

    model_id: str
    behaviour: str
    share: int
    timeout_s: float = 30.0


MODELS = (
    ChaosModel("demo", "demo", 45),
    *(ChaosModel(f"after-{ms}", f"demo-delay-{ms}", 9) for ms in (200, 500, 1000, 2000, 3000)),
    ChaosModel("refuses-the-key", "fault-401", 2),
    ChaosModel("fails", "fault-500", 2),
    ChaosModel("is-overloaded", "fault-503", 1),
    ChaosModel("resets", "fault-reset", 2),
    ChaosModel("answers-html", "fault-not-json", 2),
    ChaosModel("hangs", "fault-hang", 1, timeout_s=1.0),
)


class Ask(NamedTuple):
    """key: sent as Idempotency-Key, the same one with every repetition."""

    number: int
    model: str
    text: str
    key: str


def ask(seed: int, number: int) -> Ask:
    chance = random.Random(f"ask/{seed}/{number}")
    chosen = chance.choices(MODELS, [model.share for model in MODELS])[0]
    return Ask(number, f"custom:{chosen.model_id}", f"chaos {seed} question {number}", f"chaos-{seed}-{number}")
