"""Read records from files and queries."""
