"""The contract every target obeys."""

from typing import Protocol

from reticent.core import Answer, Channel, Inputs


class Target(Protocol):
    """A model, before any policy.

    Attributes are properties so that frozen dataclasses and live objects both fit.
    """

    @property
    def name(self) -> str:
        """Return how messages call this model."""
        ...

    @property
    def channels(self) -> Channel:
        """Return the channels the raw model offers."""
        ...

    @property
    def classes(self) -> tuple[object, ...]:
        """Return the class values in the order of the scores; empty for a regressor."""
        ...

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the input columns in order; empty if the model takes plain arrays."""
        ...

    def answer(self, x: Inputs) -> Answer:
        """Return the raw answer to each row, checked by `core.check_raw`.

        Raises: BadAnswer if the model raised or answered nonsense.
        """
        ...

    def weights(self) -> object:
        """Return the fitted model itself, for white-box attacks.

        Raises: NotExposed if there is none to hand out (a remote or recorded model).
        """
        ...
