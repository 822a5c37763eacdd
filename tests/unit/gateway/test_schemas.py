import re
from typing import Any

import pytest

from services.gateway.bodies import InvalidBodyError, validated
from services.gateway.conversations.schemas import CodebaseChatBody, SessionQuery
from services.gateway.models.schemas import CustomModelChange, CustomModelCreate, ModelProbe, ModelSetup, ModelTest
from services.gateway.session_caps.schemas import SessionCap
from services.gateway.tenants.schemas import KeyCreate
from shared.events import SessionCapped, utc_now
from shared.registry.definition import repr_text

MODEL: dict[str, Any] = {"model_id": "m", "endpoint_url": "http://host/v1", "provider": "openai-compatible"}
PROBE: dict[str, Any] = {"endpoint_url": "http://host/v1"}


def test_a_setup_takes_what_a_registration_takes() -> None:
    assert ModelSetup.model_fields.keys() == CustomModelCreate.model_fields.keys()
    assert validated(ModelSetup, {"model_id": "m", "endpoint_url": "http://host/v1"}).provider is None


def deep(levels: int) -> object:
    value: object = "x"
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize("model_id", ["m", "My-Model_1.5", "0", "automatic", "m" * 100])
def test_model_ids(model_id: str) -> None:
    assert validated(CustomModelCreate, MODEL | {"model_id": model_id}).model_id == model_id


@pytest.mark.parametrize(
    "model_id", ["", "monitoring", "auto", "a b", "a/b", "a:b", "-a", ".a", "ä", "a\n", "a\x00", "m" * 101, None, 5]
)
def test_ids_that_are_reserved_or_no_ids(model_id: object) -> None:
    with pytest.raises(InvalidBodyError) as caught:
        validated(CustomModelCreate, MODEL | {"model_id": model_id})
    assert caught.value.param == "model_id"


@pytest.mark.parametrize("missing", MODEL)
def test_what_every_model_must_have(missing: str) -> None:
    with pytest.raises(InvalidBodyError) as caught:
        validated(CustomModelCreate, {name: value for name, value in MODEL.items() if name != missing})
    assert caught.value.param == missing


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("model_name", "a\x00b"),
        ("description", "a\x00b"),
        ("description", "x" * 2001),
        ("config", {"a": ["b\x00"]}),
        ("config", {"a\x00": 1}),
        ("config", {"model": 5}),
        ("config", {"model": ""}),
        ("config", []),
        ("api_key", "has space"),
        ("api_key", "new\nline"),
        ("api_key", "ключ"),
        ("api_key", ""),
        ("api_key", "x" * 4097),
        ("context_window", 0),
        ("context_window", 2**31),
        ("max_concurrency", 0),
        ("max_concurrency", 100_001),
        ("timeout_s", 0),
        ("timeout_s", 3601),
        ("timeout_s", float("nan")),
        ("first_chunk_timeout_s", 0),
        ("first_chunk_timeout_s", 3601),
        ("idle_timeout_s", -1),
        ("idle_timeout_s", 3601),
        ("price", {"input_per_mtok_usd": 1}),
        ("price", {"input_per_mtok_usd": -1, "output_per_mtok_usd": 1}),
        ("health", {"degraded_at": 0.6, "unhealthy_at": 0.5}),
        ("health", {"degraded_at": 0}),
        ("health", {"unhealthy_at": 1.1}),
        ("health", {"min_calls": 0}),
        ("health", {"min_calls": "5"}),
        ("health", {"at": 1}),
        ("probe", {}),
        ("probe", {"every_s": 59}),
        ("probe", {"every_s": 86_401}),
        ("probe", {"every_s": 60.5}),
        ("probe", True),
        ("provider", "other-compatible"),
        ("is_active", "perhaps"),
        ("unknown", 1),
    ],
)
def test_fields_that_cannot_be_stored_or_used_are_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(InvalidBodyError) as caught:
        validated(CustomModelCreate, MODEL | {field: value})
    assert caught.value.param is not None
    assert caught.value.param.partition(".")[0] == field
    if isinstance(value, str) and len(value) > 1:
        assert value not in caught.value.failure.detail


@pytest.mark.parametrize("headers", [{"a b": "x"}, {"": "x"}, {"a\r\nb": "x"}, {"a": "x\r\ny"}, {"a": "é"}, {"a": 1}])
def test_headers_that_cannot_be_sent_are_refused(headers: dict[str, object]) -> None:
    with pytest.raises(InvalidBodyError, match="headers"):
        validated(CustomModelCreate, MODEL | {"headers": headers})


