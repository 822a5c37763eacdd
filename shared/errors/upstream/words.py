"""What servers say where no code says it, as patterns. Each is tried on a bounded text, and stays linear."""

import re


def _any(*alternatives: str) -> re.Pattern[str]:
    return re.compile("|".join(alternatives), re.IGNORECASE)


CONTEXT_LENGTH = _any(
    r"(?<!less than the )(?<!less than the `)context[ _-]?(?:length|window|size|limit)",
    r"maximum context",
    r"context (?:the )?overflow",
    r"max(?:imum)?[ _](?:model|prompt|input|sequence|seq|context|allowed|allowed input)[ _](?:len|length)\b",
    r"max_num_tokens|max_position_embeddings|maximum input characters|max input characters",
    r"exceeds? max(?:imum)? length|max length exceeded|token limit exceeded",
    r"(?:prompt|input|request|conversation|message)(?: text| you submitted)?(?: is| was)? too long",
    r"too long (?:to fit into|for) (?:the|this|requested) (?:model|context)",
    r"max_tokens must be at least 1, got -",  # what vLLM makes of a prompt that leaves no room for an answer
    r"too many (?:input )?tokens(?!, please wait)",
    r"(?:prompt|input)[ _]tokens?(?: count)?\b.{0,40}exceed",
    r"token count.{0,40}exceed",
    r"exceed\w{0,3}\b.{0,40}\b(?:maximum (?:number of (?:input )?|input |prompt )tokens|token limit|context)",
    r"(?<!max )(?<!max_)(?<!maximum )(?<!output )(?<!completion )tokens?\b[^.]{0,40}"
    r"\b(?:exceeds?|more than|longer than)\b[^.]{0,40}\b(?:max|maximum|limit|allowed)\b",
    r"`?inputs`? (?:tokens \+|must have less than)",
    r"range of input length should be",
    r"reduce the length of (?:the |your )?(?:input|prompt|messages)",
    r"上下文.{0,6}(?:长度|超)|输入.{0,6}(?:过长|超长)|超出.{0,10}(?:长度|上下文|最大)|prompt ?超长",
)

FILTERED = _any(
    r"content[ _](?:filter|policy|management|exists risk|violates)",
    r"safety system|safety_check|prohibited[ _]content",
    r"violat\w{2,4}\b.{0,40}\b(?:polic|guideline|terms)",
    r"inappropriate content|data ?inspection ?failed",
    r"(?:was|were|been|prompt|input) flagged|requires moderation",
    r"blocked by .{0,40}(?:guardrail|safety|filter|policy)",
    r"敏感|不安全|违规",
)

BAD_KEY = _any(
    r"(?:invalid|incorrect|wrong|missing|expired|no) (?:x-)?api[- _]?key",
    r"api[- _]?key (?:not valid|not found|expired|is (?:invalid|not valid|missing|required|expired))",
    r"key (?:you )?provided is (?:invalid|incorrect)",
    r"unregistered callers|authentication ?(?:error|failed|fails|required)",
    r"security token .{0,40}(?:invalid|expired)",
    r"无效的令牌|令牌.{0,6}(?:无效|过期)|身份验证失败",
)

NOT_FOR_THIS_KEY = _any(
    r"insufficient permissions|missing scopes",
    r"not allowed to access|(?:does not|doesn't|do not|don't) have access to|no access to (?:the )?model",
    r"location is not supported|country, region|not available in your (?:country|region)",
)

NO_CREDIT = _any(
    r"insufficient[ _](?:quota|balance|credit|funds)",
    r"credit balance is too low|credits? (?:left|remaining|exhausted|yet)|out of credits?",
    r"(?:any|enough|more|available|no) credits",
    r"billing(?! documentation)|exceeded your current quota|payment required",
    r"(?:spending|monthly|usage) limit|past invoices|extra usage is required",
    r"free tier.{0,60}exhausted|good standing|budget (?:has been )?exceeded|included credits|key limit exceeded",
    r"余额不足|欠费|额度",
)

A_DAY_OR_MORE = _any(
    r"per[ _-]?(?:day|month)|by(?:day|month)\b|\b[TR]PD\b|\bdaily\b|\bmonthly\b|/ ?(?:day|month)\b",
    r"\b86400 ?s\b|limit: 0\b",
)

A_MINUTE_OR_LESS = _any(
    r"per[ _-]?(?:min|sec)|by(?:minute|second)\b|\b[TR]PM\b|\b[RQ]PS\b|/ ?(?:min|sec)\w{0,4}\b",
)

RATE = _any(
    r"rate[ _-]?limit|too many requests|throttl|too many tokens, please wait",
    r"(?:tokens|requests) per (?:min|sec)|\b[TR]PM\b|request limit reached",
    r"频率|并发数|请求过多|速率",
)

OVERLOADED = _any(
    r"overload|loading model|model\b.{0,60}\b(?:is|still|being) (?:currently |still |being )?load(?:ing|ed)|warming up",
    r"no (?:available |free )?(?:slots?|capacity)|(?:at|over|exceeded?) capacity|capacity exceeded",
    r"queue\b.{0,20}\bfull|(?:server|system|service) is (?:currently |too )?busy|temporarily unavailable",
    r"过载|繁忙|负载",
)

# Said with a 400, too, by servers whose model has died.
BROKEN = _any(r"has crashed|failed to load (?:the )?model|cuda (?:error|out of memory)|internal (?:server )?error")

# What this model cannot do, and another one may.
CANNOT = _any(
    r"does not support (?:tools|tool|function|images?|vision|audio|streaming|reasoning|thinking|multimodal)",
    r"no endpoints found that support|not a multimodal model|(?:image|audio) input is not supported",
)

NO_SUCH_MODEL = _any(
    r"model\b[^.;]{0,80}?(?:(?:doesn't|not) exist|not found|is not available(?! in your))",
    r"not a valid model|invalid model(?! output)|unknown model|unavailable model|no models? (?:is |are )?loaded",
    r"no such model|model [`'\"]?[\w./:-]{1,80}[`'\"]? (?:is )?not supported",
    r"models/[\w.@-]{1,100} is not found|model identifier is invalid|unable to access model",
    r"no (?:allowed providers|endpoints) (?:are |found)|deployment\b.{0,60}\bdoes not exist",
    r"model\b.{0,80}\b(?:decommissioned|has been (?:retired|removed|shut down))",
    r"模型.{0,10}不存在",
)
# Of a 404, which says already that something does not exist; not of the path `/v1/models`.
MODEL = _any(r"(?<![/\w])(?:model|deployment)s?\b")

NO_SUCH_PATH = _any(
    r"unexpected endpoint|unknown (?:request )?(?:url|path|endpoint)|invalid url|404 page not found|no route",
)

TOO_LARGE_FOR_LIMIT = re.compile(r"limit:? ([\d,]{1,15})\b.{0,60}?requested:? ([\d,]{1,15})", re.IGNORECASE)
