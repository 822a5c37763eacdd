"""An answer on standard output while it comes."""

from types import TracebackType
from typing import Self

from services.cli.output import err, say, without_controls


class Shown:
    """Within its block the answer is written piece by piece. Until the first one, a terminal shows who is asked.

    An exception in the block leaves what has come where it is, and says that it is no whole answer.
    """

    def __init__(self, model: str | None) -> None:
        self._asking = err().status(f"Asking {model or 'auto'} ...")
        self.begun = False

    def __enter__(self) -> Self:
        self._asking.start()
        return self

    def add(self, text: str) -> None:
        if text:
            self._begin()
            print(without_controls(text), end="", flush=True)

    def _begin(self) -> None:
        self._asking.stop()
        self.begun = True

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        self._asking.stop()
        if self.begun or kind is None:
            print(flush=True)
        if self.begun and kind is not None:
            say("What has come is not the whole answer.", "yellow")
