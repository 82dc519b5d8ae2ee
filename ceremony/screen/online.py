"""Screens of the online host: a snapshot, a received bundle, a receipt. Pure; at most 78 columns, nothing is cut off."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ceremony.base.amounts import format_btc, format_rate, grouped
from ceremony.base.data import Mark
from ceremony.base.show import wrap
from ceremony.record.received import Received
from ceremony.screen.documents import title
from ceremony.screen.panels import WIDTH, as_lines, field, nobody_paid, paid, replaces, words
from transfer.bitcoin.snapshot import Snapshot
from transfer.outstanding import SETTLED_DEPTH, Claim
from transfer.receipt import Receipt
from transfer.watch import Look


def snapshot_screen(found: Snapshot, mark: Mark) -> tuple[str, ...]:
    """Every coin with its path and block, their sum, the tip and the rate."""
    coins = [
        line
        for coin in found.coins
        for line in (f"  {coin.path:<7} {format_btc(coin.amount):>20}  block {coin.block_height}", f"    {coin.txid}:{coin.vout}")
    ]
    rate = "the node has no estimate" if found.rate is None else format_rate(found.rate)
    return (
        f"{mark.upper()}  snapshot of the account {found.account} ({found.chain} {found.network})",
        *coins,
        *field("coins", str(len(found.coins))),
        *field("sum", format_btc(sum(coin.amount for coin in found.coins))),
        *field("tip", f"{found.block_height}, {grouped(found.block_hash)}"),
        *field("median time", found.time),
        *field("rate", rate),
    )


def received_screen(found: Received) -> tuple[str, ...]:
    """One screen: who is paid, how much, what it costs, the transaction, and the words to compare with the cold host aloud (EXP-04)."""
    wanted, review = found.authorization, found.checked.review
    change = "; ".join(f"{format_btc(output.amount)} to own {output.path}" for output in review.change) or "none"
    return (
        f"{wanted.mark.upper()}  outbound bundle of ceremony {found.bundle.manifest.ceremony}",
        *as_lines(paid(wanted)),
        *replaces(wanted),
        *field("fee", f"{format_btc(review.fee)} ({format_rate(review.rate)})"),
        *field("change", change),
        *field("txid", grouped(found.checked.txid)),
        *field("authorized", f"{wanted.identifier}, by cfo and cto"),
        *field("approved", ", ".join(found.approved.people)),
        *words("bundle: say these words with the cold host, both sides aloud", found.bundle.digest),
    )


def standing(seen: Look, spelt: Callable[[str], str] = str) -> str:
    """Where a transaction stands, in one line. `spelt`: how transactions are written; plain ones can be copied."""
    rival = seen.deepest
    if seen.seen is not None and seen.confirmations:
        return f"in block {seen.seen.height}, {seen.confirmations} confirmation(s)"
    if seen.seen is not None:
        return f"in the node's mempool, waiting to be mined; tip {seen.tip.height}"
    if rival is None:
        return f"unknown to this node, and no other spend of its coins seen; tip {seen.tip.height}"
    place = "waits to be mined" if rival.height is None else f"is in block {rival.height}, {rival.confirmations} confirmation(s)"
    of, _, vout = rival.coin.partition(":")
    return f"CONFLICTED: {spelt(rival.txid)}, which spends {spelt(of)}:{vout}, {place}"


def at_time(time: str, line: str) -> tuple[str, ...]:
    """One line of a watch under its clock time, wrapped; a transaction's identifier stays whole."""
    return tuple(wrap(f"{time[11:19]}  {line}", WIDTH, subsequent_indent=" " * 10, break_long_words=False))


def undecided(seen: Look, txid: str) -> str:
    """What is known and what to do, when a look did not find the transaction in a block."""
    rival = seen.deepest
    if rival is not None:
        word, do = (
            "CONFLICTED",
            (
                "If that is a replacement of ours, make its receipt when it is deep enough: that settles this one.\n"
                "            If nobody here signed it, it is an incident: tell the officers, and sign nothing."
            ),
        )
    elif seen.seen is not None:
        word, do = "AWAITING", "Wait and look again. If it is stuck, a new authorization can replace it (`authorize draft --replaces`)."
    else:
        word, do = "UNRESOLVED", "Look through another node. The same bytes may be sent again; never sign again before it is settled."
    return f"{word}: the transaction is not settled\n  found     {standing(seen)}\n  expected  {txid} in a block\n  do        {do}"


def reconciled(claim: Claim, seen: Look, known: Mapping[str, int]) -> tuple[str, ...]:
    """One transfer that holds something back: what the chain says of it, and what to do. `known`: transaction -> its transfer."""
    return (
        f"transfer {claim.number}  {format_btc(sum(spent.amount for spent in claim.spent))}, {len(claim.coins)} coin(s)",
        *field("payees", ", ".join(payment.payee for payment in claim.payments) or "none"),
        *(field("txid", grouped(claim.txid)) if claim.txid else ()),
        *field("chain", standing(seen, grouped)),
        *field("do", _advice(claim, seen, known)),
    )


def _advice(claim: Claim, seen: Look, known: Mapping[str, int]) -> str:
    rival = seen.deepest
    if rival is not None and rival.txid not in known:
        return "INCIDENT: this register does not know the transaction that spends its coin. Sign nothing, and tell the officers."
    if rival is not None:
        mined = f"of {SETTLED_DEPTH} confirmations or more settles this one"
        return f"Transfer {known[rival.txid]} spends the same coin: its receipt {mined}."
    if seen.confirmations:
        return "Make its receipt: `online receipt`, then `online close`."
    if seen.seen is not None:
        return "Wait, or replace it with a dearer one: `authorize draft --replaces`."
    if not claim.signed:
        return "It is prepared and not signed: go on with it, or void it, which frees everything."
    return "It may still be sent by whoever has its bytes. Send the same bytes again, or replace it: `authorize draft --replaces`."


def receipt_screen(found: Receipt, received: Received, signers: Sequence[str]) -> tuple[str, ...]:
    """What is signed: the transaction, its block, and every output with its whole address."""
    seen = received.checked.review
    own = {output.address: output.path for output in (*seen.change, *seen.swept)}
    outputs = [
        line
        for output in found.outputs
        for line in (
            *field("change" if output.address in own else "paid", format_btc(output.amount)),
            *field(f"own {own[output.address]}" if output.address in own else "to", grouped(output.address)),
        )
    ]
    return (
        title(found.mark, f"receipt of ceremony {found.ceremony}", signers),
        *field("payees", ", ".join(p.payee for p in received.authorization.payments) or nobody_paid(received.authorization)),
        *outputs,
        *field("txid", grouped(found.txid)),
        *field("block", f"{found.block_height}, {grouped(found.block_hash)}"),
        *field("confirmations", f"{found.confirmations} at {found.time}"),
        *field("seen on", "; ".join(found.nodes)),
        *field("broadcaster", found.broadcaster),
        *words("receipt", found.digest),
    )
