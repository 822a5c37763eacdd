"""The `tallygate` command, in this process: its own would take longer to start than most commands to be carried out."""

import io
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from unittest import mock

from services.__main__ import main

# Environment, arguments and standard streams are those of the process: one command has them at a time.
_one_at_a_time = threading.Lock()


def run_here(arguments: Sequence[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """From a thread without an event loop of its own, as the command starts one. Standard input is empty."""
    out, err = io.StringIO(), io.StringIO()
    with _one_at_a_time, ExitStack() as changed:
        changed.enter_context(mock.patch.dict(os.environ, environment, clear=True))
        changed.enter_context(mock.patch.object(sys, "argv", ["tallygate", *arguments]))
        changed.enter_context(mock.patch.object(sys, "stdin", io.StringIO()))
        changed.enter_context(redirect_stdout(out))
        changed.enter_context(redirect_stderr(err))
        status = _status_of_main()
    return subprocess.CompletedProcess(list(arguments), status, out.getvalue(), err.getvalue())


def _status_of_main() -> int:
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0
