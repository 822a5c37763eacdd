"""A model server for demos, tests and benchmarks: OpenAI- and Anthropic-compatible, with every fault on demand.

    python -m deploy.model_server --port 9100

It is a tool of its own: it needs aiohttp and uvloop, and nothing of the services that are tested against it.

- What it hears: `POST /v1/chat/completions`, `/v1/messages`, `/v1/embeddings` and `/v1/rerank`; `GET /v1/models` and
  `/healthz`; `GET` and `DELETE /ledger`; `PUT` and `GET /scripts/<name>`.
- What it answers is decided by the model that a request names: `behaviours.py` has the table, `scripts.py` the answers
  that a test writes itself. The same request gets the same answer.
- What it owns: the ledger (`ledger.py`) of every call that it really received, which the gateway's books are checked
  against, with the length and the SHA-256 of the text that was sent. It is in memory, and holds no prompts and no keys.

A request's way: `sending.py` takes it from aiohttp's server, `service.py` finds its route, `completions.py` enters
it in the ledger, `planning.py`, `faults.py` and `streams.py` plan what will be sent, and `sending.py` sends that, or
`pacing.py` what has a rate. `running.py` starts it all, in a process of its own or within a test.
"""

from deploy.model_server.running import RunningModelServer, running_model_server

__all__ = ["RunningModelServer", "running_model_server"]
