"""What an endpoint's answer that brings no completion means. Pure: status, headers and body in, values out.

`reading` finds in a body of any form the endpoint's own sentence and the facts beside it, `waits` how long to wait,
`names` and `words` hold what servers call things, and `judging` makes of it all one of our error types: facts first
(codes, numbers, the status), words where facts say nothing.
"""

from shared.errors.upstream.judging import Verdict, judged, meant_status, wait_of
from shared.errors.upstream.reading import UpstreamError

__all__ = ["UpstreamError", "Verdict", "judged", "meant_status", "wait_of"]
