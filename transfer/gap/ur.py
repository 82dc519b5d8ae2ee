"""BC-UR v2 (Blockchain Commons BCR-2020-005, BCR-2020-012 bytewords, BCR-2024-001 multipart): a signed transaction as QR frames.

Only what crosses our gap is written or read: the type `bytes` (one CBOR byte string), as one frame or as the plain fragments
1 to n of n. Fountain parts are neither made nor accepted: a carousel of plain fragments needs no generator to agree on.
CRC-32 finds accidents, not attackers, so the caller compares the SHA-256 of the whole with the one spoken (EXP-04)."""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NoReturn

from ceremony.base.control import control, refuse
from ceremony.base.data import Malformed

MAX_PAYLOAD = 20_000
"""Bytes: above this nobody holds a camera up long enough; the bundle on the stick carries the same transaction."""
FRAGMENT = 128
"""Bytes in one fragment: the longest frame then has 311 characters, just what QR version 10 holds at error level M."""
MIN_FRAGMENT = 10
MAX_FRAME = 4_296
"""Characters: the most that any QR code holds (version 40, level L, alphanumeric)."""
MAX_MESSAGE = MAX_PAYLOAD + 3
"""Bytes of the CBOR byte string around the payload."""

_BYTEWORDS = """
able acid also apex aqua arch atom aunt away axis back bald barn belt beta bias blue body brag brew bulb buzz calm cash cats chef
city claw code cola cook cost crux curl cusp cyan dark data days deli dice diet door down draw drop drum dull duty each easy echo
edge epic even exam exit eyes fact fair fern figs film fish fizz flap flew flux foxy free frog fuel fund gala game gear gems gift
girl glow good gray grim guru gush gyro half hang hard hawk heat help high hill holy hope horn huts iced idea idle inch inky into
iris iron item jade jazz join jolt jowl judo jugs jump junk jury keep keno kept keys kick kiln king kite kiwi knob lamb lava lazy
leaf legs liar limp lion list logo loud love luau luck lung main many math maze memo menu meow mild mint miss monk nail navy need
news next noon note numb obey oboe omit onyx open oval owls paid part peck play plus poem pool pose puff puma purr quad quiz race
ramp real redo rich road rock roof ruby ruin runs rust safe saga scar sets silk skew slot soap solo song stub surf swan taco task
taxi tent tied time tiny toil tomb toys trip tuna twin ugly undo unit urge user vast very veto vial vibe view visa void vows wall
wand warm wasp wave waxy webs what when whiz wolf work yank yawn yell yoga yurt zaps zero zest zinc zone zoom
"""
WORDS = tuple(_BYTEWORDS.split())
_PAIRS = tuple(word[0] + word[-1] for word in WORDS)
_BYTES = {pair: value for value, pair in enumerate(_PAIRS)}
_FRAME = re.compile(r"ur:([a-z0-9-]{1,40})/(?:([1-9][0-9]{0,9})-([1-9][0-9]{0,9})/)?([a-z]+)")
_STICK = "use the stick: the bundle on it carries the same transaction."


def crc32(raw: bytes) -> int:
    """CRC-32 of ISO 3309, as in zlib and PNG."""
    return zlib.crc32(raw)


def to_bytewords(raw: bytes) -> str:
    """Minimal bytewords (first and last letter of each word) of `raw` and of its CRC-32, most significant byte first."""
    return "".join(_PAIRS[value] for value in raw + crc32(raw).to_bytes(4, "big"))


def from_bytewords(text: str) -> bytes:
    """The bytes that minimal bytewords in lower case stand for; Malformed for another letter pair or a wrong CRC-32."""
    try:
        raw = bytes(_BYTES[text[at : at + 2]] for at in range(0, len(text), 2))
    except KeyError:
        raise Malformed("frame: not bytewords") from None
    body, check = raw[:-4], raw[-4:]
    if not body or crc32(body).to_bytes(4, "big") != check:
        raise Malformed("frame: its bytewords do not match their check")
    return body


