"""Every field of Anthropic's messages, and what becomes of it at an endpoint that speaks OpenAI's chat form; then what
becomes of the answer."""

from typing import Any

from shared.wire.fields import Fields, Row, table

_NOTHING_LIKE_IT = "has no counterpart at a chat endpoint"
_CACHE_HINT = "steers Anthropic's own cache, and nothing of the answer"
_ANTHROPICS = "is of a tool that an Anthropic endpoint runs"
_CITATIONS = "asks for citations, which a chat endpoint does not make"
_NOT_CITED: tuple[Any, ...] = ({"enabled": False}, {})
_CACHE = Row("cache_control", "left_out", why=_CACHE_HINT)
_TYPE = Row("type", "translated", "type")

MESSAGES_TO_CHAT = table(
    {
        "body": (
            Row("cache_control", "left_out", why=_CACHE_HINT),
            Row("container", "refused", why="names a container that only Anthropic runs"),
            Row("context_management", "left_out", why="where it clears thoughts, of which none are sent; other edits "
                "are refused"),
            Row("diagnostics", "refused", why=_NOTHING_LIKE_IT),
            Row("inference_geo", "refused", why=_NOTHING_LIKE_IT),
            Row("max_tokens", "translated", "max_tokens",
                "`max_completion_tokens` for the models of OpenAI that take nothing else"),
            Row("mcp_servers", "refused", why="names servers that only Anthropic asks", nothing=([],)),
            Row("messages", "translated", "messages", "one that ends with the assistant's turn is refused: no chat "
                "endpoint goes on with it"),
            Row("metadata", "translated", "user"),
            Row("model", "same"),
            Row("output_config", "translated", "response_format, reasoning_effort"),
            Row("output_format", "translated", "response_format"),
            Row("service_tier", "translated", "service_tier",
                "`standard_only` becomes `default`; `auto` asks for nothing"),
            Row("speed", "refused", why=_NOTHING_LIKE_IT, nothing=("standard",)),
            Row("stop_sequences", "translated", "stop"),
            Row("stream", "same"),
            Row("system", "translated", "messages[]: system", "its texts with an empty line between them"),
            Row("temperature", "same"),
            Row("thinking", "translated", "reasoning_effort",
                "unless output_config.effort says it: a budget of up to 4096 tokens is `low`, up to 16384 `medium`, of "
                "more `high`; `adaptive` and `disabled` ask for nothing: the model does as it does"),
            Row("tool_choice", "translated", "tool_choice, parallel_tool_calls"),
            Row("tools", "translated", "tools", "only those with a schema; those that Anthropic defines are refused"),
            Row("top_k", "same", why="OpenAI itself refuses it; most servers that speak its form know it"),
            Row("top_p", "same"),
            Row("user_profile_id", "refused", why=_NOTHING_LIKE_IT),
            Row("workspace_id", "refused", why=_NOTHING_LIKE_IT),
        ),
        "metadata": (Row("user_id", "translated", "user", "as its SHA-256 when it has more than 64 characters"),),
        "thinking config": (
            Row("budget_tokens", "translated", "reasoning_effort"),
            Row("display", "left_out", why="what a chat endpoint tells of its thoughts is told; no signature could "
                "stand for them"),
            _TYPE,
        ),
        "output_config": (
            Row("effort", "translated", "reasoning_effort", "`max` becomes `xhigh`"),
            Row("format", "translated", "response_format"),
            Row("task_budget", "refused", why=_NOTHING_LIKE_IT),
        ),
        "format": (
            Row("schema", "translated", "json_schema.schema", "strict"),
            _TYPE,
        ),
        "tool": (
            Row("allowed_callers", "refused", why=_NOTHING_LIKE_IT, nothing=(["direct"], [])),
            _CACHE,
            Row("defer_loading", "refused", why="asks for a search of tools, " + _NOTHING_LIKE_IT, nothing=(False,)),
            Row("description", "translated", "function.description"),
            Row("eager_input_streaming", "left_out", why="asks how arguments are streamed, which is as they come"),
            Row("input_examples", "translated", "function.description", "at its end, as JSON"),
            Row("input_schema", "translated", "function.parameters"),
            Row("name", "translated", "function.name"),
            Row("strict", "translated", "function.strict"),
            _TYPE,
        ),
        "tool_choice": (
            Row("disable_parallel_tool_use", "translated", "parallel_tool_calls"),
            Row("name", "translated", "tool_choice.function.name"),
            Row("type", "translated", "tool_choice", "`any` becomes `required`"),
        ),
        "message": (
            Row("content", "translated", "content, tool_calls", "texts of one turn with an empty line between them"),
            Row("role", "translated", "role"),
        ),
        "content": (
            Row("bash_code_execution_tool_result", "refused", why=_ANTHROPICS),
            Row("browser_state", "refused", why=_ANTHROPICS),
            Row("code_execution_tool_result", "refused", why=_ANTHROPICS),
            Row("compaction", "refused", why="is a summary that only Anthropic reads"),
            Row("container_upload", "refused", why="names a file that only Anthropic holds"),
            Row("document", "translated", "content[]: file, text"),
            Row("image", "translated", "content[]: image_url"),
            Row("mcp_tool_result", "refused", why=_ANTHROPICS),
            Row("mcp_tool_use", "refused", why=_ANTHROPICS),
            Row("redacted_thinking", "left_out", why="what another model thought is no input"),
            Row("search_result", "translated", "content[]: text"),
            Row("server_tool_use", "refused", why=_ANTHROPICS),
            Row("text", "translated", "content"),
            Row("text_editor_code_execution_tool_result", "refused", why=_ANTHROPICS),
            Row("thinking", "translated", "reasoning_content",
                "of a turn that calls tools, when a chat endpoint thought it; other thoughts are no input"),
            Row("tool_reference", "refused", why=_ANTHROPICS),
            Row("tool_result", "translated", "a message with the role tool", "before all else of the turn"),
            Row("tool_search_tool_result", "refused", why=_ANTHROPICS),
            Row("tool_use", "translated", "tool_calls"),
            Row("web_fetch_tool_result", "refused", why=_ANTHROPICS),
            Row("web_search_tool_result", "refused", why=_ANTHROPICS),
        ),
        "text": (
            _CACHE,
            Row("citations", "left_out", why="what an answer cited is no input of any model"),
            Row("text", "translated", "text"),
            _TYPE,
        ),
        "image": (_CACHE, Row("source", "translated", "image_url.url"), _TYPE),
        "document": (
            _CACHE,
            Row("citations", "refused", why=_CITATIONS, nothing=_NOT_CITED),
            Row("context", "translated", "content[]: text", "before the document"),
            Row("source", "translated", "file.file_data, text",
                "a PDF in base64 is a file, text is text; an address and a file_id are refused"),
            Row("title", "translated", "file.filename, text"),
            _TYPE,
        ),
        "search_result": (
            _CACHE,
            Row("citations", "refused", why=_CITATIONS, nothing=_NOT_CITED),
            Row("content", "translated", "text"),
            Row("source", "translated", "text"),
            Row("title", "translated", "text"),
            _TYPE,
        ),
        "thinking": (
            Row("signature", "translated", "", "tells whose thought it is"),
            Row("thinking", "translated", "reasoning_content"),
            _TYPE,
        ),
        "tool_use": (
            _CACHE,
            Row("caller", "refused", why=_ANTHROPICS, nothing=({"type": "direct"},)),
            Row("id", "translated", "id", "another one when it has more than 40 characters"),
            Row("input", "translated", "function.arguments"),
            Row("name", "translated", "function.name"),
            Row("toolset_name", "refused", why=_ANTHROPICS),
            _TYPE,
        ),
        "tool_result": (
            _CACHE,
            Row("content", "translated", "content",
                "its text; images and documents stand in the user's message after the results"),
            Row("is_error", "translated", "content", "which then begins with `Error: `"),
            Row("tool_use_id", "translated", "tool_call_id", "mapped as in the call"),
            Row("toolset_name", "refused", why=_ANTHROPICS),
            _TYPE,
        ),
    }
)  # fmt: skip

