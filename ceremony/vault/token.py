"""The HSM by PKCS#11 2.40: one read-only session, in which nothing but session objects can be made (PKCS#11 section 5.6.7).

Keys enter by C_UnwrapKey alone (REC-07): an AES key under RSA-OAEP with SHA-1 (the one hash that SoftHSM takes), and under
that AES key the child keys, as PKCS#8 wrapped by RFC 5649. Nothing here has ever seen a key in plaintext, but for the
throw-away key of `try_import_path`, which opens nothing."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ceremony.base.control import Refused, control, refuse
from ceremony.base.data import Malformed
from ceremony.base.mark import permits
from ceremony.base.show import shown
from ceremony.record.charter import TOLD, Charter
from ceremony.vault.slots import Identity, WrongPin, find
from ceremony.vault.wrapping import RSA_BITS, ImportKey, pkcs8, wrap
from transfer.bitcoin.assemble import verified
from transfer.bitcoin.curve import N as ORDER
from transfer.bitcoin.der import from_raw, strict
from transfer.bitcoin.sighash import Sighash

if TYPE_CHECKING:
    import pkcs11

DIGEST_BYTES = 32
SELF_TEST = b"cold-ceremony/hsm-self-test"
"""The tag of the random values that keys sign to be proven: never a digest of anything else (decision 7)."""
THROW_AWAY = "throw-away"
NONCE = "HSM DRBG, not verifiable"
"""SIG-07: how the nonces of CKM_ECDSA are made."""
TELL = "Stop. Tell the officers, and keep the HSM as it is."

KEYS = ("PRIVATE_KEY", "SECRET_KEY", "PUBLIC_KEY", "OTP_KEY")
"""Classes of objects that must not lie in the HSM before use (AIR-06)."""

Attributes = dict[str, bool]
"""PKCS#11 attribute names without CKA_, and what the HSM states; one that it does not state is missing."""

IMPORT_KEY = {
    "TOKEN": False, "PRIVATE": True, "SENSITIVE": True, "EXTRACTABLE": False, "MODIFIABLE": False,
    "UNWRAP": True, "DECRYPT": False, "SIGN": False, "SIGN_RECOVER": False, "DERIVE": False,
    "LOCAL": True, "ALWAYS_SENSITIVE": True, "NEVER_EXTRACTABLE": True,
}  # fmt: skip
"""REC-08, GEN-01: what the HSM must say of the import key that it made."""
AES_KEY = {
    "TOKEN": False, "PRIVATE": True, "SENSITIVE": True, "EXTRACTABLE": False, "MODIFIABLE": False,
    "UNWRAP": True, "WRAP": False, "ENCRYPT": False, "DECRYPT": False, "SIGN": False, "VERIFY": False, "DERIVE": False,
    "LOCAL": False, "ALWAYS_SENSITIVE": False, "NEVER_EXTRACTABLE": False,
}  # fmt: skip
"""REC-08: what it must say of the AES key in between, which came from outside (so it was not always sensitive)."""
CHILD_KEY = {
    "TOKEN": False, "PRIVATE": True, "SENSITIVE": True, "EXTRACTABLE": False, "MODIFIABLE": False,
    "SIGN": True, "SIGN_RECOVER": False, "DECRYPT": False, "UNWRAP": False, "DERIVE": False,
    "LOCAL": False, "ALWAYS_SENSITIVE": False, "NEVER_EXTRACTABLE": False,
}  # fmt: skip
"""REC-09, GEN-01: what it must say of each child key: imported, for this session, to sign and for nothing else."""


@dataclass(frozen=True, slots=True)
class Found:
    """One object that lies on the token: its class, label, and identifier in hexadecimal digits."""

    kind: str
    label: str
    identifier: str


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A child key on its way in: its path `branch/index`, its public key (33 bytes), its PKCS#8 under AES-KWP."""

    path: str
    public: bytes
    wrapped: bytes


@dataclass(frozen=True, slots=True)
class Signed:
    """One signature of the HSM: the input it is for, and r and s in 32 bytes each, s in the lower half of the order."""

    spend: Sighash
    raw: bytes


