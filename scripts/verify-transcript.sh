#!/bin/sh
# Verify a register with stock tools alone: sh, coreutils, find, xargs, jq (1.6 or newer), ssh-keygen. No project code.
#
#   sh verify-transcript.sh REGISTER [GENESIS HEAD]
#
# GENESIS and HEAD are 64 hexadecimal digits from a closing slip, not from the folder: who can forge the folder can forge it
# whole. Exit code 0: VERIFIED. 1: refused; the first word is the control that is broken. 2: used wrongly.
# 3: CONSISTENT, NOT ANCHORED (without GENESIS and HEAD), or INCOMPLETE (the newest ceremony has not ended).
#
# What it holds to: 1 folders  2 genesis  3 one spelling  4 the chain  5 the head  6 what entries say  7 the list of files
# 8 documents  9 keys  10 who had to sign  11 every signature. `ceremony audit verify` holds to more: it also reads the
# Bitcoin transaction, the policy's limits and the sealing numbers.
set -eu
LC_ALL=C
CDPATH=
export LC_ALL
umask 077

said= # set by the four ways to end; a tool that fails unexpectedly must not look like one of them
tmp=
ended() {
    code=$?
    rm -rf "$tmp"
    [ -n "$said" ] || { printf 'AUD-01 not verified: a tool failed with code %s\n' "$code" >&2 && exit 1; }
}
trap ended EXIT
trap 'said=130; exit 130' HUP INT TERM

usage() {
    printf '%s\nusage: sh verify-transcript.sh REGISTER [GENESIS HEAD]\n' "$1" >&2
    said=2
    exit 2
}

refuse() { # control, what is wrong
    printf '%s %s\n' "$1" "$2" >&2
    said=1
    exit 1
}

verdict() { # words, exit code
    printf '%s\n' "$1"
    said=$2
    exit "$2"
}

