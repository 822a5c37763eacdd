"""What can go wrong, as values: one closed list of types with their texts, and one exception class.

    TallygateError                 carries a Failure; expected, rendered to the caller, never a stack trace
    └── ConfigurationError         a service cannot start: says which setting to change

`Failure` is the value that travels in events, answers and the books. `catalogue` words every type,
`classify` finds the type of an upstream answer, `redact` keeps secrets out, `render` shapes it for a caller.
"""

from shared.errors.catalogue import CATALOGUE, ErrorType, Kind
from shared.errors.failures import ConfigurationError, Failure, TallygateError, failure

__all__ = [
    "CATALOGUE",
    "ConfigurationError",
    "ErrorType",
    "Failure",
    "Kind",
    "TallygateError",
    "failure",
]
