"""The tests are tested: the package broken on purpose, one place at a time."""
