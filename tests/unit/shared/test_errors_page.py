import html
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.__main__ import app
from shared.errors import CATALOGUE, ErrorType
from shared.errors.page import errors_page

PAGE = Path(__file__).parents[3] / "docs" / "errors.md"


def test_the_page_is_what_the_catalogue_says() -> None:
    assert PAGE.read_text() == errors_page(), "renew docs/errors.md; shared/errors/page.py says how"


def test_every_type_has_a_section() -> None:
    sections = [line.removeprefix("## ") for line in errors_page().splitlines() if line.startswith("## ")]
    assert sections == list(CATALOGUE)


@pytest.mark.parametrize("error_type", CATALOGUE)
def test_the_command_explains_a_type_like_the_page(error_type: ErrorType) -> None:
    section = html.unescape(errors_page().partition(f"\n## {error_type}\n")[2].partition("\n## ")[0])
    tips = [line.removeprefix("- ") for line in section.splitlines() if line.startswith("- ")]
    text = CliRunner().invoke(app, ["errors", error_type], env={"COLUMNS": "500"}).stdout
    assert [line.removeprefix("  → ").rstrip() for line in text.splitlines() if line.startswith("  → ")] == tips
    assert f"the caller sees HTTP {CATALOGUE[error_type].http_status}." in text
