"""The catalogue: every control that there is, held in this release or not; its rule in one line, and where the transcript shows it.

An identifier is for good: code, transcript, tests and docs/controls.md use the same one. What enforces a control stands at the
function itself (control.py), what breaks it at the test; scripts/docs puts the three together."""

from __future__ import annotations

from dataclasses import dataclass

EVERY = "every entry"


@dataclass(frozen=True, slots=True)
class Control:
    """One control. `recorded`: the types of the transcript entries that show that it was met.

    `instead`: for a control that is not held, what there is of it; for one that is held in part, what is missing."""

    rule: str
    recorded: tuple[str, ...] = ()
    instead: str = ""
    excepted: bool = False
    """Whether both officers may except it in a signed form; all others never."""


SECTIONS: dict[str, str] = {
    "SET": "Set-up",
    "GEN": "Key generation and sharing",
    "STO": "Storage and custody",
    "AUT": "Authorization",
    "ASM": "Assembly",
    "AIR": "Room and air gap",
    "REC": "Reconstruction",
    "TXN": "Transaction and review",
    "SIG": "Signing",
    "EXP": "Export",
    "BRD": "Broadcast and receipt",
    "SEC": "Re-securing",
    "AUD": "Audit",
    "DRL": "Drills",
}

_SET = {
    "SET-01": Control(
        "A ceremony follows one script, a listed file whose SHA-256 is in its first entry, under the first signatures that it asks for; "
        "each verifier knows released scripts from a list of its own",
        ("opened", "resumed", "file"),
    ),
    "SET-02": Control(
        "The tool's image is hashed by the witness on a second machine, as the charter has it; what the tool says of itself proves nothing",
        ("boot-image", "machine"),
        "the witness types the first eight words of the image's hash from their own paper; no image is built in this release",
    ),
    "SET-03": Control("Two clean builds of a release or a boot image give the same bytes", instead="no image is built in this release"),
    "SET-04": Control("Charter and policy have exactly their form; an unknown, missing or out-of-range field stops everything", ("file",)),
    "SET-05": Control("Roles are a closed set; no person and no key stands in two of them", ("file",)),
    "SET-06": Control(
        "Steps are done in the order of the script and none is left out",
        ("step",),
        "an order that differs is refused: no exception leaves a step out, a form excepts one control (`x` at a prompt)",
    ),
    "SET-07": Control(
        "Nobody takes part whose identity check, background check, training or acknowledgement is missing or too old",
        instead="the charter has names and keys only; keep these records elsewhere",
        excepted=True,
    ),
    "SET-08": Control(
        "Practice or production stands in every file and entry; practice never opens production keys or the main network", ("opened",)
    ),
    "SET-09": Control(
        "Known-answer tests of every building block run at each start, in each process that computes with it; any failure stops the tool",
        ("self-tests", "custodian-token"),
        "a failure at the start of a command, before a ceremony is begun, is told and not recorded",
    ),
    "SET-10": Control(
        "For people who are lost others sign by a form: for one of CFO, CTO and witness the two others and a quorum of custodians, for "
        "two the third and the thresholds of all sites, for anybody else both officers and the witness",
        ("opened", "resumed"),
        "the status does not say which losses of people the desk survives",
    ),
}