@dataclass(frozen=True, slots=True)
class Part:
    """One fragment: `number` of `count` (from 1), the length and CRC-32 of the whole message, and this fragment's bytes."""

    number: int
    count: int
    length: int
    checksum: int
    data: bytes

    @property
    def cbor(self) -> bytes:
        """`[seqNum, seqLen, messageLen, checksum, data]` in deterministic CBOR (RFC 8949, section 4.2.1)."""
        numbers = (self.number, self.count, self.length, self.checksum)
        return b"\x85" + b"".join(_head(0, value) for value in numbers) + wrap(self.data)


def parse_part(raw: bytes) -> Part:
    """The fragment that `raw` is the deterministic CBOR of; Malformed otherwise, trailing bytes included."""
    if raw[:1] != b"\x85":
        raise Malformed("frame: expected a CBOR list of five")
    numbers, at = [], 1
    for _ in range(4):
        value, at = _read_head(raw, at, 0)
        numbers.append(value)
    return Part(numbers[0], numbers[1], numbers[2], numbers[3], unwrap(raw[at:]))


def wrap(payload: bytes) -> bytes:
    """`payload` as one CBOR byte string."""
    return _head(2, len(payload)) + payload


def unwrap(raw: bytes) -> bytes:
    """The bytes of exactly one CBOR byte string with the shortest head; Malformed otherwise."""
    size, at = _read_head(raw, 0, 2)
    if len(raw) - at != size:
        raise Malformed(f"CBOR: {len(raw) - at} bytes after the head, expected {size}")
    return raw[at:]


def _head(major: int, value: int) -> bytes:
    """A CBOR head with the shortest argument, of 32 bits at most."""
    if value < 24:
        return bytes([major << 5 | value])
    size = 0 if value < 1 << 8 else 1 if value < 1 << 16 else 2
    return bytes([major << 5 | 24 + size]) + value.to_bytes(1 << size, "big")


def _read_head(raw: bytes, at: int, major: int) -> tuple[int, int]:
    """Value and next place of a head of this major type; only the shortest spelling, and 32 bits at most."""
    first = raw[at] if at < len(raw) else 0xFF
    argument = first & 31
    size = 0 if argument < 24 else 1 << argument - 24
    if first >> 5 != major or argument > 26 or len(raw) - at - 1 < size:
        raise Malformed("CBOR: not the number or byte string that belongs here")
    value = argument if size == 0 else int.from_bytes(raw[at + 1 : at + 1 + size], "big")
    if _head(major, value) != raw[at : at + 1 + size]:
        raise Malformed("CBOR: a number in a longer form than it needs")
    return value, at + 1 + size


