"""Read the files of a commit out of git's own store. Nothing is checked out: no link is followed, no filter run, no
name reaches a file system."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from services.features.codegen.reading.archive import too_many
from services.features.codegen.reading.found import Found, left_out_as, path_refusal
from services.features.codegen.reading.git_process import Git, TooLargeError
from services.features.codegen.reading.path_rules import refusal_by_path
from services.features.codegen.source import ReadLimits

_PLAIN = ("100644", "100755", "100664")
_ENTRY = re.compile(rb"(\d+) (\w+) ([0-9a-f]+) +(\d+|-)\t(.+)", re.DOTALL)
_ENTRY_BYTES = 1_200  # of a path and what stands before it, at most; usually 120
_HEADER_BYTES = 120


class Entry(NamedTuple):
    path: str
    mode: str
    object_id: str
    size: int


async def files_of(git: Git, commit: str, limits: ReadLimits) -> Found:
    """Raises TallygateError payload_too_large when the commit holds more entries than anybody reads."""
    try:
        listed = await git.run(
            "ls-tree", "-r", "-z", "-l", "--full-tree", commit, max_stdout=limits.max_entries * _ENTRY_BYTES // 8
        )
    except TooLargeError:
        raise too_many(limits) from None
    entries = _entries(listed.stdout)
    if len(entries) > limits.max_entries:
        raise too_many(limits)
    found, wanted = _sorted_out(entries, limits)
    await _read(git, wanted, found)
    return found


def _entries(listed: bytes) -> list[Entry]:
    matched = (_ENTRY.fullmatch(line) for line in listed.split(b"\0") if line)
    return [
        Entry(
            found[5].decode(errors="surrogateescape"),
            found[1].decode(),
            found[3].decode(),
            0 if found[4] == b"-" else int(found[4]),
        )
        for found in matched
        if found
    ]


def _sorted_out(entries: Sequence[Entry], limits: ReadLimits) -> tuple[Found, list[Entry]]:
    """What is not worth reading is known by path, mode and size. Those near the root come first."""
    found, wanted = Found(), []
    paths = frozenset(entry.path for entry in entries)
    total = 0
    for entry in sorted(entries, key=lambda entry: (entry.path.count("/"), entry.path)):
        reason = _refusal(entry, limits) or refusal_by_path(entry.path, paths)
        if reason is None and total + entry.size > limits.max_unpacked_bytes:
            reason = f"all files together are larger than {limits.max_unpacked_bytes} bytes"
        if reason is not None:
            found.left_out[left_out_as(entry.path)] = reason
        else:
            total += entry.size
            wanted.append(entry)
    return found, wanted


def _refusal(entry: Entry, limits: ReadLimits) -> str | None:
    if entry.mode == "120000":
        return "it is a link"
    if entry.mode == "160000":
        return "it is a submodule, which is not cloned"
    if entry.mode not in _PLAIN:
        return "it is no plain file"
    if entry.size > limits.max_file_bytes:
        return f"it is larger than {limits.max_file_bytes} bytes"
    return path_refusal(entry.path)


async def _read(git: Git, wanted: Sequence[Entry], found: Found) -> None:
    """In one call; the answers come in the order of the questions, each after a line that says how long it is."""
    asked = "".join(f"{entry.object_id}\n" for entry in wanted).encode()
    largest = sum(entry.size + _HEADER_BYTES for entry in wanted)
    answer = (await git.run("cat-file", "--batch", stdin=asked, max_stdout=largest)).stdout
    at = 0
    for entry in wanted:
        end = answer.find(b"\n", at)
        header = answer[at:end].split()
        if len(header) != 3 or header[1] != b"blob":
            found.left_out[entry.path] = "git cannot read it"
            at = end + 1
            continue
        size = int(header[2])
        found.files[entry.path] = answer[end + 1 : end + 1 + size]
        at = end + 1 + size + 1
