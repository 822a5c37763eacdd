"""What an inference can ask for, and the wire formats in which it is asked."""

from typing import Literal

Operation = Literal["chat", "embeddings", "rerank", "count_tokens"]
WireFormat = Literal["openai", "anthropic"]
