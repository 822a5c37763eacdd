"""Options of `tallygate audit` that do not go together are refused, not passed over."""

from pathlib import Path

from typer.testing import CliRunner

from services.__main__ import app


def test_a_file_of_a_day_is_not_written_again(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["audit", "--from", str(tmp_path / "day"), "--export", str(tmp_path / "again")])
    assert (result.exit_code, "--export goes with --proof" in result.output) == (2, True)