def encode(payload: bytes, max_fragment: int = FRAGMENT) -> tuple[str, ...]:
    """Frames in upper case (so that QR codes are alphanumeric): one, or fragments of equal size, at most `max_fragment` bytes.

    Malformed if the payload is empty or above MAX_PAYLOAD bytes, or the fragments would be smaller than MIN_FRAGMENT."""
    if not 0 < len(payload) <= MAX_PAYLOAD:
        raise Malformed(f"{len(payload)} bytes do not go through QR codes (1 to {MAX_PAYLOAD}); {_STICK}")
    if max_fragment < MIN_FRAGMENT:
        raise Malformed(f"fragments of {max_fragment} bytes: expected {MIN_FRAGMENT} or more")
    message = wrap(payload)
    count = -(-len(message) // max_fragment)
    if count == 1:
        return (f"ur:bytes/{to_bytewords(message)}".upper(),)
    size = _fragment_size(len(message), count)
    padded = message.ljust(size * count, b"\0")
    parts = (Part(n + 1, count, len(message), crc32(message), padded[n * size : (n + 1) * size]) for n in range(count))
    return tuple(f"ur:bytes/{part.number}-{count}/{to_bytewords(part.cbor)}".upper() for part in parts)


def _fragment_size(length: int, count: int) -> int:
    return -(-length // count)


@dataclass(frozen=True, slots=True)
class Collector:
    """What has been read so far; `add` gives the next one. Frames may come in any order and again.

    All frames belong to one message: the first one read fixes count, length and CRC-32."""

    parts: Mapping[int, Part] = field(default_factory=dict)

    @control("EXP-02")
    def add(self, frame: str) -> Collector:
        """EXP-02: with this frame too. Refuses another type, an oversize frame, a fountain part, a frame of another message, and
        a number that came before with other content. Malformed if it is no frame at all (scan on)."""
        if len(frame) > MAX_FRAME:
            _refuse("a frame is too long", f"{len(frame)} characters", f"at most {MAX_FRAME}", "Show the code that the cold host made.")
        part = _read_frame(frame)
        _plain(part)
        for known in list(self.parts.values())[:1]:
            here, there = (part.count, part.length, part.checksum), (known.count, known.length, known.checksum)
            if here != there:
                _refuse("this frame belongs to another message", _named(part), _named(known), "Start again with one message.")
        if self.parts.get(part.number, part) != part:
            _refuse(f"frame {part.number} came twice", "other content", "the same content", "Start again, and find out who shows it.")
        return Collector({**self.parts, part.number: part})

    @property
    def count(self) -> int:
        """Frames of the message, 0 before the first one is read."""
        return next((part.count for part in self.parts.values()), 0)

    @property
    def missing(self) -> tuple[int, ...]:
        """Numbers of the frames still to be read."""
        return tuple(number for number in range(1, self.count + 1) if number not in self.parts)

    @property
    def complete(self) -> bool:
        """Every frame is there."""
        return bool(self.parts) and not self.missing

    @property
    def progress(self) -> str:
        """For people: `3 of 7`."""
        return f"{len(self.parts)} of {self.count}" if self.parts else "no frame yet"

    def payload(self) -> bytes:
        """The whole payload, checked by its CRC-32; Malformed if frames are missing or the message is not one byte string."""
        if not self.complete:
            raise Malformed(f"{self.progress}: frames {', '.join(map(str, self.missing[:20])) or '1'} are still to be read")
        length, checksum = self.parts[1].length, self.parts[1].checksum
        joined = b"".join(self.parts[number].data for number in range(1, self.count + 1))
        message, padding = joined[:length], joined[length:]
        if crc32(message) != checksum or any(padding):
            _refuse("the frames do not make one message", f"CRC-32 {crc32(message):08x}", f"{checksum:08x}", "Start again.")
        return unwrap(message)


def _read_frame(frame: str) -> Part:
    """The fragment in a frame; a single frame is fragment 1 of 1."""
    text = frame.lower()
    match = _FRAME.fullmatch(text) if frame in (text, frame.upper()) and frame.isascii() else None
    if match is None:
        raise Malformed("not a frame of ours (expected UR:BYTES/... all in one case)")
    kind, number, count, words = match.groups()
    if kind != "bytes":
        _refuse("a frame of an unknown type", kind, "bytes, a signed transaction", "Show the code that the cold host made.")
    raw = from_bytewords(words)
    if number is None:
        return Part(1, 1, len(raw), crc32(raw), raw)
    part = parse_part(raw)
    if part.count < 2 or (part.number, part.count) != (int(number), int(count)):
        _refuse("a frame's number", f"{number}-{count}", f"{part.number}-{part.count} as inside it, of 2 or more", "Start again.")
    return part


def _plain(part: Part) -> None:
    """A plain fragment of a message that we may read, of the one size that its message gives it."""
    if not 1 < part.length <= MAX_MESSAGE:
        _refuse("a message of this size", f"{part.length} bytes", f"2 to {MAX_MESSAGE}", f"Too big for QR codes: {_STICK}")
    if not 0 < part.number <= part.count:
        _refuse("a fountain part", f"{part.number} of {part.count}", "plain fragments only", "Let the sender show plain fragments.")
    size = _fragment_size(part.length, part.count)
    if len(part.data) != size or size * (part.count - 1) >= part.length:
        _refuse("a fragment of another size", f"{len(part.data)} bytes", f"{size} bytes", "Show the code that the cold host made.")


def _named(part: Part) -> str:
    return f"message {part.checksum:08x} of {part.length} bytes in {part.count} frames"


def _refuse(what: str, found: str, expected: str, do: str) -> NoReturn:
    refuse("EXP-02", what, found=found, expected=expected, do=do)