class Named(Protocol):
    """Anything that names a token: `Identity`, or the message that tells of one."""

    @property
    def label(self) -> str:
        """CK_TOKEN_INFO.label."""

    @property
    def serial(self) -> str:
        """CK_TOKEN_INFO.serialNumber."""

    @property
    def manufacturer(self) -> str:
        """CK_TOKEN_INFO.manufacturerID."""

    @property
    def model(self) -> str:
        """CK_TOKEN_INFO.model."""

    @property
    def firmware(self) -> str:
        """CK_TOKEN_INFO.firmwareVersion, such as 2.6."""


def check_identity(found: Named, charter: Charter) -> str:
    """The HSM is the one that the charter names, and no software; refuses with AIR-05, once more and by the HSM process itself.

    Returns what production would have refused, or nothing."""
    other = [name for name in TOLD if getattr(found, name) != getattr(charter.hsm, name)]
    software = "softhsm" in f"{found.manufacturer} {found.model}".lower()
    if not other and not software:
        return ""
    told = ", ".join(f"{name} {shown(getattr(found, name))}" for name in other or TOLD) + (" (a software HSM)" if software else "")
    if not (software and permits(charter.mark, "software HSM")):
        wanted = ", ".join(f"{name} {shown(getattr(charter.hsm, name))}" for name in TOLD)
        do = "Connect the HSM of the charter, or amend the charter."
        refuse("AIR-05", "this is not the HSM of the charter", found=told, expected=wanted, do=do)
    return f"production would refuse: {told}"


