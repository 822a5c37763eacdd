"""Pure: what cannot be read in a produced file."""

from services.features.codegen.check.parsing import Parsed
from services.features.codegen.check.readers import STRICT
from services.features.codegen.languages import language_of
from services.features.codegen.values import Finding, FindingKind, ProducedFile

MAX_FINDINGS = 5  # of one file


def syntax_findings(file: ProducedFile, after: Parsed, before: Parsed | None) -> tuple[Finding, ...]:
    """An edited file is not blamed for what could not be read before: grammars do not know every macro or template."""
    if before is not None and after.error_count <= before.error_count:
        return ()
    known = {message for _, message in before.errors} if before else set()
    fresh = [(line, message) for line, message in after.errors if message not in known] or list(after.errors)
    kind = _kind(file, after, before)
    return tuple(Finding(file.path, kind, message, line) for line, message in fresh[:MAX_FINDINGS])


def _kind(file: ProducedFile, after: Parsed, before: Parsed | None) -> FindingKind:
    """Languages grow, and their grammars come later; but no language leaves a bracket open."""
    unclosed = after.unclosed and not (before is not None and before.unclosed)
    return "syntax" if unclosed or language_of(file.path) in STRICT else "grammar"
