"""Machine and HSM: what this machine is, before any run of the vault; and the image that it started from."""

from __future__ import annotations

from collections.abc import Collection

from ceremony.base.control import control, refuse
from ceremony.base.data import Malformed
from ceremony.base.mark import permits
from ceremony.base.words import heard
from ceremony.machine import preflight
from ceremony.record import entries
from ceremony.record.charter import Charter, DeviceKind
from ceremony.screen import panels
from ceremony.script.room import TRIES, Room, Steps

WORDS = 8
"""Of the image's digest: 64 bits, which nobody can make another image for."""
NO_IMAGE = "SET-02 the charter names no boot image: nothing says what this machine started from"


def examine(room: Room, asked: Collection[DeviceKind] = (), *, whole: bool = True) -> Steps:
    """AIR-02 to AIR-04: one look at the machine before each run of the vault. Production refuses at the first finding; practice
    records all of them and shows those that are new. From here on devices are watched.

    `whole`: everything that the charter says is always there must be; at a site of their own custodians have no HSM."""
    charter = room.charter
    room.watch.asked.update(asked)
    before = known(room)
    found = preflight.look(charter, room.register, asked, whole=whole)
    sentences = tuple(finding.sentence for finding in found.findings)
    yield ("tool", entries.Machine(findings=(*sentences, *no_image(charter)), usb=found.usb, says=found.says))
    room.watch.listed = charter.devices
    preflight.check_network(charter.mark, found.network)
    preflight.check_devices(charter.mark, found.devices)
    preflight.check_boot(charter.mark, found.boot)
    fresh = [sentence for sentence in (*sentences, *no_image(charter)) if sentence not in before]
    if fresh or not before:
        room.screen.pages((*panels.listed("Production would refuse:", fresh or ("nothing",)), panels.field("start", found.says)))


def known(room: Room) -> frozenset[str]:
    """What was found and recorded already: practice records each thing once."""
    machines = (finding for body in room.state.all(entries.Machine) for finding in body.findings)
    return frozenset((*machines, *(body.finding for body in room.state.all(entries.StrayDevice))))


def no_image(charter: Charter) -> tuple[str, ...]:
    """The finding that the charter names no image, or nothing."""
    return () if charter.boot else (NO_IMAGE,)


def boot_image(room: Room) -> Steps:
    """SET-02: the witness gives the first words of the image's SHA-256, which they took on another machine; the tool shows none."""
    if room.state.last(entries.BootImage) is not None:
        return
    charter = room.charter
    if charter.boot is None:
        check_image(charter, "no words: the charter names no image")
        return
    room.screen.say("The image that this machine started from was hashed on another machine; the tool shows none of that.")
    for left in reversed(range(TRIES)):
        prompt = f"witness, the first {WORDS} words of its SHA-256, from your paper: "
        said = room.screen.ask(prompt, f"{WORDS} words, as your other machine gave them", r"[A-Za-z]+( +[A-Za-z]+)*")
        if _is_of(charter.boot, said):
            break
        if not left:
            check_image(charter, said)
        room.screen.say("These are not the words of the charter's image. Look at your paper once more.")
    yield ("witness", entries.BootImage(sha256=charter.boot, words=WORDS))


@control("SET-02")
def check_image(charter: Charter, said: str) -> None:
    """SET-02: the image was hashed by the witness on a second machine, and its first words are the charter's. Practice may do without
    an image; words that are wrong are wrong in practice, too."""
    if charter.boot is None and permits(charter.mark, "machine checks"):
        return
    if charter.boot is None or not _is_of(charter.boot, said):
        refuse(
            "SET-02",
            "the image that this machine started from",
            found=said,
            expected=f"the first {WORDS} words of the image that the charter names",
            do="Do not go on with this machine. Take the hash of its medium once more, on a machine that you trust.",
        )


def _is_of(digest: str, said: str) -> bool:
    words = said.split()
    try:
        return len(words) == WORDS and heard(words).hex() == digest[: 2 * WORDS]
    except Malformed:
        return False
