"""The addresses of well-known model servers and providers."""

from typing import Literal, NamedTuple

from shared.wire import WireFormat


class Preset(NamedTuple):
    """What to fill in for a model of this kind.

    local: it usually runs on one's own machine, and the address is the one it listens on by default.
    key: whether it asks for an API key. key_from: where a key is made.
    """

    name: str
    title: str
    endpoint_url: str
    wire_format: WireFormat = "openai"
    local: bool = False
    key: Literal["none", "optional", "required"] = "required"
    key_from: str = ""
    hint: str = ""


PRESETS: tuple[Preset, ...] = (
    Preset("ollama", "Ollama", "http://localhost:11434/v1", local=True, key="none",
           hint="The model's name is what `ollama list` shows, for example llama3.2:3b."),
    Preset("vllm", "vLLM", "http://localhost:8000/v1", local=True, key="optional",
           hint="The key is what vLLM was started with: --api-key."),
    Preset("llama.cpp", "llama.cpp server", "http://localhost:8080/v1", local=True, key="optional",
           hint="The key is what llama-server was started with: --api-key."),
    Preset("lm-studio", "LM Studio", "http://localhost:1234/v1", local=True, key="none",
           hint="Start the server in the Developer tab."),
    Preset("tgi", "Text Generation Inference", "http://localhost:3000/v1", local=True, key="optional",
           hint="TGI calls every model `tgi`."),
    Preset("openai", "OpenAI", "https://api.openai.com/v1", key_from="platform.openai.com/api-keys"),
    Preset("anthropic", "Anthropic", "https://api.anthropic.com/v1", "anthropic",
           key_from="console.anthropic.com/settings/keys"),
    Preset("google", "Google Gemini", "https://generativelanguage.googleapis.com/v1beta/openai",
           key_from="aistudio.google.com/apikey", hint="Google's OpenAI-compatible endpoint."),
    Preset("mistral", "Mistral", "https://api.mistral.ai/v1", key_from="console.mistral.ai/api-keys"),
    Preset("together", "Together AI", "https://api.together.xyz/v1", key_from="api.together.ai/settings/api-keys"),
    Preset("groq", "Groq", "https://api.groq.com/openai/v1", key_from="console.groq.com/keys"),
    Preset("openrouter", "OpenRouter", "https://openrouter.ai/api/v1", key_from="openrouter.ai/settings/keys"),
    Preset("deepseek", "DeepSeek", "https://api.deepseek.com/v1", key_from="platform.deepseek.com/api_keys"),
    Preset("fireworks", "Fireworks AI", "https://api.fireworks.ai/inference/v1", key_from="app.fireworks.ai"),
    Preset("x-ai", "xAI", "https://api.x.ai/v1", key_from="console.x.ai"),
    Preset("cerebras", "Cerebras", "https://api.cerebras.ai/v1", key_from="cloud.cerebras.ai"),
)  # fmt: skip


class KnownProvider(NamedTuple):
    base_url: str
    wire_format: WireFormat


# By the names that genai-prices uses too.
KNOWN_PROVIDERS: dict[str, KnownProvider] = {
    preset.name: KnownProvider(preset.endpoint_url, preset.wire_format) for preset in PRESETS if not preset.local
}
