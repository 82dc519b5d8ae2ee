"""The commands beside the claims: POSIX shell with sha256sum, jq, ssh-keygen and openssl, run inside the register's folder.

They take no text of the register but digests, names of a closed form and quoted values, so that copying one is safe."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from ceremony.record.entries import ALL

SETUP = r"""d=$(mktemp -d)
same() { [ "$1" = "$2" ] && echo same || { echo "DIFFERENT: $1"; return 1; }; }
entry() { sed -n "$2p" "$1/transcript.jsonl" | jq -r "$3"; }
bytes() { tr a-f A-F | basenc --base16 -d; }
law() { # folder, entry: the charter that was in force when this entry was made
  law=0001-keygen/charter.json
  for later in *-amend; do
    [ -e "$later/charter.json" ] && [ "${later%%-*}" -le "${1%%-*}" ] || continue
    at=$(jq -r 'select(.type == "amended").seq' "$later/transcript.jsonl")
    if [ "$later" = "$1" ]; then [ -z "$at" ] || [ "$2" -le "$at" ] || law=$later/charter.json
    elif [ -n "$at" ] && [ "$(jq -r 'select(.type == "closed").body.outcome' "$later/transcript.jsonl")" = amended ]
    then law=$later/charter.json
    fi
  done; }
signed() { # folder, entry: the signature in this entry is by its actor's key of the charter in force then, of the kind given
  law "$1" "$2"; jq -r '.people[] | .person + " " + .key' "$law" > "$d/signers"
  sed -n "$2p" "$1/transcript.jsonl" > "$d/entry"
  jq -r '.body.blob, .actor, .body.file // ""' "$d/entry" > "$d/said"
  sed -n 1p "$d/said" | fold -w 70 |
    sed -e '1i -----BEGIN SSH SIGNATURE-----' -e '$a -----END SSH SIGNATURE-----' > "$d/signature"
  name=$(sed -n 3p "$d/said")
  if [ -n "$name" ]; then cat "$1/$name"; else jq -j .body.text "$d/entry"; fi |
    ssh-keygen -Y verify -f "$d/signers" -I "$(sed -n 2p "$d/said")" -n "$3" -s "$d/signature" && hardware; }
hardware() { # after signed: a security key says that somebody was there, and that it verified whom where the charter asks
  wanted=$(jq -r --arg person "$(sed -n 2p "$d/said")" \
    '.people[] | select(.person == $person and (.key | startswith("sk-"))) | if .verification then 5 else 1 end' "$law")
  [ -n "$wanted" ] || return 0
  sed -n 1p "$d/said" | base64 -d > "$d/blob"
  ! grep -q webauthn- "$d/blob" && [ $(($(tail -c 5 "$d/blob" | od -An -tu1 -N 1) & wanted)) -eq "$wanted" ] ||
    { echo "NOBODY THERE for $(sed -n 2p "$d/said")"; return 1; }; }
signed_by() { # folder, purpose, people: each of them signed for this purpose, and each such signature is good
  folder=$1 purpose=$2 kind=$2@cold-ceremony; shift 2
  case $purpose in run|opening|phase|adjournment|disagreement|return) kind=checkpoint@cold-ceremony;; esac
  for person; do
    found=$(jq -r --arg purpose "$purpose" --arg person "$person" \
      'select(.type == "signature" and .actor == $person and .body.purpose == $purpose).seq' "$folder/transcript.jsonl")
    [ -n "$found" ] || { echo "NOT SIGNED by $person"; return 1; }
    for number in $found; do signed "$folder" "$number" "$kind" || return 1; done
  done; }
stated() { # folder: every signed checkpoint states the digest of the entry that it names
  jq -r 'select(.type == "signature" and .body.namespace == "checkpoint@cold-ceremony").body.text |
    split("\n") | (.[1] | split(" ")[5]) + " " + .[2]' "$1/transcript.jsonl" | sort -u |
    while read -r number digest; do
      same "$(sed -n "${number}p" "$1/transcript.jsonl" | sha256sum | cut -c 1-64)" "$digest" || return 1
    done; }
hsm_signed() { # folder, entry, input, digest: the HSM's signature of this input is by its recorded key, over this digest
  entry "$1" "$2" ".body.signatures[] | select(.input == \"$3\") | .public, .raw" > "$d/pair"
  { printf 3036301006072a8648ce3d020106052b8104000a032200; sed -n 1p "$d/pair" | tr -d '\n'; } | bytes > "$d/key"
  printf 'asn1 = SEQUENCE:s\n[s]\nr = INTEGER:0x%s\ns = INTEGER:0x%s\n' \
    "$(sed -n 2p "$d/pair" | cut -c 1-64)" "$(sed -n 2p "$d/pair" | cut -c 65-)" > "$d/form"
  openssl asn1parse -genconf "$d/form" -noout -out "$d/signature" && printf %s "$4" | bytes > "$d/digest" &&
    openssl pkeyutl -verify -pubin -keyform DER -inkey "$d/key" -in "$d/digest" -sigfile "$d/signature"; }
