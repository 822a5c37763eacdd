"""Unpacking: what is taken, what is left out, and what ends it."""

import contextlib
import random
import tarfile
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.features.codegen.reading.archive import unpack
from services.features.codegen.reading.found import path_refusal
from shared.errors import TallygateError
from tests.unit.features.codegen.reading.archives import LIMITS, special, tarred, zipped

FILES = {"pkg-1.0/a.py": b"a = 1\n", "pkg-1.0/src/b.py": b"b = 2\n"}
PLAIN = {"a.py": b"a = 1\n", "src/b.py": b"b = 2\n"}


@pytest.mark.parametrize("mode", ["w:", "w:gz", "w:bz2", "w:xz"])
def test_tar_archives_are_read_without_their_top_folder(mode: str) -> None:
    assert unpack(tarred(FILES, mode), LIMITS).files == PLAIN


def test_zip_archives_are_read_without_their_top_folder() -> None:
    assert unpack(zipped(FILES), LIMITS).files == PLAIN


def test_folders_of_a_repository_stay() -> None:
    files = {"README.md": b"x", "src/a.py": b"y"}
    assert unpack(zipped(files), LIMITS).files == files


def test_a_module_of_gos_proxy_is_below_several_folders() -> None:
    files = {"github.com/me/mod@v1.2.0/go.mod": b"module x", "github.com/me/mod@v1.2.0/a/a.go": b"package a"}
    assert set(unpack(zipped(files), LIMITS).files) == {"go.mod", "a/a.go"}


def test_links_and_devices_are_left_out_with_the_reason() -> None:
    members = (
        special("pkg/link", tarfile.SYMTYPE, "/etc/passwd"),
        special("pkg/hard", tarfile.LNKTYPE, "pkg/a"),
        special("pkg/dev", tarfile.CHRTYPE),
        special("pkg/pipe", tarfile.FIFOTYPE),
    )
    found = unpack(tarred({"pkg/a": b"1"}, members=members), LIMITS)
    assert found.files == {"a": b"1"}
    assert found.left_out == {
        "link": "it is a link",
        "hard": "it is a link",
        "dev": "it is no plain file",
        "pipe": "it is no plain file",
    }


def test_links_in_zips_are_left_out() -> None:
    found = unpack(zipped({"a": b"1"}, links={"link": "/etc/passwd"}), LIMITS)
    assert (found.files, found.left_out) == ({"a": b"1"}, {"link": "it is a link"})


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a/../../x", "C:/x", "a\\..\\x", "~/x", "a//b", "./../x"])
@pytest.mark.parametrize("make", [zipped, tarred])
def test_paths_that_lead_elsewhere_are_left_out(path: str, make: object) -> None:
    data = zipped({path: b"1", "ok": b"2"}) if make is zipped else tarred({path: b"1", "ok": b"2"})
    found = unpack(data, LIMITS)
    assert found.files == {"ok": b"2"}
    assert len(found.left_out) == 1


_NAMES = st.one_of(
    st.text(max_size=30),
    st.lists(st.sampled_from(["..", ".", "", "a", "b.py", "~", "C:", "\\", "/", "\n", "\x1b"]), max_size=6).map(
        "/".join
    ),
)


@given(
    st.dictionaries(_NAMES.filter(lambda name: name.isascii() and "\0" not in name), st.binary(max_size=20), max_size=6)
)
def test_no_path_ever_leads_out(files: dict[str, bytes]) -> None:
    for data in (zipped(files), tarred(files)):
        found = unpack(data, LIMITS)
        assert all(path_refusal(path) is None for path in found.files)
        assert all(path.isprintable() for path in found.left_out)


@pytest.mark.parametrize("mode", ["w:gz", "w:bz2", "w:xz"])
def test_a_tar_bomb_is_refused_by_what_comes_out(mode: str) -> None:
    bomb = tarred({"zeros": bytes(30_000_000)}, mode)
    with pytest.raises(TallygateError) as caught:
        unpack(bomb, LIMITS)
    assert caught.value.failure.error_type == "payload_too_large"


def test_a_zip_bomb_is_left_unread_beyond_the_limit_of_a_file() -> None:
    found = unpack(zipped({"zeros": bytes(30_000_000), "ok": b"1"}), LIMITS)
    assert found.left_out == {"zeros": "it is larger than 400000 bytes"}


def test_many_small_zip_bombs_are_refused_together() -> None:
    bomb = zipped({f"{number}": bytes(399_000) for number in range(60)})
    with pytest.raises(TallygateError, match="times its size"):
        unpack(bomb, LIMITS)


def test_the_size_that_an_entry_claims_is_not_believed() -> None:
    data = zipped({"a": bytes(500_000)})
    size = (500_000).to_bytes(4, "little")
    assert data.count(size) >= 1
    with pytest.raises(TallygateError, match="cannot be read"):
        unpack(data.replace(size, (10).to_bytes(4, "little")), LIMITS)


def test_too_many_entries_are_refused() -> None:
    few = replace(LIMITS, max_entries=10)
    files = {f"f{number}": b"" for number in range(11)}
    for data in (zipped(files), tarred(files)):
        with pytest.raises(TallygateError, match="more than 10 entries"):
            unpack(data, few)


def test_all_bytes_together_have_a_limit() -> None:
    limits = replace(LIMITS, max_unpacked_bytes=1_000)
    noise = random.Random(1).randbytes(2_000)
    for data in (zipped({"a": noise}), tarred({"a": noise})):
        with pytest.raises(TallygateError, match="more than 1000 bytes"):
            unpack(data, limits)


@pytest.mark.parametrize("data", [b"", b"hello", b"PK\x03\x04junk", b"\x1f\x8bjunk", b"BZhjunk", b"\xfd7zXZ\x00junk"])
def test_what_is_no_archive_is_invalid(data: bytes) -> None:
    with pytest.raises(TallygateError) as caught:
        unpack(data, LIMITS)
    assert caught.value.failure.error_type == "invalid_request"


@given(st.sampled_from([zipped(FILES), tarred(FILES), tarred(FILES, "w:xz"), tarred(FILES, "w:")]), st.data())
def test_damaged_archives_are_errors_of_ours_at_worst(archive: bytes, data: st.DataObject) -> None:
    damaged = bytearray(archive)
    for _ in range(data.draw(st.integers(1, 5))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(TallygateError):
        unpack(bytes(damaged[: data.draw(st.integers(0, len(damaged)))]), LIMITS)


def test_encrypted_entries_are_left_out() -> None:
    data = bytearray(zipped({"a": b"secret", "b": b"plain"}))
    local, central = data.find(b"PK\x03\x04"), data.find(b"PK\x01\x02")
    data[local + 6] |= 1
    data[central + 8] |= 1
    found = unpack(bytes(data), LIMITS)
    assert (found.files, found.left_out) == ({"b": b"plain"}, {"a": "it is encrypted"})


def test_an_empty_archive_has_no_files() -> None:
    assert unpack(zipped({}), LIMITS).files == {}
