from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ceremony.base.control import Refused
from ceremony.base.data import Malformed, dump
from ceremony.base.files import write_new
from transfer.gap import bundle
from transfer.gap.bundle import FILES, LIMITS, MANIFEST, Bundle, Manifest

HEAD = "ab" * 32
CONTENT = {
    "approvals.jsonl": b'{"approval":"1"}\n{"approval":"2"}\n',
    "authorization.json": b'{"amount":"1"}\n',
    "authorization.signatures": b'{"signer":"cfo"}\n',
    "policy-history.json": b'{"policies":[]}\n',
    "request.psbt": b"psbt\xff\x01\x00",
    "transaction": b"0200beef\n",
    "transcript.jsonl": b'{"seq":"1"}\n',
}


def write(folder: Path, content: dict[str, bytes] | None = None) -> Bundle:
    return bundle.write(folder, content or CONTENT, mark="practice", ceremony=7, head=HEAD)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    folder = tmp_path / "bundle"
    write(folder)
    folder.chmod(0o755)
    for path in folder.iterdir():
        path.chmod(0o644)
    return folder


def test_what_is_written_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    made = write(folder)
    found = bundle.read(folder)
    assert found == made
    assert (found.manifest.mark, found.manifest.ceremony, found.manifest.head) == ("practice", 7, HEAD)
    assert found.transaction == bytes.fromhex("0200beef")
    assert dict(found.files) == CONTENT
    assert found.digest == base_digest(folder)
    assert folder.stat().st_mode & 0o777 == 0o555
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o444}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle"]


def base_digest(folder: Path) -> str:
    return hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()


def test_the_same_facts_give_the_same_bytes(tmp_path: Path) -> None:
    assert write(tmp_path / "one") == write(tmp_path / "two", dict(reversed(CONTENT.items())))
    assert (tmp_path / "one" / MANIFEST).read_bytes() == (tmp_path / "two" / MANIFEST).read_bytes()


@settings(deadline=None, max_examples=20)
@given(st.lists(st.binary(max_size=300), min_size=6, max_size=6), st.binary(min_size=1, max_size=100))
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, contents: list[bytes], transaction: bytes) -> None:
    content = dict(zip([name for name in FILES if name != "transaction"], contents, strict=True))
    content["transaction"] = transaction.hex().encode() + b"\n"
    folder = tmp_path_factory.mktemp("round") / "bundle"
    write(folder, content)
    assert dict(bundle.read(folder).files) == content


def test_a_bundle_is_never_overwritten(tmp_path: Path) -> None:
    write(tmp_path / "bundle")
    with pytest.raises(Malformed, match="never overwritten"):
        write(tmp_path / "bundle")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    with pytest.raises(Malformed, match="never overwritten"):
        write(tmp_path / "dangling")


def test_what_a_crash_left_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = 0

    def dies(path: Path, raw: bytes, mode: int = 0o644) -> None:
        nonlocal done
        done += 1
        if done == 4:
            raise OSError(28, "No space left on device")
        write_new(path, raw, mode)

    with monkeypatch.context() as patched:
        patched.setattr(bundle, "write_new", dies)
        with pytest.raises(Malformed, match=r"No space left on device.*nothing was lost"):
            write(tmp_path / "bundle")
    assert [path.name for path in tmp_path.iterdir()] == [".partial-bundle"]
    write(tmp_path / "bundle")
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


@pytest.mark.control("EXP-01")
def test_a_medium_that_changes_what_is_written_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def flips(path: Path, raw: bytes, mode: int = 0o644) -> None:
        write_new(path, raw.replace(b"beef", b"bee0"), mode)

    monkeypatch.setattr(bundle, "write_new", flips)
    with pytest.raises(Refused) as error:
        write(tmp_path / "bundle")
    assert error.value.identifier == "EXP-01"
    assert not (tmp_path / "bundle").exists()


@pytest.mark.control("EXP-01")
def test_a_medium_that_is_consistent_but_other_is_refused(tmp_path: Path) -> None:
    meant = write(tmp_path / "one")
    write(tmp_path / "two", {**CONTENT, "transaction": b"00\n"})
    with pytest.raises(Refused, match="reads back differently") as error:
        bundle.verify(tmp_path / "two", meant)
    assert error.value.identifier == "EXP-01"


