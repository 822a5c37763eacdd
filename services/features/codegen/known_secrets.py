"""Pure: secrets that were found once, so that they are found again wherever they stand.

A rule sees a secret by its surroundings: `password: x` in a file. What quotes the file, a sentence or a command's
output, has other surroundings.
"""

import re
from collections.abc import Iterable, Iterator, Mapping

_SHORTEST = 8  # shorter ones stand in ordinary words
_WORDS = re.compile(r"[A-Za-z]+(?:[-_./:][A-Za-z]+)*[-_.:]?")
_PIECE = re.compile(r"[^\s\"'`=:,;()<>…]{6,}")


class KnownSecrets:
    """Strings to be taken out of texts. What could as well be a word or a name is not taken for one, unless it has the
    format of one: formats says what kind each of those is."""

    def __init__(self, secrets: Iterable[str] = (), formats: Mapping[str, str] | None = None) -> None:
        self._formats = formats or {}
        wholes = set(secrets)
        parts = {secret.rpartition("=")[2] for secret in wholes}  # where a pair was taken for one
        found = {secret for secret in wholes | parts if len(secret) >= _SHORTEST and not _WORDS.fullmatch(secret)}
        found |= {secret for secret in self._formats if len(secret) >= _SHORTEST}
        self._secrets = found | {repr(secret)[1:-1] for secret in found}  # as messages quote them
        self._lengths: dict[str, list[int]] = {}  # by their beginnings: then the number of secrets costs no time
        for start, length in sorted({(secret[:_SHORTEST], len(secret)) for secret in self._secrets}, reverse=True):
            self._lengths.setdefault(start, []).append(length)

    def places(self, text: str) -> Iterator[tuple[int, int]]:
        """Where they are, the longest at each place."""
        end = 0
        for at in range(len(text) - _SHORTEST + 1 if self._lengths else 0):
            lengths = self._lengths.get(text[at : at + _SHORTEST]) if at >= end else None
            length = next((size for size in lengths or () if text[at : at + size] in self._secrets), 0)
            if length:
                end = at + length
                yield at, end

    def by_format(self, text: str) -> Iterator[tuple[int, int, str]]:
        """Where those are that have the format of one, and what kind each is."""
        for start, end in self.places(text) if self._formats else ():
            if (kind := self._formats.get(text[start:end])) is not None:
                yield start, end, kind

    def pieces(self, text: str) -> Iterator[tuple[int, int]]:
        """Words that are part of one: messages are cut, and may be in the middle of it."""
        everything = "\n".join(self._secrets)
        for found in _PIECE.finditer(text) if everything else ():
            if found[0] in everything and not _WORDS.fullmatch(found[0]):
                yield found.span()
