"""A local checkout: what of it is sent, and how a result is written into it, never outside of it."""

import base64
import io
import subprocess
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from services.cli.problem import refused

_MOST_BYTES = 2_400_000  # in base64 it still fits a request
_MOST_FILE_BYTES = 400_000
_SKIPPED = {".git", "node_modules", ".venv", "venv", "__pycache__", "dist", "build", "target", ".tox", ".mypy_cache"}
_SECRET = (".env", ".pem", ".key", ".p12", ".pfx", ".kdbx", ".npmrc", ".pypirc", ".netrc")


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
                "Send a part of it: --only 'src/*' (may be repeated).",
                "Or let the worker clone it: --repo https://...",
            )
        return base64.b64encode(packed).decode()


def read_checkout(root: Path, only: Iterable[str] = ()) -> Checkout:
    """What git knows of a folder, or all of it when it is no git checkout. Files that hold secrets are never sent."""
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
    """Writes all files or none; returns their paths. Raises ProblemError for a path outside of the checkout, and for
    a file that was changed since it was sent."""
    writes = [(_target(checkout, one["path"]), one["content"]) for one in produced]
    for target, content in writes:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)
    return [target.relative_to(checkout.root).as_posix() for target, _ in writes]


def _target(checkout: Checkout, path: str) -> Path:
    parts = PurePosixPath(path).parts
    target = checkout.root.joinpath(*parts)
    if not parts or PurePosixPath(path).is_absolute() or ".." in parts or parts[0] == ".git":
        raise refused(f"nothing was written: {path!r} leads out of {checkout.root}")
    if not target.resolve().is_relative_to(checkout.root) or target.is_symlink():
        raise refused(f"nothing was written: {path!r} leads out of {checkout.root} through a link")
    now = target.read_bytes() if target.is_file() else None
    if now != checkout.files.get(path):
        raise refused(f"nothing was written: {path} was changed since it was sent", "Generate again, or save the diff.")
    return target


def _listed(root: Path) -> list[str]:
    done = subprocess.run(
        ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True, check=False,
    )  # fmt: skip
    if done.returncode == 0:
        return [path for path in done.stdout.decode(errors="replace").split("\0") if path]
    return [
        path.relative_to(root).as_posix()
        for path in root.rglob("*")
        if path.is_file() and not _SKIPPED & set(path.relative_to(root).parts)
    ]


def _is_wanted(path: str, patterns: tuple[str, ...]) -> bool:
    name = PurePosixPath(path).name
    if name.startswith(".env") or name.endswith(_SECRET):
        return False
    return not patterns or any(PurePosixPath(path).match(pattern) for pattern in patterns)


def _content(root: Path, path: str) -> bytes | None:
    target = root / path
    if target.is_symlink() or not target.is_file() or target.stat().st_size > _MOST_FILE_BYTES:
        return None
    return target.read_bytes()
