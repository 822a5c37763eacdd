import pytest

from shared.languages import known_language


@pytest.mark.parametrize(
    ("name", "language"),
    [
        ("python", "python"),
        (" Python ", "python"),
        ("C++", "cpp"),
        ("C#", "csharp"),
        ("js", "javascript"),
        ("ts", "typescript"),
        ("golang", "go"),
        ("c", "c"),
        ("R", "r"),
        ("bash", "shell"),
        ("Makefile", "make"),
        ("text", "text"),
        ("pyhton", None),
        ("", None),
    ],
)
def test_known_language(name: str, language: str | None) -> None:
    assert known_language(name) == language
