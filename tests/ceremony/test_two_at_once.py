"""Two requests at once: a limit is reserved in the step that grants it, and only one of them can pass (AUT-10)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from ceremony import demonstration
from ceremony.base.control import Refused
from ceremony.base.files import locked
from ceremony.demonstration import Stage
from ceremony.record import entries
from ceremony.record.register import Register
from ceremony.script.prepare import check_granted
from tests.ceremony import rehearsal
from tests.record import sample


@pytest.mark.control("AUT-10")
def test_of_two_preparations_at_once_one_is_granted(authorized: Stage) -> None:
    """The same authorization, on two terminals: as two different ones would, they count the same limits."""

    def prepare(_: int) -> tuple[str, int]:
        twin = replace(authorized, cast=replace(authorized.cast, budget={}))
        return rehearsal.run(twin, *demonstration.prepare_command(twin))

    with ThreadPoolExecutor(2) as pool:
        (told, code), (other, refused) = sorted(pool.map(prepare, range(2)), key=lambda each: each[1])
    assert code == 0, told
    assert refused == 2
    assert "another ceremony command holds this register" in other or "has not ended" in other
    book = Register.open(authorized.folder / "register")
    assert len(book.ceremonies) == 2
    assert len([*book.ceremonies[1].state.all(entries.Authorized)]) == 1
    assert sum(spent.amount for spent in book.spent(0)) == 75_000_000


@pytest.mark.control("AUT-10")
def test_a_grant_that_is_not_on_disk_or_not_under_the_lock_is_refused(tmp_path: Path) -> None:
    made = sample.write(tmp_path / "register", receipt=False)
    (granted,) = Register.open(made.register).ceremonies[1].state.all(entries.Authorized)
    with locked(made.register):
        check_granted(made.register, 2, granted.authorization)
        for number, digest in ((2, "11" * 32), (3, granted.authorization)):
            with pytest.raises(Refused, match="no such grant on disk") as error:
                check_granted(made.register, number, digest)
            assert error.value.identifier == "AUT-10"
    with pytest.raises(Refused, match="no lock on the register"):
        check_granted(made.register, 2, granted.authorization)
