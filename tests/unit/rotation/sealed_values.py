"""Places and what is sealed in them."""

import uuid

import orjson

from services.__main__ import SEALED_PLACES
from services.rotation.resealing import Key, SealedRow, Value, context_of
from shared.crypto import KeyRing, seal
from shared.crypto.keys import new_key
from shared.crypto.places import SealedPlace

OLD_KEY, NEW_KEY = new_key("k1"), new_key("k2")
OLD = KeyRing.parse(OLD_KEY)
NEW = KeyRing.parse(f"{NEW_KEY},{OLD_KEY}")
NEW_ONLY = KeyRing.parse(NEW_KEY)
SECRET = b"opensesame"


def place(name: str) -> SealedPlace:
    [found] = [of for of in SEALED_PLACES if of.name == name]
    return found


def row(of: SealedPlace, number: int = 0, ring: KeyRing = OLD, secret: bytes = SECRET) -> SealedRow:
    values: dict[str, str | uuid.UUID] = {"text": f"{number:04}", "uuid": uuid.UUID(int=number)}
    key: Key = tuple("acme" if name == "tenant_id" else values[kind] for name, kind in of.key)
    sealed = seal(ring, context_of(of, SealedRow("acme", key, "")), secret)
    return SealedRow("acme", key, as_value(of, sealed))


def as_value(of: SealedPlace, sealed: str) -> Value:
    return sealed if of.field is None else orjson.dumps({"attempts": 1, of.field: sealed, "of a newer version": "kept"})
