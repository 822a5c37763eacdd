"""Wait for the last words that the patient tenant is owed, and fetch them. What is not there in time is missing."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import aiohttp
from aiokafka.errors import KafkaError

from shared.client.requests import INFERENCES
from tests.chaos.evidence import PATIENT, BookedInference
from tests.chaos.patient.batches import has_ended
from tests.chaos.patient.load import PatientLoad
from tests.chaos.patient.words import Begun, Reply, Words, last_word
from tests.support.live import Api

OWED_S = 150.0  # a reply that a gateway died with is told a minute later, a webhook within the rest that it has
_LOOK_EVERY_S = 1.0
_LOOKED_UP_AT_ONCE = 8


async def batches_ended(load: PatientLoad) -> None:
    """Before the books can be quiet: their lines are inferences."""

    async def ended() -> bool:
        return all(map(has_ended, await load.batches.listed()))

    await _until(ended)


async def words(api: Api, load: PatientLoad, inferences: list[BookedInference]) -> Words:
    """inferences: of the books, when these are quiet."""
    replies = await _replies(load)
    batches = await load.batches.seen()
    settled = {one.inference_id for one in inferences if one.tenant_id == PATIENT and one.settlement is not None}
    await _all_told(load, settled | {one.batch_id for one in batches})
    await _look_up(api, load.background.begun)
    return Words(
        begun=load.background.begun,
        ordered=load.batches.ordered,
        batches=batches,
        published=load.publisher.published,
        replies=replies,
        told=load.receiver.told,
    )


async def _replies(load: PatientLoad) -> list[Reply]:
    owed = {one.inference_id for one in load.publisher.published if one.acked}
    replies: list[Reply] = []

    async def answered() -> bool:
        replies[:] = await load.publisher.replies()
        return owed <= {one.inference_id for one in replies}

    await _until(answered)
    return replies


async def _all_told(load: PatientLoad, subjects: set[str]) -> None:
    async def told() -> bool:
        return subjects <= {one.subject for one in load.receiver.told if one.taken}

    await _until(told)


async def _look_up(api: Api, begun: list[Begun]) -> None:
    places = asyncio.Semaphore(_LOOKED_UP_AT_ONCE)

    async def look_up(one: Begun) -> None:
        for inference_id in one.ids:
            async with places:
                await _look_at(api, one, inference_id)

    await asyncio.gather(*map(look_up, begun))


async def _look_at(api: Api, begun: Begun, inference_id: str) -> None:
    try:
        answer = await api.get(f"{INFERENCES}/{inference_id}")
    except (aiohttp.ClientError, TimeoutError) as error:
        begun.troubles.append(repr(error))
        return
    if answer.status != 200 or answer.body["state"] in ("accepted", "running"):
        begun.troubles.append(f"{answer.status} {answer.text[:300]}")
        return
    completed = answer.body["state"] == "completed"
    try:
        begun.word = last_word(answer.body["result"] if completed else None, begun.text)
    except KeyError:
        begun.troubles.append(f"it is completed, and has no result: {answer.text[:300]}")


async def _until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Or until it is overdue: what is missing is judged."""
    overdue_at = asyncio.get_running_loop().time() + OWED_S
    while asyncio.get_running_loop().time() < overdue_at:
        with suppress(aiohttp.ClientError, KafkaError, OSError):
            if await condition():
                return
        await asyncio.sleep(_LOOK_EVERY_S)
