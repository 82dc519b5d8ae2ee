#!/bin/sh
# Verify a register with stock tools alone: sh, coreutils, grep, find, xargs, jq (1.6 or newer), ssh-keygen.
#
#   sh verify-transcript.sh REGISTER [GENESIS HEAD]
#
# GENESIS and HEAD come from a closing slip, not from the folder: who can forge the folder can forge it whole.
# Exit code 0: VERIFIED. 1: refused; the first word is the control that is broken. 2: used wrongly.
# 3: neither; the words say why, one on a line:
#   ANCHORED UP TO CEREMONY N  HEAD is of an older slip: of what follows ceremony N it says nothing
#   NOT ANCHORED               without GENESIS and HEAD
#   NOT HELD TO A SCRIPT       a ceremony follows a script that is not in the list below
#   INCOMPLETE                 the newest ceremony has not ended
#   written by form N          by another release: nothing else is said of it
#
# Three files belong together: this one does what needs other tools (folders, chain, files, runs, signatures);
# facts.jq and comparisons.jq hold what entries say. `ceremony audit verify` also reads Bitcoin transactions.
set -eu
export LC_ALL=C CDPATH= && umask 077
exec 3>&2 2>/dev/null # what a tool says may hold what a file says (AUD-13): only the ways to end speak
said= tmp= genesis= head= # said is set by these ways: a tool that fails must not look like one
trap 'rm -rf "$tmp"; [ -n "$said" ] || { printf "AUD-01 not verified: a tool failed\n" >&3; exit 1; }' EXIT
trap 'said=130; exit 130' HUP INT TERM