class Token:
    """One token, logged in. Every key in it is a session object of this session."""

    def __init__(self, identity: Identity, session: pkcs11.Session) -> None:
        self.identity = identity
        self._session = session
        self._import_key: pkcs11.PrivateKey | None = None
        self._children: dict[str, pkcs11.PrivateKey] = {}
        self._used_r: set[str] = set()

    @classmethod
    def log_in(cls, module: str, label: str, serial: str, pin: str) -> Token:
        """The one token of this label and serial number (an empty one is not asked for), logged in as its user.

        WrongPin if it does not take the PIN; Malformed if there is no such token or it takes no PIN any more."""
        import pkcs11  # noqa: PLC0415

        token, identity = find(module, label, serial)
        try:
            session = token.open(rw=False, user_pin=pin, attribute_mapper=_mapper())
        except (pkcs11.PinIncorrect, pkcs11.PinInvalid, pkcs11.PinLenRange):
            raise WrongPin from None
        except pkcs11.PKCS11Error as error:
            raise Malformed(f"the HSM {identity.label} does not open: {type(error).__name__}") from None
        return cls(identity, session)

    def objects(self) -> tuple[Found, ...]:
        """All objects that this login can see (C_FindObjects without a template)."""
        return tuple(_found(item) for item in self._session.get_objects())

    @control("AIR-06")
    def check_empty(self) -> tuple[Found, ...]:
        """AIR-06: a key of any class that lies in the HSM before use is unexpected and refused, in practice too.

        Other objects (certificates, data that a maker puts there) can neither sign nor unwrap: they are returned to be listed."""
        found = self.objects()
        keys = [item for item in found if item.kind in KEYS]
        if keys:
            refuse(
                "AIR-06",
                f"the HSM {self.identity.label} holds keys before the ceremony",
                found=_listed(keys),
                expected="no key of any class",
                do="Find out whose they are. Use a token that was initialised for this alone.",
            )
        return found

    def random(self) -> bytes:
        """32 bytes of C_GenerateRandom."""
        return bytes(self._session.generate_random(256))

    def make_import_key(self) -> ImportKey:
        """A fresh RSA pair of 3,072 bits, unwrap only, for one `take`; one that was not used is destroyed."""
        from pkcs11 import Attribute, KeyType, MechanismFlag  # noqa: PLC0415

        self._drop_import_key()
        closed = _template(EXTRACTABLE=False, MODIFIABLE=False, SIGN_RECOVER=False)
        public, self._import_key = self._session.generate_keypair(
            KeyType.RSA, RSA_BITS, capabilities=MechanismFlag.UNWRAP, store=False, private_template=closed
        )
        try:
            check_wrapping_key("import key", _read(self._import_key, IMPORT_KEY), IMPORT_KEY)
        except Refused:
            self.destroy()
            raise
        made = ImportKey(public[Attribute.MODULUS], int.from_bytes(public[Attribute.PUBLIC_EXPONENT], "big"))
        public.destroy()
        return made

    def take(self, aes: bytes, keys: Sequence[Wrapped], expected: Mapping[str, bytes]) -> Attributes:
        """Unwrap child keys: exactly one for each path of `expected` (path -> public key), each proven by a signature.

        The AES key and the import key are destroyed in the same step, whatever happens (REC-08); if anything does not
        hold, so are the child keys. Returns what the HSM states of them, which is the same for all."""
        try:
            if self._children or [(key.path, key.public) for key in keys] != list(expected.items()):
                _refuse_count(f"{len(keys)} keys for {', '.join(key.path for key in keys[:5])}", expected)
            self._unwrap(aes, keys)
            attributes = {path: _read(key, CHILD_KEY) for path, key in self._children.items()}
            check_child_keys(attributes, expected, sum(item.kind == "PRIVATE_KEY" for item in self.objects()))
            for path, key in self._children.items():
                self._prove(path, key, expected[path])
        except BaseException:
            self.destroy()
            raise
        return next(iter(attributes.values()))

    def sign(self, spends: Iterable[Sighash], past_r: Collection[str]) -> tuple[Signed, ...]:
        """One signature for each spend, verified by another library under the recorded key (SIG-03).

        `past_r` holds every r of the register, as 64 hexadecimal digits.
        Nothing is released unless all of them hold."""
        return tuple(self._signed(spend, past_r) for spend in spends)

    @control("SEC-03")
    def destroy(self) -> int:
        """SEC-03: every session object is destroyed, and an enumeration shows that none is left. Returns how many there were."""
        self._import_key = None
        self._children.clear()
        made_here = _template(TOKEN=False)
        before = tuple(self._session.get_objects(made_here))
        for item in before:
            item.destroy()
        left = tuple(_found(item) for item in self._session.get_objects(made_here))
        if left:
            refuse(
                "SEC-03",
                "keys are still in the HSM after they were destroyed",
                found=_listed(left),
                expected="no session object",
                do="Close the session by taking the HSM's power away, and tell the officers.",
            )
        return len(before)

    @control("AIR-07")
    def try_import_path(self) -> tuple[str, Attributes]:
        """AIR-07: the whole import path with a throw-away key: wrap, unwrap, read back, sign, verify, destroy, absence.

        Returns the fingerprint of the import key that was used, which is gone like the throw-away key, and what the HSM
        stated of the latter."""
        secret = secrets.randbelow(ORDER - 1) + 1
        public = ec.derive_private_key(secret, ec.SECP256K1()).public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
        try:
            import_key = self.make_import_key()
            aes, wrapped = wrap(import_key, [pkcs8(secret)], secrets.token_bytes)
            attributes = self.take(aes, [Wrapped(THROW_AWAY, public, wrapped[0])], {THROW_AWAY: public})
            self.destroy()
        except _pkcs11_error() as error:
            refuse(
                "AIR-07",
                "the import path does not work with this HSM",
                found=f"the HSM answered {type(error).__name__}",
                expected="RSA-OAEP, then AES key wrap with padding, then ECDSA on secp256k1",
                do="Look at the HSM's mode and firmware. No share is open yet.",
            )
        return import_key.fingerprint, attributes

    def close(self) -> None:
        """C_Logout and C_CloseSession; what was left of session objects goes with them."""
        self._session.close()

    def _drop_import_key(self) -> None:
        if self._import_key is not None:
            self._import_key.destroy()
            self._import_key = None

    def _unwrap(self, aes: bytes, keys: Sequence[Wrapped]) -> None:
        try:
            carrier = self._unwrap_aes(aes)
            try:
                check_wrapping_key("AES key", _read(carrier, AES_KEY), AES_KEY)
                for key in keys:
                    self._children[key.path] = _unwrap_child(carrier, key)
            finally:
                carrier.destroy()
        finally:
            self._drop_import_key()

    def _unwrap_aes(self, aes: bytes) -> pkcs11.SecretKey:
        from pkcs11 import MGF, KeyType, Mechanism, MechanismFlag, ObjectClass  # noqa: PLC0415

        if self._import_key is None:
            refuse(
                "REC-08", "there is no import key", found="wrapped keys", expected="an import key made for them", do="Ask for one first."
            )
        return self._import_key.unwrap_key(
            ObjectClass.SECRET_KEY,
            KeyType.AES,
            aes,
            mechanism=Mechanism.RSA_PKCS_OAEP,
            mechanism_param=(Mechanism.SHA_1, MGF.SHA1, None),
            capabilities=MechanismFlag.UNWRAP,
            template=_template(PRIVATE=True, SENSITIVE=True, EXTRACTABLE=False, MODIFIABLE=False),
        )

    @control("GEN-03")
    def _prove(self, path: str, key: pkcs11.PrivateKey, public: bytes) -> None:
        """GEN-03: after import each key signs a tagged random value, which must verify under the public key that is recorded."""
        digest = sha256(SELF_TEST + secrets.token_bytes(32)).digest()
        raw = low_s(_ecdsa(key, digest))
        try:
            verified(from_raw(raw), Sighash(0, path, public, digest))
        except Refused:
            refuse("GEN-03", f"the key {path} in the HSM", found="another key", expected=f"the private key of {public.hex()}", do=TELL)
        check_fresh(raw, self._used_r)
        self._used_r.add(raw[:32].hex())

    def _signed(self, spend: Sighash, past_r: Collection[str]) -> Signed:
        if spend.path not in self._children:
            _refuse_count("no key", {spend.path: spend.public_key})
        raw = low_s(_ecdsa(self._children[spend.path], spend.digest))
        verified(from_raw(raw), spend)
        check_fresh(raw, self._used_r, past_r)
        self._used_r.add(raw[:32].hex())
        return Signed(spend, raw)


