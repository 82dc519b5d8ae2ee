"""Our reader: what a signing request says, from its bytes and the account alone (TXN-02, TXN-08 to TXN-12)."""

from __future__ import annotations

from dataclasses import dataclass, fields

from ceremony.base.control import control, refuse
from ceremony.base.data import Malformed
from ceremony.base.show import shown
from transfer.bitcoin import bip32, psbt, rules
from transfer.bitcoin.account import CHANGE, SWEPT_TO, Account, Own, opened
from transfer.bitcoin.address import address_of
from transfer.bitcoin.psbt import Origin, Psbt
from transfer.bitcoin.snapshot import own_script, spent_output
from transfer.bitcoin.tx import Transaction, TxOut
from transfer.request import AccountKey, SigningRequest, SweptAccount
from transfer.review import Change, Input, Payment, Review

_BUILD_AGAIN = "Build the request again from a fresh snapshot."


@dataclass(frozen=True, slots=True)
class Spend:
    """One input: the amount it brings and the address of ours that it spends from."""

    amount: int
    own: Own


@dataclass(frozen=True, slots=True)
class Understood:
    """A request that our reader understands whole: its parts, what each input spends, and the review."""

    psbt: Psbt
    spends: tuple[Spend, ...]
    review: Review

    @property
    def transaction(self) -> Transaction:
        """The unsigned transaction."""
        return self.psbt.transaction


def review(request: SigningRequest, account: AccountKey) -> Review:
    """What people see of a request; refused if any of it is not fully understood."""
    return understood(request, account).review


@control("TXN-02")
def made_from(shown: Review, request: SigningRequest, account: AccountKey) -> None:
    """TXN-02: refuses unless `shown` is exactly what these bytes say: they are read once more after people looked."""
    found = review(request, account)
    for name in (f.name for f in fields(found)):
        if getattr(shown, name) != getattr(found, name):
            refuse(
                "TXN-02",
                f"the review is not of this signing request: {name}",
                found=str(getattr(shown, name))[:200],
                expected=str(getattr(found, name))[:200],
                do="Review the request again.",
            )


def understood(request: SigningRequest, account: AccountKey) -> Understood:
    """The request in parts and the review of it. Everything that signs or checks goes through here."""
    if request.chain != "bitcoin":
        raise Malformed(f"signing request: of the chain {shown(request.chain)}, expected bitcoin")
    ours, parts = opened(account), psbt.parse(request.raw)
    spends = tuple(_spend(parts, number, ours) for number in range(len(parts.inputs)))
    swept = _swept(parts, opened(account.to)) if isinstance(account, SweptAccount) else ()
    payments, change = ((), ()) if swept else _outputs(parts, ours)
    fee = fee_of(parts.transaction, sum(spend.amount for spend in spends))
    weight = rules.signed_weight(len(spends), parts.transaction.outputs)
    found = Review(
        chain="bitcoin",
        network=ours.network,
        account=ours.name,
        digest=request.digest,
        txid=parts.transaction.txid,
        version=parts.transaction.version,
        locktime=parts.transaction.locktime,
        sequences=tuple(i.sequence for i in parts.transaction.inputs),
        inputs=tuple(
            Input(txid=i.txid, vout=i.vout, amount=spend.amount, path=spend.own.path, address=spend.own.address)
            for i, spend in zip(parts.transaction.inputs, spends, strict=True)
        ),
        payments=payments,
        change=change,
        swept=swept,
        fee=fee,
        weight=weight,
        rate=rules.fee_rate(fee, weight),
    )
    return Understood(parts, spends, found)


def _spend(parts: Psbt, number: int, account: Account) -> Spend:
    given, spent, where = parts.inputs[number], parts.transaction.inputs[number], f"input {number}"
    amount, script = spent_output(given.previous, spent.txid, spent.vout, where)
    branch, index = given.origin.path[-2:]
    own = own_script(account, branch, index, script, where)
    if not _is_origin(given.origin, own, account):
        refuse("TXN-10", f"{where}: key origin", found=_told(given.origin), expected=f"the account's key at {own.path}", do=_BUILD_AGAIN)
    return Spend(amount, own)


