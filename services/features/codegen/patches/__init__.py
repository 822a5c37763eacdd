"""Pure: change a text by search/replace blocks or a unified diff, and tell a change as a diff.

A change goes where it fits in exactly one place, or nowhere: what could hit the wrong place is a finding.
"""

from services.features.codegen.patches.edits import Edit, apply_edits
from services.features.codegen.patches.telling import unified_diff
from services.features.codegen.patches.unified import apply_unified

__all__ = ["Edit", "apply_edits", "apply_unified", "unified_diff"]
