"""HTTP to a gateway of our own, as commands, demos, benchmarks and tests call it.

`Client` waits, `AsyncClient` serves many at once; both give the same `Answer`, and what the gateway refuses is one
`ProblemError` for both shapes that the gateway renders errors in.
"""

from shared.client.answer import Answer
from shared.client.client import COMPLETION_TIMEOUT_S, Client, in_path
from shared.client.problem import Problem, ProblemError
from shared.client.streamed import Event, Streamed

__all__ = ["COMPLETION_TIMEOUT_S", "Answer", "Client", "Event", "Problem", "ProblemError", "Streamed", "in_path"]
