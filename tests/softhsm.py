"""Software tokens for tests: each in a folder of its own, so that nothing outside the test is seen or changed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

LIBRARIES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
)


def module() -> str:
    """The path of SoftHSM's PKCS#11 module."""
    for path in LIBRARIES:
        if Path(path).exists():
            return path
    raise FileNotFoundError("no SoftHSM: install the Debian package softhsm2")


def make_token(folder: Path, label: str, pin: str, so_pin: str) -> tuple[Path, str]:
    """Initialise a token in `folder`; returns the configuration for SOFTHSM2_CONF and the token's serial number."""
    tokens, conf = folder / "tokens", folder / "softhsm2.conf"
    tokens.mkdir(parents=True, exist_ok=True)
    conf.write_text(f"directories.tokendir = {tokens}\nobjectstore.backend = file\nlog.level = ERROR\n")
    environment = {**os.environ, "SOFTHSM2_CONF": str(conf)}
    tool = shutil.which("softhsm2-util") or "softhsm2-util"
    start = [tool, "--init-token", "--free", "--label", label, "--pin", pin, "--so-pin", so_pin]
    subprocess.run(start, env=environment, check=True, capture_output=True)
    shown = subprocess.run([tool, "--show-slots"], env=environment, check=True, capture_output=True, text=True).stdout
    serials = re.findall(r"Serial number:\s+(\S+).*?Label:\s+(\S.*?)\s*$", shown, re.S | re.M)
    return conf, next(serial for serial, found in serials if found == label)


def make_shim(folder: Path) -> str:
    """The recording module of tests/vault/shim.c in front of SoftHSM, built in `folder`."""
    built = folder / "shim.so"
    source = Path(__file__).parent / "vault" / "shim.c"
    command = ["gcc", "-shared", "-fPIC", "-O1", "-Wall", "-Werror", f'-DREAL="{module()}"', "-o", str(built), str(source), "-ldl"]
    subprocess.run(command, check=True)
    return str(built)
