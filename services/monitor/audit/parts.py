"""What was read from the topics, on disk, in parts that are looked at one after the other.

All events of an inference are in one part, in the order in which they were read, so each part is audited by itself, and
what is in memory is one part of very many: about 10 MB for each million of inferences, and 400 MB on disk.
"""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Self, TypeAlias
from uuid import UUID

import orjson

from services.monitor.audit.invariants import Ledger
from shared.events import (
    AttemptEnded,
    AttemptStarted,
    Event,
    InferenceAccepted,
    InferenceHeld,
    InferenceSettled,
)

_PARTS = 256

_Kind: TypeAlias = InferenceAccepted | AttemptStarted | InferenceHeld | AttemptEnded | InferenceSettled

# What a Ledger reads of each event; the rest is not written.
_READ: dict[type[_Kind], tuple[str, ...]] = {
    InferenceAccepted: ("inference_id", "deadline_at"),
    AttemptStarted: ("inference_id", "attempt_id", "model", "deadline_at"),
    InferenceHeld: ("inference_id", "deadline_at"),
    AttemptEnded: ("inference_id", "attempt_id", "event_id", "model", "outcome", "swept"),
    InferenceSettled: ("inference_id", "event_id", "settlement", "swept"),
}
_KINDS = tuple(_READ)


class Parts:
    """A context manager; its files are deleted at its end."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._files: list[IO[bytes]] = []

    def __enter__(self) -> Self:
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="tallygate-audit-")))
        self._files = [self._stack.enter_context((folder / str(n)).open("w+b")) for n in range(_PARTS)]
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def add(self, event: Event | InferenceAccepted) -> None:
        """Events that no ledger reads are passed over."""
        if isinstance(event, _KINDS):
            kind = type(event)
            line = [_KINDS.index(kind), *(getattr(event, name) for name in _READ[kind])]
            self._files[event.inference_id.int % _PARTS].write(orjson.dumps(line) + b"\n")

    def ledgers(self) -> Iterator[Ledger]:
        """Those of all parts that hold anything."""
        for file in self._files:
            file.seek(0)
            ledger = Ledger()
            for line in file:
                ledger.add(_event(orjson.loads(line)))
            if ledger.inferences or ledger.attempts:
                yield ledger


def _event(line: list[Any]) -> _Kind:
    kind = _KINDS[line[0]]
    values = {name: _value(name, text) for name, text in zip(_READ[kind], line[1:], strict=True)}
    event: _Kind = kind.model_construct(**values)
    return event


def _value(name: str, text: Any) -> Any:
    if not isinstance(text, str):
        return text
    if name.endswith("_id"):
        return UUID(text)
    return datetime.fromisoformat(text) if name.endswith("_at") else text
