"""Secrets and prompts that carry a mark of this session, and the search for them in all that a stack has left.

The marks are hexadecimal digits: percent-encoded, in JSON and in COPY text they look as they do in the clear.
"""

import base64
import os
import re
import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

if TYPE_CHECKING:
    from tests.support.live import Live

SECRET, CONTENT = secrets.token_hex(8), secrets.token_hex(8)

KEY = f"{SECRET}-of-a-model"
PROVIDER_KEY = f"{SECRET}-of-a-provider"
HEADERS = {"x-planted": f'{SECRET} "of" a/header+'}
PROMPT = f"hello {CONTENT}"

_API_KEY = re.compile(rb"tg_[0-9a-f]{8}_[A-Za-z0-9_-]{20}")
_SHOWN_BY_POST_ONLY = ("GET", "/api/keys")

AN_API_KEY, SEALING_KEY, PASSWORD = "an API key", "a sealing key", "the password of the database"
_AT_HOME = {  # where the local run keeps what it made, for its owner only
    ("admin.key", AN_API_KEY),
    ("keys", SEALING_KEY),
    ("environment.json", SEALING_KEY),
    ("environment.json", PASSWORD),
    ("postgres.password", PASSWORD),
}

Found = AsyncIterator[tuple[str, bytes]]

_PIECE_BYTES = 4 * 1024 * 1024
_OVERLAP_BYTES = 256  # no form of what is searched is longer

_TABLES = """
SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm') AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'
"""


def check_answer(method: str, path: str, status: int, text: str) -> None:
    """No answer holds a planted secret; an error holds neither a planted prompt nor an API key."""
    what = f"the answer {status} to {method} {path} tells"
    assert SECRET not in text, f"{what} a planted secret: {text}"
    if status >= 400:
        assert CONTENT not in text, f"{what} a planted prompt: {text}"
    if status >= 400 or (method, path.partition("?")[0]) == _SHOWN_BY_POST_ONLY:
        assert not _API_KEY.search(text.encode()), f"{what} an API key"


class Search:
    """For words, each under a name that may be shown, in every form; and for anything that is an API key."""

    def __init__(self, words: dict[str, str]) -> None:
        self._forms = {form: name for name, word in words.items() for form in forms(word)}

    def finds(self, data: bytes) -> set[str]:
        found = {name for form, name in self._forms.items() if form in data}
        return found | {AN_API_KEY} if _API_KEY.search(data) else found


def forms(word: str) -> set[bytes]:
    """In the clear, in hexadecimal digits, and in base64 wherever it begins."""
    text = word.encode()
    found = {text, text.hex().encode(), text.hex().upper().encode()}
    for before in range(3):
        # The characters at both ends also depend on what stands there.
        first, last = -(-before * 8 // 6), (before + len(text)) * 8 // 6
        whole = base64.b64encode(b"\0" * before + text)[first:last]
        found |= {whole, whole.replace(b"+", b"-").replace(b"/", b"_")}
    return found


async def leaks(live: "Live", **words: str) -> list[str]:
    """Where the planted marks, API keys, the stack's own secrets and `words` lie: nowhere, if all is well.

    It looks at every file of the stack's home, all spans, topics, tables and metrics.
    """
    search = Search({"a planted secret": SECRET, "a planted prompt": CONTENT} | _own_secrets(live) | words)
    found: set[tuple[str, str]] = set()
    for source in (_files(live), _spans(live), _records(live), _rows(live), _metrics(live)):
        searched = 0
        async for place, data in source:
            searched += len(data)
            found |= {(place, name) for name in search.finds(data)}
        assert searched, f"nothing came from {source}"
    return [f"{place}: {name}" for place, name in sorted(found - _AT_HOME)]


def _own_secrets(live: "Live") -> dict[str, str]:
    sealing_keys = [one.partition(":")[2] for one in live.environment["TALLYGATE_KEYS"].split(",")]
    password = urlsplit(live.environment["DATABASE_URL"]).password
    own = {SEALING_KEY: sealing_keys[0]}
    return own | {PASSWORD: password} if password and len(password) > 8 else own  # else it is a word of every day


async def _files(live: "Live") -> Found:
    home = live.stack.home.path
    for file in _files_below(home):
        for piece in _pieces(file):
            yield str(file.relative_to(home)), piece


def _files_below(home: Path) -> Iterator[Path]:
    for folder, _, names in os.walk(home, followlinks=True):  # the database may keep its data elsewhere
        yield from (file for name in names if (file := Path(folder, name)).is_file())


def _pieces(file: Path) -> Iterator[bytes]:
    """What is written in the file, each piece with the end of the last. Holes, of which Kafka has many, are left out.

    The file may be gone or become shorter meanwhile."""
    try:
        opened = file.open("rb", buffering=0)
    except FileNotFoundError:
        return
    with opened:
        at = 0
        while True:
            try:
                begin = max(os.lseek(opened.fileno(), at, os.SEEK_DATA) - _OVERLAP_BYTES, 0)
            except OSError:  # from here on it is a hole, or the end
                return
            piece = os.pread(opened.fileno(), _PIECE_BYTES, begin)
            yield piece
            if begin + len(piece) <= at:
                return
            at = begin + len(piece)


async def _spans(live: "Live") -> Found:
    for export in live.otlp.raw:
        yield "spans", export


async def _records(live: "Live") -> Found:
    """Every record that is on any topic now: its key, value and headers."""
    server = live.environment["KAFKA_BOOTSTRAP_SERVERS"]
    left = await _partitions(server)
    consumer = AIOKafkaConsumer(bootstrap_servers=server, auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign(left)
        ends = await consumer.end_offsets(left)
        while left := [one for one in left if await consumer.position(one) < ends[one]]:
            for partition, records in (await consumer.getmany(*left, timeout_ms=500)).items():
                for record in records:
                    headers = b"\n".join(b"%s: %s" % (name.encode(), value or b"") for name, value in record.headers)
                    yield partition.topic, b"\n".join((record.key or b"", headers, record.value or b""))
    finally:
        await consumer.stop()


async def _partitions(server: str) -> list[TopicPartition]:
    admin = AIOKafkaAdminClient(bootstrap_servers=server)
    await admin.start()
    try:
        topics = await admin.describe_topics()
        return [TopicPartition(topic["topic"], one["partition"]) for topic in topics for one in topic["partitions"]]
    finally:
        await admin.close()


async def _rows(live: "Live") -> Found:
    """Every row of every table of ours, as text; bytes are hexadecimal digits there."""
    connection = await asyncpg.connect(live.environment["DATABASE_URL"])
    try:
        for (table,) in await connection.fetch(_TABLES):
            async with connection.transaction():
                async for row in connection.cursor(f"SELECT t::text FROM {table} t", prefetch=500):  # noqa: S608
                    yield table, row[0].encode()
    finally:
        await connection.close()


async def _metrics(live: "Live") -> Found:
    ports = (live.environment[f"TALLYGATE_{service}_PORT"] for service in ("ROUTER", "FEATURES"))
    for url in (live.gateway_url, live.monitor_url, *(f"http://127.0.0.1:{port}" for port in ports)):
        async with live.session.get(f"{url}/metrics") as response:
            yield f"{url}/metrics", await response.read()
