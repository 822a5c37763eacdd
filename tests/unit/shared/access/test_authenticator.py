import asyncio
from typing import cast

import pytest

from shared.access import ApiKey, Authenticator, Caller, new_api_key
from shared.access.store import KeyReader
from shared.errors import TallygateError

KEY = new_api_key()
CALLER = Caller("acme", KEY.key_id, frozenset({"inference"}))
BEARER = {"authorization": f"Bearer {KEY.text}"}


class Reader:
    """Keys by text, and how often they were read."""

    def __init__(self) -> None:
        self.callers = {KEY.text: CALLER}
        self.reads = 0
        self.failure: Exception | None = None

    async def caller_of(self, key: ApiKey) -> Caller | None:
        self.reads += 1
        if self.failure is not None:
            raise self.failure
        return self.callers.get(key.text)


@pytest.fixture
def reader() -> Reader:
    return Reader()


@pytest.fixture
def authenticator(reader: Reader) -> Authenticator:
    return Authenticator(cast(KeyReader, reader))


async def refusal(authenticator: Authenticator, headers: dict[str, str]) -> TallygateError:
    with pytest.raises(TallygateError) as caught:
        await authenticator.caller(headers)
    assert caught.value.failure.error_type == "authentication_failed"
    assert caught.value.failure.http_status == 401
    return caught.value


@pytest.mark.parametrize(
    "headers",
    [
        BEARER,
        {"authorization": f"bearer  {KEY.text} "},
        {"x-api-key": KEY.text},
        {"authorization": "Basic abc", "x-api-key": KEY.text},
        {"authorization": "Bearer sk-ant-oat01-foreign", "x-api-key": KEY.text},
        {"authorization": f"Bearer {KEY.text}", "x-api-key": "sk-ant-foreign"},
        {"authorization": f"Bearer {KEY.text}", "x-api-key": KEY.text},
    ],
)
async def test_a_key_is_found_in_either_header_whatever_the_other_has(
    authenticator: Authenticator, headers: dict[str, str]
) -> None:
    assert await authenticator.caller(headers) == CALLER


async def test_a_known_key_is_not_read_again(authenticator: Authenticator, reader: Reader) -> None:
    assert await authenticator.caller(BEARER) is await authenticator.caller(BEARER)
    assert reader.reads == 1


async def test_a_change_makes_every_key_unknown(authenticator: Authenticator, reader: Reader) -> None:
    await authenticator.caller(BEARER)
    reader.callers.clear()
    authenticator.changed(None)
    error = await refusal(authenticator, BEARER)
    assert error.failure.detail == "the API key is unknown or was revoked"


def pass_time(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    now = loop.time()
    monkeypatch.setattr(loop, "time", lambda: now + seconds)


async def test_a_known_key_is_read_again_after_half_a_minute(
    authenticator: Authenticator, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    await authenticator.caller(BEARER)
    pass_time(monkeypatch, 29.0)
    await authenticator.caller(BEARER)
    assert reader.reads == 1
    pass_time(monkeypatch, 2.0)
    await authenticator.caller(BEARER)
    assert reader.reads == 2


@pytest.mark.parametrize(("age_s", "served"), [(31.0, True), (299.0, True), (301.0, False)])
async def test_without_the_database_a_known_key_is_good_for_five_minutes(
    authenticator: Authenticator, reader: Reader, monkeypatch: pytest.MonkeyPatch, age_s: float, served: bool
) -> None:
    await authenticator.caller(BEARER)
    pass_time(monkeypatch, age_s)
    reader.failure = ConnectionRefusedError()
    if served:
        assert await authenticator.caller(BEARER) == CALLER
    else:
        with pytest.raises(ConnectionRefusedError):
            await authenticator.caller(BEARER)


async def test_without_the_database_an_unknown_key_is_not_taken(authenticator: Authenticator, reader: Reader) -> None:
    reader.failure = ConnectionRefusedError()
    with pytest.raises(ConnectionRefusedError):
        await authenticator.caller(BEARER)


async def test_a_key_that_was_refused_is_read_again(authenticator: Authenticator, reader: Reader) -> None:
    reader.callers.clear()
    await refusal(authenticator, BEARER)
    reader.callers[KEY.text] = CALLER
    assert await authenticator.caller(BEARER) == CALLER


async def test_a_change_during_a_look_up_leaves_nothing_behind() -> None:
    class RevokedMeanwhile(Reader):
        async def caller_of(self, key: ApiKey) -> Caller | None:
            caller = await super().caller_of(key)
            self.callers.clear()
            forgetting.changed(key.key_id)
            return caller

    forgetting = Authenticator(cast(KeyReader, RevokedMeanwhile()))
    await forgetting.caller(BEARER)
    await refusal(forgetting, BEARER)


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer "}, {"x-api-key": ""}, {"authorization": "Basic x"}])
async def test_a_request_without_a_key_is_told_so(authenticator: Authenticator, headers: dict[str, str]) -> None:
    error = await refusal(authenticator, headers)
    assert error.failure.detail == "the request carries no API key"
    assert any("Authorization: Bearer" in tip for tip in error.failure.tips)


@pytest.mark.parametrize(
    "text", ["opensesame", "tg_opensesame", new_api_key().text], ids=["no key", "like a key", "an unknown key"]
)
async def test_a_refusal_never_repeats_what_was_sent(authenticator: Authenticator, text: str) -> None:
    error = await refusal(authenticator, {"authorization": f"Bearer {text}"})
    assert text not in str(error)
    assert text not in error.failure.model_dump_json()


async def test_of_two_keys_none_is_taken(authenticator: Authenticator, reader: Reader) -> None:
    other = new_api_key()
    reader.callers[other.text] = CALLER
    error = await refusal(authenticator, BEARER | {"x-api-key": other.text})
    assert error.failure.detail == "the request carries two API keys"
    assert reader.reads == 0


async def test_what_has_not_the_form_of_a_key_is_not_looked_up(authenticator: Authenticator, reader: Reader) -> None:
    await refusal(authenticator, {"x-api-key": "opensesame"})
    assert reader.reads == 0
