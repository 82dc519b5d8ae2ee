# What a register's entries make true, one after the other: this file keeps the facts, comparisons.jq compares
# each entry with the facts before it, verify-transcript.sh runs both and does what needs other tools.
#
# Given: $genesis; $documents: every .json file, by "folder/name.json"; $aside: coins that lines kept aside
# name, by file; $digests: the SHA-256 of each line; $released: rows "kind digest number".
($documents | add) as $documents | ($aside | add) as $aside | ($digests[:-1] / "\n") as $digests
| "\($documents["0001-keygen/charter.json"].mark)" as $mark |

def is($re): type == "string" and test("\\A(" + $re + ")\\z");
def has_all($needed): ($needed - .) == [];
# In jq 1.6 a `?` also hides errors of what comes after it: it stands within brackets, or nowhere.
def number: [tonumber?][0] // 0;
def staff: ["administrator","witness"];
# An object in the one spelling of documents: keys in order, nothing between.
def canonical: to_entries | sort_by(.key) | map("\(.key | tojson):" + (.value
  | if type == "object" then canonical else tojson end)) | "{\(join(","))}";
def units: [.units?][0] | number;  # base units of an amount, whose form `form` and `file` compare
# A document of a ceremony, by its folder and its name without the ending; null if there is none.
def document($folder; $name): $documents["\($folder)/\($name).json"];
def beside($e): document(.folder; $e.body.file // "" | rtrimstr(".json"));  # the one that an entry names

# Purposes of signatures, and the only namespace of each; a checkpoint, an approval and an end sign a text.
def namespaces: {"charter":"charter","succession":"succession","policy":"policy","key-record":"key-record",
  "authorization":"authorization","confirmation":"confirmation","revocation":"revocation","receipt":"receipt",
  "share-order":"share-order","custody":"custody","health":"health","exception":"exception",
  "approval":"approval","end":"end","run":"checkpoint","opening":"checkpoint","phase":"checkpoint",
  "adjournment":"checkpoint","disagreement":"checkpoint","return":"checkpoint"};
def over_checkpoint($purpose): namespaces[$purpose // ""] == "checkpoint";

# --- The facts ----------------------------------------------------------------------------------------------

# Of one ceremony: they begin anew with each.
def of_a_ceremony: {
  folder: "nothing", kind: "", seq: 0, from: 0, seen: {}, newest: 0,  # seen: types; newest: what matters last
  # files: name -> kind, kind -> digest, kind -> name
  listed: {}, sums: {}, names: {}, took: {}, script: null, script_digest: "",
  runs: 0, run_keys: {}, run_key: "", run_at: 0, due: [], lost: [], forms: 0, kept: null, still: null,
    watched: "",
  vault: false, alive: false, gone: false, resumed: false, done: 0, met: {},  # where it stands in its script
  closed: false, closed_at: 0, closing: "", outcome: "", unended: [], ended: false,
  present: [], signed: [], phase: {}, prepared: null, declined: [], left: {}, declined_at: {},
    acts: {}, bag_acts: {}, suspending: false,
  room: {}, watch: {}, read: {}, typed: {}, excepted: {}, away: false, paused: 0, back: [],
  approval_head: null, approval_after: 0, approved: [], armed: false, positions: [], openers: [], alone: null,
  request: null, authorization: null, agreed: null, opens: null, nobody_paid: false, replaces: [], pays: [],
    spent: [], notes: [],
  looked: {}, bagged: {}, cut: false, looked_at: [], taken_here: 0, open: {}, waiting: {}, proven: [],
    made: null, vaulted: {}, tokens: [], unlocked: [], generated: null, recovered: {}, paths: [], in_hsm: 0,
    reviewed: [], blind: [],
  sightings: [], shown: [], proved_then: {},
  named: [], chosen: null, rehearsed: [], drilled: null, sighted: null, nodes: [], settling: [],
  told: {}, proposed: null, lost_officer: null, epoch: "" };  # epoch: whose charter's keys sign

# Of the register: they go on.
def of_the_register: {
  people: {}, types: {}, at: 0, number: 0, time: "", in_force: "0001-keygen", charter: $genesis, rules: "",
    policy: null, policies: [], block_seen: "", releases: {},
  key_record: null, key_folder: "", formers: [], voided: [],  # sets of shares, by their key records
  held: [], orders: [], used: {}, nonces: {}, revoked: {}, proposals: {},
  suspended: {}, forms_taken: {},  # key -> the form that suspends it
  # numbers used; share -> bag; site -> people; records
  bags: {}, lies: {}, safes: {}, taken: {}, looks: {},
  # "position number" -> a sealed share; position -> its newest number; share -> its newest proven number
  sealings: {}, numbers: {}, proved: {}, records: {}, charters: [{folder: "0001-keygen", digest: $genesis}] };
def start: of_a_ceremony + of_the_register + {ended: true, out: []}
  | .people = ([$documents | to_entries[] | select(.key | endswith("/charter.json"))
    | .value.people[]?.person? | strings | {(.): true}] | add);

# --- Questions to the facts ---------------------------------------------------------------------------------

def who_signed($purpose): [.signed[] | select(.purpose == $purpose) | .by] | unique;
def who_signed($purpose; $file): [.signed[] | select(.purpose == $purpose and .file == $file) | .by] | unique;
# ceremonies that open shares, each alone, and combine none
def alone_only: .kind | IN("drill","check","reseal");
# Seconds that each watch is behind the machine: at most two minutes, and the minute that it showed.
def behind($time): map(($time | fromdateiso8601) - (.typed | fromdateiso8601));
def together: . >= -120 and . < 180;
# The newest entry that a person's signatures cover (AUD-11); the end covers everything.
def covered($who): [.signed[] | select(.by == $who) | .upto] | max // 0;
def checkpoint: capture("\\Acold-ceremony checkpoint, (?<mark>[a-z]+)\ngenesis (?<genesis>[0-9a-f]{64}) "
  + "ceremony (?<number>[0-9]{1,4}) entry (?<seq>[1-9][0-9]{0,8})\n(?<head>[0-9a-f]{64})\n\\z") // null;
def upto($b): $b.text // "" | checkpoint | .seq // "0" | tonumber;
def digest_of($seq): $digests[.from + $seq - 1];
# A share is named by its position and its set.
def share($b): "\($b.position) \($b.set_identifier)";
def newest_of_run($lost): "U\t\(.folder)\t\(.runs)\t\(.run_key)\t\(.seq)\t"
  + if $lost then "lost" else "kept" end;

# A policy counts from the signed end of a key generation or an amendment, or from its own date (AUT-06).
def takes_policy: .sums.policy != null and (.kind | IN("keygen","amend"));
def counts_policy: document(.folder; "policy") as $new | .rules = .folder | .policy = .sums.policy
  | .policies += [{folder, since: ([.time, $new.issued, (.policies[-1].since // "")] | max),
      hours: ($new.cool_off_hours | number)}];

# --- Scripts: rows of what may and must stand in each step, and by whom -------------------------------------

def release($kind; $digest): [$released | split("\n")[] | split(" ") | select(.[:2] == [$kind, $digest])
  | .[2] | tonumber] | .[0];
def rows: reduce .[] as $row ({}; ($row | split(" ")) as $words | .[$words[0]] += $words[1:]);
def musts: map(split(" ") as $words | {row: ., of: $words[0], who: $words[1:]});
# null: not known
def script_of($e): document("\(("000" + $e.body.ceremony)[-4:])-\($e.body.kind)"; "script") as $script
  | if release($e.body.kind; $e.body.script) == null or $script == null then null
    else $script | .asks = ([.steps[].must[]] | rows)
      | .always |= rows | .steps |= map(.may |= rows | .must |= musts) end;
def row_of($e): if $e.type == "signature" then "signature:\($e.body.purpose)"
  elif $e.type == "file" then "file:\($e.body.kind)" else $e.type end;
def is_one($e): if . == "custodian" then $e.actor | length == 2
  elif . == "self" then ($e.actor | length == 2) and $e.actor == $e.body.position else . == $e.actor end;
# The steps that the next entry can stand in (from 0). What a step achieved in the vault is lost with it: then
# the first of these steps is next, unless all have signed a new key record; while a vault has just ended it
# can be either.
def steps: .script.steps as $steps | ([.done, ($steps | length) - 1] | min) as $next
  | if .vault or $next == 0 or $steps[$next - 1].live != "yes" then [$next] else
      (if .made != null and .present != [] and (.present - who_signed("key-record")) == [] then $next
        else $next | until(. == 0 or $steps[. - 1].live != "yes"; . - 1) end) as $again
      | if .resumed or (.gone | not) then [$again] else [$next, $again] | unique end end;
def in_script($e): .script != null and (.closed | not) and $e.type != "opened" and $e.type != "resumed"
  and row_of($e) != "signature:run";

# --- What an entry makes true -------------------------------------------------------------------------------

# Work for the shell script: a signature, over a file or over a text whose newlines are written as \u0001.
def signature_line($by; $purpose; $namespace; $file; $text; $time; $blob):
  ["S", .folder, $purpose, "\($namespace)@cold-ceremony", $by, $file, ($text | gsub("\n"; "\u0001")),
    ($time | gsub("[-:T]"; "")), .epoch, ([range(0; $blob | length; 70) as $i | $blob[$i:$i + 70]]
      | join(" "))] | join("\t");

# The signatures of a form, by the charter before this ceremony.
def signatures_of($kind; $signed; $time): ($signed.form | canonical) as $text
  | .out += [$signed.signatures[] as $one | .epoch = .in_force
    | signature_line($one.signer; $kind; $kind; "-"; $text; $time; $one.blob)];
def suspends($form): .forms_taken[$form | canonical] = true
  | if $form.act == "lift" then del(.suspended[$form.key]) else .suspended[$form.key] = $form end;
# A run of the tool begins: its key, who signs it, what their watches say; which keys are suspended (STO-07);
# by a form of loss also who is lost (SET-10).
def begins($e): $e.body as $b | $b.loss as $loss | .runs += 1 | .run_at = .seq | .due = ($b.signers | unique)
  | .in_hsm = 0 | .run_key = $b.run_key | .run_keys[$b.run_key] = true
  | .still = (if [$b.watches | behind($e.time)[] | together] | all then null else $e.time end)
  | .watched = ([$b.watches[].typed] | max) | .notes = [($b.notes // [])[] | select(.entry != null) | .person]
  | reduce ($b.suspensions // [])[] as $one (.; signatures_of("suspension"; $one; $e.time)
    | suspends($one.form))
  | if $loss == null then . else signatures_of("loss"; $loss; $e.time) | .forms += 1
      | .lost = (.lost + $loss.form.lost | unique)
      | .kept = {name: ([$b.found // [] | .[] | select(test("\\A(aside|torn)-"))]
        | .[0]), sha256: $loss.form.aside} end;
def opens($e): (if .at > 0 then .out += [newest_of_run(false)] else . end)
  | with_entries(select(.key | IN("out", (of_the_register | keys[])))) as $kept | of_a_ceremony + $kept
  | .from = .at | .proved_then = .proved | .epoch = .in_force | .kind = $e.body.kind
  | .number = ($e.body.ceremony | number) | .suspending = (($e.body.suspensions // []) != [])
  | .folder = "\(("000" + $e.body.ceremony)[-4:])-\(.kind)" | .script_digest = $e.body.script
    | .script = script_of($e) | release(.kind; .script_digest) as $release | .folder as $folder
  | (if $release then .releases[.kind] = $release else .out += ["H\t\(.number)"] end)
    | .out += ["O\t\($folder)"];

def listed($e): $e.body as $b | .listed[$b.name] = $b.kind | .sums[$b.kind] = $b.sha256
  | .took[$b.kind] = $e.time | .names[$b.kind] = $b.name
  | (if $b.kind == "key-record" then .made = $b.sha256 else . end)
  | (if .kept.name == $b.name then .kept = null else . end)
  | .folder as $folder | .out += ["F\t\($b.sha256)\t./\($folder)/\($b.name)\t\($b.size)"];

def received: .sighted as $seen | .settling as $gone | .held |= map(
  (if .txid == $seen.txid then .received = ([.received, ($seen.confirmations | number)] | max) else . end)
  | if .txid | IN($gone[]) then .gone = true else . end);
# What a transfer holds back (BRD-06). Of a void one: what both readers had agreed may have been signed;
# without two people's notes nobody knows. Coins of lines that were kept aside stay held; a request left over
# is not read here.
def kept_aside: .folder as $folder | [.listed | to_entries[] | select(.value | IN("aside","torn"))
  | ($aside["\($folder)/\(.key)"] // [])[]];
def noted: (.notes | index("witness")) != null and (.notes - staff) != [];
def claims: (.outcome == "void") as $void | if .agreed == null and (($void | not) or noted) then . else
  (if $void then kept_aside else [] end) as $aside | (.agreed // {txid: "", coins: []}) as $agreed
  | .held += [{txid: $agreed.txid, coins: ($agreed.coins + $aside
    | unique), pays, spent, authorization, number, received: 0, gone: false,
    signed: (.seen["signing"] != null or ($void and .agreed != null)), unsure: ($void
      and .agreed == null)}] end;
def newest_proof($proof): .[$proof.share] |= ([., $proof.number] | max);
# What was proven in the name of somebody who left does not count.
def proofs_that_count: . as $facts | .proved = reduce (.shown[] | select(.who == null or (.who as $who
  | .seq as $seq | $facts | covered($who) >= $seq))) as $proof (.proved_then; newest_proof($proof));
def ended: .ended = true | proofs_that_count | .outcome as $outcome | digest_of(.seq) as $head
  | .number as $number | .out += ["Z\t\($number)\t\($head)"] | (if .kind == "transfer" then claims
    elif $outcome == "receipt" then received
      | .block_seen = ([.block_seen, (.folder as $f | document($f; .names.receipt
        | rtrimstr(".json")).time // "")] | max)
    elif $outcome == "void" and .kind == "reshare" then .voided += [.made | values | .[:20]]
    elif $outcome | IN("key record signed","set reshared")
      then (if .kind == "keygen" then .formers += [.key_record | values] else . end)
        | .key_record = .made | .key_folder = .folder | .records[.made // ""] = .folder
    elif $outcome == "amended" and .epoch == .folder then .in_force = .folder | .charter = .sums.charter
      | .charters += [{folder, digest: .charter}]
    elif $outcome == "proposed" then .proposals[$head] = .proposed + {ended: .time} else . end)
  | if $outcome != "void" and takes_policy and .policy != .sums.policy then counts_policy else . end;

# A signature: what it covers, and what follows from who has signed.
def signed($e): $e.body as $b | (if $b.purpose == "approval" and .approval_head == null
      then .approval_head = $e.prev | .approval_after = .seq - 1 else . end)
  | (if over_checkpoint($b.purpose) then upto($b) else 0 end) as $upto
  | (if $b.purpose == "end" then .seq elif $b.purpose != "approval" then (if $b.purpose == "disagreement"
    then 0 else $upto end)
      elif .prepared and ($b.text | fromjson.head) == .prepared.head then .prepared.seq
        else .approval_after end) as $covers
  | .signed += [{purpose: $b.purpose, by: $e.actor, file: $b.file, said: $upto, upto: $covers}]
  | (if $b.purpose == "approval" then .agreed.coins as $coins
      | .out += ["A\t\($b.text | fromjson.inputs)\t\($coins | join(" "))"] else . end)
  | .out += [signature_line($e.actor; $b.purpose; namespaces[$b.purpose]; $b.file // "-"; $b.text // "--"
    | .[:-1]; $e.time; $b.blob)] | if $b.purpose == "run" then .due -= [$e.actor]
    elif $b.purpose == "approval" then (if (.reviewed + .approved
      | index($e.actor)) then . else .blind += [$e.actor] end) | .approved += [$e.actor]
    elif $b.purpose == "return" then .back += [{text: $b.text, by: $e.actor}]
    elif $b.purpose == "phase" then .phase[$b.text] += [$e.actor]
      | if .prepared == null and .agreed != null and (.phase[$b.text] | has_all(staff))
        then .prepared = {head: ($b.text | split("\n")[2]), seq: $upto} else . end
    elif $b.purpose == "revocation" then beside($e) as $said | if $said.officer == $e.actor and ($e.actor
      | IN("cfo","cto")) then .revoked[$said.authorization] = .number else . end
    elif $b.purpose == "end" then .unended as $before | .unended -= [$e.actor]
      | if $before != [] and .unended == [] then ended else . end
    else . end;

# Bags and shares: which bag each share lies in, whose was looked at, which shares are open and not locked
# again.
def bag_closed($e): $e.body as $b | .bags[$b.bag] = true | .lies[share($b)] = $b.bag
  | .looked[$b.position] = "closed";
def bag_opened($e): $e.body as $b | .looked[$b.position] = (if $b.state == "missing" then "missing"
  else "open" end) | .bags[$b.bag // ""] = true | .bagged[$b.position] = $b.set_identifier
  | if $b.state == "intact" or $b.set_identifier != (.key_record // "")[:20] then . else
      .cut = true | .excepted["STO-02"] = false end;
def custody($e): $e.body.record as $r | .taken[$r.identifier] = true | .taken_here += 1
  | .excepted["STO-04"] = false | (if $r.event == "safe" then .safes[$r.site] = ($r.people | sort) else . end)
  | reduce (($r.bags // {}) | to_entries[]) as $bag (.; .bags[$bag.value] = true
      | if $r.event == "arrived" then . else .lies["\($bag.key) \($r.set_identifier)"] = $bag.value end);
def unlocked($b): .looked[$b.position] = "open" | .unlocked += [$b.position]
  | .waiting[$b.position] = ($b.number | number) | if alone_only then .alone = [$b.position] else . end;
def proven($b): (if .alone then .alone = [] else . end) | .proven += [{position: $b.position, seq}]
  | if .waiting[$b.position] != null and ($b.number | number) > .waiting[$b.position]
    then del(.waiting[$b.position]) else . end;

# What this run of the vault has recorded: the machine, its processes, their tests, the HSM, the import path.
def vaulted($e): $e.body as $b | $e.type as $t | if $t == "vault-ended" or $t == "resumed" then .vaulted = {}
  elif $t == "machine" then .vaulted = {machine: true}
  elif $t == "vault" then .vaulted |= (if (del(.machine, .opener, .hsm) != {})
    or .[$b.process] then {} else . end | .[$b.process] = true)
  elif $t == "self-tests" then .vaulted["tests of \($b.process)"] = true
  elif $t == "hsm" or $t == "import-path" then .vaulted[{"hsm": "told"}[$t] // "path"] = true else . end;
# Sealed shares: a position has each number once, whatever its set.
def sealed($b): .open[$b.position] = "\($b.number) \($b.sha256)" | .numbers[$b.position] = ($b.number
  | number) | .sealings["\($b.position) \($b.number)"] = {set: $b.set_identifier, token: $b.token,
    position: $b.position, sha256: $b.sha256};
def share_of($b): .sealings["\($b.position) \($b.number)"].set as $set | "\($b.position) \($set)";
def shown_good($b; $who): {share: share_of($b), number: ($b.number | number), who: $who, seq} as $proof
  | .shown += [$proof] | .proved |= newest_proof($proof);
def away($b; $numbers): reduce $numbers[] as $number (.;
  .sealings["\($b.position) \($number)"].removed = true);

def authorized($b): .nobody_paid = ($b.payments == [] and $b.address == null)
  | .opens = ($b.key_record // .key_record) | .authorization = $b.authorization
  | .replaces = ($b.replaces // [])
  | .pays = (.pays + [($b.payments // [])[] | .payee, .destination] | unique)
  | .spent += [{time, amount: ([($b.payments // [])[].amount | units] | add // 0)}];
def agreed($b): .request = $b.request | .agreed = $b;

# The officer in whose stead others sign an amendment: the one of CFO and CTO who has not signed; null if all
# have.
def lost_officer: who_signed("charter") as $who | (["cfo","cto"] - $who) as $away
  | if $who | has_all(["cfo","cto","witness"]) then null elif $away | length == 1 then $away[0] else "" end;

def closed($b): .closed = true | .closed_at = .seq | .closing = digest_of(.seq)
  | .outcome = $b.outcome | .unended = ($b.signers | unique);

# What an entry of each type makes true. .newest is the newest entry that everyone has to sign at the end.
def of_type($e): $e.body as $b | $e.type as $t | if $t == "file" then listed($e)
    elif $t == "signature" then signed($e)
    elif $t == "refusal" then if .seen["clock"] == null then .watch = {} else . end
    elif $t == "step" then .done = ($b.number | number) | .phase = {} | .vault = .alive | .resumed = false
    elif $t == "opened" then begins($e)
    elif $t == "resumed" then .alone = null | .vault = false | .gone = true | .resumed = true | .alive = false
      | .armed = false
      | begins($e)
    elif $t == "vault" then .alive = true | .armed = false
    elif $t == "vault-ended" then .armed = false | .alone = null | .vault = false | .gone = true
      | .alive = false
    elif $t == "present" then .present = (.present + [$e.actor] | unique)
    elif $t == "left" then .left[$b.person] = (.left[$b.person] + [$e.actor] | unique)
    elif $t == "room-item" then .room[$b.item] = $b.held
    elif $t == "watch" then .watch[$e.actor] = ([$b] | behind($e.time)[0])
    elif $t == "slip-read" then .read[$b.ceremony][$e.actor] = {places: $b.places, seq: .seq}
    elif $t == "typed-back" and .approval_head == null
      then .typed[$e.actor] += [{seq: .seq, of: ($b.groups[] | "\($b.payment) \(.)")}]
    elif $t == "paused" then .paused = .seq | .back = [] | .away = false
    elif $t == "continued" then .paused = 0
    elif $t == "excepted" then .excepted[$b.control] = true | .away = (.away or $b.control == "ASM-03")
    elif $t == "disagreed" then .declined_at[$e.actor] = .seq
      | if $b.to == "adjournment" then .declined += [$e.actor] else . end
    elif $t == "bag-opened" then .newest = .seq | bag_opened($e)
    elif $t == "bag-closed" then .newest = .seq | bag_closed($e)
    elif $t == "custody" then custody($e)
    elif $t == "healthy" or $t == "unhealthy" then .newest = .seq | .looked_at += [$b.file]
      | .looks[$b.position] = $b.at | if $t == "healthy" then shown_good($b; null) else . end
    elif $t == "ordered" then .named = $b.positions | .orders += [$b.order, $b.identifier]
    elif $t == "alone" then .alone = []
    elif $t == "resharing" then .armed = true | .positions = $b.positions | .unlocked = []
      | .openers = $b.positions | del(.seen["unlocked"], .seen["recovered"])
    elif $t == "armed" then .armed = true | .positions = (.positions + $b.positions | unique) | .unlocked = []
      | .openers = $b.positions | del(.seen["recovered"], .seen["imported"])
    elif $t == "unlocked" then unlocked($b)
    elif $t == "sealing" then sealed($b)
    elif $t == "custodian-token" then .tokens += [[$b.position, $b.token]]
    elif $t == "removed" then away($b; [$b.number])
    elif $t == "imported" then .paths = ($b.paths | unique) | .in_hsm = (.paths | length)
    elif $t == "reviewed" then .reviewed += [$e.actor]
    elif $t == "proven" then .newest = .seq | proven($b) | shown_good($b; $e.actor)
    elif $t | IN("destroyed","drilled","absent","quorums","generated") then .newest = .seq
      | if $t == "drilled" then .drilled = $b elif $t == "generated" then .generated = $b
        elif $t == "destroyed" then away($b; $b.numbers) else . end
    elif $t == "rehearsed" then .rehearsed = $b.refused
    elif $t == "authorized" then authorized($b) | .used[$b.authorization, $b.identifier] = .number
    elif $t == "agreed" then agreed($b)
    elif $t == "hsm-signed" then .newest = .seq | del(.seen["absent"])
      | reduce $b.signatures[] as $one (.; .nonces[$one.raw[:64]] = "\($b.request) \($one.input) \($one.raw)")
    elif $t == "sighting" then .sighted = $b | .sightings += [$b
      | [.node, .txid, .block_hash, .block_height, .confirmations]] | .nodes = (.nodes + [$b.node] | unique)
    elif $t == "settled" then .settling += [$b.txid]
    elif $t == "revoked" or $t == "granted" then .told[$t] += [$b.person]
      | document(.folder; "charter") as $new | document(.in_force; "charter") as $old
      | ([if $t == "revoked" then $old else $new end | (.people // [])[] | select(.person == $b.person)
        | .key][0] // "") as $key | .out += ["K\t\($b.key)\t\($key)"]
    elif $t == "proposed" then .lost_officer = lost_officer
      | .proposed = {charter: $b.charter, time: $e.time, not_before: $b.not_before,
        hours: ((($b.not_before | fromdateiso8601) - ($e.time | fromdateiso8601)) / 3600 | tostring)}
    elif $t == "amended" then .lost_officer = lost_officer | .epoch = .folder
    elif $t == "closed" then closed($b) else . end;

# Which entries of a person must lie under a later signature of theirs (AUD-11): all but signatures and what
# tells itself.
def acted($e): if $e.actor == "tool" or ($e.type | IN("signature","disagreed","left")) then .
  elif $e.type | IN("healthy","unhealthy","bag-opened","bag-closed") then .bag_acts[$e.actor] = .seq
  else .acts[$e.actor] = .seq end;
def stood($e): row_of($e) as $row | if .script.asks[$row] and in_script($e) then .script.steps as $steps
    | reduce (steps[] as $i | $steps[$i].must[] | select(.of == $row and any(.who[]; is_one($e)))
      | "\($i) \(.row)") as $met (.; .met[$met] = true) else . end;

# The facts after an entry. .out has what it prints: work for verify-transcript.sh. (In jq 1.6 each |= and +=
# copies all facts: what every entry changes is put in by + of one object.)
def after($e): .out = [] | (if $e.type == "opened" then opens($e) else . end) | stood($e)
  | (if $e.type == "resumed" then .out += [newest_of_run($e.body.loss != null)] else . end)
  | . + {seq: (.seq + 1), at: (.at + 1), time: $e.time} | .seen[$e.type] = .seq | acted($e) | vaulted($e)
  | of_type($e)
  | if .due == [] or .run_at == .seq or ($e.type == "signature" and $e.body.purpose == "run") then .
    else .due = [] end;
