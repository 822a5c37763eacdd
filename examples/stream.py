"""Streams an answer through Tallygate with the OpenAI SDK: `python examples/stream.py [model] [question]`.

TALLYGATE_URL and TALLYGATE_API_KEY say where and as whom; by default the local run of `make run`, as its administrator.
"""

import os
import sys
from pathlib import Path

import openai


def main(model: str = "auto", question: str = "Say hello, and count to ten.") -> None:
    url = os.environ.get("TALLYGATE_URL", "http://127.0.0.1:8000")
    key = os.environ.get("TALLYGATE_API_KEY") or Path(".tallygate/admin.key").read_text().strip()
    client = openai.OpenAI(base_url=f"{url}/v1", api_key=key)
    try:
        stream = client.chat.completions.create(
            model=model,
            messages=[{"role": "user", "content": question}],
            stream=True,
            stream_options={"include_usage": True},
        )
        for chunk in stream:
            for choice in chunk.choices:
                print(choice.delta.content or "", end="", flush=True)
            if chunk.usage is not None:
                print(f"\n{chunk.usage.completion_tokens} tokens")
    except openai.APIError as error:
        # Before the first token or after it: what has come is not the whole answer.
        sys.exit(f"\n{error.code}: {error.message}")


if __name__ == "__main__":
    main(*sys.argv[1:])
