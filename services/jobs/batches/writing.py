"""Pure: lines of the error file for what was never answered."""

from uuid import UUID

import orjson

from shared.batches.values import LastState

_WHY: dict[LastState, tuple[str, str]] = {
    "cancelled": ("batch_cancelled", "the batch was cancelled before this line was answered"),
    "expired": ("batch_expired", "the time of the batch had passed before this line was answered"),
    "failed": ("batch_failed", "the batch failed before this line was answered; its errors say why"),
    "completed": ("batch_completed", "the batch ended before this line was answered"),
}


def written_off(custom_id: str, line_id: UUID | str, ending: LastState) -> str:
    code, message = _WHY[ending]
    error = {"code": code, "message": message}
    named = line_id.hex if isinstance(line_id, UUID) else line_id
    return orjson.dumps({"id": f"batch_req_{named}", "custom_id": custom_id, "response": None, "error": error}).decode()


def as_bytes(lines: list[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()
