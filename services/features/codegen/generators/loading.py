"""Loads one generator so that nothing it does ends, or for long holds up, the one who asks."""

import threading
from queue import Empty, SimpleQueue

from services.features.codegen.generators.contract import Generator
from services.features.codegen.generators.installed import Broken, Found
from shared.errors.redact import redact


def loaded(found: Found, timeout_s: float) -> Generator | Broken:
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
