"""Who is at the other end of a lane: both sides prove that they hold the key ring. Pure.

The gateway sends a challenge, its version and a nonce; the router answers with the challenge and a nonce of its own,
sealed for this life of the gateway; and the gateway with that nonce, sealed. So a router that reaches another process
than the request named, whatever it says, sends it nothing but its proof, and takes no word from it.
"""

import os
from typing import NamedTuple

from shared.crypto import KeyRing, SealedContext, UnreadableSecretError, open_bytes, seal_bytes
from shared.lane.frames import NO_INFERENCE, BrokenLaneError, Frame, Kind

VERSION = 1
_NONCE_BYTES = 16
_CHALLENGE_BYTES = 1 + _NONCE_BYTES


class Proof(NamedTuple):
    """A router's, and the nonce that the gateway is to prove itself by."""

    frame: Frame
    nonce: bytes


def challenge() -> Frame:
    return Frame(Kind.CHALLENGE, NO_INFERENCE, bytes((VERSION,)) + os.urandom(_NONCE_BYTES))


def proof(ring: KeyRing, gateway_id: str, challenged: Frame) -> Proof:
    """Raises BrokenLaneError for what is no challenge of this version."""
    said = challenged.payload
    if challenged.kind is not Kind.CHALLENGE or said[:1] != bytes((VERSION,)) or len(said) != _CHALLENGE_BYTES:
        raise BrokenLaneError(f"the gateway speaks another version of the lane than {VERSION}")
    nonce = os.urandom(_NONCE_BYTES)
    return Proof(_sealed(ring, "lane", gateway_id, said + nonce), nonce)


def prove(ring: KeyRing, gateway_id: str, challenged: Frame, answer: Frame) -> Frame:
    """The gateway's own proof. Raises BrokenLaneError when the answer proves nothing."""
    opened = _opened(ring, "lane", gateway_id, answer)
    if opened[:_CHALLENGE_BYTES] != challenged.payload:
        raise BrokenLaneError("the proof belongs to another connection")
    return _sealed(ring, "lane-back", gateway_id, opened[_CHALLENGE_BYTES:])


def prove_back(ring: KeyRing, gateway_id: str, nonce: bytes, answer: Frame) -> None:
    """Raises BrokenLaneError when the gateway's answer proves nothing."""
    if _opened(ring, "lane-back", gateway_id, answer) != nonce:
        raise BrokenLaneError("the gateway's proof belongs to another connection")


def _sealed(ring: KeyRing, kind: str, gateway_id: str, secret: bytes) -> Frame:
    return Frame(Kind.PROOF, NO_INFERENCE, seal_bytes(ring, SealedContext("", kind, gateway_id), secret))


def _opened(ring: KeyRing, kind: str, gateway_id: str, answer: Frame) -> bytes:
    if answer.kind is not Kind.PROOF:
        raise BrokenLaneError("the handshake was left out")
    try:
        return open_bytes(ring, SealedContext("", kind, gateway_id), answer.payload)
    except UnreadableSecretError as error:
        raise BrokenLaneError(f"the proof of the key ring cannot be opened: {error}") from None
