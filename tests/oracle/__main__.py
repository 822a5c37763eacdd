"""Translates the same cases both ways, and tells every difference that was not judged."""

import argparse
import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import orjson

from benchmarks.peers.install import installed
from shared.wire import UntranslatableError
from shared.wire.chat_by_messages.exchange import ChatByMessages
from shared.wire.reading.server_events import ServerEvent
from tests.oracle import differences, generated
from tests.oracle.judged import JUDGED

_TIMEOUT_S = 600
_PLACE = re.compile(r"\[\d+\]")

Object = dict[str, Any]


def main() -> int:
    asked = argparse.ArgumentParser(prog="python -m tests.oracle", description=__doc__)
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--cases", type=int, default=2000)
    args = asked.parse_args()
    cases = _cases(Random(args.seed), args.cases)
    found: Counter[str] = Counter()
    examples: dict[str, str] = {}
    for case, theirs in zip(cases, _theirs(cases), strict=True):
        for name in _differences(case, theirs):
            found[name] += 1
            examples.setdefault(name, json.dumps(case))
    unjudged = [name for name in sorted(found) if name not in JUDGED]
    for name in unjudged:
        sys.stdout.write(f"{name} ({found[name]} times), for example in\n    {examples[name]}\n")
    judged = sum(count for name, count in found.items() if name in JUDGED)
    sys.stdout.write(
        f"{len(cases)} cases: {judged} differences that were judged, {len(unjudged)} kinds that were not\n"
    )
    return 1 if unjudged else 0


def _cases(draw: Random, count: int) -> list[Object]:
    requests: list[Object] = [{"request": generated.request(draw)} for _ in range(count)]
    answers = [generated.answer(draw) for _ in range(count // 2)]
    return [
        *requests,
        *({"answer": answer} for answer in answers),
        *({"stream": generated.events(answer)} for answer in answers),
    ]


def _theirs(cases: list[Object]) -> list[Object]:
    python = installed("any-llm") / "bin" / "python"
    script = Path(__file__).with_name("theirs.py")
    lines = "".join(json.dumps(case) + "\n" for case in cases)
    done = subprocess.run([python, script], input=lines, capture_output=True, text=True, timeout=_TIMEOUT_S, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def _differences(case: Object, theirs: Object) -> list[str]:
    if "request" in case:
        return list(differences.of_requests(_request(case["request"]), theirs))
    if "answer" in case:
        ours = orjson.loads(ChatByMessages().completion(orjson.dumps(case["answer"])).body)
        return list(differences.of_answers(ours, theirs))
    return list(differences.of_streams(_chunks(case["stream"]), theirs["chunks"]))


def _request(body: Object) -> Object:
    try:
        asked: Object = orjson.loads(ChatByMessages().request(body["model"], {}, body))
    except UntranslatableError as error:
        return {"refused": _PLACE.sub("[]", error.field)}
    return asked


def _chunks(events: list[Object]) -> list[Object]:
    reader = ChatByMessages().stream()
    sent = [ServerEvent(event["type"].encode(), orjson.dumps(event)) for event in events]
    return [orjson.loads(chunk.data) for event in sent for chunk in reader.chunks(event)]


if __name__ == "__main__":
    sys.exit(main())
