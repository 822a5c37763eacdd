"""What came back, whatever its status."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any


@dataclass(frozen=True)
class Answer:
    """status: of HTTP. headers: by their lower-case names. text: the whole body."""

    status: int
    headers: Mapping[str, str]
    text: str

    @cached_property
    def body(self) -> Any:
        """The JSON value; None when the body is empty. Raises ValueError when it holds anything else."""
        return json.loads(self.text) if self.text else None

    @property
    def inference_id(self) -> str | None:
        return self.headers.get("x-tallygate-inference-id")
