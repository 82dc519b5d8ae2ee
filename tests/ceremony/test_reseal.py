"""Shares sealed anew: another passphrase, another medium; whatever happens on the way, one sealed share always opens."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from ceremony import demonstration
from ceremony.demonstration import Stage
from ceremony.record.register import Register
from shares.envelope import Header, WrongPassphrase, unseal
from tests.ceremony import rehearsal
from tests.ceremony.eyes import Eyes
from tests.ceremony.ordering import share_order
from tests.ceremony.test_health import both_verify, check, words
from tests.ceremony.test_interruptions import KILLED, check_ended
from tests.ceremony.test_shares import card


def reseal(set_: Stage, order: str, *people: str) -> tuple[str, ...]:
    return (*words(set_, "shares", "reseal", "--order", order), *(w for person in people for w in ("--position", person)))


def numbers(folder: Path) -> list[int]:
    return sorted(Header.unpack(path.read_bytes()).sealing for path in folder.glob("*.sealed"))


def opens(raw: bytes, *passphrases: str) -> bool:
    """Whether one of these passphrases opens it."""
    for each in passphrases:
        try:
            unseal(raw, each.encode())
        except WrongPassphrase:
            continue
        return True
    return False


@pytest.mark.control("SEC-01")
def test_a_new_passphrase_takes_the_place_of_the_one_of_before(authorized: Stage) -> None:
    """On every screen; the card of before is an old card afterwards; a check and the register go on with the new one."""
    eyes = Eyes()
    before, old = card(authorized, "A1").read_bytes(), authorized.cast.passphrases["A1"]
    authorized.cast.pace = eyes
    shown, code = rehearsal.run(authorized, *reseal(authorized, share_order(authorized, "reseal", "A1", "B2"), "A1"))
    assert code == 0, shown[-2000:]
    assert (eyes.headless, eyes.wide, eyes.coloured) == ([], [], set())
    assert {place[:2] for place in eyes.places} == {(n, 6) for n in range(1, 7)}
    assert "Sealed anew: A1. NOT sealed anew: B2." in shown
    assert "ORDERED" in shown
    check_ended(authorized, "shares resealed")
    both_verify(authorized)
    after, new = card(authorized, "A1").read_bytes(), authorized.cast.passphrases["A1"]
    assert (Header.unpack(before).sealing, Header.unpack(after).sealing) == (1, 2)
    assert (opens(after, new), opens(after, old), opens(before, old)) == (True, False, True)
    assert hashlib.sha256(unseal(after, new.encode())).digest() == hashlib.sha256(unseal(before, old.encode())).digest()
    assert not {"armed", "recovered", "hsm", "import-path"} & set(rehearsal.types(authorized))
    shown, code = rehearsal.run(authorized, *check(authorized, "A1", "witness"))
    assert code == 0, shown[-2000:]
    assert "Its passphrase is the one that you chose on" in shown.replace("\n", " ")
    _old_card_is_refused(authorized, before)


def _old_card_is_refused(set_: Stage, before: bytes) -> None:
    """REC-12: a copy of the sealed share of before, brought once more, is an old one."""
    path = card(set_, "A1")
    path.chmod(0o600)
    path.write_bytes(before)
    shown, code = rehearsal.run(set_, *check(set_, "A1", "witness"))
    assert code == 1, shown[-2000:]
    assert "REC-12" in rehearsal.refusals(set_)
    assert "not proven: A1" in " ".join(shown.split())


@pytest.mark.control("AUT-02")
@pytest.mark.control("AUT-05")
def test_what_no_order_allows_is_refused_at_the_first_step(authorized: Stage) -> None:
    one = share_order(authorized, "reseal", "A1", signers=("cfo",))
    shown, code = rehearsal.run(authorized, *reseal(authorized, one, "A1"))
    assert (code, rehearsal.refusals(authorized)) == (1, ["AUT-02"]), shown[-2000:]
    void = (*words(authorized, "void"), "--reason", "one officer did not sign")
    assert rehearsal.run(authorized, *void)[1] == 0
    good = share_order(authorized, "reseal", "A1")
    shown, code = rehearsal.run_broken(authorized, "kill-after:ordered", reseal(authorized, good, "A1"))
    assert code == KILLED
    assert rehearsal.run(authorized, *void)[1] == 0
    shown, code = rehearsal.run(authorized, *reseal(authorized, good, "A1"))
    assert (code, rehearsal.refusals(authorized)) == (1, ["AUT-05"]), shown[-2000:]
    assert "unlocked" not in rehearsal.types(authorized)
    assert rehearsal.run(authorized, *void)[1] == 0
    both_verify(authorized)


def test_a_passphrase_that_cannot_be_typed_again_is_given_up_and_costs_nothing(authorized: Stage) -> None:
    """A1 means to keep the words in mind, and cannot; the second ones they can. The share of before lies there all the time. With
    administrator and witness here, somebody may leave before the bags are closed."""
    prove = r"A1, to prove it, type your passphrase \(it does not show\), then Enter: "
    leaves = [("A1, the number of your new bag: ", "p"), ("Who leaves: ", "witness"), ("Why: ", "a call from home")]
    authorized.cast.instead = [*[(prove, "words that it never was")] * 3, *leaves]
    before = card(authorized, "A1").read_bytes()
    shown, code = rehearsal.run(authorized, *reseal(authorized, share_order(authorized, "reseal", "A1"), "A1", "administrator"))
    assert code == 0, shown[-2000:]
    assert "This new passphrase is given up" in shown
    assert {"paused", "continued"} <= set(rehearsal.types(authorized))
    assert rehearsal.types(authorized).count("sealing") == 2
    assert rehearsal.types(authorized).count("removed") == 2
    assert numbers(authorized.folder / "custodians" / "A1") == [3]
    assert unseal(card(authorized, "A1").read_bytes(), authorized.cast.passphrases["A1"].encode())
    assert card(authorized, "A1").read_bytes() != before
    both_verify(authorized)


def test_who_forgot_their_passphrase_is_told_what_helps(authorized: Stage) -> None:
    authorized.cast.passphrases["A1"] = "long forgotten words of mine"
    before = card(authorized, "A1").read_bytes()
    shown, code = rehearsal.run(authorized, *reseal(authorized, share_order(authorized, "reseal", "A1"), "A1"))
    assert code == 0, shown[-2000:]
    assert "`ceremony shares reshare` gives everybody a new share" in " ".join(shown.split())
    assert "Sealed anew: none. NOT sealed anew: A1." in shown
    assert card(authorized, "A1").read_bytes() == before
    both_verify(authorized)


def test_another_stick_under_the_same_passphrase(authorized: Stage) -> None:
    """The share moves; the signing key stays where it was, and the old stick keeps no share. The old stick once more is no new one; and
    before the new one is in, `b` goes back to the choice."""
    new, stray = authorized.folder / "a-new-stick", authorized.folder / "somebody-elses-card"
    new.mkdir()
    stray.mkdir()
    (stray / "share.sealed").write_bytes(card(authorized, "B1").read_bytes())
    before = card(authorized, "A1").read_bytes()
    authorized.cast.instead = [
        (r"A1, what becomes new \(passphrase, medium, both\)\? ", "both"),
        (r"A1, the folder of your medium: ", "b"),
        (r"A1, what becomes new \(passphrase, medium, both\)\? ", "medium"),
        *[
            (r"A1, the folder of your medium: ", str(folder))
            for folder in (authorized.cast.media["A1"], authorized.cast.media["A2"], stray, new)
        ],
    ]
    shown, code = rehearsal.run(authorized, *reseal(authorized, share_order(authorized, "reseal", "A1"), "A1"))
    assert code == 0, shown[-2000:]
    assert "A1: this is the medium of before." in shown
    assert "or it is someone else's medium" in shown
    assert rehearsal.refusals(authorized) == ["GEN-10"]
    assert (numbers(new), numbers(authorized.folder / "custodians" / "A1")) == ([2], [])
    (path,) = new.glob("*.sealed")
    secret = authorized.cast.passphrases["A1"].encode()
    assert unseal(path.read_bytes(), secret) == unseal(before, secret)
    assert [e["body"]["renewed"] for e in rehearsal.entries(authorized) if e["type"] == "chosen"] == ["medium"]  # type: ignore[index]
    both_verify(authorized)


ENTRIES = "ordered present bag-opened vault alone unlocked chosen sealing unlocked chosen proven removed step bag-closed signature step"
"""Types of entries, in an order in which each of them is the last one of a run that was killed."""


@pytest.mark.control("SEC-01")
@pytest.mark.long
def test_killed_at_every_entry_and_every_write_a_sealed_share_always_opens(authorized: Stage) -> None:
    """With the passphrase of before or the new one, and the tool says which; in the end there is one sealed share."""
    folder = authorized.folder / "custodians" / "A1"
    order, known = share_order(authorized, "reseal", "A1"), {authorized.cast.passphrases["A1"]}
    faults = [f"kill-after:{kind}" for kind in ENTRIES.split()]
    at = faults.index("kill-after:chosen")
    faults[at + 1 : at + 1] = ["kill-file:1", "kill-filed:1"]
    told = ""
    for number, fault in enumerate(faults):
        command = reseal(authorized, order, "A1") if number == 0 else words(authorized, "resume")
        shown, code = rehearsal.run_broken(authorized, fault, command)
        assert code == KILLED, (fault, shown[-2000:])
        known.add(authorized.cast.passphrases["A1"])
        book = Register.open(authorized.folder / "register")
        sealed = book.sets.sealed("A1", book.key_record.set_identifier)
        held = {Header.unpack(path.read_bytes()).sealing: path.read_bytes() for path in folder.glob("share*.sealed")}
        assert sealed.proven in held, fault
        assert opens(held[sealed.proven], *known), fault
        told += shown
    shown, code = rehearsal.run(authorized, *words(authorized, "resume"))
    assert code == 0, shown[-2000:]
    assert "passphrase of BEFORE" in " ".join(told.split())
    check_ended(authorized, "shares resealed")
    both_verify(authorized)
    assert len(numbers(folder)) == 1
    assert unseal(card(authorized, "A1").read_bytes(), authorized.cast.passphrases["A1"].encode())


@pytest.mark.control("SEC-01")
def test_killed_while_the_old_share_goes_it_is_recorded_as_gone(authorized: Stage) -> None:
    """Overwritten, and not written down yet: the next run writes it down and ends; nobody looks for a share that is no more."""
    command = reseal(authorized, share_order(authorized, "reseal", "A1"), "A1")
    shown, code = rehearsal.run_broken(authorized, "kill-wiped:1", command)
    assert code == KILLED, shown[-2000:]
    assert numbers(authorized.folder / "custodians" / "A1") == [2]
    shown, code = rehearsal.run(authorized, *words(authorized, "resume"))
    assert code == 0, shown[-2000:]
    assert rehearsal.types(authorized).count("removed") == 1
    assert [p.name for p in (authorized.folder / "custodians" / "A1").iterdir() if "id_signing" not in p.name] == ["share-A1-0002.sealed"]
    both_verify(authorized)


@pytest.mark.control("SEC-01")
@pytest.mark.long
def test_a_transfer_after_it_asks_for_the_new_passphrase(authorized: Stage, tmp_path: Path) -> None:
    """The power failed when the new share was proven, and the old one was stolen meanwhile: its custodian says so, and all goes on."""
    command = reseal(authorized, share_order(authorized, "reseal", "A1"), "A1")
    shown, code = rehearsal.run_broken(authorized, "kill-after:proven", command)
    assert code == KILLED, shown[-2000:]
    (authorized.folder / "custodians" / "A1" / "share-A1-0001.sealed").rename(tmp_path / "stolen")
    authorized.cast.instead = [
        (r"A1: insert the medium of before \(m\), or can it not be brought \(n\)\? ", "m"),
        (r"A1, the folder of your medium: ", str(authorized.cast.media["A1"])),
        (r"A1: insert the medium of before \(m\), or can it not be brought \(n\)\? ", "n"),
        (r"A1, why not, and where may it be\? ", "it was stolen from the room"),
    ]
    shown, code = rehearsal.run(authorized, *words(authorized, "resume"))
    assert (code, authorized.cast.instead) == (0, []), shown[-2000:]
    check_ended(authorized, "shares resealed")
    assert ("removed" in rehearsal.types(authorized), rehearsal.types(authorized).count("not-removed")) == (False, 1)
    shown, _code = rehearsal.run(authorized, *words(authorized, "custody", "status"))
    assert "A1 number 1 may exist. Each opens with its passphrase of then" in " ".join(shown.split())
    demonstration.prepare(authorized)
    demonstration.transfer(authorized)
    check_ended(authorized, "carried out")
    both_verify(authorized)
