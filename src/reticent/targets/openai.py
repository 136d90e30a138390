"""Language models behind an OpenAI-compatible endpoint, with log-probabilities or without."""

import hashlib
import ipaddress
import json
import math
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, cast, final
from urllib.parse import urlsplit

import numpy as np

from reticent.core import BadAnswer, BadInput, Channel, Choice, Ints, NotExposed
from reticent.core.language import GREEDY, Continuation, Sampling, TokenLogprobs
from reticent.protocols import BadReply, Interface, Question, TextProtocol, WireResponse
from reticent.protocols.openai_chat import OpenAIChat
from reticent.protocols.openai_completions import OpenAICompletions
from reticent.targets._codec import Codec
from reticent.targets.http import HttpTarget, _key, _placed, _retry_after_s

Kind = Literal["openai-completions", "openai-chat"]
_BUSY = frozenset({429, 500, 502, 503, 504})
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 60.0


@final
@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class OpenAIModel:
    """An endpoint that writes texts. Build it with `open_openai`, which sees what it shows.

    It takes and gives texts. Without its tokeniser ids are the bytes of the text; a token's score
    then stands at its first byte, and the others have 0, so that sums are right. A text is scored
    by asking for the next token again and again: each costs a query, and shows the alternatives
    only. A token that is not among them has NaN, and for its rank the number of those shown.

    Rate limits and errors of the server (429, 5xx, a lost connection) are waited out. Replies are
    kept, in memory and in `keep` if given: asked again, what was answered costs nothing, so that
    work goes on where it stopped.

    Attributes:
        asked: the HTTP client.
        protocol: completions, or chat.
        interface: the model's name there.
        channels: what it was seen to show.
        codec: its tokeniser; None to count bytes.
        size: ids that the tokeniser has; 256 without.
        context: most ids of prompt and continuation.
        alternatives: tokens whose scores are asked for.
        request: what a chat is asked; "{prompt}" stands for the prompt.
        bytes_a_token: where bytes are counted, fewest that a token has; at 1 no text comes out
            short, 3 is cheaper and nearly always enough.
        most_choices: texts in one request.
        sends_top_k: whether the server takes `top_k`, which is no part of OpenAI's interface.
        keep: file of the replies, one a line; None for none.
    """

    asked: HttpTarget
    protocol: TextProtocol
    interface: Interface
    channels: Channel
    codec: Codec | None = None
    size: int = 256
    context: int = 4096
    alternatives: int = 5
    request: str = "{prompt}"
    bytes_a_token: int = 1
    most_choices: int = 1
    sends_top_k: bool = False
    keep: Path | None = None
    _replies: dict[str, bytes] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        if self.keep is not None and self.keep.is_file():
            self._replies.update(_read_kept(self.keep))

    @property
    def name(self) -> str:
        """Return how messages call it."""
        return self.asked.name

    @property
    def unit(self) -> str:
        """Return "token" if its tokeniser is known, else "byte"."""
        return "byte" if self.codec is None else "token"

    @property
    def vocabulary(self) -> int:
        """Return the number of ids."""
        return self.size

    @property
    def begin(self) -> int | None:
        """Return None: an endpoint puts it there itself."""
        return None

    @property
    def forces_whole(self) -> bool:
        """Return that each token that is scored costs a query."""
        return False

    @property
    def tie_margin(self) -> float:
        """Return 0.01: servers round, and batch with others' requests."""
        return 1e-2

    def tokens(self, text: str) -> Ints:
        """Return the ids of a text; of its UTF-8 bytes if the tokeniser is not known."""
        if self.codec is None:
            return np.frombuffer(text.encode("utf-8", "replace"), dtype=np.uint8).astype(np.int64)
        return np.array(self.codec.encode(text), dtype=np.int64)

    def text(self, tokens: Ints) -> str:
        """Return what ids say; a character that is cut through is left out."""
        if self.codec is None:
            return bytes(tokens.tolist()).decode("utf-8", "ignore")
        return self.codec.decode(tokens.tolist())

    def generate(
        self,
        prompts: Sequence[Ints],
        *,
        new_tokens: int,
        n: int = 1,
        sampling: Sampling = GREEDY,
        seed: int = 0,
    ) -> list[Continuation]:
        """Return `n` continuations of each prompt; see `LanguageModel`.

        The endpoint need not honour the seed. What it wrote is turned into ids and cut.
        """
        found: list[Continuation] = []
        most = new_tokens if self.codec else -(-new_tokens // self.bytes_a_token)
        for i, ids in enumerate(prompts):
            self._fits(len(ids) + new_tokens, f"Prompt {i}")
            texts: list[Choice] = []
            while len(texts) < n:
                many = min(self.most_choices, n - len(texts))
                fields = self._fields(ids, most, sampling, seed + len(texts), many)
                texts += self._ask(fields, many)
            found += [self._continued(i, text, new_tokens) for text in texts]
        return found

    def logprobs(
        self,
        texts: Sequence[Ints],
        *,
        first: Sequence[int],
        sampling: Sampling | None = None,
        alternatives: int = 0,
        moments: bool = False,
    ) -> list[TokenLogprobs]:
        """Return what is shown of each token, asked for one by one; see `LanguageModel`.

        Moments and alternatives are never told, `sampled` for plain sampling only.

        Raises: NotExposed if the endpoint shows no log-probabilities.
        """
        if not Channel.LOGPROBS & self.channels:
            raise NotExposed(
                f"{self.name} shows no log-probabilities.",
                way_out="Choose an attack that needs texts only, such as continuation.",
            )
        return [self._scored(ids, start, sampling) for ids, start in zip(texts, first, strict=True)]

    def weights(self) -> object:
        """Raise NotExposed: an endpoint hands out no weights."""
        raise NotExposed(
            f"{self.name} is an endpoint; it hands out no weights.",
            way_out="Audit the model's files for that.",
        )

    def _scored(self, ids: Ints, first: int, sampling: Sampling | None) -> TokenLogprobs:
        self._fits(len(ids), "A text")
        logprobs = np.full(len(ids), np.nan)
        ranks = np.full(len(ids), -1, dtype=np.int64)
        margins = np.full(len(ids), np.nan)
        t = first
        while t < len(ids):
            shown = self._next(ids[:t])
            size, own = self._match(ids[t:], shown)
            rest = [p for text, p in shown.items() if text != own]
            if own is None:
                ranks[t] = max(len(shown), 1)
            else:
                p = shown[own]
                logprobs[t] = math.log(p)
                ranks[t] = sum(other > p for other in rest)
                margins[t] = math.log(p) - math.log(max(rest)) if rest else math.inf
                logprobs[t + 1 : t + size] = ranks[t + 1 : t + size] = 0
                margins[t + 1 : t + size] = math.inf
            t += size
        plain = sampling is not None and sampling.plain
        return TokenLogprobs(
            logprobs=logprobs, ranks=ranks, margins=margins, sampled=logprobs if plain else None
        )

    def _next(self, given: Ints) -> dict[str, float]:
        """Return what is shown of the next token: text -> probability, none of 0."""
        (choice,) = self._ask(self._fields(given, 1, GREEDY, 0, 1), 1)
        scores = choice.token_scores
        if scores is None or scores.answer.scores is None or not len(scores.tokens):
            if choice.finish_reason == "stop" and not choice.text:
                return {}  # the model would end the text here
            raise BadAnswer(
                f"{self.name} answers without log-probabilities, which it gave before.",
                way_out="Ask an endpoint whose answers all have the same parts.",
            )
        row = scores.answer.scores[0]
        pairs = zip(scores.tokens[0], row[: len(scores.tokens[0])].tolist(), strict=True)
        return {text: p for text, p in pairs if p > 0}

    def _match(self, rest: Ints, shown: Mapping[str, float]) -> tuple[int, str | None]:
        """Return how many ids the next token has, and its text if it is shown.

        Of bytes the longest token that the text goes on with is taken: one way to write it, so
        that the sum is at most the text's log-probability.
        """
        if self.codec is not None:
            text = self.codec.decode(rest[:1].tolist())
            return 1, text if text in shown else None
        body = bytes(rest.tolist())
        fitting = [text for text in shown if text and body.startswith(text.encode("utf-8"))]
        if fitting:
            best = max(fitting, key=len)
            return len(best.encode("utf-8")), best
        size = 1
        while size < len(body) and body[size] & 0xC0 == 0x80:  # the rest of one character
            size += 1
        return size, None

    def _continued(self, prompt: int, choice: Choice, new_tokens: int) -> Continuation:
        ids = self.tokens(choice.text)[:new_tokens]
        ended = choice.finish_reason == "stop" and len(self.tokens(choice.text)) < new_tokens
        return Continuation(
            prompt=prompt, tokens=ids, ended=ended, logprobs=self._logprobs_of(choice, ids)
        )

    def _logprobs_of(self, choice: Choice, ids: Ints) -> Any:
        """Return the scores of written ids; None if they do not go with the endpoint's tokens."""
        scores = choice.token_scores
        if scores is None or scores.answer.scores is None or scores.answer.labels is None:
            return None
        found: list[float] = []
        for texts, row, label in zip(
            scores.tokens, scores.answer.scores, scores.answer.labels.tolist(), strict=True
        ):
            if label < 0:
                return None
            size = len(self.tokens(texts[label]))
            if self.codec is not None and size != 1:
                return None
            p = float(row[label])
            found += [math.log(p) if p > 0 else math.nan, *([0.0] * (size - 1))][:size]
        return np.array(found[: len(ids)]) if len(found) >= len(ids) else None

    def _fields(
        self, prompt: Ints, most: int, sampling: Sampling, seed: int, many: int
    ) -> dict[str, Any]:
        if sampling.top_k and not sampling.greedy and not self.sends_top_k:
            raise BadInput(
                f"{self.name} takes no top_k, and {sampling.top_k} was asked for.",
                way_out="Set top_k to 0, or say that the server takes it.",
            )
        text = self.text(prompt)
        fields: dict[str, Any] = {
            "max_tokens": most,
            "temperature": 0.0 if sampling.greedy else float(sampling.temperature),
        }
        if many > 1:
            fields["n"] = many
        if not sampling.greedy:
            fields["seed"] = seed
            if sampling.top_p < 1:
                fields["top_p"] = float(sampling.top_p)
            if sampling.top_k:
                fields["top_k"] = sampling.top_k
        wants = bool(Channel.LOGPROBS & self.channels)
        if isinstance(self.protocol, OpenAIChat):
            said = self.request.replace("{prompt}", text)
            fields["messages"] = [{"role": "user", "content": said}]
            return fields | ({"logprobs": True, "top_logprobs": self.alternatives} if wants else {})
        return fields | {"prompt": text} | ({"logprobs": self.alternatives} if wants else {})

    def _ask(self, fields: Mapping[str, Any], many: int) -> list[Choice]:
        """Return the texts that answer a request, from what is kept if it was asked before."""
        row = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        question = Question(rows=[row], cost=many)
        key = hashlib.sha256(
            f"{self.asked.origin} {self.interface.model} {row}".encode()
        ).hexdigest()
        body = self._replies.get(key)
        if body is None:
            request = self.protocol.write_question(question, self.interface)
            response = self._sent(request.path, request.body)
        else:
            response = WireResponse(status=200, body=body, media_type="application/json")
        try:
            reply = self.protocol.read_reply(response, question, self.interface)
        except BadReply as error:
            said = response.body[:300].decode("utf-8", "replace") if response.status == 400 else ""
            raise BadAnswer(
                f"{self.name}: {error.what}" + (f" It says: {said}" if said else ""),
                way_out=error.way_out,
            ) from error
        if len(reply.choices) != many:
            raise BadAnswer(
                f"{self.name} wrote {len(reply.choices)} texts where {many} were asked for.",
                way_out="Set most_choices to 1.",
            )
        if body is None:
            self._kept(key, response.body)
        return sorted(reply.choices, key=lambda choice: choice.index)

    def _kept(self, key: str, body: bytes) -> None:
        self._replies[key] = body
        if self.keep is not None:
            line = json.dumps({"question": key, "reply": body.decode("utf-8", "surrogateescape")})
            with self.keep.open("a", encoding="utf-8") as file:
                file.write(line + "\n")

    def _sent(self, path: str, body: bytes) -> WireResponse:
        """Return the reply to a request, after as much waiting as is allowed."""
        headers = {
            "content-type": "application/json",
            "accept": "application/json",
            "accept-encoding": "identity",
        }
        if self.asked.key:
            headers["authorization"] = f"Bearer {self.asked.key}"
        waited_s, pause_s = 0.0, _FIRST_PAUSE_S
        while True:
            said, lost = "", None
            try:
                response = self.asked._once(path, body, headers)
                if response.status not in _BUSY:
                    return response
                said = f"answers {response.status}"
                asked_s = _retry_after_s(response)
            except BadAnswer as error:
                lost, said, asked_s = error, error.what, None
            wait_s = pause_s if asked_s is None else asked_s
            if waited_s + wait_s > self.asked.wait_s:
                raise BadAnswer(
                    f"{self.name} {said}; waiting is allowed for {self.asked.wait_s:g} s in all, "
                    f"of which {waited_s:g} s are used.",
                    way_out="Raise wait_s, or start again later: what was answered is kept.",
                ) from lost
            waited_s += wait_s
            if asked_s is None:
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
            self.asked.sleep(wait_s)

    def _fits(self, size: int, what: str) -> None:
        if size > self.context:
            raise BadInput(
                f"{what} needs {size} {self.unit}s; {self.name} takes {self.context} in all.",
                way_out="Cut it into shorter passages, or raise context if the model takes more.",
            )


def open_openai(
    url: str,
    *,
    model: str,
    kind: Kind = "openai-completions",
    name: str = "",
    key_env: str | None = None,
    allowed_host: str | None = None,
    codec: Codec | None = None,
    size: int = 256,
    context: int = 4096,
    alternatives: int = 5,
    request: str = "{prompt}",
    bytes_a_token: int = 1,
    most_choices: int = 1,
    sends_top_k: bool = False,
    keep: Path | None = None,
    timeout_s: float = 60.0,
    wait_s: float = 300.0,
    sleep: Callable[[float], None] = time.sleep,
) -> OpenAIModel:
    """Return an endpoint as a language model; it is asked for one token to see what it shows.

    Args:
        url: scheme, host and port; a path stands for the protocol's own.
        model: its name there.
        kind: "openai-completions", which goes on with a text, or "openai-chat".
        name: how messages call it; the URL if empty.
        key_env: environment variable that holds the bearer token.
        allowed_host: host that may be asked beside this machine itself, exactly as in the URL.
        codec: its tokeniser; None to count bytes.
        size: ids of the tokeniser.
        context: most ids of prompt and continuation.
        alternatives: tokens whose scores are asked for.
        request: what a chat is asked; "{prompt}" stands for the prompt.
        bytes_a_token: as in `OpenAIModel`.
        most_choices: texts in one request.
        sends_top_k: whether the server takes `top_k`.
        keep: file in which replies are kept; work goes on there.
        timeout_s: longest wait for a connection, and for each part of an answer.
        wait_s: longest wait in all for one question while the server is busy.
        sleep: waits.

    Raises: BadInput for what cannot be used; BadAnswer if it does not answer.
    """
    origin, interface = _placed(url, Interface(model=model, task="text"))
    _permitted(url, allowed_host)
    protocol: TextProtocol = OpenAIChat() if kind == "openai-chat" else OpenAICompletions()
    asked = HttpTarget(
        name=name or url,
        origin=origin,
        protocol=cast("Any", protocol),
        interface=interface,
        offered=Channel.TOKENS,
        key=_key(key_env),
        timeout_s=timeout_s,
        wait_s=wait_s,
        sleep=sleep,
    )
    both = Channel.TOKENS | Channel.LOGPROBS
    made = OpenAIModel(
        asked=asked,
        protocol=protocol,
        interface=interface,
        channels=both,
        codec=codec,
        size=size,
        context=context,
        alternatives=alternatives,
        request=request,
        bytes_a_token=bytes_a_token,
        most_choices=most_choices,
        sends_top_k=sends_top_k,
        keep=keep,
    )
    probe = made.tokens("The")
    try:
        (choice,) = made._ask(made._fields(probe, 1, GREEDY, 0, 1), 1)
        shows = choice.token_scores is not None
    except BadAnswer:  # some refuse to be asked for log-probabilities at all
        shows = False
    if shows:
        return made
    silent = replace(made, channels=Channel.TOKENS)
    silent._ask(silent._fields(probe, 1, GREEDY, 0, 1), 1)
    return silent


def _permitted(url: str, allowed_host: str | None) -> None:
    """Raise BadInput unless a URL leads to this machine, or to the host that was named."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    if allowed_host is not None and host == allowed_host.lower():
        return
    try:
        found = socket.getaddrinfo(host, parts.port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise BadInput(
            f"The host {host!r} cannot be resolved ({error.strerror or error}).",
            way_out="Check its spelling and your network.",
        ) from error
    addresses = [str(info[4][0]) for info in found]
    if not all(ipaddress.ip_address(a.split("%")[0]).is_loopback for a in addresses):
        raise BadInput(
            f"{host!r} is not this machine; attacks are sent to others only by their exact name.",
            way_out=f'If you may test that host, name it: allowed_host = "{host}".',
        )


def _read_kept(path: Path) -> dict[str, bytes]:
    """Return the replies in a file; a line that was cut off while it was written is left out."""
    found: dict[str, bytes] = {}
    for line in path.read_text(encoding="utf-8", errors="surrogateescape").splitlines():
        try:
            entry = json.loads(line)
            found[entry["question"]] = entry["reply"].encode("utf-8", "surrogateescape")
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
    return found
