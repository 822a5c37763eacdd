from pathlib import Path

from shared.errors import CATALOGUE
from shared.errors.page import errors_page

PAGE = Path(__file__).parents[3] / "docs" / "errors.md"


def test_the_page_is_what_the_catalogue_says() -> None:
    assert PAGE.read_text() == errors_page(), "renew docs/errors.md; shared/errors/page.py says how"


def test_every_type_has_a_section() -> None:
    sections = [line.removeprefix("## ") for line in errors_page().splitlines() if line.startswith("## ")]
    assert sections == list(CATALOGUE)
