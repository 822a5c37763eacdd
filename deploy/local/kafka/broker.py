"""Makes the embedded Kafka ready to be run: configuration written, storage formatted once."""

import base64
import shutil
import subprocess
import uuid
from collections.abc import Mapping
from pathlib import Path

from deploy.local.failure import LocalRunError
from deploy.local.kafka.config import LOG4J, java_command, server_properties
from deploy.local.kafka.jars import fetch_jars, jars_folder
from deploy.local.kafka.java import find_java, install
from deploy.local.progress import step


def prepare_kafka(
    folder: Path,
    cache: Path,
    port: int,
    controller_port: int,
    environment: Mapping[str, str],
    advertised_port: int | None = None,
) -> list[str]:
    """The command that runs the broker. Raises LocalRunError when Java or the jars cannot be had."""
    jars = jars_folder(cache, folder)
    java = _require_tools(jars, environment)
    if not jars.is_dir():
        fetch_jars(jars, environment)
    folder.mkdir(parents=True, exist_ok=True)
    properties, log4j, data = folder / "server.properties", folder / "log4j2.xml", folder / "data"
    properties.write_text(server_properties(port, controller_port, data, advertised_port))
    log4j.write_text(LOG4J)
    if not (data / "meta.properties").exists():
        _format(java_command(java, jars, log4j, "kafka.tools.StorageTool"), properties, data)
    return java_command(java, jars, log4j, "kafka.Kafka", str(properties))


def new_cluster_id() -> str:
    """22 characters; one that begins with a dash would be read as an option."""
    while (text := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        pass
    return text


def _require_tools(jars: Path, environment: Mapping[str, str]) -> str:
    missing = [] if find_java(environment) else ["java"]
    if not jars.is_dir() and not shutil.which("mvn", path=environment.get("PATH")):
        missing.append("mvn")
    if missing:
        install(missing, environment)
    java = find_java(environment)
    if java is None:
        raise LocalRunError("The Java that was installed is older than 17; install Java 17 and set JAVA_HOME.")
    return java


def _format(tool: list[str], properties: Path, data: Path) -> None:
    # meta.properties is written last: a folder without it was not formatted completely.
    shutil.rmtree(data, ignore_errors=True)
    with step("format the Kafka storage"):
        done = subprocess.run(
            [*tool, "format", "--cluster-id", new_cluster_id(), "--config", str(properties)],
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise LocalRunError(f"Kafka's storage in {data} could not be formatted:\n{done.stdout}{done.stderr}")