@control("REC-08")
def check_wrapping_key(what: str, found: Attributes, expected: Attributes) -> None:
    """REC-08: import key and AES key are session objects that only unwrap, sensitive and not extractable, as read back."""
    if found != expected:
        refuse("REC-08", f"the {what} in the HSM", found=_differences(found, expected), expected=_differences(expected, found), do=TELL)


@control("REC-09")
def check_child_keys(found: Mapping[str, Attributes], expected: Mapping[str, bytes], count: int) -> None:
    """REC-09: one key for each address spent and no other, and each is what `CHILD_KEY` says, as read back and counted."""
    if list(found) != list(expected) or count != len(expected):
        _refuse_count(f"{count} private keys", expected)
    for path, attributes in found.items():
        if attributes != CHILD_KEY:
            wrong, right = _differences(attributes, CHILD_KEY), _differences(CHILD_KEY, attributes)
            refuse("REC-09", f"the key {path} in the HSM", found=wrong, expected=right, do=TELL)


@control("GEN-01")
def origin(attributes: Attributes) -> str:
    """GEN-01: where a key comes from, as the token states it and nobody types it: `made in the HSM` or `imported`."""
    facts = tuple(attributes.get(name) for name in ("LOCAL", "ALWAYS_SENSITIVE", "NEVER_EXTRACTABLE"))
    if len(set(facts)) != 1 or facts[0] is None:
        refuse(
            "GEN-01", "the HSM contradicts itself about the origin of a key", found=str(facts), expected="all true or all false", do=TELL
        )
    return "made in the HSM" if facts[0] else "imported"


@control("SIG-01")
def whole_digest(digest: bytes) -> bytes:
    """SIG-01: CKM_ECDSA gets exactly 32 bytes; of longer input an HSM may sign the first 32 without a word."""
    if len(digest) != DIGEST_BYTES:
        refuse("SIG-01", "what is to be signed", found=f"{len(digest)} bytes", expected=f"a sighash of {DIGEST_BYTES} bytes", do=TELL)
    return digest


@control("SIG-05")
def check_fresh(raw: bytes, *used: Collection[str]) -> None:
    """SIG-05: no r twice, in this ceremony or in the register: two signatures with one r give the private key away."""
    r = raw[:32].hex()
    if any(r in known for known in used):
        refuse(
            "SIG-05",
            "the HSM used a nonce twice",
            found=f"r {r} again",
            expected="an r that was never seen",
            do="Treat the key as compromised: let nothing leave, and move all funds to a new key.",
        )


