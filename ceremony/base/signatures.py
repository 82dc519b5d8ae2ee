"""SSH signatures of `ssh-keygen -Y` (OpenSSH PROTOCOL.sshsig): a namespace for each kind of document (AUT-03).

A signature travels as the base64 of its SSHSIG blob, without armour, so that it has one spelling only."""

from __future__ import annotations

import base64
import binascii
import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, NoReturn

from ceremony.base import sshsig
from ceremony.base.control import control, refuse
from ceremony.base.data import Malformed, Pattern, Person, PublicKey, record

Namespace = Literal[
    "enrolment@cold-ceremony",
    "charter@cold-ceremony",
    "succession@cold-ceremony",
    "policy@cold-ceremony",
    "key-record@cold-ceremony",
    "authorization@cold-ceremony",
    "confirmation@cold-ceremony",
    "revocation@cold-ceremony",
    "approval@cold-ceremony",
    "checkpoint@cold-ceremony",
    "receipt@cold-ceremony",
    "exception@cold-ceremony",
    "share-order@cold-ceremony",
    "custody@cold-ceremony",
    "health@cold-ceremony",
    "end@cold-ceremony",
    "loss@cold-ceremony",
    "suspension@cold-ceremony",
]
Blob = Annotated[str, Pattern(r"U1NIU0lH[A-Za-z0-9+/]{40,2000}={0,2}", "an SSH signature in base64")]

_BEGIN, _END = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"
_WIDTH = 70


@record
class Signature:
    """Who signed, for which kind of document, and the SSHSIG blob in base64."""

    signer: Person
    namespace: Namespace
    blob: Blob


@dataclass(frozen=True, slots=True)
class Key:
    """The key that a charter lists for one person, with what it asks of each signature by it. The charter makes it, so that nobody who
    verifies can forget to ask."""

    text: PublicKey
    verification: bool = False
    """The security key must have verified who touched it, by a PIN or a finger."""

    @property
    def hardware(self) -> bool:
        """Whether a security key holds it."""
        return self.text.startswith("sk-")


def armour(blob: str) -> str:
    """The form that `ssh-keygen -Y verify -s` reads."""
    lines = [blob[at : at + _WIDTH] for at in range(0, len(blob), _WIDTH)]
    return "\n".join([_BEGIN, *lines, _END, ""])


def unarmour(text: str) -> str:
    """The base64 blob of an armoured signature; Malformed unless it is in exactly the form that ssh-keygen writes."""
    lines = text.splitlines()
    blob = "".join(lines[1:-1])
    try:
        spelled_once = base64.b64encode(base64.b64decode(blob, validate=True)).decode("ascii") == blob
    except binascii.Error:
        spelled_once = False
    if not spelled_once or armour(blob) != text:
        raise Malformed("not an SSH signature as ssh-keygen writes it")
    return blob


PROVIDER = "SSH_SK_PROVIDER"
"""The variable that names the library through which ssh-keygen speaks to security keys; whoever sets it loads code of theirs."""


def sign(signer: str, namespace: Namespace, raw: bytes, key: Path, *, provider: bool = False) -> Signature:
    """Sign `raw` with a private key file, the handle file of a security key, or the `.pub` of a key held by an agent.

    `provider`: another library than OpenSSH's own may speak to the security key, which practice alone permits."""
    command = ["ssh-keygen", "-Y", "sign", "-q", "-f", str(key), "-n", namespace]
    environment = {name: value for name, value in os.environ.items() if provider or name != PROVIDER}
    done = subprocess.run(command, input=raw, capture_output=True, check=False, env=environment)
    if done.returncode != 0:
        raise Malformed(f"{key}: ssh-keygen could not sign with it ({_last(done.stderr)})")
    return Signature(signer=signer, namespace=namespace, blob=unarmour(done.stdout.decode("ascii")))


def is_handle(path: Path) -> bool:
    """Whether a private key file (OpenSSH PROTOCOL.key) is only the handle of a key that hardware holds: its public key is of a type sk-.

    False for anything else, also for what cannot be read."""
    try:
        body = "".join(path.read_text(encoding="ascii").strip().splitlines()[1:-1])
        raw = base64.b64decode(body, validate=True)
    except (OSError, UnicodeDecodeError, binascii.Error):
        return False
    if not raw.startswith(_KEY_MAGIC):
        return False
    rest = raw[len(_KEY_MAGIC) :]
    try:
        for _ in ("cipher", "key derivation", "its options"):
            _, rest = _string(rest)
        public, _ = _string(rest[4:])  # after the number of keys
        return _string(public)[0].startswith(b"sk-")
    except Malformed:
        return False


