"""The screen on which an officer reviews a prepared request. Pure; at most 78 columns, nothing is cut off."""

from __future__ import annotations

from ceremony.record.requested import Requested
from ceremony.screen.documents import title
from ceremony.screen.panels import as_lines, field, replaces, review, sweep, words


def request_screen(found: Requested) -> tuple[str, ...]:
    """What the bytes of the request say, each payment with the name that the policy has for its address; who vouches; the words."""
    wanted, confirmed = found.agreed.authorized.authorization, found.agreed.authorized.confirmation
    names = {payment.destination: payment.payee for payment in wanted.payments}
    heard = "nobody is paid, nobody was called" if confirmed is None else f"{confirmed.checker} called the payee"
    return (
        title(wanted.mark, f"request of ceremony {found.ceremony}", ("administrator", "witness")),
        *(sweep(wanted) if wanted.kind == "sweep" else ()),
        *as_lines(review(found.agreed.review, names)),
        *replaces(wanted),
        *field("worth", wanted.reference_value.shown),
        *field("purpose", wanted.purpose),
        *field("authorized", f"{wanted.identifier}, by cfo and cto; {heard}"),
        *field("valid", f"{wanted.not_before} to {wanted.expires}"),
        *words("signing request", found.agreed.review.digest),
    )
