"""Questions about a codebase: answered, remembered per session and tenant, on record also when they fail."""

from typing import Any

import orjson

from shared.client import Answer
from shared.wire.reading.server_events import ServerEvents
from tests.support.live import Api, Live

PATH = "/api/codebase/chat"


_STREAMED = {"accept": "text/event-stream"}


def events_of(answer: Answer) -> list[tuple[str, Any]]:
    """Names and data; `[DONE]` is None."""
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = ServerEvents(1_000_000).read(answer.text.encode())
    return [(name.decode(), None if data == b"[DONE]" else orjson.loads(data)) for name, data in events]


async def test_a_question_is_answered_and_remembered(stack: Live, tenant: Api) -> None:
    model = await tenant.add_model("good", stack.model_server_url)
    asked = {
        "sessionId": "s1",
        "message": "what is this?",
        "repo": "acme/app",
        "files": ["README.md", {"path": "app.py", "content": "print(1)"}],
        "currentFile": "app.py",
        "model": model,
    }

    answer = await tenant.post(PATH, asked)

    assert answer.status == 200
    assert answer.body["success"] is True
    assert answer.body["message"] == "echo: what is this?"
    assert answer.body["model"] == model
    assert answer.body["usage"]["total_tokens"] > 10  # the files went along
    assert (await tenant.settled(answer.body["inference_id"]))["state"] == "completed"
    history = await tenant.get(f"{PATH}?sessionId=s1")
    assert [(one["role"], one["content"]) for one in history.body["messages"]] == [
        ("user", "what is this?"),
        ("assistant", "echo: what is this?"),
    ]


async def test_the_history_goes_to_the_model(stack: Live, tenant: Api) -> None:
    await tenant.add_model("good", stack.model_server_url)
    first = await tenant.post(PATH, {"sessionId": "s", "message": "one"})
    second = await tenant.post(PATH, {"sessionId": "s", "message": "one"})

    assert second.body["usage"]["prompt_tokens"] > first.body["usage"]["prompt_tokens"]


async def test_a_failure_is_on_record_and_carries_the_inference_id(stack: Live, tenant: Api) -> None:
    model = await tenant.add_model("bad", stack.model_server_url, "fault-401")

    answer = await tenant.post(PATH, {"sessionId": "s", "message": "hello", "model": model})

    assert answer.status == 424
    assert answer.body["success"] is False
    assert answer.body["error_type"] == "authentication_failed"
    timeline = await tenant.settled(answer.body["inference_id"])
    assert timeline["attempts"][0]["error"]["error_type"] == "authentication_failed"
    assert (await tenant.get(f"{PATH}?sessionId=s")).body["total"] == 0


async def test_history_is_the_tenants_own_and_can_be_deleted(stack: Live, tenant: Api) -> None:
    await tenant.add_model("good", stack.model_server_url)
    await tenant.post(PATH, {"sessionId": "shared-name", "message": "mine"})
    stranger = await stack.new_tenant()

    assert (await stranger.get(f"{PATH}?sessionId=shared-name")).body["total"] == 0
    assert (await stranger.call("DELETE", f"{PATH}?sessionId=shared-name")).body["deleted"] == 0
    assert (await tenant.call("DELETE", f"{PATH}?sessionId=shared-name")).body["deleted"] == 2
    assert (await tenant.get(f"{PATH}?sessionId=shared-name")).body["total"] == 0


async def test_a_streamed_answer_is_told_in_pieces_and_remembered_when_it_is_whole(stack: Live, tenant: Api) -> None:
    model = await tenant.add_model("good", stack.model_server_url)

    answer = await tenant.post(PATH, {"sessionId": "s", "message": "what is this?", "stream": True})

    *pieces, (_, last), done = events_of(answer)
    assert "".join(data["delta"] for _, data in pieces) == last["message"] == "echo: what is this?"
    assert (last["success"], last["model"], last["sessionId"]) == (True, model, "s")
    assert last["usage"]["total_tokens"] > 10
    assert done == ("", None)
    assert answer.headers["x-tallygate-inference-id"] == last["inference_id"]
    history = await tenant.get(f"{PATH}?sessionId=s")
    assert [one["content"] for one in history.body["messages"]] == ["what is this?", "echo: what is this?"]


async def test_a_stream_that_breaks_off_is_a_typed_error_and_not_remembered(stack: Live, tenant: Api) -> None:
    await tenant.add_model("bad", stack.model_server_url, "fault-broken-stream")

    answer = await tenant.post(PATH, {"sessionId": "s", "message": "what is this?"}, headers=_STREAMED)

    name, problem = events_of(answer)[-1]
    assert (name, problem["success"], problem["error_type"]) == ("error", False, "stream_broken")
    assert (await tenant.settled(problem["inference_id"]))["state"] == "failed"
    assert (await tenant.get(f"{PATH}?sessionId=s")).body["total"] == 0


async def test_a_stream_that_does_not_begin_is_an_ordinary_error(stack: Live, tenant: Api) -> None:
    await tenant.add_model("bad", stack.model_server_url, "fault-401")

    answer = await tenant.post(PATH, {"sessionId": "s", "message": "hello"}, headers=_STREAMED)

    assert (answer.status, answer.body["error_type"]) == (424, "authentication_failed")


async def test_a_model_is_selected_when_none_is_named(stack: Live, tenant: Api) -> None:
    model = await tenant.add_model("only", stack.model_server_url)

    answer = await tenant.post(PATH, {"message": "hello"})

    assert answer.body["model"] == model
    assert answer.body["sessionId"]
