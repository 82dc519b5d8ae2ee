"""Several payments and a consolidation on the officers' laptop: drafted, shown, confirmed call by call, checked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ceremony.base import signatures
from ceremony.base.data import load
from ceremony.base.signatures import Signature
from tests.cli.test_anywhere import SIGN, check, on, refused
from tests.desk import NOW, OTHER, PAYEE, Desk, ceremony
from tests.policies import document, taken
from transfer.authorization import Authorization, Confirmation
from transfer.limits import Policy


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(tmp_path_factory.mktemp("payments"))


@pytest.fixture
def two(desk: Desk) -> Desk:
    """A desk with two payees in its policy."""
    desk.put_charter()
    desk.put_policy(policy(desk))
    return desk


def policy(desk: Desk, **changes: Any) -> Policy:
    listed = desk.policy().payees[0]
    return desk.policy(payees=(listed, replace(listed, name="lawyers", destination=OTHER, note="Lawyers")), **changes)


def drafted(desk: Desk, folder: Path, *words: str) -> Any:
    """`authorize draft` for what the words say."""
    path = folder / "drafted.json"
    options = {"purpose": "rent", "reference-value": "USD 1.00 on 2025-11-20", "account": "main", "requester": "cfo", "days": "3"}
    fixed = [f"--{name}={value}" for name, value in options.items()]
    return ceremony("authorize", "draft", *on(desk), "--fee-cap=0.0005 BTC", f"--register-head={'ab' * 32}", *fixed, *words, f"-o{path}")


def made(folder: Path) -> Authorization:
    return load(Authorization, (folder / "drafted.json").read_bytes())


def test_payments_from_the_command_line_and_from_a_list(two: Desk, tmp_path: Path) -> None:
    listed = tmp_path / "list.csv"
    listed.write_text("lawyers, 12000 sat\n\n")
    done = drafted(two, tmp_path, "--payment=exchange:0.25 BTC", f"--payments={listed}")
    assert done.returncode == 0, done.stderr
    assert [(p.payee, p.destination, p.amount) for p in made(tmp_path).payments] == [
        ("exchange", PAYEE, 25_000_000),
        ("lawyers", OTHER, 12_000),
    ]
    assert "0.25012000 BTC in 2 payments" in done.stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "1 to 100"),
        (("--payment=exchange:1 sat", "--payment=exchange:1 sat"), "there twice"),
        (("--payment=exchange",), "amount"),
        (("--payment=nobody:1 sat",), "no payee"),
        (("--payment=exchange:1000 sat", "--coins=5"), "--consolidate alone"),
        (("--payment=exchange:1000 sat", "--consolidate"), "no payments"),
        (("--consolidate", "--coins=1"), "range"),
    ],
)
def test_words_that_are_no_payments(two: Desk, tmp_path: Path, words: tuple[str, ...], says: str) -> None:
    done = drafted(two, tmp_path, *words)
    assert done.returncode == 2, done.stdout
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_list_says_which_line_is_wrong(two: Desk, tmp_path: Path) -> None:
    listed = tmp_path / "list.csv"
    listed.write_text("exchange,1000 sat\nlawyers,1.5\n")
    done = drafted(two, tmp_path, f"--payments={listed}")
    assert (done.returncode, "list.csv, line 2" in done.stderr) == (2, True)


@pytest.mark.control("AUT-07")
def test_the_sum_of_the_payments_is_limited(two: Desk, tmp_path: Path) -> None:
    refused(drafted(two, tmp_path, "--payment=exchange:0.6 BTC", "--payment=lawyers:0.40000001 BTC"), "AUT-07")
    assert drafted(two, tmp_path, "--payment=exchange:0.6 BTC", "--payment=lawyers:0.4 BTC").returncode == 0


@pytest.mark.control("AUT-06")
def test_each_payee_has_had_its_cool_off(two: Desk, tmp_path: Path) -> None:
    """A policy that is not the first one counts as a policy history says; its newest payee waits, the older one does not wait again."""
    first = two.policy()
    exchange, lawyers = policy(two).payees
    since = "2026-11-29T09:00:00Z"
    later = policy(two, number=1, previous=first.digest, issued=since, cool_off_hours=8_000)
    later = replace(later, payees=(exchange, replace(lawyers, added=since)))
    two.put_policy(later)
    one, both = "--payment=exchange:1000 sat", ("--payment=exchange:1000 sat", "--payment=lawyers:1000 sat")
    unknown = drafted(two, tmp_path, one)
    assert (unknown.returncode, "--register or --history" in unknown.stderr) == (2, True)

    def sign(person: str, text: bytes) -> Signature:
        return signatures.sign(person, "end@cold-ceremony", text, two.key(person))

    ends = (taken(sign, first, 1, "2026-11-02T09:00:00Z"), taken(sign, later, 4, since))
    (tmp_path / "history.json").write_bytes(document(*ends))
    (tmp_path / "old.json").write_bytes(document(ends[0]))
    refused(drafted(two, tmp_path, one, f"--history={tmp_path / 'old.json'}"), "AUT-06")
    refused(drafted(two, tmp_path, *both, f"--history={tmp_path / 'history.json'}"), "AUT-06")
    done = drafted(two, tmp_path, one, f"--history={tmp_path / 'history.json'}")
    assert done.returncode == 0, done.stderr


def confirmed(desk: Desk, folder: Path, typed: str, *words: str) -> Any:
    said = folder / "confirmation.json"
    caller = ["--as=witness", f"--key={desk.key('witness')}", *(words or ("--channel=telephone", "--spoken-with=Zoe")), f"-o{said}"]
    return ceremony("authorize", "confirm", folder / "drafted.json", *caller, typed=typed)


@pytest.mark.control("AUT-08")
def test_every_payee_is_called_and_reads_their_own_address(two: Desk, tmp_path: Path) -> None:
    drafted(two, tmp_path, "--payment=exchange:0.25 BTC", "--payment=lawyers:12000 sat")
    for typed in (f"{PAYEE[-8:]}\n{PAYEE[-8:]}\n{SIGN}", f"{OTHER[-8:]}\n{PAYEE[-8:]}\n{SIGN}"):
        refused(confirmed(two, tmp_path, typed), "AUT-08")
    assert not (tmp_path / "confirmation.json").exists()
    each = ("--channel=telephone", "--channel=their office", "--spoken-with=Zoe", "--spoken-with=Zac")
    done = confirmed(two, tmp_path, f"{PAYEE[-8:]}\n{OTHER[-8:]}\n{SIGN}", *each)
    assert done.returncode == 0, done.stderr
    assert PAYEE[-8:] not in done.stdout.replace(" ", "")
    calls = load(Confirmation, (tmp_path / "confirmation.json").read_bytes()).calls
    assert [(c.payee, c.channel, c.spoken_with) for c in calls] == [("exchange", "telephone", "Zoe"), ("lawyers", "their office", "Zac")]
    slip = (tmp_path / "payee-slip.txt").read_text()
    assert ("page 1 of 2" in slip, "page 2 of 2" in slip, "with Zac" in slip) == (True, True, True)


def test_a_channel_for_each_payee_or_one_for_all(two: Desk, tmp_path: Path) -> None:
    drafted(two, tmp_path, "--payment=exchange:0.25 BTC", "--payment=lawyers:12000 sat")
    done = confirmed(two, tmp_path, "", "--channel=a", "--channel=b", "--channel=c", "--spoken-with=Zoe")
    assert (done.returncode, "once for all payees, or 2 times" in done.stderr) == (2, True)


@pytest.mark.control("AUT-08")
def test_a_consolidation_is_checked_without_a_call(two: Desk, tmp_path: Path) -> None:
    done = drafted(two, tmp_path, "--consolidate", "--coins=200")
    assert done.returncode == 0, done.stderr
    wanted = made(tmp_path)
    assert (wanted.kind, wanted.payments, wanted.coins) == ("consolidation", (), 200)
    assert "nothing leaves but the fee" in done.stdout
    assert confirmed(two, tmp_path, f"{PAYEE[-8:]}\n{SIGN}").returncode == 2
    gathering = two.authorization(kind="consolidation", payments=(), coins=200, policy=policy(two).digest)
    two.put_authorization(gathering)
    ground = (*on(two), f"--genesis={two.charter().digest}", f"--now={NOW}")
    done = ceremony("authorize", "check", two.folder / "authorization.json", *ground)
    assert done.returncode == 0, done.stderr
    assert "nobody to ask" in done.stdout
    two.put_confirmation(replace(two.confirmation(two.authorization()), authorization=gathering.digest))
    refused(check(two), "AUT-08")
