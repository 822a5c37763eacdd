"""How to reach Kafka: `KAFKA_*` settings, the same for every service."""

import ssl
from typing import Any

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.errors import ConfigurationError
from shared.kafka.dead_letter_limit import SETTING


class KafkaSettings(BaseSettings):
    """`KAFKA_BOOTSTRAP_SERVERS` is required; TLS and SASL are used when set."""

    model_config = SettingsConfigDict(env_prefix="KAFKA_")

    bootstrap_servers: str = ""
    security_protocol: str = "PLAINTEXT"
    sasl_mechanism: str = "PLAIN"
    sasl_username: str | None = None
    sasl_password: SecretStr | None = None
    ssl_cafile: str | None = None
    replication_factor: int = 1
    publish_timeout_s: float = 15.0  # an ack that takes longer is answered with 503
    dead_letters_per_minute: int = Field(default=100, ge=0, validation_alias=SETTING)  # 0: no limit

    def connection(self) -> dict[str, Any]:
        """Arguments for every aiokafka client."""
        if not self.bootstrap_servers:
            raise ConfigurationError("KAFKA_BOOTSTRAP_SERVERS is not set; for example localhost:9092")
        secure = self.security_protocol in {"SSL", "SASL_SSL"}
        return {
            "bootstrap_servers": self.bootstrap_servers.split(","),
            "security_protocol": self.security_protocol,
            "ssl_context": ssl.create_default_context(cafile=self.ssl_cafile) if secure else None,
            "sasl_mechanism": self.sasl_mechanism,
            "sasl_plain_username": self.sasl_username,
            "sasl_plain_password": self.sasl_password.get_secret_value() if self.sasl_password else None,
        }
