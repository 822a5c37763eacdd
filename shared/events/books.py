"""What is said of the books themselves."""

from typing import Annotated, ClassVar

from pydantic import Field

from shared.events.bounds import Day, LargeCount, Turn
from shared.events.envelope import Event

Base64 = Annotated[str, Field(max_length=1000, pattern=r"^[A-Za-z0-9+/]*=*$")]


class DaySealed(Event):
    """A UTC day of the books was sealed: what is changed in it from now on is found by `tallygate audit --proof`.

    number: of the seal, of all days. sequence: of the seals of that day; a further one holds what was booked after the
    one before. signed: the text of the seal, which says the root of its rows and the seal before it; docs/proof.md
    explains it. signature: Ed25519, by the key that the text names.
    """

    ce_type: ClassVar[str] = "tallygate.day.sealed.v1"

    number: Annotated[LargeCount, Field(ge=1)]
    day: Day
    sequence: Turn
    signed: Annotated[str, Field(max_length=10_000)]
    signature: Base64

    @property
    def key(self) -> bytes:
        return self.subject.encode()

    @property
    def subject(self) -> str:
        return f"{self.day}/{self.sequence}"
