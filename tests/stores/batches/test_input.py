"""Files that are no batch, or none any more."""

import orjson
import pytest

from tests.stores.batches.bench import Bench, line, lines

pytestmark = pytest.mark.real_postgres


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", [("empty_file", None)]),
        (lines(1) + b"\n{\n" + lines(1), [("invalid_json_line", 2), ("duplicate_custom_id", 3)]),
        (orjson.dumps(line(1, url="/v1/embeddings")), [("mismatched_url", 1)]),
        (lines(6), [("too_many_lines", None)]),
    ],
    ids=["empty", "not-json-and-doubled", "other-endpoint", "too-many"],
)
async def test_a_file_that_is_no_batch_fails_it(bench: Bench, content: bytes, found: list[tuple[str, int]]) -> None:
    bench.most_lines = 5
    batch_id = await bench.batch(content)

    await bench.run(bench.feeder())

    row = await bench.shown(batch_id)
    assert row["status"] == "failed"
    assert [(one["code"], one["line"]) for one in row["errors"]] == found
    assert not bench.world.published


async def test_a_file_that_cannot_be_read_any_more_fails_it(bench: Bench) -> None:
    batch_id = await bench.batch(lines(3))
    file_id = (await bench.shown(batch_id))["input_file_id"]
    await bench.pool.execute("UPDATE gateway.file_parts SET sealed = 'x' WHERE file_id = $1", file_id)

    await bench.run(bench.feeder())

    row = await bench.shown(batch_id)
    assert (row["status"], [one["code"] for one in row["errors"]]) == ("failed", ["file_unreadable"])


async def test_a_file_that_is_gone_fails_it(bench: Bench) -> None:
    batch_id = await bench.batch(lines(3))
    file_id = (await bench.shown(batch_id))["input_file_id"]
    file = await bench.files.file(bench.tenant_id, file_id)
    assert file is not None
    await bench.files.delete(file)

    await bench.run(bench.feeder())

    row = await bench.shown(batch_id)
    assert (row["status"], [one["code"] for one in row["errors"]]) == ("failed", ["input_file_gone"])