_KEY_MAGIC = b"openssh-key-v1\0"


def _string(raw: bytes) -> tuple[bytes, bytes]:
    """The first string of RFC 4251 section 5, and what follows it."""
    size = int.from_bytes(raw[:4], "big")
    if len(raw) < 4 + size or len(raw) < 4:
        raise Malformed("a key file that is cut off")
    return raw[4 : 4 + size], raw[4 + size :]


@control("AUT-03")
def verify(signature: Signature, raw: bytes, key: Key, namespace: Namespace, *, fresh: bool = False) -> None:
    """AUT-03: a signature of another namespace, person or document is refused; the signers file has one line, no wildcard.

    Checked in this process (base/sshsig.py), since a register holds thousands. `fresh`: made just now; ssh-keygen must verify it as
    well, and never instead."""
    if signature.namespace != namespace:
        refuse("AUT-03", f"signature of {signature.signer}", found=signature.namespace, expected=namespace, do="Sign this document itself.")
    try:
        canonical_blob = base64.b64encode(base64.b64decode(signature.blob, validate=True)).decode("ascii") == signature.blob
    except binascii.Error:
        canonical_blob = False
    if not canonical_blob:
        raise Malformed(f"signature of {signature.signer}: not base64 in its one spelling")
    if not sshsig.verifies(signature.blob, raw, key.text, namespace, flags=0):
        _refuse(signature, namespace, "one that does not verify")
    _somebody_was_there(signature, raw, key, namespace)
    if fresh:
        _ssh_keygen_agrees(signature, raw, key, namespace)


@control("ASM-06")
def _somebody_was_there(signature: Signature, raw: bytes, key: Key, namespace: Namespace) -> None:
    """ASM-06: a security key says in what it signs whether it was touched, and whether it verified by whom. A touch is asked of each
    signature by one; verification of those for whom the charter asks it, which a key file can never state."""
    if not key.hardware and not key.verification:
        return
    touched = sshsig.verifies(signature.blob, raw, key.text, namespace)
    verified = key.hardware and sshsig.verifies(signature.blob, raw, key.text, namespace, sshsig.PRESENT | sshsig.VERIFIED)
    if touched and (verified or not key.verification):
        return
    wanted = "a touch, and who touched it verified by a PIN or a finger" if key.verification else "a touch"
    refuse(
        "ASM-06",
        f"signature of {signature.signer}: their security key does not say that {'it verified them' if touched else 'anybody was there'}",
        found="a touch alone" if touched and key.hardware else "a key file" if touched else "no touch",
        expected=f"{wanted}, stated in the signature itself",
        do="Enrol a key that asks for it: ssh-keygen -t ed25519-sk"
        + (" -O verify-required" if key.verification else " without -O no-touch-required")
        + ". Then sign again.",
    )


def _ssh_keygen_agrees(signature: Signature, raw: bytes, key: Key, namespace: Namespace) -> None:
    with tempfile.TemporaryDirectory(prefix="cold-ceremony-") as folder:
        signers, armoured = Path(folder, "signers"), Path(folder, "signature")
        signers.write_text(f'{signature.signer} namespaces="{namespace}" {key.text}\n')
        armoured.write_text(armour(signature.blob))
        command = ["ssh-keygen", "-Y", "verify", "-f", str(signers), "-I", signature.signer, "-n", namespace, "-s", str(armoured)]
        done = subprocess.run(command, input=raw, capture_output=True, check=False)
    if done.returncode != 0:
        _refuse(signature, namespace, _last(done.stderr + done.stdout))


def _refuse(signature: Signature, namespace: Namespace, found: str) -> NoReturn:
    refuse(
        "AUT-03",
        f"signature of {signature.signer}",
        found=found,
        expected=f"a signature ({namespace}) over these bytes by the key that the charter lists for {signature.signer}",
        do="Let the right person sign the right document with the key of the charter.",
    )


def public_key_of(path: Path) -> str:
    """Type and base64 of a `.pub` file, without its comment."""
    words = path.read_text(encoding="ascii", errors="replace").split()
    if len(words) < 2:
        raise Malformed(f"{path}: not an OpenSSH public key")
    return f"{words[0]} {words[1]}"


def _last(output: bytes) -> str:
    lines = output.decode("ascii", errors="replace").strip().splitlines()
    return lines[-1] if lines else "no message"
