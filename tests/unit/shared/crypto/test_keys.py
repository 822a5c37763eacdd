import base64

import pytest

from shared.crypto import KeyRing, SealedContext, UnreadableSecretError, open_sealed, seal
from shared.crypto.keys import KEY_BYTES, KeySettings, new_key
from shared.crypto.sealed import sealing_key_id
from shared.errors import ConfigurationError

CONTEXT = SealedContext("acme", "reply", "1")
OLD, NEW = new_key("old"), new_key("new")
NEW_KEY_COMMAND = "tallygate secrets new-key"


def test_a_new_key_is_an_entry_that_can_be_used() -> None:
    kid, _, encoded = new_key("k7").partition(":")
    assert kid == "k7"
    assert len(base64.b64decode(encoded)) == KEY_BYTES


def test_new_keys_differ() -> None:
    assert new_key() != new_key()


def test_the_first_key_seals() -> None:
    ring = KeyRing.parse(f"{NEW},{OLD}")
    assert sealing_key_id(seal(ring, CONTEXT, b"secret")) == "new"


def test_after_a_rotation_the_old_key_still_opens() -> None:
    sealed = seal(KeyRing.parse(OLD), CONTEXT, b"secret")
    assert open_sealed(KeyRing.parse(f"{NEW},{OLD}"), CONTEXT, sealed) == b"secret"


def test_a_key_that_was_taken_away_opens_no_more() -> None:
    sealed = seal(KeyRing.parse(OLD), CONTEXT, b"secret")
    with pytest.raises(UnreadableSecretError, match="'old'"):
        open_sealed(KeyRing.parse(NEW), CONTEXT, sealed)


def test_spaces_and_empty_entries_do_no_harm() -> None:
    assert list(KeyRing.parse(f" {NEW} , ,{OLD},").ciphers) == ["new", "old"]


@pytest.mark.parametrize("text", ["", " ", ",", " , "])
def test_without_a_key_nothing_starts_and_the_command_to_make_one_is_told(text: str) -> None:
    with pytest.raises(ConfigurationError, match=NEW_KEY_COMMAND):
        KeyRing.parse(text)


@pytest.mark.parametrize("encoded", ["", "AAAA", "not base64!", "é", base64.b64encode(b"x" * 33).decode()])
def test_a_key_of_another_form_or_length_is_refused_by_its_place_and_not_shown(encoded: str) -> None:
    with pytest.raises(ConfigurationError, match=NEW_KEY_COMMAND) as caught:
        KeyRing.parse(f"{NEW},k2:{encoded}")
    detail = caught.value.failure.detail
    assert "entry 2" in detail
    assert not encoded or encoded not in detail


@pytest.mark.parametrize("text", [NEW.partition(":")[2], f"{NEW.partition(':')[2]}:new"], ids=["no id", "turned round"])
def test_a_key_that_stands_where_its_id_belongs_is_not_shown(text: str) -> None:
    with pytest.raises(ConfigurationError, match="entry 1") as caught:
        KeyRing.parse(text)
    assert NEW.partition(":")[2] not in caught.value.failure.detail


@pytest.mark.parametrize(
    "text",
    [f"{OLD},{OLD}", OLD.partition(":")[1] + OLD.partition(":")[2], "x" * 256 + NEW.removeprefix("new")],
    ids=["twice", "none", "too long"],
)
def test_every_key_needs_an_id_of_its_own(text: str) -> None:
    with pytest.raises(ConfigurationError, match="kid:base64,kid:base64"):
        KeyRing.parse(text)


def test_the_setting_is_read_from_the_environment_and_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TALLYGATE_KEYS", NEW)
    settings = KeySettings()
    assert settings.key_ring().sealing_kid == "new"
    assert NEW not in repr(settings)


def test_without_the_setting_there_is_no_default_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TALLYGATE_KEYS", raising=False)
    with pytest.raises(ConfigurationError, match="there is no default key"):
        KeySettings().key_ring()
