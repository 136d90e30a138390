"""What the user writes: reticent.toml."""

from reticent.config.audited import Audited
from reticent.config.embedding import EmbeddingConfig
from reticent.config.images import ImageConfig
from reticent.config.language import LanguageConfig
from reticent.config.load import (
    json_schema,
    load,
    load_audit,
    load_guard,
    parse,
    parse_guard,
)
from reticent.config.schema import Config, GuardFile

__all__ = [
    "Audited",
    "Config",
    "EmbeddingConfig",
    "GuardFile",
    "ImageConfig",
    "LanguageConfig",
    "json_schema",
    "load",
    "load_audit",
    "load_guard",
    "parse",
    "parse_guard",
]
