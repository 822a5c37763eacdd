"""A whole gateway held to its OpenAPI document, by schemathesis with all of its checks."""

import asyncio
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from services.documents import openapi_document
from tests.support.live import Live

# `make schemathesis` asks for more.
PHASES = os.environ.get("SCHEMATHESIS_PHASES", "coverage,fuzzing")
EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "5"))

_NOBODY = "http://127.0.0.1:1/v1"
_FEED = "/api/monitoring/live"  # a valid request for it has no end
# A text of millions of characters is long to make and shows nothing that one of thousands does not.
_MOST_CHARS, _MOST_ITEMS = 3000, 200

_VALID = '["2xx", 401, 402, 403, 404, 409, 422, 424, 429, 502, 503, 504'
_CONFIG = f"""\
continue-on-failure = true
request-timeout = 20
# With more, Python 3.11 fails now and then in the generator's own threads: AST constructor recursion depth mismatch.
workers = 1

[checks]
# These are typed, as the schemas of errors say: an endpoint cannot be reached, the deadline is over.
not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", 502, 503, 504]
# What a valid body asks for may be too much, gone, not allowed, or not what its Idempotency-Key was sent with before.
positive_data_acceptance.expected-statuses = {_VALID}]

[[operations]]
# It would have headers that are not documented refused.
include-path = "/v1/messages/count_tokens"
checks.negative_data_rejection.expected-statuses = [200, "4xx"]
checks.positive_data_acceptance.expected-statuses = {_VALID}, 400]

[[operations]]
# What no model behind it can do is refused by name, although the field and its value are valid.
include-path-regex = "^/v[12]/"
checks.positive_data_acceptance.expected-statuses = {_VALID}, 400]

[[operations]]
# A schema cannot say of a range that it is not backwards, nor of a series that it has not too many points.
include-path-regex = "^/api/(monitoring/|models/custom/monitoring$|inferences$)"
checks.positive_data_acceptance.expected-statuses = {_VALID}, 400]

[[operations]]
# Nor which dead letters there are.
include-path-regex = "^/api/dead-letters"
checks.positive_data_acceptance.expected-statuses = {_VALID}, 400]

[[operations]]
# Nor which cursors were given.
include-path-regex = "^/api/webhooks/.+/deliveries$"
checks.positive_data_acceptance.expected-statuses = {_VALID}, 400]

[[operations]]
# Nor of tags that no two have one name.
include-path-regex = "^/api/(codebase/chat|models/custom/.+/test|repos/quality/generate-feature)$"
checks.positive_data_acceptance.expected-statuses = {_VALID}, 400]

[[operations]]
# A key is not sent to another server than the one that it was stored for.
include-path = "/api/models/custom/{{model_id}}"
checks.positive_data_acceptance.expected-statuses = {_VALID}, 400]

[[operations]]
# Nor does it know the names of plans.
include-path-regex = "^/api/tenants"
checks.positive_data_acceptance.expected-statuses = {_VALID}, 400]
"""


def _here(value: Any, model_server_url: str) -> Any:
    """The document, within bounds, and with addresses only that are on this machine."""
    if isinstance(value, list):
        return [_here(item, model_server_url) for item in value]
    if not isinstance(value, dict):
        return value
    most = {"maxLength": _MOST_CHARS, "maxItems": _MOST_ITEMS, "maxProperties": _MOST_ITEMS}
    kept = {
        name: _here(item, model_server_url)
        for name, item in value.items()
        if not (isinstance(item, int) and item > most.get(name, item))
    }
    if kept.get("format") == "uri":
        return {"type": "string", "enum": [model_server_url, _NOBODY]}
    return kept


def _document(model_server_url: str) -> dict[str, Any]:
    document: dict[str, Any] = _here(json.loads(openapi_document()), model_server_url)
    wishes = document["components"]["schemas"]["FeatureBody"]
    wishes["properties"]["wait"] = {"const": False}
    wishes["anyOf"] = wishes["anyOf"][1:]  # no repository is fetched
    for body in ("CustomModelCreate", "CustomModelChange", "ModelSetup"):  # a schema cannot say: nowhere a NUL
        document["components"]["schemas"][body]["properties"]["config"] = {"enum": [{}, {"model": "demo"}]}
    return document


async def _admin_of_its_own(stack: Live) -> str:
    answer = await stack.admin.post("/api/keys", {"tenant": "schemathesis", "scopes": ["admin"]})
    return str(answer.body["key"])


@pytest.mark.timeout(600)
async def test_all_checks_of_schemathesis_hold(stack: Live, tmp_path: Path) -> None:
    (tmp_path / "schemathesis.toml").write_text(_CONFIG)
    (tmp_path / "openapi.json").write_text(json.dumps(_document(stack.model_server_url)))
    key = await _admin_of_its_own(stack)
    done = await asyncio.to_thread(
        _run, tmp_path, "schemathesis", "run", "openapi.json", "--url", stack.gateway_url, "--no-color",
        "--header", f"Authorization: Bearer {key}", "--checks", "all", "--phases", PHASES, "--warnings", "off",
        "--exclude-path", _FEED, "--max-examples", str(EXAMPLES), "--seed", "1", "--generation-database", "none",
    )  # fmt: skip
    assert done.returncode == 0, re.sub(r"\n\s*\n", "\n", done.stdout[-20_000:]) + done.stderr[-2000:]


def _run(folder: Path, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command of this environment."""
    here = Path(sys.executable).parent
    environment = os.environ | {"COLUMNS": "120", "PATH": f"{here}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.run(
        [here / command, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
