import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.wire.reading.thoughts import AnswerReader, answer_in

TEXTS = {
    "no thoughts": ("an answer", "an answer"),
    "space before an answer": ("  an answer", "  an answer"),
    "DeepSeek R1": ("<think>\nhm\n</think>\n\nan answer", "an answer"),
    "Qwen that does not think": ("<think>\n\n</think>\n\nan answer", "an answer"),
    "space before thoughts": ("\n <think>hm</think>an answer", "an answer"),
    "two thoughts": ("<think>a</think>\n<think>b</think>an answer", "an answer"),
    "Magistral": ("[THINK]hm[/THINK]an answer", "an answer"),
    "Kimi": ("◁think▷hm◁/think▷an answer", "an answer"),
    "gpt-oss": (
        "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>an answer",
        "an answer",
    ),
    "cut while it thinks": ("<think>hm, an ans", ""),
    "nothing but thoughts": ("<think>hm</think>", ""),
    "begun in the prompt": ("hm\n</think>\n\nan answer", "an answer"),
    "begun in the prompt, ended in its line": ("hm.</think>\nan answer", "an answer"),
    "about marks": ("Write `</think>` after <think>.", "Write `</think>` after <think>."),
    "marks in a fence": ("So:\n```\n</think>\n```\n", "So:\n```\n</think>\n```\n"),
    "marks of an example": ("Use <think>\n</think>\nlike this", "Use <think>\n</think>\nlike this"),
    "another element": ("<thin> lines", "<thin> lines"),
    "the beginning of a mark": ("<thi", "<thi"),
    "nothing": ("", ""),
}


@pytest.mark.parametrize(("text", "answer"), TEXTS.values(), ids=list(TEXTS))
def test_what_a_model_thinks_before_it_answers_is_no_answer(text: str, answer: str) -> None:
    assert answer_in(text) == answer


@given(st.sampled_from([text for name, (text, _) in TEXTS.items() if "prompt" not in name]), st.integers(1, 7))
def test_in_pieces_the_answer_is_the_same(text: str, size: int) -> None:
    reader = AnswerReader()
    pieces = [reader.add(text[start : start + size]) for start in range(0, len(text), size)]
    assert "".join(pieces) + reader.end() == answer_in(text)


def test_an_answer_is_passed_on_as_soon_as_it_is_one() -> None:
    reader = AnswerReader()
    assert [reader.add(piece) for piece in ("<", "p", ">", "<think>")] == ["", "<p", ">", "<think>"]


@pytest.mark.parametrize("text", ["<think></think>" * 100_000, " " * 1_000_000, "<think>" + "<" * 1_000_000])
def test_nothing_takes_long(text: str) -> None:
    reader = AnswerReader()
    for start in range(0, len(text), 10_000):
        reader.add(text[start : start + 10_000])
    assert len(reader.end()) <= 1_000_000
