"""Bodies about feature jobs."""

from typing import Annotated

from pydantic import Field, StringConstraints

from services.gateway.bodies import BodyText, StrictBody
from shared.events.bounds import Reference
from shared.policies import Policy
from shared.registry.definition import (
    NAME_PATTERN,
    Text,
)


class FeatureFile(StrictBody):
    path: Annotated[str, StringConstraints(pattern=r"^[^\x00]+$", max_length=500)]
    content: BodyText = ""


class FeatureConstraints(StrictBody):
    """What may be produced. paths: patterns of files that may be written; empty: all."""

    paths: list[Annotated[str, StringConstraints(max_length=200)]] = Field(default=[], max_length=50)
    languages: list[Annotated[str, StringConstraints(max_length=40)]] = Field(default=[], max_length=20)
    max_files: int = Field(default=20, ge=1, le=100)
    max_bytes: int = Field(default=200_000, ge=1, le=1_000_000)


class FeatureBody(StrictBody):
    """POST /api/repos/quality/generate-feature. One of repo (an https:// git URL), archive (base64) and files.

    wait: answer when the job has ended. deadline_s: for the whole job.
    """

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


class FeaturesQuery(StrictBody):
    """GET /api/features?limit=..."""

    limit: int = Field(default=50, ge=1, le=500)