_GEN = {
    "GEN-01": Control("Where a key comes from is what the HSM states of it, never what somebody typed", ("imported",)),
    "GEN-02": Control(
        "The generator is seeded by hash from two sources or more; a repeated output block stops it; sources are named", ("generated",)
    ),
    "GEN-03": Control("Every key that was imported signs a tagged random value, which must verify", ("imported",)),
    "GEN-04": Control("Sharing coefficients are taken as they come, zero included; a share at x = 0 is refused on input", ("refusal",)),
    "GEN-05": Control(
        "A threshold of one or above the number of shares, and a secret of fewer than 256 bits, are refused; every split has a set "
        "identifier of its own, which is that of its key record",
        ("file", "generated"),
    ),
    "GEN-06": Control(
        "What the SLIP-39 scheme splits, mnemonics of the standard give again; its 45 vectors behave as published", ("generated",)
    ),
    "GEN-07": Control("Every minimal quorum is proven by its parts before a share leaves the room", ("quorums",)),
    "GEN-08": Control("The key record has a commitment to every custodian share and every site share", ("generated",)),
    "GEN-09": Control(
        "No passphrase, PIN, share, seed or private key is in a file, output, argument, environment or another process",
        instead="a property of the whole and no single function: held by the vault's processes and by the canary tests",
    ),
    "GEN-10": Control(
        "Each sealed share is written to its own custodian's medium (file, card or token, as the charter allows), on which nobody else's "
        "share may lie",
        ("sealing",),
    ),
    "GEN-11": Control(
        "A custodian confirms what they received by reading its digest words back",
        instead="each custodian opens their own share from their own medium instead, at once",
    ),
    "GEN-12": Control("A key inventory entry and a memo on single signers are filed for every key", instead="keep these records elsewhere"),
    "GEN-13": Control("Secret, coefficients, salts and wrapping keys come from one generator of two sources or more", ("generated",)),
    "GEN-14": Control(
        "A set is made in one sitting: cut off before its key record is signed by all, it never exists; after that it cannot be void",
        ("closed",),
    ),
}


_STO = {
    "STO-01": Control(
        "A bag's number is never used twice; the bag that is opened is the last one closed for that share",
        ("bag-opened", "bag-closed"),
    ),
    "STO-02": Control(
        "A bag that is not intact halts an ordinary transfer and opens a key-compromise event",
        ("bag-opened",),
        excepted=True,
    ),
    "STO-03": Control("Access to a safe is recorded with full name, time, reason and management's approval", ("custody",)),
    "STO-04": Control(
        "A movement has its authorization, tracking and a signature at arrival; an overdue one raises an alarm",
        ("custody", "excepted"),
        "a form of both officers lets in one record of a movement that lacks its authorization, the record before it, or its receiver",
        excepted=True,
    ),
    "STO-05": Control("A share at rest is encrypted and authenticated; a light profile is refused in production", ("sealing",)),
    "STO-06": Control(
        "Each site is a place of its own, and none is the room of the ceremonies; a safe holds its own site's shares; a person has one",
        ("file", "custody"),
        "places are compared as the charter names them, people and keys by SET-05; how far apart places are nobody here sees",
    ),
    "STO-07": Control(
        "A charter that grants or revokes is signed as its predecessor demands, never by its subject alone; it is entered and signed by"
        " somebody else than its subject; for a custodian who is replaced both officers decide within 14 days: reshare, or a new key? A key"
        " that its owner or an officer suspends by one signature signs nothing, until others lift that or the charter has another key",
        ("amended", "proposed", "granted", "revoked", "opened", "resumed"),
        "a lost witness can be replaced by nobody; vault and online host do not see that a key is suspended",
    ),
    "STO-08": Control(
        "Fewer sites than the threshold lie in one jurisdiction; which jurisdictions could freeze the funds is said",
        ("file",),
        "the exception stands in the charter, over its signatures; it has no form in a ceremony",
        excepted=True,
    ),
    "STO-09": Control(
        "A card or a token alone is not enough: a share needs a passphrase that only its custodian knows, a safe two people",
        ("sealing", "custody"),
    ),
    "STO-10": Control(
        "A share can be proven healthy by itself, without any other: opened, compared, locked again, never combined",
        ("alone", "proven", "healthy", "unhealthy"),
        "at its custodian's own site it stays locked as it was: only the register gives sealing numbers",
    ),
    "STO-11": Control(
        "The tool, the recovery script and the printed listing make the same bytes of what a custodian types as their passphrase",
        ("sealing", "unlocked"),
        "there is nothing to refuse: one rule with its vectors stands in docs/formats.md, and a test holds all three to it",
    ),
}

