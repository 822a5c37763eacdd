"""How callers name a model: absent, `auto`, `custom:<name>`, `<provider>:<model>` or `<provider>/<model>`."""

AUTO = "auto"


def canonical_reference(reference: str | None) -> str | None:
    """`<kind>:<name>`, or None for auto. A bare name is a custom model's."""
    if reference is None or reference.strip() in ("", AUTO):
        return None
    reference = reference.strip()
    kind, colon, name = reference.partition(":")
    if colon and "/" not in kind:
        return f"{kind}:{name}"
    provider, slash, model = reference.partition("/")
    return f"{provider}:{model}" if slash else f"custom:{reference}"
