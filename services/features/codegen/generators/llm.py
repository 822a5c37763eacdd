"""Lets models plan the feature, write it portion by portion, and mend what checks find.

What is asked, and in which order, follows from the task and the answers alone: a job that another worker goes on with
asks the same keys again and gets the same draft.
"""

import asyncio
import re
from dataclasses import replace
from typing import Any

from services.features.codegen import answers
from services.features.codegen.answers import Answer
from services.features.codegen.generators import prompts
from services.features.codegen.generators.contract import Ask, Check, Reply, Tell
from services.features.codegen.generators.plans import PLAN_SCHEMA, NoPlan, portions, read_plan, single_shot
from services.features.codegen.generators.prompts import Mending, Message, Portion
from services.features.codegen.generators.repairs import concerned, drafted, is_better, mended, notes, with_findings
from services.features.codegen.reading.secrets import remove_known
from services.features.codegen.values import Draft, Finding, Plan, PlannedFile, Task
from shared.errors import Failure, TallygateError

MAX_CONTINUATIONS = 4  # of one answer
PLAN_TOKENS = 2_000
DEFAULT_ANSWER_TOKENS = 8_000
DEFAULT_REPAIRS = 2

_NO_PLAN = "No plan could be read from the model's answers: all was written at once. Look for what is missing."
_OF_REQUEST = frozenset({"invalid_request", "endpoint_refused", "server_error", "bad_response"})
_NAMES_SCHEMAS = re.compile(r"response.?format|json.?(?:schema|object)|structured.?output|guided.?json", re.IGNORECASE)


def make() -> "Llm":
    return Llm()


class Llm:
    name = "llm"

    async def generate(self, task: Task, ask: Ask, tell: Tell, check: Check) -> Draft:
        """Raises TallygateError when no model answers while it is planned or written."""
        return await _Generation(task, ask, tell, check).run()


