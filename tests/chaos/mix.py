"""Pure: what the honest tenant asks. Request n of a seed is always the same one."""

import random
from typing import NamedTuple

from deploy.model_server.streams import rate_text
from shared.client.requests import chat_body


class ChaosModel(NamedTuple):
    """behaviour: the model server's name for it; share: of all requests, in percent. streamed: it is asked for
    streams."""

    model_id: str
    behaviour: str
    share: int
    timeout_s: float = 30.0
    provider: str = "openai-compatible"
    streamed: bool = False


QUICK = "demo"  # answers at once: what it takes is all ours
_CHUNKS = 50
MODELS = (
    ChaosModel(QUICK, "demo", 35),
    ChaosModel("streams", f"demo-rate-25-count-{_CHUNKS}", 8, streamed=True),
    ChaosModel("breaks-its-stream", "fault-stream-reset-mid", 1, streamed=True),
    ChaosModel("fails-in-its-stream", "fault-stream-error-529", 1, streamed=True),
    *(ChaosModel(f"after-{ms}", f"demo-delay-{ms}", 9) for ms in (200, 500, 1000, 2000, 3000)),
    ChaosModel("refuses-the-key", "fault-401", 2),
    ChaosModel("fails", "fault-500", 2),
    ChaosModel("is-overloaded", "fault-503", 1),
    ChaosModel("resets", "fault-reset", 2),
    ChaosModel("answers-html", "fault-not-json", 2),
    ChaosModel("hangs", "fault-hang", 1, timeout_s=1.0),
)


class Filler(NamedTuple):
    """So many times the same character, which follow the text."""

    character: str = "x"
    times: int = 0

    def __str__(self) -> str:
        return self.character * self.times


NOTHING = Filler()


class Ask(NamedTuple):
    """key: sent as Idempotency-Key, the same one with every repetition. echoed: the answer repeats the text.

    tool: the model may call a tool, with the text as its argument. streamed: the whole text of the stream that is asked
    for, of which a model may send no more than the beginning; None when the answer is asked for at once.
    """

    number: int
    model: str
    text: str
    key: str
    deadline_s: float = 60.0
    filler: Filler = NOTHING
    echoed: bool = True
    tool: bool = False
    streamed: str | None = None

    @property
    def message(self) -> str:
        return f"{self.text} {self.filler}"

    def body(self) -> dict[str, object]:
        more = {"tools": [_TOOL]} if self.tool else {}
        return chat_body(self.model, self.message, **more)


def ask(seed: int, number: int) -> Ask:
    chance = random.Random(f"ask/{seed}/{number}")
    chosen = chance.choices(MODELS, [model.share for model in MODELS])[0]
    asked = Ask(number, f"custom:{chosen.model_id}", f"chaos {seed} question {number}", f"chaos-{seed}-{number}")
    return asked._replace(streamed=_streamed(asked.message, chosen)) if chosen.streamed else asked


def _streamed(message: str, model: ChaosModel) -> str:
    return rate_text(message, _CHUNKS) if model.behaviour.startswith("demo-rate") else f"echo: {message}"


_TOOL = {
    "type": "function",
    "function": {
        "name": "note",
        "parameters": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
    },
}
