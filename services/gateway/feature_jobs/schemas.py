"""Bodies about feature jobs."""

from typing import Annotated

from pydantic import ConfigDict, Field, JsonValue, StringConstraints

from services.gateway.bodies import BodyText, Query, StrictBody
from shared.events.bounds import Integral, Reference
from shared.languages import NAMES
from shared.policies import Policy
from shared.registry.definition import (
    NAME_PATTERN,
    URL_PATTERN,
    Text,
)

_GIT_URL = URL_PATTERN.replace("[Hh][Tt][Tt][Pp][Ss]", "https")
# What `source_of` asks for, as a JSON schema can say it.
_SOURCES: list[JsonValue] = [
    {
        "required": ["repo"],
        "properties": {"repo": {"type": "string", "pattern": _GIT_URL}},
    },
    {"required": ["archive"], "properties": {"archive": {"type": "string", "minLength": 1}, "files": {"maxItems": 0}}},
    {"required": ["files"], "properties": {"files": {"minItems": 1}, "archive": {"enum": [None, ""]}}},
]


class FeatureFile(StrictBody):
    path: Annotated[str, StringConstraints(pattern=r"^[^\x00]+$", max_length=500)]
    content: BodyText = ""


# Of the names that are known the one of ours; people's other ones are taken too.
_LANGUAGES: list[JsonValue] = [*sorted(NAMES)]
Language = Annotated[str, StringConstraints(max_length=40), Field(json_schema_extra={"enum": _LANGUAGES})]


class FeatureConstraints(StrictBody):
    """What may be produced. paths: patterns of files that may be written; empty: all."""

    paths: list[Annotated[str, StringConstraints(max_length=200)]] = Field(default=[], max_length=50)
    languages: list[Language] = Field(default=[], max_length=20)
    max_files: Annotated[int, Field(ge=1, le=100), Integral] = 20
    max_bytes: Annotated[int, Field(ge=1, le=1_000_000), Integral] = 200_000


class FeatureBody(StrictBody):
    """POST /api/repos/quality/generate-feature. One of repo (an https:// git URL), archive (base64) and files.

    wait: answer when the job has ended. deadline_s: for the whole job.
    """

    model_config = ConfigDict(json_schema_extra={"anyOf": _SOURCES})

    repo: Text | None = None
    ref: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]*$", max_length=200)] | None = None
    archive: BodyText | None = None
    files: list[FeatureFile] = Field(default=[], max_length=5000)
    featureRequest: Annotated[str, StringConstraints(min_length=1, max_length=20_000)]  # noqa: N815
    model: Reference | None = None
    policy: Policy | None = None
    generator: Annotated[str, StringConstraints(pattern=NAME_PATTERN, max_length=100)] = "llm"
    constraints: FeatureConstraints = FeatureConstraints()
    deadline_s: float | None = Field(default=None, gt=0, le=86_400)
    wait: bool = False


class FeaturesQuery(Query):
    """GET /api/features?limit=..."""

    limit: int = Field(default=50, ge=1, le=500)
