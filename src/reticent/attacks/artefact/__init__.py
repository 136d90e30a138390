"""Models that hold their data by design."""
