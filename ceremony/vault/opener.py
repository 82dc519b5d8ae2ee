"""The opener: the one process that sees passphrases, shares and the secret (REC-10).

It loads the standard library, `cryptography`, `mnemonic` and the schemes. It does one thing in its life: one key
generation, one resharing, one health check, or one armed transfer; and it ends with it. It makes no file and prints nothing but prompts."""

from __future__ import annotations

import hashlib
import os
import time
from typing import Any, NoReturn

from ceremony.base.control import control, refuse
from ceremony.base.data import Malformed
from ceremony.record.order import verified
from ceremony.vault import protocol
from ceremony.vault.child import Child, Handlers, loop
from ceremony.vault.generation import Birth, Generation
from ceremony.vault.opening import Board, Rules
from ceremony.vault.orders import ArmedOnce, verify_charters, verify_key_record
from ceremony.vault.passphrase import Passphrases
from ceremony.vault.protocol import ArmedReply, GiveRandom, HealthBegun, KeyRecordMade, Proven, Random, Sealed
from ceremony.vault.randomness import Generator
from ceremony.vault.recovery import Recovery, rules_of
from ceremony.vault.resharing import Resharing, verify_reshare
from transfer.authorization import check_valid


class Opener:
    """The messages of protocol.TO_OPENER, by name."""

    def __init__(self, link: protocol.Channel, talk: Passphrases) -> None:
        self._link, self._talk = link, talk
        self._armed = ArmedOnce()
        self._generation: Generation | None = None
        self._board: Board | None = None
        self._recovery: Recovery | None = None
        self._resharing: Resharing | None = None
        self._random: Generator | None = None

    def begin_keygen(self, message: protocol.BeginKeygen) -> KeyRecordMade:
        """Verify the charter, gather randomness, generate."""
        self._check_fresh()
        charter = verify_charters(message.charters, message.genesis)[-1]
        random = self._generator(with_dice=message.dice == "yes")
        origin = "software; sources: " + ", ".join(random.sources)
        birth = Birth(message.genesis, message.ceremony, message.issued, origin)
        self._generation = Generation(birth, charter, random, self._talk)
        return KeyRecordMade(key_record=self._generation.key_record)

    def arm(self, message: protocol.Arm) -> ArmedReply:
        """Verify the orders; nothing else is unlocked for in this process's life."""
        if self._recovery is None:
            self._check_fresh()
        random = self._generator(with_dice=False)  # before it is armed: without randomness this is no task yet
        armed = self._armed.arm(message.orders)
        self._board = Board(rules_of(armed), random, self._talk)
        self._recovery = Recovery(armed, self._board, random, self.ask_link)
        return ArmedReply(
            request=armed.request.digest,
            authorization=armed.authorization.digest,
            key_record=armed.key_record.digest,
            inputs=len(armed.spends),
            paths=len(armed.public_keys),
            finding="",
        )

    def begin_health(self, message: protocol.BeginHealth) -> HealthBegun:
        """Verify charter and key record; shares are then opened one at a time. A custodian's own site has no HSM: none is asked."""
        self._check_fresh()
        chain = verify_charters(message.charters, message.genesis)
        record = verify_key_record(message.key_record, message.key_record_signatures, message.genesis, chain, former=True)
        renewed: tuple[str, ...] = ()
        if message.order is not None:
            if message.taken is None:
                raise Malformed("a share order, and not when it was taken in")
            order = verified(message.order, message.order_signatures, "reseal", chain[-1], record, message.genesis)
            check_valid(order, message.taken)
            renewed = order.positions
        rules = Rules(record=record, profile=chain[-1].kdf, positions=record.plan.positions, alone=True, renewed=renewed)
        self._board = Board(rules, self._random_alone, self._talk)
        return HealthBegun(key_record=record.digest)

    def begin_reshare(self, message: protocol.BeginReshare) -> protocol.ReshareBegun:
        """Verify the order to make all shares anew; shares are then opened to be combined and split, and for nothing else."""
        self._check_fresh()
        ordered = verify_reshare(message)
        self._random = self._generator(with_dice=False)
        self._board = Board(Resharing.rules(ordered), self._random, self._talk)
        self._resharing = Resharing(message, ordered, self._board)
        return protocol.ReshareBegun(key_record=ordered.record.digest, order=ordered.order.digest, positions=ordered.positions)

    def resplit(self, _: protocol.Resplit) -> KeyRecordMade:
        """The recovered secret in new shares, of a key record that follows the one before."""
        if self._resharing is None or self._random is None:
            refuse("SIG-08", "no order to reshare", found="no orders", expected="verified orders first", do="Begin a resharing.")
        self._generation = self._resharing.resplit(self._random, self._random.sources, self._talk)
        return KeyRecordMade(key_record=self._generation.key_record)

    def lock(self, message: protocol.Lock) -> Sealed:
        """Choose a passphrase, lock."""
        return Sealed(position=message.position, sealed=self._generating().lock(message.position, message.sealing))

    def prove(self, message: protocol.Prove) -> Proven:
        """Open from what was read back."""
        self._generating().prove(message.position, message.sealed)
        return Proven(position=message.position)

    def prove_quorums(self, _: protocol.ProveQuorums) -> protocol.Quorums:
        """Every minimal quorum, by its parts."""
        return self._generating().prove_quorums()

    def unlock(self, message: protocol.Unlock) -> protocol.Unlocked:
        """Open one share."""
        return self._opening().unlock(message.position, message.sealed, message.numbers, message.retired)

    def recover(self, _: protocol.Recover) -> protocol.Recovered:
        """Combine and compare."""
        return (self._resharing or self._recovering()).recover()

    def deliver(self, _: protocol.Deliver) -> protocol.Delivered:
        """Hand child keys to the HSM."""
        return self._recovering().deliver()

    def lock_again(self, message: protocol.LockAgain) -> Sealed:
        """Lock under the passphrase of this run."""
        return Sealed(position=message.position, sealed=self._lasting().lock_again(message.position, message.sealing))

    def prove_again(self, message: protocol.ProveAgain) -> Proven:
        """Open what was read back, with the passphrase of this run."""
        self._opening().prove_again(message.position, message.sealed)
        return Proven(position=message.position)

    def lock_new(self, message: protocol.LockNew) -> Sealed:
        """Choose a new passphrase, lock."""
        return Sealed(position=message.position, sealed=self._opening().lock_new(message.position, message.sealing))

    def prove_new(self, message: protocol.ProveNew) -> Proven:
        """Open what was read back, with the new passphrase."""
        self._opening().prove_new(message.position, message.sealed)
        return Proven(position=message.position)

    def ask_link(self, message: Any, kind: type) -> Any:
        """One exchange with the HSM process; raises what it refuses."""
        try:
            self._link.send(message)
            reply = self._link.receive((kind, *protocol.TROUBLE))
        except OSError:
            reply = None
        if reply is None or isinstance(reply, protocol.Failed):
            raise Malformed("the HSM process is gone; every sealed share is as it was")
        return protocol.told(reply)

    def _generator(self, *, with_dice: bool) -> Generator:
        given: Random = self.ask_link(GiveRandom(), Random)
        sources = {"operating system": os.urandom(32), "HSM": given.value}
        dice = self._talk.dice() if with_dice else b""
        return Generator({**sources, "dice": dice} if dice else sources)

    def _random_alone(self, count: int) -> bytes:
        """GEN-13 without an HSM: the second source is the one open share, 256 bits that nobody else has; hashed with the time, so
        that the same share never gives the same twice."""
        (share,) = self._opening().shares.values()
        once = hashlib.sha256(share + time.time_ns().to_bytes(16, "big")).digest()
        return Generator({"operating system": os.urandom(32), "share and time": once})(count)

    def _check_fresh(self) -> None:
        if self._generation is not None or self._board is not None:
            do = "End this vault and start another one."
            refuse("SIG-08", "this opener has its task already", found="another task", expected="one task in its life", do=do)

    def _generating(self) -> Generation:
        if self._generation is None:
            raise Malformed("no key generation has begun")
        return self._generation

    def _opening(self) -> Board:
        return self._board or _unarmed()

    def _lasting(self) -> Board:
        """The board whose shares are locked again: not that of a resharing, whose sealed shares stay as they are until they go."""
        if self._resharing is not None:
            _for_shares_alone("a share of the set before locked again")
        return self._opening()

    @control("STO-10")
    def _recovering(self) -> Recovery:
        """STO-10: a share that was opened to see whether it is healthy is never combined with another."""
        if self._board is not None and self._recovery is None:
            do = "End this vault. A transfer is armed."
            if self._resharing is not None:
                _for_shares_alone("a key for the HSM")
            refuse("STO-10", "shares of a health check are not combined", found="a recovery", expected="each share alone", do=do)
        return self._recovery or _unarmed()


