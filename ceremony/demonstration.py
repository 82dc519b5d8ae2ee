"""A demonstration: a whole practice ceremony in its acts, each a real command that the cast plays. It counts for nothing.

`DIR/custodians/A1`: each custodian's own medium. `DIR/people/cfo`: everybody else's. `DIR/office`: documents on the
officers' laptop. `DIR/register`, `DIR/online`, `DIR/hsm`: the register's medium, the online host, the software HSM."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ceremony.base.files import make_folder, write_new
from ceremony.base.lines import sha256
from ceremony.base.words import spoken
from ceremony.cast import Cast, Fluffed, Pace, Typed
from ceremony.record import entries
from ceremony.record.register import Register

PAYEE = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
"""BIP-173's example key, on regtest: a payee who exists in every textbook and nowhere else."""


@dataclass(frozen=True, slots=True)
class Plot:
    """Who is in the play, and where. `here`: the custodians who come to the transfer."""

    sites: tuple[tuple[str, str, str], ...]
    """Letter, name, country; two custodians open each."""
    site_threshold: int
    names: Mapping[str, str]
    here: tuple[str, ...]
    payees: Mapping[str, str] = field(default_factory=lambda: {"example-exchange": PAYEE})
    """Name in the policy -> address."""
    fees: tuple[str, str] = ("0.0005 BTC", "0.001 BTC")
    """The fee cap: of one authorization, and in the policy."""
    officers_approve: str = "no"
    """Whether CFO and CTO approve each request, too."""
    scheme: str = "gf256"
    """How the secret is shared."""
    media: tuple[str, ...] = ("file",)
    """What shares may lie on."""


OFFICE = {"cfo": "Fiona Fischer", "cto": "Theo Tanaka", "administrator": "Max Moreau", "witness": "Wanda Weiss"}
FULL = Plot(
    sites=(("A", "North vault", "CH"), ("B", "East vault", "SG"), ("C", "South vault", "CH"), ("D", "West vault", "US")),
    site_threshold=3,
    names={
        "A1": "Ada Arnold",
        "A2": "Anton Ackermann",
        "A3": "Alma Aydin",
        "B1": "Ben Baker",
        "B2": "Bao Bui",
        "B3": "Bella Bianchi",
        "C1": "Clara Caspari",
        "C2": "Cem Can",
        "C3": "Cora Costa",
        "D1": "Dan Doyle",
        "D2": "Dina Diallo",
        "D3": "Dora Duarte",
        **OFFICE,
    },
    here=("A1", "A3", "B1", "B2", "D2", "D3"),
)
"""The desk of the design: two of three custodians at each of four sites, three of the four sites."""
SOFTHSM = "/usr/lib/softhsm/libsofthsm2.so"
PAPERS = {
    "the signed charter": "office/charter.json",
    "the signed policy": "office/policy.json",
    "the signed authorization": "office/authorization.json",
    "the signed confirmation of the payee": "office/confirmation.json",
    "the snapshot from the online host": "online/snapshot.json",
    "the signed receipt": "online/receipt.json",
    "the signed share order": "office/share-order.json",
    "the PKCS#11 library of the custodians' tokens": SOFTHSM,
}
LABEL = "practice-hsm"
ACCOUNT = "practice-btc"
IMAGE = sha256(b"the image of a demonstration: there is none, and this is not its hash\n")
DEVICES = (
    "046d:c31c:any:keyboard:always",
    "20a0:4230:DENK0200:hsm:always",
    "0951:1666:60A44C413E:medium:always",
    "0951:1667:any:medium:asked",
    "1050:0407:any:key:asked",
)
"""What a cold host might have. Here there is none of it, which practice records."""
AMOUNT = "0.75 BTC"