class _Generation:
    """One task. Options: "max_repairs", "answer_tokens" (that one answer may have), "context_tokens" (see prompts)."""

    def __init__(self, task: Task, ask: Ask, tell: Tell, check: Check) -> None:
        self._task = task
        self._ask = ask
        self._tell = tell
        self._check = check
        self._answer_tokens = int(task.options.get("answer_tokens", DEFAULT_ANSWER_TOKENS))
        self._max_repairs = int(task.options.get("max_repairs", DEFAULT_REPAIRS))
        self._structured = True  # until a model says that it does not take schemas

    async def run(self) -> Draft:
        plan = await self._planned()
        answer = await self._written(plan)
        draft = await asyncio.to_thread(drafted, answer, plan, self._task)
        draft = await self._repaired(plan, await self._checked(draft))
        return draft if plan.files else replace(draft, next_steps=(*draft.next_steps, _NO_PLAN))

    async def _planned(self) -> Plan:
        await self._tell("planning")
        messages = prompts.planning(self._task)
        text = await self._plan_text("plan", messages)
        plan = read_plan(text, self._task)
        if isinstance(plan, NoPlan):
            await self._tell("planning", "the first plan could not be read, asking once more")
            text = await self._plan_text("plan.retry", prompts.planning_again(messages, text, plan.reason))
            plan = read_plan(text, self._task)
        if isinstance(plan, NoPlan):
            await self._tell("planning", "no plan could be read, all files are asked for at once")
            return single_shot(self._task.wish)
        return plan

    async def _plan_text(self, key: str, messages: list[Message]) -> str:
        tokens = min(PLAN_TOKENS, self._answer_tokens)
        if self._structured:
            try:
                return (await self._asked(key, messages, max_tokens=tokens, json_schema=PLAN_SCHEMA)).text
            except TallygateError as error:
                if not may_refuse_schemas(error.failure):
                    raise
                self._structured = not refuses_schemas(error.failure)
        return (await self._asked(f"{key}.text", messages, max_tokens=tokens)).text

    async def _asked(
        self, key: str, messages: list[Message], *, max_tokens: int, json_schema: dict[str, Any] | None = None
    ) -> Reply:
        """Whatever a prompt is made of, what is known to be a secret of the repository does not leave in it."""
        known = self._task.context.secrets
        clean = [{**message, "content": remove_known(message["content"], known)} for message in messages]
        reply = await self._ask(key, clean, max_tokens=max_tokens, json_schema=json_schema)
        return reply._replace(text=answers.without_thoughts(reply.text))

    async def _written(self, plan: Plan) -> Answer:
        parts = portions(plan, self._task.repository, self._answer_tokens)
        whole = Answer()
        done = 0
        for number, files in enumerate(parts, 1):
            await self._tell("writing", progress(done, files, plan))
            portion = Portion(files, self._written_before(whole), last=number == len(parts))
            answer = await self._answer(f"write.{number}", prompts.writing(self._task, plan, portion))
            whole = joined(whole, answer)
            done += len(files)
        return whole

    def _written_before(self, answer: Answer) -> dict[str, str]:
        """The latest files first; as much of them as one answer may hold."""
        files = {file.path: file.content for file in reversed(answer.files) if file.content is not None}
        return prompts.fitting(files, self._answer_tokens)

    async def _answer(self, key: str, messages: list[Message]) -> Answer:
        """One that was cut is continued, some times."""
        reply = await self._asked(key, messages, max_tokens=self._answer_tokens)
        text = reply.text
        for number in range(1, MAX_CONTINUATIONS + 1):
            if not reply.text.strip() or not is_cut(reply, text):
                break
            again = prompts.continuing(messages, text)
            reply = await self._asked(f"{key}.more.{number}", again, max_tokens=self._answer_tokens)
            text = answers.continued(text, reply.text)
        answer = answers.parse(text)
        return replace(answer, cut=answer.cut or reply.finish_reason == "length")

    async def _checked(self, draft: Draft) -> Draft:
        await self._tell("checking")
        return with_findings(draft, await self._check(draft))

    async def _repaired(self, plan: Plan, draft: Draft) -> Draft:
        for number in range(1, self._max_repairs + 1):
            if not draft.findings:
                break
            await self._tell("repairing", f"{len(draft.findings)} findings, try {number} of {self._max_repairs}")
            try:
                answer = await self._answer(f"repair.{number}", self._repairing(plan, draft))
            except TallygateError as error:
                return with_findings(draft, (repair_failed(error.failure),))
            mended_draft = await asyncio.to_thread(mended, draft, answer, plan, self._task)
            new = await self._checked(mended_draft)
            better = is_better(new.findings, draft.findings)
            if len(new.findings) <= len(draft.findings):
                draft = new
            if not better:
                break
        return draft

    def _repairing(self, plan: Plan, draft: Draft) -> list[Message]:
        fitting = prompts.fitting(concerned(draft, self._task), 2 * self._answer_tokens)
        errors = notes(draft.findings, self._task.context.secrets)
        return prompts.repairing(self._task, plan, Mending(errors, fitting))


def may_refuse_schemas(failure: Failure) -> bool:
    """Whether the model may answer if it is not asked for structured output. What servers say of a field that they do
    not know has no form: llama-cpp-python answers 500, "Input should be 'text' or 'json_object'"."""
    return failure.error_type in _OF_REQUEST


def refuses_schemas(failure: Failure) -> bool:
    """Whether it says so by name. A 500 that does not may pass, and a plan is better for its schema."""
    return may_refuse_schemas(failure) and _NAMES_SCHEMAS.search(failure.detail) is not None


def is_cut(reply: Reply, text: str) -> bool:
    return reply.finish_reason == "length" or answers.parse(text).cut


def progress(done: int, files: tuple[PlannedFile, ...], plan: Plan) -> str:
    """Counts only: names of files are content of the repository."""
    if not files:
        return "writing all files at once"
    span = f"file {done + 1}" if len(files) == 1 else f"files {done + 1} to {done + len(files)}"
    return f"{span} of {len(plan.files)}"


def repair_failed(failure: Failure) -> Finding:
    return Finding("", "format", f"the repair call failed: {failure.error_type}: {failure.detail}")


def joined(first: Answer, second: Answer) -> Answer:
    """The answers for two portions. A file that both give is the second's."""
    later = {file.path for file in second.files}
    return replace(
        second,
        files=(*(file for file in first.files if file.path not in later), *second.files),
        cut=first.cut or second.cut,
        cut_path=first.cut_path or second.cut_path,
        summary=second.summary or first.summary,
        integration_instructions=(*first.integration_instructions, *second.integration_instructions),
        next_steps=(*first.next_steps, *second.next_steps),
        estimated_impact=second.estimated_impact or first.estimated_impact,
        findings=(*first.findings, *second.findings),
    )
