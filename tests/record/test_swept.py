"""A second key by the officers' order, and a sweep of the first one: held to by both verifiers."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ceremony.base.control import Refused
from ceremony.base.data import dump, load
from ceremony.record import entries, requested
from ceremony.record.former import formers
from ceremony.record.register import Register
from ceremony.record.report import report
from ceremony.record.retired import retired
from ceremony.record.standing import standing
from ceremony.record.verify import verify
from ceremony.screen.custody import status as custody_status
from ceremony.screen.requested import request_screen
from ceremony.screen.status import screen
from ceremony.script.prepare import check_key, check_plan
from tests.record.amended import Office
from tests.record.sample import ALONE, SEED, Anchor, Entry, FastDesk, Play, Sample, account_of
from tests.record.swept import Swept, write
from transfer.bitcoin.snapshot import Snapshot

SCRIPT = Path(__file__).parents[2] / "scripts" / "verify-transcript.sh"


def word(anchor: Anchor) -> str:
    return verify(anchor.register, anchor.genesis, anchor.head).said


def stock(anchor: Anchor) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["sh", SCRIPT, anchor.register, anchor.genesis, anchor.head], check=False, capture_output=True, text=True)


def refused(anchor: Anchor) -> str:
    with pytest.raises(Refused) as caught:
        verify(anchor.register, anchor.genesis, anchor.head)
    return caught.value.identifier


def test_both_verifiers_hold_to_it(tmp_path: Path) -> None:
    anchor = write(tmp_path / "register")
    assert word(anchor) == "VERIFIED"
    told = stock(anchor)
    assert told.returncode == 0, told.stdout + told.stderr
    sets = Register.open(anchor.register).sets
    assert [each.ceremony for each in sets.all] == [1, 2]
    assert sets.formers == sets.all[:1]
    assert sets.former == sets.all[0]
    assert not sets.retired


@pytest.mark.control("AUT-01")
def test_a_second_key_needs_the_officers_order(tmp_path: Path) -> None:
    def without(_kind: str, actor: str, body: Any) -> Iterable[Entry]:
        return [] if isinstance(body, entries.Ordered) else [(actor, body)]

    assert refused(write(tmp_path / "without", Play(change=without))) == "AUT-01"
    assert refused(write(tmp_path / "kind", ordered={"kind": "reshare"})) == "AUT-01"
    assert refused(write(tmp_path / "key", ordered={"key_record": "ab" * 32})) == "AUT-01"


@pytest.mark.control("REC-12")
def test_sealing_numbers_go_on_across_keys(tmp_path: Path) -> None:
    def again(kind: str, actor: str, body: Any) -> Iterable[Entry]:
        """In the second key generation A1's share gets the number 1 once more."""
        if kind == "keygen 2" and isinstance(body, entries.Sealing | entries.Proven) and body.position == "A1":
            return [(actor, replace(body, number=1))]
        return [(actor, body)]

    assert refused(write(tmp_path / "register", Play(change=again))) == "REC-12"


