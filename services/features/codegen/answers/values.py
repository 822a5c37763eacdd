"""What is taken from a model's answer, before anything of it is believed."""

from dataclasses import dataclass

from services.features.codegen.patches import Edit
from services.features.codegen.values import Action, Finding


@dataclass(frozen=True, slots=True)
class AnswerFile:
    """One file of an answer: its content, or edits, or a patch. action None: the answer did not say.

    `path` is as the model wrote it; services.features.codegen.paths judges it.
    """

    path: str
    action: Action | None = None
    content: str | None = None
    edits: tuple[Edit, ...] = ()
    patch: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """files: the complete ones. cut: the text ended within a file, or where more files could have followed; cut_path:
    which file, if that is known. findings: what was there and could not be used."""

    files: tuple[AnswerFile, ...] = ()
    cut: bool = False
    cut_path: str | None = None
    summary: str = ""
    integration_instructions: tuple[str, ...] = ()
    next_steps: tuple[str, ...] = ()
    estimated_impact: str = ""
    findings: tuple[Finding, ...] = ()