MESSAGES = Fields(MESSAGES_TO_CHAT, "a chat endpoint")

_FOR_THE_CALLER = "is asked for by callers of OpenAI's own form"

COMPLETION_TO_MESSAGE = table(
    {
        "completion": (
            Row("choices", "translated", "content", "the first one: no more are asked for"),
            Row("created", "left_out", why="the form has no such field"),
            Row("id", "same"),
            Row("model", "same"),
            Row("object", "translated", "type"),
            Row("service_tier", "left_out", why=_FOR_THE_CALLER),
            Row("system_fingerprint", "left_out", why=_FOR_THE_CALLER),
            Row("usage", "translated", "usage", "the form counts what was cached beside its input_tokens"),
        ),
        "choice": (
            Row("finish_reason", "translated", "stop_reason"),
            Row("logprobs", "left_out", why=_FOR_THE_CALLER),
            Row("matched_stop", "translated", "stop_sequence", "SGLang"),
            Row("message", "translated", "content"),
            Row("stop_reason", "translated", "stop_sequence", "vLLM"),
        ),
        "message": (
            Row("annotations", "left_out", why="Anthropic's citations prove themselves, which nobody else's can"),
            Row("content", "translated", "content[]: text"),
            Row("function_call", "translated", "content[]: tool_use"),
            Row("reasoning", "translated", "content[]: thinking"),
            Row("reasoning_content", "translated", "content[]: thinking", "with a signature that says whose it is"),
            Row("refusal", "translated", "content[]: text", "and the stop_reason `refusal`"),
            Row("tool_calls", "translated", "content[]: tool_use",
                "arguments that are no JSON object are kept as `invalid_arguments`"),
        ),
    }
)  # fmt: skip