_AUT = {
    "AUT-01": Control(
        "An authorization names register, charter, policy, account, payee, address, amount, fee cap, purpose and validity;"
        " an order about shares names register, charter, set, whose shares, reason and validity",
        ("authorized", "ordered"),
    ),
    "AUT-02": Control("CFO and CTO sign the same bytes with two different keys", ("authorized", "ordered", "signature")),
    "AUT-03": Control(
        "A signature of another kind of document, another person or another key is refused; no wildcard signer", ("signature",)
    ),
    "AUT-04": Control(
        "An authorization, or share order, that is expired, not yet valid, revoked or altered is refused",
        ("authorized", "ordered", "signature"),
    ),
    "AUT-05": Control("An authorization, and an order about shares, is used once", ("authorized", "ordered")),
    "AUT-06": Control(
        "The destination is the listed one of its payee, and older than the cool-off in force since the later of the signed end of the"
        " ceremony that took it in and its policy's date; what comes in is not dated after that ceremony",
        ("authorized", "signature"),
    ),
    "AUT-07": Control(
        "Amount, sum of the window, fee and validity are within the signed policy; what a later policy loosens counts when the cool-off in"
        " force is over, what it tightens at once; nobody can override it",
        ("authorized",),
    ),
    "AUT-08": Control(
        "Somebody who did not ask for the transfer has confirmed address and amount with the payee over another channel",
        ("authorized", "signature"),
    ),
    "AUT-09": Control("A request that does not carry every signature that it must is never shown to an approver as if it did"),
    "AUT-10": Control(
        "What is granted is reserved in the same step, under the register's lock, and on disk before it is answered; nothing follows a "
        "write that failed",
        ("authorized",),
    ),
}

_ASM = {
    "ASM-01": Control(
        "Enough custodians of enough sites are there, each signing for themselves with their own key", ("present", "signature")
    ),
    "ASM-02": Control("Factors of two types or more are recorded for each person in the room", ("present",)),
    "ASM-03": Control(
        "Administrator and witness are there the whole time; who leaves pauses the session, and both sign before it goes on",
        ("paused", "continued", "signature"),
        excepted=True,
    ),
    "ASM-04": Control(
        "Times never go backwards; two people's watches agree with the machine within two minutes; no amendment is dated before a receipt"
        " that people signed",
        (EVERY, "watch", "clock"),
    ),
    "ASM-05": Control("At roll-call two people read number and head of the last ceremony from their own closing slips", ("slip-read",)),
    "ASM-06": Control(
        "A signature by a security key says that it was touched, and that it verified by whom where the charter asks; without it, it is "
        "refused at enrolment, at signing and by both verifiers, and no second program overrules that",
        ("file", "signature"),
        "what a security key states is its maker's word: no attestation is asked for",
    ),
}

_AIR = {
    "AIR-01": Control(
        "Recorders, windows, access, power, emissions and sound of the room are looked at, and the list is signed",
        ("room-item", "signature"),
        "the witness answers; administrator and witness sign it with the end of the phase; practice records what does not hold",
        excepted=True,
    ),
    "AIR-02": Control(
        "Any interface but loopback, any radio and any address is refused",
        ("machine",),
        "looked at before each run of the vault; a radio without a switch counts as one that is on",
    ),
    "AIR-03": Control(
        "USB, input and storage devices are those of the charter's list, and there only while a step asks for them",
        ("machine", "stray-device", "refusal"),
        "looked at before each run of the vault, when a prompt returns and after each entry; built-in keyboards are not in the list",
    ),
    "AIR-04": Control(
        "The boot medium is read-only, the register's medium the only writable one; no swap, no hibernation, no core dumps",
        ("machine",),
        "the hash that was taken elsewhere is SET-02's",
    ),
    "AIR-05": Control(
        "The HSM is the one that the charter names, firmware and certificate stated, and no software in production",
        ("hsm",),
        "the certificate is the charter's word, for no HSM tells it; one of FIPS 140-2, or none, is a standing finding",
    ),
    "AIR-06": Control("The HSM is enumerated before use; a key of any class that lies in it is refused, in practice too", ("hsm",)),
    "AIR-07": Control("The whole import path is proven with a throw-away key before any share is opened", ("import-path",)),
}