@pytest.mark.control("AUT-01")
@pytest.mark.parametrize(
    "change",
    [
        {"key_record": "ab" * 32},
        {"to": "ab" * 32},
        {"address": "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_sweep_names_the_registers_own_keys(tmp_path: Path, change: dict[str, str]) -> None:
    assert refused(write(tmp_path / "register", swept=change)) == "AUT-01"


@pytest.mark.control("AUT-01")
def test_a_sweep_to_the_same_key_is_refused(tmp_path: Path) -> None:
    """Whoever splits the same secret again has no new key: what is swept to it is where it was."""
    assert refused(write(tmp_path / "register", new={"accounts": (account_of(SEED),)})) == "AUT-01"


@pytest.mark.control("TXN-01")
def test_a_coin_that_is_left_out_is_refused(tmp_path: Path) -> None:
    """The snapshot has two coins more than the request spends: somebody left them out."""
    made = Sample(FastDesk(tmp_path), tmp_path)

    def more(name: str, raw: bytes) -> bytes:
        if name != "snapshot.json":
            return raw
        known, other = load(Snapshot, raw), made.snapshot(99)
        return dump(replace(known, coins=known.coins + other.coins, previous={**known.previous, **other.previous}))

    assert refused(write(tmp_path / "register", Play(file=more))) == "TXN-01"


@pytest.mark.control("TXN-06")
def test_the_new_address_is_typed_back(tmp_path: Path) -> None:
    def silent(_kind: str, actor: str, body: Any) -> Iterable[Entry]:
        return [] if isinstance(body, entries.TypedBack) else [(actor, body)]

    anchor = write(tmp_path / "register", Play(change=silent))
    assert refused(anchor) == "TXN-06"
    assert "TXN-06" in stock(anchor).stdout + stock(anchor).stderr


@pytest.mark.control("AUT-01")
def test_what_was_granted_names_the_same_keys(tmp_path: Path) -> None:
    def other(_kind: str, actor: str, body: Any) -> Iterable[Entry]:
        return [(actor, replace(body, key_record="ab" * 32) if isinstance(body, entries.Authorized) else body)]

    anchor = write(tmp_path / "register", Play(change=other))
    assert refused(anchor) == "AUT-01"
    assert "AUT-01" in stock(anchor).stdout + stock(anchor).stderr


def test_status_says_whether_the_former_key_is_empty(tmp_path: Path) -> None:
    """Before the sweep, without a receipt, and after it; the shares of the former key prove nothing of the key in use."""
    folder = tmp_path / "register"
    folder.mkdir()
    made = Swept(FastDesk(folder), folder)
    head = made.new_key(made.keygen())
    now = "2026-11-23T09:00:00Z"

    def shown() -> str:
        return "\n".join(screen(standing(folder, now), now, "register"))

    def kept() -> str:
        """What the page of custody says of the former key."""
        book = Register.open(folder)
        blocks = custody_status(book.whereabouts, book.charter, now, retired(book), formers(book))
        assert max(len(line) for block in blocks for line in block) <= 78
        return " ".join(" ".join(line for block in blocks for line in block).split())

    first = made.first_record.set_identifier
    assert f"FORMER KEY     set {first}: NOT SWEPT YET" in shown()
    assert f"FORMER KEY set {first}: NOT SWEPT YET. Its shares alone move what lies there" in kept()
    assert kept().count("3 of 3 can open") == 8
    assert "authorize draft --sweep" in shown()
    head = made.sweep(head)
    assert f"former key     set {first}: swept 2026-11-21, no receipt yet" in shown()
    assert "swept, not known to be empty" in kept()
    proven = standing(folder, now).oldest
    assert proven is not None
    assert proven[1].startswith("2026-11-18")
    made.receipt(4, head, of=3)
    assert f"former key     set {first}: swept 2026-11-21, empty then" in shown()
    assert f"former key set {first}: empty. Once nobody pays to it any more, its shares may be destroyed" in kept()
    assert kept().count("3 of 3 can open") == 4


@pytest.mark.control("AUT-09")
def test_an_officer_reviews_a_sweep_elsewhere(tmp_path: Path) -> None:
    """The request folder has both key records; without the new one, or with them swapped, nothing of it is shown."""
    folder, asked = tmp_path / "register", tmp_path / "request"
    folder.mkdir()
    made = Swept(FastDesk(folder, officers_approve="yes"), folder)
    head = made.new_key(made.keygen())
    made.phase = "sweep"
    made.prepared(3, head)
    files = requested.contents(Register.open(folder))
    asked.mkdir()

    def read(changed: dict[str, bytes]) -> requested.Requested:
        for path in asked.iterdir():
            path.unlink()
        for name, raw in changed.items():
            (asked / name).write_bytes(raw)
        return requested.read(asked, made.founding.digest, "2026-11-21T12:00:00Z")

    found = read(files)
    assert found.agreed.review.swept[0].address == found.agreed.authorized.authorization.address
    assert found.approval.key_record == made.first_record.digest
    assert "TO OUR NEW KEY" in "\n".join(request_screen(found))
    names = {"key-record": "new-key-record", "new-key-record": "key-record"}
    swapped = {names.get(name.partition(".")[0], name.partition(".")[0]) + "." + name.partition(".")[2]: raw for name, raw in files.items()}
    for broken in ({n: raw for n, raw in files.items() if not n.startswith("new-key-record")}, swapped):
        with pytest.raises(Refused, match="AUT-09"):
            read(broken)


def test_the_report_tells_of_the_sweep_and_of_the_former_key(tmp_path: Path) -> None:
    anchor = write(tmp_path / "register")
    verdict = verify(anchor.register, anchor.genesis, anchor.head)
    page = report(Register.open(anchor.register), verdict).decode()
    for said in (
        "everything of the former key goes to our key in use",
        "Former keys",
        "swept by transfer 3, seen on chain",
        "swept to 0/0",
    ):
        assert said in page, said


@pytest.mark.control("REC-02")
@pytest.mark.parametrize("change", ["scheme", "path"])
def test_under_a_charter_for_the_next_key_nothing_moves(tmp_path: Path, change: str) -> None:
    """On the cold host and for the verifier: the key in use was made for another scheme, or other accounts."""
    office = Office(tmp_path / "register", cool_off=0)
    (main,) = office.sample.founding.accounts
    changes: dict[str, Any] = {"scheme": {"scheme": "slip39"}, "path": {"accounts": (replace(main, path="m/84h/1h/1h"),)}}[change]
    office.amend(office.later(**changes))
    book = Register.open(tmp_path / "register")
    assert book.charter.number == 1
    with pytest.raises(Refused, match="REC-02") as caught:
        check_plan(book)
    assert "new-key" in caught.value.do
    office.transfer()
    assert refused(Anchor(tmp_path / "register", office.genesis, office.head)) == "REC-02"


@pytest.mark.control("AUT-01")
def test_coins_of_a_former_key_leave_by_a_sweep_alone(tmp_path: Path) -> None:
    """An ordinary authorization with a snapshot of the former key is refused, and the key is named."""
    folder = tmp_path / "register"
    folder.mkdir()
    made = Swept(FastDesk(folder), folder)
    head = made.new_key(made.keygen())
    made.phase = "sweep"
    book, coins, sweep = Register.open(folder), made.snapshot(3), made.authorization(3, head, ALONE)
    check_key(book, coins, sweep)
    with pytest.raises(Refused, match="AUT-01") as caught:
        check_key(book, coins, made.desk.authorization())
    assert made.first_record.set_identifier in caught.value.found
    assert "only a sweep" in caught.value.found
