r"""Where the records of CSV end, found on all bytes of a block at once.

In: bytes that start with a record. Out: where the last whole one ends, and how many there are.
A quote opens if an even number of quotes stands before it, and then a newline ends no record until the next one closes.
That holds while each opening quote stands behind a delimiter, a newline or (a doubled quote) a closing one, and each
closing quote before one of these.

>>> find_records(b'a,"x\ny"\nb,"say ""z"\nc,', ord(","), ord('"'), is_last=False)
Records(end=20, rows=2)
>>> find_records(b'a,5" wide\n', ord(","), ord('"'), is_last=True) is None
True
"""

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_NEWLINE, _CARRIAGE_RETURN = b"\n\r"


class Records(NamedTuple):
    """The whole records at the beginning of a block."""

    end: int  # behind the last one
    rows: int  # without blank lines


def find_records(text: bytes, delimiter: int, quote: int, is_last: bool) -> Records | None:
    """The records that end in ``text``, which ends the file if ``is_last``; None where a quote stands amiss."""
    import numpy as np

    octets = np.frombuffer(text, np.uint8)
    quotes, newlines = np.flatnonzero(octets == quote), np.flatnonzero(octets == _NEWLINE)
    ends = newlines[np.searchsorted(quotes, newlines) % 2 == 0] + 1
    if is_last and (not len(ends) or ends[-1] < len(octets)):
        ends = np.append(ends, len(octets))
    if not len(ends):
        return Records(0, 0)
    whole = octets[: ends[-1]]
    if not _is_sound(whole, quotes[: np.searchsorted(quotes, len(whole))], delimiter):
        return None
    starts = np.concatenate([[0], ends[:-1]])
    is_blank = np.isin(whole[starts], (_NEWLINE, _CARRIAGE_RETURN))  # a carriage return only stands before a newline
    return Records(len(whole), len(ends) - int(is_blank.sum()))


def _is_sound(octets: "NDArray[np.uint8]", quotes: "NDArray[np.int64]", delimiter: int) -> bool:
    """Whether quotes, and carriage returns, stand where they mean one thing only."""
    import numpy as np

    framed = np.concatenate([[_NEWLINE], octets, [_NEWLINE]]).astype(np.uint8, copy=False)
    returns = np.flatnonzero(octets == _CARRIAGE_RETURN)
    if len(quotes) % 2 or (framed[returns + 2] != _NEWLINE).any():
        return False
    opening, closing = quotes[::2], quotes[1::2]
    is_doubled = closing[:-1] + 1 == opening[1:]  # a closing quote and the opening one right behind it
    behind, ahead = framed[opening], framed[closing + 2]
    is_good_opening, is_good_closing = (
        np.isin(behind, (delimiter, _NEWLINE)),
        np.isin(ahead, (delimiter, _NEWLINE, _CARRIAGE_RETURN)),
    )
    is_good_opening[1:] |= is_doubled
    is_good_closing[:-1] |= is_doubled
    return bool(is_good_opening.all() and is_good_closing.all())
