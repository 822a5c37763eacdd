"""Pure: which of the files that were found are read, and why the others are not."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from services.features.codegen.reading.found import Found, left_out_as, path_refusal
from services.features.codegen.reading.ignores import Ignores
from services.features.codegen.reading.path_rules import MAY_HOLD_SECRETS, refusal_by_path
from services.features.codegen.source import ReadLimits, too_large
from services.features.codegen.values import Repository

_BINARY_WITHIN = 8_000  # bytes in which git too looks for a zero
_BOM = b"\xef\xbb\xbf"
_SERVICE_ACCOUNT = (b'"private_key"', b'"client_email"')


def collect(found: Found, limits: ReadLimits, origin: str, *, tracked: bool = False) -> Repository:
    """tracked: the paths are those of a commit. Rules of .gitignore do not speak of what is committed already.

    Raises TallygateError payload_too_large when the paths alone would take too much memory, here or later."""
    left_out = dict(found.left_out)
    plain: dict[str, bytes] = {}
    for path, data in found.files.items():
        reason = path_refusal(path)
        if reason:
            left_out[left_out_as(path)] = reason
        else:
            plain[path] = data
    folders = _folders([*plain, *left_out], limits)
    refusals = _Refusals(plain, folders, limits, tracked=tracked)
    readable: dict[str, bytes] = {}
    for path, data in plain.items():
        reason = refusals.of(path, data)
        if reason:
            left_out[path] = reason
        else:
            readable[path] = data
    files = _within(readable, limits, left_out)
    marked = frozenset(path for path in files if readable[path].startswith(_BOM))
    return Repository(files, dict(sorted(left_out.items())), origin, refusals.notes, marked)


class _Refusals:
    """Why a file is not read; holds what is asked for each of them."""

    def __init__(
        self, files: Mapping[str, bytes], folders: AbstractSet[str], limits: ReadLimits, *, tracked: bool
    ) -> None:
        self._paths = files.keys()
        self._folders = folders
        self._limits = limits
        self._ignores = Ignores({} if tracked else _rule_texts(files, limits))

    @property
    def notes(self) -> tuple[str, ...]:
        return self._ignores.notes

    def of(self, path: str, data: bytes) -> str | None:
        reason = refusal_by_path(path, self._paths)
        if reason:
            return reason
        if path in self._folders:
            return "there is a folder of the same name"
        return self._ignores.refusal(path) or self._by_content(path, data)

    def _by_content(self, path: str, data: bytes) -> str | None:
        if len(data) > self._limits.max_file_bytes:
            return f"it is larger than {self._limits.max_file_bytes} bytes"
        if b"\0" in data[:_BINARY_WITHIN]:
            return "it is binary"
        if path.endswith(".json") and all(word in data for word in _SERVICE_ACCOUNT):
            return MAY_HOLD_SECRETS
        return None if text_of(data) is not None else "it is not UTF-8 text"


def text_of(data: bytes) -> str | None:
    """None for what is not UTF-8. Line ends stay as they are: results are patches against them."""
    try:
        return data.removeprefix(_BOM).decode()
    except UnicodeDecodeError:
        return None


def _within(readable: Mapping[str, bytes], limits: ReadLimits, left_out: dict[str, str]) -> dict[str, str]:
    """As many files as the limits allow, those near the root first."""
    files: dict[str, str] = {}
    total = 0
    for path in sorted(readable, key=lambda path: (path.count("/"), path)):
        data = readable[path]
        if len(files) >= limits.max_files:
            left_out[path] = f"there are more than {limits.max_files} files"
        elif total + len(data) > limits.max_total_bytes:
            left_out[path] = f"all files together are larger than {limits.max_total_bytes} bytes"
        else:
            total += len(data)
            files[path] = text_of(data) or ""
    return dict(sorted(files.items()))


def _rule_texts(files: Mapping[str, bytes], limits: ReadLimits) -> dict[str, str | None]:
    named = ((path, data) for path, data in files.items() if path.rsplit("/", 1)[-1] == ".gitignore")
    return {path: data.decode(errors="replace") if len(data) <= limits.max_file_bytes else None for path, data in named}


def _folders(paths: Sequence[str], limits: ReadLimits) -> set[str]:
    if sum(map(len, paths)) > limits.max_path_chars:
        raise too_large(f"the paths of the repository are longer than {limits.max_path_chars} characters together")
    folders: set[str] = set()
    for path in paths:
        folder = path.rpartition("/")[0]
        while folder and folder not in folders:  # those above are known as well
            folders.add(folder)
            folder = folder.rpartition("/")[0]
        if len(folders) > limits.max_folders:
            raise too_large(f"the repository holds more than {limits.max_folders} folders")
    return folders
