"""A live embeddings endpoint, asked as any of its callers would."""

import time
from collections.abc import Callable
from pathlib import Path

from reticent.core import BadInput, Channel, as_texts
from reticent.protocols import Interface
from reticent.targets.http import open_http
from reticent.targets.kept_vectors import KeptVectors

FIRST = "A sentence to see whether the endpoint answers."


def open_embedder(
    url: str,
    *,
    model: str,
    protocol: str = "openai-embeddings",
    dimensions: int = 0,
    key_env: str | None = None,
    policy_digest: str = "",
    kept: Path | None = None,
    batch_texts: int = 64,
    timeout_s: float = 60.0,
    wait_s: float = 600.0,
    back_off_s: float = 1.0,
    sleep: Callable[[float], None] = time.sleep,
) -> KeptVectors:
    """Return an endpoint that speaks OpenAI's embeddings protocol as a target.

    Rate limits (429) and errors of the server (5xx) are waited out, each wait twice the one before,
    and what was answered is kept: an audit that was stopped asks only for the rest.

    Args:
        url: scheme, host and port; a path stands for the protocol's own (/v1/embeddings).
        model: its name there.
        protocol: how it is spoken to.
        dimensions: length of the vectors that are asked for; 0 for the model's own.
        key_env: environment variable that holds the bearer token.
        policy_digest: of the policy that a guard must say it has in force; "" for any or none.
        kept: folder for the vectors; None to keep them in memory alone. One embedder a folder.
        batch_texts: texts in one request.
        timeout_s: longest wait for a connection, and for each part of an answer.
        wait_s: longest wait in all, of one question, that limits and errors are given.
        back_off_s: the first wait after an error.
        sleep: waits.

    Raises: BadInput for what cannot be used; BadAnswer if the endpoint does not answer, or not
        with vectors.
    """
    target = open_http(
        url,
        protocol=protocol,
        interface=Interface(
            model=model,
            task="embedding",
            settings={"dimensions": dimensions} if dimensions else {},
        ),
        first=as_texts([FIRST]),
        name=f"{model} at {url}",
        key_env=key_env,
        policy_digest=policy_digest,
        batch_rows=batch_texts,
        timeout_s=timeout_s,
        wait_s=wait_s,
        back_off_s=back_off_s,
        sleep=sleep,
    )
    if not Channel.EMBEDDING & target.channels:
        raise BadInput(
            f"{url} answers without vectors.",
            way_out="Give the address of an embeddings endpoint; under a policy that withholds "
            "them there is nothing to invert.",
        )
    return KeptVectors(target, kept, block_texts=batch_texts)