@pytest.mark.parametrize("name", ["Content-Length", "transfer-encoding", "HOST", "te", "Proxy-Authorization"])
def test_headers_of_the_transport_are_refused_by_name(name: str) -> None:
    for kind, needed in ((CustomModelCreate, MODEL), (CustomModelChange, {}), (ModelSetup, MODEL), (ModelProbe, PROBE)):
        with pytest.raises(InvalidBodyError, match="written by Tallygate itself") as caught:
            validated(kind, needed | {"headers": {"x-team": "a", name: "b"}})
        assert caught.value.param == f"headers.{name}"
        assert caught.value.failure.http_status == 400


@pytest.mark.parametrize(
    "sent",
    [
        {"config": {"a": "x" * 33_000}},
        {"config": {"model": "x" * 501}},
        {"config": {"a": deep(30)}},
        {"headers": {f"x-{number}": "x" for number in range(31)}},
        {"headers": {f"x-{number}": "x" * 4000 for number in range(5)}},
        {"price": {"input_per_mtok_usd": 1e7, "output_per_mtok_usd": 0}},
        {"capabilities": {"tasks": ["chat"] * 21}},
    ],
)
def test_what_a_model_has_is_bounded(sent: dict[str, Any]) -> None:
    """A router keeps all models of all tenants in memory."""
    with pytest.raises(InvalidBodyError, match="at most"):
        validated(CustomModelCreate, MODEL | sent)
    assert validated(CustomModelCreate, MODEL | {"config": {"a": deep(15), "b": "x" * 30_000}})


@pytest.mark.parametrize(
    ("value", "text"), [("a", "a"), (5, ""), (None, ""), (["a", ["b"]], "ab"), ({"a": {"b": "c"}}, "abc")]
)
def test_all_strings_of_a_value_are_found(value: object, text: str) -> None:
    assert repr_text(value) == text


def test_a_codebase_question_takes_paths_and_files() -> None:
    body = validated(
        CodebaseChatBody,
        {"message": "why?", "files": ["a.py", {"path": "b.py", "content": "x"}], "currentFile": "a.py"},
    )
    assert [getattr(file, "path", file) for file in body.files] == ["a.py", "b.py"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"message": ""},
        {"message": None},
        {"sessionId": ""},
        {"sessionId": "a b"},
        {"sessionId": "a\x00"},
        {"repo": "a\x00"},
        {"files": [{"content": "x"}]},
        {"files": ["a"] * 201},
        {"model": "x" * 257},
        {"session_id": "s"},
    ],
)
def test_a_codebase_question_that_is_none_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidBodyError) as caught:
        validated(CodebaseChatBody, {"message": "why?"} | wrong)
    assert caught.value.param is not None
    assert re.split(r"[.\[]", caught.value.param)[0] == next(iter(wrong))


def test_a_file_without_a_path_is_told_by_its_place() -> None:
    with pytest.raises(InvalidBodyError) as caught:
        validated(CodebaseChatBody, {"message": "why?", "files": ["a.py", {"content": "x"}]})
    assert caught.value.param == "files[1].path"


def test_a_session_must_be_named() -> None:
    with pytest.raises(InvalidBodyError, match="sessionId"):
        validated(SessionQuery, {})


def test_a_connection_test_needs_no_body() -> None:
    assert validated(ModelTest, {}).message


def test_a_new_key_may_do_everything_but_administrate() -> None:
    assert validated(KeyCreate, {"tenant": "acme"}).scopes == [
        "inference",
        "models",
        "monitor",
        "webhooks",
        "files",
        "sessions",
    ]


@pytest.mark.parametrize(
    "wrong", [{"tenant": ""}, {"tenant": "a b"}, {"scopes": []}, {"scopes": ["root"]}, {"name": "\x00"}]
)
def test_a_key_that_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidBodyError):
        validated(KeyCreate, {"tenant": "acme"} | wrong)


@pytest.mark.parametrize(("name", "most"), [("usd", 10**12), ("calls", 10**15), ("tokens", 10**15)])
def test_the_largest_caps_of_sessions_can_be_told_and_larger_ones_are_refused(name: str, most: int) -> None:
    cap = validated(SessionCap, {"session": "s", name: most})
    assert getattr(SessionCapped(tenant_id="t", since=utc_now(), **cap.model_dump()), name) == most
    with pytest.raises(InvalidBodyError):
        validated(SessionCap, {"session": "s", name: most + 1})
