"""Make the audit of vectors from a configuration."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from reticent.audit.configured import configured
from reticent.audit.embedding.experiment import EmbeddingExperiment
from reticent.audit.plain_text import plain_text
from reticent.audit.store import key_of
from reticent.config.embedding import EmbeddingConfig
from reticent.core import BadInput
from reticent.targets.base import Target
from reticent.targets.embedder import EmbedderTarget, open_static, transformers_embedder
from reticent.targets.files import files_at, files_digest

if TYPE_CHECKING:
    import pandas as pd

MOST_LINE = 1_000_000  # characters; a text that long is a file that lost its line ends


def embedding_experiment(
    config: EmbeddingConfig, *, kept: Path | None = None, secret: bytes = b""
) -> EmbeddingExperiment:
    """Return the audit that a configuration describes, its embedder and texts read.

    Args:
        config: as loaded from `reticent.toml`.
        kept: folder for the vectors of an endpoint, so that they are asked once; None for none.
        secret: key of the endpoint's noise; derived from the seed if empty, so that equal runs
            give equal records.

    Raises: BadInput for anything that cannot be read or does not fit together.
    """
    data = config.data
    texts, entities = _under_attack(config)
    own = [] if data.own is None else _texts(config.base / data.own, data.own_column)
    attacked = set(texts)
    without = list(dict.fromkeys(text for text in own if text not in attacked))
    warnings = []
    if len(without) < len(own):
        warnings.append(
            f"{len(own) - len(without)} of the adversary's {len(own)} texts were left out: they "
            "are under attack, or stand there twice."
        )
    target, kind, digest = _target(config, kept)
    return EmbeddingExperiment(
        target=target,
        kind=kind,
        model_digest=digest,
        texts=tuple(texts),
        own=tuple(without),
        entities=entities,
        template=data.template,
        slots={slot: _values(config, slot) for slot in data.slots},
        public=None
        if config.adversary.public_model is None
        else transformers_embedder(config.base / config.adversary.public_model),
        copy=config.adversary.copy_of_model,
        warnings=tuple(warnings),
        **configured(config, secret=secret),
    )


def _under_attack(config: EmbeddingConfig) -> tuple[list[str], dict[str, tuple[str, ...]]]:
    """Return the texts under attack, drawn with the seed, and the entities in each."""
    data = config.data
    place = config.base / data.texts
    columns: dict[str, list[str]] = {}
    if place.suffix.lower() == ".txt":
        if data.entities:
            raise BadInput(
                f"data.entities names columns, and {place} is a list of lines.",
                way_out="Give a table with a column for the text and one for each entity.",
            )
        every = _texts(place, data.column)
    else:
        table = _table(place, [data.column, *data.entities])
        every = _column(table, data.column)
        columns = {name: _column(table, name) for name in data.entities}
    there = np.array([i for i, text in enumerate(every) if text.strip()], dtype=np.int64)
    if len(there) > data.max_texts:
        rng = np.random.default_rng([config.audit.seed, 8])
        there = np.sort(rng.choice(there, data.max_texts, replace=False))
    chosen = there.tolist()
    entities = {name: tuple(values[i].strip() for i in chosen) for name, values in columns.items()}
    return [every[i] for i in chosen], entities


def _texts(place: Path, column: str) -> list[str]:
    """Return the texts of a file: lines of a .txt, or a column of a table; empty ones left out."""
    found = (
        _lines(place)
        if place.suffix.lower() == ".txt"
        else _column(_table(place, [column]), column)
    )
    return [text for text in found if text.strip()]


def _lines(place: Path) -> list[str]:
    lines = [line.rstrip("\r") for line in plain_text(place).split("\n")]
    for number, line in enumerate(lines, start=1):
        if len(line) > MOST_LINE:
            raise BadInput(
                f"{place}:{number}: a line of {len(line)} characters; a text has at most "
                f"{MOST_LINE}.",
                way_out="Put one text on a line.",
            )
    return lines


def _table(place: Path, columns: list[str]) -> "pd.DataFrame":
    from reticent.data import read_table

    table: pd.DataFrame = read_table(place, columns=list(dict.fromkeys(columns)))
    return table


def _column(table: "pd.DataFrame", name: str) -> list[str]:
    cells = table[name].astype(object).tolist()
    return [cell if isinstance(cell, str) else "" if cell != cell else str(cell) for cell in cells]


def _values(config: EmbeddingConfig, slot: str) -> tuple[str, ...]:
    given = config.data.slots[slot]
    values = _lines(config.base / given) if isinstance(given, str) else list(given)
    found = tuple(dict.fromkeys(value.strip() for value in values if value.strip()))
    if len(found) < 2:
        raise BadInput(
            f"data.slots.{slot} has {len(found)} values; two or more different ones are needed.",
            way_out="Write a slot that never changes into the template itself.",
        )
    return found


def _target(config: EmbeddingConfig, kept: Path | None) -> tuple[Target, str, str]:
    """Return the embedder, how it is reached, and the digest that names it."""
    model = config.model
    if model.url is not None:
        from reticent.targets.embedding_endpoint import open_embedder

        served = str(model.served_as)
        digest = key_of(url=model.url, served_as=served, dimensions=model.dimensions)
        endpoint = open_embedder(
            model.url,
            model=served,
            dimensions=model.dimensions,
            key_env=model.key_env,
            kept=None if kept is None else kept / digest[:16],
            batch_texts=model.batch_texts,
            timeout_s=model.timeout_s,
            wait_s=model.wait_s,
        )
        return endpoint, "endpoint", digest
    if model.call is not None:
        from reticent.targets.function import load_function

        embed = load_function(model.call, beside=config.base)
        return (
            EmbedderTarget(embed=embed, name=model.name or model.call),
            "function",
            key_of(call=model.call),
        )
    place = config.base / str(model.path)
    if place.suffix.lower() == ".safetensors":
        tokenizer = config.base / str(model.tokenizer)
        target = open_static(place, tokenizer, name=model.name or place.stem)
        return target, "static vectors", files_digest([place, tokenizer])
    target = transformers_embedder(
        place,
        name=model.name or place.name,
        pooling=model.pooling,
        most_tokens=model.most_tokens,
    )
    return target, "transformers", files_digest(files_at(place))