body() { # folder, length: the signed transaction without its witnesses, in hexadecimal digits
  { cut -c 1-8 "$1/transaction.hex"; cut -c "13-$(($2 * 2 - 4))" "$1/transaction.hex"; tail -c 9 "$1/transaction.hex"; } | tr -d '\n'; }
txid() { bytes | openssl sha256 -binary | openssl sha256 -binary | od -An -v -tx1 -w1 | tac | tr -d ' \n'; }"""
"""Pasted once into a shell; the other commands use these functions."""

_TRANSCRIPTS = "[0-9]*/transcript.jsonl"


def same(command: str, value: str) -> str:
    """The command prints exactly this value."""
    return f'same "$({command})" {shlex.quote(value)}'


def sha256_is(path: str, value: str) -> str:
    """A file has this digest."""
    return same(f"sha256sum < {path} | cut -c 1-64", value)


def head_is(folder: str, value: str) -> str:
    """The last entry of a ceremony has this digest."""
    return same(f"tail -n 1 {folder}/transcript.jsonl | sha256sum | cut -c 1-64", value)


def chain() -> str:
    """Every entry names the digest of the one before it; the first one the genesis."""
    digests = f"cat {_TRANSCRIPTS} | while IFS= read -r line; do printf '%s\\n' \"$line\" | sha256sum; done"
    said = f"cat {_TRANSCRIPTS} | jq -r .prev | sha256sum"
    return f'same "$({{ sha256sum < 0001-keygen/charter.json; {digests}; }} | cut -c 1-64 | head -n -1 | sha256sum)" "$({said})"'


def written_one_way(folder: str) -> str:
    """A transcript is in canonical form: jq gives its bytes back."""
    return f"jq -cSa . {folder}/transcript.jsonl | cmp - {folder}/transcript.jsonl && echo same"


def files_are(folder: str, count: int) -> str:
    """Every listed file has its digest, and nothing else lies in the folder."""
    listed = """jq -r 'select(.type == "file").body | .sha256 + "  " + .name' transcript.jsonl"""
    names = f"ls -A {folder} | grep -vc '^run-[1-9][0-9]*[.]sig$'"
    return f"(cd {folder} && {listed} | sha256sum -c --quiet) && {same(names, str(count))}"


def field_is(path: str, query: str, value: str) -> str:
    """A document says this."""
    return same(f"jq -r {shlex.quote(query)} {path}", value)


def amount(query: str, units: int) -> tuple[str, str]:
    """What a document or an entry says of an amount, as query and value: asset and base units."""
    return f'{query} | .asset + " " + .units', f"BTC {units}"


def entry_is(folder: str, seq: int, query: str, value: str) -> str:
    """An entry says this."""
    return same(f"entry {folder} {seq} {shlex.quote(query)}", value)


def show_entry(folder: str, seq: int, query: str = ".body") -> str:
    """What an entry says, to be compared by eye."""
    return f"entry {folder} {seq} {shlex.quote(query)}"


def signed_by(folder: str, purpose: str, people: Iterable[str]) -> str:
    """These people signed for this purpose."""
    return f"signed_by {folder} {purpose} {' '.join(people)}"


def all_of(kind: type, columns: str) -> str:
    """What all entries of one kind say, over the whole register, to be compared by eye."""
    name = next(name for name, cls in ALL.items() if cls is kind)
    query = f'select(.type == "{name}") | [{columns}] | join(" ")'
    return f"cat {_TRANSCRIPTS} | jq -r {shlex.quote(query)}"


def entries_of(*kinds: type) -> str:
    """Every entry of these kinds in the whole register, to be compared by eye; nothing is printed if there is none."""
    wanted = " or ".join(f'.type == "{name}"' for name, kind in ALL.items() if kind in kinds)
    return f"cat {_TRANSCRIPTS} | jq -c {shlex.quote(f'select({wanted})')}"


def suspensions() -> str:
    """Every form that suspends a key, or lifts that, in the order in which they count; nothing is printed if there is none."""
    return f"cat {_TRANSCRIPTS} | jq -c {shlex.quote('.body.suspensions // [] | .[].form')}"


def approvals_name(folder: str, request: str) -> str:
    """Every approval of a ceremony is of this signing request."""
    query = 'select(.type == "signature" and .body.purpose == "approval").body.text | fromjson.request'
    return same(f"jq -r {shlex.quote(query)} {folder}/transcript.jsonl | sort -u", request)
