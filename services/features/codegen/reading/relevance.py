"""Which files of a repository matter for a wish, and why: the same for the same input, always."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import bm25s  # type: ignore[import-untyped]

from services.features.codegen.languages import is_code
from services.features.codegen.reading.imports import ImportGraph
from services.features.codegen.reading.manifests import MANIFESTS
from services.features.codegen.reading.tests_by_name import is_test, name_of, subject_of
from services.features.codegen.reading.words import words

_READ_CHARS = 60_000  # of each file, for its words
_PATH_WEIGHT = 4  # words of a path say what a file is about
_SHOWN_WORDS = 5
_TOP = 8  # files whose neighbours are looked at

# On top of the score of the words, of which the best file has 1.
_NAMED_IN_WISH = 2.0
_MANIFEST_AT_ROOT = 0.35
_README = 0.3
_NEIGHBOUR = 0.3  # times the score of the one beside it
_TEST_BESIDE = 0.3  # the same
_MIN_WORDS_SCORE = 0.05
_TEST_WEIGHT = 0.6
_PROSE_WEIGHT = 0.5
_SHOWN_CHARS = 40


@dataclass(frozen=True, slots=True)
class Ranked:
    """reason: in words, for people. matched: the words of the wish that it holds."""

    path: str
    score: float
    reason: str
    matched: frozenset[str] = frozenset()


def rank(wish: str, files: Mapping[str, str]) -> list[Ranked]:
    """The files that anything speaks for, the best first; of equals, the first by path."""
    scores = _Scores(wish, files)
    for path in files:
        scores.by_itself(path)
    scores.by_neighbours()
    return scores.ranked()


class _Scores:
    """Adds up what speaks for each file."""

    def __init__(self, wish: str, files: Mapping[str, str]) -> None:
        self._files = files
        self._wish = wish.lower()
        self._worded = _worded(wish)
        self._wanted = frozenset(self._worded)
        self._held = {path: _words_of(path, text) for path, text in files.items()}
        self._by_words = _bm25(sorted(self._wanted), self._held)
        self._total: dict[str, float] = {}
        self._reasons: dict[str, list[str]] = {}
        self._matched = {path: self._wanted.intersection(held) for path, held in self._held.items()}

    def by_itself(self, path: str) -> None:
        by_words = self._by_words.get(path, 0.0) * _weight(path)
        if by_words >= _MIN_WORDS_SCORE:
            shown = sorted({self._worded[stem] for stem in self._matched[path]})[:_SHOWN_WORDS]
            self._add(path, by_words, f"speaks of {', '.join(shown)}")
        if _is_named(path, self._wish):
            self._add(path, _NAMED_IN_WISH, "named in the wish")
        if "/" not in path and path in MANIFESTS:
            self._add(path, _MANIFEST_AT_ROOT, "manifest")
        if "/" not in path and path.lower().startswith("readme"):
            self._add(path, _README, "says what the repository is")

    def by_neighbours(self) -> None:
        """Files that import, are imported by, or test the best ones."""
        best = [ranked for ranked in self.ranked() if ranked.matched and _weight(ranked.path) == 1][:_TOP]
        scores = {ranked.path: ranked.score for ranked in best}
        graph = ImportGraph(self._files)
        for ranked in best:
            for target in graph.imported_by(ranked.path):
                self._add(target, _NEIGHBOUR * ranked.score / 2, f"imported by {ranked.path}", once="imported by")
        for path, target in graph.importers(scores).items():
            if not is_test(path):
                self._add(path, _NEIGHBOUR * scores[target] / 2, f"imports {target}", once="imports")
        names = {name_of(ranked.path): ranked for ranked in reversed(best)}
        for path in self._files:
            tested = names.get(subject_of(path)) if is_test(path) else None
            if tested is not None:
                self._add(path, _TEST_BESIDE * tested.score, f"tests {tested.path}", once="tests")
                self._stay_below(path, tested.score)

    def ranked(self) -> list[Ranked]:
        found = [
            Ranked(path, round(score, 6), "; ".join(self._reasons[path]), self._matched[path])
            for path, score in self._total.items()
        ]
        return sorted(found, key=lambda file: (-file.score, file.path))

    def _stay_below(self, path: str, score: float) -> None:
        """A test is read after what it tests, unless somebody asked for it."""
        if "named in the wish" not in self._reasons[path]:
            self._total[path] = min(self._total[path], 0.95 * score)

    def _add(self, path: str, score: float, reason: str, once: str | None = None) -> None:
        reasons = self._reasons.setdefault(path, [])
        if once is not None and any(known.startswith(once) for known in reasons):
            return
        self._total[path] = self._total.get(path, 0.0) + score
        reasons.append(reason)


def _worded(wish: str) -> dict[str, str]:
    """By each word that is looked for, how the wish writes it."""
    written = (word for word in re.findall(r"\w+", wish) if len(word) <= _SHOWN_CHARS)
    by_stem = {stem: word for word in written for stem in words(word)}
    return {stem: by_stem.get(stem, stem) for stem in words(wish)}


def _weight(path: str) -> float:
    """How much the words of a file count: code counts more than documents and data about it."""
    if is_test(path):
        return _TEST_WEIGHT
    return 1 if is_code(path) else _PROSE_WEIGHT


def _words_of(path: str, text: str) -> list[str]:
    return words(path) * _PATH_WEIGHT + words(text[:_READ_CHARS])


def _bm25(wanted: list[str], held: Mapping[str, list[str]]) -> dict[str, float]:
    """Between 0 and 1 for the best. Files without any word of the wish are not in it."""
    vocabulary = frozenset(wanted)
    paths = sorted(path for path, found in held.items() if vocabulary.intersection(found))
    if not paths:
        return {}
    index = bm25s.BM25(method="lucene")
    index.index([held[path] for path in paths], show_progress=False)
    known = [word for word in wanted if word in index.vocab_dict]
    scores = [float(score) for score in index.get_scores(known)]
    best = max(scores)
    return {path: score / best for path, score in zip(paths, scores, strict=True)} if best > 0 else {}


def _is_named(path: str, wish: str) -> bool:
    """The wish holds the path, or a file name that is not every other file's."""
    lower = path.lower()
    name = lower.rsplit("/", 1)[-1]
    wanted = lower if name in ("__init__.py", "index.js", "index.ts", "mod.rs", "main.go") else name
    return "." in name and wanted in wish and re.search(rf"(?<![\w.-]){re.escape(wanted)}(?!\w)", wish) is not None
