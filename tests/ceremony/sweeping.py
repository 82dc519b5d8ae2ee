"""The acts of a new key and a sweep, each a real command that the cast plays."""

from __future__ import annotations

from pathlib import Path

from ceremony import demonstration
from ceremony.demonstration import ACCOUNT, Stage, key
from ceremony.record.register import Register
from tests.ceremony import rehearsal

PAPERS = ("--charter", "office/charter.json", "--policy", "office/policy.json")


def head(set_: Stage) -> tuple[str, str]:
    return ("--register-head", Register.open(set_.folder / "register").head)


def order(set_: Stage) -> None:
    """CFO drafts the order for a new key; both officers sign it."""
    ground = ("--charter", "office/charter.json", *demonstration._genesis(set_), "--register", "register")
    name = "office/share-order.json"
    (set_.folder / name).unlink(missing_ok=True)
    (set_.folder / name).with_suffix(".signatures").unlink(missing_ok=True)
    draft = ("shares", "order", "draft", *ground, "--kind", "new-key", "--reason", "old shares are at large", "--requester", "cfo")
    signed = [("shares", "order", "sign", name, "--as", p, "--key", key(p), *ground) for p in ("cfo", "cto")]
    set_.act("Order", (*draft, *head(set_), "--days", "7", "-o", name), *signed, ("shares", "order", "check", name, *ground))


def new_key_command(set_: Stage) -> tuple[str, ...]:
    return (
        "keygen",
        *demonstration._register(),
        *demonstration._genesis(set_),
        "--order",
        "office/share-order.json",
        *demonstration._module(set_),
    )


def new_key(set_: Stage) -> None:
    order(set_)
    set_.act("New key", new_key_command(set_))


def record_of(set_: Stage, number: int) -> str:
    """The key record that a ceremony made, seen from the stage."""
    (path,) = set_.folder.glob(f"register/{number:04d}-*/key-record.json")
    return str(path.relative_to(set_.folder))


def records(set_: Stage) -> tuple[str, str]:
    """The former key's record and that of the key in use."""
    sets = Register.open(set_.folder / "register").sets
    assert sets.former is not None
    assert sets.in_use is not None
    return record_of(set_, sets.former.ceremony), record_of(set_, sets.in_use.ceremony)


def snapshot(set_: Stage, record: str) -> None:
    """What lies at one key's addresses."""
    (set_.folder / "online/snapshot.json").unlink(missing_ok=True)
    set_.act("Snapshot", ("online", "snapshot", *set_.node, "--key-record", record, "--account", ACCOUNT, "-o", "online/snapshot.json"))


def drafted(set_: Stage, *more: str) -> tuple[str, ...]:
    return (
        "authorize", "draft", *PAPERS, *demonstration._genesis(set_), "--register", "register", "--sweep", *more,
        "--fee-cap", set_.plot.fees[0], "--purpose", "to the new key", "--reference-value", "USD 0.00 on 2025-01-01",
        "--account", ACCOUNT, "--requester", "cfo", *head(set_), "--days", "7", "-o", "office/authorization.json",
    )  # fmt: skip


def clear(set_: Stage) -> None:
    """The papers of the authorization before are put away."""
    for name in ("authorization", "confirmation"):
        for suffix in (".json", ".signatures"):
            (set_.folder / "office" / name).with_suffix(suffix).unlink(missing_ok=True)


def authorize(set_: Stage) -> None:
    """CFO drafts a sweep, both officers see both keys and the address, and sign."""
    clear(set_)
    ground = (*PAPERS, *demonstration._genesis(set_), "--register", "register")
    name = "office/authorization.json"
    show = ("authorize", "show", name, *ground, "--snapshot", "online/snapshot.json")
    signed = [("authorize", "sign", name, "--as", p, "--key", key(p), *ground) for p in ("cfo", "cto")]
    set_.act("Sweep, authorized", drafted(set_), show, *signed, ("authorize", "check", name, *ground))


def papers(set_: Stage) -> tuple[str, ...]:
    former, in_use = records(set_)
    return (*PAPERS, *demonstration._genesis(set_), "--key-record", former, "--new-key-record", in_use)


def carry(set_: Stage) -> None:
    """Sent, mined, seen by two, closed."""
    words = ("online", "receipt", "outbound", *papers(set_), *set_.node, "--broadcaster", "administrator", "-o", "online/receipt.json")
    set_.act(
        "Sent and seen",
        ("online", "receive", "outbound", *papers(set_)),
        ("online", "broadcast", "outbound", *papers(set_), *set_.node),
        ("online", "practice", "mine", *set_.node, "--blocks", "1"),
        *[(*words, "--as", p, "--key", key(p)) for p in (set_.plot.here[0], set_.plot.here[-1])],
        ("online", "close", "online/receipt.json", *demonstration._register(), *demonstration._genesis(set_)),
    )


def verified(set_: Stage) -> str:
    """Both verifiers over the whole register; what the stock one says."""
    genesis, said = demonstration._genesis(set_), Register.open(set_.folder / "register").head
    shown, code = rehearsal.run(set_, "audit", "verify", "register", *genesis, "--head", said)
    assert code == 0, shown
    assert "VERIFIED" in shown
    script = Path(__file__).parents[2] / "scripts" / "verify-transcript.sh"
    told, code = set_.cast.run(["sh", str(script), "register", genesis[1], said], set_.folder, set_.environment)
    assert code == 0, told
    return told
