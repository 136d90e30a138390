"""Our exceptions: each names the value, the rule that it broke, and the way out.

* ReticentError
  - NotExposed          an attack asked for a channel that is shut
  - BudgetSpent         the query budget ran out
  - NotEnoughKnowledge  an attack lacks data or reference models it must have
  - BadAnswer           the model raised, or answered with something that is no answer
  - BadInput            configuration, data or a model file that cannot be used
    - UntrustedFile     a model file that could run code, without consent
    - BadRecord         a record that is truncated, altered or of another version
  - BadPolicy           a policy that cannot be read, or does not fit the model
"""


class ReticentError(Exception):
    """Base of every error this package raises on purpose.

    Args:
        what: the value that was found and the rule that it broke, one sentence.
        way_out: what the reader can do about it, one sentence.
    """

    def __init__(self, what: str, *, way_out: str = "") -> None:
        super().__init__(f"{what} {way_out}".strip())
        self.what = what
        self.way_out = way_out


class NotExposed(ReticentError):
    """An attack asked for a channel that is shut."""


class BudgetSpent(ReticentError):
    """The query budget ran out."""


class NotEnoughKnowledge(ReticentError):
    """An attack lacks data or reference models it must have."""


class BadAnswer(ReticentError):
    """The model raised, or answered with something that is no answer."""


class BadInput(ReticentError):
    """Configuration, data or a model file that cannot be used."""


class UntrustedFile(BadInput):
    """A model file that could run code when loaded, without the user's consent."""


class BadRecord(BadInput):
    """A record that is truncated, altered or of another version."""


class BadPolicy(ReticentError):
    """A policy that cannot be read, or does not fit the model."""
