"""docs/settings.md is as the settings classes say, and names every variable of the local run."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from deploy.local.settings import read_settings
from services.documents.settings_classes import all_settings
from services.documents.settings_page import with_tables

PAGE = (Path(__file__).parents[3] / "docs" / "settings.md").read_text()


class Asked(Mapping[str, str]):
    """An empty environment that remembers what it was asked for."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.names.add(name)
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def test_its_tables_are_as_the_code_says() -> None:
    assert with_tables(PAGE) == PAGE, "renew it: tallygate documents"


def test_every_setting_says_what_it_means() -> None:
    assert [setting.variable for setting in all_settings() if not setting.field.description] == []


def test_names_every_setting_of_the_local_run() -> None:
    environment = Asked()

    read_settings(environment)

    assert environment.names
    assert {name for name in environment.names if f"`{name}`" not in PAGE} == set()