shown() { # what comes from the folder: printable ASCII, quoted, cut, no two spaces in a row (AUD-13)
    printf "'%s'" "$(printf %s "$1" | tr -c '!-&(-[]-~' ' ' | tr -s ' ' | cut -c 1-200)"
}
finish() { said=$1 && exit "$1"; }
verdict() { printf '%s\n' "$1" && finish "$2"; } # words, exit code
usage() { printf '%s\nusage: sh verify-transcript.sh REGISTER [GENESIS HEAD]\n' "$1" >&3 && finish 2; }
refuse() { # control, what is wrong
    printf '%s %s\n' "$1" "$(printf %s "$2" | tr -c ' -~' '?' | cut -c 1-600)" >&3 && finish 1
}
digest() { # 64 hexadecimal digits, whole or in groups, in either case
    given=$(printf %s "$1" | tr -d ' \n\t' | tr A-F a-f)
    case $given in *[!0-9a-f]*) given= ;; esac
    [ ${#given} -eq 64 ] || usage "GENESIS and HEAD are 64 hexadecimal digits, whole or in quoted groups."
}

case $# in 1 | 3) ;; *) usage "Expected one or three arguments, found $#." ;; esac
[ $# -eq 1 ] || { digest "$2" && genesis=$given && digest "$3" && head=$given; }
for tool in jq ssh-keygen basenc grep; do command -v $tool >/dev/null || usage "This needs $tool."; done
beside=$(cd -- "$(dirname -- "$0")" && pwd)
for part in facts.jq comparisons.jq; do [ -f "$beside/$part" ] || usage "This needs $part beside it."; done
tmp=$(mktemp -d -p "${TMPDIR:-/dev/shm}" || mktemp -d) # in memory if that can be: it needs many small files
case $tmp in /*) ;; *) tmp=$(pwd)/$tmp ;; esac
mkdir "$tmp/counted" "$tmp/chunks"
cd -- "$1" || usage "There is no folder $(shown "$1")."
tab=$(printf '\t') newline=$(printf '\001') # the second stands for the newlines of a text
# Every script that was ever released: kind, SHA-256, number of the release. No register adds to it.
cat >"$tmp/released" <<'ROWS'
# RELEASED-BEGIN
keygen ea7464d6f30a70358250aaf19d6b29cbd0ad6c89a54af6d015c207b1ca3fdb75 1
transfer 2f30e7e8bf4afb1bbcdfed4f42557afdbc961fa450a5c59af72e167de474a7a4 1
receipt a39d8676d0f60133f502a393f6da1b0d9985a5c84368d2c5b5778b3100003554 1
amend 73f32999478560d9133c2dc555cdd42b70f1a5c6658000feff658d8a830b3899 1
drill 01fe1cb2c30d50393cd1101b17532b40f7e830bc7c8f158ddbd35c8304189ccc 1
check b540979a549587524f585f07484b203421d4c2b26226e2f003045c4aa64b0895 1
custody 56976fdfccdbf6a0ca1690b69b29a73ddc93db68d81c8aeee3ad7d2a28e422a4 1
reseal cc26e40353ba4ad24ac708134b14e69b39fc0c3bd998b24002ec7686701c3d99 1
reshare 16e9175bb8a5371bbe635eca4ee70d010d7f63a29f7ebcb7bc526e143d861ce8 1
# RELEASED-END
ROWS
# --- 1 One folder for each ceremony, numbered without a gap; in them regular files only ---------------------
[ -z "$(find . -mindepth 1 -maxdepth 1 ! -type d)" ] || refuse AUD-05 "a file lies between the folders"
[ -z "$(find . -mindepth 2 ! -type f)" ] || refuse AUD-05 "a link, a folder or a device lies in a folder"
kinds='keygen|transfer|receipt|drill|check|amend|custody|reseal|reshare'
count=$(printf '%s\n' * | grep -cxE "[0-9]{4}-($kinds)") || refuse AUD-05 "there is no ceremony"
[ "$(printf '%s\n' * | cut -c 1-4)" = "$(seq -f %04g "$count")" ] || refuse AUD-08 "a gap in the numbers"
[ "$(find . -mindepth 1 -maxdepth 1 | wc -l)" -eq "$count" ] || refuse AUD-05 "there is a hidden folder"
folder=$(printf '%s\n' * | tail -n 1)
part=$tmp/alone # each of the loops that run at once has files of its own, whose names begin with this
# The key of a run as ssh-keygen reads it: behind the length and the name of its kind, and its own length.
kind=0000000b7373682d6564323535313900000020
in_base64() { tr a-f A-F | basenc -d --base16 | base64 -w 68; } # 51 bytes are 68 characters
run_signed() { # folder, run, entry, key: whether the run's signature is over this entry
    printf 'run namespaces="run@cold-ceremony" ssh-ed25519 %s\n' "$4" >"$part.signers"
    head -n "$3" "$1/transcript.jsonl" | tail -n 1 |
        ssh-keygen -Y verify -f "$part.signers" -I run -n run@cold-ceremony -s "$1/run-$2.sig" >/dev/null
}
# The newest folder is no ceremony before all have signed its first run, right behind its first entry; nor
# while nothing stands behind the last of these signatures, and its key has signed a line before it only.
[ ! -f "$folder/transcript.jsonl" ] || head -n 40 "$folder/transcript.jsonl" >"$tmp/begins"
begun=$(jq -nRr '[inputs | fromjson? // null] | (.[0].body.signers | unique) as $due
    | .[1:1 + ($due | length)] | select((map(select(.type == "signature" and .body.purpose == "run") | .actor)
        | unique == $due and $due != []) or any(.[]; .type == "opened")) | length + 1' "$tmp/begins") || :
if [ -n "$begun" ] && [ "$(wc -l <"$folder/transcript.jsonl")" -eq "$begun" ]; then
    key=$(jq -nRr --arg kind "$kind" 'input | fromjson | $kind + .body.run_key' "$tmp/begins" | in_base64)
    run_signed "$folder" 1 "$begun" "$key" || for line in $(seq $((begun - 1)) -1 1); do
        ! run_signed "$folder" 1 "$line" "$key" || begun=
    done
fi
add() { printf '%s\n' "$1" >>"$tmp/words"; }
[ -n "$head" ] || add "NOT ANCHORED"
ln -s "$(pwd)"/* "$tmp/counted" && cd "$tmp/counted"
[ -n "$begun" ] || { rm "$folder" && count=$((count - 1)); }
[ "$count" -gt 0 ] || [ "$head" = "$genesis" ] || refuse AUD-10 "no ceremony has begun"
[ "$count" -gt 0 ] || { add INCOMPLETE && verdict "$(cat "$tmp/words")" 3; }
for folder in *; do [ -f "$folder/transcript.jsonl" ] || refuse AUD-05 "$folder has no transcript.jsonl"; done
# --- 2 The form comes first: of what another release wrote nothing is said, also not whether it is whole ----
find -L . -mindepth 2 -type f \( -name transcript.jsonl -o -name '*.json' \) -print0 | sort -z |
    xargs -0 jq -r '(.body?.version? // .version? // empty) | strings
        | select(. != "2" and test("\\A[0-9]{1,4}\\z"))
        | "written by form \(.): \(input_filename | ltrimstr("./"))"' >"$tmp/forms" || :
[ ! -s "$tmp/forms" ] || verdict "$(head -n 1 "$tmp/forms")" 3
# --- 3 The genesis is the digest of the first charter -------------------------------------------------------
[ -f 0001-keygen/charter.json ] || refuse AUD-05 "0001-keygen/charter.json is missing"
found=$(sha256sum <0001-keygen/charter.json | cut -c 1-64)
[ -z "$genesis" ] || [ "$found" = "$genesis" ] || refuse AUD-09 "this is another register, of genesis $found"
# --- 4 Every line is JSON in its one spelling: sorted keys, ASCII, each key once, a newline at the end ------
cat -- */transcript.jsonl >"$tmp/all"
jq -cSa . "$tmp/all" | cmp -s - "$tmp/all" || refuse AUD-01 "a line of a transcript has another spelling"
# --- 5 The chain: each line names the SHA-256 of the line before it, newline included, from the genesis on --
split -l 10000 -a 5 "$tmp/all" "$tmp/chunks/"
for chunk in "$tmp"/chunks/*; do # a file for each line, so that one run of sha256sum hashes many
    mkdir "$tmp/lines" && split -l 1 -a 4 "$chunk" "$tmp/lines/"
    (cd "$tmp/lines" && ls | xargs sha256sum) | cut -c 1-64 >>"$tmp/digests"
    rm -r "$tmp/lines"
done
{ printf '%s\n' "$found" && head -n -1 "$tmp/digests"; } >"$tmp/wanted"
grep -oE '"prev":"[^"]*","seq":"[^"]*","time":"[^"]*","type":"[^"]*"}$' "$tmp/all" |
    cut -d '"' -f 4 | cmp -s - "$tmp/wanted" || # (in its one spelling a line ends with these four)
    refuse AUD-01 "the chain is broken"
last=$(tail -n 1 "$tmp/digests")
[ -z "$head" ] || grep -qx "$head" "$tmp/digests" ||
    refuse AUD-10 "the register does not have the head that was given: it is an older copy, or changed: $last"
# --- 6 What entries say: both programs read them in order, and print one line for each thing to do here -----
# O folder | F digest path size | S folder purpose namespace person file text time charter blob | Z ceremony
# head (it has ended) | U folder run key entry kept-or-lost | H ceremony (its script is unknown) | A digest
# coins (approved) | K fingerprint key (revoked, granted) | N field (not read here) | E, L control text
find -L . -mindepth 2 -name '*.json' -print0 | xargs -0 jq -n '[inputs
    | {key: (input_filename | ltrimstr("./")), value: .}] | from_entries' >"$tmp/documents" ||
    refuse AUD-01 "a document is not JSON"
find -L . -mindepth 2 \( -name 'aside-*' -o -name 'torn-*' \) -print0 | xargs -0 jq -nR 'reduce inputs as
    $line ({}; [$line | fromjson? | objects | select(.type == "agreed") | .body.coins[]? | strings] as $coins
    | .[input_filename | ltrimstr("./")] += $coins)' >"$tmp/aside"
jq -nr --arg genesis "$found" --slurpfile documents "$tmp/documents" --slurpfile aside "$tmp/aside" \
    --rawfile digests "$tmp/digests" --rawfile released "$tmp/released" \
    "$(cat "$beside/facts.jq" "$beside/comparisons.jq")" "$tmp/all" >"$tmp/said" ||
    refuse AUD-01 "an entry is not in its form"
for name in O F S Z U H L A K N; do : >"$tmp/$name"; done
while IFS=$tab read -r name rest; do
    [ "$name" != E ] || refuse "${rest%% *}" "${rest#* }"
    printf '%s\n' "$rest" >>"$tmp/$name"
done <"$tmp/said"
if [ -n "$head" ] && [ "$head" != "$last" ]; then
    up_to=$(while IFS=$tab read -r n ends; do [ "$ends" != "$head" ] || printf '%s' "$n"; done <"$tmp/Z")
    [ -n "$up_to" ] || refuse AUD-09 "entries follow the head that was given, and no ceremony ended with it"
    add "ANCHORED UP TO CEREMONY $up_to"
fi
head -q -n 1 -- */transcript.jsonl | jq -r '"\(("000" + .body.ceremony)[-4:])-\(.body.kind)"' |
    cmp -s - "$tmp/O" && printf '%s\n' * | cmp -s - "$tmp/O" ||
    refuse AUD-08 "a ceremony does not begin with its opening, in its own folder"
# --- 7 The list of files is closed: each listed file is there with its digest, and nothing else -------------
sort "$tmp/F" | while IFS=$tab read -r sum path _; do printf '%s  %s\n' "$sum" "$path"; done >"$tmp/listed"
while IFS=$tab read -r _ path size; do printf '%s %s\n' "$size" "$path"; done <"$tmp/F" | sort >"$tmp/sizes"
find -L . -mindepth 2 ! -name transcript.jsonl ! -name 'run-[1-9]*.sig' -print0 |
    xargs -0 -r sha256sum | sort >"$tmp/there"
cut -c 67- "$tmp/listed" | sort >"$tmp/listed.names"
cut -c 67- "$tmp/there" | sort >"$tmp/there.names"
cmp -s "$tmp/listed.names" "$tmp/there.names" ||
    refuse AUD-05 "missing or extra: $(shown "$(comm -3 "$tmp/listed.names" "$tmp/there.names" | head -n 3)")"
cmp -s "$tmp/listed" "$tmp/there" ||
    refuse AUD-01 "changed: $(shown "$(comm -13 "$tmp/listed" "$tmp/there" | cut -c 67- | head -n 3)")"
tr '\n' '\0' <"$tmp/there.names" | xargs -0 -r stat -L -c '%s %n' | sort | cmp -s - "$tmp/sizes" ||
    refuse AUD-01 "a file has another size than its entry says"
# --- 8 Documents: every .json file is one line in its one spelling, with the version of its form ------------
cat -- */*.json >"$tmp/lines"
jq -cSa 'if .version == "2" then . else error end' "$tmp/lines" | cmp -s - "$tmp/lines" ||
    refuse AUD-01 "a document is not in its one spelling, or has no version of its form"
[ "$(wc -l <"$tmp/lines")" -eq "$(printf '%s\n' */*.json | wc -l)" ] || refuse AUD-01 "a document is cut"
sort -u "$tmp/A" >"$tmp/approved" # what approvals say of the coins is the digest of those that were agreed
while IFS=$tab read -r inputs coins; do
    [ "$(printf '%s\n' $coins | sha256sum)" = "$inputs  -" ] || refuse SIG-02 "an approval of other coins"
done <"$tmp/approved"
while IFS=$tab read -r wanted key; do
    printf '%s\n' "$key" | ssh-keygen -lf - | cut -d ' ' -f 2 | grep -qxF -e "$wanted" ||
        refuse STO-07 "another key is revoked or granted than the charters say"
done <"$tmp/K"
[ ! -s "$tmp/L" ] || { read -r control text <"$tmp/L" && refuse "$control" "$text"; }
# --- 9 The signers of each charter, and what the signature of a security key must say (PROTOCOL.u2f) --------
spaces=$(printf '%s@cold-ceremony,' charter succession policy key-record authorization confirmation \
    revocation share-order custody health approval checkpoint receipt exception end loss suspension)
for charter in */charter.json; do # flags: 1, it was touched; 5, it also verified by whom, if the charter asks
    epoch=${charter%/*}
    jq -r '.people[] | "\(.person) \(if .key | startswith("sk-") | not then 0
        elif has("verification") then 5 else 1 end) \(.key)"' "$charter" | while read -r person flags key; do
        printf '%s namespaces="%s" %s\n' "$person" "${spaces%,}" "$key" >>"$tmp/signers.$epoch"
        [ "$flags" -eq 0 ] || printf '%s\n' "$flags" >"$tmp/flags.$epoch.$person"
    done
done
said_flags() { # the flags in a security key's signature, read out of its bytes; nothing where there are none
    set -- $(printf '%s' $1 | base64 -d | od -An -v -w9999 -tu1)
    shift 10 # SSHSIG and the version
    for skipped in key namespace reserved hash; do shift $((($1 << 24 | $2 << 16 | $3 << 8 | $4) + 4)); done
    shift 4 # the length of the signature: its kind, the inner one, a byte of flags and four of a counter
    for skipped in kind inner; do shift $((($1 << 24 | $2 << 16 | $3 << 8 | $4) + 4)); done
    [ $# -ne 5 ] || printf '%s\n' "$1"
}
at_once() { # rows, function, names of their fields: it looks at each row, on each processor at a part of them
    rows=$1 look=$2 && shift 2
    split -n "l/$(nproc)" "$rows" "$rows."
    for part in "$rows".??; do
        { set -f; while IFS=$tab read -r "$@"; do "$look"; echo; done; } <"$part" >"$part.ok" 3>"$part.no" &
    done
    wait && refused=$(cat "$rows".??.no | head -n 1) # the first in the order of the rows
    [ -z "$refused" ] || { printf '%s\n' "$refused" >&3 && finish 1; }
    [ "$(cat "$rows".??.ok | wc -l)" -eq "$(wc -l <"$rows")" ]
}
# --- 10 Each run's signature over its newest line, by the key in its first entry; lost ones may be missing --
find -L . -name 'run-[1-9]*.sig' | sort >"$tmp/runs.there"
vouching() { while IFS=$tab read -r folder run _; do echo "./$folder/run-$run.sig"; done | sort; }
[ -z "$(vouching <"$tmp/U" | comm -13 - "$tmp/runs.there")" ] ||
    refuse AUD-11 "there is a signature of a run that is not there"
grep -v 'lost$' "$tmp/U" | vouching | comm -12 - "$tmp/runs.there" | xargs -r cat -- |
    jq -Rse '. == "" or test("\\A(-----BEGIN SSH SIGNATURE-----\n([A-Za-z0-9+/]{70}\n)*"
        + "[A-Za-z0-9+/]{1,70}={0,2}\n-----END SSH SIGNATURE-----\n)+\\z")' >/dev/null ||
    refuse AUD-11 "the signature of a run is not in its one form"
while IFS=$tab read -r _ _ key _; do printf '%s%s' "$kind" "$key"; done <"$tmp/U" | in_base64 |
    paste "$tmp/U" - >"$tmp/keyed"
run_holds() {
    [ "$kept" = lost ] || run_signed "$folder" "$run" "$newest" "$key" ||
        refuse AUD-11 "$folder: run $run did not sign entry $newest: lines are missing, or are no entries"
}
at_once "$tmp/keyed" run_holds folder run _ newest kept key
# --- 11 Every signature, by the key in the charter in force then, in its namespace, at its entry's time -----
signature_holds() {
    message=$folder/$file
    IFS=$newline # the shell itself splits the text
    [ "$file" != - ] || { message=$part.text && printf '%s\n' $text >"$message"; }
    IFS=' '
    printf '%s\n' '-----BEGIN SSH SIGNATURE-----' $blob '-----END SSH SIGNATURE-----' >"$part.signature"
    ssh-keygen -Y verify -f "$tmp/signers.$epoch" -I "$person" -n "$namespace" -O "verify-time=$time" \
        -s "$part.signature" <"$message" >/dev/null ||
        refuse AUT-03 "$folder: the signature of $(shown "$person, $purpose") does not verify"
    if [ -f "$tmp/flags.$epoch.$person" ]; then
        read -r wanted <"$tmp/flags.$epoch.$person"
        flags=$(said_flags "$blob") || flags=
        [ -n "$flags" ] && [ $((flags & wanted)) -eq "$wanted" ] ||
            refuse ASM-06 "$folder: the key of $(shown "$person, $purpose") does not say that it was touched"
    fi
}
at_once "$tmp/S" signature_holds folder purpose namespace person file text time epoch blob
signatures=$(cut -f 2 "$tmp/S" | grep -cvxE 'loss|suspension') || :
printf '%s ceremonies, %s entries, %s signatures\ngenesis %s\nhead    %s\n' "$count" \
    "$(wc -l <"$tmp/all")" "$signatures" "$found" "$last"
[ ! -s "$tmp/N" ] || printf 'read by ceremony audit verify alone: %s\n' "$(sort -u "$tmp/N" | paste -sd ' ')"
[ ! -s "$tmp/H" ] || add "NOT HELD TO A SCRIPT"
[ -n "$begun" ] && [ "$(wc -l <"$tmp/Z")" -eq "$count" ] || add INCOMPLETE
[ ! -s "$tmp/words" ] || verdict "$(cat "$tmp/words")" 3
verdict VERIFIED 0
