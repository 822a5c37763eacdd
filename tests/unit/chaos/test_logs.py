from pathlib import Path

from tests.chaos.logs import logged_errors


def test_only_what_a_service_calls_an_error_counts(tmp_path: Path) -> None:
    (tmp_path / "router-0.log").write_text(
        "ERROR aiokafka Unable connect to node with id 1\n"
        '{"event": "publish.not_acked", "level": "warning", "timestamp": "t1"}\n'
        '{"event": "inference.crashed", "level": "error", "timestamp": "t2", "exception": "Trace\\nKeyError: 1"}\n'
    )
    assert logged_errors(tmp_path) == ["router-0.log: t2 inference.crashed KeyError: 1"]


def test_a_line_that_was_cut_short_is_told_too(tmp_path: Path) -> None:
    (tmp_path / "monitor.log.1").write_text('{"event": "x", "level": "error", "exc')
    assert logged_errors(tmp_path) == ['monitor.log.1: {"event": "x", "level": "error", "exc']
