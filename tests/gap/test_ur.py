from __future__ import annotations

import json
import random
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ceremony.base.control import Refused
from ceremony.base.data import Malformed
from transfer.gap import ur
from transfer.gap.ur import FRAGMENT, MAX_PAYLOAD, MIN_FRAGMENT, Collector, Part, encode

CASES: list[dict[str, Any]] = json.loads((Path(__file__).parents[1] / "vectors" / "ur.json").read_text())["cases"]


def kind(*kinds: str) -> list[dict[str, Any]]:
    return [case for case in CASES if case["kind"] in kinds]


def collect(frames: tuple[str, ...] | list[str]) -> Collector:
    return reduce(Collector.add, frames, Collector())


def frame(part: Part) -> str:
    return f"ur:bytes/{part.number}-{part.count}/{ur.to_bytewords(part.cbor)}"


def plain_frames(payload: bytes = bytes(range(200)), size: int = 50) -> list[str]:
    return list(encode(payload, size))


class TestPublished:
    @pytest.mark.parametrize("case", kind("crc32"))
    def test_crc32(self, case: dict[str, Any]) -> None:
        assert f"{ur.crc32(bytes.fromhex(case['message'])):08x}" == case["crc32"]

    def test_word_list(self) -> None:
        assert list(ur.WORDS) == kind("bytewords_wordlist")[0]["words"]

    @pytest.mark.parametrize("case", kind("bytewords"))
    def test_bytewords(self, case: dict[str, Any]) -> None:
        body = bytes.fromhex(case["body"])
        assert ur.to_bytewords(body) == case["minimal"]
        assert ur.from_bytewords(case["minimal"]) == body

    @pytest.mark.parametrize("case", kind("bytewords_invalid"))
    def test_bytewords_invalid(self, case: dict[str, Any]) -> None:
        with pytest.raises(Malformed):
            ur.from_bytewords(case["string"])

    def test_part_cbor(self) -> None:
        (case,) = kind("part_cbor")
        part = Part(
            int(case["seq_num"]), int(case["seq_len"]), int(case["message_len"]), int(case["checksum"], 16), bytes.fromhex(case["data"])
        )
        assert part.cbor.hex() == case["cbor"]
        assert ur.parse_part(bytes.fromhex(case["cbor"])) == part

    def test_single_part(self) -> None:
        case = next(case for case in kind("ur_single") if case["type"] == "bytes")
        payload = ur.unwrap(bytes.fromhex(case["cbor"]))
        assert encode(payload) == (case["ur"].upper(),)
        assert Collector().add(case["ur"]).payload() == payload

    def test_plain_fragments(self) -> None:
        (case,) = kind("ur_encoder")
        payload = ur.unwrap(bytes.fromhex(case["cbor"]))
        assert [part.lower() for part in encode(payload, int(case["max_fragment_len"]))] == case["parts"]
        assert collect(case["parts"]).payload() == payload

    def test_fragments_of_the_fountain_encoder(self) -> None:
        (case,) = kind("fountain_encoder")
        for number, one in enumerate(case["parts"], start=1):
            part = Part(number, int(one["seq_len"]), int(one["message_len"]), int(one["checksum"], 16), bytes.fromhex(one["data"]))
            assert part.cbor.hex() == one["cbor"]
            assert ur.parse_part(part.cbor) == part
            assert ur.crc32(bytes.fromhex(case["message"])) == part.checksum

    @pytest.mark.control("EXP-02")
    @pytest.mark.parametrize(
        "text", [c.get("ur") or c["part"] for c in kind("ur_single", "ur_multipart_first_part") if c["type"] != "bytes"]
    )
    def test_another_type_is_refused(self, text: str) -> None:
        with pytest.raises(Refused) as error:
            Collector().add(text)
        assert error.value.identifier == "EXP-02"


