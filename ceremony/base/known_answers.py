"""The known-answer test of what every process checks signatures of people with (SET-09)."""

from __future__ import annotations

from ceremony.base import sshsig

_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea"
_SIGNATURE = (
    "U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAg11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURoAAAASdGVzdEBjb2xkLWNlcmVtb255AAAAAAAA"
    "AAZzaGE1MTIAAABTAAAAC3NzaC1lZDI1NTE5AAAAQFK9IHQeN2o7ZHrI+YAQ9T7QvOqFSMmldwdNVN5w8UlObWNYaXK+s6XwsJa76Om8IcfNXn2KhfaY5Zh7TxylOQs="
)


def ssh_signatures() -> bool:
    """What `ssh-keygen -Y sign -n test@cold-ceremony` makes of "abc" with the key of RFC 8032 section 7.1, TEST 1: Ed25519 gives the
    same signature each time. Of another text, and for another kind of document, it is none."""
    return (
        sshsig.verifies(_SIGNATURE, b"abc", _KEY, "test@cold-ceremony") is True
        and sshsig.verifies(_SIGNATURE, b"abd", _KEY, "test@cold-ceremony") is False
        and sshsig.verifies(_SIGNATURE, b"abc", _KEY, "approval@cold-ceremony") is False
    )