is_digest() {
    case $1 in *[!0-9a-f]*) return 1 ;; esac
    [ ${#1} -eq 64 ]
}

if [ $# -ne 1 ] && [ $# -ne 3 ]; then usage "Expected one or three arguments, found $#."; fi
genesis=${2-}
head=${3-}
if [ $# -eq 3 ]; then
    for digest in "$genesis" "$head"; do is_digest "$digest" || usage "GENESIS and HEAD are 64 hexadecimal digits in lower case."; done
fi
for tool in jq ssh-keygen sha256sum split; do
    command -v "$tool" >/dev/null || usage "This needs the program $tool."
done
tmp=$(mktemp -d -p "${TMPDIR:-/dev/shm}" 2>/dev/null || mktemp -d) # in memory if there is such a folder: the chain needs many small files
case $tmp in /*) ;; *) tmp=$(pwd)/$tmp ;; esac
cd -- "$1" 2>/dev/null || usage "There is no folder $1."

# --- 1 One folder for each ceremony, numbered without a gap; in them regular files only, no link and no folder -------------
[ -z "$(find . -mindepth 1 -maxdepth 1 ! -type d -print)" ] || refuse AUD-05 "something that is no ceremony's folder lies in the register"
[ -z "$(find . -mindepth 2 ! -type f -print)" ] || refuse AUD-05 "a link, a folder or a device lies in a ceremony's folder"
count=0
: >"$tmp/folders"
for folder in *; do
    count=$((count + 1))
    number=$(printf '%04d' "$count")
    case $folder in
    "$number-keygen" | "$number-transfer" | "$number-receipt" | "$number-drill" | "$number-check" | "$number-amend" | "$number-custody" | "$number-reseal" | "$number-reshare") printf '%s\n' "$folder" >>"$tmp/folders" ;;
    *) refuse AUD-08 "the ceremonies are not numbered without a gap: expected $number" ;;
    esac
    [ -f "$folder/transcript.jsonl" ] || refuse AUD-05 "$folder has no transcript.jsonl"
done
[ "$(find . -mindepth 1 -maxdepth 1 -print | wc -l)" -eq "$count" ] || refuse AUD-05 "a hidden folder lies in the register"

# --- 2 The genesis is the digest of the first charter ----------------------------------------------------------------------
charter=0001-keygen/charter.json
[ -f "$charter" ] || refuse AUD-05 "$charter is missing"
found=$(sha256sum <"$charter")
found=${found%% *}
[ -z "$genesis" ] || [ "$found" = "$genesis" ] || refuse AUD-09 "this is another register: its genesis is $found"

# --- 3 Every line is JSON in its one spelling: sorted keys, ASCII, each key once, a newline at the end, no carriage return --
cat -- */transcript.jsonl >"$tmp/all"
jq -cSa . "$tmp/all" >"$tmp/canonical" 2>/dev/null || refuse AUD-01 "a transcript is not JSON"
cmp -s "$tmp/all" "$tmp/canonical" || refuse AUD-01 "a line is not in its one spelling: $(cmp "$tmp/all" "$tmp/canonical" 2>&1 || :)"
rm "$tmp/canonical"

# --- 4 The chain: each line names the SHA-256 of the line before it, newline included, across all ceremonies ----------------
mkdir "$tmp/chunks"
split -l 10000 -a 5 "$tmp/all" "$tmp/chunks/"
: >"$tmp/digests"
for chunk in "$tmp"/chunks/*; do # one file for each line, ten thousand at a time, so that one run of sha256sum hashes many
    mkdir "$tmp/lines"
    split -l 1 -a 4 "$chunk" "$tmp/lines/"
    (cd "$tmp/lines" && ls | xargs sha256sum) | cut -c 1-64 >>"$tmp/digests"
    rm -r "$tmp/lines"
done
{ printf '%s\n' "$found" && head -n -1 "$tmp/digests"; } >"$tmp/wanted"
jq -r .prev "$tmp/all" >"$tmp/prevs" 2>/dev/null || refuse AUD-01 "a line is not an entry"
cmp -s "$tmp/wanted" "$tmp/prevs" || refuse AUD-01 "the chain is broken: $(cmp "$tmp/wanted" "$tmp/prevs" 2>&1 || :)"

# --- 5 The head from outside is the digest of the last line ------------------------------------------------------------------
last=$(tail -n 1 "$tmp/digests")
if [ -n "$head" ] && [ "$head" != "$last" ]; then
    case "$(cat "$tmp/digests")" in
    *"$head"*) refuse AUD-09 "entries follow the head that was given: the register's is $last" ;;
    *) refuse AUD-10 "the register does not have the head that was given: it is an older copy, or changed; its head is $last" ;;
    esac
fi

# --- 6 What entries say. The program prints one fact for each line:  O folder | C number outcome | F digest path |
#       S folder purpose namespace actor file text time blob | N number purpose actor (a signature that must be there) |
#       R r signature | X control number path (an exception) | G number authorization (SIGN typed) | K path what its entry says (a custody record) | E control text -----------------------------------------------------------------------
cat >"$tmp/facts.jq" <<'JQ'
def is($re): type == "string" and test("\\A(" + $re + ")\\z");
def has_all($needed): ($needed - .) == [];
def kinds: ["alone","rehearsed","drilled","bag-opened","bag-closed","custody","healthy","unhealthy","room-item","boot-image","self-tests","stray-device","watch","clock","slip-read","typed-back",
  "opened","file","signature","step","present","machine","vault","vault-ended","hsm","import-path","generated","custodian-token","sealing",
  "proven","chosen","removed","not-removed","destroyed","resharing","quorums","authorized","ordered","agreed","reviewed","armed","unlocked","recovered","imported","signing","set-aside",
  "hsm-signed","absent","checked","exported","sighting","settled","disagreed","excepted","refusal","revoked","granted","proposed","amended","resumed","paused","continued","closed"];
def places: ["transfer","drill","check","reseal","reshare"] as $opens | (["keygen"] + $opens) as $locks  # what stands only where a script has a step for it
  | reduce (([["bag-opened","unlocked","set-aside"], $opens], [["bag-closed","custodian-token","sealing","proven","removed","not-removed"], $locks], [["generated","quorums"], ["keygen","reshare"]],
    [["resharing","destroyed"], ["reshare"]], [["recovered"], ["transfer","reshare"]], [["alone"], ["drill","check","reseal"]], [["chosen"], ["reseal"]],
    [["sighting","settled"], ["receipt"]], [["revoked","granted","proposed","amended"], ["amend"]], [["rehearsed","drilled"], ["drill"]],
    [["authorized","agreed","reviewed","typed-back","armed","imported","signing","hsm-signed","absent","checked","exported"], ["transfer"]]) | .[1] as $in | .[0][] | {(.): $in}) as $one ({}; . + $one);
def namespaces: {"charter":"charter","succession":"succession","policy":"policy","key-record":"key-record","authorization":"authorization",
  "confirmation":"confirmation","revocation":"revocation","share-order":"share-order","custody":"custody","health":"health","receipt":"receipt","exception":"exception","approval":"approval",
  "opening":"checkpoint","phase":"checkpoint","adjournment":"checkpoint","disagreement":"checkpoint","return":"checkpoint"};
def excepted: ["SET-07","STO-02","STO-04","STO-08","AIR-01","ASM-03","DRL-01","BRD-05"];  # with a form that both officers sign; no other control
def base64: "([A-Za-z0-9+/]{4})*([A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?";  # no bits left over: one spelling
def fresh: {sums: {}, told: {}, proposed: null, seq: 0, time: "", acted: 0, done: 0, again: false, closed: false, seen: {}, listed: {}, present: [], signed: [], phase: {}, approved: [], declined: [],
  room: {}, looked: {}, watch: {}, read: {}, typed: {}, approval_head: null, prepared: null, positions: [], open: {}, waiting: {}, armed: false, paused: "", back: [],
  made: null, settling: [], replaces: [], pays: [], nodes: [], named: []};

def broken($control; $text): .out += ["E\t\($control) \(.folder // "entry"), entry \(.seq): \($text)"];
def need($ok; $control; $text): if $ok then . else broken($control; $text) end;
def governing($folder; $name): $governing["\($folder)/\($name).json"];  # charters, policies, successions, key records, health records of all ceremonies
def bag($e): $e.body as $b | "\($b.position) \($b.set_identifier)" as $share | .newest = .seq  # each number once; opened is what was closed last
  | need($e.actor == $b.position; "ASM-01"; "somebody else's bag") | . as $s
  | need(.kind != "check" or any(.present[]; .actor == $e.actor) or any(.listed | to_entries[] | select(.value == "health") | governing($s.folder; .key | rtrimstr(".json"));
      .position == $b.position and (if $e.type == "bag-closed" then .new_bag == $b.bag else .bag == $b.bag and .bag_state == $b.state end)); "SEC-02"; "a bag of who is not there, and no record says it")
  | if $e.type == "bag-closed" then need($b.set_identifier == (if .made then .made[:20] else .bagged[$b.position] end); "STO-01"; "a bag of another share than was opened or made") | need(.bags[$b.bag] == null; "STO-01"; "the number of a bag that was used before") | .bags[$b.bag] = true
      | .lies[$share] = $b.bag | .looked[$b.position] = "closed"
    else need([$b.set_identifier] - [(.key_record, (if .kind == "transfer" then .formers[] else empty end)) // "" | .[:20]] == []; "STO-01"; "a bag of a retired set")
      | need(if $b.state == "missing" then $b.bag == null else ($b.bag == .lies[$share]) == ($b.state != "replaced") end; "STO-01"; "not the bag that was closed last")
      | .looked[$b.position] = (if $b.state == "missing" then "missing" else "open" end) | .bags += {($b.bag // ""): true}
      | .bagged[$b.position] = $b.set_identifier | if $b.state == "intact" or $b.set_identifier != (.key_record // "")[:20] then . else .cut = true | .excepted["STO-02"] = false end end;
def bagged: need([.looked[] | select(. == "open")] == []; "SEC-02"; "a share lies in no bag at the end")
  | need(.kind != "transfer" or (.cut | not) or .excepted["STO-02"]; "STO-02"; "a bag was not intact, and nobody excepted that");

def custody($e): $e.body.record as $r | $e.body.file as $f | ([.signed[] | select(.[0] == "custody" and .[3] == $f) | .[1]] | unique) as $who
  | (if $r.event == "decision" then ["cfo","cto"] elif $r.event == "hand-over" then $r.people[:1] else $r.people end) as $must
  | need(.kind == "custody" and .listed[$f] == "custody" and $r.genesis == $genesis and $r.mark == $mark; "AUD-08"; "a custody record of something else")
  | need(.taken[$r.identifier] == null; "AUT-05"; "a custody record that is there already") | .taken[$r.identifier] = true | .taken_here += 1
  | need($who | has_all($must); if $r.event | IN("out","safe") then "STO-03" elif $r.event | IN("hand-over","arrived") then "STO-04" else "AUD-02" end; "a custody record that lacks a signature")
  | need(($r.event | IN("out","safe","hand-over") | not) or any($who[] | select(IN($r.people[]) | not); IN("cfo","cto")) or ($r.event == "hand-over" and .excepted["STO-04"]); if $r.event == "hand-over" then "STO-04" else "STO-03" end; "no officer approved it")
  | (if $r.event == "safe" then .safes[$r.site] = ($r.people | sort) elif $r.event | IN("out","in") then need(.safes[$r.site] == ($r.people | sort); "STO-09"; "not the two people of the safe") else . end)
  | need($r.event != "in" or ([$r.positions[] | startswith($r.site)] | all); "STO-06"; "another site's share in this safe")
  | reduce (($r.bags // {}) | to_entries[]) as $bag (.; "\($bag.key) \($r.set_identifier)" as $share | if .lies[$share] == $bag.value then . elif $r.event == "arrived" then .bags[$bag.value] = true
      else need($r.event == "in" and .bags[$bag.value] == null; "STO-01"; "not the bag that was closed last") | .bags[$bag.value] = true | .lies[$share] = $bag.value end)
  | .excepted["STO-04"] = false | .out += ["K\t\(.folder)/\($f)\t\($r | tojson)"];

def alone_only: .kind | IN("drill","check","reseal");
def after($kind; $control): need(.seen[$kind]; $control; "\($kind) must come before it");

def custodians: [governing(.in_force; "charter").people[].person | select(is("[A-I][1-9]"))];  # of the charter in force
def approving: if governing(.epoch; "charter").officers_approve == "yes" then ["cfo","cto"] else [] end;
def look($e): $e.body as $b | .signed as $signed | .looks[$b.position // ""] as $last  # a custodian's signed record of their own site, newer than the last one
  | (governing(.folder; ($b.file // "" | rtrimstr(".json"))) // {}) as $r | .newest = .seq | .looked_at += [$b.file] | .looks[$b.position // ""] = $b.at
  | need(.kind == "check" and $e.actor == $b.position and .listed[$b.file // ""] == "health" and any($signed[]; .[0] == "health" and .[1] == $e.actor and .[3] == $b.file);
      "STO-10"; "no health record that its custodian signed")
  | need($r.genesis == $genesis and $r.key_record == .key_record and $r.position == $b.position and $r.machine == $b.at and ($r.result == "matched") == ($e.type == "healthy")
      and ($e.type == "unhealthy" or ($r.sealing == $b.number and $r.sha256 == $b.sha256)) and ($last == null or $r.machine > $last) and $r.machine <= ($e.time | fromdateiso8601 + 120 | todateiso8601);
      "STO-10"; "a health record that does not count, or says something else")
  | need(.looked[$b.position // ""] and ($r.new_bag == null or .bags[$r.new_bag]); "SEC-02"; "what a health record says of a bag does not stand before it");

def shape($e; $genesis; $mark):
  need(($e | type == "object" and keys == ["actor","body","prev","seq","time","type"]) and ($e.body | type == "object")
    and ([$e | .. | scalars | type == "string"] | all); "AUD-01"; "not the six fields, strings only")
  | need(($e.type | IN(kinds[])) and ($e.seq == (.seq | tostring)); "AUD-01"; "an unknown type, or a gap in the numbers")
  | need($e.actor == "tool" or ($e.actor | IN($people[])); "AUD-01"; "its actor is not in the charter")
  | need($e.time | is("20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]Z"); "AUD-01"; "not a UTC time")
  | need($e.time >= .time; "ASM-04"; "time goes backwards")
  | need($e.type == "opened" or (.closed | not); "AUD-08"; "it follows the closing");

def checkpoint($b):  # the three lines that people sign name an earlier entry of this ceremony, by its digest
  .seq as $seq | .from as $from | .number as $number
  | ($b.text // "" | capture("\\Acold-ceremony checkpoint, (?<mark>[a-z]+)\ngenesis (?<genesis>[0-9a-f]{64}) ceremony (?<number>[0-9]{1,4}) entry (?<seq>[1-9][0-9]{0,8})\n(?<head>[0-9a-f]{64})\n\\z") // null) as $said
  | need($said != null and $said.mark == $mark and $said.genesis == $genesis and $said.number == ($number | tostring)
    and ($said.seq | tonumber) < $seq and $digests[$from + ($said.seq | tonumber) - 1] == $said.head; "AUD-02"; "a checkpoint of another transcript")
  | .said = ($said.seq // "0" | tonumber);

def approval($e):  # what each person approved: this request, this authorization, after the entry before the first approval
  .approval_head = (.approval_head // $e.prev) | . as $s
  | ($e.body.text | fromjson? // {}) as $a
  | need(($e.body.text == ($a | tojson + "\n")) and $a.type == "approval" and $a.mark == $mark and $a.genesis == $genesis and $a.role == $e.actor
    and $a.ceremony == ($s.number | tostring) and $a.request == $s.request and $a.authorization == $s.authorization
    and ($a.head == $s.approval_head or ($s.prepared != null and $a.head == $s.prepared and ($e.actor | IN("cfo","cto")))) and $a.key_record == $s.opens; "SIG-02"; "an approval of something else")
  | .approved += [$e.actor];

def signature($e):
  $e.body as $b | (namespaces[$b.purpose // ""] == "checkpoint" or $b.purpose == "approval") as $of_text
  | need($e.actor != "tool" and $b.namespace == "\(namespaces[$b.purpose // ""])@cold-ceremony"; "AUT-03"; "another namespace or signer")
  | need(if $of_text then ($b.text | is("[ -~\n]{1,4000}")) and ($b | has("file") | not)
      else (.listed[$b.file // ""] == $b.purpose) and ($b | has("text") | not) end; "AUT-03"; "not over a file of its kind, or a text")
  | need($b.blob | is("U1NIU0lH" + base64); "AUT-03"; "not the base64 of an SSH signature")
  | (if $b.purpose == "approval" then approval($e) elif $of_text then checkpoint($b) else . end)
  | .signed += [[$b.purpose, $e.actor, .said // 0, $b.file]] | (.said // 0) as $said
  | (if $b.purpose == "return" then .back += [[$b.text, $e.actor]] | need(.paused != "" and (.said // 0) >= (.paused | tonumber? // 0); "ASM-03"; "a return without a pause, or signed before it") else . end)
  | (if $b.purpose == "phase" then .phase[$b.text] += [$e.actor]
      | if .prepared == null and .seen["agreed"] and (.phase[$b.text] | has_all(["administrator","witness"])) then .prepared = ($b.text | split("\n")[2]) else . end
    else . end) | del(.said)
  | .out += [["S", .folder, $b.purpose, $b.namespace, $e.actor, $b.file // "-", ($b.text // "--" | .[:-1] | gsub("\n"; "\u0001")),
      ($e.time | gsub("[-:T]"; "")), .epoch, ($b.blob as $s | [range(0; $s | length; 70) | $s[.:. + 70]] | join(" "))] | join("\t")];

# What the chain holds back (BRD-06): .held has a row for each transfer, {number, txid, pays, coins, signed, received, gone}
def outstanding: .signed and .received == 0 and (.gone | not);
def granted($b): .replaces = ($b.replaces // []) | .pays = [$b.payments[]? | .payee, .destination] | .pays as $pays | .replaces as $replaces
  | ([.held[] | select(.txid | IN($replaces[]))]) as $named | ([$named[] | .coins[]]) as $coins
  | need([$named[] | outstanding] | length == ($replaces | length) and all; "BRD-06"; "it replaces what is not outstanding")
  | need([.held[] | select(outstanding and (.txid | IN($replaces[]) | not)) | ((.pays - $pays) == .pays) and ((.coins - $coins) == .coins)] | all;
    "BRD-06"; "a signed transfer to the same payee is outstanding, and not replaced");
def reserved($b): .replaces as $replaces | $b.coins as $coins
  | need([.held[] | select(.gone | not) | ((.coins - $coins) == .coins) == (.txid | IN($replaces[]) | not)] | all;
    "BRD-06"; "a coin that another transfer holds, or none of what it replaces")
  | .holds = {txid: $b.txid, coins: $coins, pays: .pays, number: .number, received: 0, gone: false};
def settled($b): .sighted as $s | ([.held[] | select(.txid == $s.txid)] | .[0].coins // []) as $coins
  | need($b.by == $s.txid and ($s.confirmations | tonumber? // 0) >= 6 and ([.held[] | select(.number == ($b.ceremony | tonumber? // 0)
    and .txid == $b.txid and (.gone | not) and (.coins - $coins) != .coins)] | length == 1); "BRD-06"; "it settles what it does not")
  | .settling += [$b.txid];
def received: .sighted as $s | .settling as $gone | .held |= map(
    (if .txid == $s.txid then .received = ([.received, ($s.confirmations | tonumber? // 0)] | max) else . end)
    | if .txid | IN($gone[]) then .gone = true else . end);

def step($b): (.done + 1) as $next
  | need($b.number == ($next | tostring) or (.again and ($b.number | tonumber? // 0) <= .done and $b.number != "0"); "SET-06"; "a step out of order")
  | need(.phase == {} or ([.phase[] | has_all(["administrator","witness"])] | any); "AUD-02"; "the phase is not signed by administrator and witness")
  | .again = (.again and ($b.number | tonumber? // 0) <= .done) | .done = ($b.number | tonumber? // 0) | .phase = {};

def examined: after("machine"; "AIR-02") | after("self-tests"; "SET-09");

def ordered($b): .named = $b.positions | .orders += [$b.order, $b.identifier] | .orders as $all
  | need($b.order == .sums["share-order"] and ((.kind == "reseal" and $b.kind == "reseal") or (.kind == "reshare" and $b.kind == "reshare") or (.kind == "keygen" and $b.kind == "new-key")); "AUT-01"; "not the order of this ceremony")
  | need(($all | unique | length) == ($all | length); "AUT-05"; "a share order that was used before")
  | need([.signed[] | select(.[0] == "share-order") | .[1]] | has_all(["cfo","cto"]); "AUT-02"; "CFO and CTO did not both sign the share order");

def unlocked($b): need(.kind != "reseal" or (.named | index($b.position)); "AUT-01"; "a share that no order names") | need(.looked[$b.position // ""] != null; "STO-01"; "a share whose bag was not looked at") | .looked[$b.position // ""] = "open" | if alone_only then need(.alone == []; "STO-10"; "a share that was not opened alone") | .alone = [$b.position] | .waiting[$b.position // ""] = ($b.number | tonumber? // 0)
  else need(.armed and (.positions | index($b.position)); "SIG-08"; "a share that the vault was not armed for") | after("import-path"; "AIR-07")
  | .waiting[$b.position] = ($b.number | tonumber? // 0) end;

def proven($b): ($b.number | tonumber? // 0) as $n | ($b.position // "") as $p
  | if .open[$p] != "\($b.number) \($b.sha256)" then broken("SEC-01"; "proven, but not the share that was locked")
    elif .waiting[$p] != null and $n > .waiting[$p] then del(.waiting[$p]) else . end;

def who_signed($purpose): [.signed[] | select(.[0] == $purpose) | .[1]] | unique;
def quorum($who): governing(.in_force; "charter") as $c  # custodians enough to recover the key
  | [$c.sites[] | . as $s | select([$who[] | select(startswith($s.letter))] | length >= ($s.threshold | tonumber))] | length >= ($c.site_threshold | tonumber);
def successors($lost; $who): ($who | has_all(["cfo","cto","witness"] - [$lost])) and quorum($who);
def itself($out): del(.number, .previous, .issued) | .people |= map(select(.person != $out));

def amends:  # a later charter follows, keeps what the key stands on, and is signed as its predecessor demands
  governing(.in_force; "charter") as $old | (governing(.folder; "charter") // {people: []}) as $new | who_signed("charter") as $who
  | (["cfo","cto"] - $who | if length == 1 then .[0] else "" end) as $lost
  | need(.kind == "amend" and .sums.charter != null and .epoch != .folder and $new.previous == .charter and $new.number == (($old.number | tonumber) + 1 | tostring);
      "STO-07"; "the charter does not follow the one in force")
  | need(([$old, $new] | map({mark, organisation}) | .[0] == .[1])
      and ($old | itself("")) != ($new | itself("")); "STO-07"; "the charter changes what no amendment changes, or nothing")
  | (($old | itself($lost)) == ($new | itself($lost))) as $alone | ([$old, $new] | map(.people | map({(.person): .key}) | add // {})) as [$was, $is]
  | ([$was | keys[] | select($was[.] != $is[.])]) as $revoked | ([$is | keys[] | select($was[.] != $is[.])]) as $granted
  | need(((.told.revoked // []) | sort) == $revoked and ((.told.granted // []) | sort) == $granted; "STO-07"; "other keys are revoked or granted than it is told")
  | .lost = (if $who | has_all(["cfo","cto","witness"]) then null else $lost end)
  | .lost as $lost | need($lost == null or ($lost != "" and $alone and successors($lost; $who)); "STO-07"; "the charter is not signed as its predecessor demands");

def proposed($e): $e.body as $b | (governing(.rules; "policy").cool_off_hours // "0") as $hours
  | amends | need(.lost != null and $b.lost == .lost and $b.charter == .sums.charter and .sums.policy == null
      and $b.not_before == (($e.time | fromdateiso8601) + ($hours | tonumber) * 3600 | todateiso8601); "STO-07"; "another proposal than its charter")
  | .proposed = {charter: $b.charter, time: $e.time, hours: $hours, not_before: $b.not_before};

def amended($e): $e.body as $b | amends
  | need($b.charter == .sums.charter and $b.number == governing(.folder; "charter").number; "STO-07"; "another charter than its file")
  | if .lost == null then . else (governing(.folder; "succession") // {}) as $said | .proposals[$said.proposed // ""] as $p
      | need(.sums.succession != null and $p != null and $p.charter == $b.charter and $said.charter == $b.charter and $said.genesis == $genesis and $said.mark == $mark
          and $said.proposed_at == $p.time and $said.cool_off_hours == $p.hours and $said.issued >= $p.not_before and $e.time >= $p.not_before;
          "STO-07"; "no succession of a proposal whose cool-off is over")
      | .lost as $lost | who_signed("succession") as $again | need(successors($lost; $again); "STO-07"; "the succession is not signed by all who must") end
  | .epoch = .folder;

def everyone: [.present[] | .actor] | unique;
def everyone_signs($purposes; $least):  # and the last signature of each covers what was done: entry $least
  .signed as $signed | everyone as $here | .number as $number
  | .declined as $declined  # "I do not agree, because ..." is a valid signed answer at the end
  | .out += [$purposes[] as $p | $here[] | "N\t\($number)\t\(if $p == "adjournment" and IN($declined[]) then "disagreement" else $p end)\t\(.)"]
  | need([$here[] as $who | any($signed[]; (.[0] == "adjournment" or (.[0] == "disagreement" and ($who | IN($declined[])))) and .[1] == $who and .[2] >= $least)] | all; "AUD-02"; "the adjournment is not signed by everyone");

def clock($b):  # seconds that each watch is behind the machine: at most two minutes, and the minute that it was read to
  custodians as $custodians | [.watch[]] as $behind | need((.watch | has("witness")) and ([.watch | keys[] | IN($custodians[])] | any)
    and ([$behind[] | . >= -120 and . < 180] | all) and ($behind | max - min < 180); "ASM-04"; "two watches do not agree with the machine");

def outside:  # watches, and slips of the ceremony before: two people, one a custodian, at different words; all of them were there
  custodians as $custodians | .read[.number - 1 | tostring] // {} | with_entries(select(.value | unique | length == 4)) | . as $read
  | [keys[] as $a | keys[] as $b | select($a != $b and ($a | IN($custodians[])) and ($read[$a] - $read[$b] == $read[$a]))] != [];

def room: need((.room | length) == 6 and ($mark == "practice" or .excepted["AIR-01"] or ([.room[] == "yes"] | all)); "AIR-01"; "the room was not as it must be");

def from_outside: room | after("clock"; "ASM-04") | need(.number == 1 or outside; "ASM-05"; "two people did not read their closing slips")
  | need(everyone as $here | [.watch, .read[.number - 1 | tostring] // {} | keys[]] - $here == []; "ASM-01"; "who read was not there");

def typed_back: custodians as $custodians | everyone as $here  # three groups each, none of them the same
  | .typed | with_entries(select((.key | IN($custodians[])) and (.key | IN($here[])) and (.value | unique | length >= 3))) | . as $typed
  | [keys[] as $a | keys[] as $b | select($a != $b and ($typed[$a] - $typed[$b] == $typed[$a]))] != [];

def drill($b):  # it counts only if the attack was caught, in the practice register
  from_outside | after("rehearsed"; "DRL-02") | after("drilled"; "DRL-01") | need(everyone | has_all(["administrator","witness"]); "ASM-03"; "administrator or witness was not there")
  | need($b.outcome == (if .drilled.caught == "yes" then "drill held" else "drill failed" end) and (.drilled.caught != "yes" or ([.drilled.attack] - (.rehearsed // []) == [])); "DRL-03"; "the attack was not caught");

def set_signed: custodians as $custodians | .made != null and (who_signed("key-record") | has_all($custodians + ["administrator","witness"]));

def reshared:  # the same key in new shares, as both officers ordered, under the charter in force
  governing(.key_folder; "key-record") as $old | governing(.folder; "key-record") as $new
  | need($new.accounts == $old.accounts; "REC-06"; "other accounts than those of the same key")
  | need($new.charter == .charter and $new.genesis == $genesis; "GEN-08"; "the key record is of another charter");

def closed($b):
  custodians as $custodians | .closed = true | .number as $number | .out += ["C\t\($number)\t\($b.outcome)"]
  | (if .kind == "transfer" and $b.outcome != "void" and .holds != null then .held += [.holds + {signed: (.seen["signing"] // false)}]
    elif $b.outcome == "receipt" then received else . end)
  | (if $b.outcome == "void" then . else bagged end)
  | if $b.outcome == "void" then need((.seen["signing"] or .seen["hsm-signed"]) | not; "BRD-06"; "void, but the HSM may have signed")
      | need(.kind != "reshare" or (set_signed | not); "GEN-14"; "void, but everyone had signed the key record") | if .kind == "reshare" then .voided += [.made | values | .[:20]] else . end
      | .acted as $acted | need([.signed[] | select(.[0] == "phase" and .[2] >= $acted) | .[1]] | has_all(["administrator","witness"]); "AUD-02"; "administrator and witness did not sign that it is void")
    elif (.kind == "keygen" and $b.outcome == "key record signed") or (.kind == "reshare" and $b.outcome == "set reshared") then
      (if .kind == "keygen" then .formers += [.key_record | values] else . end) |
      from_outside | after("quorums"; "GEN-07") | need(everyone | has_all($custodians + ["administrator","witness"]); "ASM-01"; "not everyone was there")
      | need(.proven_all // [] | has_all($custodians); "GEN-14"; "a share was not proven")
      | need(.looked | keys | has_all($custodians); "SEC-02"; "a share lies in no bag at the end")
      | everyone_signs(["opening","key-record","adjournment"]; .newest // 0)
      | after("generated"; "GEN-08") | if .kind == "reshare" then reshared else . end | .key_record = .made | .key_folder = .folder
      | . as $s | .out += [("charter","policy") as $p | select($s.kind == "keygen") | select($s.rules == "" or $s.sums[$p] != null) | ("cfo","cto","witness") as $who | "N\t\($number)\t\($p)\t\($who)"]
    elif .kind == "transfer" and $b.outcome == "carried out" then
      from_outside | after("exported"; "EXP-01") | need(.nobody_paid or typed_back; "TXN-06"; "the address was not typed back by two custodians") | need(everyone | has_all(["administrator","witness"]); "ASM-03"; "administrator or witness was not there")
      | need(everyone as $here | .positions - $here == []; "ASM-01"; "a custodian was not there")
      | everyone_signs(["opening","adjournment"]; .newest // 0) | .out += [("cfo","cto") as $who | "N\t\($number)\tauthorization\t\($who)"]
    elif (.kind == "drill" and ($b.outcome | IN("drill held","drill failed"))) or (.kind == "check" and $b.outcome == "shares checked") then
      (if .kind == "drill" then drill($b) else . end) | need(.waiting == {}; "SEC-01"; "it ended before every share was locked again")
      | need((.looked_at // [] | unique) == ([.listed | to_entries[] | select(.value == "health") | .key] | sort); "STO-10"; "a health record that nothing came of")
      | need(everyone as $here | (.looked_at and ($here | has_all(["administrator","witness"]))) or $custodians - $here != $custodians; "ASM-01"; "no custodian was there") | everyone_signs(["opening","adjournment"]; .newest // 0)
    elif .kind == "custody" and $b.outcome == "custody recorded" then
      need(.seen["custody"] and ([.listed[] | select(. == "custody")] | length) == (.taken_here // 0); "AUD-08"; "a custody record was not taken in whole")
    elif .kind == "reseal" and $b.outcome == "shares resealed" then
      after("ordered"; "AUT-01") | need(.waiting == {}; "SEC-01"; "it ended before every share was locked again") | need(everyone | index("witness"); "ASM-03"; "the witness was not there")
      | need(everyone as $here | $custodians - $here != $custodians; "ASM-01"; "no custodian was there") | everyone_signs(["opening","adjournment"]; .newest // 0)
    elif .kind == "receipt" and $b.outcome == "receipt" then
      after("sighting"; "BRD-03") | need($mark == "practice" or (.nodes | length >= 2); "BRD-03"; "one node alone showed it") | need([.signed[] | select(.[0] == "receipt") | .[1]] | unique | length >= 2; "BRD-04"; "fewer than two people signed the receipt")
    elif .kind == "receipt" and $b.outcome == "excepted" then need(.excepted["BRD-05"]; "BRD-05"; "closed without a receipt or an exception")
    elif .kind == "amend" and $b.outcome == "amended" then need(.proposed == null and (if .sums.charter == null then .sums.policy != null else .epoch == .folder end); "STO-07"; "nothing counts by it")
      | if .sums.policy == null then . else .out += [("cfo","cto","witness") as $who | "N\t\($number)\tpolicy\t\($who)"] end
      | if .epoch == .folder then .in_force = .folder | .charter = .sums.charter else . end
    elif .kind == "amend" and $b.outcome == "proposed" then need(.proposed != null and .epoch != .folder; "STO-07"; "nothing was proposed, or it counts already")
      | .proposals[$digests[.from + .seq - 1]] = .proposed
    else broken("AUD-08"; "an outcome that its kind cannot have") end
  | if $b.outcome != "void" and .sums.policy != null then .rules = .folder else . end;

def pause($e): $e.body as $b | $e.type as $t  # from `paused` on: who comes back, what an interruption leaves, the end as void
  | if $t == "paused" then need(.paused == ""; "ASM-03"; "a pause within a pause") | .paused = $e.seq | .back = [] | .away = false
    elif $t == "continued" then need(.paused != "" and $b.paused == .paused; "ASM-03"; "no such pause before it")
      | need(([.back[] | .[0]] | unique | length) == 1 and (([.back[] | .[1]] | unique) == ["administrator","witness"] or .away); "ASM-03"; "administrator and witness did not both sign that they are back")
      | .paused = ""
    else need(.paused == "" or ($t | IN("resumed","refusal")) or ($t == "signature" and ($b.purpose | IN("return","phase","exception"))) or $t == "excepted"
      or ($t == "file" and ($b.kind | IN("torn","leftover","exception"))) or ($t == "closed" and $b.outcome == "void"); "ASM-03"; "while the ceremony was paused") end;

def body($e): $e.body as $b | $e.type as $t
  | if $t == "closed" or ($t == "signature" and $b.purpose == "phase") then . else .acted = .seq end
  | pause($e) | if $t == "file" then need(($b.name | is("[a-z0-9][a-z0-9-]{0,60}\\.[a-z]{2,12}")) and $b.name != "transcript.jsonl" and ($b.sha256 | is("[0-9a-f]{64}"))
        and .listed[$b.name] == null; "AUD-05"; "a file listed twice or in another form")
      | .listed[$b.name] = $b.kind | .sums[$b.kind] = $b.sha256 | .out += ["F\t\($b.sha256)\t./\(.folder)/\($b.name)"]
      | (if $b.kind == "key-record" then need(.made == null; "GEN-14"; "a second key record") | .made = $b.sha256 elif $b.kind == "request" then .file_request = $b.sha256
        elif $b.kind == "authorization" then .file_authorization = $b.sha256 else . end)
    elif $t == "signature" then signature($e)
    elif .kind == "reshare" and ($t | IN("alone","authorized","agreed","armed","imported","signing","hsm-signed","absent","checked","exported")) then broken("SIG-08"; "shares were opened for something else")
    elif $t == "resharing" then .armed = true | .seen["unlocked"] = false | .seen["recovered"] = false | .positions = $b.positions | examined
      | need(.kind == "reshare" and $b.key_record == .key_record and $b.order == .sums["share-order"]; "SIG-08"; "another set, or another order")
    elif $t == "destroyed" then .newest = .seq | need(set_signed and ([$b.set_identifier] - [.key_record[:20], .voided[]] == []); "SEC-05"; "a share of a set that is not retired")
    elif $t == "revoked" or $t == "granted" then .told[$t] += [$b.person] | .number as $number | .out += ["N\t\($number)\tphase\t\($e.actor)"]
      | need($e.actor == (if $b.person == "administrator" then "witness" else "administrator" end); "STO-07"; "entered by its subject, or by nobody")
    elif $t == "proposed" then proposed($e)
    elif $t == "amended" then amended($e)
    elif $t == "present" then .present += [$e] | .kind as $kind | need([$b.factors[] | {"hardware key, touched": 1, "signing key file": 1, "recognised by the witness": 2, "the passphrase of their share, which follows": (if $kind == "check" then 3 else null end)}[.]]
        | unique | length >= 2 and all(. != null); "ASM-02"; "not factors of two types")
    elif $t == "room-item" then .room[$b.item] = $b.held | need($e.actor == "witness"; "AIR-01"; "the room is the witness's to look at")
    elif $t == "watch" then .watch[$e.actor] = ($e.time | fromdateiso8601) - ($b.typed | fromdateiso8601)
    elif $t == "refusal" and (.seen["clock"] | not) then .watch = {}
    elif $t == "clock" and (.seen["clock"] | not) then clock($b)
    elif $t == "slip-read" then .read[$b.ceremony][$e.actor] = $b.places
    elif $t == "typed-back" and .approval_head == null then .typed[$e.actor] += [$b.groups[] | "\($b.payment) \(.)"]
    elif $t == "step" then step($b)
    elif $t == "resumed" then .again = true | .alone = null
    elif $t == "authorized" then .nobody_paid = ($b.payments == [] and $b.address == null) | .opens = ($b.key_record // .key_record)
      | need($b.to == null or ($b.to == .key_record and ([$b.key_record] - .formers) == []); "AUT-01"; "a sweep from or to another key") | .authorization = $b.authorization | need($b.authorization == .file_authorization; "AUT-01"; "not the authorization's file") | granted($b)
    elif $t == "ordered" then ordered($b)
    elif $t == "sealing" and .kind == "reseal" and (.seen["chosen"] | not) then broken("SEC-01"; "sealed before its custodian chose")
    elif $t == "agreed" then .request = $b.request | after("authorized"; "TXN-01") | need($b.request == .file_request; "SIG-06"; "not the request's file") | reserved($b)
    elif ($t | IN("reviewed","armed","signing","hsm-signed")) and $b.request != .request then broken("SIG-06"; "another request")
    elif $t == "armed" then .armed = true | .seen["recovered"] = false | .seen["imported"] = false | .positions = ([.positions[], $b.positions[]] | unique) | examined
      | approving as $approving | need(.approved | has_all($b.positions + ["witness"] + $approving); "SIG-02"; "not everyone who must has approved")
    elif alone_only and ($t | IN("generated","quorums","authorized","ordered","agreed","recovered","imported","signing","hsm-signed","absent","checked","exported")) then broken("STO-10"; "a share was combined or used")
    elif $t == "alone" then .alone = [] | examined | need($b.key_record == .key_record; "STO-10"; "shares of another set")
    elif $t == "rehearsed" then .rehearsed = $b.refused | need($b.genesis != $genesis and $b.took_part != []; "DRL-02"; "no practice transfer elsewhere")
    elif $t == "drilled" then .drilled = $b | .newest = .seq
    elif $t == "unlocked" then unlocked($b)
    elif $t == "recovered" then after("unlocked"; "REC-01") | need(.armed; "SIG-08"; "the vault is not armed")
    elif $t == "imported" then after("recovered"; "REC-06")
    elif $t == "signing" then after("imported"; "REC-07") | .out += ["G\t\(.number)\t\(.authorization)"]
    elif $t == "hsm-signed" then after("signing"; "SIG-08") | .seen["absent"] = false | .newest = .seq
      | .out += [$b.signatures[]? | "R\t\(.raw[:64])\t\($b.request) \(.input) \(.raw)"]
    elif $t == "absent" then need($b.remaining == "0"; "SEC-03"; "keys are left in the HSM") | .newest = .seq
    elif $t == "checked" then after("absent"; "SEC-03")
    elif $t == "exported" then after("checked"; "SIG-03") | need(.waiting == {}; "SEC-01"; "exported before every share was locked again")
    elif $t == "sighting" then .sighted = $b | .nodes = ([.nodes[], $b.node] | unique)
    elif $t == "settled" then settled($b)
    elif $t == "sealing" then need($b.set_identifier == (if .made then .made[:20] else .bagged[$b.position // ""] end); "STO-01"; "a share of another set than was opened or made") | .open[$b.position // ""] = "\($b.number) \($b.sha256)"
    elif $t == "proven" then (if .alone then .alone = [] else . end) | proven($b) | .newest = .seq | .proven_all += [$b.position]
    elif $t == "quorums" or $t == "generated" then .newest = .seq | examined
      | if $t == "quorums" then . else (if .kind == "reshare" then ["SEC-05", .key_record, "recovered"] else ["GEN-08", null, "new"] end) as [$control, $follows, $made]
        | need(governing(.folder; "key-record").follows == $follows; $control; "the key record does not follow the one in use, or that of a new key follows one")
        | (if .kind == "reshare" then after("recovered"; "REC-06") else . end) | need($b.made == $made; "REC-06"; "another secret") end
    elif $t == "disagreed" then (if $b.to == "adjournment" then .declined += [$e.actor] else . end)
      | .number as $number | .out += ["N\t\($number)\tdisagreement\t\($e.actor)"]
    elif $t == "excepted" then .excepted[$b.control] = true | .away = (.away or $b.control == "ASM-03") | .number as $number | .signed as $signed
      | need(($b.control | IN(excepted[])) and .listed[$b.file] == "exception"; "SET-06"; "an exception that no form allows")
      | need([("cfo","cto") as $who | any($signed[]; .[0] == "exception" and .[1] == $who and .[3] == $b.file)] | all; "SET-06"; "an exception that cfo and cto did not both sign")
      | .out += ["X\t\($b.control) \($number)\t\(.folder)/\($b.file)"]
    elif $t == "bag-opened" or $t == "bag-closed" then bag($e)
    elif $t == "custody" then custody($e)
    elif $t == "healthy" or $t == "unhealthy" then look($e)
    elif $t == "vault-ended" then .armed = false | .alone = null
    elif $t == "closed" then closed($b) else . end
  | .kind as $kind | need(places[$t] == null or (places[$t] | index($kind)); "AUD-08"; "\($t) in a \($kind)");

def opened($e): . as $old | fresh + {from: .at, key_record: .key_record, key_folder, formers, voided, held: .held, bags, lies, safes, taken, looks, in_force, charter, rules, proposals, orders, epoch: .in_force, out: [], at: .at, seq: 1, time: .time,
    number: ($e.body.ceremony | tonumber? // 0), kind: $e.body.kind, folder: "\(("000" + $e.body.ceremony)[-4:])-\($e.body.kind)"}
  | need($old.at == 0 or $old.closed; "AUD-08"; "the ceremony before has not ended")
  | need($e.body.mark == $mark and $e.body.genesis == $genesis; "AUD-03"; "of another genesis, or practice for production")
  | .out += ["O\t\(.folder)"];

foreach inputs as $e (fresh + {at: 0, formers: [], voided: [], held: [], out: [], number: 0, in_force: "0001-keygen", charter: $genesis, rules: "", proposals: {}, orders: []};
  (if ($e | type == "object") and $e.type == "opened" and ($e.body | type == "object") and ($e.body.ceremony | type == "string")
    then opened($e) else .out = [] | .seq += 1 end)
  | shape($e; $genesis; $mark) | if .out[-1:] | .[0] // "" | startswith("E") then . else body($e) end
  | .seen[$e.type] = true | .time = $e.time | .at += 1; .out[])
JQ
jq -es 'all(.[]; .people | type == "array" and length > 0 and all(.[]; (.person | test("\\A([A-I][1-9]|cfo|cto|administrator|witness)\\z"))
    and (.key | test("\\A(sk-)?(ssh|ecdsa)-[a-z0-9@.-]+ [A-Za-z0-9+/]+={0,2}\\z"))))' -- */charter.json >/dev/null 2>&1 ||
    refuse AUT-03 "a charter has a person or a key of another form"
find . -mindepth 2 -maxdepth 2 \( -name charter.json -o -name policy.json -o -name succession.json -o -name key-record.json -o -name 'health-*.json' \) -print0 |
    xargs -0 jq -n '[inputs | {key: (input_filename | ltrimstr("./")), value: .}] | from_entries' >"$tmp/governing" 2>/dev/null ||
    refuse AUD-01 "a charter or a policy is not JSON"
people=$(cat -- */charter.json | jq -cs '[.[].people[].person] | unique')
jq -nr --arg genesis "$found" --arg mark "$(jq -r .mark "$charter")" --argjson people "$people" \
    --slurpfile documents "$tmp/governing" --rawfile lines "$tmp/digests" "(\$documents | add) as \$governing | (\$lines | split(\"\n\")) as \$digests | $(cat "$tmp/facts.jq")" \
    "$tmp/all" >"$tmp/facts" 2>"$tmp/trouble" || refuse AUD-01 "an entry is not in its form: $(head -n 1 "$tmp/trouble")"
for kind in O C F S N R X G K; do : >"$tmp/$kind"; done
tab=$(printf '\t')
while IFS=$tab read -r kind rest; do
    case $kind in
    E) refuse "${rest%% *}" "${rest#* }" ;;
    *) printf '%s\n' "$rest" >>"$tmp/$kind" ;;
    esac
done <"$tmp/facts"
head -q -n 1 -- */transcript.jsonl | jq -r '"\(("000" + .body.ceremony)[-4:])-\(.body.kind)"' >"$tmp/firsts"
cmp -s "$tmp/folders" "$tmp/O" && cmp -s "$tmp/folders" "$tmp/firsts" || refuse AUD-08 "a ceremony does not begin with its opening, in its own folder"
sort -u "$tmp/R" | cut -f 1 | uniq -d >"$tmp/twice"
[ ! -s "$tmp/twice" ] || refuse SIG-05 "an r appears twice: $(head -n 1 "$tmp/twice")"

# --- 7 The list of files is closed: each listed file is there with its digest, and nothing else ------------------------------
sort "$tmp/F" | while IFS=$tab read -r digest path; do printf '%s  %s\n' "$digest" "$path"; done >"$tmp/listed"
find . -mindepth 2 -type f ! -name transcript.jsonl -print0 | xargs -0 -r sha256sum | sort >"$tmp/present"
cut -c 67- "$tmp/listed" | sort >"$tmp/listed.names"
cut -c 67- "$tmp/present" | sort >"$tmp/present.names"
cmp -s "$tmp/listed.names" "$tmp/present.names" || refuse AUD-05 "missing or extra: $(comm -3 "$tmp/listed.names" "$tmp/present.names" | head -n 3)"
cmp -s "$tmp/listed" "$tmp/present" || refuse AUD-01 "changed: $(comm -13 "$tmp/listed" "$tmp/present" | cut -c 67- | head -n 3)"

# --- 8 Documents: every .json file is one line in its one spelling; each payee was confirmed by someone else than the requester
cat -- */*.json >"$tmp/documents"
jq -cSa . "$tmp/documents" 2>/dev/null | cmp -s - "$tmp/documents" || refuse AUD-01 "a document is not JSON in its one spelling"
[ "$(wc -l <"$tmp/documents")" -eq "$(printf '%s\n' */*.json | wc -l)" ] || refuse AUD-01 "a document is not one line"
jq -nr 'reduce inputs as $d ({}; (input_filename[:4]) as $n | if $d.type == "authorization" then .[$n] += $d
    elif $d.type == "confirmation" then .[$n] += ($d | {checker, heard: [.calls[] | {payee, destination, amount}]}) else . end)
  | to_entries[] | (.key | tonumber) as $n | .value | select((.kind | IN("consolidation","sweep") | not) or .payments != [] or has("checker"))
  | "\($n)\t\(.requester)\t\(.checker)\t\(.heard == .payments)"' -- */*.json >"$tmp/confirmed"
