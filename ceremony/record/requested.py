"""The request folder: what an officer needs to review and approve a signing request on a laptop of their own (AUT-09).

It is written at the end of a transfer's preparation and holds no secret. Who reads it believes nothing in it: everything is verified
from the genesis digest down, which comes from outside, before a single amount or address is shown."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NoReturn, TypeVar

from ceremony.base import signatures
from ceremony.base.catalogue import CATALOGUE
from ceremony.base.control import Refused, Undecided, control, refuse
from ceremony.base.data import Malformed, dump, load
from ceremony.base.files import read_file
from ceremony.base.lines import parse_chain, parse_line, sha256
from ceremony.record import checkpoint, entries, policy_history, sweeping
from ceremony.record import policy as policies
from ceremony.record.approval import Approval, read_from
from ceremony.record.carried import document, lines, of_charters, read_chain, read_key_record, read_signed
from ceremony.record.chain import Chain
from ceremony.record.charter import Charter
from ceremony.record.keyrecord import KeyRecord
from ceremony.record.register import Register
from ceremony.record.signed import parse_signatures
from ceremony.record.state import State, fold
from ceremony.record.transcript import NAME
from transfer.agree import Agreed, agree
from transfer.authorization import Authorization, Authorized, Confirmation, signed_by
from transfer.bitcoin import second
from transfer.bitcoin.reading import review
from transfer.in_force import History
from transfer.limits import Policy
from transfer.outstanding import of_transaction
from transfer.request import SigningRequest

T = TypeVar("T")
MOST = 16_000_000
"""Bytes: no file of a request folder is larger."""
_NAMES = re.compile(
    r"((charter|succession)-[0-9]{1,4}|policy|key-record|new-key-record|authorization|confirmation)\.(json|signatures)"
    r"|policy-history\.json|request\.psbt|replaced-[0-9]{1,2}\.tx|transcript\.jsonl|checkpoint\.(txt|signatures)"
)
_INSTALL = "  do        Install the extra `officer` of this tool, or review in the room."
REQUEST, CHECKPOINT = "request.psbt", "checkpoint.txt"
_TOKEN = object()
_STOP = "Approve nothing. Keep the folder as it is, and ask administrator and witness, by a way that you knew before, what they prepared."


class Requested:
    """Proof that a request folder is one prepared transfer of the genesis from outside. Only `read` makes one."""

    __slots__ = ("agreed", "approval", "ceremony", "charter")

    def __init__(self, agreed: Agreed, charter: Charter, approval: Approval, token: object) -> None:
        if token is not _TOKEN:
            raise TypeError("only read makes this proof")
        self.agreed = agreed
        self.charter = charter
        self.ceremony = approval.ceremony
        self.approval = approval
        """What an officer approves, but for the role."""


def contents(book: Register) -> dict[str, bytes]:
    """Name -> bytes of every file of the request folder of the ceremony that is prepared; Malformed if none is."""
    here = book.unfinished
    said = checkpoint.prepared(here.state) if here is not None and here.kind == "transfer" else None
    if here is None or said is None:
        raise Malformed("no transfer is prepared: there is nothing to review yet")
    made = book.ceremonies[sweeping.opening(book, here).ceremony - 1]
    found = of_charters(book.links)
    governing = book.policy_ceremony
    assert governing is not None  # noqa: S101 (a prepared transfer has a policy)
    found |= document("policy", governing.raw("policy"), governing.signatures("policy"))
    found[policy_history.NAME] = dump(policy_history.of(book))
    found |= document("key-record", made.raw("key-record"), made.signatures("key-record"))
    if made is not book.key_ceremony:
        found |= document("new-key-record", book.key_ceremony.raw("key-record"), book.key_ceremony.signatures("key-record"))
    found |= document("authorization", here.raw("authorization"), here.signatures("authorization"))
    if here.state.file("confirmation") is not None:
        found |= document("confirmation", here.raw("confirmation"), here.signatures("confirmation"))
    found[REQUEST] = here.raw("request")
    wanted = here.load(Authorization, "authorization")
    found |= {f"replaced-{number}.tx": raw for number, raw in enumerate(book.replaced(wanted.replaces))}
    found[NAME] = b"".join(entry.line.raw for entry in here.state.entries[: said.seq])
    found[CHECKPOINT] = said.text.encode("ascii")
    found["checkpoint.signatures"] = lines(checkpoint.staff_signatures(here.state, said))
    return found


@control("AUT-09")
def read(folder: Path, genesis: str, now: str) -> Requested:
    """AUT-09: what does not carry every signature that it must is never shown to an approver as if it did.

    Charters from the genesis down, policy, key record, authorization and confirmation, both readers of the request, the transcript of the
    preparation and the checkpoint that administrator and witness signed. The refusal names the control that is broken and nothing
    of what the folder says: an address that somebody slipped in is not to be seen at all.

    Malformed if there is no folder, or a file too many or too few."""
    files = _files(folder)
    if missing := second.missing():
        raise Undecided(
            f"The second reader is not installed here ({', '.join(missing)}): what one reader alone has read is not shown.\n{_INSTALL}"
        )
    chain = _held("the charters", lambda: read_chain(files, genesis))
    charter = chain.charter
    policy = _held("the policy", lambda: _policy(files, chain))
    history = _held("the policy history", lambda: policy_history.verified(files[policy_history.NAME], chain, policy.digest))
    key_record = _held("the key record", lambda: read_key_record(files, chain))
    into = None
    if "new-key-record.json" in files:
        into = _held("the key record of the new key", lambda: read_key_record(files, chain, "new-key-record"))
    authorized = _held("the authorization and its confirmation", lambda: _authorized(files, charter, policy, genesis, now))
    agreed = _held("the signing request", lambda: _agreed(files, (key_record, into), authorized, history, now))
    approval = _held("the checkpoint of the preparation", lambda: _prepared(files, charter, agreed))
    return Requested(agreed, charter, approval, _TOKEN)


def _held(what: str, check: Callable[[], T]) -> T:
    """One part of the folder, or the refusal: which control broke, and its rule, in words that do not come from the folder."""
    try:
        return check()
    except Refused as broken:
        _refuse(what, f"{broken.identifier}: not held")
        raise AssertionError from None
    except (Malformed, ValueError, LookupError):
        _refuse(what, "not in its form")


def _refuse(what: str, found: str) -> NoReturn:
    identifier = found.partition(":")[0]
    rule = CATALOGUE[identifier].rule if identifier in CATALOGUE else "every file in exactly the form of docs/formats.md"
    refuse("AUT-09", f"this is no prepared request: {what}", found=found, expected=rule, do=_STOP)


def _files(folder: Path) -> dict[str, bytes]:
    """Every file of the folder, which are those of a closed list."""
    if not folder.is_dir():
        raise Malformed(f"{folder}: there is no request folder")
    paths = sorted(folder.iterdir())
    if strangers := [path.name for path in paths if not _NAMES.fullmatch(path.name)]:
        raise Malformed(f"{folder}: {len(strangers)} file(s) that no request folder has; make a folder of its own for each request")
    return {path.name: read_file(path, MOST) for path in paths}


def _policy(files: Mapping[str, bytes], chain: Chain) -> Policy:
    """Of this genesis, signed as the charter that it names demands."""
    raw, signed = read_signed(files, "policy")
    policy = policies.parse(raw, "policy")
    charter = chain.named(policy.charter, "the policy")
    policies.check(policy, charter, chain.genesis)
    policies.verify_all(signed, raw, charter)
    return policy


def _authorized(files: Mapping[str, bytes], charter: Charter, policy: Policy, genesis: str, now: str) -> Authorized:
    raw, signed = read_signed(files, "authorization")
    wanted = load(Authorization, raw, "authorization")
    said, heard = read_signed(files, "confirmation") if wanted.payments else (None, ())
    confirmation = None if said is None else load(Confirmation, said, "confirmation")
    keys = charter.keys
    proof = signed_by(wanted, signed, confirmation, heard, keys, now)
    policies.bound(wanted, charter, policy, genesis)
    return proof


def _agreed(
    files: Mapping[str, bytes], keys: tuple[KeyRecord, KeyRecord | None], authorized: Authorized, history: History, now: str
) -> Agreed:
    """Both readers, the authorization and the policy agree; the window of limits is counted on the cold host, which has the register."""
    account = sweeping.account_between(authorized.authorization, *keys)
    request = SigningRequest("bitcoin", files[REQUEST])
    replaced = tuple(of_transaction(raw) for name, raw in files.items() if name.startswith("replaced-"))
    return agree(authorized, review(request, account), second.read(request, account), history, replaced, now)


def _prepared(files: Mapping[str, bytes], charter: Charter, agreed: Agreed) -> Approval:
    """The transcript of the preparation is one chain that grants this authorization and agrees on this request; its last entry is the
    head that administrator and witness signed."""
    raw, text = files[NAME], files[CHECKPOINT].decode("ascii")
    said = checkpoint.parse(text)
    signed = parse_signatures(files["checkpoint.signatures"], CHECKPOINT)
    for signature in signed:
        signatures.verify(signature, text.encode("ascii"), charter.key(signature.signer), "checkpoint@cold-ceremony")
    missing = sorted(checkpoint.STAFF - {s.signer for s in signed})
    state = _chain(raw)
    wanted, review_ = agreed.authorized.authorization, agreed.review
    pairs: dict[str, tuple[object, object]] = {
        "missing": (missing, []),
        "head": (state.entries[-1].line.digest, said.head),
        "place": (
            (said.mark, said.genesis, said.ceremony, said.seq),
            (charter.mark, wanted.genesis, state.opened.ceremony, len(state.entries)),
        ),
        "opening": ((state.opened.kind, state.opened.mark, state.opened.genesis), ("transfer", charter.mark, wanted.genesis)),
        "granted": ([body.authorization for body in state.all(entries.Authorized)], [wanted.digest]),
        "agreed": ([body.request for body in state.all(entries.Agreed)], [review_.digest]),
    }
    for found, expected in pairs.values():
        if found != expected:
            refuse("AUD-02", "the checkpoint", found="another", expected="this preparation's", do=_STOP)
    return Approval(
        mark=charter.mark,
        genesis=wanted.genesis,
        key_record=sha256(files["key-record.json"]),
        ceremony=said.ceremony,
        authorization=wanted.digest,
        request=review_.digest,
        **read_from(review_),
        head=said.head,
        role="cfo",
    )


def _chain(raw: bytes) -> State:
    first = parse_line(raw.partition(b"\n")[0] + b"\n", NAME)
    lines, torn = parse_chain(raw, first.prev, NAME)
    if torn or not lines:
        raise Malformed("the transcript is torn")
    return fold(lines, NAME)
