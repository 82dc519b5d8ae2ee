"""Which PKCS#11 token: found by label and serial number, told of, and its PIN's state read before one is risked (PKCS#11 2.40).

For the HSM process and the process of a custodian's own token; neither has anything else in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ceremony.base.data import Malformed
from ceremony.base.show import shown

if TYPE_CHECKING:
    import pkcs11


@dataclass(frozen=True, slots=True)
class Identity:
    """The token as C_GetTokenInfo tells of it, without trailing spaces, and the module that speaks for it."""

    label: str
    serial: str
    manufacturer: str
    model: str
    firmware: str
    hardware: str
    library: str


class WrongPin(Exception):
    """The token did not take the PIN. How many tries it has left it may tell by its flags (`pin_state`)."""


def present(module: str) -> tuple[tuple[pkcs11.Token, Identity], ...]:
    """Every initialised token that this module sees; Malformed if it is no PKCS#11 module that works here."""
    import pkcs11  # noqa: PLC0415

    try:
        library = pkcs11.lib(module)
        tokens = [slot.get_token() for slot in library.get_slots(token_present=True)]
    except pkcs11.PKCS11Error as error:
        raise Malformed(f"{module}: not a PKCS#11 module that works here ({type(error).__name__})") from None
    return tuple((token, _identity(token, library)) for token in tokens if pkcs11.TokenFlag.TOKEN_INITIALIZED in token.flags)


def find(module: str, label: str, serial: str) -> tuple[pkcs11.Token, Identity]:
    """The one initialised token of this label and serial number; an empty one is not asked for. Malformed if there is not just one."""
    found = [(token, told) for token, told in present(module) if label in ("", told.label) and serial in ("", told.serial)]
    if len(found) != 1:
        unload(module)  # a module looks for new tokens when it is loaded, and some not again
        names = ", ".join(f"{shown(told.label)} ({shown(told.serial)})" for _, told in found)
        raise Malformed(
            f"{module}: found {names or 'no such token'}, expected one token with label {shown(label)} and serial number {shown(serial)}"
        )
    return found[0]


def _identity(token: pkcs11.Token, library: Any) -> Identity:
    def version(numbers: tuple[int, int]) -> str:
        return f"{numbers[0]}.{numbers[1]}"

    return Identity(
        label=token.label,
        serial=token.serial.decode("ascii"),
        manufacturer=token.manufacturer_id,
        model=token.model,
        firmware=version(token.firmware_version),
        hardware=version(token.hardware_version),
        library=f"{library.library_description} {version(library.library_version)}, {library.manufacturer_id}",
    )


def pin_state(module: str, label: str, serial: str) -> str:
    """What the token's flags say of its PIN before one is risked (PKCS#11 section 4.2): `no wrong tries`, `wrong tries`,
    `last try`, or `locked`."""
    from pkcs11 import TokenFlag  # noqa: PLC0415

    flags = find(module, label, serial)[0].flags
    if TokenFlag.USER_PIN_LOCKED in flags:
        return "locked"
    if TokenFlag.USER_PIN_FINAL_TRY in flags:
        return "last try"
    return "wrong tries" if TokenFlag.USER_PIN_COUNT_LOW in flags else "no wrong tries"


def unload(module: str) -> None:
    """C_Finalize. With it goes every session, also those of PINs that were not taken."""
    import pkcs11  # noqa: PLC0415

    pkcs11.unload(module)
