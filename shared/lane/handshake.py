"""Who is at the other end of a lane: both sides prove that they hold the key ring. Pure.

The gateway sends a challenge, its version and a nonce; the router answers with the nonce, sealed for this life of the
gateway. A router that reaches another gateway than the request named cannot be taken for one that reached it.
"""

import os

from shared.crypto import KeyRing, SealedContext, UnreadableSecretError, open_sealed, seal
from shared.lane.frames import NO_INFERENCE, BrokenLaneError, Frame, Kind

VERSION = 1
_NONCE_BYTES = 16


def challenge() -> Frame:
    return Frame(Kind.CHALLENGE, NO_INFERENCE, bytes((VERSION,)) + os.urandom(_NONCE_BYTES))


def proof(ring: KeyRing, gateway_id: str, challenged: Frame) -> Frame:
    """Raises BrokenLaneError for what is no challenge of this version."""
    if challenged.kind is not Kind.CHALLENGE or challenged.payload[:1] != bytes((VERSION,)):
        raise BrokenLaneError(f"the gateway speaks another version of the lane than {VERSION}")
    return Frame(Kind.PROOF, NO_INFERENCE, seal(ring, _context(gateway_id), challenged.payload).encode())


def prove(ring: KeyRing, gateway_id: str, challenged: Frame, answer: Frame) -> None:
    """Raises BrokenLaneError when the answer proves nothing."""
    if answer.kind is not Kind.PROOF:
        raise BrokenLaneError("the handshake was left out")
    try:
        opened = open_sealed(ring, _context(gateway_id), answer.payload.decode("ascii", "replace"))
    except UnreadableSecretError as error:
        raise BrokenLaneError(f"the proof of the key ring cannot be opened: {error}") from None
    if opened != challenged.payload:
        raise BrokenLaneError("the proof belongs to another connection")


def _context(gateway_id: str) -> SealedContext:
    return SealedContext("", "lane", gateway_id)
