"""One job from its request to its result: read the repository, generate, check, and report the outcome."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import orjson
from pydantic import TypeAdapter, ValidationError

from services.features import outcomes
from services.features.asking import Asking, Lines
from services.features.codegen import quality, report
from services.features.codegen.check import check
from services.features.codegen.check.execution import ExecutionPolicy, execute
from services.features.codegen.generators.catalogue import Catalogue
from services.features.codegen.patches import unified_diff
from services.features.codegen.reading import read
from services.features.codegen.reading.context import Budget, budget, make_context
from services.features.codegen.reading.formats import secrets_by_format
from services.features.codegen.source import GitSource, ReadLimits, Source
from services.features.codegen.values import Constraints, Draft, Finding, ProducedFile, Repository, Task
from services.features.outcomes import Outcome
from services.features.settings import FeaturesSettings
from services.features.steps import Steps
from services.features.worker import JobHandle
from shared.crypto import SealedContext, UnreadableSecretError, open_sealed, seal
from shared.errors import Failure, TallygateError, failure
from shared.events import FeatureCall, FeatureRequested, RoutingOptions
from shared.events.codec import reason
from shared.events.topics import MAX_RECORD_BYTES
from shared.guard import Guard
from shared.registry import Model, ProviderModels, TenantModels, canonical_reference
from shared.registry.store import RegistryStore
from shared.selection import Needs, select

_SOURCE: TypeAdapter[Source] = TypeAdapter(Source)
_READING = "reading"
_BOM = "\ufeff"
MAX_SEALED_RESULT = MAX_RECORD_BYTES - 256 * 1024  # the rest of the record is for the calls and the error


class Wish(NamedTuple):
    """What the caller asks for, as the gateway sealed it."""

    source: Source
    text: str
    constraints: Constraints


class JobRunner:
    """Holds what all jobs of a worker share."""

    def __init__(
        self, settings: FeaturesSettings, lines: Lines, guard: Guard, catalogue: Catalogue, registry: RegistryStore,
        providers: ProviderModels,
    ) -> None:  # fmt: skip
        self._settings = settings
        self._lines = lines
        self._guard = guard
        self._catalogue = catalogue
        self._registry = registry
        self._providers = providers

    async def run(self, job: JobHandle) -> Outcome:
        """Raises TallygateError when it cannot be done. A result that fails its checks is an outcome, and says so."""
        request = job.request
        steps = Steps(self._lines.store, self._lines.ring, request.tenant_id, request.feature_id)
        try:
            generator = await asyncio.to_thread(self._catalogue.get, request.generator)
            wish = _opened(self._lines, request)
            await job.tell("reading")
            repository = await self._read(wish.source, steps)
            models = await self._models(request)
            tokens = self._budget(models)
            formats = await asyncio.to_thread(secrets_by_format, (wish.text, *repository.files.values()))
            if formats.degraded is not None:
                repository = replace(repository, notes=(*repository.notes, formats.degraded))
            context = await asyncio.to_thread(make_context, wish.text, repository, tokens.context, formats.secrets)
            task = Task(wish.text, repository, context, wish.constraints, self._options(tokens))
            ask = Asking(self._lines, request, steps, job.taken.traceparent, job.written, streamed=can_stream(models))

            async def checked(draft: Draft) -> tuple[Finding, ...]:
                return await self._check(draft, repository, wish.constraints)

            draft = await generator.generate(task, ask, job.tell, checked)
            findings = await checked(draft)
            executed = bool(self._settings.check_command)
            result = await asyncio.to_thread(_result, draft, findings, repository, executed=executed)
        except UnreadableSecretError as error:
            detail = f"what was sealed for this job cannot be opened: {error}"
            return outcomes.failed(failure("key_unreadable", detail, title="The job cannot be read"))
        except TallygateError as error:
            return outcomes.failed(error.failure, calls=await self._calls(request, steps))
        calls = await self._calls(request, steps)
        sealed = seal(self._lines.ring, _result_context(request), orjson.dumps(result))
        if len(sealed) > MAX_SEALED_RESULT:
            return outcomes.failed(_too_large(), calls=calls)
        if wrong := report.failing(findings):
            return outcomes.failed(_invalid(wrong), sealed, calls)
        await job.tell("done", f"{len(draft.files)} files")
        return outcomes.completed(sealed, calls)

    async def calls(self, request: FeatureRequested) -> tuple[FeatureCall, ...]:
        """The calls of a job that ends outside of `run`; empty when the stored values cannot be opened."""
        steps = Steps(self._lines.store, self._lines.ring, request.tenant_id, request.feature_id)
        try:
            return await self._calls(request, steps)
        except UnreadableSecretError:
            return ()

    async def _read(self, source: Source, steps: Steps) -> Repository:
        """A job that another worker took over reads the same commit: the stored answers are about its files."""
        known = await steps.value(_READING)
        if known is not None and isinstance(source, GitSource):
            source = source.model_copy(update={"ref": known["commit"] or source.ref})
        limits = ReadLimits(
            max_total_bytes=self._settings.max_repository_bytes, clone_timeout_s=self._settings.clone_timeout_s
        )
        repository, commit = await read(source, limits, self._guard)
        if known is None:
            await steps.finish(_READING, {"commit": commit, "files": len(repository.files)})
        return repository

    async def _models(self, request: FeatureRequested) -> list[Model]:
        """Those that the calls would be tried on now, in this order."""
        rows = await self._registry.tenant(request.tenant_id)
        custom = {model.id: model for model in rows.custom}
        models = TenantModels(rows.version, custom, self._providers, rows.terms)
        options = RoutingOptions(policy=request.policy, allowed_models=request.allowed_models)
        candidates = select(Needs(canonical_reference(request.model), options=options), models).candidates
        return [candidate.model for candidate in candidates]

    def _budget(self, models: Sequence[Model]) -> Budget:
        """For the context window of the first model."""
        window = models[0].context_window if models else None
        return budget(window, Budget(self._settings.context_tokens, self._settings.answer_tokens))

    def _options(self, tokens: Budget) -> Mapping[str, Any]:
        return {
            "max_repairs": self._settings.max_repairs,
            "answer_tokens": tokens.answer,
            "context_tokens": tokens.context,
        }

    async def _check(self, draft: Draft, repository: Repository, constraints: Constraints) -> tuple[Finding, ...]:
        findings = await asyncio.to_thread(check, draft, repository, constraints)
        if report.failing(findings) or not self._settings.check_command:
            return findings
        policy = ExecutionPolicy(
            allowed=True, command=self._settings.check_command, timeout_s=self._settings.check_timeout_s
        )
        return (*findings, *await execute(policy, draft, repository))

    async def _calls(self, request: FeatureRequested, steps: Steps) -> tuple[FeatureCall, ...]:
        """The inferences that the job made, with their costs at today's prices."""
        finished = await steps.finished("call.")
        tenant = await self._registry.tenant(request.tenant_id) if finished else None
        models = {model.id: model for model in (tenant.custom if tenant else ())} | self._providers
        return tuple(_call(key.removeprefix("call."), kept, models) for key, kept in finished.items())


