import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from shared.events import Event
from shared.events.asyncapi import asyncapi_document
from shared.events.topics import TOPICS, Topic
from shared.events.upstream import (
    UpstreamBatchRequested,
    UpstreamReplyCompleted,
    UpstreamReplyFailed,
    UpstreamRequested,
)

ROOT = Path(__file__).parents[2]
PARSER = Path(__file__).parent / "asyncapi"
UPSTREAM = {UpstreamRequested, UpstreamBatchRequested, UpstreamReplyCompleted, UpstreamReplyFailed}
KINDS = sorted({kind for topic in TOPICS for kind in topic.events} | UPSTREAM, key=lambda kind: kind.__name__)


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(asyncapi_document())
    return parsed


def resolve(document: dict[str, Any], reference: str) -> Any:
    found: Any = document
    for name in reference.removeprefix("#/").split("/"):
        found = found[name]
    return found


def references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [one for item in value.values() for one in references(item)]
    return [one for item in value for one in references(item)] if isinstance(value, list) else []


def test_the_published_document_is_that_of_the_code() -> None:
    published = (ROOT / "docs" / "asyncapi.json").read_text()
    assert published == asyncapi_document(), "renew it with: tallygate asyncapi > docs/asyncapi.json"


def test_another_process_makes_the_same_document() -> None:
    made = subprocess.run(
        [sys.executable, "-c", "from shared.events.asyncapi import asyncapi_document as d; print(d(), end='')"],
        cwd=ROOT, env={"PYTHONHASHSEED": "7"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert made.stdout == asyncapi_document()


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_every_topic_is_a_channel_with_its_events(document: dict[str, Any], topic: Topic) -> None:
    channel = document["channels"][topic.name]
    assert channel["address"] == topic.name
    assert channel["bindings"]["kafka"] == {"topic": topic.name, "partitions": topic.partitions}
    assert set(channel["messages"]) == {kind.__name__ for kind in topic.events}


def test_there_are_no_other_channels(document: dict[str, Any]) -> None:
    assert set(document["channels"]) == {topic.name for topic in TOPICS} | {"ingress", "upstream-replies"}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_event_is_a_message_with_a_summary_and_all_its_fields(
    document: dict[str, Any], kind: type[Event]
) -> None:
    message = document["components"]["messages"][kind.__name__]
    assert message["name"] == kind.ce_type
    assert message["summary"]
    schema = resolve(document, message["payload"]["$ref"])
    assert set(schema["properties"]) == set(kind.model_fields)


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_who_writes_and_reads_a_topic_is_told(document: dict[str, Any], topic: Topic) -> None:
    documented = {
        (name.partition(".")[0], operation["action"])
        for name, operation in document["operations"].items()
        if operation["channel"]["$ref"] == f"#/channels/{topic.name}"
    }
    writers = {(who.replace(" ", "-"), "send") for who in topic.written_by}
    assert documented == writers | {(who, "receive") for who in topic.read_by}


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    found = references({name: part for name, part in document.items() if name != "operations"})
    assert found
    for reference in found:
        assert resolve(document, reference)


def test_every_header_of_an_event_is_documented(document: dict[str, Any]) -> None:
    documented = document["components"]["messages"]["AttemptEnded"]["headers"]["properties"]
    assert {"content-type", "ce_specversion", "ce_id", "ce_type", "ce_source", "ce_time", "ce_subject",
            "traceparent", "tracestate"} == set(documented)  # fmt: skip


def test_a_request_of_an_upstream_service_says_where_its_reply_goes(document: dict[str, Any]) -> None:
    reply = document["operations"]["upstream-services.send.ingress"]["reply"]
    payload = document["components"]["schemas"]["UpstreamRequested"]["properties"]
    assert reply["address"]["location"] == "$message.payload#/reply_topic"
    assert "reply_topic" in payload
    assert set(resolve(document, reply["channel"]["$ref"])["messages"]) == {
        "UpstreamReplyCompleted", "UpstreamReplyFailed",
    }  # fmt: skip


# What an upstream service may not decide: how it is routed within, and by whose key it is asked.
_OURS = {"api_key_id", "reply_partition", "reply_to", "store_result", "republished", "delivery", "attempts_made",
         "registry_version", "sealed_input", "passed_headers"}  # fmt: skip


def test_an_upstream_service_may_say_of_a_request_what_is_its_own(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    within, without = (set(schemas[name]["properties"]) for name in ("InferenceRequested", "UpstreamRequested"))
    assert within >= _OURS
    assert without.isdisjoint(_OURS)


@pytest.mark.skipif(not (PARSER / "node_modules").is_dir(), reason="its own parser is not here: make asyncapi")
def test_asyncapis_own_parser_takes_it() -> None:
    done = subprocess.run(
        ["node", "check.js", ROOT / "docs" / "asyncapi.json"], cwd=PARSER, capture_output=True, text=True, check=False
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert not [line for line in done.stdout.splitlines() if line.startswith(("error", "warning"))]
