"""What becomes of an answer of an Anthropic endpoint in OpenAI's chat form."""

from shared.wire.fields import Row, table

_BESIDE = "message.provider_specific_fields.blocks"
_TOOLS_OF_ITS_OWN = "as it is: what the endpoint's own tools did, which the next request brings back"

MESSAGE_TO_COMPLETION = table(
    {
        "answer": (
            Row("container", "left_out", why="is asked for by callers of Anthropic's own form"),
            Row("content", "translated", "choices[0].message"),
            Row("diagnostics", "left_out", why="is asked for by callers of Anthropic's own form"),
            Row("id", "same"),
            Row("model", "same"),
            Row("role", "translated", "choices[0].message.role"),
            Row("stop_details", "translated", "choices[0].message.refusal", "its explanation"),
            Row("stop_reason", "translated", "choices[0].finish_reason",
                "beside it in provider_specific_fields where a finish_reason does not say it all"),
            Row("stop_sequence", "translated", "choices[0].provider_specific_fields.stop_sequence"),
            Row("type", "translated", "object"),
            Row("usage", "translated", "usage"),
        ),
        "content": (
            Row("bash_code_execution_tool_result", "translated", _BESIDE, _TOOLS_OF_ITS_OWN),
            Row("code_execution_tool_result", "translated", _BESIDE, _TOOLS_OF_ITS_OWN),
            Row("container_upload", "translated", _BESIDE, _TOOLS_OF_ITS_OWN),
            Row("redacted_thinking", "translated", "message.thinking_blocks"),
            Row("server_tool_use", "translated", _BESIDE, _TOOLS_OF_ITS_OWN),
            Row("text", "translated", "message.content",
                "its citations: message.annotations where they are of a page, all of them in provider_specific_fields"),
            Row("text_editor_code_execution_tool_result", "translated", _BESIDE, _TOOLS_OF_ITS_OWN),
            Row("thinking", "translated", "message.reasoning_content, message.thinking_blocks",
                "with its signature, for the next request"),
            Row("tool_search_tool_result", "translated", _BESIDE, _TOOLS_OF_ITS_OWN),
            Row("tool_use", "translated", "message.tool_calls"),
            Row("web_fetch_tool_result", "translated", _BESIDE, _TOOLS_OF_ITS_OWN),
            Row("web_search_tool_result", "translated", _BESIDE, _TOOLS_OF_ITS_OWN),
        ),
        "delta": (
            Row("citations_delta", "translated", "delta.annotations", "at the end of the text's block"),
            Row("input_json_delta", "translated", "delta.tool_calls[].function.arguments"),
            Row("signature_delta", "translated", "delta.thinking_blocks", "with the whole thought, at its end"),
            Row("text_delta", "translated", "delta.content"),
            Row("thinking_delta", "translated", "delta.reasoning_content"),
        ),
    }
)  # fmt: skip
