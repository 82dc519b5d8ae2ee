"""Start one of the child processes: `python -I -m ceremony.vault opener|hsm|token CONTROL LINK PARENT SECONDS`.

Only process.py calls this. The numbers are two open descriptors, a process number and a time limit; none is secret."""

from __future__ import annotations

import sys

from ceremony.vault.child import start


def main() -> None:
    """Protect first, then load what the role needs, then serve."""
    child = start(sys.argv[2:])
    if sys.argv[1] == "opener":
        from ceremony.vault.opener import serve  # noqa: PLC0415 - after protection, and only this role's modules
    elif sys.argv[1] == "token":
        from ceremony.vault.custodian_token import serve  # noqa: PLC0415 - likewise
    else:
        from ceremony.vault.hsm import serve  # noqa: PLC0415 - likewise
    serve(child)


main()