def _outputs(parts: Psbt, account: Account) -> tuple[tuple[Payment, ...], tuple[Change, ...]]:
    payments, change = [], []
    for index, (output, origin) in enumerate(zip(parts.transaction.outputs, parts.origins, strict=True)):
        address = address_of(output.script, account.network)
        if origin is None:
            payments.append(Payment(index=index, address=address, amount=output.amount, script=output.script))
        else:
            path = change_path(output, origin, account, f"output {index}")
            change.append(Change(index=index, address=address, amount=output.amount, script=output.script, path=path))
    return tuple(payments), tuple(change)


@control("TXN-11")
def change_path(output: TxOut, origin: Origin, account: Account, where: str) -> str:
    """TXN-11: the path of a change output. One that claims to be change and is not re-derived is refused, not shown as payment:
    this tool never writes such a claim. An output without a claim is a payment, whoever owns it."""
    branch, index = origin.path[-2:]
    try:
        own = account.own(branch, index) if branch == CHANGE else None
    except Malformed:
        own = None
    if own is None or own.script != output.script or not _is_origin(origin, own, account):
        refuse(
            "TXN-11",
            f"{where} claims to be change",
            found=_told(origin),
            expected="a key of the account's branch 1 within the path limits, whose script this is",
            do="Treat the machine that built this request as hostile. " + _BUILD_AGAIN,
        )
    return own.path


def _swept(parts: Psbt, to: Account) -> tuple[Change]:
    """TXN-11 of a sweep: its one output is the first address of the key in use, re-derived here. Anything else, and anything more,
    is refused before it is shown: a sweep pays nobody, and nothing comes back to the key that it empties."""
    own, outputs = to.own(*SWEPT_TO), parts.transaction.outputs
    claimed = [origin is not None and _is_origin(origin, own, to) for origin in parts.origins]
    if claimed != [True] or outputs[0].script != own.script:
        found = "; ".join(f"{output.amount} sat to {address_of(output.script, to.network)}" for output in outputs[:5])
        refuse(
            "TXN-11",
            "a sweep pays our new key and nothing else",
            found=f"{len(outputs)} output(s): {found}",
            expected=f"one output, to {own.address} (0/0 of the account {to.name} of the key in use), with that key's origin",
            do="Treat the machine that built this request as hostile. " + _BUILD_AGAIN,
        )
    return (Change(index=0, address=own.address, amount=outputs[0].amount, script=own.script, path=own.path),)


@control("TXN-12")
def fee_of(transaction: Transaction, spent: int) -> int:
    """TXN-12: the fee, recomputed from the previous transactions; version, locktime, sequences and dust are as `rules` says."""
    fee = spent - sum(output.amount for output in transaction.outputs)
    if fee <= 0:
        refuse("TXN-12", "fee", found=f"{fee} sat", expected="more than 0 sat", do=_BUILD_AGAIN)
    if (transaction.version, transaction.locktime) != (rules.VERSION, rules.LOCKTIME):
        found = f"version {transaction.version}, locktime {transaction.locktime}"
        refuse("TXN-12", "when it is valid", found=found, expected="version 2, locktime 0", do=_BUILD_AGAIN)
    for number, each in enumerate(transaction.inputs):
        if each.sequence != rules.SEQUENCE:
            refuse("TXN-12", f"sequence of input {number}", found=f"{each.sequence:08x}", expected="fffffffd", do=_BUILD_AGAIN)
    for number, output in enumerate(transaction.outputs):
        if output.amount < (least := rules.dust_limit(output.script)):
            refuse("TXN-12", f"output {number} is dust", found=f"{output.amount} sat", expected=f"{least} sat or more", do=_BUILD_AGAIN)
    return fee


def _is_origin(origin: Origin, own: Own, account: Account) -> bool:
    return origin == Origin(own.public_key, account.fingerprint, account.full_path(own.branch, own.index))


def _told(origin: Origin) -> str:
    return f"key {origin.public_key.hex()}, master {origin.fingerprint.hex()}, path {bip32.path_text(origin.path)}"