@dataclass(slots=True)
class Stage:
    """The folder of one demonstration, and the environment that its commands run in."""

    folder: Path
    plot: Plot
    kdf: str
    say: Callable[[str], None]
    cast: Cast
    module: str = SOFTHSM
    seconds: dict[str, float] = field(default_factory=dict)
    """Act -> how long it took."""
    node: tuple[str, ...] = ("--node", "practice:online/chain")
    """The online host's node, as its commands take it."""
    extra: Mapping[str, str] = field(default_factory=dict)
    """More of the environment (where temporary files go)."""

    @property
    def environment(self) -> Mapping[str, str]:
        """What commands see: the software HSM's configuration, a plain terminal, nothing secret."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return {**kept, **self.extra, "TERM": "xterm-256color", "SOFTHSM2_CONF": str(self.folder / "hsm" / "softhsm2.conf")}

    def act(self, title: str, *commands: Sequence[str]) -> str:
        """Play commands of `ceremony` one after the other; what the last one showed."""
        self.say(f"-- {title}")
        started, shown = time.monotonic(), ""
        for words in commands:
            self.say("   $ ceremony " + shlex.join(words))
            shown = self.cast.play([sys.executable, "-m", "ceremony", *words], self.folder, self.environment)
        self.seconds[title] = time.monotonic() - started
        return shown


def stage(folder: Path, kdf: str, pace: Pace, say: Callable[[str], None], plot: Plot = FULL) -> Stage:
    """Set the stage in an empty folder."""
    make_folder(folder, parents=True, exist_ok=True)
    homes = {p: Path("custodians" if p[0].isupper() else "people", p) for p in plot.names}
    for path in ("office", "online", "hsm/tokens", *map(str, homes.values())):
        make_folder(folder / path, parents=True)
    image = " ".join(spoken(IMAGE))
    cast = Cast(papers=PAPERS, media=homes, custodians_here=plot.here, hears=plot.payees, image=image, pace=pace)
    return Stage(folder=folder.resolve(), plot=plot, kdf=kdf, say=say, cast=cast)


def key(person: str) -> str:
    """Where a person's signing key lies, seen from the stage."""
    return f"{'custodians' if person[0].isupper() else 'people'}/{person}/id_signing"


def play(set_: Stage) -> str:
    """All acts; the last line of what the auditors get: the verdict and the transaction in its block."""
    for act in (*BEFORE_TRANSFER, transfer, *AFTER_TRANSFER):
        act(set_)
    return verify(set_)


def found(set_: Stage) -> None:
    """People, HSM, charter, policy."""
    make_keys(set_)
    found_charter(set_, make_token(set_))
    sign_policy(set_)


def generate(set_: Stage) -> None:
    """The key and its shares."""
    set_.act("Key generation", keygen_command(set_))


def keygen_command(set_: Stage) -> tuple[str, ...]:
    """The words after `ceremony`."""
    return ("keygen", *_register(), "--charter", "office/charter.json", "--policy", "office/policy.json", *_module(set_))


def make_keys(set_: Stage) -> None:
    """Everybody makes a signing key on their own medium (practice: key files)."""
    set_.say(f"-- {len(set_.plot.names)} people, each with a signing key of their own")
    for person in set_.plot.names:
        path = set_.folder / key(person)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", person, "-f", str(path)], check=True, capture_output=True)


def make_token(set_: Stage) -> str:
    """Initialise the software HSM; its PINs are typed at its own tool's prompts. Its serial number."""
    conf = set_.folder / "hsm" / "softhsm2.conf"
    tokens = set_.folder / "hsm" / "tokens"
    write_new(conf, f"directories.tokendir = {tokens}\nobjectstore.backend = file\nlog.level = ERROR\n".encode())
    set_.cast.play(["softhsm2-util", "--init-token", "--free", "--label", LABEL], set_.folder, set_.environment)
    shown = subprocess.run(["softhsm2-util", "--show-slots"], env=dict(set_.environment), check=True, capture_output=True, text=True).stdout
    found = re.search(rf"Serial number:\s+(\S+)\s[^\0]*?Label:\s+{LABEL}\s", shown)
    if found is None:
        raise Fluffed(f"the software HSM does not show its token:\n{shown}")
    return found[1]


def found_charter(set_: Stage, serial: str) -> None:
    """Everybody enrols; the charter is made, signed by its three signers, and checked."""
    enrolments = [f"office/enrolment-{person}.json" for person in set_.plot.names]
    enrol = [
        ("charter", "enrol", "--person", person, "--name", name, "--key", key(person), "-o", path)
        for (person, name), path in zip(set_.plot.names.items(), enrolments, strict=True)
    ]
    sites = [word for letter, name, country in set_.plot.sites for word in ("--site", f"{letter}:{name}:{country}:2")]
    new = (
        "charter", "new", *enrolments, "--organisation", "Example Desk", "--room", "Bern, the cold room", "--mark", "practice", *sites,
        "--site-threshold", str(set_.plot.site_threshold),
        "--account", f"{ACCOUNT}:bitcoin:regtest:m/84h/1h/0h", "--hsm-label", LABEL, "--hsm-serial", serial,
        "--hsm-manufacturer", "SoftHSM project", "--hsm-model", "SoftHSM v2", "--hsm-firmware", "2.6",
        "--boot-image", IMAGE, *[word for device in DEVICES for word in ("--device", device)],
        *[word for medium in set_.plot.media for word in ("--media", medium)],
        "--scheme", set_.plot.scheme, "--kdf", set_.kdf, "--officers-approve", set_.plot.officers_approve, "-o", "office/charter.json",
    )  # fmt: skip
    signed = [("charter", "sign", "office/charter.json", "--as", p, "--key", key(p)) for p in ("cfo", "cto", "witness")]
    set_.act("Charter", *enrol, new, *signed)
    set_.act("Charter, checked", ("charter", "check", "office/charter.json", *_genesis(set_)))


