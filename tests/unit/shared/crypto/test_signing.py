import pytest

from shared.crypto.signing import SigningKeys, SigningSettings, new_signing_key
from shared.errors import ConfigurationError

OLD, NEW = new_signing_key("old"), new_signing_key("new")


def test_the_first_key_signs_and_the_others_verify_what_they_signed() -> None:
    by_old = SigningKeys.parse(OLD).sign(b"text")
    keys = SigningKeys.parse(f"{NEW}, {OLD}")
    assert keys.verifies("new", keys.sign(b"text"), b"text")
    assert keys.verifies("old", by_old, b"text")
    assert not keys.verifies("old", by_old, b"texts")
    assert not keys.verifies("new", by_old, b"text")
    assert not keys.verifies("nobody", by_old, b"text")


def test_public_keys_verify_and_do_not_sign() -> None:
    keys = SigningKeys.parse(f"{NEW},{OLD}")
    public = SigningKeys.parse(keys.public_text())
    assert public.verifies("new", keys.sign(b"text"), b"text")
    assert public.public_text() == keys.public_text()
    with pytest.raises(ConfigurationError, match="public and cannot sign"):
        public.sign(b"text")


def test_a_replaced_key_may_be_left_as_its_public_half() -> None:
    keys = SigningKeys.parse(f"{NEW},{SigningKeys.parse(OLD).public_text()}")
    assert keys.verifies("old", SigningKeys.parse(OLD).sign(b"text"), b"text")


@pytest.mark.parametrize(
    "text",
    [
        "",
        " , ",
        "nothing",
        ":AAAA",
        "k:",
        "k:notbase64!",
        "k:c2hvcnQ=",
        "k:public:c2hvcnQ=",
        pytest.param(f"{OLD},{OLD}", id="twice the same"),
        "kéy",
    ],
)
def test_what_is_no_list_of_keys_is_refused_without_telling_it(text: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        SigningKeys.parse(text)
    detail = refused.value.failure.detail
    assert detail.startswith("TALLYGATE_SIGNING_KEYS")
    assert "c2hvcnQ" not in detail
    assert OLD.partition(":")[2] not in detail


def test_no_keys_are_no_error_for_a_monitor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TALLYGATE_SIGNING_KEYS", "")
    assert SigningSettings().keys() is None
    monkeypatch.setenv("TALLYGATE_SIGNING_KEYS", NEW)
    keys = SigningSettings().keys()
    assert keys is not None
    assert keys.signing_kid == "new"
