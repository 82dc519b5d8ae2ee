"""The second reader: the same signing request read by other code (`independent`), in a process of its own (TXN-01).

The child (`python -m transfer.bitcoin.second`) gets one canonical line on its input, writes one on its output, and exits 0;
or it says on its error output what it does not accept, and exits 1."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Literal, NoReturn

from ceremony.base.control import refuse
from ceremony.base.data import Malformed, dump, load, record
from transfer.request import AccountKey, SigningRequest
from transfer.review import Decoded

TIME_LIMIT = 120
"""Seconds; 1,000 inputs take about two."""


@record
class Question:
    """What the child is asked: to read a request and, if `signed` is there, to verify that it is this request signed."""

    type: Literal["second-reading"] = "second-reading"
    account: AccountKey
    request: bytes
    signed: bytes | None = None


def read(request: SigningRequest, account: AccountKey) -> Decoded:
    """The facts of the request as the second reader finds them; TXN-01 if it does not accept the request at all."""
    return _ask(Question(account=account, request=request.raw))


def verify(signed: bytes, request: SigningRequest, account: AccountKey) -> Decoded:
    """The facts of the request again, once the kernel verified that `signed` is its transaction with every input valid."""
    return _ask(Question(account=account, request=request.raw, signed=signed))


def _ask(question: Question) -> Decoded:
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
    return load(Decoded, done.stdout, "answer of the second reader")


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
    from transfer.bitcoin.independent import answer  # noqa: PLC0415 - only the child loads the kernel

    try:
        question = load(Question, sys.stdin.buffer.read(), "question")
        facts = answer(question.account, question.request, question.signed)
    except Malformed as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.buffer.write(dump(facts))
    return 0


if __name__ == "__main__":
    sys.exit(main())
