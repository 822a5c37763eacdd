"""Wall clocks of single processes, moved while they run, by libfaketime. Their monotonic clocks are left alone."""

from pathlib import Path

_LIBRARIES = ("/usr/lib/*/faketime/libfaketimeMT.so.1", "/usr/lib/faketime/libfaketimeMT.so.1")
_SEEN_WITHIN_S = "1"
_RIGHT = "+0"


class Clocks:
    """folder: where the shifts are written, a file for each program."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._library = next((str(path) for pattern in _LIBRARIES for path in Path("/").glob(pattern[1:])), None)

    @property
    def cannot_be_moved(self) -> str | None:
        return None if self._library else "libfaketime is not installed; on Debian: apt-get install faketime"

    def environment(self, program: str) -> dict[str, str]:
        """That a program must be started with; empty when there is no libfaketime."""
        if self._library is None:
            return {}
        self.move(program, _RIGHT)
        return {
            "LD_PRELOAD": self._library,
            "FAKETIME_TIMESTAMP_FILE": str(self._file(program)),
            "FAKETIME_CACHE_DURATION": _SEEN_WITHIN_S,
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def move(self, program: str, shift: str = _RIGHT) -> None:
        """By so much from now on, as `+1h`."""
        beside = self._file(program).with_suffix(".new")
        beside.write_text(shift + "\n")
        beside.replace(self._file(program))

    def _file(self, program: str) -> Path:
        return self._folder / f"{program}.clock"
