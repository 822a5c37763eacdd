"""Pure: a name for a feature, from the words of its wish."""

import re
import unicodedata
from dataclasses import dataclass

_MAX_WORDS = 4
_MAX_CHARS = 40
# "test": a module that is named so would be taken for one.
_STOP_WORDS_WORDS = """
    a add all also an and any as at be build by can could create do does each every feature for from give have i
    implement in into is it its let make me need new of on or our please should so some support test tests that
    the their there these this to us want we which will wish with would you your
"""
_STOP_WORDS = frozenset(_STOP_WORDS_WORDS.split())
# Of all the languages: a word that is reserved in one of them is a poor name in the others too.
_RESERVED_WORDS = """
    abstract and as assert async await bool boolean break byte case catch chan char class const continue crate
    debugger def default defer del delete do double dyn elif else enum eval except export extends extern false
    final finally float fn for from func function global go goto if impl implements import in instanceof int
    interface is lambda let long loop map match mod module move mut native new nonlocal none not null or
    override package pass private protected pub public raise range record ref return sealed select self short
    static strictfp string struct super switch synchronized this throw throws trait transient true try type
    typeof union unsafe use var void volatile where while with yield
"""
_RESERVED = frozenset(_RESERVED_WORDS.split())


@dataclass(frozen=True, slots=True)
class Name:
    """A name of lower-case ASCII words, as each language writes it."""

    words: tuple[str, ...]

    @property
    def snake(self) -> str:
        return "_".join(self.words)

    @property
    def kebab(self) -> str:
        return "-".join(self.words)

    @property
    def pascal(self) -> str:
        return "".join(word.capitalize() for word in self.words)

    @property
    def camel(self) -> str:
        return self.pascal[0].lower() + self.pascal[1:]

    def and_word(self, word: str) -> "Name":
        return Name((*self.words, word))


def name_of(wish: str) -> Name:
    """The first words that say something. A wish in which there are none, or in another script, is a "feature"."""
    plain = unicodedata.normalize("NFKD", wish).encode("ascii", "ignore").decode().lower()
    words: list[str] = []
    for word in re.findall(r"[a-z0-9]+", plain.replace("'", "")):
        if word not in _STOP_WORDS and len("_".join((*words, word))) <= _MAX_CHARS:
            words.append(word)
    name = tuple(words[:_MAX_WORDS]) or ("feature",)
    if name[0][0].isdigit():
        name = ("feature", *name)
    if len(name) == 1 and name[0] in _RESERVED:
        name = (*name, "feature")
    return Name(name)
