"""Processes that a killed run has left behind, known by the mark that every process of a home carries."""

from collections.abc import Callable
from pathlib import Path

import psutil

MARK = "TALLYGATE_STACK"
TERM_WAIT_S = 40.0  # more than supervisord gives one program


def marked_processes(home: Path) -> list[psutil.Process]:
    return [process for process in psutil.process_iter() if _carries_mark(process, home)]


def end_marked_processes(home: Path) -> None:
    """Ends the supervisor first: it stops its programs in order, and would restart what was ended before it."""
    supervisors = [p for p in marked_processes(home) if _is_supervisor(p)]
    _end(supervisors)
    _end(marked_processes(home))


def _carries_mark(process: psutil.Process, home: Path) -> bool:
    try:
        return process.environ().get(MARK) == str(home)
    except psutil.Error:
        return False


def _is_supervisor(process: psutil.Process) -> bool:
    try:
        return any(word.startswith("supervisor") for word in process.cmdline())
    except psutil.Error:
        return False


def _end(processes: list[psutil.Process]) -> None:
    for process in processes:
        _quietly(process.terminate)
    _, alive = psutil.wait_procs(processes, timeout=TERM_WAIT_S)
    for process in alive:
        _quietly(process.kill)
    psutil.wait_procs(alive, timeout=5)


def _quietly(act: Callable[[], None]) -> None:
    try:
        act()
    except psutil.NoSuchProcess:
        return
