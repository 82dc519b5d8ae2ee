"""Review and approval: what the bytes say, and each person's signature over exactly that. No share is open yet."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from ceremony.base import signatures
from ceremony.base.control import refuse
from ceremony.base.data import dump, load
from ceremony.record import checkpoint, entries
from ceremony.record.approval import Approval, SignedApproval, approvers, read_from
from ceremony.record.charter import OFFICERS
from ceremony.record.exceptional import said_no_now
from ceremony.record.signed import read_signed
from ceremony.record.sweeping import spent_by
from ceremony.screen import panels
from ceremony.script.exceptional import answer, check_agreed
from ceremony.script.lookalike import check_past
from ceremony.script.opening import custodians, latecomers, present, sign_opening
from ceremony.script.prepare import agreed
from ceremony.script.room import Entry, Room, Steps
from transfer.agree import Agreed
from transfer.bitcoin.reading import made_from
from transfer.request import SigningRequest


def review(room: Room) -> Steps:
    """TXN-02: everyone reads the review, which is made from the bytes of the signing request and from nothing else."""
    with room.screen.working("both readers once more"):
        proof = agreed(room)
        check_past(room, proof)
    room.screen.pages(shown(proof))
    read = "every address, amount" if proof.review.payments else "that everything returns to us,"
    read = "that everything goes to our new key," if proof.review.swept else read
    for person in (*present(room), "witness"):
        if person not in room.state.actors(entries.Reviewed) and person not in said_no_now(room.state, "review"):
            prompt = f"you have read {read} and fee, and agree."
            yield from answer(room, person, "review", prompt, partial(_reviewed, room, proof, person))
    check_agreed(room)


def _reviewed(room: Room, proof: Agreed, person: str) -> Steps:
    made_from(proof.review, SigningRequest("bitcoin", room.raw("request")), spent_by(room.book, room.here))
    yield (person, entries.Reviewed(request=proof.review.digest))


def shown(proof: Agreed) -> tuple[panels.Block, ...]:
    """What for, then what the bytes say, each payment with the name that the policy has for its address."""
    wanted = proof.authorized.authorization
    names = {payment.destination: payment.payee for payment in wanted.payments}
    keys = () if wanted.to is None else (panels.sweep(wanted), panels.words("key record of the new key", wanted.to))
    return (panels.field("purpose", wanted.purpose), panels.replaces(wanted), *keys, *panels.review(proof.review, names))


def approvals(room: Room) -> Steps:
    """SIG-02: each custodian who will open a share, the witness, and the officers if the charter says so, sign an approval."""
    proof = agreed(room)
    room.screen.show((*panels.at_stake(proof.authorized.authorization), *panels.words("signing request", proof.review.digest)))
    room.screen.show(panels.paragraph("Read the words aloud together, then each one signs an approval of exactly this request."))
    head = _head(room)
    brought = _brought(room, proof)
    reviewed = [person for person in present(room) if person in room.state.actors(entries.Reviewed)]
    for person in approvers(room.charter, reviewed):
        if person in brought and person not in room.state.signers("approval"):
            room.screen.say(f"{person} approved this very request elsewhere; the signature verifies.")
            yield brought[person]
        elif person not in room.state.signers("approval") and person not in said_no_now(room.state, "approval"):
            yield from answer(room, person, "approval", "sign your approval.", partial(_approved, room, proof, head, person))
    check_agreed(room)


def _approved(room: Room, proof: Agreed, head: str, person: str) -> Steps:
    text = dump(wanted(room, proof, head, person)).decode("ascii")
    yield room.sign_text(person, "approval@cold-ceremony", "approval", text)


def approve_late(room: Room) -> Steps:
    """ASM-01, SIG-02: who came after the roll-call signs the opening, reviews, and approves the same request after the same head."""
    half_in = [person for person in custodians(room) if person not in room.state.signers("approval")]
    for person in (*half_in, *latecomers(room)):
        with room.screen.working("both readers once more"):
            proof = agreed(room)
        room.screen.pages(shown(proof))
        room.medium(person)
        prompt = "you have read it, agree, and sign opening and approval."
        yield from answer(room, person, "approval", prompt, partial(_joins, room, proof, person))


def _joins(room: Room, proof: Agreed, person: str) -> Steps:
    """Both signatures first, then all four entries at once; what an interruption left of them is completed."""
    present, opening = sign_opening(room, person, room.statement())
    text = dump(wanted(room, proof, _head(room), person)).decode("ascii")
    approval = room.sign_text(person, "approval@cold-ceremony", "approval", text)
    state = room.state
    if person not in state.actors(entries.Present):
        yield present
    if person not in state.signers("opening"):
        yield opening
    if person not in state.actors(entries.Reviewed):
        yield (person, entries.Reviewed(request=proof.review.digest))
    yield approval


def _brought(room: Room, proof: Agreed) -> dict[str, Entry]:
    """SIG-02: approvals that officers gave on their own laptops, where the charter asks for theirs: each of this very request, after
    the preparation that administrator and witness signed. Another one is refused, not asked for anew."""
    if "approvals" not in room.given or room.charter.officers_approve != "yes":
        return {}
    before = checkpoint.prepared(room.state)
    found = {}
    for person in OFFICERS:
        path = Path(room.given["approvals"]) / f"approval-{person}.json"
        if before is None or not path.exists():
            continue
        raw, signed = read_signed(path)
        approval = load(Approval, raw, path.name)
        expected = wanted(room, proof, before.head, person)
        own = next((s for s in signed if s.signer == person), None)
        if approval != expected or own is None:
            refuse(
                "SIG-02",
                f"{path.name} is not the approval of {person} for this request",
                found=f"request {approval.request}, head {approval.head}, signed by {', '.join(s.signer for s in signed) or 'nobody'}",
                expected=f"request {expected.request}, head {expected.head}, signed by {person}",
                do=f"Let {person} review and approve the request folder of this ceremony, or sign here.",
            )
        signatures.verify(own, raw, room.charter.key(person), "approval@cold-ceremony")
        text = raw.decode("ascii")
        found[person] = (person, entries.Signature(namespace="approval@cold-ceremony", purpose="approval", text=text, blob=own.blob))
    return found


def wanted(room: Room, proof: Agreed, head: str, person: str) -> Approval:
    """The approval that one person must give."""
    opened = room.state.opened
    return Approval(
        mark=opened.mark,
        genesis=room.genesis,
        key_record=room.opening.record.digest,
        ceremony=opened.ceremony,
        authorization=proof.authorized.authorization.digest,
        request=proof.review.digest,
        **read_from(proof.review),
        head=head,
        role=person,
    )


def given(room: Room) -> tuple[SignedApproval, ...]:
    """All approvals in the transcript, as the vault verifies them."""
    bodies = [(e.actor, e.body) for e in room.state.entries if isinstance(e.body, entries.Signature) and e.body.purpose == "approval"]
    approvals = (load(Approval, (body.text or "").encode("ascii"), "approval") for _, body in bodies)
    return tuple(SignedApproval(approval=a, signature=s) for a, s in zip(approvals, room.here.signatures("approval"), strict=True))


def _head(room: Room) -> str:
    """The transcript head that approvals name: the same for all of them, also after an interruption."""
    done = given(room)
    return done[0].approval.head if done else room.transcript.head
