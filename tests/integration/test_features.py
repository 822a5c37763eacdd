"""Feature jobs on a whole Tallygate: taken in, watched, cancelled, refused, and what the books say of them."""

import asyncio
import base64
import io
import json
import uuid
import zipfile
from typing import Any

import pytest

from shared.client import Answer
from shared.errors import CATALOGUE
from tests.support import planted
from tests.support.features import (
    ENDED_S,
    GENERATE,
    Script,
    ended,
    events_of,
    made,
    once,
    plan,
    scripted,
    settled_in_books,
    shown,
    steps_of,
    wished,
    written,
)
from tests.support.live import Api, Live

FILES = [{"path": "greet.py", "content": 'def greet() -> str:\n    return "hello"\n'}]
BYE = 'def bye() -> str:\n    """The last word."""\n    return "bye"\n'
BROKEN = "def bye( -> str:\n    return (\n"
PLAN = plan(("bye.py", "create"))
GOOD = (PLAN, written({"bye.py": BYE}))


async def good_model(stack: Live, tenant: Api) -> Script:
    return await scripted(stack, tenant, *GOOD)


async def calls_of(stack: Live, tenant: Api, feature: dict[str, Any]) -> int:
    """What the model server saw of the job's inferences."""
    timelines = [await tenant.settled(one["inference_id"]) for one in feature["inferences"]]
    attempts = {one["attempt_id"] for timeline in timelines for one in timeline["attempts"]}
    return (await stack.model_server.calls_of(attempts)).total()


async def test_progress_is_told_in_its_order_and_the_end_last(stack: Live, tenant: Api) -> None:
    model = await good_model(stack, tenant)

    accepted = await tenant.post(GENERATE, {"featureRequest": "say bye", "files": FILES, "model": model.model})
    links = accepted.body["links"]
    events = events_of(await tenant.get(links["events"]))

    assert (accepted.status, accepted.body["state"]) == (202, "accepted")
    steps = [data["step"] for name, data in events if name == "progress"]
    assert list(dict.fromkeys(steps)) == ["reading", "planning", "writing", "checking", "done"]
    assert [name for name, _ in events].index("settled") == len(events) - 1
    assert events[-1][1] == {
        "feature_id": accepted.body["feature_id"], "state": "completed", "step": "done", "error": None,
    }  # fmt: skip
    feature = (await tenant.get(links["status"])).body
    assert steps_of(feature) == ["reading", "planning", "writing", "checking", "done"]
    assert [one["content"] for one in feature["result"]["files"]] == [BYE]
    assert [one["purpose"] for one in feature["inferences"]] == ["plan", "write.1"]
    assert await calls_of(stack, tenant, feature) == 2
    listed = (await tenant.get("/api/features")).body
    assert [one["feature_id"] for one in listed["features"]] == [feature["feature_id"]]
    assert events_of(await tenant.get(links["events"])) == events, "who comes late hears the same"


async def test_how_much_of_an_answer_has_come_is_told_while_it_comes(stack: Live, tenant: Api) -> None:
    model = await tenant.add_model("slow", stack.model_server_url, "demo-rate-50-count-2000")
    feature_id = await wished(tenant, files=FILES, model=model)
    headers = {"authorization": f"Bearer {tenant.key}"}

    async with asyncio.timeout(ENDED_S):
        events = stack.session.get(f"{tenant.url}/api/features/{feature_id}/events", headers=headers)
        async with events as response:
            while await response.content.readline() != b"event: writing\n":
                assert not response.content.at_eof()
            writing = json.loads((await response.content.readline()).removeprefix(b"data: "))

    assert (writing["step"], writing["characters"] > 0) == ("planning", True)
    await tenant.call("DELETE", f"/api/features/{feature_id}")
    assert (await ended(tenant, feature_id))["writing"] is None


async def test_waiting_gets_the_result(stack: Live, tenant: Api) -> None:
    model = await good_model(stack, tenant)

    answer = await tenant.post(
        GENERATE, {"featureRequest": "say bye", "files": FILES, "model": model.model, "wait": True}
    )

    assert (answer.status, answer.body["state"]) == (200, "completed")
    assert answer.body["result"]["files"][0]["path"] == "bye.py"
    assert answer.body["inferences"][0]["model"] == model.model
    summary = await settled_in_books(tenant, jobs=1, calls=2)
    assert (summary["features"]["completed"], summary["attempts"]["total"]) == (1, 2)


