"""Run with the other implementation's Python: a JSON case per line in, what it makes of it out.

It imports nothing of this project, which is not installed there.
"""

import importlib
import json
import logging
import sys
from typing import Any


def main() -> None:
    logging.disable(logging.CRITICAL)
    utils = importlib.import_module("any_llm.providers.anthropic.utils")
    params = importlib.import_module("any_llm.types.completion").CompletionParams
    types = importlib.import_module("anthropic.types")
    pydantic = importlib.import_module("pydantic")
    event = pydantic.TypeAdapter(types.RawMessageStreamEvent)
    for line in sys.stdin:
        case = json.loads(line)
        try:
            made = _made(case, utils, params, types, event)
        except Exception as error:  # noqa: BLE001 - whatever it raises is its word on the case
            made = {"refused": type(error).__name__}
        sys.stdout.write(json.dumps(made) + "\n")


def _made(case: dict[str, Any], utils: Any, params: Any, types: Any, event: Any) -> Any:
    if "request" in case:
        body = {name: value for name, value in case["request"].items() if name != "model"}
        asked = params(model_id=case["request"]["model"], **body)
        return utils._convert_params(asked, provider_name="anthropic")
    if "answer" in case:
        return utils._convert_response(types.Message.model_validate(case["answer"])).model_dump(mode="json")
    events = [event.validate_python(one) for one in case["stream"]]
    convert = utils._create_openai_chunk_from_anthropic_chunk
    return {"chunks": [convert(one, "m").model_dump(mode="json") for one in events]}


if __name__ == "__main__":
    main()
