"""Records as a consumer gets them."""

from aiokafka import ConsumerRecord


def record(
    topic: str,
    body: bytes | None = b"body",
    key: bytes | None = b"key",
    headers: tuple[tuple[str, bytes], ...] = (),
    offset: int = 17,
) -> ConsumerRecord:
    return ConsumerRecord(
        topic=topic,
        partition=3,
        offset=offset,
        timestamp=1_700_000_000_000,
        timestamp_type=0,
        key=key,
        value=body,
        checksum=None,
        serialized_key_size=len(key or b""),
        serialized_value_size=len(body or b""),
        headers=headers,
    )
