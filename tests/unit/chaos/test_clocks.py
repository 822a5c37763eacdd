from pathlib import Path

from tests.chaos.clocks import Clocks


def test_a_clock_is_moved_for_one_program_and_back(tmp_path: Path) -> None:
    clocks = Clocks(tmp_path)
    clocks.move("router-1", "+1h")
    assert (tmp_path / "router-1.clock").read_text() == "+1h\n"
    clocks.move("router-1")
    assert (tmp_path / "router-1.clock").read_text() == "+0\n"


def test_without_the_library_nothing_is_changed_and_the_command_is_said(tmp_path: Path) -> None:
    clocks = Clocks(tmp_path)
    given = clocks.environment("router-1")
    if clocks.cannot_be_moved is None:
        assert given["FAKETIME_TIMESTAMP_FILE"] == str(tmp_path / "router-1.clock")
    else:
        assert given == {}
        assert "apt-get install faketime" in clocks.cannot_be_moved
