"""What a batch promises is held against its files and the books, and can be broken."""

from collections.abc import Callable
from typing import Any

from benchmarks.batches.batch import Ended
from benchmarks.batches.lines import STEADY, AskedLine, asked_lines
from benchmarks.batches.promises import answers_are_theirs, books_agree, counts_agree, judged, lines_told_once
from tests.chaos.evidence import BookedInference, Evidence
from tests.chaos.promise import Promise

ASKED = [AskedLine(0, STEADY), AskedLine(1, "fault-400")]


def test_so_many_lines_are_of_an_endpoint_that_fails_and_always_the_same() -> None:
    lines = asked_lines(2000, 0.1)
    assert 150 < sum(line.model != STEADY for line in lines) < 250
    assert lines == asked_lines(2000, 0.1)


def test_a_batch_that_keeps_its_promises_has_none_broken() -> None:
    assert [promise.name for promise in judged(ASKED, ended(), evidence()) if not promise.kept] == []


def test_a_line_that_is_missing_twice_there_or_answered_with_another_ones_answer_is_found() -> None:
    def broken(promise: Callable[..., Promise], told: Ended, *more: Any) -> bool:
        return not promise(ASKED, told, *more).kept

    whole = ended()
    twice, missing = whole._replace(output=[*whole.output, *whole.output]), whole._replace(error=[])
    assert broken(lines_told_once, twice)
    assert broken(lines_told_once, missing)
    assert broken(counts_agree, missing)
    assert broken(books_agree, missing, evidence())
    assert broken(answers_are_theirs, whole._replace(output=[answered(0, "echo: another")]))


def ended() -> Ended:
    error: dict[str, Any] = {"code": "invalid_request"}
    failed = {"custom_id": "line-1", "error": None, "response": {"request_id": "1", "body": {"error": error}}}
    counts = {"total": 2, "completed": 1, "failed": 1}
    return Ended({"status": "completed", "request_counts": counts}, [answered(0, "echo: question 0")], [failed])


def answered(number: int, text: str) -> dict[str, Any]:
    body = {"choices": [{"message": {"content": text}}]}
    return {"custom_id": f"line-{number}", "error": None, "response": {"request_id": f"{number}", "body": body}}


def evidence() -> Evidence:
    nothing_open = {"accepted": 2, "settled": 2, "open": 0, "started": 0, "ended": 0, "late": 0}
    audit = {"balanced": True, "violations": [], "inferences": nothing_open, "attempts": nothing_open}
    booked = [BookedInference("0", "completed", None), BookedInference("1", "failed", None)]
    return Evidence(struck=(), notes=(), calls=(), attempts=(), inferences=booked, audit=audit)
