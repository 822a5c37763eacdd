"""Unpack an archive in memory. Nothing in it is trusted: bytes are counted as they come out, whatever its headers say,
and only plain files with plain paths are taken."""

import bz2
import gzip
import io
import lzma
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO

from services.features.codegen.reading.found import Found, left_out_as, path_refusal, without_top_folder
from services.features.codegen.source import ReadLimits, too_large
from shared.errors import TallygateError

_CHUNK = 64 * 1024
_SMALL_BYTES = 1_000_000  # the ratio of what is smaller does no harm
_ZIP_ENTRY = b"PK\x01\x02"
_ZIP_STARTS = (b"PK\x03\x04", b"PK\x05\x06")
_TAR_MAGIC_AT = slice(257, 262)
_BROKEN = (
    zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError, ValueError,
    NotImplementedError, RuntimeError, IndexError, KeyError, OverflowError,
)  # fmt: skip


class _Meter:
    """Counts what came out of one archive. Raises TallygateError payload_too_large when it is enough."""

    def __init__(self, archive_bytes: int, limits: ReadLimits) -> None:
        self._limits = limits
        by_ratio = max(_SMALL_BYTES, archive_bytes * limits.max_archive_ratio)
        self._left = min(by_ratio, limits.max_unpacked_bytes)
        self._why = (
            f"the archive unpacks to more than {limits.max_archive_ratio} times its size"
            if by_ratio < limits.max_unpacked_bytes
            else f"the archive unpacks to more than {limits.max_unpacked_bytes} bytes"
        )
        self._entries = 0

    def count(self, number: int) -> None:
        self._left -= number
        if self._left < 0:
            raise too_large(self._why)

    def entry(self) -> None:
        self._entries += 1
        if self._entries > self._limits.max_entries:
            raise too_many(self._limits)


class _Counted(io.RawIOBase):
    """A stream of what is unpacked, counted."""

    def __init__(self, inner: IO[bytes], meter: _Meter) -> None:
        self._inner = inner
        self._meter = meter

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        data = self._inner.read(_CHUNK if size < 0 else min(size, _CHUNK))
        self._meter.count(len(data))
        return data


def unpack(data: bytes, limits: ReadLimits) -> Found:
    """The files of a zip or tar archive, without the one folder that usually holds them all.

    Raises TallygateError: invalid_request for what is no archive, payload_too_large for what unpacks to too much.
    """
    meter = _Meter(len(data), limits)
    try:
        found = _unzip(data, meter, limits) if data.startswith(_ZIP_STARTS) else _untar(data, meter, limits)
    except _BROKEN as error:
        raise _invalid(f"the archive cannot be read: {type(error).__name__}") from None
    return without_top_folder(found)


def too_many(limits: ReadLimits) -> TallygateError:
    return too_large(f"the repository holds more than {limits.max_entries} entries")


def _unzip(data: bytes, meter: _Meter, limits: ReadLimits) -> Found:
    # Asked before zipfile makes an object of each entry.
    if data.count(_ZIP_ENTRY) > limits.max_entries:
        raise too_many(limits)
    found = Found()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for info in archive.infolist():
            meter.entry()
            if info.filename.endswith("/"):
                continue
            reason = _zip_refusal(info) or path_refusal(info.filename)
            if reason:
                _leave_out(found, info.filename, reason)
            else:
                with archive.open(info) as stream:
                    _take(found, info.filename, stream, meter, limits)
    return found


def _zip_refusal(info: zipfile.ZipInfo) -> str | None:
    mode = info.external_attr >> 16
    if stat.S_ISLNK(mode):
        return "it is a link"
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        return "it is no plain file"
    if info.flag_bits & 0x1:
        return "it is encrypted"
    if info.filename.startswith("__MACOSX/"):
        return "it is metadata of macOS"
    return None


def _untar(data: bytes, meter: _Meter, limits: ReadLimits) -> Found:
    found = Found()
    with tarfile.open(fileobj=_Counted(_decompressed(data), meter), mode="r|", bufsize=_CHUNK) as archive:
        for member in _members(archive, meter):
            path = member.name.removeprefix("./")
            reason = _tar_refusal(member) or path_refusal(path)
            stream = None if reason else archive.extractfile(member)
            if stream is None:
                _leave_out(found, path, reason or "it is no plain file")
            else:
                _take(found, path, stream, None, limits)
    return found


def _members(archive: tarfile.TarFile, meter: _Meter) -> Iterator[tarfile.TarInfo]:
    """Forgets what it has given: tarfile would keep them all."""
    while (member := archive.next()) is not None:
        archive.members.clear()  # type: ignore[attr-defined]
        meter.entry()
        if not member.isdir():
            yield member


def _tar_refusal(member: tarfile.TarInfo) -> str | None:
    if member.issym() or member.islnk():
        return "it is a link"
    if not member.isreg() or member.issparse():
        return "it is no plain file"
    return None


def _decompressed(data: bytes) -> IO[bytes]:
    raw = io.BytesIO(data)
    if data.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=raw)  # type: ignore[return-value]
    if data.startswith(b"BZh"):
        return bz2.BZ2File(raw)
    if data.startswith(b"\xfd7zXZ\x00"):
        return lzma.LZMAFile(raw)
    if data[_TAR_MAGIC_AT] == b"ustar":
        return raw
    raise _invalid("the archive is neither zip nor tar (plain, gz, bz2 or xz)")


def _take(found: Found, path: str, stream: IO[bytes], meter: _Meter | None, limits: ReadLimits) -> None:
    """Reads no more than is kept. meter: None where the stream below counts."""
    parts, size = [], 0
    while size <= limits.max_file_bytes and (chunk := stream.read(_CHUNK)):
        size += len(chunk)
        parts.append(chunk)
        if meter is not None:
            meter.count(len(chunk))
    if size > limits.max_file_bytes:
        _leave_out(found, path, f"it is larger than {limits.max_file_bytes} bytes")
    else:
        found.left_out.pop(path, None)
        found.files[path] = b"".join(parts)


def _leave_out(found: Found, path: str, reason: str) -> None:
    """What comes later under the same path is what unpacking would have left there."""
    found.files.pop(path, None)
    found.left_out[left_out_as(path)] = reason


def _invalid(detail: str) -> TallygateError:
    tips = ("Send a zip, tar.gz, tar.bz2 or tar.xz, base64-encoded, or the files inline.",)
    return TallygateError("invalid_request", detail, title="The archive is not valid", tips=tips)