@pytest.mark.parametrize("place", ["missing/bundle", "file/bundle"])
def test_a_place_that_cannot_be_written_is_malformed(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Malformed, match="cannot be written"):
        write(tmp_path / place)
    with pytest.raises(Malformed, match="name of a new folder"):
        write(Path("/"))


def test_a_stick_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fat(source: Any, target: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("os.link", fat)
    write(tmp_path / "bundle")
    assert sorted(path.name for path in (tmp_path / "bundle").iterdir()) == sorted(LIMITS)
    with pytest.raises(FileExistsError):
        write_new(tmp_path / "bundle" / MANIFEST, b"")


@pytest.mark.control("EXP-01")
@pytest.mark.parametrize(
    "content",
    [
        {**CONTENT, "notes.txt": b""},
        {**CONTENT, "../escape": b""},
        {**CONTENT, MANIFEST: b""},
        {name: raw for name, raw in CONTENT.items() if name != "request.psbt"},
        {},
    ],
    ids=["one more", "path", "own manifest", "one less", "none"],
)
def test_another_set_of_names_is_not_written(tmp_path: Path, content: dict[str, bytes]) -> None:
    with pytest.raises(Refused) as error:
        bundle.write(tmp_path / "bundle", content, mark="practice", ceremony=7, head=HEAD)
    assert error.value.identifier == "EXP-01"
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_a_bundle_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(Malformed, match="transaction: "):
        write(tmp_path / "bundle", {**CONTENT, "transaction": b"0200BEEF\n"})
    with pytest.raises(Malformed, match="head"):
        bundle.write(tmp_path / "bundle", CONTENT, mark="practice", ceremony=7, head="none")
    with pytest.raises(Refused, match="transaction") as error:
        write(tmp_path / "bundle", {**CONTENT, "transaction": b"00" * 600_000 + b"\n"})
    assert error.value.identifier == "EXP-03"
    assert list(tmp_path.iterdir()) == []


def _edit(name: str, old: bytes, new: bytes) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        raw = (folder / name).read_bytes()
        assert old in raw
        (folder / name).write_bytes(raw.replace(old, new, 1))

    return change


def _replaced(name: str, make: Callable[[Path, Path], None]) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        aside = folder.parent / "aside"
        (folder / name).rename(aside)
        make(folder / name, aside)

    return change


def _relisted(which: str, **fields: Any) -> Callable[[Path], None]:
    """The manifest made to fit, with one entry altered."""

    def change(folder: Path) -> None:
        known = bundle.read(folder).manifest
        listed = tuple(
            bundle.Listed(**{**{"name": item.name, "sha256": item.sha256, "size": item.size}, **(fields if item.name == which else {})})
            for item in known.files
        )
        (folder / MANIFEST).write_bytes(dump(Manifest(mark="practice", ceremony=7, head=HEAD, files=listed)))

    return change


def _grown(folder: Path) -> None:
    os.truncate(folder / "approvals.jsonl", LIMITS["approvals.jsonl"] + 1)


def _crowded(folder: Path) -> None:
    for number in range(200):
        (folder / f"{number}").touch()


DAMAGE: list[tuple[str, str, Callable[[Path], object]]] = [
    ("EXP-01", "unlisted file", lambda folder: (folder / "notes.txt").write_bytes(b"")),
    ("EXP-01", "hidden file", lambda folder: (folder / ".DS_Store").write_bytes(b"")),
    ("EXP-01", "folder inside", lambda folder: (folder / "more").mkdir()),
    ("EXP-01", "a name of bytes", lambda folder: Path(os.fsdecode(os.fsencode(folder) + b"/\xff\x1b[2J")).touch()),
    ("EXP-01", "crowd", _crowded),
    ("EXP-01", "renamed", lambda folder: (folder / "transaction").rename(folder / "Transaction")),
    *(("EXP-01", f"{name} missing", lambda folder, name=name: (folder / name).unlink()) for name in sorted(LIMITS)),
    *(("EXP-01", f"{name} longer", lambda folder, name=name: (folder / name).open("ab").write(b"\n")) for name in FILES),
    *(("EXP-01", f"{name} emptied", lambda folder, name=name: (folder / name).write_bytes(b"")) for name in FILES),
    ("EXP-01", "one digit", _edit("transaction", b"beef", b"beee")),
    ("EXP-01", "listed under another digest", _relisted("request.psbt", sha256="00" * 32)),
    ("EXP-01", "listed under another size", _relisted("request.psbt", size=1)),
    ("EXP-01", "listed under another name", _relisted("request.psbt", name="request")),
    ("EXP-01", "listed with a path", _relisted("request.psbt", name="../request.psbt")),
    ("EXP-03", "a link", _replaced("transaction", lambda path, aside: path.symlink_to(aside))),
    ("EXP-03", "a dangling link", _replaced("transaction", lambda path, aside: path.symlink_to("nowhere"))),
    ("EXP-03", "a second name", _replaced("transaction", lambda path, aside: path.hardlink_to(aside))),
    ("EXP-03", "a folder", _replaced("transaction", lambda path, aside: path.mkdir())),
    ("EXP-03", "a pipe", _replaced("transaction", lambda path, aside: os.mkfifo(path))),
    ("EXP-03", "a link for a manifest", _replaced(MANIFEST, lambda path, aside: path.symlink_to(aside))),
    ("EXP-03", "too large", _grown),
]


@pytest.mark.control("EXP-01")
@pytest.mark.control("EXP-03")
@pytest.mark.parametrize(("identifier", "change"), [(one, change) for one, _, change in DAMAGE], ids=[name for _, name, _ in DAMAGE])
def test_a_damaged_bundle_is_refused(written: Path, identifier: str, change: Callable[[Path], object]) -> None:
    change(written)
    with pytest.raises(Refused) as error:
        bundle.read(written)
    assert error.value.identifier == identifier
    assert str(error.value).isascii()
    assert "\x1b" not in str(error.value)


@pytest.mark.control("EXP-03")
def test_a_folder_behind_a_link_is_refused(written: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(written)
    with pytest.raises(Refused) as error:
        bundle.read(tmp_path / "link")
    assert error.value.identifier == "EXP-03"
    with pytest.raises(Refused):
        bundle.read(written / "transaction")
    with pytest.raises(Malformed, match="cannot be read"):
        bundle.read(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "change",
    [
        _edit(MANIFEST, b'"version":"2"', b'"version":"1"'),
        _edit(MANIFEST, b'"mark":"practice"', b'"mark":"rehearsal"'),
        _edit(MANIFEST, b'{"ceremony"', b'{"comment":"x","ceremony"'),
        _edit(MANIFEST, b"\n", b"\r\n"),
        _edit(MANIFEST, b"\n", b""),
        _edit(MANIFEST, b'"ceremony":"7"', b'"ceremony":7'),
        lambda folder: (folder / MANIFEST).write_bytes(b""),
        lambda folder: (folder / MANIFEST).write_bytes(b"\xff\xfe"),
        lambda folder: (folder / MANIFEST).write_bytes(b"[" * 9_000),
    ],
)
def test_a_broken_manifest_is_malformed(written: Path, change: Callable[[Path], object]) -> None:
    change(written)
    with pytest.raises(Malformed):
        bundle.read(written)


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(sorted(LIMITS)), st.integers(0, 2_000), st.integers(1, 255))
def test_any_changed_byte_is_refused_or_changes_the_digest(
    tmp_path_factory: pytest.TempPathFactory, name: str, at: int, change: int
) -> None:
    folder = tmp_path_factory.mktemp("byte") / "bundle"
    digest = write(folder).digest
    raw = bytearray((folder / name).read_bytes())
    raw[at % len(raw)] ^= change
    (folder / name).chmod(0o644)
    (folder / name).write_bytes(raw)
    with contextlib.suppress(Malformed, Refused):
        assert bundle.read(folder).digest != digest
