from services.features.asking import kept_of
from shared.wire import CompletionRead, Usage


def test_steps_of_every_version_keep_an_answer_under_these_names() -> None:
    assert kept_of(CompletionRead("hello", "m", ("stop",), Usage(10, 4, 2, 1)), lambda: 7) == {
        "text": "hello", "finish_reason": "stop", "input_tokens": 10, "output_tokens": 4, "cache_read_tokens": 2,
        "cache_write_tokens": 1,
    }  # fmt: skip


def test_what_the_endpoint_did_not_count_is_kept_as_an_estimate() -> None:
    kept = kept_of(CompletionRead("hello", characters=5), lambda: 7)
    assert (kept["text"], kept["finish_reason"], kept["input_tokens"], kept["output_tokens"]) == (
        "hello",
        "unknown",
        7,
        2,
    )
