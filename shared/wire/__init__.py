"""The wire formats that endpoints speak: one file each, with all that is particular to it.

It knows nothing of models, keys or connections: what differs between two models of one format is passed in.
"""

from shared.wire.completions import Completion, CompletionRead, NotACompletionError, Usage, read_completion
from shared.wire.dialects import DIALECTS, Dialect, WireFormat, base_url, dialect_of, wire_format_of
from shared.wire.requests import UntranslatableError

__all__ = [
    "DIALECTS",
    "Completion",
    "CompletionRead",
    "Dialect",
    "NotACompletionError",
    "UntranslatableError",
    "Usage",
    "WireFormat",
    "base_url",
    "dialect_of",
    "read_completion",
    "wire_format_of",
]
