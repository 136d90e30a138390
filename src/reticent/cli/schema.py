"""`reticent schema`: the JSON Schemas."""

from enum import StrEnum
from typing import Annotated

import typer


class Which(StrEnum):
    """What can be described."""

    CONFIG = "config"
    IMAGE_CONFIG = "image-config"
    EMBEDDING_CONFIG = "embedding-config"
    TEXT_CONFIG = "text-config"
    RECORD = "record"


def schema(
    which: Annotated[
        Which,
        typer.Argument(
            help="config: reticent.toml. image-config: the same for a model of pictures. "
            "embedding-config: for vectors of texts. text-config: for a language model. record: "
            "what an audit writes."
        ),
    ] = Which.CONFIG,
) -> None:
    """Print the JSON Schema of the configuration or of the record."""
    import json

    typer.echo(json.dumps(_schema(which), indent=2))


def _schema(which: Which) -> dict[str, object]:
    if which is Which.RECORD:
        from reticent.audit.record import Record

        return Record.model_json_schema()
    from reticent.config import Audited, EmbeddingConfig, ImageConfig, LanguageConfig, json_schema

    forms: dict[Which, type[Audited]] = {
        Which.IMAGE_CONFIG: ImageConfig,
        Which.EMBEDDING_CONFIG: EmbeddingConfig,
        Which.TEXT_CONFIG: LanguageConfig,
    }
    return json_schema(forms[which]) if which in forms else json_schema()
