"""A sealed share as text for paper: nine numbered lines to type, or one QR code to scan. Pure functions over bytes.

86 bytes and the first four of their SHA-256 are 90 bytes, 144 characters of base 32: sixteen on each line, in four groups of four.
The fifth group of a line is its check: a Reed-Solomon code over GF(32) of 21 characters, the first of which is the line's number and
is not printed. Its distance is five, so up to four wrong characters of a line, any two that changed places, and a line typed in the
place of another are always seen (REC-03); one or two wrong characters are also found, so that people look there. Nothing is mended."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from typing import NoReturn

from ceremony.base.control import refuse
from shares.envelope import SEALED

LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Base 32 of Crockford: no I, L, O, U; all of them alphanumeric in a QR code."""
LINES, GROUPS, GROUP = 9, 5, 4
"""Lines of a card; groups of a line, the last of which is its check; characters of a group."""
LENGTH = GROUPS * GROUP
"""20: characters of a line."""
PREFIX = "COLDSHARE1."
"""What the text of a card's QR code begins with: the format and its version."""

_NAME = PREFIX[:-2]
_DATA, _CHECK, _WHOLE = 16, 4, 4
_RFC4648 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_OURS, _THEIRS = str.maketrans(_RFC4648, LETTERS), str.maketrans(LETTERS, _RFC4648)
_STANDS_FOR = str.maketrans("OIL", "011")
"""Look-alikes that can only be meant for one character: the alphabet has no O, I and L. U is no letter of a card."""


def lines(sealed: bytes) -> tuple[str, ...]:
    """The nine lines of a sealed share of 86 bytes, each as five groups of four with spaces in between. Decoded: `from_lines`."""
    body = _body(sealed)
    data = (body[at : at + _DATA] for at in range(0, len(body), _DATA))
    return tuple(grouped(part + _check(number, part)) for number, part in enumerate(data, start=1))


def payload(sealed: bytes) -> str:
    """The text of the QR code: prefix and the 144 characters, all alphanumeric in the sense of QR codes. Decoded: `from_payload`."""
    return PREFIX + _body(sealed)


def grouped(line: str) -> str:
    """20 characters as people read them: five groups of four."""
    return " ".join(line[at : at + GROUP] for at in range(0, len(line), GROUP))


def is_scan(text: str) -> bool:
    """Whether a text is meant as a scanned code of a card, of whatever version."""
    return text.strip().upper().startswith(_NAME) and "." in text


