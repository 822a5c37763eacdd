"""Pure: from a model's text to files. `parse` never raises, whatever the text, and takes time linear in its length."""

from dataclasses import replace

from services.features.codegen.answers.joining import continued
from services.features.codegen.answers.lenient_json import without_halves
from services.features.codegen.answers.marked import read_marked
from services.features.codegen.answers.structured import read_structured
from services.features.codegen.answers.thoughts import without_thoughts
from services.features.codegen.answers.values import Answer, AnswerFile

__all__ = ["Answer", "AnswerFile", "continued", "parse", "without_thoughts"]


def parse(text: str) -> Answer:
    """Files from a JSON object, from marked and fenced blocks, from diffs, or from JSON with blocks behind it."""
    plain = without_thoughts(without_halves(text.removeprefix("\ufeff")))
    found = read_structured(plain, _gives_files)
    if found is None:
        return read_marked(plain)
    structured, end = found
    if structured.cut:
        return structured
    return _joined(structured, read_marked(plain[end:]))


def _gives_files(before: str) -> bool:
    """Also when it ends within a file: then what follows is a part of that."""
    answer = read_marked(before)
    return bool(answer.files) or answer.cut_path is not None


def _joined(first: Answer, second: Answer) -> Answer:
    return replace(
        first,
        files=first.files + second.files,
        cut=second.cut and second.cut_path is not None,
        cut_path=second.cut_path,
        summary=first.summary or second.summary,
        integration_instructions=first.integration_instructions + second.integration_instructions,
        next_steps=first.next_steps + second.next_steps,
        estimated_impact=first.estimated_impact or second.estimated_impact,
        findings=first.findings + second.findings,
    )
