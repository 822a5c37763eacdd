"""A seal: what it says of a day, the text that is signed, and how seals hang together."""

import base64
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from hashlib import sha256

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic_core import from_json

from services.monitor.proof.rows import FORMS
from shared.crypto.signing import SigningKeys
from shared.events import DaySealed

_VERSION = 1
_BEGINS = b"tallygate.seal.1\n"  # what is signed before the text: the key signs nothing else that looks like it
FIRST_LINK = "0" * 64


@dataclass(frozen=True, slots=True)
class Seal:
    """number: counts all seals of the books, from 1. sequence: those of this day, from 1. rows: of the day that are
    sealed by now; added, grown: rows that this seal is the first to know, or to know as they are now. root: SHA-256, in
    hex, of the keys and digests of these. previous: `link` of the seal before, whatever its day. form: of its rows."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    number: int
    day: date
    sequence: int
    sealed_at: datetime
    rows: int
    added: int
    grown: int
    root: str
    previous: str
    key_id: str
    form: int


_SEAL = TypeAdapter(Seal)


@dataclass(frozen=True, slots=True)
class SignedSeal:
    """signed: the text of the seal, as it was signed and as it is kept, published and exported."""

    seal: Seal
    signed: str
    signature: bytes

    @property
    def link(self) -> str:
        return sha256(self.signed.encode()).hexdigest()

    @property
    def event(self) -> DaySealed:
        signature = base64.b64encode(self.signature).decode()
        seal = self.seal
        return DaySealed(
            number=seal.number, day=seal.day, sequence=seal.sequence, signed=self.signed, signature=signature
        )  # fmt: skip

    @classmethod
    def read(cls, signed: str, signature: bytes) -> "SignedSeal":
        """Raises ValueError when it is not the text of a seal that this version knows."""
        told = from_json(signed)
        if not isinstance(told, dict) or told.pop("version", None) != _VERSION:
            raise ValueError("it is not the text of a seal, or of another version")
        try:
            seal = _SEAL.validate_python(told)
        except ValidationError as error:
            raise ValueError(f"it is not the text of a seal: {error.errors()[0]['msg']}") from None
        if seal.form not in FORMS:
            raise ValueError(f"its rows are of a form that this version does not know: {seal.form}")
        return cls(seal, signed, signature)

    @classmethod
    def of_event(cls, event: DaySealed) -> "SignedSeal":
        """Raises ValueError."""
        return cls.read(event.signed, base64.b64decode(event.signature, validate=True))


def sign(keys: SigningKeys, seal: Seal) -> SignedSeal:
    told = asdict(seal) | {
        "version": _VERSION, "day": seal.day.isoformat(), "sealed_at": seal.sealed_at.astimezone(UTC).isoformat(),
    }  # fmt: skip
    signed = json.dumps(told, sort_keys=True, separators=(",", ":"))
    return SignedSeal(seal, signed, keys.sign(_BEGINS + signed.encode()))


def is_genuine(keys: SigningKeys, seal: SignedSeal) -> bool:
    """Signed by one of these keys."""
    return keys.verifies(seal.seal.key_id, seal.signature, _BEGINS + seal.signed.encode())


def problems_of(seals: Sequence[SignedSeal], keys: SigningKeys) -> Iterator[str]:
    """What is wrong with the seals themselves, of all days, in order of their numbers."""
    link, sequences = FIRST_LINK, dict[date, int]()
    for place, one in enumerate(seals, 1):
        seal, name = one.seal, called(one.seal)
        if not is_genuine(keys, one):
            known = "its signature does not fit its text" if seal.key_id in keys.public else "that key is not given"
            yield f"{name} is not signed by key {seal.key_id}: {known}"
        if seal.number != place:
            yield f"{name} stands where seal {place} should be: seals were taken out or put in"
            return  # whatever follows differs, too
        if seal.previous != link:
            yield f"{name} does not follow on the seal before it, which was changed"
        if seal.sequence != sequences.get(seal.day, 0) + 1:
            yield f"{name} does not follow on the seals of its day"
        sequences[seal.day] = seal.sequence
        link = one.link


def differences(here: Iterable[SignedSeal], on_topic: Mapping[tuple[date, int], SignedSeal]) -> Iterator[str]:
    """What the database says otherwise than the topic. What is not there yet is said by nobody."""
    known = {(one.seal.day, one.seal.sequence): one for one in here}
    for place, published in on_topic.items():
        name = called(published.seal)
        if (mine := known.get(place)) is None:
            yield f"{name} is on the topic and not in the database: it was taken out, or the database is an older one"
        elif mine.signed != published.signed:
            yield f"{name} is another one on the topic: the seal in the database was replaced"


def called(seal: Seal) -> str:
    return f"seal {seal.number} (day {seal.day}, its {seal.sequence}.)"