async def test_the_price_of_a_job_is_that_of_its_calls(stack: Live, tenant: Api) -> None:
    price = {"input_per_mtok_usd": 1000, "output_per_mtok_usd": 2000}
    model = await scripted(stack, tenant, *GOOD, price=price)

    feature = await made(tenant, files=FILES, model=model.model)

    costs = [(one["input_tokens"] * 1000 + one["output_tokens"] * 2000) / 1e6 for one in feature["inferences"]]
    assert all(cost > 0 for cost in costs)
    assert feature["cost_usd"] == pytest.approx(sum(costs))


async def test_a_key_stands_for_one_job(stack: Live, tenant: Api) -> None:
    model = await good_model(stack, tenant)
    headers = {"idempotency-key": str(uuid.uuid4())}
    body = {"files": FILES, "model": model.model, "headers": headers}

    first, second = await asyncio.gather(*(wished(tenant, **body) for _ in range(2)))
    await ended(tenant, first)
    third = await wished(tenant, **body)
    other = await tenant.post(GENERATE, {"featureRequest": "other", "files": FILES}, headers=headers)

    assert first == second == third
    assert (other.status, other.body["error_type"]) == (422, "invalid_request")
    assert (await tenant.get("/api/features")).body["total"] == 1
    assert (await settled_in_books(tenant, jobs=1))["features"]["total"] == 1
    assert (await model.told())["given"] == [0, 1]


async def test_a_job_is_cancelled_with_the_call_it_waits_for(stack: Live, tenant: Api) -> None:
    model = await scripted(stack, tenant, {"delay_ms": 60_000})
    feature_id = await wished(tenant, files=FILES, model=model.model)
    await model.asked_times(1)

    asked = await tenant.call("DELETE", f"/api/features/{feature_id}")
    feature = await ended(tenant, feature_id)
    again = await tenant.call("DELETE", f"/api/features/{feature_id}")

    assert (asked.status, again.status) == (202, 202)
    assert (feature["state"], feature["error"]["error_type"]) == ("cancelled", "cancelled")
    assert feature["result"] is None
    summary = await settled_in_books(tenant, jobs=1, calls=1)
    assert (summary["features"]["total"], summary["features"]["cancelled"]) == (1, 1)
    assert summary["attempts"]["by_error_type"] == {"cancelled": 1}
    assert (await shown(tenant, feature_id))["settled_at"] == feature["settled_at"]


async def test_jobs_of_others_are_not_there(stack: Live, tenant: Api) -> None:
    feature_id = await wished(tenant, files=FILES, generator="template")
    other = await stack.new_tenant()

    for path in (f"/api/features/{feature_id}", f"/api/features/{feature_id}/events", "/api/features/nonsense"):
        refused = await other.get(path)
        assert (refused.status, refused.body["error_type"]) == (404, "invalid_request")
    assert (await other.call("DELETE", f"/api/features/{feature_id}")).status == 404
    assert (await other.get("/api/features")).body["features"] == []
    assert (await ended(tenant, feature_id))["state"] == "completed"


async def test_a_generator_that_no_worker_has_is_refused_at_once(tenant: Api) -> None:
    refused = await tenant.post(GENERATE, {"featureRequest": "x", "files": FILES, "generator": "magic"})

    assert (refused.status, refused.body["error_type"]) == (503, "generator_unavailable")
    assert "installed: llm, template" in refused.body["detail"]
    assert any("pip install tallygate-generator-magic" in tip for tip in refused.body["tips"])
    assert (await tenant.get("/api/features")).body["features"] == []


async def test_a_skeleton_needs_no_model(tenant: Api) -> None:
    feature = await made(tenant, files=FILES, generator="template", featureRequest="Count the words of a greeting")

    assert feature["state"] == "completed"
    assert feature["inferences"] == []
    assert feature["result"]["files"]
    assert (await settled_in_books(tenant, jobs=1))["attempts"]["total"] == 0


async def test_a_job_without_any_model_says_how_to_add_one(tenant: Api) -> None:
    feature = await made(tenant, files=FILES)

    assert (feature["state"], feature["error"]["error_type"]) == ("failed", "no_model_available")
    assert any("tallygate models add" in tip for tip in feature["error"]["tips"])


async def test_a_model_that_fails_fails_the_job_and_both_are_in_the_books(stack: Live, tenant: Api) -> None:
    model = await tenant.add_model("bad", stack.model_server_url, "fault-401")

    answer = await tenant.post(GENERATE, {"featureRequest": "x", "files": FILES, "model": model, "wait": True})

    kind = CATALOGUE["authentication_failed"]
    assert (answer.status, answer.body["state"]) == (kind.http_status, "failed")
    assert answer.body["error"]["error_type"] == "authentication_failed"
    assert [one["error_type"] for one in answer.body["inferences"]] == ["authentication_failed"]
    summary = await settled_in_books(tenant, jobs=1, calls=1)
    assert summary["features"]["by_error_type"] == {"authentication_failed": 1}
    assert summary["requests"]["by_error_type"] == {"authentication_failed": 1}
    assert summary["attempts"]["by_error_type"] == {"authentication_failed": 1}
    assert await calls_of(stack, tenant, answer.body) == 1


