"""Pure: lines of a text, with the ends that they have."""


def kept_ends(text: str) -> list[str]:
    """Lines by newlines only: str.splitlines also cuts at form feeds and the like."""
    lines = [line + "\n" for line in text.split("\n")]
    last = lines.pop()[:-1]
    return [*lines, last] if last else lines


def is_crlf(text: str) -> bool:
    """Whether every line of it ends so; a file that mixes both is taken as it is."""
    return "\r\n" in text and text.count("\n") == text.count("\r\n")


def lf(text: str) -> str:
    return text.replace("\r\n", "\n")
