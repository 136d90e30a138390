"""Plan, run, grade, record."""
