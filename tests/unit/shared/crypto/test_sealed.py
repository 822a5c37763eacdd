import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.crypto import KeyRing, SealedContext, UnreadableSecretError, open_sealed, seal
from shared.crypto.keys import new_key
from shared.crypto.sealed import sealing_key_id

RING = KeyRing.parse(new_key("k1"))
CONTEXT = SealedContext("acme", "model_api_key", "m1")
NOT_SEALED = "it is not in the sealed format"


def encoded(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


@given(st.binary(), st.text(), st.text(), st.text())
def test_what_was_sealed_opens_in_its_place(secret: bytes, tenant: str, kind: str, name: str) -> None:
    context = SealedContext(tenant, kind, name)
    assert open_sealed(RING, context, seal(RING, context, secret)) == secret


def test_sealing_twice_never_looks_the_same() -> None:
    assert seal(RING, CONTEXT, b"secret") != seal(RING, CONTEXT, b"secret")


def test_the_sealed_text_does_not_hold_the_secret() -> None:
    assert b"opensesame" not in base64.b64decode(seal(RING, CONTEXT, b"opensesame"))


@pytest.mark.parametrize(
    "elsewhere",
    [
        CONTEXT._replace(tenant="other"),
        CONTEXT._replace(kind="model_headers"),
        CONTEXT._replace(id="m2"),
        SealedContext("acmemodel_api_key", "", "m1"),
    ],
)
def test_a_secret_cannot_be_opened_in_another_place(elsewhere: SealedContext) -> None:
    with pytest.raises(UnreadableSecretError, match="altered, or sealed for another place"):
        open_sealed(RING, elsewhere, seal(RING, CONTEXT, b"secret"))


@given(st.data())
def test_one_flipped_bit_anywhere_is_refused(data: st.DataObject) -> None:
    raw = bytearray(base64.b64decode(seal(RING, CONTEXT, b"secret")))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(UnreadableSecretError):
        open_sealed(RING, CONTEXT, encoded(bytes(raw)))


@given(st.data())
def test_a_cut_text_is_refused(data: st.DataObject) -> None:
    raw = base64.b64decode(seal(RING, CONTEXT, b"secret"))
    with pytest.raises(UnreadableSecretError):
        open_sealed(RING, CONTEXT, encoded(raw[: data.draw(st.integers(0, len(raw) - 1))]))


def test_the_same_key_id_with_another_key_is_refused() -> None:
    with pytest.raises(UnreadableSecretError):
        open_sealed(KeyRing.parse(new_key("k1")), CONTEXT, seal(RING, CONTEXT, b"secret"))


def test_an_unknown_key_is_named() -> None:
    sealed = seal(KeyRing.parse(new_key("old")), CONTEXT, b"opensesame")
    with pytest.raises(UnreadableSecretError) as caught:
        open_sealed(RING, CONTEXT, sealed)
    assert str(caught.value) == "it was sealed under key 'old', which is not in TALLYGATE_KEYS"


@pytest.mark.parametrize(
    "text",
    ["", "not base64!", "é", "AQ", encoded(b"\x01"), encoded(b"\x01\x02k1"), encoded(b"\x01\x02k1" + b"n" * 27),
     encoded(b"\x01\x01\xff" + b"n" * 40)],
)  # fmt: skip
def test_what_is_not_in_the_format_is_called_that(text: str) -> None:
    with pytest.raises(UnreadableSecretError, match=NOT_SEALED):
        open_sealed(RING, CONTEXT, text)


def test_a_format_of_the_future_is_told_from_a_broken_one() -> None:
    with pytest.raises(UnreadableSecretError, match="its format 2 is not known"):
        open_sealed(RING, CONTEXT, encoded(b"\x02" + b"x" * 40))


@given(st.text())
def test_any_text_is_refused_in_our_words(text: str) -> None:
    with pytest.raises(UnreadableSecretError):
        open_sealed(RING, CONTEXT, text)


def test_the_key_id_is_read_without_opening() -> None:
    assert sealing_key_id(seal(KeyRing.parse(new_key("2026-01")), CONTEXT, b"secret")) == "2026-01"