while IFS=$tab read -r number requester checker all; do
    [ "$requester" != "$checker" ] || refuse AUT-08 "ceremony $number: the requester confirmed the payees alone"
    [ "$checker" = null ] || [ "$all" = true ] || refuse AUT-08 "ceremony $number: not every payment was confirmed"
    printf '%s\tconfirmation\t%s\n' "$number" "$checker" >>"$tmp/N"
done <"$tmp/confirmed"
while IFS=$tab read -r excepted path; do
    [ "$(jq -r '"\(.control) \(.ceremony)"' "$path")" = "$excepted" ] || refuse SET-06 "$path is the form of another exception"
done <"$tmp/X"

while IFS=$tab read -r path said; do
    [ "$(cat "$path")" = "$said" ] || refuse AUD-08 "$path says something else than its entry"
done <"$tmp/K"

while IFS=$tab read -r folder purpose _ actor file _; do # an authorization that an officer revoked is never signed afterwards
    [ "$purpose" != revocation ] || jq -r --arg actor "$actor" --arg folder "${folder%%-*}" \
        'select(.officer == $actor and ($actor | IN("cfo", "cto"))) | "\($folder | tonumber)\t\(.authorization)"' "$folder/$file"
done <"$tmp/S" >"$tmp/revoked"
while IFS=$tab read -r number digest; do
    while IFS=$tab read -r signing authorization; do
        [ "$authorization" != "$digest" ] || [ "$signing" -lt "$number" ] || refuse AUT-04 "ceremony $signing signed for a revoked authorization"
    done <"$tmp/G"
