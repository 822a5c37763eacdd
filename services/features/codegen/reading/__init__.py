"""Take in a repository. `read` does the I/O; everything else decides on values: `archive` and `clone` find files,
`collect` says which are read, `facts`, `relevance` and `context` make of them what a model is told, and `secrets`
cleans it.
"""

import asyncio
from collections import Counter

from services.features.codegen.reading.archive import unpack
from services.features.codegen.reading.clone import clone
from services.features.codegen.reading.collect import collect
from services.features.codegen.reading.found import Found
from services.features.codegen.source import ArchiveSource, FilesSource, GitSource, ReadLimits, Source, archive_bytes
from services.features.codegen.values import Repository
from shared.errors import TallygateError
from shared.guard import Guard

_SHORT_COMMIT = 7


async def read(source: Source, limits: ReadLimits, guard: Guard) -> tuple[Repository, str | None]:
    """The repository, and its commit when it has one: asked for as `ref`, it gives the same files again.

    Raises TallygateError when it cannot be read, or when nothing in it can.
    """
    commit = None
    if isinstance(source, GitSource):
        found, commit, name = await clone(source, limits, guard)
        origin = f"{name} at {commit[:_SHORT_COMMIT]}"
        repository = await asyncio.to_thread(collect, found, limits, origin, tracked=True)
    else:
        repository = await asyncio.to_thread(_given, source, limits)
    if not repository.files:
        raise _nothing_to_read(repository)
    return repository, commit


def _given(source: ArchiveSource | FilesSource, limits: ReadLimits) -> Repository:
    if isinstance(source, ArchiveSource):
        return collect(unpack(archive_bytes(source, limits), limits), limits, "archive")
    files = {file.path: file.content.encode(errors="surrogatepass") for file in source.files}
    return collect(Found(files), limits, "files")


def _nothing_to_read(repository: Repository) -> TallygateError:
    reasons = Counter(repository.left_out.values())
    why = ", ".join(f"{number} {reason}" for reason, number in reasons.most_common(3)) or "it is empty"
    tips = ("Send a repository with at least one text file that is not ignored, vendored or secret.",)
    detail = f"the repository holds no file that can be read ({why})"
    return TallygateError("invalid_request", detail, title="There is nothing to read", tips=tips)
