import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.registry import canonical_reference


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (None, None),
        ("", None),
        ("  ", None),
        ("auto", None),
        (" auto ", None),
        ("custom:m", "custom:m"),
        ("custom/m", "custom:m"),
        ("m", "custom:m"),
        (" m ", "custom:m"),
        ("openai:gpt-5", "openai:gpt-5"),
        ("openai/gpt-5", "openai:gpt-5"),
        ("openrouter/org/model", "openrouter:org/model"),
        ("openrouter:org/model", "openrouter:org/model"),
        ("ollama/llama:7b", "ollama:llama:7b"),
        ("ollama:llama:7b", "ollama:llama:7b"),
        ("automatic", "custom:automatic"),
    ],
)
def test_every_way_to_name_a_model_has_one_meaning(written: str | None, meant: str | None) -> None:
    assert canonical_reference(written) == meant


@given(st.text(alphabet=":/ abcauto-.1") | st.text())
def test_what_is_canonical_stays(written: str) -> None:
    meant = canonical_reference(written)
    assert canonical_reference(meant) == meant


@given(st.text(alphabet=":/ ab-.1", min_size=1) | st.text())
def test_a_reference_is_a_kind_and_a_name(written: str) -> None:
    meant = canonical_reference(written)
    assert meant is None or ":" in meant
