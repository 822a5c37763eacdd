"""Files of the books: what is in them, and what a spreadsheet or a terminal would make of it."""

import csv
import io
import subprocess
import sys
from datetime import timedelta
from typing import Any

import pyarrow.parquet as pq
import pytest

from services.monitor.books.books import fold
from services.monitor.lists.files import ATTEMPTS, INFERENCES, CsvWriter, ParquetWriter, Writer
from services.monitor.lists.page import Row
from shared.errors import failure
from tests.unit.shared.events.samples import ATTEMPT, INFERENCE, NOW, ended, settled, started

_CALL = {
    "calls": 2, "cost_usd": 0.5, "outcome": "failed", "input_tokens": 3, "output_tokens": None,
    "usage_state": "estimated", "first_chunk_s": 0.25,
}  # fmt: skip


def inference(**more: Any) -> Row:
    word = settled(settlement="failed", error=failure("server_error", "500: boom"), model_served=None)
    row = fold([word]).inferences[INFERENCE]
    return row | {"state": row["settlement"], "calls": _CALL} | more


def csv_rows(*rows: Row, columns: Any = INFERENCES) -> list[dict[str, str]]:
    writer = CsvWriter(columns)
    text = (b"".join(writer.add([row]) for row in rows) + writer.end()).decode()
    return list(csv.DictReader(io.StringIO(text, newline="")))


def parquet_rows(*groups: list[Row], columns: Any = INFERENCES) -> Any:
    writer: Writer = ParquetWriter(columns)
    return pq.ParquetFile(io.BytesIO(b"".join(writer.add(group) for group in groups) + writer.end()))


def test_an_inference_as_a_line() -> None:
    [line] = csv_rows(inference(key_id="k1", session="s1", tags={"team": "search"}, attempts=2))
    assert line == {
        "inference_id": str(INFERENCE), "state": "failed", "operation": "", "accepted_at": "2026-11-23T12:00:00+00:00",
        "settled_at": "2026-11-23T12:00:03+00:00", "duration_s": "3.0", "model_requested": "",
        "first_model": "custom:m", "model_served": "", "server_address": "h:80", "attempts": "2",
        "error_type": "server_error", "error_detail": "500: boom",
        "first_chunk_s": "0.25", "input_tokens": "3", "output_tokens": "",
        "usage_state": "estimated", "cost_usd": "0.5", "key": "k1", "session": "s1", "tags": '{"team":"search"}',
        "reported_by": "router/r1",
    }  # fmt: skip


def test_a_call_as_a_line() -> None:
    books = fold(
        [started(api_key_id="k1"), ended(streamed=True, finish_reasons=("stop",), input_tokens=3, cost_usd=0.5)]
    )
    [line] = csv_rows(books.attempts[ATTEMPT], columns=ATTEMPTS)
    assert (line["attempt_id"], line["inference_id"]) == (str(ATTEMPT), str(INFERENCE))
    assert (line["streamed"], line["finish_reasons"], line["input_tokens"]) == ("true", '["stop"]', "3")
    assert (line["key"], line["operation"], line["cost_usd"], line["error_detail"]) == ("k1", "chat", "0.5", "")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_what_a_spreadsheet_takes_for_a_formula_is_text_in_csv(text: str) -> None:
    [line] = csv_rows(inference(model_requested=text, duration_s=-1.0))
    assert line["model_requested"].startswith("'")
    assert line["duration_s"] == "-1.0"  # numbers are numbers


def test_what_a_terminal_would_obey_is_written_out_in_csv() -> None:
    [line] = csv_rows(inference(model_requested='a\x1b[31m\x07\x9b,"b"\nc'))
    assert line["model_requested"] == 'a\\x1b[31m\\x07\\x9b,"b"\nc'


def test_parquet_has_every_value_as_it_is_row_group_by_row_group() -> None:
    rows = [[inference(model_requested="=1\x1b")], [inference(settled_at=None), inference(calls=None)]]
    file = parquet_rows(*rows)
    assert (file.num_row_groups, file.metadata.num_rows) == (2, 3)
    first, second, third = file.read().to_pylist()
    assert (first["model_requested"], first["accepted_at"], first["cost_usd"]) == ("=1\x1b", NOW, 0.5)
    assert first["settled_at"] == NOW + timedelta(seconds=3)
    assert (second["settled_at"], third["cost_usd"], third["usage_state"]) == (None, None, None)


def test_no_rows_are_a_file_too() -> None:
    assert parquet_rows().metadata.num_rows == 0
    assert csv_rows() == []


def test_who_makes_no_parquet_does_not_load_its_library() -> None:
    code = "import sys, services.monitor.app; sys.exit('pyarrow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
