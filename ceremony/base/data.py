"""Strict, frozen data for everything that is read from outside.

Every file of ours is one canonical line of JSON (printable ASCII, sorted keys, strings only); `load` refuses whatever
`dump` would not have written, byte for byte: an unknown, missing or repeated key, white space, another order (SET-04).
"""

from __future__ import annotations

import json
import re
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, Field, FrozenInstanceError, dataclass, fields, is_dataclass
from datetime import datetime
from functools import cache
from typing import Annotated, Any, Literal, TypeVar, dataclass_transform, get_args, get_origin, get_type_hints

from ceremony.base.show import line, shown

T = TypeVar("T")
_UNIONS = (types.UnionType, typing.Union)

MAX_FILE = 16_000_000
"""Bytes: the largest document that is read at all."""


class Malformed(ValueError):
    """Something read from outside does not have its form (exit code 2). Its message is one line of printable ASCII."""

    def __init__(self, what: str) -> None:
        super().__init__(line(what))


class OtherForm(Malformed):
    """What another release wrote, whose form this one does not read (exit code 3): nothing is said of whether it is whole."""

    def __init__(self, where: str, form: str) -> None:
        super().__init__(f"{where}: written by form {form}; this release reads form {FORM}. Use the release that wrote it.")
        self.form = form


FORM = "2"
"""The form of every document and entry since this release; a later one adds a form, and never a field to this."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """The whole text must match `regex`, and be a date of the calendar where `date` says how it is written; `name` is what a person is
    told."""

    regex: str
    name: str
    date: str = ""


@dataclass(frozen=True, slots=True)
class Asset:
    """A number of base units of this asset: an integer in memory, an object that says both in every file, so that no amount is ever
    read as one of another asset."""

    code: str

    @property
    def name(self) -> str:
        """What a person is told."""
        return f'an amount of {self.code} such as {{"asset":"{self.code}","units":"1"}}'

    def written(self, units: int) -> dict[str, str]:
        """Its one form in a file."""
        return {"asset": self.code, "units": str(units)}


Btc = Annotated[int, Asset("BTC")]
Text = Annotated[str, Pattern(r"[ -~]{1,2000}", "printable ASCII, 1 to 2,000 characters")]
Free = Annotated[str, Pattern(r"[ -~]{0,2000}", "printable ASCII, at most 2,000 characters")]
Name = Annotated[str, Pattern(r"[a-z0-9][a-z0-9-]{0,40}", "lower-case letters, digits and hyphens")]
Digest = Annotated[str, Pattern(r"[0-9a-f]{64}", "64 hexadecimal digits in lower case")]
SetIdentifier = Annotated[str, Pattern(r"[0-9a-f]{20}", "20 hexadecimal digits in lower case")]
Time = Annotated[
    str,
    Pattern(
        r"20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]Z",
        "a UTC time such as 2026-11-20T09:30:00Z",
        "%Y-%m-%dT%H:%M:%SZ",
    ),
]
Position = Annotated[str, Pattern(r"[A-I][1-9]", "a position such as A1")]
Person = Annotated[str, Pattern(r"[A-I][1-9]|cfo|cto|administrator|witness", "a position such as A1, or cfo, cto, administrator, witness")]
PublicKey = Annotated[
    str,
    Pattern(
        r"(ssh-ed25519|ecdsa-sha2-nistp256|sk-(ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com) [A-Za-z0-9+/]+={0,2}",
        "an OpenSSH public key without its comment: Ed25519 or ECDSA on P-256, of a file or (sk-) of a security key",
    ),
]
Mark = Literal["practice", "production"]


def printable(text: str) -> str:
    """Any text as a Text: what is not printable ASCII becomes `?`, what is too long is cut."""
    return "".join(c if " " <= c <= "~" else "?" for c in text)[:2000] or "-"


@dataclass_transform(frozen_default=True, kw_only_default=True)
def record(cls: type[T]) -> type[T]:
    """A frozen dataclass that `load` and `dump` know; fields are keyword-only.

    Its methods are those below, the same for all: `dataclasses` compiles six for each class, which took half of the time that a
    command needs to start."""
    made: Any = dataclass(init=False, repr=False, eq=False, match_args=False)(cls)
    made.__init__, made.__repr__, made.__eq__, made.__hash__ = _init, _repr, _eq, _hash
    made.__setattr__ = made.__delattr__ = _frozen
    return cls


def _init(self: Any, **values: Any) -> None:
    known = _fields(self.__class__)
    for name in values.keys() - known.keys():
        raise TypeError(f"{type(self).__name__} has no field {name!r}")
    for name, f in known.items():
        if name in values:
            self.__dict__[name] = values[name]
        elif f.default is not MISSING:
            self.__dict__[name] = f.default
        elif f.default_factory is not MISSING:
            self.__dict__[name] = f.default_factory()
        else:
            raise TypeError(f"{type(self).__name__} is made without its field {name!r}")
    if hasattr(self, "__post_init__"):
        self.__post_init__()


def _repr(self: Any) -> str:
    return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.__dict__.items())})"


def _eq(self: Any, other: object) -> bool:
    return self.__dict__ == other.__dict__ if type(other) is type(self) else NotImplemented


def _hash(self: Any) -> int:
    return hash(tuple(self.__dict__.values()))


def _frozen(self: Any, name: str, *_: object) -> None:
    raise FrozenInstanceError(f"the field {name!r} of {type(self).__name__} stays as it is")


@cache
def amounts_of(cls: Any) -> Mapping[str, Asset]:
    """Field -> asset, of each field that is an amount."""
    found = {}
    for name, hint in _hints(cls).items():
        kind = get_args(hint)[0] if get_origin(hint) in _UNIONS else hint
        if get_origin(kind) is Annotated and isinstance(get_args(kind)[1], Asset):
            found[name] = get_args(kind)[1]
    return found


@cache
def _fields(cls: Any) -> dict[str, Field[Any]]:
    return {f.name: f for f in fields(cls)}


def canonical(value: object) -> bytes:
    """One line: sorted keys, no spaces, ASCII, a newline at the end. `jq -cSa .` gives the same bytes back."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii") + b"\n"


