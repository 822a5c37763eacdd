from configparser import RawConfigParser
from pathlib import Path

from deploy.local.home import Home
from deploy.local.programs import Program, program_section, service_ports, service_program
from deploy.local.settings import read_settings
from deploy.local.supervisor_config import supervisor_config

LOG = Path("/home/me/logs/x.log")


def parsed(text: str) -> RawConfigParser:
    parser = RawConfigParser()
    parser.read_string(text)
    return parser


def test_infrastructure_starts_by_itself_and_services_wait_to_be_started() -> None:
    kafka = Program(name="kafka", command=["java"], priority=20)
    assert parsed(program_section(kafka, LOG))["program:kafka"]["autostart"] == "true"
    gateway = service_program("gateway", 8000)
    assert parsed(program_section(gateway, LOG))["program:gateway"]["autostart"] == "false"


def test_every_program_comes_back_and_has_time_to_stop() -> None:
    section = parsed(program_section(service_program("router-1", 8011), LOG))["program:router-1"]
    assert (section["autorestart"], section["stopwaitsecs"]) == ("true", "30")
    assert 'TALLYGATE_ROUTER_PORT="8011"' in section["environment"]
    assert section["command"].endswith("-m services serve router")


def test_a_command_survives_spaces_and_percent_signs() -> None:
    program = Program(name="x", command=["run", "/a b/100%"], priority=1)
    assert parsed(program_section(program, LOG))["program:x"]["command"] == "run '/a b/100%%'"


def test_the_whole_file_has_one_section_a_program() -> None:
    programs = [Program(name=name, command=["x"], priority=1) for name in ("kafka", "postgres")]
    sections = parsed(supervisor_config(Home(Path("/home/me")), programs)).sections()
    assert sections[-2:] == ["program:kafka", "program:postgres"]


def test_each_router_has_a_port_of_its_own() -> None:
    settings = read_settings({"TALLYGATE_ROUTERS": "2"})
    ports = service_ports(["gateway", "router", "monitor"], settings)
    assert ports == {"gateway": 8000, "router-0": 8010, "router-1": 8011, "monitor": 8001}


def test_the_first_monitor_keeps_its_plain_name() -> None:
    settings = read_settings({"TALLYGATE_MONITORS": "2"})
    assert service_ports(["monitor"], settings) == {"monitor": 8001, "monitor-1": 8101}
    section = parsed(program_section(service_program("monitor-1", 8101), LOG))["program:monitor-1"]
    assert section["command"].endswith("-m services serve monitor")


def test_each_worker_has_a_port_of_its_own_and_the_first_its_plain_name() -> None:
    assert service_ports(["features", "jobs"], read_settings({})) == {"features": 8020, "jobs": 8030}
    settings = read_settings({"TALLYGATE_FEATURES_WORKERS": "2", "TALLYGATE_JOBS_WORKERS": "2"})
    both = {"features": 8020, "features-1": 8021, "jobs": 8030, "jobs-1": 8031}
    assert service_ports(["features", "jobs"], settings) == both
    section = parsed(program_section(service_program("features-1", 8021), LOG))["program:features-1"]
    assert 'TALLYGATE_FEATURES_PORT="8021"' in section["environment"]
    assert section["command"].endswith("-m services serve features")


def test_the_socket_path_is_short_however_long_the_home_is() -> None:
    assert len(str(Home(Path("/" + "x" * 300)).socket)) < 80
