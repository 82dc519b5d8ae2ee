"""A share order: both officers let shares be sealed anew, split anew, or replaced by those of a new key; once (AUT-01 to AUT-05)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Literal

from ceremony.base.control import refuse
from ceremony.base.data import Digest, Malformed, Mark, Name, Person, Position, Text, Time, dump, load, record
from ceremony.base.lines import sha256
from ceremony.base.signatures import Namespace, Signature
from ceremony.record.charter import Charter
from ceremony.record.keyrecord import KeyRecord
from transfer.authorization import binds, check_officers

OrderKind = Literal["reseal", "reshare", "new-key"]
NAMESPACE: Namespace = "share-order@cold-ceremony"
ORDERS: Mapping[str, OrderKind] = MappingProxyType({"reseal": "reseal", "reshare": "reshare", "keygen": "new-key"})
"""Kind of ceremony -> the kind of share order that it needs (a key generation only where there is a key already)."""
MOST_DAYS = 31


@record
class ShareOrder:
    """AUT-01: everything that a share order binds. `reseal`: the shares of these positions get a new passphrase, or another medium.
    `reshare`: the same key, all shares new. `new-key`: a new key, to which everything is swept. Malformed says what is wrong."""

    type: Literal["share-order"] = "share-order"
    version: Literal["2"] = "2"
    kind: OrderKind
    mark: Mark
    genesis: Digest
    charter: Digest
    """The charter in force."""
    key_record: Digest
    """Of the set in use, which the order is about."""
    register_head: Digest
    """The register's head that its signers saw."""
    identifier: Name
    positions: tuple[Position, ...] = ()
    """Of a reseal: whose shares; in order, each once. None of the others, which are about all of them."""
    reason: Text
    requester: Person
    not_before: Time
    expires: Time

    def __post_init__(self) -> None:
        what = f"share order {self.identifier}"
        if (self.kind == "reseal") != bool(self.positions):
            raise Malformed(f"{what}: a reseal names whose shares it is about, every other order none")
        if list(self.positions) != sorted(set(self.positions)):
            raise Malformed(f"{what}: its positions are not in their order, or one is there twice")

    @property
    def digest(self) -> str:
        """SHA-256 of the share order's file."""
        return sha256(dump(self))


def bound(order: ShareOrder, kind: OrderKind, charter: Charter, key_record: KeyRecord, genesis: str) -> None:
    """AUT-01: the order is of this kind, and names this genesis, charter and key record; a reseal names positions of that set."""
    expected = {"kind": kind, "mark": charter.mark, "genesis": genesis, "charter": charter.digest, "key_record": key_record.digest}
    binds(order, expected)
    strangers = sorted(set(order.positions) - set(key_record.plan.positions))
    if strangers:
        refuse(
            "AUT-01",
            f"share order {order.identifier}: positions",
            found=" ".join(strangers),
            expected="positions of the set in use",
            do="Draft and sign a new one against this register.",
        )


def verified(  # noqa: PLR0913, PLR0917 (the document, what signs it, what it must name)
    raw: bytes, signed: Sequence[Signature], kind: OrderKind, charter: Charter, key_record: KeyRecord, genesis: str
) -> ShareOrder:
    """The order in these bytes: of this kind, of this register, charter and key record (AUT-01), signed by both officers (AUT-02).

    What a vault can verify by itself; whether it is unused is the register's question."""
    order = load(ShareOrder, raw, "share order")
    bound(order, kind, charter, key_record, genesis)
    check_signed(order, signed, charter)
    return order


def check_signed(order: ShareOrder, signed: Sequence[Signature], charter: Charter) -> None:
    """AUT-02: both officers of the charter signed it."""
    check_officers(order, signed, charter.keys, NAMESPACE)


def ordered(kind: str, positions: Sequence[str]) -> str:
    """What an order lets people do, in a few words."""
    whose = f" of {' '.join(positions)}"
    return {
        "reseal": f"a new passphrase or medium for the share{'s' if len(positions) > 1 else ''}{whose if positions else ''}",
        "reshare": "all shares of this key made anew, those of before retired",
        "new-key": "a new key, to which everything is moved by a sweep",
    }[kind]
