"""SLIP-39 (SatoshiLabs) by its reference library `shamir-mnemonic`: sites are its groups, custodians its members.

The secret is the BIP-32 seed itself. It is encrypted under an empty passphrase and shared at two levels; each level has a
digest of 32 bits, which finds mistakes and no forger (REC-05). A share is the 32 bytes of the SLIP-39 share value; its x here
is its place in the plan, from 1, and SLIP-39's index is one less. The set is extendable, so SLIP-39's identifier encrypts
nothing: it is the first 15 bits of the set identifier, and every share with its header is a standard mnemonic of 33 words."""

from __future__ import annotations

import hmac
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress

from ceremony.base.control import control, refuse
from ceremony.base.data import Malformed, Position, SetIdentifier
from shares.plan import LETTERS, Letter, Plan, SchemeName, indices
from shares.schemes import CODES, SIZE, Drawn, Random, Split, check_drawn, check_quorum, check_secret

EXPONENT = 1
"""SLIP-39's iteration exponent, as Trezor's wallets set it: 20,000 rounds of PBKDF2, and no secret passphrase to protect."""
EXTENDABLE = True
DIGEST = 4
"""Bytes of the digest at each level."""

_SOURCE = threading.Lock()


class Slip39:
    """The alternative scheme: any SLIP-39 wallet recovers the same account from the shares' mnemonics."""

    name: SchemeName = "slip39"
    code = CODES["slip39"]

    def split(self, secret: bytes, plan: Plan, random: Random) -> Split:
        """See `Scheme.split`. GEN-06 if the mnemonics of this very split would not give the secret in a wallet."""
        check_secret(secret)
        values = _split(_encrypted(secret), plan.site_threshold, len(plan.sites), random)
        site_shares = dict(zip(plan.letters, values, strict=True))
        custodian_shares: dict[Position, bytes] = {}
        for site in plan.sites:
            values = _split(site_shares[site.letter], site.threshold, site.members, random)
            custodian_shares.update(zip(site.positions, values, strict=True))
        check_standard(plan, custodian_shares, secret)
        return Split(site_shares, custodian_shares)

    def combine_site(self, plan: Plan, letter: Letter, shares: Mapping[int, bytes]) -> bytes:
        """See `Scheme.combine_site`."""
        site, what = plan.site(letter), f"custodian shares of site {letter}"
        check_quorum(what, shares, site.threshold, site.members)
        return _combined(what, shares)

    def combine_sites(self, plan: Plan, shares: Mapping[Letter, bytes]) -> bytes:
        """See `Scheme.combine_sites`."""
        by_x = {LETTERS.index(plan.site(letter).letter) + 1: share for letter, share in shares.items()}
        check_quorum("site shares", by_x, plan.site_threshold, len(plan.sites))
        return _decrypted(_combined("site shares", by_x))


def mnemonic(plan: Plan, set_identifier: SetIdentifier, position: Position, share: bytes) -> str:
    """The 33 words of one custodian share, as every SLIP-39 wallet takes them. Secret."""
    from shamir_mnemonic import Share  # noqa: PLC0415 - the base install does not have it

    site, member = indices(position)
    its = plan.site(position[0])
    written: str = Share(
        identifier=int(set_identifier[:4], 16) >> 1,
        extendable=EXTENDABLE,
        iteration_exponent=EXPONENT,
        group_index=site - 1,
        group_threshold=plan.site_threshold,
        group_count=len(plan.sites),
        index=member - 1,
        member_threshold=its.threshold,
        value=share,
    ).mnemonic()
    return written


def secret_of(mnemonics: Sequence[str], passphrase: bytes = b"") -> bytes:
    """What a wallet makes of these mnemonics. Malformed for what SLIP-39 refuses; nothing of a mnemonic is in it."""
    from shamir_mnemonic import MnemonicError, combine_mnemonics  # noqa: PLC0415 - the base install does not have it

    with suppress(MnemonicError):  # its text quotes words
        secret: bytes = combine_mnemonics(mnemonics, passphrase)
        return secret
    raise Malformed("these are no mnemonics of one SLIP-39 set, or too few, or too many")


@control("GEN-06")
def check_standard(plan: Plan, custodian_shares: Mapping[Position, bytes], secret: bytes) -> None:
    """GEN-06: the shares of a split are standard SLIP-39: one quorum's mnemonics, read back whole, give the secret."""
    quorum = [position for chosen in plan.minimal(plan.positions).values() for position in chosen]
    identifier = "00" * 10  # there is no set identifier yet; of an extendable set any one gives the same
    try:
        found = secret_of([mnemonic(plan, identifier, position, custodian_shares[position]) for position in quorum])
    except Malformed:
        found = b""
    if not hmac.compare_digest(found, secret):
        do = "Install the release of shamir-mnemonic that this tool was tested with. Nothing was written."
        refuse("GEN-06", "the mnemonics of this split", found="another secret, or none", expected="the secret that was split", do=do)


def _split(secret: bytes, threshold: int, count: int, random: Random) -> list[bytes]:
    """The share values for index 0 to `count` - 1: all but two of the threshold are drawn, and so is the digest's key."""
    from shamir_mnemonic import shamir  # noqa: PLC0415 - the base install does not have it

    source = Drawn(random)
    with _SOURCE:  # the name belongs to the module, so two splits at once would draw from each other's source
        original, shamir.RANDOM_BYTES = shamir.RANDOM_BYTES, source.token_bytes
        try:
            shares = shamir._split_secret(threshold, count, secret)
        finally:
            shamir.RANDOM_BYTES = original
    in_order = [share.x for share in shares] == list(range(count))
    check_drawn("shamir-mnemonic", source.drawn, SIZE * (threshold - 2) + SIZE - DIGEST, in_order=in_order)
    return [bytes(share.data) for share in shares]


def _combined(what: str, shares: Mapping[int, bytes]) -> bytes:
    """What these shares hold; REC-02 if their digest does not fit."""
    from shamir_mnemonic import MnemonicError, shamir  # noqa: PLC0415 - the base install does not have it

    found: bytes | None = None
    with suppress(MnemonicError):
        found = shamir._recover_secret(len(shares), [shamir.RawShare(x - 1, share) for x, share in sorted(shares.items())])
    if found is None:
        do = "Leave out one after the other: one is of another set, damaged or forged. Nothing was released."
        refuse("REC-02", what, found="a digest that does not fit", expected="shares of one split", do=do)
    return found


def _encrypted(secret: bytes) -> bytes:
    from shamir_mnemonic import cipher  # noqa: PLC0415 - the base install does not have it

    encrypted: bytes = cipher.encrypt(secret, b"", EXPONENT, 0, EXTENDABLE)
    return encrypted


def _decrypted(encrypted: bytes) -> bytes:
    from shamir_mnemonic import cipher  # noqa: PLC0415 - the base install does not have it

    secret: bytes = cipher.decrypt(encrypted, b"", EXPONENT, 0, EXTENDABLE)
    return secret
