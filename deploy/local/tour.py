"""`make demo`: a tour of Tallygate in seven requests, of which two are streams and four fail.

Ends with exit status 0 only when every request ended as expected and the books balance.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from deploy.local.demo_gateway import add_model, chat, expect, new_tenant, show_stream
from deploy.local.failure import LocalRunError
from deploy.local.ports import free_port
from deploy.local.stack import Stack
from shared.client import Answer, Client, Problem, ProblemError
from shared.client.requests import MONITORING

console = Console(highlight=False)

_BOOKED_WITHIN_S = 10.0


_QUESTION = "Does the gateway keep its books?"


def main() -> None:
    home = Path(os.environ.get("TALLYGATE_HOME", ".tallygate"))
    stack = Stack(home, dict(os.environ))
    try:
        running = stack.up()
        began = time.monotonic()
        with _model_server() as model_server_url:
            tour(str(running.gateway), Path(running.admin_key_file).read_text().strip(), model_server_url,
                 {**os.environ, **stack.environment()})  # fmt: skip
        console.print(
            f"\nThe tour took {time.monotonic() - began:.1f} s. Start it for good with: [bold]make run[/bold]"
        )
    except (LocalRunError, ProblemError) as error:
        console.print(str(error), style="red")
        sys.exit(1)
    finally:
        stack.down()


def tour(gateway_url: str, admin_key: str, model_server_url: str, environment: Mapping[str, str]) -> None:
    # A tenant of its own for each tour, so that a second one starts with clean counts.
    gateway = new_tenant(Client(gateway_url, admin_key), f"tour-{int(time.time())}")
    key = "sk-demo-" + "0" * 20
    add_model(gateway, "bad-key", model_server_url, api_key="sk-invalid-" + "0" * 20, config={"model": "demo"})
    add_model(gateway, "my-model", model_server_url, api_key=key, config={"model": "demo"})
    add_model(gateway, "nowhere", f"http://127.0.0.1:{free_port()}/v1")
    add_model(gateway, "slow", model_server_url, config={"model": "fault-hang"}, timeout_s=1.0)

    _step("A chat that succeeds", chat(gateway, "custom:my-model", _QUESTION), None)
    _step("A model whose key is invalid", chat(gateway, "custom:bad-key", _QUESTION), "authentication_failed")
    _step("An endpoint that refuses the connection", chat(gateway, "custom:nowhere", _QUESTION), "endpoint_unreachable")
    _step("A model that does not answer in time", chat(gateway, "custom:slow", _QUESTION), "read_timeout")
    failed_over = chat(gateway, "auto", _QUESTION)
    _step("A failed model, and the next one answers", failed_over, None)
    add_model(gateway, "word-by-word", model_server_url, config={"model": "fault-slow-body-1500"})
    add_model(gateway, "breaks-off", model_server_url, config={"model": "fault-stream-reset-mid"})
    _stream_step("A stream, as it comes", gateway, "custom:word-by-word", None)
    _stream_step("A stream that breaks off, and never looks complete", gateway, "custom:breaks-off", "stream_broken")

    _wait_until_booked(gateway, 7)
    commands = {**environment, "TALLYGATE_API_KEY": str(gateway.key)}
    _command(commands, "The monitoring summary: every failure is in it", "monitor")
    _command(commands, "One timeline, the last one", "show", str(failed_over.inference_id))
    _command(commands, "Which models would be tried, and why", "models", "select", _QUESTION)
    with tempfile.TemporaryDirectory() as checkout:
        Path(checkout, "shop.py").write_text('def price(cents: int) -> str:\n    return f"{cents / 100:.2f}"\n')
        wish = ("feature", "generate", "Add a discount", "--generator", "template", "--path", checkout)
        _command(commands, "A feature for a repository, here without any model", *wish)
    _command(commands, "The audit", "audit")


def _step(title: str, answer: Answer, expected: str | None) -> None:
    problem = Problem.parse(answer)
    text = Text()
    if problem is None:
        text.append(f"{answer.status}  {answer.body['choices'][0]['message']['content']}\n", "green")
    else:
        text.append(f"{answer.status}  ")
        text.append(_problem_text(problem))
    text.append(f"inference {answer.inference_id}", "dim")
    console.print(Panel(text, title=title, title_align="left"))
    _expect_error(problem, expected)


def _stream_step(title: str, gateway: Client, model: str, expected: str | None) -> None:
    console.print(f"\n[bold]{title}[/bold]")
    problem = show_stream(console, gateway, model, _QUESTION)
    if problem is not None:
        console.print(_problem_text(problem), end="")
    _expect_error(problem, expected)


def _problem_text(problem: Problem) -> Text:
    text = Text()
    text.append(f"{problem.error_type}\n", "red")
    text.append(f"{problem.detail}\n")
    for tip in problem.tips:
        text.append(f"  → {tip}\n", "cyan")
    return text


def _expect_error(problem: Problem | None, expected: str | None) -> None:
    error_type = None if problem is None else problem.error_type
    expect(error_type == expected, f"expected {expected or 'an answer'}, got {error_type or 'an answer'}")


def _wait_until_booked(gateway: Client, total: int) -> None:
    deadline = time.monotonic() + _BOOKED_WITHIN_S
    while True:
        summary = gateway.get(MONITORING).body
        if summary["requests"]["total"] >= total:
            return
        expect(time.monotonic() < deadline, f"the monitor has booked {summary['requests']['total']} of {total}")
        time.sleep(0.1)


def _command(environment: Mapping[str, str], title: str, *arguments: str) -> None:
    console.print(f"\n[bold]{title}[/bold]  [dim]$ tallygate {' '.join(arguments)}[/dim]")
    sys.stdout.flush()
    done = subprocess.run([sys.executable, "-m", "services", *arguments], env=dict(environment), check=False)
    expect(done.returncode == 0, f"tallygate {arguments[0]} ended with status {done.returncode}")


@contextmanager
def _model_server() -> Iterator[str]:
    command = [sys.executable, "-m", "deploy.model_server", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            expect(line.startswith("ready "), "the demo model server did not start")
            yield line.split()[1]
        finally:
            process.terminate()


if __name__ == "__main__":
    main()
