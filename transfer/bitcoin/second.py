"""The second reader: the same signing request read by other code (`independent`), in a process of its own (TXN-01).

The child (`python -m transfer.bitcoin.second`) gets one canonical line on its input, writes one on its output, and exits 0;
or it says on its error output what it does not accept, and exits 1."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, NoReturn

from ceremony.base.control import refuse
from ceremony.base.data import Malformed, Text, dump, load, record
from transfer.request import AccountKey, SigningRequest, SweptAccount
from transfer.review import AddressPath, Decoded

TIME_LIMIT = 120
"""Seconds; 1,000 inputs take about two."""
PACKAGES = ("pbk", "bip_utils")
_ANSWER = "answer of the second reader"


@record
class Question:
    """What the child is asked: to read a request and, if `signed` is there, to verify that it is this request signed."""

    type: Literal["second-reading"] = "second-reading"
    account: AccountKey
    to: AccountKey | None = None
    """Of a sweep: the account of the key in use."""
    request: bytes
    signed: bytes | None = None

    @staticmethod
    def of(account: AccountKey, request: SigningRequest, signed: bytes | None = None) -> Question:
        """The question about a request; of a sweep, about both accounts."""
        if isinstance(account, SweptAccount):
            return Question(account=account.former, to=account.to, request=request.raw, signed=signed)
        return Question(account=account, request=request.raw, signed=signed)


@record
class Where:
    """What the child is asked besides: the account's own address at a path, derived without any code of ours."""

    type: Literal["second-address"] = "second-address"
    account: AccountKey
    path: AddressPath


@record
class There:
    """The answer to it."""

    address: Text


def read(request: SigningRequest, account: AccountKey) -> Decoded:
    """The facts of the request as the second reader finds them; TXN-01 if it does not accept the request at all."""
    return load(Decoded, _ask(Question.of(account, request)), _ANSWER)


def verify(signed: bytes, request: SigningRequest, account: AccountKey) -> Decoded:
    """The facts of the request again, once the kernel verified that `signed` is its transaction with every input valid."""
    return load(Decoded, _ask(Question.of(account, request, signed)), _ANSWER)


def address(account: AccountKey, path: AddressPath) -> str:
    """The account's own address at "branch/index", as the second reader derives it from the extended public key."""
    return load(There, _ask(Where(account=account, path=path)), _ANSWER).address


def missing() -> tuple[str, ...]:
    """The packages of the second reader that are not installed here: nothing is shown that only one reader has read."""
    return tuple(name for name in PACKAGES if find_spec(name) is None)


def _ask(question: Question | Where) -> bytes:
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-P", "-s", "-m", "transfer.bitcoin.second"]
    environment = {"PYTHONPATH": str(root), "PATH": os.defpath, "LC_ALL": "C.UTF-8"}
    try:
        done = subprocess.run(command, input=dump(question), capture_output=True, check=False, cwd="/", env=environment, timeout=TIME_LIMIT)
    except subprocess.TimeoutExpired:
        _refuse(f"no answer within {TIME_LIMIT} seconds")
    if done.returncode != 0:
        said = done.stderr.decode("ascii", errors="replace").strip().splitlines()
        _refuse(said[-1][:500] if said else f"it ended with {done.returncode}")
    return done.stdout


def _refuse(found: str) -> NoReturn:
    refuse(
        "TXN-01",
        "the second reader does not accept these bytes",
        found=found,
        expected="two readers that agree field by field",
        do="Do not sign and do not send. Keep the request for the officers, and build again from a fresh snapshot.",
    )


def main() -> int:
    """Answer the one question on standard input."""
    from transfer.bitcoin.independent import answer, own_address  # noqa: PLC0415 - only the child loads the kernel

    try:
        raw = sys.stdin.buffer.read()
        reply: Decoded | There
        if _tagged(raw, "second-address"):
            asked = load(Where, raw, "question")
            reply = There(address=own_address(asked.account, asked.path))
        else:
            question = load(Question, raw, "question")
            reply = answer(question.account, question.request, question.signed, question.to)
    except Malformed as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.buffer.write(dump(reply))
    return 0


def _tagged(raw: bytes, kind: str) -> bool:
    """Whether a question is of this kind; its whole form is read after that."""
    return f'"type":"{kind}"'.encode() in raw


if __name__ == "__main__":
    sys.exit(main())
