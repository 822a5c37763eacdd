"""LiteLLM: Python, one worker, nothing kept."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from benchmarks.children import running
from benchmarks.peers.peer import KEY, START_S, Peer, Place, answers
from benchmarks.plan import MODELS
from benchmarks.target import Target
from deploy.local.ports import free_port

_MODEL = """\
  - model_name: {model}
    litellm_params:
      model: openai/{model}
      api_base: {endpoint}/v1
      api_key: {key}
"""
_SETTINGS = """\
litellm_settings:
  num_retries: 0
  request_timeout: 600
router_settings:
  num_retries: 0
  disable_cooldowns: true
general_settings:
  master_key: {key}
"""
_ENVIRONMENT = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else it asks for one while it starts
    "LITELLM_LOG": "ERROR",
    "LITELLM_MODE": "PRODUCTION",
    "LITELLM_TELEMETRY": "False",
    "NO_DOCS": "True",
}


@contextmanager
def _started(place: Place) -> Iterator[Target]:
    port = free_port()
    models = "".join(_MODEL.format(model=model, endpoint=place.endpoint, key=KEY) for model in MODELS.values())
    configuration = place.write("litellm.yaml", "model_list:\n" + models + _SETTINGS.format(key=KEY))
    command = [place.program("litellm"), "--config", configuration, "--host", "127.0.0.1", "--port", str(port)]
    target = Target(LITELLM.name, f"http://127.0.0.1:{port}", key=KEY)
    check = answers(target)
    with running(
        "litellm", [*command, "--num_workers", "1"], place.folder, check, environment=_ENVIRONMENT, timeout_s=START_S
    ) as pid:
        yield replace(target, pids={"litellm": pid})


LITELLM = Peer("litellm, 1 worker", "litellm", _started)
