"""Real model servers, started on the loopback interface, to test against.

Each server is a file with `start() -> Served` and `asked() -> list[Ask]`: how to run it, and the
requests whose answers `scripts/record-served` keeps under tests/protocols/recorded. Each runs in an
environment of its own, made by `scripts/make-served NAME`; the fixtures in `served.fixtures` skip
where it was not made. Nothing here builds an environment.
"""