_REC = {
    "REC-01": Control("Fewer shares than a quorum release nothing; one minimal quorum is combined, spares are compared", ("recovered",)),
    "REC-02": Control("A share that contradicts the key record or comes twice is refused before it is used", ("unlocked", "refusal")),
    "REC-03": Control(
        "A damaged share is found and named, and never corrected silently",
        ("unlocked", "refusal"),
        "a sealed share that is not the recorded bytes is refused; of a typed card the line is named, and the groups to look at",
    ),
    "REC-04": Control("A bare share is compared with its commitment as it is entered, and the wrong one is named", ("unlocked", "refusal")),
    "REC-05": Control("A forged share is refused by its commitment though its carrier opens", ("unlocked", "refusal")),
    "REC-06": Control(
        "The whole extended public key of every account equals the recorded one before a child key is derived", ("recovered",)
    ),
    "REC-07": Control("A key enters the HSM only wrapped, by C_UnwrapKey", ("imported",)),
    "REC-08": Control("Import key and AES key only unwrap, cannot be extracted, live for one import and are read back", ("imported",)),
    "REC-09": Control(
        "One child key for each address that is spent, each with exactly the attributes to sign; never the account key", ("imported",)
    ),
    "REC-10": Control(
        "Passphrases and shares live in one process, PIN and session in another, the PIN of a custodian's token in a third; what protects "
        "each is recorded",
        ("vault", "custodian-token", "vault-ended"),
    ),
    "REC-11": Control("A site opens its share at home for one ceremony", instead="courier mode is not in this release"),
    "REC-12": Control(
        "A card's sealing number is the register's newest: higher means that the register was rolled back, lower an old card",
        ("unlocked", "sealing"),
    ),
    "REC-13": Control("A share of another set, or of the other kind, is refused before a passphrase is asked", ("unlocked", "refusal")),
}

_TXN = {
    "TXN-01": Control(
        "Two readers that share no code agree with each other and with the authorization, before approval and before egress",
        ("agreed", "checked"),
    ),
    "TXN-02": Control("What people review is made from the bytes of the signing request and from nothing else", ("reviewed",)),
    "TXN-03": Control("An output script that is not fully understood is refused, with no override", ("agreed",)),
    "TXN-04": Control("Only P2WPKH spends of the account on its own network are signed", ("agreed",), "Ethereum is not in this release"),
    "TXN-05": Control(
        "Addresses are shown whole, in groups of four, their check verified",
        instead="every screen does it (base/amounts.grouped), and addresses are parsed strictly; no refusal of its own",
    ),
    "TXN-06": Control("Two custodians type parts of the address from the slip that they brought, unseen", ("typed-back",)),
    "TXN-07": Control(
        "An address that begins and ends like a listed one, a past one or an own one, and is another, is refused", ("file", "reviewed")
    ),
    "TXN-08": Control(
        "The signing request is read one way only; a repeated key, a bad length, trailing bytes, too large a size are refused", ("agreed",)
    ),
    "TXN-09": Control("Amounts come only from whole previous transactions whose txid is computed here", ("agreed",)),
    "TXN-10": Control("Every input spends a script of the account's own, with SIGHASH_ALL", ("agreed",)),
    "TXN-11": Control("Change is what is re-derived from the account within the path limits; a claim that fails is refused", ("agreed",)),
    "TXN-12": Control("The fee is recomputed and within its caps; version, locktime, sequences and dust are as the rules say", ("agreed",)),
    "TXN-13": Control("Amounts are whole base units from end to end, never floating point", ("agreed",)),
}