done <"$tmp/revoked"

# --- 9 The signers of each charter: one line for each person, no key twice, no wildcard --------------------------------------
for charter in */charter.json; do
    jq -r '.people[].key' "$charter" | sort | uniq -d >"$tmp/twice"
    [ ! -s "$tmp/twice" ] || refuse AUT-03 "one key stands for two people"
    jq -r '.people[] | "\(.person) namespaces=\"\(["charter","succession","policy","key-record","authorization","confirmation","revocation","share-order","custody","health","approval","checkpoint","receipt","exception"]
        | map(. + "@cold-ceremony") | join(","))\" \(.key)"' "$charter" >"$tmp/signers.${charter%/*}"
done

# --- 10 Who had to sign, in each ceremony that ended and is not void -----------------------------------------------------------
while IFS=$tab read -r folder purpose namespace actor _; do
    number=${folder%%-*}
    printf '%s\t%s\t%s\n' "$((1$number - 10000))" "$purpose" "$actor"
done <"$tmp/S" | sort -u >"$tmp/signed"
while IFS=$tab read -r number outcome; do [ "$outcome" = void ] || printf '%s\n' "$number"; done <"$tmp/C" | sort >"$tmp/ended"
sort -u "$tmp/N" | join -t "$tab" "$tmp/ended" - | comm -23 - "$tmp/signed" >"$tmp/unsigned"
[ ! -s "$tmp/unsigned" ] || refuse AUD-02 "a signature is missing (ceremony, purpose, person): $(head -n 1 "$tmp/unsigned")"

