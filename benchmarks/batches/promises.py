"""Pure: what a batch promises, held against its files, the books and the model server's ledger."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from benchmarks.batches.batch import Ended
from benchmarks.batches.lines import AskedLine
from tests.chaos import promises_of_books as books
from tests.chaos import promises_of_services as services
from tests.chaos.evidence import Evidence
from tests.chaos.promise import Promise, by_kind
from tests.chaos.promises import all_back, nothing_logged

_OF_EVERYTHING = (
    all_back,
    books.audit_balanced,
    books.settled_is_accepted,
    books.one_settlement_each,
    books.no_outcome_lost,
    books.calls_on_record,
    books.attempts_called,
    books.repeats_explained,
    services.nothing_swept,
    nothing_logged,
)


def judged(asked: Sequence[AskedLine], ended: Ended, evidence: Evidence) -> list[Promise]:
    return [
        lines_told_once(asked, ended),
        answers_are_theirs(asked, ended),
        steady_lines_answered(asked, ended),
        counts_agree(asked, ended),
        books_agree(asked, ended, evidence),
        *(promise(evidence) for promise in _OF_EVERYTHING),
    ]


def lines_told_once(asked: Sequence[AskedLine], ended: Ended) -> Promise:
    told = Counter(line["custom_id"] for line in (*ended.output, *ended.error))
    wanted = Counter(line.custom_id for line in asked)
    wrong = [f"{one} is missing" for one in wanted - told] + [f"{one} is too many" for one in told - wanted]
    counts = f"{len(ended.output):,} + {len(ended.error):,} of {len(asked):,}"
    return Promise("every line stands once in one of the files", counts, wrong)


def answers_are_theirs(asked: Sequence[AskedLine], ended: Ended) -> Promise:
    wanted = {line.custom_id: line for line in asked}
    wrong = [
        f"{told['custom_id']} has the answer {text!r}"
        for told, text in ((told, _text(told)) for told in ended.output)
        if not (line := wanted[told["custom_id"]]).may_be_answered or text != line.answer
    ]
    return Promise("each answer is to its own question", f"{len(ended.output):,} answers", wrong)


def steady_lines_answered(asked: Sequence[AskedLine], ended: Ended) -> Promise:
    """Also those that were in flight when something was killed."""
    failed = {line["custom_id"]: _code(line) for line in ended.error}
    steady = [line.custom_id for line in asked if line.must_be_answered]
    wrong = [f"{one} failed: {failed[one]}" for one in steady if one in failed]
    kinds = Counter(failed.values())
    return Promise("lines of an endpoint that works are answered", f"{len(failed):,} failed{by_kind(kinds)}", wrong)


def counts_agree(asked: Sequence[AskedLine], ended: Ended) -> Promise:
    wanted = {"total": len(asked), "completed": len(ended.output), "failed": len(ended.error)}
    status, counts = ended.batch["status"], ended.batch["request_counts"]
    wrong = [f"it is {status}"] * (status != "completed") + [f"it counts {counts}"] * (counts != wanted)
    return Promise("the batch counts what is in its files", f"{counts['completed']:,}, {counts['failed']:,}", wrong)


def books_agree(asked: Sequence[AskedLine], ended: Ended, evidence: Evidence) -> Promise:
    """Each line is one inference, which ended as the line says."""
    booked = {one.inference_id: one.settlement for one in evidence.inferences}
    told = dict(_settlements(ended))
    wrong = [
        f"inference {one} is {booked.get(one)}, its line says {settlement}"
        for one, settlement in told.items()
        if booked.get(one) != settlement
    ]
    wrong += [f"inference {one} is of no line" for one in booked if one not in told]
    wrong += [f"{len(told)} inferences of {len(asked)} lines"] * (len(told) != len(asked))
    return Promise("the books agree with the files", f"{len(booked):,} inferences", wrong)


def _settlements(ended: Ended) -> Iterator[tuple[str, str]]:
    for settlement, lines in (("completed", ended.output), ("failed", ended.error)):
        for line in lines:
            if line["response"] is not None:
                yield line["response"]["request_id"], settlement


def _text(line: dict[str, Any]) -> str:
    text: str = line["response"]["body"]["choices"][0]["message"]["content"]
    return text


def _code(line: dict[str, Any]) -> str:
    return str((line["error"] or line["response"]["body"]["error"])["code"])
