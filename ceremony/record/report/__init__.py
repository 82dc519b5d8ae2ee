"""The report: one page of HTML that an auditor reads without this tool, each claim beside the stock command that checks it.

No script and nothing from outside; the same register and anchor give the same bytes. Whatever the register says is text."""

from __future__ import annotations

from ceremony.base.data import Malformed
from ceremony.record.register import Register
from ceremony.record.report import ceremonies, commands, front, holdings, machines, people
from ceremony.record.report.html import Html, anchor, check, document, el, elsewhere, join, listed, section
from ceremony.record.report.style import STYLE
from ceremony.record.verify import Verdict

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""Content-Security-Policy: even markup that should not be here could load and run nothing."""

_PARTS = ("How to check this page", "All ceremonies", "Charter and policy", "Key and shares", "Transactions", "HSM", "Vault")


def report(register: Register, verdict: Verdict) -> bytes:
    """The page for a register and the verdict on it, in UTF-8. `verdict` is what `verify` said of this very register."""
    if (register.genesis, register.head) != (verdict.genesis, verdict.head):
        raise Malformed("the register changed while it was read; wait for the ceremony to end, then make the report again")
    titles = (*_PARTS, *map(ceremonies.title_of, register.ceremonies), "What this page cannot tell")
    contents = el("nav", listed((el("a", title, href=f"#{anchor(title)}") for title in titles), between=" | "))
    first = (front.verdict(verdict, register), front.moved(register), people.people(register), front.exceptions(register))
    page = join(
        el("div", *first, contents, class_="front"),
        _how(verdict),
        ceremonies.overview(register),
        holdings.constitution(register),
        holdings.key(register),
        machines.transactions(register),
        machines.hsm(register),
        machines.vault(register),
        ceremonies.ceremonies(register),
        _limits(),
    )
    return document(f"{verdict.said}: register of {register.charter.organisation}", _POLICY, STYLE, page).encode("utf-8")


def _how(verdict: Verdict) -> Html:
    """The shell functions, and the checks of the register as a whole."""
    outside = (
        "Genesis and head must come from a closing slip that never lay with the register: compare the words on page one with it first. "
        "Then every command below a claim can be pasted into a shell on any Debian with jq, inside the register's folder; it ends with "
        "'same', 'Good signature' or 'Verified', or it shows what to compare. No part of this tool is needed. Paste this once before:"
    )
    whole = join(
        el("p", "The whole chain: each of its entries names the digest of the one before it."),
        check(commands.chain()),
        el(
            "p",
            "Two verifiers check everything at once, the first without this tool (verify-transcript.sh, with facts.jq and comparisons.jq"
            " beside it: sh, jq, ssh-keygen):",
        ),
        elsewhere(f"scripts/verify-transcript.sh register {verdict.genesis} {verdict.head}"),
        elsewhere(f"ceremony audit verify register --genesis {verdict.genesis} --head {verdict.head}"),
    )
    return section(_PARTS[0], el("p", outside), el("pre", el("code", commands.SETUP), class_="check setup"), whole)


def _limits() -> Html:
    """What neither this page nor any verifier can see in a register."""
    rows = (
        "Whether this register is the newest: only a closing slip, an authorization or a card that is newer can tell.",
        "Whether the cold host's own image was hostile, or the HSM chose its nonces to leak a key; see the findings on page one.",
        "Whether old cards with old passphrases still exist. A share that was locked again opens no less with its old card.",
        "Whether enough custodians met elsewhere: the policy is enforced by the tool, possession by the shares.",
        "Whether the block is still in the chain: ask a node of your own.",
    )
    return section("What this page cannot tell", el("ul", *(el("li", row) for row in rows)))