async def test_what_does_not_pass_its_checks_is_told_with_what_is_wrong(stack: Live, tenant: Api) -> None:
    broken = written({"bye.py": BROKEN})
    model = await scripted(stack, tenant, PLAN, broken | {"times": None})

    feature = await made(tenant, files=FILES, model=model.model)

    assert (feature["state"], feature["error"]["error_type"]) == ("failed", "generation_invalid")
    assert [one["path"] for one in feature["result"]["files"]] == ["bye.py"]
    assert {one["kind"] for one in feature["result"]["validation"]["findings"]} == {"syntax"}
    assert "repairing" in steps_of(feature)
    summary = await settled_in_books(tenant, jobs=1, calls=len(feature["inferences"]))
    assert summary["features"]["by_error_type"] == {"generation_invalid": 1}
    assert summary["attempts"]["total"] == len((await model.told())["given"]) == len(feature["inferences"])


async def test_the_deadline_ends_a_job_and_its_call(stack: Live, tenant: Api) -> None:
    model = await scripted(stack, tenant, {"delay_ms": 60_000})

    feature = await made(tenant, files=FILES, model=model.model, deadline_s=1.5)

    assert (feature["state"], feature["error"]["error_type"]) == ("failed", "expired")
    summary = await settled_in_books(tenant, jobs=1, calls=1)
    assert summary["features"]["by_error_type"] == {"expired": 1}
    assert summary["attempts"]["open"] == 0


def packed(files: dict[str, bytes]) -> str:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    return base64.b64encode(buffer.getvalue()).decode()


ZIP = packed({"greet.py": b"print()\n"})


@pytest.mark.parametrize(
    ("body", "status", "error_type"),
    [
        ({}, 400, "invalid_request"),
        ({"repo": "just a name"}, 400, "invalid_request"),
        ({"repo": "file:///etc"}, 400, "invalid_request"),
        ({"repo": "https://example.org/x", "ref": "--upload-pack=x"}, 400, "invalid_request"),
        ({"files": FILES, "archive": ZIP}, 400, "invalid_request"),
        ({"files": [{"path": "a\0b", "content": ""}]}, 400, "invalid_request"),
        ({"files": [{"path": "a"}] * 5001}, 400, "invalid_request"),
        ({"files": "all"}, 400, "invalid_request"),
        ({"files": FILES, "generator": "../llm"}, 400, "invalid_request"),
        ({"files": FILES, "deadline_s": -1}, 400, "invalid_request"),
        ({"files": FILES, "constraints": {"max_files": 0}}, 400, "invalid_request"),
        ({"files": FILES, "featureRequest": ""}, 400, "invalid_request"),
        ({"files": FILES, "model": "custom:nobody"}, 404, "model_not_found"),
        ({"repo": "http://10.0.0.1/private.git"}, 400, "endpoint_forbidden"),
        ({"repo": "http://169.254.169.254/latest/meta-data"}, 400, "endpoint_forbidden"),
        ({"archive": "x" * 4_000_000}, 413, "payload_too_large"),
    ],
)
async def test_a_bad_body_is_refused_at_once(tenant: Api, body: dict[str, Any], status: int, error_type: str) -> None:
    refused = await tenant.post(GENERATE, {"featureRequest": "x", "generator": "template"} | body)

    assert (refused.body["error_type"], refused.status) == (error_type, status)
    assert refused.body["tips"]
    assert (await tenant.get("/api/features")).body["features"] == []


@pytest.mark.parametrize(
    ("source", "error_type"),
    [
        ({"archive": "this is not base64!"}, "invalid_request"),
        ({"archive": base64.b64encode(b"this is no archive").decode()}, "invalid_request"),
        ({"archive": base64.b64encode(base64.b64decode(ZIP)[:-30]).decode()}, "invalid_request"),
        ({"archive": packed({"../../x.py": b"print()\n", "/etc/x.py": b"print()\n"})}, "invalid_request"),
        ({"files": [{"path": "../x.py", "content": "x"}, {"path": "/etc/x.py", "content": "x"}]}, "invalid_request"),
        ({"files": [{"path": ".git/config", "content": "x"}]}, "invalid_request"),
        ({"repo": "http://127.0.0.1:9/nobody.git"}, "endpoint_unreachable"),
    ],
)
async def test_a_repository_that_cannot_be_read_fails_its_job(
    tenant: Api, source: dict[str, Any], error_type: str
) -> None:
    feature = await made(tenant, generator="template", **source)

    assert feature["state"] == "failed", feature
    assert feature["error"]["error_type"] == error_type, feature["error"]
    assert feature["error"]["tips"]


