"""The dates of an amendment: not before what the chain showed, and what comes in is not of the future (ASM-04, AUT-06)."""

from __future__ import annotations

from ceremony.base.control import refuse


def check_amending(now: str, seen: str) -> None:
    """ASM-04: no amendment is dated before the newest receipt that people signed; whoever sets a clock back has a cool-off begin early.

    `now`: the machine's time. `seen`: the time of that receipt, empty without one."""
    if now < seen:
        refuse(
            "ASM-04",
            "this amendment is dated before a block that people of this register saw",
            found=now,
            expected=f"{seen} or later, the time of the newest signed receipt",
            do="Set the clock by people's watches, then begin again.",
        )


def check_issued(what: str, issued: str, now: str) -> None:
    """AUT-06: a charter or policy that comes in is not dated after the machine's time, which two people's watches agreed with."""
    if issued > now:
        refuse(
            "AUT-06",
            f"the {what} is dated after this amendment",
            found=issued,
            expected=f"{now} or earlier",
            do=f"If this machine's clock is right, wait until then, or make the {what} anew on a machine whose clock is.",
        )
