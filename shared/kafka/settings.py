"""How to reach Kafka: `KAFKA_*` settings, the same for every service."""

import ssl
from typing import Annotated, Any, Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from shared.errors import ConfigurationError
from shared.events.ingress import DEFAULT_INGRESS, DEFAULT_REPLY_PREFIX, Ingress
from shared.events.ingress import SETTING as INGRESS_SETTING
from shared.kafka.dead_letter_limit import SETTING
from shared.settings import Beyond, Settings

# How often a consumer's fetching task looks what it has to do: whatever gives it something to do also wakes it.
IDLE_LOOK_MS = 5000


class KafkaSettings(Settings):
    """`KAFKA_BOOTSTRAP_SERVERS` is required; TLS and SASL are used when set."""

    model_config = SettingsConfigDict(env_prefix="KAFKA_")

    bootstrap_servers: str = Field(default="", max_length=4000, description="`host:port`, several separated by commas")
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        default="PLAINTEXT", description="how the broker is spoken to"
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        default="PLAIN", description="with `SASL_PLAINTEXT` and `SASL_SSL`"
    )
    sasl_username: str | None = Field(default=None, max_length=1000, description="who logs in")
    sasl_password: SecretStr | None = Field(default=None, description="with which password")
    ssl_cafile: str | None = Field(
        default=None, max_length=4000,
        description="the certificates to trust instead of the system's, as a PEM file",
    )  # fmt: skip
    replication_factor: int = Field(
        default=1, ge=1, le=100,
        description="of topics that `tallygate topics apply` makes; `min.insync.replicas` is one less, at least 1",
    )  # fmt: skip
    publish_timeout_s: Annotated[float, Beyond("unavailable", words="services that hold the event try again")] = Field(
        default=15.0, gt=0, le=300,
        description="the broker's ack is awaited for this long. The gateway has its own, `TALLYGATE_PUBLISH_TIMEOUT_S`",
    )  # fmt: skip
    dead_letters_per_minute: Annotated[int, Beyond(words="the process stops; the message stays where it is")] = Field(
        default=100, ge=0, le=1_000_000, validation_alias=SETTING,
        description="a router or monitor that would send more messages to the dead letters stops instead: "
        "[runbooks/dead-letters.md](runbooks/dead-letters.md). 0: no limit",
    )  # fmt: skip

    ingress_topics: str = Field(
        default=DEFAULT_INGRESS, max_length=30_000, validation_alias=INGRESS_SETTING,
        description="whose requests upstream services publish where: `topic=tenant`, separated by commas; `*` for a "
        "topic whose requests are believed ([upstream.md](upstream.md)). The same variable for every service",
    )  # fmt: skip
    reply_topic_prefix: str = Field(
        default=DEFAULT_REPLY_PREFIX, min_length=1, max_length=240, validation_alias="TALLYGATE_REPLY_TOPIC_PREFIX",
        description="with which the names of topics begin that upstream services may have answers published to",
    )  # fmt: skip

    @property
    def ingress(self) -> Ingress:
        return Ingress.parse(self.ingress_topics, self.reply_topic_prefix)

    @model_validator(mode="after")
    def _has_ingress(self) -> Self:
        try:
            Ingress.parse(self.ingress_topics, self.reply_topic_prefix)
        except ValueError as error:
            raise ConfigurationError(f"{INGRESS_SETTING}, TALLYGATE_REPLY_TOPIC_PREFIX: {error}") from None
        return self

    @model_validator(mode="after")
    def _has_addresses(self) -> Self:
        for server in self.bootstrap_servers.split(",") if self.bootstrap_servers else ():
            host, _, port = server.strip().rpartition(":")
            if not host or not (port.isdecimal() and len(port) <= 5 and 0 < int(port) < 65536):
                raise ConfigurationError(
                    f"KAFKA_BOOTSTRAP_SERVERS: {server[:100]!r} is not host:port, as in localhost:9092,broker-2:9092"
                )
        return self

    def connection(self) -> dict[str, Any]:
        """Arguments for every aiokafka client."""
        if not self.bootstrap_servers:
            raise ConfigurationError("KAFKA_BOOTSTRAP_SERVERS is not set; for example localhost:9092")
        secure = self.security_protocol in {"SSL", "SASL_SSL"}
        return {
            "bootstrap_servers": [server.strip() for server in self.bootstrap_servers.split(",")],
            "security_protocol": self.security_protocol,
            "ssl_context": self._ssl_context() if secure else None,
            "sasl_mechanism": self.sasl_mechanism,
            "sasl_plain_username": self.sasl_username,
            "sasl_plain_password": self.sasl_password.get_secret_value() if self.sasl_password else None,
        }

    def _ssl_context(self) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(cafile=self.ssl_cafile)
        except OSError as error:  # ssl.SSLError is one, too
            raise ConfigurationError(f"KAFKA_SSL_CAFILE={self.ssl_cafile} cannot be read: {error}") from None