def _for_shares_alone(found: str) -> NoReturn:
    refuse(
        "SIG-08",
        "this vault reshares and does nothing else",
        found=found,
        expected="shares opened, combined once, and split anew",
        do="End this vault. A transfer is another ceremony.",
    )


def _unarmed() -> NoReturn:
    refuse("SIG-08", "the vault is not armed", found="no orders", expected="verified orders first", do="Approve the request and arm.")


def serve(child: Child) -> None:
    """Answer until the end."""
    opener = Opener(child.link, Passphrases(child.prompt))
    handlers: Handlers = {
        protocol.BeginKeygen: opener.begin_keygen,
        protocol.BeginHealth: opener.begin_health,
        protocol.BeginReshare: opener.begin_reshare,
        protocol.Resplit: opener.resplit,
        protocol.Arm: opener.arm,
        protocol.Lock: opener.lock,
        protocol.Prove: opener.prove,
        protocol.ProveQuorums: opener.prove_quorums,
        protocol.Unlock: opener.unlock,
        protocol.Recover: opener.recover,
        protocol.Deliver: opener.deliver,
        protocol.LockAgain: opener.lock_again,
        protocol.ProveAgain: opener.prove_again,
        protocol.LockNew: opener.lock_new,
        protocol.ProveNew: opener.prove_new,
    }
    loop(child, protocol.TO_OPENER, handlers)
