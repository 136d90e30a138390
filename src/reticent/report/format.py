"""The one way in which a number, and a foreign text, is written in every report.

Intervals are rounded outwards, so that a printed interval is never narrower than the measured
one; None is "no data", never 0.
"""

import hashlib
import math
from collections.abc import Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal

from reticent.audit.record import Cell, Figure

NO_DATA = "no data"
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_WAYS = {"nearest": ROUND_HALF_EVEN, "down": ROUND_FLOOR, "up": ROUND_CEILING}


def number(value: float | None, way: str = "nearest") -> str:
    """Return a number as every report prints it; "no data" for None, NaN and infinities.

    Three significant digits from 1 on, three decimals below 1, two significant digits below 0.01.

    Args:
        value: the number.
        way: "nearest", or "down" and "up" for the ends of intervals.

    >>> number(0.41249), number(0.41249, "down"), number(0.41201, "up")
    ('0.412', '0.412', '0.413')
    >>> number(1234.5), number(0.9996), number(-0.00412), number(0.0), number(None)
    ('1,234', '1.00', '-0.0041', '0', 'no data')
    """
    if value is None or not math.isfinite(value):
        return NO_DATA
    exact = Decimal(format(value, ".12g"))
    if exact == 0:
        return "0"
    rounded = exact.quantize(_grain(exact), rounding=_WAYS[way])
    # 0.9996 rounds to 1.000 and 9.996 to 10.00: one digit too many.
    rounded = rounded.quantize(max(_grain(rounded), _grain(exact))) if rounded else rounded
    if rounded == 0:
        return "0"
    if abs(exact) < Decimal("0.0001"):
        return f"{rounded:.1e}"
    return f"{rounded:,f}"


def _grain(value: Decimal) -> Decimal:
    """Return the last place to print: the finer, the smaller the number."""
    power = value.adjusted()
    if power >= 0:
        return Decimal(1).scaleb(min(power - 2, 0))
    return Decimal(1).scaleb(min(power - 1, -3))


def interval(figure: Figure) -> str:
    """Return the interval in brackets; a bound on one side has no other end.

    >>> interval(Figure(metric="auc", estimate=.5, lower=.41249, upper=.5871, confidence=.95,
    ...                 method=""))
    '[0.412, 0.588]'
    """
    if figure.lower is None and figure.upper is None:
        return "[no interval]"
    lower = "-∞" if figure.lower is None else number(figure.lower, "down")
    upper = "∞" if figure.upper is None else number(figure.upper, "up")
    return f"[{lower}, {upper}]"


def size(figure: Figure) -> str:
    """Return how many people a figure counts.

    >>> size(Figure(metric="auc", estimate=None, lower=None, upper=None, confidence=.95,
    ...             method="", n_members=1500, n_non_members=20))
    'n = 1,500 members + 20 non-members'
    """
    parts = [
        f"{n:,} {what}"
        for n, what in ((figure.n_members, "members"), (figure.n_non_members, "non-members"))
        if n
    ]
    return "n = " + (" + ".join(parts) if parts else "0")


def short(figure: Figure) -> str:
    """Return estimate and interval.

    >>> short(Figure(metric="auc", estimate=None, lower=None, upper=None, confidence=.95,
    ...              method=""))
    'no data'
    """
    if figure.estimate is None or not math.isfinite(figure.estimate):
        return NO_DATA
    return f"{number(figure.estimate)} {interval(figure)}"


def full(figure: Figure) -> str:
    """Return estimate, interval and n: how every report writes a cell's figure.

    >>> full(Figure(metric="auc", estimate=.5, lower=.4, upper=.6, confidence=.95, method="",
    ...             n_members=50))
    '0.500 [0.400, 0.600], n = 50 members'
    """
    return f"{short(figure)}, {size(figure)}"


def p_value(value: float | None) -> str:
    """Return a p-value, rounded up; what is smaller than anybody needs is only bounded.

    >>> p_value(0.01234), p_value(2e-283), p_value(None)
    ('0.013', '< 0.0001', 'no data')
    """
    if value is not None and value < 0.0001:
        return "< 0.0001"
    return number(value, "up")


def percent(share: float) -> str:
    """Return a share as a percentage without needless zeros.

    >>> percent(0.95), percent(0.001), percent(0.999)
    ('95 %', '0.1 %', '99.9 %')
    """
    return f"{Decimal(format(share * 100, '.6g')).normalize():f} %"


def seconds(value: float | None) -> str:
    """Return a length of time.

    >>> seconds(0.9), seconds(212.4), seconds(7320), seconds(None)
    ('0.900 s', '3 min 32 s', '2 h 2 min', 'no data')
    """
    if value is None or not math.isfinite(value):
        return NO_DATA
    if value < 60:
        return f"{number(value)} s"
    whole = round(value)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600:,} h {whole % 3600 // 60} min"


def plain(value: object) -> str:
    """Return any plain value of settings, notes or counts as text."""
    if value is None:
        return NO_DATA
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{int(value):,}" if value.is_integer() and abs(value) < 1e15 else number(value)
    if isinstance(value, dict):
        return ", ".join(f"{plain(k)} = {plain(v)}" for k, v in value.items()) or "none"
    if isinstance(value, (list, tuple)):
        return ", ".join(plain(v) for v in value) or "none"
    return str(value)


def step(defence: Mapping[str, object]) -> str:
    """Return one defence of a policy as text.

    >>> step({"kind": "round", "digits": 2}), step({"kind": "hard_label"})
    ('round (digits = 2)', 'hard_label')
    """
    settings = {key: value for key, value in defence.items() if key != "kind"}
    name = plain(defence.get("kind", "defence"))
    return f"{name} ({plain(settings)})" if settings else name


def clean(text: str) -> str:
    r"""Return foreign text without what no report can carry.

    Control characters, lone surrogates and noncharacters become a replacement character; so do
    the controls that reverse the reading direction, with which one name can pass for another.

    >>> clean("a\x00b\tc\u202e")
    'a�b\tc�'
    """
    return "".join(c if _printable(c) else REPLACEMENT for c in text)


def _printable(c: str) -> bool:
    point = ord(c)
    if c in "\t\n\r":
        return True
    return not (
        point < 0x20
        or 0x7F <= point < 0xA0
        or 0xD800 <= point < 0xE000
        or 0xFDD0 <= point < 0xFDF0
        or point & 0xFFFE == 0xFFFE
        or c in _BIDI
    )


def one_line(text: str) -> str:
    r"""Return foreign text on one line.

    >>> one_line(" a\n  b ")
    'a b'
    """
    return " ".join(clean(text).split())


def anchor(cell: Cell | str) -> str:
    """Return the name of a cell's place in a page: stable, and harmless whatever the id holds.

    >>> anchor("attribute/map")
    'cell-d32ff67a4f1a'
    """
    name = cell if isinstance(cell, str) else cell.id
    return "cell-" + hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:12]
