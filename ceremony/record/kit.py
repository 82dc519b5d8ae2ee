"""The kit: what a custodian's own site needs to prove a share there, without the register (STO-10), and nothing more.

The charters and the key record with their signatures, which are signed as they are and so come whole; and of the register no more
than the sealing numbers of the positions that it is for, the names of retired sets, and the head. It has no policy, no transfer and
no transcript. It is not signed: a forged one makes a record that the register refuses (health.py)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from ceremony.base.control import refuse
from ceremony.base.data import Digest, Malformed, Mark, Position, SetIdentifier, Text, Time, dump, load, record
from ceremony.base.files import read_file
from ceremony.base.lines import sha256
from ceremony.base.signatures import Signature
from ceremony.record.bags import Bags
from ceremony.record.carried import STOP, document, of_charters, read_chain, read_key_record, read_links, read_signed
from ceremony.record.chain import Chain, SignedCharter
from ceremony.record.charter import Charter
from ceremony.record.custody import BagNumber
from ceremony.record.entries import Sealing
from ceremony.record.keyrecord import KeyRecord
from ceremony.record.register import Register
from ceremony.record.sets import Carrier, KeySet, Sealed, Sets

NAME = "kit.json"
MOST = 1_000_000
"""Bytes: no file of a kit is larger."""
FILES = 200
"""More files than any kit has."""


@record
class KitShare:
    """One position: the bag that its share of the set in use was closed in last, the sealings of it, oldest first, and the newest one
    that was proven."""

    position: Position
    bag: BagNumber | None = None
    proven: int
    sealings: tuple[Sealing, ...]


@record
class Kit:
    """What the register said when the kit was written, of the positions that it is for."""

    type: Literal["health-kit"] = "health-kit"
    version: Literal["2"] = "2"
    mark: Mark
    genesis: Digest
    charter: Digest
    key_record: Digest
    register_head: Digest
    issued: Time
    shares: tuple[KitShare, ...]
    retired: dict[SetIdentifier, Text]


def contents(book: Register, positions: Sequence[str], now: str) -> dict[str, bytes]:
    """Name -> bytes of every file of the kit; Malformed for who is no custodian, Undecided while there is no key."""
    key = book.key_record
    if strangers := [p for p in positions if p not in key.plan.positions or p not in book.charter.custodians]:
        raise Malformed(f"{', '.join(strangers)}: found no such position, expected some of {', '.join(key.plan.positions)}")
    kit = Kit(
        mark=key.mark,
        genesis=book.genesis,
        charter=book.charter.digest,
        key_record=key.digest,
        register_head=book.head,
        issued=now,
        shares=tuple(_share(book, position) for position in sorted(set(positions))),
        retired=book.retired,
    )
    raw, signed = book.key_papers
    return {**of_charters(book.links), **document("key-record", raw, signed), NAME: dump(kit)}


def _share(book: Register, position: str) -> KitShare:
    had = book.sets.sealed(position, book.key_record.set_identifier)
    key = book.key_record.set_identifier
    sealings = tuple(
        Sealing(
            position=position,
            number=number,
            set_identifier=key,
            sha256=digest,
            medium=had.on[number].medium,
            token=had.on[number].token,
        )
        for number, digest in sorted(had.begun.items())
    )
    bag = book.bags.closed.get((position, key))
    return KitShare(position=position, bag=bag, proven=had.proven, sealings=sealings)


@dataclass(frozen=True, slots=True)
class SiteKit:
    """A kit that holds whole from the genesis that came from outside. Only `read` makes one that may be used."""

    kit: Kit
    digest: str
    """SHA-256 of its kit.json."""
    chain: Chain
    links: tuple[SignedCharter, ...]
    key_record: KeyRecord
    key_papers: tuple[bytes, tuple[Signature, ...]]


def read(folder: Path, genesis: str) -> SiteKit:
    """Everything is verified from the genesis digest down, which comes from outside; AUD-09, AUD-02, AUT-03 or STO-10 for what is not.

    Malformed if it is no kit."""
    files = _files(folder)
    try:
        chain = read_chain(files, genesis)
        key_record = read_key_record(files, chain)
        papers, links = read_signed(files, "key-record"), read_links(files)
        kit = load(Kit, files[NAME], NAME)
    except KeyError as missing:
        raise Malformed(f"{folder}: found no {missing.args[0]}, expected every file of a kit") from None
    said = (kit.mark, kit.genesis, kit.charter, kit.key_record)
    due = (chain.charter.mark, genesis, chain.charter.digest, key_record.digest)
    if said != due or any(share.position not in key_record.plan.positions for share in kit.shares):
        found, expected = "a kit that names other papers than lie in it", f"charter {due[2]} and key record {due[3]}"
        refuse("STO-10", "this kit does not hold together", found=found, expected=expected, do=STOP)
    return SiteKit(kit, sha256(files[NAME]), chain, links, key_record, papers)


def _files(folder: Path) -> dict[str, bytes]:
    if not folder.is_dir():
        raise Malformed(f"{folder}: there is no kit; `ceremony shares kit` on the cold host writes one")
    paths = sorted(folder.iterdir())
    if len(paths) > FILES:
        raise Malformed(f"{folder}: {len(paths)} files, expected at most {FILES}")
    return {path.name: read_file(path, MOST) for path in paths}


class Carried(Register):
    """The register as far as a kit carries it: sets, sealings and charters; no ceremony, no policy."""

    def __init__(self, folder: Path, site: SiteKit) -> None:
        super().__init__(folder, site.kit.genesis, ())
        self._site = site

    @property
    def head(self) -> str:
        """The register's head when the kit was written."""
        return self._site.kit.register_head

    @cached_property
    def charters(self) -> tuple[Charter, ...]:
        """The charters from the genesis to the one in force."""
        return self._site.chain.charters

    @property
    def links(self) -> tuple[SignedCharter, ...]:
        """The same, signed."""
        return self._site.links

    @cached_property
    def sets(self) -> Sets:
        """The set in use, with the sealings of the positions that the kit is for."""
        key, sealings = self._site.key_record, {}
        for share in self._site.kit.shares:
            begun = {each.number: each.sha256 for each in share.sealings}
            on = {each.number: Carrier(each.medium, each.token) for each in share.sealings}
            sealings[share.position, key.set_identifier] = Sealed(begun=begun, proven=share.proven, on=on)
        return Sets(all=(KeySet(key, key.ceremony),), sealings=sealings)

    @cached_property
    def bags(self) -> Bags:
        """The bags that these shares lie in, as far as the register knew."""
        found = Bags()
        for share in self._site.kit.shares:
            if share.bag is not None:
                found = found.put((share.position, self._site.key_record.set_identifier), share.bag)
        return found

    @property
    def retired(self) -> dict[str, str]:
        """Retired sets, as the kit tells of them."""
        return self._site.kit.retired

    @property
    def key_papers(self) -> tuple[bytes, tuple[Signature, ...]]:
        """The key record in use and its signatures."""
        return self._site.key_papers
