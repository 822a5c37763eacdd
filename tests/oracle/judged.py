"""Differences that were judged, each with the reason why ours stays as it is."""

_NO_FIELD = "Anthropic's format has no such field; the value asks for nothing, so that it is not sent"
_NOTHING_LOST = "they pass on a field that the endpoint does not know; we refuse it by name, and ask another model"

JUDGED = {
    "answer.refusal only theirs": "they put a sentence of their own; we tell the endpoint's explanation",
    "request.frequency_penalty only theirs": _NO_FIELD,
    "request.logprobs only theirs": _NO_FIELD,
    "request.max_tokens differs": "without a limit of the caller's: their default is 8192, ours what Claude 4 and "
    "later write at least, and 4096 for what is not known; with a budget of thoughts it is larger by that",
    "request.messages.assistant tool_use[].id differs": "an id that is used again later, which the endpoint refuses",
    "request.messages.user tool_result[].tool_use_id differs": "an id that is used again later",
    "request.messages.user document[].title only ours": "the file's name, which they leave out",
    "request.metadata only ours": "OpenAI's `user` is Anthropic's `metadata.user_id`",
    "request.user only theirs": "OpenAI's `user` is Anthropic's `metadata.user_id`",
    "request.n only theirs": _NO_FIELD,
    "request.output_config.format.schema.properties.a.description only theirs": "they ask by words for what the "
    "endpoint's grammar does not enforce; we ask for the caller's schema, and the endpoint says what it cannot do",
    "request.output_config.format.schema.properties.a.minLength only ours": "as above",
    "request.presence_penalty only theirs": _NO_FIELD,
    "request.thinking.budget_tokens differs": "what is left for the answer: with them 1024 tokens, with us a fifth of "
    "the limit; and theirs is cut to their default limit, where ours grows",
    "request.temperature only theirs": "1, the default, beside which some models take no other field",
    "request.tool_choice only ours": "tools that the chat called and offers no more may not be called",
    "request.tool_choice only theirs": "a choice among no tools, which the endpoint refuses",
    "request.tool_choice.disable_parallel_tool_use only theirs": "false, which is the default",
    "request.tool_choice.type differs": "without tools that are offered, none may be called",
    "request.tools only ours": "tools that the chat has called and offers no more: the endpoint wants them named",
    "request.tools.g.strict only ours": "OpenAI's `strict` is Anthropic's",
    "they refuse: JSONDecodeError": "arguments that a model broke, or left empty: the chat goes on with them",
    "they refuse: UnsupportedParameterError": "a limit of 1500 tokens is enough for a budget of 1200",
    "they refuse: ValueError": "a response_format of the type `text` asks for nothing",
    "we refuse frequency_penalty": _NOTHING_LOST,
    "we refuse logprobs": _NOTHING_LOST,
    "we refuse messages": "a chat of blank texts only, which the endpoint refuses",
    "we refuse n": _NOTHING_LOST,
    "we refuse presence_penalty": _NOTHING_LOST,
    "we refuse seed": _NOTHING_LOST,
    "we refuse stop[]": "whitespace only, which the endpoint refuses",
    "we refuse temperature": "above 1, which the endpoint refuses",
    "we refuse tool_choice": "a choice among no tools, which OpenAI refuses, too",
}
