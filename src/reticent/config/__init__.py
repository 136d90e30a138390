"""What the user writes: reticent.toml."""

from reticent.config.load import json_schema, load, load_guard, parse, parse_guard
from reticent.config.schema import Config, GuardFile

__all__ = ["Config", "GuardFile", "json_schema", "load", "load_guard", "parse", "parse_guard"]
