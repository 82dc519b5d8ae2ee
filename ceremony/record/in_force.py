"""Which way each field of charter and policy is looser: what tightens counts at once, what loosens after the cool-off (AUT-06, STO-07).

A field without a row fails a test, so that nobody adds one without deciding it. What judges limits and fee caps by the policy's rows is
`transfer.in_force.in_force`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from types import MappingProxyType
from typing import Any, get_args, get_type_hints

from ceremony.record.charter import Charter
from transfer.in_force import ANY, FIXED, HIGHER, ITSELF, LOWER, MORE, POLICY
from transfer.limits import Policy

NO = "no is looser"
LOOSER: Mapping[str, str] = MappingProxyType(
    {
        **{f"Policy.{name}": way for name, way in POLICY.items()},
        **{f"Payee.{name}": FIXED for name in ("name", "chain", "network", "destination")},
        "Payee.added": ITSELF,
        "Payee.note": ITSELF,
        **{f"Charter.{name}": FIXED for name in ("type", "version", "mark", "organisation")},
        **{f"Charter.{name}": ITSELF for name in ("number", "previous", "issued")},
        **{f"Charter.{name}": ANY for name in ("room", "scheme", "kdf", "sites", "people", "hsm", "boot")},
        **{f"Charter.{name}": NO for name in ("officers_approve", "pin_halves")},
        **{f"Charter.{name}": MORE for name in ("accounts", "devices", "media", "exceptions")},
        "Charter.site_threshold": LOWER,
        "Charter.vault_minutes": HIGHER,
        **{f"Site.{name}": ANY for name in ("letter", "name", "jurisdiction")},
        "Site.threshold": LOWER,
        **{f"Member.{name}": ANY for name in ("person", "name", "key", "verification")},
        **{f"Account.{name}": FIXED for name in ("name", "chain", "network")},
        "Account.path": ANY,
        **{f"Hsm.{name}": ANY for name in ("label", "serial", "manufacturer", "model", "firmware", "certificate")},
        "Certificate.number": ANY,
        "Certificate.standard": ANY,
        "Certificate.level": LOWER,
        **{f"Device.{name}": ANY for name in ("vendor", "product", "serial", "what", "when")},
        "StandingException.control": MORE,
        **{f"StandingException.{name}": ITSELF for name in ("expected", "happened", "decided")},
    }
)
"""Record and field -> which way is looser. A payee is the same one as long as what is fixed of it is; another one is listed anew. A fixed
field of a charter or an account is the same in every later charter (STO-07)."""


def known(*kinds: type[Any]) -> Iterator[str]:
    """Every field of these records, and of the records in them, as `LOOSER` names it."""
    for kind in kinds:
        hints = get_type_hints(kind)
        for each in fields(kind):
            yield f"{kind.__name__}.{each.name}"
            yield from known(*_records(hints[each.name]))


def _records(hint: Any) -> Iterator[type[Any]]:
    """The records that a field's type is made of."""
    if is_dataclass(hint) and isinstance(hint, type):
        yield hint
    for part in get_args(hint):
        yield from _records(part)


def undecided() -> tuple[str, ...]:
    """Fields of charter and policy that have no row, and rows of no field."""
    return tuple(sorted(set(known(Charter, Policy)) ^ set(LOOSER)))


IDENTITY: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "Site": ("letter",),
        "Member": ("person",),
        "Account": ("name",),
        "Device": ("vendor", "product", "serial"),
        "StandingException": ("control",),
    }
)
"""Record of a list -> the fields by which one of them is the same one in both charters."""


@dataclass(frozen=True, slots=True)
class Difference:
    """The fields in which a later charter is looser than the one before it, and those in which it is stricter."""

    looser: tuple[str, ...]
    stricter: tuple[str, ...]


def difference(before: Charter, after: Charter) -> Difference:
    """Which way a later charter goes, field by field, as `LOOSER` says."""
    found = tuple(dict.fromkeys(_of_record(before, after)))
    return Difference(
        looser=tuple(name for name, looser in found if looser),
        stricter=tuple(name for name, looser in found if not looser),
    )


def _of_record(before: Any, after: Any) -> Iterator[tuple[str, bool]]:
    """Each field of two records that differs, and whether the later one is looser in it."""
    kind = type(before).__name__
    for each in fields(before):
        old, new = getattr(before, each.name), getattr(after, each.name)
        if old != new:
            yield from _of_field(f"{kind}.{each.name}", old, new)


def _of_field(name: str, old: Any, new: Any) -> Iterator[tuple[str, bool]]:
    way = LOOSER[name]
    if way in (HIGHER, LOWER):
        yield name, (new > old) == (way == HIGHER)
    elif way == NO:
        yield name, new == "no"
    elif way == MORE:
        yield from ((name, looser) for looser in _of_members(_by_identity(old), _by_identity(new)))
    elif way == ANY:
        pairs = _pairs(old, new)
        yield from ((name, True),) if pairs is None else (found for pair in pairs for found in _of_record(*pair))


def _of_members(old: Mapping[Any, Any], new: Mapping[Any, Any]) -> Iterator[bool]:
    """A member that is new or another one is looser, one that is gone is stricter."""
    if any(old.get(identity) != member for identity, member in new.items()):
        yield True
    if old.keys() - new.keys():
        yield False


def _by_identity(members: Any) -> dict[Any, Any]:
    return {_identity(member): member for member in members or ()}


def _identity(member: Any) -> Any:
    names = IDENTITY.get(type(member).__name__)
    return member if names is None else tuple(getattr(member, name) for name in names)


def _pairs(old: Any, new: Any) -> list[tuple[Any, Any]] | None:
    """The records that stand for one another in both; None where there are none, or where one has no other."""
    if is_dataclass(old) and is_dataclass(new):
        return [(old, new)]
    if not (isinstance(old, tuple) and isinstance(new, tuple)):
        return None
    here, there = _by_identity(old), _by_identity(new)
    return [(here[each], there[each]) for each in here] if list(here) == list(there) else None
