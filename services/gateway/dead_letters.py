"""Dead letters for operators: listed without what was sent, and published again where they came from."""

import asyncio
from collections.abc import Sequence
from typing import Any

from shared.errors import TallygateError
from shared.events.topics import Topic
from shared.kafka import RecordMetadata
from shared.kafka.broker import Broker
from shared.kafka.dead_letters.box import DeadLetterBox, open_dead_letters
from shared.kafka.dead_letters.letter import DeadLetterId, in_short


class DeadLetters:
    """Rarely asked for: whoever asks has connections of its own to the broker, one after the other."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._turn = asyncio.Lock()

    async def newest(self, sources: Sequence[Topic], most: int) -> list[dict[str, Any]]:
        """Of each topic, at most `most`. Raises TallygateError (503)."""
        async with self._turn, open_dead_letters(self._broker) as box:
            return [await _of_topic(box, source, most) for source in sources]

    async def replay(self, wanted: Sequence[DeadLetterId]) -> list[dict[str, Any]]:
        """Where each lies now. Of two letters only one is in memory. Raises TallygateError (400, 503), which says how
        many were published before."""
        done: list[dict[str, Any]] = []
        async with self._turn, open_dead_letters(self._broker) as box:
            for letter_id in wanted:
                try:
                    letter = await box.letter(letter_id)
                    done += [_placed(letter_id, placed) async for _, placed in box.replay([letter])]
                except TallygateError as error:
                    raise _after(done, error) from error
        return done


async def _of_topic(box: DeadLetterBox, source: Topic, most: int) -> dict[str, Any]:
    entries = [in_short(letter) for letter in await box.newest(source, most)]
    return {"topic": source.name, "kept": await box.count(source), "entries": entries}


def _placed(letter_id: DeadLetterId, placed: RecordMetadata) -> dict[str, Any]:
    return {"id": str(letter_id), "topic": placed.topic, "partition": placed.partition, "offset": placed.offset}


def _after(done: Sequence[Any], error: TallygateError) -> TallygateError:
    detail = f"{error.failure.detail}; {len(done)} before it were published again"
    return TallygateError.of(error.failure.model_copy(update={"detail": detail}))
