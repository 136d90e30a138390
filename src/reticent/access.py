"""The only door between an attack and a model."""

from dataclasses import dataclass, replace

import numpy as np

from reticent.core import (
    Answer,
    Channel,
    Floats,
    Inputs,
    Ints,
    NotExposed,
)
from reticent.ledger import QueryLedger
from reticent.policy import Policy
from reticent.targets.base import Target

PREDICTED = Channel.LABEL | Channel.TOP_K | Channel.SCORES | Channel.VALUE
QUERIED = PREDICTED | Channel.EMBEDDING
BESIDE = Channel.INTERMEDIATE | Channel.EXPLANATION  # what some endpoints say besides


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """A target seen through a policy and paid for from a ledger.

    Attributes:
        target: the model before any policy.
        policy: what its endpoint does to every answer.
        ledger: where queries are booked.
        identity: who is asking.
        exposed: the channels this adversary can reach; narrowed further by the policy.
        secret: key of the policy's noise; the adversary's own copies of the policy use another.
    """

    target: Target
    policy: Policy
    ledger: QueryLedger
    identity: str
    exposed: Channel = QUERIED
    secret: bytes = b""

    @property
    def channels(self) -> Channel:
        """Return the channels that are open here. WEIGHTS are beyond any policy's reach (A15)."""
        offered = self.target.channels & self.exposed
        beyond = offered & Channel.WEIGHTS
        return self.policy.exposes(offered & ~Channel.WEIGHTS) | beyond

    @property
    def classes(self) -> tuple[object, ...]:
        """Return the class values in the order of the scores; empty for a regressor."""
        return self.target.classes

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the model's input columns in order; empty if it takes plain arrays."""
        return self.target.columns

    @property
    def queries(self) -> int:
        """Return the queries booked for this identity."""
        return self.ledger.spent(self.identity)

    @property
    def queries_left(self) -> int | None:
        """Return the queries still allowed; None if there is no limit."""
        return self.ledger.left(self.identity)

    def only(self, exposed: Channel) -> "Access":
        """Return this door with fewer channels."""
        return replace(self, exposed=self.exposed & exposed)

    def ask(self, x: Inputs) -> Answer:
        """Return all that the endpoint says to each row: one query a row.

        Raises: NotExposed if no answering channel is open; BudgetSpent; BadAnswer.
        """
        open_channels = self.channels
        if not (QUERIED | BESIDE) & open_channels:
            raise self._shut(QUERIED)
        self.ledger.charge(self.identity, len(x))
        raw = self.target.answer(x)
        return self.policy.apply(raw, self._in_order(x), secret=self.secret).only(open_channels)

    def labels(self, x: Inputs) -> Ints:
        """Return the answered class index of each row, (n,), -1 where it abstained."""
        self._open(Channel.LABEL)
        labels = self.ask(x).labels
        if labels is None:
            raise self._shut(Channel.LABEL)
        return labels

    def scores(self, x: Inputs) -> Floats:
        """Return what is shown of the class probabilities, (n, k), NaN where withheld."""
        self._open(Channel.SCORES | Channel.TOP_K)
        scores = self.ask(x).scores
        if scores is None:
            raise self._shut(Channel.SCORES)
        return scores

    def values(self, x: Inputs) -> Floats:
        """Return the regressor's answer to each row, (n,)."""
        self._open(Channel.VALUE)
        values = self.ask(x).values
        if values is None:
            raise self._shut(Channel.VALUE)
        return values

    def embeddings(self, x: Inputs) -> Floats:
        """Return the vector that answers each row, (n, d), NaN where withheld."""
        self._open(Channel.EMBEDDING)
        embeddings = self.ask(x).embeddings
        if embeddings is None:
            raise self._shut(Channel.EMBEDDING)
        return embeddings

    def intermediate(self, x: Inputs) -> Floats:
        """Return what an inner layer said of each row, (n, d)."""
        self._open(Channel.INTERMEDIATE)
        inner = self.ask(x).intermediate
        if inner is None:
            raise self._shut(Channel.INTERMEDIATE)
        return inner

    def explanations(self, x: Inputs) -> Floats:
        """Return what explains the answer to each row, (n, inputs)."""
        self._open(Channel.EXPLANATION)
        explanation = self.ask(x).explanation
        if explanation is None:
            raise self._shut(Channel.EXPLANATION)
        return explanation

    def weights(self) -> object:
        """Return the fitted model itself; no policy stands between (A15)."""
        self._open(Channel.WEIGHTS)
        return self.target.weights()

    def _in_order(self, x: Inputs) -> Inputs:
        """Return rows in the order of the model's columns, as they go over the wire.

        Noise is keyed by their bytes: another order of the same cells would be another question.
        """
        columns = self.target.columns
        if isinstance(x, np.ndarray) or not columns or tuple(x.columns) == columns:
            return x
        return x[list(columns)]

    def _open(self, wanted: Channel) -> None:
        if not wanted & self.channels:
            raise self._shut(wanted)

    def _shut(self, wanted: Channel) -> NotExposed:
        return NotExposed(
            f"{self.target.name} under policy {self.policy.digest[:12]} does not expose "
            f"{_names(wanted)} to this adversary, only {_names(self.channels)}.",
            way_out="Choose an attack that needs less, or audit a more open exposure.",
        )


def _names(channels: Channel) -> str:
    return "/".join(c.name or "" for c in channels) or "nothing"
