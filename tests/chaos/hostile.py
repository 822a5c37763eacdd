"""Pure: what a hostile tenant asks, beside the honest one and for the whole run."""

import random
from collections.abc import Mapping
from typing import NamedTuple

from shared.events.topics import MAX_EVENT_BYTES
from tests.chaos.mix import NOTHING, Ask, ChaosModel, Filler

BURST = 60  # requests at the same moment
DEADLINE_S = 30.0
# What a router takes of an answer (TALLYGATE_ROUTER_MAX_ANSWER_BYTES), and a gateway of a body.
LIMIT_BYTES = 3_500_000
# Sealed and in base64 an answer grows by a third; then the event must still fit a record.
_CARRIED_BYTES = MAX_EVENT_BYTES * 3 // 4

# A quotation mark is one byte of the text, two of the request, two of an Anthropic answer's tool input, and four when
# that is written as OpenAI writes a tool's arguments: JSON in JSON.
_AS_ARGUMENTS = 4


class Kind(NamedTuple):
    """One way to be hostile. share: of its requests, in percent."""

    model: ChaosModel
    filler: Filler = NOTHING
    tool: bool = False


def _kind(model_id: str, behaviour: str, share: int, *, filler: Filler = NOTHING, tool: bool = False) -> Kind:
    provider = "anthropic-compatible" if tool else "openai-compatible"
    return Kind(ChaosModel(model_id, behaviour, share, 10.0, provider), filler, tool)


KINDS = (
    _kind("hangs", "fault-hang", 38),
    _kind("long-errors", "fault-long-error-64", 25),
    _kind("floods", "demo-delay-500", 27),
    _kind("answers-3-mb", "fault-huge-3", 2),
    _kind("body-at-the-limit", "demo-tokens-3", 2, filler=Filler("x", LIMIT_BYTES - 10_000)),
    _kind("answer-below-the-limit", "script-below", 1),
    _kind("answer-above-the-limit", "script-above", 1),
    _kind("doubles-and-fits", "demo-tools", 2, filler=Filler('"', _CARRIED_BYTES // _AS_ARGUMENTS - 10_000), tool=True),
    _kind("doubles-beyond", "demo-tools", 2, filler=Filler('"', _CARRIED_BYTES // _AS_ARGUMENTS + 10_000), tool=True),
)
MODELS = tuple(kind.model for kind in KINDS)
SCRIPTS: Mapping[str, Filler] = {  # by name, the text of the answer
    "below": Filler("x", LIMIT_BYTES - 10_000),
    "above": Filler("x", LIMIT_BYTES + 10_000),
}


def hostile_ask(seed: int, number: int) -> Ask:
    chance = random.Random(f"hostile/{seed}/{number}")
    kind = chance.choices(KINDS, [one.model.share for one in KINDS])[0]
    return Ask(
        number=number,
        model=f"custom:{kind.model.model_id}",
        text=f"hostile {seed} question {number}",
        key=f"hostile-{seed}-{number}",
        deadline_s=DEADLINE_S,
        filler=kind.filler,
        echoed=False,
        tool=kind.tool,
    )