def can_stream(models: Iterable[Model]) -> bool:
    """A stream would pass over a model that cannot, and another one, or none, would be called in its place."""
    return all(model.capabilities.streaming is not False for model in models)


def _opened(lines: Lines, request: FeatureRequested) -> Wish:
    context = SealedContext(request.tenant_id, "feature", str(request.feature_id))
    given = orjson.loads(open_sealed(lines.ring, context, request.sealed_input))
    try:
        source = _SOURCE.validate_python(given["source"])
        return Wish(source, given["wish"], Constraints.model_validate(given["constraints"]))
    except ValidationError as error:
        raise TallygateError("invalid_request", f"the job is not one that can be worked on: {reason(error)}") from None


def _result(draft: Draft, findings: tuple[Finding, ...], repository: Repository, *, executed: bool) -> dict[str, Any]:
    """The result as JSON values. Comparing files takes long enough to block the event loop: call it in a thread."""
    files = [with_mark(file) if file.path in repository.marked else file for file in draft.files]
    diffs = [unified_diff(file.before, file.content, file.path) for file in files]
    return {
        "files": [_file(file, diff) for file, diff in zip(files, diffs, strict=True)],
        "summary": draft.summary,
        "validation": report.validation(findings, draft, executed=executed),
        "quality": quality.as_dict(quality.measure(draft, repository, diffs)),
        "integration_instructions": list(draft.integration_instructions),
        "next_steps": list(draft.next_steps),
        "estimated_impact": draft.estimated_impact,
        "repository": {
            "origin": repository.origin,
            "files": len(repository.files),
            "notes": list(repository.notes),
        },
    }


def with_mark(file: ProducedFile) -> ProducedFile:
    """As it is to be written: the byte order mark that it began with was taken off when it was read."""
    before = None if file.before is None else _BOM + file.before.removeprefix(_BOM)
    return replace(file, content=_BOM + file.content.removeprefix(_BOM), before=before)


def _file(file: ProducedFile, diff: str) -> dict[str, Any]:
    return {
        "path": file.path,
        "language": file.language,
        "content": file.content,
        "diff": diff,
        "action": "create" if file.before is None else "edit",
    }


def _result_context(request: FeatureRequested) -> SealedContext:
    return SealedContext(request.tenant_id, "feature_result", str(request.feature_id))


def _too_large() -> Failure:
    tip = "Wish for less at once, or give a smaller constraints.max_bytes."
    detail = "what was produced is too large to be handed over"
    return failure("payload_too_large", detail, title="The result is too large", tips=(tip,))


def _invalid(findings: tuple[Finding, ...]) -> Failure:
    """How many findings of which kind. Their messages hold content, and stay in the sealed result."""
    kinds = Counter(finding.kind for finding in findings)
    counted = ", ".join(f"{number} {kind}" for kind, number in kinds.most_common())
    return failure("generation_invalid", f"what was produced has {len(findings)} findings: {counted}")


def _call(purpose: str, kept: dict[str, Any], models: Mapping[str, Any]) -> FeatureCall:
    error = kept.get("error")
    tokens = tuple(kept.get(f"{kind}_tokens") or 0 for kind in ("input", "output", "cache_read", "cache_write"))
    model = models.get(kept.get("model") or "")
    return FeatureCall(
        inference_id=kept["inference_id"],
        purpose=purpose,
        model=kept.get("model"),
        input_tokens=tokens[0],
        output_tokens=tokens[1],
        cost_usd=model.price.cost_usd(*tokens) if model is not None and model.price and error is None else None,
        error_type=error["error_type"] if error else None,
    )
