"""Which topics upstream services publish requests to, for which tenant, and where they may be answered.

The broker's ACLs say who may write to a topic; the deployment says here whose requests these are. A record's own word
counts only where the deployment believes it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Self

from shared.events.topics import DLQ_SUFFIX, REQUESTS, TOPICS, Topic
from shared.events.upstream import UpstreamBatchRequested, UpstreamRequested

ANY_TENANT = "*"  # of a topic whose records are believed
MOST_INGRESS_TOPICS = 100
SETTING = "TALLYGATE_INGRESS_TOPICS"
DEFAULT_INGRESS, DEFAULT_REPLY_PREFIX = f"{REQUESTS.name}={ANY_TENANT}", "replies."

_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,240}")  # with room for the suffix of its dead letters
_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_PARTITIONS, _KEPT_MS = 8, 86_400_000
_OURS = {topic.name for topic in TOPICS}


def ingress_topic(name: str) -> Topic:
    """As `tallygate topics apply` makes it when it is not there."""
    return Topic(
        name, _PARTITIONS, _KEPT_MS, (UpstreamRequested, UpstreamBatchRequested), "any", ("upstream services",),
        ("gateway",), has_dlq=True,
    )  # fmt: skip


@dataclass(frozen=True)
class Ingress:
    """owners: the tenant of each topic, or ANY_TENANT. reply_prefix: with which names of reply topics begin."""

    owners: Mapping[str, str] = field(default_factory=dict)
    reply_prefix: str = DEFAULT_REPLY_PREFIX

    @classmethod
    def parse(cls, text: str, reply_prefix: str = DEFAULT_REPLY_PREFIX) -> Self:
        """text: `topic=tenant`, several separated by commas. Raises ValueError."""
        if _TOPIC.fullmatch(reply_prefix) is None:
            raise ValueError("the prefix of reply topics must be 1 to 240 letters, digits and characters of ._-")
        if ours := sorted(name for name in _OURS if name.startswith(reply_prefix)):
            raise ValueError(f"{ours[0]} begins with the prefix of reply topics, {reply_prefix!r}")
        owners: dict[str, str] = {}
        for entry in filter(None, (part.strip() for part in text.split(","))):
            topic, _, tenant = entry.partition("=")
            if (why_not := _why_not(topic, tenant, reply_prefix)) or topic in owners:
                raise ValueError(f"{entry[:100]!r}: {why_not or 'the topic is named twice'}")
            owners[topic] = tenant
        if len(owners) > MOST_INGRESS_TOPICS:
            raise ValueError(f"at most {MOST_INGRESS_TOPICS} topics can be named")
        return cls(owners, reply_prefix)

    @cached_property
    def topics(self) -> tuple[Topic, ...]:
        """Those that gateways read: what is on REQUESTS, routers read themselves."""
        return tuple(ingress_topic(name) for name in self.owners if name != REQUESTS.name)

    def tenant_of(self, topic: str, claimed: str | None) -> str | None:
        """Whose a request is that claims to be of this tenant, or says nothing; None when it may not be taken."""
        owner = self.owners.get(topic)
        if owner in (ANY_TENANT, None):
            return claimed if owner else None
        return owner if claimed in (owner, None) else None

    def may_reply_to(self, topic: str) -> bool:
        """Never to a topic of ours, nor to one that requests are read from: none of these has the prefix."""
        return topic.startswith(self.reply_prefix) and topic != self.reply_prefix and not topic.endswith(DLQ_SUFFIX)


def _why_not(topic: str, tenant: str, reply_prefix: str) -> str | None:
    if _TOPIC.fullmatch(topic) is None or (tenant != ANY_TENANT and _TENANT.fullmatch(tenant) is None):
        return "it must be topic=tenant, or topic=* where the requests themselves say whose they are"
    if topic in _OURS - {REQUESTS.name} or topic.endswith(DLQ_SUFFIX):
        return "this topic is one of Tallygate's own"
    if topic.startswith(reply_prefix):
        return f"it begins with the prefix of reply topics, {reply_prefix!r}"
    return None


EVERYBODY = Ingress.parse(DEFAULT_INGRESS)
