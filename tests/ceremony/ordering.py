"""A share order of a played desk, signed by both officers with the keys on their media."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ceremony.base import signatures
from ceremony.base.data import dump
from ceremony.demonstration import Stage, key
from ceremony.record.order import NAMESPACE, OrderKind, ShareOrder
from ceremony.record.register import Register
from ceremony.record.signed import add_signature
from transfer.limits import written

OFFICERS = ("cfo", "cto")


def share_order(set_: Stage, kind: OrderKind, *positions: str, signers: tuple[str, ...] = OFFICERS, **changes: Any) -> str:
    """`office/share-order-N.json` of the stage's register as it stands, seen from the stage's folder. `changes`: other fields."""
    book, now = Register.open(set_.folder / "register"), datetime.now(UTC)
    name = f"share-order-{sum(1 for _ in (set_.folder / 'office').glob('share-order-*.json')) + 1}"
    fields: dict[str, Any] = {
        "kind": kind,
        "mark": book.charter.mark,
        "genesis": book.genesis,
        "charter": book.charter.digest,
        "key_record": book.key_record.digest,
        "register_head": book.head,
        "identifier": name,
        "positions": positions,
        "reason": "rehearsed",
        "requester": "cfo",
        "not_before": written(now - timedelta(minutes=5)),
        "expires": written(now + timedelta(days=7)),
    }
    path = set_.folder / "office" / f"{name}.json"
    order = ShareOrder(**{**fields, **changes})
    path.write_bytes(dump(order))
    for person in signers:
        add_signature(path, signatures.sign(person, NAMESPACE, dump(order), set_.folder / key(person)))
    return str(Path("office", path.name))