_SIG = {
    "SIG-01": Control("The HSM signs exactly 32 bytes, a digest that the HSM process computed itself", ("hsm-signed",)),
    "SIG-02": Control(
        "Everyone who must has approved this very request before the first share is opened; officers and witness before the vault is "
        "first armed",
        ("signature", "armed"),
    ),
    "SIG-03": Control(
        "Every signature of the HSM is verified by another library under the recorded key before it leaves", ("hsm-signed", "checked")
    ),
    "SIG-04": Control("Signatures have low S and strict DER", ("checked",)),
    "SIG-05": Control("No r appears twice, ever", ("hsm-signed",)),
    "SIG-06": Control("One authorization has one signing request; other bytes are refused", ("file", "checked")),
    "SIG-07": Control(
        "How nonces are made is recorded, and where the firmware comes from",
        ("hsm-signed", "hsm"),
        "recorded: `HSM DRBG, not verifiable`, and the firmware's number; there is nothing to refuse",
    ),
    "SIG-08": Control(
        "The vault is armed once, verifies all of its orders itself, and signs nothing else for the rest of its life", ("armed",)
    ),
}

_EXP = {
    "EXP-01": Control("What leaves is a closed list, scanned for secrets and read back", ("exported",)),
    "EXP-02": Control("QR frames of another message, size or kind are refused; what is shown is read back by two readers", ("exported",)),
    "EXP-03": Control("The receiver takes regular files of the list alone, from a medium mounted ro, noexec, nosuid, nodev"),
    "EXP-04": Control(
        "Digest words are read aloud and compared on both sides",
        instead="both screens show the bundle's words; `ceremony words` compares what is heard, a ceremony does not ask for it",
    ),
}

_BRD = {
    "BRD-01": Control("The online host decodes and verifies everything anew and refuses what was not authorized and approved"),
    "BRD-02": Control("A broadcast without a clear answer is unresolved; only the same bytes are ever sent again"),
    "BRD-03": Control(
        "The receipt is of the very transaction, with exactly its outputs, in one block that two independent nodes show", ("sighting",)
    ),
    "BRD-04": Control("Two custodians sign the receipt, one of them not the broadcaster", ("signature",)),
    "BRD-05": Control("A transfer is closed by its receipt, or by an exception", ("sighting", "excepted", "closed"), excepted=True),
    "BRD-06": Control(
        "From the word SIGN on a ceremony cannot be void; until the chain settles it, amount and coins stay reserved, and another payment "
        "to its payees must conflict with it. One that was voided after both readers agreed stays such a claim",
        ("signing", "agreed", "settled", "resumed"),
    ),
}

_SEC = {
    "SEC-01": Control(
        "Shares are locked again in the run that opened them, under the next number, and proven before the old ones go; a new passphrase"
        " is typed once more before it counts",
        ("sealing", "chosen", "proven", "removed", "not-removed"),
    ),
    "SEC-02": Control(
        "A new bag, two signatures, a hand-over and a return slip for each site",
        ("bag-closed", "signature", "custody"),
        "the slips are custody records, of each safe; a bag that is not back in one after 7 days is told as overdue, and stops nothing;"
        " of a share that was checked with nobody else there the second signature is the safe's",
    ),
    "SEC-03": Control("Every session object in the HSM is destroyed and its absence enumerated", ("absent",)),
    "SEC-04": Control(
        "The sanitisation of a medium is recorded: who, which, how",
        ("removed", "destroyed"),
        "old sealed shares are overwritten and removed, erased from a token, or torn before two people; media are not sanitised whole",
    ),
    "SEC-05": Control(
        "A retired set is refused by name; its shares are destroyed before two people, and those that may still exist are counted",
        ("refusal", "destroyed"),
    ),
}

