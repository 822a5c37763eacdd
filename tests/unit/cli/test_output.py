"""What comes from elsewhere is shown as text, and steers no terminal."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cli.output import one_line, plain, print_json, print_json_line, without_controls

STEERING = ("\x1b[2J", "\x9b31m", "\x07", "\r", "\x7f", "\u202egpj.exe", "\u2066", "\ud800")


@pytest.mark.parametrize("text", STEERING, ids=ascii)
def test_what_steers_is_written_out(text: str) -> None:
    assert plain(text) == text[0].encode("unicode_escape", "surrogatepass").decode().replace("\\r", "\\x0d") + text[1:]
    assert without_controls(text) == text[1:]


@given(st.text(st.characters()))
def test_nothing_is_left_that_steers_or_cannot_be_written(text: str) -> None:
    shown = one_line(text)
    shown.encode()
    assert all(character.isprintable() or character.isspace() or ord(character) > 0x9F for character in shown)
    assert not {"\n", "\t", "\x1b", "\x9b", "\u202e"} & set(shown)


@pytest.mark.parametrize("text", [*STEERING, "a\nb", "ü → 🙂", "[bold]"], ids=ascii)
def test_json_says_the_same_and_steers_nothing(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"name": text})
    print_json_line({"name": text})

    printed = capsys.readouterr().out
    assert not set(STEERING[1] + STEERING[5] + STEERING[7] + "\x1b\x07\r\x7f\u2066") & set(printed) - set("31mgpj.ex")
    whole, line = printed[: printed.index("}") + 2], printed.splitlines()[-1]
    assert json.loads(whole) == json.loads(line) == {"name": text}
