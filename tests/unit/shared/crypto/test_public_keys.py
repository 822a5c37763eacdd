"""Sealed for somebody else's key."""

import base64

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from shared.crypto.public_keys import UnusableKeyError, public_key_of, reply_info, seal_for


def test_only_the_holder_of_the_private_key_opens_it_and_only_as_the_reply_that_it_is() -> None:
    private, suite = X25519PrivateKey.generate(), Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
    public = public_key_of(base64.b64encode(private.public_key().public_bytes_raw()).decode())
    sealed = seal_for(public, reply_info("acme", "i1"), b"the answer")
    assert suite.decrypt(sealed, private, b"tallygate/reply/acme/i1") == b"the answer"
    for key, info in ((private, reply_info("acme", "i2")), (X25519PrivateKey.generate(), reply_info("acme", "i1"))):
        with pytest.raises(InvalidTag):
            suite.decrypt(sealed, key, info)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("not base64!", "not base64"),
        (base64.b64encode(bytes(31)).decode(), "31 bytes"),
        (base64.b64encode(bytes(32)).decode(), "low order"),
        (base64.b64encode(b"\x01" + bytes(31)).decode(), "low order"),
    ],
    ids=["text", "short", "zero", "one"],
)
def test_what_nothing_can_be_sealed_for_is_refused(text: str, why: str) -> None:
    with pytest.raises(UnusableKeyError, match=why):
        public_key_of(text)
