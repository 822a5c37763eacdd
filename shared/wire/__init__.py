"""The wire formats that callers and endpoints speak, and how an operation asked in one is carried out in another.

It knows nothing of models, keys or connections: what differs between two models of one format is passed in.
"""

from shared.operations import Operation, WireFormat
from shared.wire.addresses import base_url, below, wire_format_of
from shared.wire.dialects import DIALECTS, Dialect, dialect_of
from shared.wire.exchanges import Exchange, Question, exchange_of
from shared.wire.reading.completions import Completion, CompletionRead, NotACompletionError, Usage, read_completion
from shared.wire.requests import UntranslatableError

__all__ = [
    "DIALECTS",
    "Completion",
    "CompletionRead",
    "Dialect",
    "Exchange",
    "NotACompletionError",
    "Operation",
    "Question",
    "UntranslatableError",
    "Usage",
    "WireFormat",
    "base_url",
    "below",
    "dialect_of",
    "exchange_of",
    "read_completion",
    "wire_format_of",
]