def sign_policy(set_: Stage) -> None:
    """Payees, limits, fee caps; signed by the same three."""
    payees = [word for name, address in set_.plot.payees.items() for word in ("--payee", f"{name}:{address}:settlement account")]
    new = (
        "policy", "new", "--charter", "office/charter.json", *payees,
        "--cool-off-hours", "0", "--per-transfer", "1 BTC", "--window-days", "7", "--per-window", "2 BTC",
        "--fee-cap", set_.plot.fees[1], "--fee-rate-cap", "100000", "--validity-days", "14", "-o", "office/policy.json",
    )  # fmt: skip
    check = ("--charter", "office/charter.json", *_genesis(set_))
    signed = [("policy", "sign", "office/policy.json", "--as", p, "--key", key(p), *check) for p in ("cfo", "cto", "witness")]
    set_.act("Policy", new, *signed, ("policy", "check", "office/policy.json", *check))


def fund(set_: Stage, amount: str = "0.5 BTC", count: int = 2) -> None:
    """The practice chain pays the account, each time at a new address."""
    words = ("--amount", amount, "--count", str(count))
    set_.act("Practice chain", ("online", "practice", "fund", *set_.node, *_account(set_), *words))


def snapshot(set_: Stage) -> None:
    """The online host collects the account's coins with their whole previous transactions."""
    set_.act("Snapshot", ("online", "snapshot", *set_.node, *_account(set_), "-o", "online/snapshot.json"))


def _account(set_: Stage) -> tuple[str, ...]:
    return ("--key-record", key_record(set_), "--account", ACCOUNT)


def authorize(set_: Stage, *paid: str, replaces: str = "") -> None:
    """CFO drafts, the witness calls each payee, CFO and CTO sign the same bytes. `paid`: `payee:amount`, or the words of a
    consolidation, for which nobody is called. `replaces`: a transaction that can then never be mined."""
    what = paid if "--consolidate" in paid else [w for each in paid or (f"example-exchange:{AMOUNT}",) for w in ("--payment", each)]
    papers = ("--charter", "office/charter.json", "--policy", "office/policy.json", *_genesis(set_))
    draft = (
        "authorize", "draft", *papers, *what, *(("--replaces", replaces) if replaces else ()), "--fee-cap", set_.plot.fees[0],
        "--purpose", "settlement of the demonstration", "--reference-value", "USD 0.00 on 2025-01-01", "--account", ACCOUNT,
        "--requester", "cfo", "--register-head", Register.open(set_.folder / "register").head, "--days", "7",
        "-o", "office/authorization.json",
    )  # fmt: skip
    confirm = (
        "authorize", "confirm", "office/authorization.json", "--as", "witness", "--key", key("witness"),
        "--channel", "telephone, number from the contract", "--spoken-with", "the payee's treasurer",
        "--charter", "office/charter.json", "-o", "office/confirmation.json",
    )  # fmt: skip
    signed = [("authorize", "sign", "office/authorization.json", "--as", p, "--key", key(p), *papers) for p in ("cfo", "cto")]
    heard = () if "--consolidate" in paid else ("--confirmation", "office/confirmation.json")
    check = ("authorize", "check", "office/authorization.json", *papers, *heard)
    holds = ("--snapshot", "online/snapshot.json", "--key-record", key_record(set_))
    show = ("authorize", "show", "office/authorization.json", *papers, *(holds if (set_.folder / holds[1]).exists() else ()))
    set_.act("Authorization", draft, show, *([confirm] if heard else []), *signed, check)


def prepare(set_: Stage) -> None:
    """Administrator and witness alone."""
    set_.act("Prepare", prepare_command(set_))


def prepare_command(set_: Stage) -> tuple[str, ...]:
    """The words after `ceremony`."""
    asked = (set_.folder / "office" / "confirmation.json").exists()
    documents = (*(("--confirmation", "office/confirmation.json") if asked else ()), "--snapshot", "online/snapshot.json")
    return ("prepare", "office/authorization.json", *_register(), *_genesis(set_), *_module(set_), *documents)


