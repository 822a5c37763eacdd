"""Which generators there are: found by their entry points, loaded when one is asked for, each of them once.

What is broken stays broken until the worker is restarted, and says why; nothing that a plugin does ends the worker.
"""

import threading
from collections.abc import Iterable
from queue import Empty, SimpleQueue

from services.features.codegen.generators.contract import Generator
from services.features.codegen.generators.installed import Broken, Found, found
from services.features.codegen.generators.unavailable import unavailable
from shared.errors.redact import redact

LOAD_TIMEOUT_S = 10.0  # importing an SDK takes a second or two; a download or an endless loop takes longer


class Catalogue:
    """The installed generators. `get` may wait for an import: call it, or `load_all` before it, in a thread."""

    def __init__(self, entries: Iterable[Found | Broken], load_timeout_s: float = LOAD_TIMEOUT_S) -> None:
        self._entries: dict[str, _Entry] = {}
        self._unusable: list[Broken] = []
        for entry in entries:
            if isinstance(entry, Broken):
                self._unusable.append(entry)
            elif (first := self._entries.get(entry.name)) is None:
                self._entries[entry.name] = _Entry(entry, load_timeout_s)
            else:
                reason = f"the name is taken by {first.found.distribution}"
                self._unusable.append(Broken(f"{entry.name} of {entry.distribution}", entry.distribution, reason))

    @classmethod
    def installed(cls) -> "Catalogue":
        """What is installed beside this worker. Reads metadata only: nothing is imported."""
        return cls(found())

    @property
    def usable(self) -> tuple[str, ...]:
        """The names that may be asked for: loaded, or not tried yet."""
        return tuple(name for name, entry in self._entries.items() if not isinstance(entry.outcome, Broken))

    @property
    def broken(self) -> dict[str, str]:
        """By name, the reason and the distribution that it came with."""
        return {broken.name: f"{broken.reason} ({broken.distribution})" for broken in self._broken()}

    def get(self, name: str) -> Generator:
        """Raises TallygateError("generator_unavailable") that says why, and what to do."""
        entry = self._entries.get(name)
        if entry is None:
            raise unavailable(name, None, self.usable)
        outcome = entry.load()
        if isinstance(outcome, Broken):
            raise unavailable(name, outcome, self.usable)
        return outcome

    def load_all(self) -> None:
        """So that it is known which are broken. Takes at most the load timeout for each; raises nothing."""
        for entry in self._entries.values():
            entry.load()

    def _broken(self) -> tuple[Broken, ...]:
        outcomes = (entry.outcome for entry in self._entries.values())
        return (*(outcome for outcome in outcomes if isinstance(outcome, Broken)), *self._unusable)


class _Entry:
    """One generator; its first user loads it, and others wait for that."""

    def __init__(self, found: Found, timeout_s: float) -> None:
        self.found = found
        self.outcome: Generator | Broken | None = None
        self._timeout_s = timeout_s
        self._lock = threading.Lock()

    def load(self) -> Generator | Broken:
        with self._lock:
            if self.outcome is None:
                self.outcome = _loaded(self.found, self._timeout_s)
            return self.outcome


def _loaded(found: Found, timeout_s: float) -> Generator | Broken:
    """In a thread of its own: what takes too long is left behind there, and its result is not taken any more."""
    outcomes: SimpleQueue[Generator | Broken] = SimpleQueue()
    threading.Thread(target=lambda: outcomes.put(_made(found)), name=f"load {found.name}", daemon=True).start()
    try:
        return outcomes.get(timeout=timeout_s)
    except Empty:
        return Broken(found.name, found.distribution, f"did not load within {timeout_s:g} s")


def _made(found: Found) -> Generator | Broken:
    try:
        generator: Generator = found.load()()
        if not callable(getattr(generator, "generate", None)):
            raise TypeError(f"what it makes is a {type(generator).__name__} without a method generate")  # noqa: TRY301
    except BaseException as error:  # noqa: BLE001 - also a plugin that calls sys.exit() while it is imported
        return Broken(found.name, found.distribution, _reason(error))
    return generator


def _reason(error: BaseException) -> str:
    try:
        lines = str(error).strip().splitlines()
    except Exception:  # noqa: BLE001 - an exception that cannot even be worded
        lines = []
    return redact(f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__)