def dump(value: Any) -> bytes:
    """The canonical line of a record."""
    return canonical(encode(value))


def load(cls: type[T], raw: bytes, what: str = "document") -> T:
    """The record that `raw` is the canonical line of; Malformed says where it is not."""
    if len(raw) > MAX_FILE:
        raise Malformed(f"{what}: {len(raw)} bytes, expected at most {MAX_FILE}")
    try:
        tree = json.loads(raw.decode("ascii"))
    except (ValueError, RecursionError) as error:
        raise Malformed(f"{what}: not JSON in ASCII ({error})") from None
    value = decode(cls, tree, what)
    if dump(value) != raw:
        raise Malformed(f"{what}: not in canonical form (one line, sorted keys, no spaces, every key once)")
    return typing.cast(T, value)


def encode(value: Any) -> Any:
    """Plain JSON values (strings, lists, objects) for a record; integers become decimal strings, bytes hexadecimal."""
    if type(value) is str:  # most of what there is
        return value
    if is_dataclass(value):
        amounts, said = amounts_of(value.__class__), ((name, getattr(value, name)) for name in _fields(value.__class__))
        return {name: amounts[name].written(item) if name in amounts else encode(item) for name, item in said if item is not None}
    if isinstance(value, Mapping):
        return {str(key): encode(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [encode(item) for item in value]
    if isinstance(value, bool) or not isinstance(value, int | str | bytes):
        raise TypeError(f"no place for {type(value).__name__} in a document")
    if isinstance(value, bytes):
        return value.hex()
    return str(value)


def decode(kind: Any, value: Any, where: str) -> Any:
    """`value` (plain JSON) as `kind`: a record, a tuple, a mapping, a pattern, an amount, a literal, int or bytes."""
    origin, args = get_origin(kind), get_args(kind)
    if origin is None and is_dataclass(kind):
        return _decode_record(kind, value, where)
    if origin is Annotated:
        return _units(args[1], value, where) if isinstance(args[1], Asset) else _matching(args[1], _string(value, where), where)
    if origin is Literal:
        return _one_of(args, _string(value, where), where)
    if origin in _UNIONS:
        return decode(args[0], value, where)
    if origin is tuple:
        if not isinstance(value, list):
            raise Malformed(f"{where}: expected a list")
        return tuple(decode(args[0], item, f"{where}[{number}]") for number, item in enumerate(value))
    if origin in (dict, Mapping):
        if not isinstance(value, dict):
            raise Malformed(f"{where}: expected an object")
        return {decode(args[0], key, f"{where} key"): decode(args[1], item, f"{where}.{key}") for key, item in value.items()}
    if kind is int:
        return _integer(_string(value, where), where)
    if kind is bytes:
        return _bytes(_string(value, where), where)
    raise TypeError(f"{where}: no decoder for {kind!r}")


@cache
def _hints(cls: type) -> dict[str, Any]:
    return get_type_hints(cls, include_extras=True)


def _decode_record(cls: Any, value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        raise Malformed(f"{where}: expected an object")
    hints = _hints(cls)
    known = _fields(cls)
    if "version" in known:
        check_form(value, where)
    for key in value:
        if key not in known:
            raise Malformed(f"{where}: unknown field {shown(key)}; known are {', '.join(sorted(known))}")
    for name, f in known.items():
        if name not in value and f.default is MISSING:
            raise Malformed(f"{where}: the field {shown(name)} is missing")
    return cls(**{name: decode(hints[name], item, f"{where}.{name}") for name, item in value.items()})


def check_form(tree: Mapping[str, Any], where: str) -> None:
    """OtherForm if a document or an entry says that it has another form; read before anything else of it."""
    form = tree.get("version")
    if isinstance(form, str) and form != FORM and re.fullmatch(r"[0-9]{1,4}", form):
        raise OtherForm(where, form)


def _string(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise Malformed(f"{where}: expected a string")
    return value


def _matching(pattern: Pattern, text: str, where: str) -> str:
    if not re.fullmatch(pattern.regex, text) or not _in_calendar(pattern.date, text):
        raise Malformed(f"{where}: found {shown(text)}, expected {pattern.name}")
    return text


def _units(asset: Asset, value: Any, where: str) -> int:
    if not isinstance(value, dict) or value.keys() != {"asset", "units"} or value["asset"] != asset.code:
        raise Malformed(f"{where}: found {shown(canonical(value).decode().rstrip())}, expected {asset.name}")
    return _integer(_string(value["units"], f"{where}.units"), f"{where}.units")


def _in_calendar(form: str, text: str) -> bool:
    """A date that no calendar has (the 31st of November) would stop every later command that counts days from it."""
    try:
        return not form or bool(datetime.strptime(text, form))
    except ValueError:
        return False


def _one_of(choices: tuple[Any, ...], text: str, where: str) -> str:
    if text not in choices:
        raise Malformed(f"{where}: found {shown(text)}, expected {' or '.join(choices)}")
    return text


def _integer(text: str, where: str) -> int:
    if not re.fullmatch(r"0|[1-9][0-9]{0,29}", text):
        raise Malformed(f"{where}: found {shown(text)}, expected a whole number in digits")
    return int(text)


def _bytes(text: str, where: str) -> bytes:
    if not re.fullmatch(r"([0-9a-f]{2})*", text):
        raise Malformed(f"{where}: expected bytes as hexadecimal digits in lower case")
    return bytes.fromhex(text)
