"""A skeleton without any model: a module that does nothing yet and a skipped test of it, where such files live."""

import asyncio
import posixpath
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from services.features.codegen.generators.contract import Ask, Check, Tell
from services.features.codegen.generators.skeletons.go import go
from services.features.codegen.generators.skeletons.java import java
from services.features.codegen.generators.skeletons.javascript import javascript, typescript
from services.features.codegen.generators.skeletons.names import Name, name_of
from services.features.codegen.generators.skeletons.note import note
from services.features.codegen.generators.skeletons.python import python
from services.features.codegen.generators.skeletons.rust import rust
from services.features.codegen.generators.skeletons.values import Skeleton, SkeletonFile, Surroundings
from services.features.codegen.paths import allowed
from services.features.codegen.values import Constraints, Draft, Facts, Finding, ProducedFile, Task
from shared.errors import TallygateError

_MAX_NAMES = 20

_Make = Callable[[Name, str, Surroundings], Skeleton]

_MAKERS: dict[str, _Make] = {
    "python": python,
    "javascript": javascript,
    "typescript": typescript,
    "go": go,
    "rust": rust,
    "java": java,
}
# What a repository holds beside its code.
_NO_CODE_WORDS = """
    css csv dockerfile go.mod graphql hcl html ini json make markdown proto restructuredtext scss shell sql text
    toml xml yaml
"""
_NO_CODE = frozenset(_NO_CODE_WORDS.split())


def make() -> "Template":
    return Template()


class Template:
    name = "template"

    async def generate(self, task: Task, ask: Ask, tell: Tell, check: Check) -> Draft:  # noqa: ARG002 - asks no model
        await tell("planning", "finding where such files live")
        made = await asyncio.to_thread(skeleton, task)  # reads every file of the repository
        await tell("writing", "writing a skeleton")
        draft = drafted(made, task.constraints)
        await tell("checking")
        return replace(draft, findings=(*draft.findings, *await check(draft)))


def skeleton(task: Task) -> Skeleton:
    """The same for the same task. Its name is one that nothing in the repository has yet; raises TallygateError when
    so many are taken that somebody must have meant it."""
    facts = task.context.facts
    around = Surroundings(task.repository.files, (facts.test_framework or "").lower())
    make_one = _MAKERS.get(main_language(facts, task.constraints), note)
    for name in _names(name_of(task.wish)):
        if not _taken(made := make_one(name, task.wish, around), around):
            return made
    raise TallygateError("generation_invalid", "every name that fits the wish is taken in the repository; word it anew")


def main_language(facts: Facts, constraints: Constraints) -> str:
    """Of the languages that code is written in, the one with the most files that is allowed."""
    wanted = constraints.languages
    code = [language.lower() for language in facts.languages if language.lower() not in _NO_CODE]
    usable = [language for language in code if not wanted or language in wanted]
    return next(iter((*usable, *wanted, "markdown")))


def drafted(made: Skeleton, constraints: Constraints) -> Draft:
    """The files that may be written; what has to be left out is said."""
    fitting = [file for file in made.files if allowed(file.path, constraints)][: constraints.max_files]
    left_out = [file for file in made.files if file not in fitting]
    refused = made.files[0] in left_out
    return Draft(
        files=() if refused else tuple(ProducedFile(file.path, file.language, file.content) for file in fitting),
        findings=_refusal(made.files[0]) if refused else (),
        summary=f"A skeleton for {' '.join(made.name.words)}, made without a model. It does nothing yet.",
        integration_instructions=("This is a skeleton: it changes nothing that the code does.", *made.integration),
        next_steps=(*_next_steps(fitting), *_said(left_out)),
        estimated_impact=f"{len(fitting)} new files, no change of existing ones, no change of behaviour.",
    )


def _refusal(module: SkeletonFile) -> tuple[Finding, ...]:
    message = f"constraints.paths do not allow {module.path}, where a skeleton of this repository would be"
    return (Finding(module.path, "path", message),)


def _next_steps(files: Iterable[SkeletonFile]) -> Iterator[str]:
    yield "Build the feature: this skeleton holds its place only."
    for file in list(files)[1:]:
        yield f"Then say in {file.path} what it has to do, and let the test run: it is skipped now."
    yield 'Or have it written: choose "generator": "llm" and a model.'


def _said(left_out: Iterable[SkeletonFile]) -> Iterator[str]:
    return (f"{file.path} was left out: the constraints do not allow it." for file in left_out)


def _names(name: Name) -> Iterator[Name]:
    yield name
    for number in range(2, _MAX_NAMES + 1):
        yield name.and_word(f"v{number}")


def _taken(made: Skeleton, around: Surroundings) -> bool:
    """Whether one of its files exists, or a neighbour of its module uses one of its names."""
    existing = {path.casefold() for path in around.files}
    if any(file.path.casefold() in existing for file in made.files):
        return True
    folder = posixpath.dirname(made.files[0].path)
    names = re.compile(rf"\b(?:{made.name.snake}|{made.name.camel}|{made.name.pascal})\b")
    return any(names.search(text) for path, text in around.files.items() if posixpath.dirname(path) == folder)
