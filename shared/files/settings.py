"""Where files lie, and for how long."""

from typing import Annotated

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from shared.settings import Beyond, Settings

MAX_RETENTION_S = 366 * 86_400


class FileSettings(Settings):
    """`TALLYGATE_FILE*`, the same for every service that has files."""

    model_config = SettingsConfigDict(env_prefix="TALLYGATE_")

    files: str = Field(
        default="postgres", max_length=1000, pattern=r"^(postgres|s3://[A-Za-z0-9._-]+(/[A-Za-z0-9._/-]*)?)$",
        description="where parts of files are put: `postgres`, or an object store with the interface of S3, as "
        "`s3://bucket/prefix`. What is there already stays where it is, and is read from there",
    )  # fmt: skip
    files_endpoint: str = Field(
        default="", max_length=2000, pattern=r"^(https?://[^\s@?#]+)?$",
        description="the address of the object store, as `https://minio.internal:9000`. Empty: Amazon's, by the region",
    )  # fmt: skip
    files_region: str = Field(default="us-east-1", max_length=100, description="the region of the bucket")
    files_access_key_id: SecretStr = Field(
        default=SecretStr(""),
        description="with the next one, who may use the bucket. Empty: as `AWS_*` variables or the machine's role say",
    )
    files_secret_access_key: SecretStr = Field(default=SecretStr(""), description="belongs to the one before")
    files_timeout_s: Annotated[float, Beyond("unavailable")] = Field(
        default=30.0, gt=0, le=600, description="for one part to be put into the object store or to come from it"
    )
    file_retention_s: Annotated[float, Beyond(words="it is deleted")] = Field(
        default=30 * 86_400.0, gt=0, le=MAX_RETENTION_S,
        description="for this long a file (`/v1/files`) is kept, unless its upload asks for less",
    )  # fmt: skip