# --- 11 Every signature, with the signer's key of the charter in force then, in its own namespace, at the time of its entry ----
signatures=0
line=$(printf '\001') # stands for the newlines of a text, so that it is split by the shell itself
set -f
while IFS=$tab read -r folder purpose namespace actor file text time epoch blob; do
    message=$folder/$file
    if [ "$file" = - ]; then
        message=$tmp/text
        IFS=$line
        printf '%s\n' $text >"$message"
    fi
    IFS=' '
    printf '%s\n' '-----BEGIN SSH SIGNATURE-----' $blob '-----END SSH SIGNATURE-----' >"$tmp/signature"
    ssh-keygen -Y verify -f "$tmp/signers.$epoch" -I "$actor" -n "$namespace" -O "verify-time=$time" -s "$tmp/signature" <"$message" >/dev/null 2>&1 ||
        refuse AUT-03 "$folder: the signature of $actor ($purpose) does not verify"
    signatures=$((signatures + 1))
done <"$tmp/S"

printf '%s ceremonies, %s entries, %s signatures\ngenesis %s\nhead    %s\n' "$count" "$(wc -l <"$tmp/all")" "$signatures" "$found" "$last"
[ -n "$head" ] || verdict "CONSISTENT, NOT ANCHORED" 3
[ "$(wc -l <"$tmp/C")" -eq "$count" ] || verdict INCOMPLETE 3
verdict VERIFIED 0
