"""Feature jobs for tests: models that answer as a script says, and jobs followed to their end."""

import asyncio
import io
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from shared.client import Answer
from tests.support.live import Api, Live

GENERATE = "/api/repos/quality/generate-feature"
ENDED_S = 60.0

Scripted = dict[str, Any]


@dataclass(frozen=True)
class Script:
    """model: its id for the tenant. Its calls get its answers in their order, each once, unless they say otherwise."""

    live: Live
    name: str
    model: str

    async def told(self) -> dict[str, Any]:
        async with self.live.session.get(self._url) as response:
            found: dict[str, Any] = await response.json()
            return found

    async def asked(self) -> list[str]:
        """The texts of all calls so far: nothing else of a repository has been shown to a model."""
        return list((await self.told())["asked"])

    async def asked_times(self, number: int) -> None:
        """Until it was asked so often."""
        async with asyncio.timeout(ENDED_S):
            while len(await self.asked()) < number:  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    async def put(self, *answers: Scripted) -> None:
        body = {"answers": [{"times": 1} | one for one in answers]}
        async with self.live.session.put(self._url, data=io.BytesIO(json.dumps(body).encode())) as response:
            assert response.status == 200, await response.text()

    @property
    def _url(self) -> str:
        return f"{self.live.model_server_url.removesuffix('/v1')}/scripts/{self.name}"


async def scripted(live: Live, tenant: Api, *answers: Scripted, **more: Any) -> Script:
    name = uuid.uuid4().hex[:12]
    model = await tenant.add_model(f"s-{name}", live.model_server_url, f"script-{name}", **more)
    script = Script(live, name, model)
    await script.put(*answers)
    return script


def plan(*files: tuple[str, str]) -> Scripted:
    """files: path and action."""
    named = [{"path": path, "action": action, "purpose": "it is wished for"} for path, action in files]
    return {"text": json.dumps({"summary": "what was wished for", "files": named})}


def written(files: dict[str, str]) -> Scripted:
    """Whole files, or the edits of some, in the form that the prompts ask for."""
    blocks = [f"FILE: {path}\n```\n{content.rstrip()}\n```\n" for path, content in files.items()]
    return {"text": "\n".join((*blocks, "SUMMARY: it is done", "NEXT STEPS:", "- use it", ""))}


def edit(search: str, replace: str) -> str:
    return f"<<<<<<< SEARCH\n{search}\n=======\n{replace}\n>>>>>>> REPLACE"


async def wished(tenant: Api, **body: Any) -> str:
    """The id of the job."""
    headers = body.pop("headers", None)
    answer = await tenant.post(GENERATE, {"featureRequest": "say hello"} | body, headers=headers)
    assert answer.status == 202, answer
    return str(answer.body["feature_id"])


async def shown(tenant: Api, feature_id: str) -> dict[str, Any]:
    answer = await tenant.get(f"/api/features/{feature_id}")
    assert answer.status == 200, answer
    found: dict[str, Any] = answer.body
    return found


async def once(tenant: Api, feature_id: str, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The job, as soon as it is so."""
    deadline = asyncio.get_running_loop().time() + ENDED_S
    while not condition(found := await shown(tenant, feature_id)):
        assert asyncio.get_running_loop().time() < deadline, found
        await asyncio.sleep(0.02)
    return found


async def ended(tenant: Api, feature_id: str) -> dict[str, Any]:
    return await once(tenant, feature_id, lambda found: found["settled_at"] is not None)


async def made(tenant: Api, **body: Any) -> dict[str, Any]:
    return await ended(tenant, await wished(tenant, **body))


async def settled_in_books(tenant: Api, *, jobs: int, calls: int = 0) -> dict[str, Any]:
    """The summary, once that many jobs and inferences are settled in it and no attempt is open. Jobs and inferences
    are booked each by a reader of their own, so that one may be there before the other."""
    deadline = asyncio.get_running_loop().time() + ENDED_S
    while True:
        answer = await tenant.get("/api/models/custom/monitoring?window=1h")
        assert answer.status == 200, answer
        found: dict[str, Any] = answer.body
        counted = found["features"]
        jobs_are_there = counted["total"] >= jobs and not counted["open"]
        if jobs_are_there and found["requests"]["total"] >= calls and not found["attempts"]["open"]:
            return found
        assert asyncio.get_running_loop().time() < deadline, found
        await asyncio.sleep(0.05)


def events_of(answer: Answer) -> list[tuple[str, dict[str, Any]]]:
    """Of a stream of server-sent events that has ended."""
    events = []
    for block in filter(None, answer.text.split("\n\n")):
        fields = dict(line.split(": ", 1) for line in block.split("\n"))
        if "event" in fields:
            events.append((fields["event"], json.loads(fields["data"])))
    return events


def steps_of(feature: dict[str, Any]) -> list[str]:
    """In their order, each once for as long as the job stays there."""
    steps = [one["step"] for one in feature["progress"]]
    return [step for index, step in enumerate(steps) if index == 0 or steps[index - 1] != step]