def check_line(number: int, typed: str) -> str:
    """REC-03: one line as somebody typed it, number 1 to 9: its 20 characters, checked.

    Upper or lower case, with or without spaces, hyphens and the line's number; O, I and L are read as 0, 1 and 1. Refused otherwise:
    the refusal names the line, and as far as can be known the groups to look at. What was typed is never in it."""
    groups = _groups(number, typed)
    line = "".join(groups).translate(_STANDS_FOR)
    if len(line) != LENGTH:
        uneven = [at for at, group in enumerate(groups, start=1) if len(group) != GROUP] if len(groups) == GROUPS else []
        where = f"; look at {_named(uneven)}" if uneven else ""
        _slip(number, f"{len(line)} characters{where}", f"{LENGTH}: {GROUPS} groups of {GROUP}", _AGAIN)
    strange = sorted({at // GROUP + 1 for at, letter in enumerate(line) if letter not in LETTERS})
    if strange:
        _slip(number, f"a character that no card has, in {_named(strange)}", "digits, and letters without I, L, O, U", _AGAIN)
    if not _fits(number, line):
        _check_slip(number, line)
    return line


def from_lines(typed: Sequence[str]) -> bytes:
    """The sealed share that nine lines say; REC-03 for a line that is wrong, and for right lines that do not belong together."""
    if len(typed) != LINES:
        found, do = f"{len(typed)} lines", "Type every line of the card, from 1 to 9."
        refuse("REC-03", "the card is not whole", found=found, expected=f"{LINES} lines", do=do)
    body = "".join(check_line(number, line)[:_DATA] for number, line in enumerate(typed, start=1))
    raw = _unpacked(body)
    if raw is None:
        refuse(
            "REC-03",
            "these lines are not of one card",
            found="nine lines that fit, each by itself, and do not fit each other",
            expected="the nine lines of one card, locked once",
            do="Compare each line with the card once more. Lines of two cards, or of an old card and a new one, never fit together.",
        )
    return raw


def beginning(typed: Sequence[str]) -> bytes:
    """What the first lines of a card say, ten bytes each: three of them hold the whole header. REC-03 for a line that is wrong."""
    body = "".join(check_line(number, line)[:_DATA] for number, line in enumerate(typed, start=1))
    return base64.b32decode(body.translate(_THEIRS))[:SEALED]


def from_payload(text: str) -> bytes:
    """The sealed share that the text of a QR code says; REC-03 for anything but a whole one. Lower case is read as upper case."""
    said = text.strip().upper()
    head, _, body = said.partition(".")
    if f"{head}." != PREFIX:
        found = f"version {head[len(_NAME) :][:8]}" if head.startswith(_NAME) and head[len(_NAME) :].isalnum() else "another text"
        _unread(found, f"a text that begins with {PREFIX}", f"Scan the code of the share card itself. {_SCANNER}")
    if len(body) != _DATA * LINES or not set(body) <= set(LETTERS):
        found = f"{len(body)} characters" if len(body) != _DATA * LINES else "characters that no card has"
        _unread(found, f"{_DATA * LINES} characters of a card", _KEYBOARD)
    raw = _unpacked(body)
    if raw is None:
        _unread("a text whose check does not fit", "the text of a whole card", _KEYBOARD)
    return raw


_AGAIN = "Type this line once more as the card has it, or only the wrong group, as in 2=7KQM."
_SCANNER = "A scanner that types must be set to the keyboard of this machine: with another one Y and Z, or A and Q, change places."
_KEYBOARD = f"Scan it again, or type its lines. {_SCANNER}"


def _slip(number: int, found: str, expected: str, do: str) -> NoReturn:
    refuse("REC-03", f"line {number} of the card", found=found, expected=expected, do=do)


def _unread(found: str, expected: str, do: str) -> NoReturn:
    refuse("REC-03", "the scanned code of the card", found=found, expected=expected, do=do)


def _check_slip(number: int, line: str) -> NoReturn:
    """A line whose check does not fit: which line it is instead, or where to look."""
    other = [n for n in range(1, LINES + 1) if _fits(n, line)]
    if other:
        _another(number, other[0])
    places = _places(number, line)
    if not places:
        _slip(number, "a check that does not fit, for more than two characters", _FITS, _AGAIN)
    where = _named(sorted({at // GROUP + 1 for at in places}))
    if len(places) == 2 and _fits(number, _swapped(line, *places)):
        _slip(number, f"two characters that changed places; look at {where}", _FITS, _AGAIN)
    _slip(number, f"a check that does not fit; look at {where}", _FITS, _AGAIN)


def _another(number: int, other: int) -> NoReturn:
    _slip(number, f"line {other}", f"line {number}", f"Type line {number}; every other line has its own turn.")


_FITS = "a line whose last group fits the others"


def _swapped(line: str, one: int, other: int) -> str:
    found = list(line)
    found[one], found[other] = found[other], found[one]
    return "".join(found)


def _named(groups: Sequence[int]) -> str:
    return ("group " if len(groups) == 1 else "groups ") + " and ".join(map(str, groups))


def _groups(number: int, typed: str) -> list[str]:
    """A line's groups as they were typed, without the line's number if that was typed as well; the number of another one is told."""
    groups = typed.replace("-", " ").upper().split()
    first = groups[0].rstrip(".:)") if len(groups) == GROUPS + 1 else ""
    if len(first) != 1 or not first.isdigit():
        return groups
    if first != str(number):
        _another(number, int(first))
    return groups[1:]


def _body(sealed: bytes) -> str:
    if len(sealed) != SEALED:
        raise ValueError(f"a sealed share of {SEALED} bytes is needed, not of {len(sealed)}")
    return base64.b32encode(sealed + hashlib.sha256(sealed).digest()[:_WHOLE]).decode("ascii").translate(_OURS)


def _unpacked(body: str) -> bytes | None:
    """The 86 bytes of 144 characters; None if the check of the whole does not fit."""
    raw = base64.b32decode(body.translate(_THEIRS))
    sealed, check = raw[:SEALED], raw[SEALED:]
    return sealed if hashlib.sha256(sealed).digest()[:_WHOLE] == check else None


# The check of a line. GF(32) = GF(2)[x] / (x^5 + x^2 + 1); a = x generates it. A line is the polynomial whose coefficients are, from
# x^20 down: the line's number, 16 characters, 4 of the check. It is right if its values at 1, a, a^2 and a^3 are zero.

_ORDER = 31


def _powers() -> list[int]:
    """1, a, a^2 and so on: every element but zero."""
    found = [1]
    while len(found) < _ORDER:
        doubled = found[-1] << 1
        found.append(doubled ^ 0b100101 if doubled & 32 else doubled)
    return found


_POWERS = _powers()
_LOGS = {value: power for power, value in enumerate(_POWERS)}
_HIGHEST = LENGTH


def _times(one: int, other: int) -> int:
    return _POWERS[(_LOGS[one] + _LOGS[other]) % _ORDER] if one and other else 0


def _over(one: int, other: int) -> int:
    """`one` divided by `other`, which is not zero."""
    return _POWERS[(_LOGS[one] - _LOGS[other]) % _ORDER] if one else 0


def _check(number: int, data: str) -> str:
    """The four characters that make a line right: the remainder of number and data, times x^4, by (x - 1)(x - a)(x - a^2)(x - a^3)."""
    rest = [number, *map(LETTERS.index, data), *[0] * _CHECK]
    for at in range(len(rest) - _CHECK):
        factor = rest[at]
        for step, coefficient in enumerate(_GENERATOR):
            rest[at + step] ^= _times(factor, coefficient)
    return "".join(LETTERS[value] for value in rest[-_CHECK:])


def _generator() -> list[int]:
    """Coefficients of (x - 1)(x - a)(x - a^2)(x - a^3), from x^4 down."""
    found = [1]
    for root in _POWERS[:_CHECK]:
        found = [left ^ _times(root, right) for left, right in zip([*found, 0], [0, *found], strict=True)]
    return found


_GENERATOR = _generator()


def _values(number: int, line: str) -> list[int]:
    """The values of a line at 1, a, a^2 and a^3: four zeroes for a right one."""
    found = []
    for root in _POWERS[:_CHECK]:
        value = 0
        for coefficient in (number, *map(LETTERS.index, line)):
            value = _times(value, root) ^ coefficient
        found.append(value)
    return found


def _fits(number: int, line: str) -> bool:
    return not any(_values(number, line))


def _places(number: int, line: str) -> tuple[int, ...]:
    """Where one or two wrong characters stand that explain a line which is not right (0 to 19); nothing if there are more.

    Peterson's decoder: the values are power sums of the wrong places; one place has S1/S0, two are the roots of X^2 + pX + q."""
    s0, s1, s2, s3 = _values(number, line)
    between = _times(s0, s2) ^ _times(s1, s1)
    if between:
        p = _over(_times(s0, s3) ^ _times(s1, s2), between)
        q = _over(_times(s1, s3) ^ _times(s2, s2), between)
        found = [at for at in range(_HIGHEST + 1) if _times(_x(at), _x(at)) ^ _times(p, _x(at)) ^ q == 0]
        wanted = 2
    else:
        found = [at for at in range(_HIGHEST + 1) if s0 and (_times(s0, _x(at)), _times(s1, _x(at)), _times(s2, _x(at))) == (s1, s2, s3)]
        wanted = 1
    if len(found) != wanted or 0 in found:  # 0 is the number, which nobody typed
        return ()
    return tuple(at - 1 for at in found)


def _x(at: int) -> int:
    return _POWERS[_HIGHEST - at]
