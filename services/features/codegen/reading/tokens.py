"""Pure: keys and tokens that their own beginning gives away."""

import re
from collections.abc import Iterator

Place = tuple[int, int, str]  # start, end, and what it is

_PREFIXED = (
    ("AWS key", r"A(?:KIA|SIA|BIA|CCA)[A-Z0-9]{16}(?![A-Za-z0-9])"),
    ("GitHub token", r"gh[opsur]_[A-Za-z0-9]{30,255}|github_pat_[A-Za-z0-9_]{22,255}"),
    ("GitLab token", r"gl(?:pat|dt|ptt|rt|oas|ft|cbt|agent|soat|imt|ffct)-[A-Za-z0-9_.-]{18,300}"),
    ("Slack token", r"xox[abcdeoprs](?:\.xox[bp])?-[A-Za-z0-9-]{10,300}|xapp-\d-[A-Za-z0-9-]{10,300}"),
    ("Slack webhook", r"(?:(?<=\.slack\.com/services/)|(?<=\.slack\.com/workflows/))[A-Za-z0-9_/-]{20,200}"),
    ("Stripe key", r"(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{10,255}|whsec_[A-Za-z0-9+/=]{24,255}"),
    ("Anthropic key", r"sk-ant-[A-Za-z0-9_-]{16,300}"),
    ("OpenAI key", (
        r"sk-(?:proj|svcacct|admin|None|or-v1)-[A-Za-z0-9_-]{16,300}"
        r"|sk-(?=[A-Za-z_-]{0,40}[0-9])(?=[a-z0-9_-]{0,40}[A-Z])[A-Za-z0-9_-]{20,300}")),
    ("Google key", r"AIza[A-Za-z0-9_-]{35}|ya29\.[A-Za-z0-9_-]{20,600}|GOCSPX-[A-Za-z0-9_-]{20,60}"),
    ("access token", (
        r"hf_[A-Za-z0-9]{30,60}|npm_[A-Za-z0-9]{36}|pypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{40,400}"
        r"|SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{32,64}|do[opr]_v1_[a-f0-9]{64}|shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}"
        r"|dapi[a-f0-9]{32}|\d{8,10}:AA[A-Za-z0-9_-]{33}|gsk_[A-Za-z0-9]{40,60}|xai-[A-Za-z0-9]{40,100}"
        r"|hv[sbr]\.[A-Za-z0-9_-]{24,200}|SK[0-9a-f]{32}(?![0-9a-f])|AGE-SECRET-KEY-1[A-Z0-9]{50,70}"
        r"|nvapi-[A-Za-z0-9_-]{40,100}|r8_[A-Za-z0-9]{30,50}|pplx-[a-z0-9]{40,60}|dckr_pat_[A-Za-z0-9_-]{20,60}"
        r"|lin_api_[A-Za-z0-9]{30,60}|glsa_[A-Za-z0-9_]{30,60}|tgr_[A-Za-z0-9_-]{20,100}")),
    ("JSON web token", r"eyJ[A-Za-z0-9_-]{8,4000}\.eyJ[A-Za-z0-9_-]{8,8000}(?:\.[A-Za-z0-9_-]{0,2000})?"),
)  # fmt: skip
_KINDS = tuple(kind for kind, _ in _PREFIXED)
# All at once, a group for each kind, and only where a word starts: a text is gone through one time.
_TOKEN = re.compile(rf"(?<![A-Za-z0-9_-])(?:{'|'.join(f'({pattern})' for _, pattern in _PREFIXED)})")


def tokens(text: str) -> Iterator[Place]:
    for found in _TOKEN.finditer(text):
        yield found.start(), found.end(), _KINDS[(found.lastindex or 1) - 1]
