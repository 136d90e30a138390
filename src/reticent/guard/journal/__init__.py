"""The journal: append-only chained rows, signed checkpoints, and the tools that read them."""
