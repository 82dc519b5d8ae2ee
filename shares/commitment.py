"""Commitments: what the key record says of each share without giving it away (GEN-08).

A tagged SHA-256 in the form of BIP-340: SHA-256(SHA-256(tag) || SHA-256(tag) || header || share). A share has 256 bits
of entropy, so the hash needs no blinding. The header has one byte each for mark, scheme, site threshold, sites, member
threshold, members, site and member (0 for a site share), so the same bytes in another place do not fit."""

from __future__ import annotations

import hashlib
import hmac

from ceremony.base.control import control, refuse
from ceremony.base.data import Digest, Mark, Position
from shares.plan import Letter, Terms, indices
from shares.schemes import CODES

CUSTODIAN_TAG = "cold-ceremony/custodian-share"
SITE_TAG = "cold-ceremony/site-share"

MARKS: dict[Mark, int] = {"practice": 0x50, "production": 0x4D}
"""The byte for each kind: P for practice, M (main) for production."""


def custodian(terms: Terms, position: Position, share: bytes) -> Digest:
    """The commitment to a custodian share, 64 hexadecimal digits."""
    return _tagged(CUSTODIAN_TAG, _header(terms, position[0], indices(position)[1]) + share)


def site(terms: Terms, letter: Letter, share: bytes) -> Digest:
    """The commitment to a site share, 64 hexadecimal digits."""
    return _tagged(SITE_TAG, _header(terms, letter, 0) + share)


@control("REC-04", "REC-05")
def check_custodian(terms: Terms, position: Position, share: bytes, recorded: Digest, *, unsealed: bool = True) -> None:
    """REC-04, REC-05: a custodian share that does not match its recorded commitment is refused, and named.

    `unsealed` says that the share came out of a sealed share (or a mnemonic with a good checksum): it was then neither
    mistyped nor damaged, and the refusal is REC-05, forged. For a bare share, or one that was split and locked a moment
    ago, it is REC-04. Compares in constant time."""
    if hmac.compare_digest(custodian(terms, position, share), recorded):
        return
    what = f"custodian share {position}, position {position[1]} of site {position[0]}"
    if unsealed:
        refuse("REC-05", what, found=_FORGED, expected=f"the share that the key record commits to for {position}", do=_KEEP)
    refuse(
        "REC-04",
        what,
        found="a share that does not match its commitment",
        expected=f"the share that the key record commits to for {position}",
        do=f"Enter or lock it again, or let another custodian of site {position[0]} step in. Nothing was combined.",
    )


def check_site(terms: Terms, letter: Letter, share: bytes, recorded: Digest) -> None:
    """Refuse with REC-05 a combined site share that does not match its recorded commitment."""
    if not hmac.compare_digest(site(terms, letter, share), recorded):
        expected = f"the share that the key record commits to for site {letter}"
        refuse("REC-05", f"the combined share of site {letter}", found=_FORGED, expected=expected, do=_KEEP)


_FORGED = "another share, though every check of its carrier is in order"
_KEEP = "Treat it as forged: keep the card, stop, and tell the officers. Nothing was released."


def _header(terms: Terms, letter: Letter, member: int) -> bytes:
    plan, its = terms.plan, terms.plan.site(letter)
    thresholds = (plan.site_threshold, len(plan.sites), its.threshold, its.members)
    return bytes((MARKS[terms.mark], CODES[terms.scheme], *thresholds, plan.letters.index(letter) + 1, member))


def _tagged(tag: str, message: bytes) -> Digest:
    key = hashlib.sha256(tag.encode("ascii")).digest()
    return hashlib.sha256(key + key + message).hexdigest()
