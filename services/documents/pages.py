"""Which pages there are, and whether they are as the code says."""

from collections.abc import Iterator
from pathlib import Path

from services.documents.dialects_page import dialects_page
from services.documents.limits_page import limits_page
from services.documents.settings_page import with_tables


def pages(docs: Path) -> Iterator[tuple[Path, str]]:
    """Each page, and the text that it should have. The settings page is written by hand but for its tables."""
    settings = docs / "settings.md"
    yield settings, with_tables(settings.read_text())
    yield docs / "limits.md", limits_page()
    yield docs / "dialects.md", dialects_page()


def differing(docs: Path) -> list[Path]:
    return [page for page, text in pages(docs) if not page.exists() or page.read_text() != text]
