from pathlib import Path

import pytest

from deploy.local.failure import LocalRunError
from deploy.local.kafka.broker import new_cluster_id
from deploy.local.kafka.config import java_command, server_properties
from deploy.local.kafka.jars import POM, jars_folder, kafka_version
from deploy.local.kafka.java import find_java, install, java_major


@pytest.mark.parametrize(
    ("text", "major"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('openjdk version "25" 2025-09-16', 25),
        ('java version "1.8.0_402"', 8),
        ("", None),
    ],
)
def test_the_java_version_is_read(text: str, major: int | None) -> None:
    assert java_major(text) == major


def test_no_java_is_found_where_there_is_none(tmp_path: Path) -> None:
    assert find_java({"PATH": str(tmp_path), "JAVA_HOME": str(tmp_path)}) is None


def test_what_cannot_be_installed_is_named(tmp_path: Path) -> None:
    with pytest.raises(LocalRunError, match="Java 17 or newer and Maven was not found"):
        install(["java", "mvn"], {"PATH": str(tmp_path)})


def test_the_broker_listens_on_loopback_only_and_makes_no_topics_by_itself() -> None:
    lines = server_properties(20001, 20002, Path("/data")).splitlines()
    assert "listeners=PLAINTEXT://127.0.0.1:20001,CONTROLLER://127.0.0.1:20002" in lines
    assert {"auto.create.topics.enable=false", "log.dirs=/data", "message.max.bytes=5242880"} <= set(lines)


def test_clients_may_be_sent_to_a_port_of_the_users_own() -> None:
    lines = server_properties(20001, 20002, Path("/data"), 20003).splitlines()
    assert "advertised.listeners=PLAINTEXT://127.0.0.1:20003" in lines
    assert "listeners=PLAINTEXT://127.0.0.1:20001,CONTROLLER://127.0.0.1:20002" in lines


def test_the_jars_are_the_class_path() -> None:
    command = java_command("java", Path("/jars"), Path("/log.xml"), "kafka.Kafka", "/server.properties")
    assert command[-4:] == ["-cp", "/jars/*", "kafka.Kafka", "/server.properties"]


def test_jars_lie_in_the_cache_and_else_in_the_home(tmp_path: Path) -> None:
    name = f"kafka-{kafka_version(POM.read_text())}"
    assert jars_folder(tmp_path / "cache", tmp_path / "home") == tmp_path / "cache" / name
    (tmp_path / "file").touch()
    assert jars_folder(tmp_path / "file" / "cache", tmp_path / "home") == tmp_path / "home" / name


def test_a_cluster_id_is_never_taken_for_an_option() -> None:
    ids = [new_cluster_id() for _ in range(500)]
    assert all(len(text) == 22 and not text.startswith("-") for text in ids)