async def test_an_archive_that_unpacks_to_too_much_fails_its_job(tenant: Api) -> None:
    bomb = packed({f"{number}.py": b"#\n" * 190_000 for number in range(300)})

    feature = await made(tenant, generator="template", archive=bomb)

    assert (feature["state"], feature["error"]["error_type"]) == ("failed", "payload_too_large")


async def test_paths_that_lead_out_are_left_out(stack: Live, tenant: Api) -> None:
    model = await good_model(stack, tenant)
    tricks = [{"path": path, "content": "the trick\n"} for path in ("../x.py", "/etc/x.py", ".git/hooks/x")]

    feature = await made(tenant, files=[*FILES, *tricks], model=model.model)

    assert feature["state"] == "completed"
    assert feature["result"]["repository"]["files"] == 1
    assert not any("the trick" in text for text in await model.asked())


async def test_a_wish_a_repository_and_what_is_made_of_them_are_planted(stack: Live, tenant: Api) -> None:
    """For the search at the end of the session, which finds nothing of them in the clear."""
    wish, content, produced = (f"{what}{planted.CONTENT}" for what in ("wish", "content", "produced"))
    files = [{"path": "greet.py", "content": f'HELLO = "{content}"\n'}]
    model = await scripted(stack, tenant, PLAN, written({"bye.py": f'BYE = "{produced}"\n'}))

    feature = await made(tenant, featureRequest=wish, files=files, model=model.model)

    assert feature["state"] == "completed"
    assert produced in feature["result"]["files"][0]["content"]
    assert all(wish in text for text in await model.asked())
    assert any(content in text for text in await model.asked())


async def test_the_workers_are_shown(stack: Live, tenant: Api) -> None:
    (worker,) = (await tenant.get("/api/features/workers")).body["workers"]

    assert {"llm", "template"} <= set(worker["generators"])
    assert worker["broken"] == {}


async def test_constraints_hold(stack: Live, tenant: Api) -> None:
    answer = written({"other/bye.py": BYE}) | {"times": None}
    model = await scripted(stack, tenant, plan(("src/bye.py", "create")), answer)

    feature = await made(tenant, files=FILES, model=model.model, constraints={"paths": ["src/*"]})

    assert (feature["state"], feature["error"]["error_type"]) == ("failed", "generation_invalid")
    assert feature["result"]["files"] == []


async def test_watching_a_job_that_runs_hears_it_step_by_step(stack: Live, tenant: Api) -> None:
    model = await scripted(stack, tenant, PLAN | {"delay_ms": 400}, written({"bye.py": BYE}))
    feature_id = await wished(tenant, files=FILES, model=model.model)

    watching: asyncio.Task[Answer] = asyncio.create_task(tenant.get(f"/api/features/{feature_id}/events"))
    running = await once(tenant, feature_id, lambda found: found["step"] == "planning")

    assert running["state"] == "running"
    assert not watching.done()
    events = events_of(await watching)
    assert [data["step"] for _, data in events][-2:] == ["done", "done"]


async def test_a_result_that_fits_no_record_is_told_as_too_large(stack: Live, tenant: Api) -> None:
    """Within its constraints: what is escaped in JSON, twice over and sealed, becomes many times its size."""
    quotes = ('"' * 99 + "\n") * 9_990
    model = await scripted(stack, tenant, plan(("quotes.txt", "create")), written({"quotes.txt": quotes}))

    feature = await made(tenant, files=FILES, model=model.model, constraints={"max_bytes": 1_000_000}, deadline_s=60)

    assert (feature["state"], feature["error"]["error_type"]) == ("failed", "payload_too_large"), feature["error"]
    assert any("max_bytes" in tip for tip in feature["error"]["tips"])
    assert len(feature["inferences"]) == 2


async def test_the_calls_of_a_job_that_was_cancelled_are_told_too(stack: Live, tenant: Api) -> None:
    price = {"input_per_mtok_usd": 1000, "output_per_mtok_usd": 2000}
    model = await scripted(stack, tenant, PLAN, GOOD[1] | {"delay_ms": 60_000}, price=price)
    feature_id = await wished(tenant, files=FILES, model=model.model)
    await model.asked_times(2)

    await tenant.call("DELETE", f"/api/features/{feature_id}")
    feature = await ended(tenant, feature_id)

    assert feature["state"] == "cancelled"
    assert [one["purpose"] for one in feature["inferences"]] == ["plan"]
    assert feature["cost_usd"] > 0