_AUD = {
    "AUD-01": Control(
        "Any edited, dropped, moved, added, repeated or torn line, and any changed file, is refused by stock tools too", (EVERY,)
    ),
    "AUD-02": Control(
        "Checkpoints are signed by administrator and witness at each phase's end, by everyone at opening and adjournment; a ceremony has "
        "ended when those whom its script names have signed that",
        ("signature",),
    ),
    "AUD-03": Control("A ceremony continues the head of the one before it; a fork is refused", ("opened",)),
    "AUD-04": Control(
        "A verifier of stock tools alone, quick enough for 100,000 entries",
        instead="scripts/verify-transcript.sh, facts.jq and comparisons.jq; scripts and no function",
    ),
    "AUD-05": Control("Every file of the register is listed with its SHA-256, and nothing else lies there", ("file",)),
    "AUD-06": Control(
        "The audit bundle is complete: script, image hash, logs, HSM dump, signatures, exceptions, evidence map",
        instead="the register and the report; no image hash, no HSM dump, no evidence map",
    ),
    "AUD-07": Control("Retention is stated, and a second write-once copy is receipted", instead="keep copies by your own rules"),
    "AUD-08": Control(
        "Ceremonies are numbered without a gap, one is open at most, and a void one stays visible; nothing stands behind a signed end",
        ("opened", "closed"),
    ),
    "AUD-09": Control("Genesis and head come from outside the folder; without both, no verifier says VERIFIED"),
    "AUD-10": Control(
        "A register older than a closing slip, somebody's note, an authorization or a card is refused as rolled back",
        ("authorized", "slip-read", "resumed"),
    ),
    "AUD-11": Control(
        "Each run of the tool has a key, is signed at once by those whom its script names, and signs its newest line; lines that no signed "
        "run covers are no entries. Each entry of a person lies under a later signature of theirs, or it is told that they left",
        ("opened", "resumed", "signature", "left"),
    ),
    "AUD-12": Control(
        "Every entry stands in a step whose script allows it, by whom it allows, and what a step must have is there", ("step",)
    ),
    "AUD-13": Control(
        "What comes from a file, a name, a node or a library reaches a terminal, a page or paper as printable ASCII, quoted, cut at 200 "
        "characters",
        instead="base/show.py, which refuses nothing; tests/record/test_shown.py sends hostile texts through every field that is shown",
    ),
    "AUD-14": Control(
        "Every field of every entry is bound, computed, told or free; a bound one that is changed and signed anew is refused by both "
        "verifiers",
        instead="record/fields.py, the rules and the comparisons of both verifiers; no function of its own",
    ),
}

_DRL = {
    "DRL-01": Control(
        "A drill is due from day 75 and overdue at day 92; an overdue one blocks an ordinary transfer, but for one exception of 30 days",
        ("drilled", "closed"),
        excepted=True,
    ),
    "DRL-02": Control(
        "A drill counts only with a practice transfer by this charter's own people; within four, everyone practises and proves their share",
        ("rehearsed", "proven"),
        "the fourth drill is refused while somebody was in none; whose share must be proven, and who must be missing, is told: a share that"
        " does not open is the officers' question (STO-10), and no drill is put off for it",
    ),
    "DRL-03": Control(
        "Each drill injects an attack that must be caught",
        ("rehearsed", "drilled"),
        "caught is what the practice register recorded as refused; the quarterly review of the access list is not asked for",
    ),
    "DRL-04": Control(
        "Practice runs the same code as production; one table says what the mark changes",
        ("opened",),
        "base/mark.py is the table, tests/test_walls.py holds that nothing else asks for the mark",
    ),
}

CATALOGUE: dict[str, Control] = {
    **_SET, **_GEN, **_STO, **_AUT, **_ASM, **_AIR, **_REC, **_TXN, **_SIG, **_EXP, **_BRD, **_SEC, **_AUD, **_DRL,
}  # fmt: skip
"""Identifier -> control, in the order of the sections."""
