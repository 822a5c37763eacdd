"""Sources as requests word them, and reading what needs no network."""

import base64
from dataclasses import replace

import pytest
from pydantic import TypeAdapter, ValidationError

from services.features.codegen.reading import read
from services.features.codegen.source import ArchiveSource, FilesSource, GitSource, ReadLimits, Source, archive_bytes
from shared.errors import TallygateError
from shared.guard import Guard
from tests.unit.features.codegen.reading.archives import tarred, zipped

ADAPTER: TypeAdapter[Source] = TypeAdapter(Source)


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ({"url": "https://host/x"}, GitSource),
        ({"url": "https://host/x", "ref": None}, GitSource),
        ({"archive_b64": "AA=="}, ArchiveSource),
        ({"files": [{"path": "a", "content": "b"}]}, FilesSource),
    ],
)
def test_the_shape_says_what_it_is(given: dict[str, object], kind: type) -> None:
    assert type(ADAPTER.validate_python(given)) is kind


@pytest.mark.parametrize("given", [{}, {"files": []}, {"url": ""}, {"url": "https://h/x", "files": []}, {"ref": "x"}])
def test_nothing_else_is_a_source(given: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ADAPTER.validate_python(given)


def test_a_large_archive_is_refused_before_it_is_decoded() -> None:
    limits = replace(ReadLimits(), max_archive_bytes=100)
    for number in (101, 1_000):
        with pytest.raises(TallygateError) as caught:
            archive_bytes(ArchiveSource(archive_b64=base64.b64encode(bytes(number)).decode()), limits)
        assert caught.value.failure.error_type == "payload_too_large"


def test_base64_may_be_wrapped_but_nothing_else() -> None:
    wrapped = base64.encodebytes(bytes(300)).decode()
    assert archive_bytes(ArchiveSource(archive_b64=wrapped), ReadLimits()) == bytes(300)
    with pytest.raises(TallygateError, match="not base64"):
        archive_bytes(ArchiveSource(archive_b64="?" * 8), ReadLimits())


@pytest.mark.parametrize("make", [zipped, tarred])
async def test_archives_are_read(make: object) -> None:
    files = {"x-1/a.py": b"a\n", "x-1/.env": b"KEY=1"}
    data = zipped(files) if make is zipped else tarred(files)
    source = ArchiveSource(archive_b64=base64.b64encode(data).decode())
    repository, commit = await read(source, ReadLimits(), Guard())
    assert (repository.files, repository.origin, commit) == ({"a.py": "a\n"}, "archive", None)
    assert repository.left_out == {".env": "may hold secrets"}


async def test_files_are_read_and_their_paths_checked() -> None:
    given = [{"path": "a.py", "content": "a\n"}, {"path": "../b", "content": "b"}, {"path": "c", "content": "\ud800"}]
    repository, commit = await read(FilesSource.model_validate({"files": given[:2]}), ReadLimits(), Guard())
    assert (repository.files, repository.origin, commit) == ({"a.py": "a\n"}, "files", None)
    assert list(repository.left_out) == ["../b"]


async def test_nothing_to_read_says_why() -> None:
    source = FilesSource.model_validate({"files": [{"path": ".env", "content": "A=1"}]})
    with pytest.raises(TallygateError, match="1 may hold secrets"):
        await read(source, ReadLimits(), Guard())