@settings(deadline=None, max_examples=60)
@given(st.binary(min_size=1, max_size=3000), st.integers(MIN_FRAGMENT, 400), st.randoms(use_true_random=False))
def test_round_trip_in_any_order_with_repeats(payload: bytes, size: int, order: random.Random) -> None:
    frames = encode(payload, size)
    assert all(text == text.upper() for text in frames)
    carousel = list(frames) + order.sample(frames, len(frames) // 2)
    order.shuffle(carousel)
    assert collect(carousel).payload() == payload


@pytest.mark.parametrize("size", [1, 22, 23, 24, 125, 126, 127, 254, 255, 256, 257, 7_000, MAX_PAYLOAD])
def test_sizes_at_the_edges(size: int) -> None:
    payload = random.Random(size).randbytes(size)
    frames = encode(payload)
    assert max(map(len, frames)) <= 311
    assert collect(frames).payload() == payload


def test_too_much_goes_by_stick() -> None:
    with pytest.raises(Malformed, match="use the stick"):
        encode(bytes(MAX_PAYLOAD + 1))
    with pytest.raises(Malformed, match="1 to 20000"):
        encode(b"")
    with pytest.raises(Malformed, match="10 or more"):
        encode(b"x", MIN_FRAGMENT - 1)


def test_progress_is_told() -> None:
    frames = plain_frames()
    state = Collector()
    assert (state.progress, state.complete, state.missing) == ("no frame yet", False, ())
    with pytest.raises(Malformed, match="no frame yet"):
        state.payload()
    state = collect([frames[4], frames[1], frames[1]])
    assert (state.progress, state.complete, state.missing) == ("2 of 5", False, (1, 3, 4))
    with pytest.raises(Malformed, match="2 of 5: frames 1, 3, 4 are still to be read"):
        state.payload()


def first_part(**changes: Any) -> Part:
    known = ur.parse_part(ur.from_bytewords(plain_frames()[0].lower().rsplit("/", 1)[1]))
    return Part(**{name: changes.get(name, getattr(known, name)) for name in ("number", "count", "length", "checksum", "data")})


@pytest.mark.control("EXP-02")
@pytest.mark.parametrize(
    ("text", "words"),
    [
        (frame(first_part(checksum=1)), "another message"),
        (plain_frames(bytes(200))[1], "another message"),
        (plain_frames(size=60)[1], "another message"),
        (encode(bytes(range(200)), 400)[0], "another message"),
        (frame(first_part(data=bytes(41))), "came twice"),
        (frame(first_part(data=bytes(40))), "another size"),
        (frame(first_part(data=b"")), "another size"),
        (frame(first_part(count=2)), "another size"),
        (frame(first_part(length=ur.MAX_MESSAGE + 1)), "a message of this size"),
        (frame(first_part(length=0)), "a message of this size"),
        (frame(first_part(length=2, count=5, data=b"x")), "another size"),
        (frame(first_part(number=6)), "a fountain part"),
        (plain_frames()[0].replace("1-5", "2-5"), "a frame's number"),
        (plain_frames()[0].replace("1-5", "1-6"), "a frame's number"),
        (frame(Part(1, 1, 3, ur.crc32(b"\x42ab"), b"\x42ab")), "a frame's number"),
        ("UR:BYTES/" + "A" * 5000, "too long"),
        (plain_frames()[0].replace("BYTES", "CRYPTO-PSBT"), "unknown type"),
    ],
)
def test_a_frame_that_does_not_belong_is_refused(text: str, words: str) -> None:
    state = Collector().add(plain_frames()[0])
    with pytest.raises(Refused, match=words) as error:
        state.add(text)
    assert error.value.identifier == "EXP-02"
    assert state.progress == "1 of 5"


@pytest.mark.control("EXP-02")
def test_fragments_of_two_messages_with_one_check_are_refused() -> None:
    frames = plain_frames()
    forged = frame(Part(**{**_fields(frames[2]), "data": bytes(41)}))
    with pytest.raises(Refused, match="do not make one message") as error:
        collect([*frames[:2], forged, *frames[3:]]).payload()
    assert error.value.identifier == "EXP-02"


@pytest.mark.control("EXP-02")
def test_padding_is_zero() -> None:
    frames = plain_frames(bytes(range(101)), 50)
    fields = _fields(frames[2])
    forged = frame(Part(**{**fields, "data": fields["data"][:-1] + b"\1"}))
    with pytest.raises(Refused, match="do not make one message"):
        collect([*frames[:2], forged]).payload()


def _fields(text: str) -> dict[str, Any]:
    part = ur.parse_part(ur.from_bytewords(text.lower().rsplit("/", 1)[1]))
    return {name: getattr(part, name) for name in ("number", "count", "length", "checksum", "data")}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "https://example.org",
        "ur:bytes",
        "ur:bytes/",
        "ur:bytes/aeadaolazmjendeot",
        "Ur:bytes/aeadaolazmjendeoti",
        " ur:bytes/aeadaolazmjendeoti",
        "ur:bytes/aeadaolazmjendeoti\n",
        "ur:bytes/01-05/aeadaolazmjendeoti",
        "ur:bytes/1-5/",
        "ur:bytes/1-5/aeadaolazmjendeoti",
        "ur:bytes/\u017fa",
        "ur:bytes/" + "ae" * 4,
    ],
)
def test_what_is_no_frame_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        Collector().add(text)


@pytest.mark.parametrize(
    "message", ["4100ff", "5801aa", "420", "5f4100ff", "1801", "59000161", "5affffffff00", "7f", "61ff", "", "5b00000000000000"]
)
def test_cbor_is_strict(message: str) -> None:
    with pytest.raises(Malformed):
        ur.unwrap(bytes.fromhex(message if len(message) % 2 == 0 else message + "0"))


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "84010205",
        "8501020341aa",
        "9f0102030441aaff",
        "850102031804" + "41aa",
        "8501020304" + "41aa00",
        "850102031b0000000000000001" + "41aa",
    ],
)
def test_part_cbor_is_strict(raw: str) -> None:
    with pytest.raises(Malformed):
        ur.parse_part(bytes.fromhex(raw))


@settings(deadline=None, max_examples=300)
@given(
    st.one_of(
        st.text(max_size=60),
        st.binary(max_size=60).map(lambda raw: f"ur:bytes/{ur.to_bytewords(raw)}"),
        st.binary(max_size=60).map(lambda raw: f"ur:bytes/1-2/{ur.to_bytewords(raw)}"),
        st.builds(
            lambda number, count, length, check, data: frame(Part(number, count, length, check, data)),
            *[st.integers(0, 30), st.integers(0, 30), st.integers(0, 30_000), st.integers(0, 2**32 - 1), st.binary(max_size=40)],
        ),
        st.builds(
            lambda text, at, new: text[:at] + new + text[at + 1 :], st.sampled_from(plain_frames()), st.integers(0, 160), st.characters()
        ),
    )
)
def test_fuzz_never_crashes(text: str) -> None:
    state = collect(plain_frames()[1:3])
    for known in (Collector(), state):
        try:
            known.add(text).payload()
        except (Malformed, Refused):
            continue


def test_the_default_fragment_is_the_largest_that_fits() -> None:
    assert (
        max(len(text) for text in encode(bytes(MAX_PAYLOAD), FRAGMENT))
        <= 311
        < max(len(text) for text in encode(bytes(MAX_PAYLOAD), FRAGMENT + 2))
    )
