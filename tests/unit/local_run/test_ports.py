import os
import socket
import subprocess
import sys

import psutil
import pytest

from deploy.local.failure import LocalRunError
from deploy.local.ports import FIRST_PORT, LAST_PORT, free_port, free_port_range, free_ports, is_free, port_owner
from deploy.local.preflight import check_ports
from deploy.local.programs import chosen_ports
from deploy.local.settings import read_settings


def test_a_port_that_is_listened_on_is_not_free_and_its_owner_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert not is_free(port)
        assert port_owner(port) == f"{psutil.Process().name()} (pid {os.getpid()})"
    assert is_free(port)


def test_free_ports_are_distinct_and_outside_the_range_of_outgoing_connections() -> None:
    ports = free_ports(20)
    assert len(set(ports)) == 20
    assert max(ports) < 32768


def test_a_range_of_free_ports_is_free_throughout() -> None:
    first = free_port_range(4)
    assert all(is_free(port) for port in range(first, first + 4))


def test_a_port_is_given_once_though_nobody_listens_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deploy.local.ports._given", set())
    monkeypatch.setattr("deploy.local.ports.LAST_PORT", FIRST_PORT + 8)
    first = free_ports(4, taken={FIRST_PORT})
    assert FIRST_PORT not in first
    assert len({*first, *free_ports(3), free_port()}) == 8


def test_of_two_processes_that_draw_at_once_each_has_ports_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    first, last = LAST_PORT, LAST_PORT + 8  # of which nothing else draws
    monkeypatch.setattr("deploy.local.ports.FIRST_PORT", first)
    monkeypatch.setattr("deploy.local.ports.LAST_PORT", last)
    drawing = (
        f"from deploy.local import ports; ports.FIRST_PORT, ports.LAST_PORT = {first}, {last}\n"
        "print(*ports.free_ports(4), flush=True); input()"
    )
    other = subprocess.Popen([sys.executable, "-c", drawing], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with other:
        assert other.stdout is not None
        theirs = other.stdout.readline().split()
        ours = free_ports(4)
        other.communicate("\n")
    assert len({*map(str, ours), *theirs}) == 8


def test_ports_of_the_broker_and_the_database_are_none_that_a_service_was_given() -> None:
    settings = read_settings({"TALLYGATE_ROUTERS": "3", "TALLYGATE_KAFKA_ADVERTISED_PORT": "20001"})
    assert chosen_ports(settings) == {8000, 8001, 8002, 8010, 8011, 8012, 8020, 8030, 20001}


def test_the_sentence_names_port_owner_and_a_setting_that_mends_it() -> None:
    with pytest.raises(LocalRunError) as failure:
        check_ports({"gateway": 8000}, lambda _: "nginx (pid 7)", lambda port: port != 8000)
    assert str(failure.value) == (
        "Port 8000 is already in use by nginx (pid 7); stop it, or use another one: TALLYGATE_PORT=8100 make run"
    )


def test_the_first_routers_port_is_suggested_for_any_router() -> None:
    with pytest.raises(LocalRunError, match=r"Port 8012 is .*TALLYGATE_ROUTER_PORT=8110 make"):
        check_ports({"router-2": 8012}, lambda _: None, lambda port: port != 8012)


def test_all_taken_ports_are_named_at_once() -> None:
    with pytest.raises(LocalRunError) as failure:
        check_ports({"gateway": 8000, "monitor": 8001}, lambda _: None, lambda port: port > 8001)
    assert str(failure.value).count("already in use") == 2
