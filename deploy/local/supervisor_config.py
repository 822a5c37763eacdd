"""The text of supervisord.conf."""

import os
import resource
from collections.abc import Iterable

from deploy.local.home import Home
from deploy.local.programs import Program, escaped, program_section

WANTED_FILES = 16384  # a router holds thousands of calls in flight, and the usual soft limit is 1024


def supervisor_config(home: Home, programs: Iterable[Program]) -> str:
    sections = [_supervisor_section(home), *(program_section(p, home.log(p.name)) for p in programs)]
    return "\n".join(sections)


def _supervisor_section(home: Home) -> str:
    # Set explicitly, or supervisord warns that it runs as root.
    user = "user=root\n" if os.getuid() == 0 else ""
    return f"""\
[unix_http_server]
file={escaped(str(home.socket))}
chmod=0700

[supervisord]
{user}nodaemon=true
silent=true
minfds={_open_files()}
logfile={escaped(str(home.log("supervisord")))}
logfile_maxbytes=5MB
logfile_backups=1
pidfile={escaped(str(home.runtime / "supervisord.pid"))}
childlogdir={escaped(str(home.logs))}

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
"""


def _open_files() -> int:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return WANTED_FILES if hard == resource.RLIM_INFINITY else min(hard, WANTED_FILES)