def low_s(raw: bytes) -> bytes:
    """r and s with s in the lower half of the order (SIG-04, BIP-146), 64 bytes; Malformed if they are no signature."""
    r, s = strict(from_raw(raw))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def _ecdsa(key: pkcs11.PrivateKey, digest: bytes) -> bytes:
    from pkcs11 import Mechanism  # noqa: PLC0415

    return bytes(key.sign(whole_digest(digest), mechanism=Mechanism.ECDSA))


@control("REC-07")
def _unwrap_child(carrier: pkcs11.SecretKey, key: Wrapped) -> pkcs11.PrivateKey:
    """REC-07: the one way for a child key into the HSM is C_UnwrapKey; if the HSM does not take it so, it gets none."""
    from pkcs11 import KeyType, Mechanism, MechanismFlag, ObjectClass  # noqa: PLC0415

    name = key.path.encode("ascii")
    closed = _template(PRIVATE=True, SENSITIVE=True, EXTRACTABLE=False, MODIFIABLE=False)
    try:
        return carrier.unwrap_key(
            ObjectClass.PRIVATE_KEY,
            KeyType.EC,
            key.wrapped,
            id=name,
            label=key.path,
            mechanism=Mechanism.AES_KEY_WRAP_PAD,
            capabilities=MechanismFlag.SIGN,
            template=closed,
        )
    except _pkcs11_error() as error:
        refuse(
            "REC-07",
            f"the HSM does not unwrap the key {key.path}",
            found=f"it answered {type(error).__name__}",
            expected="a secp256k1 key in PKCS#8 under AES key wrap with padding",
            do="Stop. There is no other way for a key into the HSM.",
        )


def _read(key: Any, wanted: Iterable[str]) -> Attributes:
    """What the HSM states of these attributes, one by one: some HSMs answer none of many if they do not know one."""
    from pkcs11 import Attribute  # noqa: PLC0415

    stated = {}
    for name in wanted:
        try:
            stated[name] = bool(key[Attribute[name]])
        except _pkcs11_error():
            continue
    return stated


def _found(item: Any) -> Found:
    from pkcs11 import Attribute  # noqa: PLC0415

    def read(name: str) -> Any:
        try:
            return item[Attribute[name]]
        except (_pkcs11_error(), ValueError):
            return None

    kind = read("CLASS")
    return Found(getattr(kind, "name", "unknown class"), read("LABEL") or "", (read("ID") or b"").hex())


def _listed(items: Sequence[Found]) -> str:
    more = f" and {len(items) - 5} more" if len(items) > 5 else ""
    return ", ".join(f"{item.kind} {shown(item.label)}" for item in items[:5]) + more


def _template(**attributes: bool) -> dict[Any, bool]:
    from pkcs11 import Attribute  # noqa: PLC0415

    return {Attribute[name]: value for name, value in attributes.items()}


def _mapper() -> Any:
    """Attributes of unwrapped private keys without those of other kinds of keys, which some HSMs refuse in a template."""
    from pkcs11 import Attribute, ObjectClass  # noqa: PLC0415
    from pkcs11.attributes import AttributeMapper  # noqa: PLC0415

    mapper = AttributeMapper()
    usual = mapper.generic_key_template

    def template(base_template: dict[Any, Any], **options: Any) -> Any:
        if base_template[Attribute.CLASS] != ObjectClass.PRIVATE_KEY:
            return usual(base_template, **options)
        return {**mapper.private_key_template(**options), **base_template, Attribute.SIGN_RECOVER: False}

    mapper.generic_key_template = template
    return mapper


def _pkcs11_error() -> type[Exception]:
    from pkcs11 import PKCS11Error  # noqa: PLC0415

    error: type[Exception] = PKCS11Error
    return error


def _differences(found: Attributes, other: Attributes) -> str:
    names = [name for name in other | found if found.get(name) != other.get(name)]
    return ", ".join(f"{name} {_word(found.get(name))}" for name in names) or "as expected"


def _word(value: bool | None) -> str:
    return "not stated" if value is None else "true" if value else "false"


def _refuse_count(found: str, expected: Mapping[str, bytes]) -> NoReturn:
    few = ", ".join(list(expected)[:5])
    wanted = f"{len(expected)}, one for each address spent ({few})"
    refuse("REC-09", "the keys for the HSM", found=found, expected=wanted, do="Stop. Nothing was signed, and the keys are destroyed.")
