"""What the user writes: reticent.toml."""
