"""A model server for demos, tests and benchmarks: OpenAI- and Anthropic-compatible, every fault on demand.

Hears: `POST /v1/chat/completions`, `POST /v1/messages`; `GET /v1/models`, `/healthz`; `GET|DELETE /ledger`.
Answers: by the model name of the request, see `behaviours.py`; the same request gets the same answer.
Owns: the ledger of what it really received, which the gateway's books are checked against.
"""

from deploy.model_server.running import RunningModelServer, running_model_server

__all__ = ["RunningModelServer", "running_model_server"]
