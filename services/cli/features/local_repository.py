"""A local checkout: what of it is sent, and how a result is written into it, never outside of it."""

import base64
import io
import secrets
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Container, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

from services.cli.problem import refused
from shared.client import ProblemError
from shared.repository_paths import matches_any, may_hold_secrets

_MOST_BYTES = 2_400_000  # in base64 it still fits a request
_MOST_FILE_BYTES = 400_000
_SKIPPED = {".git", "node_modules", ".venv", "venv", "__pycache__", "dist", "build", "target", ".tox", ".mypy_cache"}
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Checkout:
    """root: resolved. files: content by POSIX path, as it was sent."""

    root: Path
    files: Mapping[str, bytes]

    def archive(self) -> str:
        """A tar.gz in base64. Raises ProblemError when it is too large to send."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
            for path, content in self.files.items():
                entry = tarfile.TarInfo(f"repository/{path}")
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
        packed = buffer.getvalue()
        if len(packed) > _MOST_BYTES:
            raise refused(
                f"{len(self.files)} files make {len(packed):,} bytes packed; {_MOST_BYTES:,} can be sent",
                "Send a part of it: --only src (may be repeated).",
                "Or let the worker clone it: --repo https://...",
            )
        return base64.b64encode(packed).decode()


def read_checkout(root: Path, only: Iterable[str] = ()) -> Checkout:
    """What git knows of a folder, or all of it when it is no git checkout; never what may hold secrets by its path."""
    root = root.resolve()
    if not root.is_dir():
        raise refused(f"{root} is not a folder")
    patterns = tuple(only)
    files = {}
    for path in sorted(_listed(root)):
        if _is_wanted(path, patterns) and (content := _content(root, path)) is not None:
            files[path] = content
    if not files:
        raise refused(f"{root} has no files to send")
    return Checkout(root, files)


def apply(checkout: Checkout, produced: Iterable[Mapping[str, str]]) -> list[str]:
    """Writes all files or none; returns their paths. Raises ProblemError for a path that leads out of the checkout or
    into git's own files, for a file that was changed since it was sent, and for what cannot be written."""
    try:
        writes = dict(_checked(checkout, file["path"], file["content"]) for file in produced)
        for target in writes:
            _check_way(target, checkout.root, writes)
        _write_all(writes)
    except (OSError, ValueError, RuntimeError) as error:  # a name or a text that cannot be, or links in a circle
        raise _nothing_written(str(error)) from None
    return [target.relative_to(checkout.root).as_posix() for target in writes]


def _checked(checkout: Checkout, path: str, content: str) -> tuple[Path, bytes]:
    parts = PurePosixPath(path).parts
    target = checkout.root.joinpath(*parts)
    if not parts or PurePosixPath(path).is_absolute() or ".." in parts:
        raise _nothing_written(f"{path!r} leads out of {checkout.root}")
    # What lies there runs as a hook, or names programs that do; and some file systems know no case.
    if any(name.casefold() == ".git" for name in (*parts, *target.resolve().parts)):
        raise _nothing_written(f"{path!r} leads into .git")
    _check_way(target, checkout.root)
    sent = checkout.files.get("/".join(parts))
    if sent is None and target.exists():
        raise _nothing_written(f"{path} is there and was not sent", "Move it away, or save the diff.")
    if sent is not None and (not target.is_file() or target.read_bytes() != sent):
        raise _nothing_written(f"{path} was changed since it was sent", "Generate again, or save the diff.")
    # A byte order mark is not part of the text that was sent, and programs that read the file may need it.
    mark = _BOM if sent is not None and sent.startswith(_BOM) else b""
    return target, mark + content.encode().removeprefix(mark)


def _check_way(target: Path, root: Path, writes: Container[Path] = ()) -> None:
    """Every parent of a file must be a folder, now and when the other files are written."""
    for part in (target, *target.parents):
        if part == root:
            return
        if part.is_symlink():
            raise _nothing_written(f"{str(target)!r} leads through the link {part}")
        if part != target and (part in writes or (part.exists() and not part.is_dir())):
            raise _nothing_written(f"{str(target)!r} runs through the file {part}")


def _write_all(writes: Mapping[Path, bytes]) -> None:
    """Writes all contents beside their targets, then moves each into place; a failure undoes what was moved."""
    with ExitStack() as folders, ExitStack() as spare, ExitStack() as undo:
        moves = []
        for target, content in writes.items():
            _make_folders(target.parent, folders)
            new = _beside(target, spare)
            new.write_bytes(content)
            take_back: Callable[[], object] = target.unlink
            if target.exists():
                old = _beside(target, spare)
                shutil.copy2(target, old)
                shutil.copymode(target, new)
                take_back = partial(old.replace, target)
            moves.append((new, target, take_back))
        for new, target, take_back in moves:
            new.replace(target)
            undo.callback(take_back)
        undo.pop_all()
        folders.pop_all()


def _make_folders(folder: Path, made: ExitStack) -> None:
    for missing in reversed([ancestor for ancestor in (folder, *folder.parents) if not ancestor.exists()]):
        missing.mkdir()
        made.callback(missing.rmdir)


def _beside(target: Path, spare: ExitStack) -> Path:
    """A temporary name in the same folder, and so in the same file system; removed when `spare` closes."""
    path = target.with_name(f".tallygate-{secrets.token_hex(8)}")
    spare.callback(path.unlink, missing_ok=True)
    return path


def _nothing_written(why: str, *tips: str) -> ProblemError:
    return refused(f"nothing was written: {why}", *tips)


def _listed(root: Path) -> list[str]:
    command = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        done = subprocess.run(command, capture_output=True, check=False)
    except OSError as error:
        raise refused(
            f"git says what of a folder is sent, and it cannot be started: {error.strerror}",
            "Install git, so that the command git is found.",
            "Or let the worker clone the repository: --repo https://...",
        ) from None
    if done.returncode == 0:
        return [path for path in done.stdout.decode(errors="replace").split("\0") if path]
    return [
        path.relative_to(root).as_posix()
        for path in root.rglob("*")
        if path.is_file() and not _SKIPPED & set(path.relative_to(root).parts)
    ]


def _is_wanted(path: str, patterns: tuple[str, ...]) -> bool:
    return not may_hold_secrets(path) and (not patterns or matches_any(path, patterns))


def _content(root: Path, path: str) -> bytes | None:
    target = root / path
    if target.is_symlink() or not target.is_file() or target.stat().st_size > _MOST_FILE_BYTES:
        return None
    return target.read_bytes()
