"""What the settings of an attack must keep to, said in one way."""


def at_least_one(**settings: int) -> None:
    """Refuse settings below 1.

    Raises: ValueError naming all that were given.

    >>> at_least_one(queries=10, modes=0)
    Traceback (most recent call last):
    ValueError: queries is 10 and modes 0; both must be at least 1.
    """
    if min(settings.values()) < 1:
        raise ValueError(f"{_said(settings)} must be at least 1.")


def above_zero(**settings: float) -> None:
    """Refuse settings that are not more than 0.

    Raises: ValueError naming all that were given.
    """
    if not all(value > 0 for value in settings.values()):
        raise ValueError(f"{_said(settings)} must be more than 0.")


def _said(settings: dict[str, int] | dict[str, float]) -> str:
    first, *others = [f"{name} {value}" for name, value in settings.items()]
    first = first.replace(" ", " is ", 1)
    *between, last = [first, *others]
    named = f"{', '.join(between)} and {last}" if between else last
    whose = {1: "it", 2: "both"}.get(len(settings), "each")
    return f"{named}; {whose}"
