"""Whose requests are on which topic, and where their answers may go."""

import pytest

from shared.errors import ConfigurationError
from shared.events.ingress import EVERYBODY, Ingress
from shared.events.topics import TOPICS
from shared.kafka.settings import KafkaSettings


@pytest.mark.parametrize(
    ("topic", "claimed", "tenant"),
    [
        ("acme.requests", "acme", "acme"),
        ("acme.requests", None, "acme"),
        ("acme.requests", "rival", None),
        ("shared", "anybody", "anybody"),
        ("shared", None, None),
        ("unnamed", "acme", None),
        ("inference.requests.v1", "acme", None),
    ],
)
def test_what_a_record_claims_counts_where_it_is_believed(topic: str, claimed: str | None, tenant: str | None) -> None:
    ingress = Ingress.parse("acme.requests=acme, shared=*")
    assert ingress.tenant_of(topic, claimed) == tenant


def test_by_default_routers_believe_their_own_topic_and_gateways_read_none() -> None:
    assert EVERYBODY.tenant_of("inference.requests.v1", "acme") == "acme"
    assert EVERYBODY.topics == ()
    assert KafkaSettings(bootstrap_servers="b:1").ingress == EVERYBODY


@pytest.mark.parametrize(
    "text",
    [
        "acme.requests",
        "acme.requests=",
        "=acme",
        "a b=acme",
        "acme=a/b",
        "acme.requests.dlq=acme",
        "inference.outcomes.v1=*",
        "replies.acme=acme",
        "a=acme,a=rival",
        ",".join(f"t{number}=*" for number in range(101)),
    ],
    ids=["no tenant", "empty", "no topic", "space", "slash", "dead letters", "ours", "replies", "twice", "too many"],
)
def test_a_setting_that_cannot_be_meant_is_refused_at_start(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TALLYGATE_INGRESS_TOPICS", text)
    with pytest.raises(ConfigurationError, match="TALLYGATE_INGRESS_TOPICS"):
        KafkaSettings()


@pytest.mark.parametrize("prefix", ["inference.", "in", "", "a b"])
def test_a_prefix_that_topics_of_ours_have_is_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match="prefix"):
        Ingress.parse("", prefix)


@pytest.mark.parametrize(
    ("topic", "allowed"),
    [("replies.acme", True), ("replies.", False), ("replies.acme.dlq", False), ("acme.replies.x", False)],
)
def test_answers_go_under_their_prefix_only(topic: str, allowed: bool) -> None:
    assert EVERYBODY.may_reply_to(topic) is allowed


def test_no_answer_can_go_to_a_topic_that_is_read_here() -> None:
    ingress = Ingress.parse("acme.requests=acme,shared=*")
    assert not any(ingress.may_reply_to(topic.name) for topic in (*TOPICS, *ingress.topics))
