import pytest

from deploy.local.failure import with_log
from deploy.local.waiting import NotReady, wait_until


def test_waiting_ends_when_there_is_no_reason_left() -> None:
    reasons = iter(["refused", None])
    heard: list[str] = []
    wait_until(lambda: next(reasons), 5, heard.append)
    assert heard == ["refused"]


def test_the_last_reason_is_told_when_time_is_up() -> None:
    with pytest.raises(NotReady, match="not ready after 0 s: connection refused"):
        wait_until(lambda: "connection refused", 0)


def test_a_failure_shows_the_end_of_the_log_and_names_the_file(tmp_path_factory: pytest.TempPathFactory) -> None:
    log = tmp_path_factory.mktemp("logs") / "kafka.log"
    log.write_text("".join(f"line {n}\n" for n in range(100)))
    sentence = str(with_log("kafka has ended.", log))
    assert f"The end of {log}" in sentence
    assert "line 99" in sentence
    assert "line 50" not in sentence
