"""What the user writes: reticent.toml."""

from reticent.config.load import json_schema, load, parse
from reticent.config.schema import Config

__all__ = ["Config", "json_schema", "load", "parse"]