def transfer(set_: Stage) -> None:
    """The room: review, approve, unlock, sign, lock again, carry out."""
    set_.act("Transfer", transfer_command(set_))


def transfer_command(set_: Stage, command: str = "transfer") -> tuple[str, ...]:
    """The words after `ceremony`, also for `resume`."""
    return (command, *_register(), *_genesis(set_), *_module(set_), "--out", "outbound")


def broadcast(set_: Stage) -> None:
    """The online host reads the bundle by itself, and sends what is in it."""
    set_.act(
        "Receive and broadcast",
        ("online", "receive", "outbound", *_papers(set_)),
        ("online", "broadcast", "outbound", *_papers(set_), *set_.node),
    )


def mine(set_: Stage) -> None:
    """The practice chain makes a block."""
    set_.act("A block", ("online", "practice", "mine", *set_.node, "--blocks", "1"))


def receipt(set_: Stage) -> None:
    """Two custodians look at the chain and sign; the transfer is closed."""
    set_.act("Receipt and close", *receipt_commands(set_))


def receipt_commands(set_: Stage) -> list[tuple[str, ...]]:
    """The words after `ceremony`: a receipt each, then the close."""
    words = ("online", "receipt", "outbound", *_papers(set_), *set_.node, "--broadcaster", "administrator", "-o", _RECEIPT)
    looked = [(*words, "--as", p, "--key", key(p)) for p in (set_.plot.here[0], set_.plot.here[-1])]
    return [*looked, ("online", "close", _RECEIPT, *_register(), *_genesis(set_))]


def verify(set_: Stage) -> str:
    """The anchor is noted; the auditors' report and verdict. The last line of the demonstration."""
    genesis, head = _genesis(set_), Register.open(set_.folder / "register").head
    write_new(set_.folder / "anchor", f"genesis {genesis[1]}\nhead {head}\n".encode("ascii"))
    anchor = ("register", *genesis, "--head", head)
    shown = set_.act("Report and verdict", ("audit", "report", *anchor, "-o", "report.html"), ("audit", "verify", *anchor))
    return _last_line(set_, shown)


SIGNED_THERE = ("run", "opening", "approval", "phase", "adjournment", "key-record", "return", "end")
"""Purposes of signatures that people give in the room; all others are brought along."""


def budget(set_: Stage, number: int) -> tuple[str, ...]:
    """What each person did at the keyboard since it was last counted, and signed in the ceremony of this number: a table.

    A prompt counts for the person whom it names, any other for the administrator, who sits at the keyboard."""
    state = Register.open(set_.folder / "register").ceremonies[number - 1].state
    signed = Counter(e.actor for e in state.entries if isinstance(e.body, entries.Signature) and e.body.purpose in SIGNED_THERE)
    rows = [f"{'person':<15} {'prompts':>8} {'typed':>8} {'secrets':>8} {'signatures':>11}"]
    for person in sorted({*set_.cast.budget, *signed}):
        did = set_.cast.budget.get(person, Typed())
        rows.append(f"{person:<15} {did.prompts:>8} {did.characters:>8} {did.secrets:>8} {signed[person]:>11}")
    return tuple(rows)


def _papers(set_: Stage) -> tuple[str, ...]:
    signed = ("--charter", "office/charter.json", "--policy", "office/policy.json")
    return (*signed, *_genesis(set_), "--key-record", key_record(set_))


_RECEIPT = "online/receipt.json"


def _last_line(set_: Stage, shown: str) -> str:
    seen = json.loads((set_.folder / _RECEIPT).read_text())
    verdict = next((line.strip() for line in shown.splitlines() if line.strip().startswith("VERIFIED")), None)
    if verdict is None:
        raise Fluffed(f"the verifier did not say VERIFIED:\n{shown}")
    return f"VERIFIED  txid {seen['txid']} in block {seen['block_height']}"


def _register() -> tuple[str, str]:
    return ("--register", "register")


def _module(set_: Stage) -> tuple[str, str]:
    return ("--module", set_.module)


def _genesis(set_: Stage) -> tuple[str, str]:
    """The digest that everybody noted when the charter was signed."""
    return ("--genesis", sha256((set_.folder / "office" / "charter.json").read_bytes()))


def key_record(set_: Stage) -> str:
    """Where the key record of the set in use lies, seen from the stage."""
    made = Register.open(set_.folder / "register").key_ceremony
    return str((made.folder / "key-record.json").relative_to(set_.folder))


BEFORE_TRANSFER = (found, generate, fund, snapshot, authorize, prepare)
AFTER_TRANSFER = (broadcast, mine, receipt)
"""The acts, in their order; between the two the room meets, and after them comes `verify`."""
