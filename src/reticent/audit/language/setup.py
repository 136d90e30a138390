"""Make the audit of a language model from a configuration."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from reticent.attacks.language import TextKnowledge
from reticent.attacks.language._public import PublicText
from reticent.audit.configured import configured
from reticent.audit.language.canary_list import read_canaries
from reticent.audit.language.experiment import LEAST_PASSAGES, TextExperiment, check_lengths
from reticent.audit.language.round_trip import check_round_trip
from reticent.audit.plain_text import plain_text, unreadable
from reticent.audit.store import key_of
from reticent.config.language import LanguageConfig
from reticent.core import BadInput
from reticent.core.folders import files_below
from reticent.core.language import LanguageModel, Passage
from reticent.ledger import QueryLedger
from reticent.policy import Policy
from reticent.targets.files import files_at, files_digest
from reticent.text_access import TextAccess

PLAIN = (".txt", ".md", ".text")
LONGEST_TOKEN = 16  # characters; hardly one is longer on the average of a text
MOST_BYTES = 64 << 20  # of one document; a whole corpus in one file is cut into passages anyway


def text_experiment(
    config: LanguageConfig, *, kept: Path | None = None, secret: bytes = b""
) -> TextExperiment:
    """Return the audit that a configuration describes, its model opened and its texts read.

    Args:
        config: as loaded from `reticent.toml`.
        kept: file for an endpoint's replies, so that they are asked for once; None for none.
        secret: key of the endpoint's noise; derived from the seed if empty, so that equal runs
            give equal records.

    Raises: BadInput for anything that cannot be read or does not fit together.
    """
    data, audit, adversary = config.data, config.audit, config.adversary
    column = data.column
    read = [read_texts(config.base / side, column) for side in (data.training, data.unseen)]
    _check_lengths(config, read)  # a model takes minutes to load, and costs money to ask
    target, kind, digest = _target(config, kept)
    warnings = check_round_trip(
        target,
        [text for side in read for _, text in side],
        from_elsewhere=config.model.url is not None,
    )
    training, unseen = (_documents(target, side) for side in read)
    references = []
    if adversary.reference is not None:
        from reticent.targets import open_language_model

        references = [
            TextAccess(
                target=open_language_model(config.base / adversary.reference),
                policy=Policy(),
                ledger=QueryLedger(),
                token_ledger=QueryLedger(),
                identity="reference",
            )
        ]
    public = None
    if data.public is not None:
        public = PublicText([text for _, text in read_texts(config.base / data.public, column)])
    return TextExperiment(
        target=target,
        kind=kind,
        model_digest=digest,
        training=training,
        unseen=unseen,
        prompt=audit.prompt,
        wanted=audit.wanted,
        most_passages=audit.max_passages,
        knowledge=TextKnowledge(references=references, public=public),
        canaries=None if data.canaries is None else read_canaries(config.base / data.canaries),
        draws=audit.draws,
        success=audit.success,
        token_budget=adversary.token_budget,
        warnings=warnings,
        **configured(config, secret=secret),
    )


def read_texts(place: Path, column: str) -> list[tuple[str, str]]:
    """Return the name and text of each document of a folder, a text file or a table.

    Raises: BadInput for what cannot be read, or holds no text.
    """
    if place.is_dir():
        every = files_below(place, hidden=True, links=True)
        files = [path for path in every if path.suffix.lower() in PLAIN]
        found = [(path.relative_to(place).as_posix(), _read(path)) for path in files]
    elif place.suffix.lower() in PLAIN:
        found = [(place.name, _read(place))]
    else:
        from reticent.data import read_table

        cells = read_table(place, columns=[column])[column].astype(object).tolist()
        found = [(f"row {i + 1}", cell) for i, cell in enumerate(cells) if isinstance(cell, str)]
    found = [(name, text) for name, text in found if text.strip()]
    if not found:
        raise BadInput(
            f"{place} holds no text.",
            way_out=f"Give a folder of {', '.join(PLAIN)} files, or a table with a column of "
            "documents (data.column).",
        )
    return found


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise BadInput(
                f"{path} has {path.stat().st_size} bytes; a document has at most {MOST_BYTES}.",
                way_out="Cut it into several files.",
            )
    except OSError as error:
        raise unreadable(path, error) from error
    return plain_text(path)


def _documents(target: LanguageModel, texts: list[tuple[str, str]]) -> list[Passage]:
    found = []
    for name, text in texts:
        ids = target.tokens(text)
        if len(ids):
            found.append(Passage(tokens=np.asarray(ids, dtype=np.int64), document=name))
    return found


def _check_lengths(config: LanguageConfig, read: Sequence[list[tuple[str, str]]]) -> None:
    """Refuse texts that are too short for the passages, where that shows without the model."""
    model = config.model
    tokenizer = None if model.tokenizer is None else config.base / model.tokenizer
    unit, codec = "byte", None
    if model.url is None or tokenizer is not None:
        from reticent.targets._language_files import open_tokens, tokens_apart

        unit = "token"
        codec = (
            tokens_apart(config.base / str(model.path), tokenizer)
            if model.url is None
            else open_tokens(str(tokenizer))[0]
        )
        if codec is None:
            return
    audit = config.audit
    size = audit.prompt + audit.wanted
    plenty = 2 * LEAST_PASSAGES * size

    def length(text: str) -> int:
        ids = text.encode("utf-8", "replace") if codec is None else codec.encode(text)
        return len(ids)

    def at_least(text: str) -> int:
        """Return a text's length, or that of its beginning if that suffices."""
        found = length(text[: LONGEST_TOKEN * plenty])
        return found if found >= plenty else length(text)

    training, unseen = ((at_least(text) for _, text in side) for side in read)
    check_lengths(training, unseen, size=size, most=audit.max_passages, unit=unit)


def _target(config: LanguageConfig, kept: Path | None) -> tuple[LanguageModel, str, str]:
    """Return the model, how it is reached, and the digest that names it."""
    model = config.model
    tokenizer = None if model.tokenizer is None else config.base / model.tokenizer
    if model.url is not None:
        from reticent.targets import open_openai

        codec, size = None, 256
        if tokenizer is not None:
            from reticent.targets._language_files import open_tokens

            codec, size = open_tokens(tokenizer)
        served = str(model.served_as)
        endpoint = open_openai(
            model.url,
            model=served,
            kind=model.protocol,
            name=model.name or "",
            key_env=model.key_env,
            allowed_host=model.allowed_host,
            codec=codec,
            size=size,
            context=model.context,
            alternatives=model.alternatives,
            request=model.request,
            keep=kept,
            timeout_s=model.timeout_s,
            wait_s=model.wait_s,
        )
        return endpoint, "endpoint", key_of(url=model.url, served_as=served, request=model.request)
    from reticent.targets import open_language_model

    place = config.base / str(model.path)
    opened = open_language_model(
        place, tokeniser=tokenizer, name=model.name or "", dtype=model.dtype
    )
    kind = {".gguf": "gguf", ".bin": "llama2.c"}.get(place.suffix.lower(), "transformers")
    return opened, kind, files_digest(files_at(place))
