# Each entry is compared with what earlier entries made true (facts.jq): one row for each comparison, with the
# control that it is for, what is looked at, the condition that must hold, and what is wrong if it does not.
#
# A row that does not hold prints  E control text  and ends the program. One of `last` prints  L control text
# : it is refused once everything else has held, because it says less than the control that the same fault
# breaks elsewhere.

def place($what): "behind entry \(.seq) of \(.folder), \($what)";
def row(control; what; ok; wrong): if ok then empty else "E\t\(control) \(place(what)): \(wrong)" end;
def last(control; what; ok; wrong): if ok then empty else "L\t\(control) \(place(what)): \(wrong)" end;
def before($type; $control; $what): row($control; $what; .seen[$type] != null; "no \($type) before it");

def types: [ "alone","rehearsed","drilled","left","bag-opened","bag-closed","custody","healthy","unhealthy",
  "room-item","boot-image","self-tests","stray-device","watch","clock","slip-read","typed-back","opened",
  "file","signature","step","present","machine","vault","vault-ended","hsm","import-path","generated",
  "custodian-token","sealing","proven","chosen","removed","not-removed","destroyed","resharing","quorums",
  "authorized","ordered","agreed","reviewed","armed","unlocked","recovered","imported","signing",
  "set-aside","hsm-signed","absent","checked","exported","sighting","settled","disagreed","excepted",
  "refusal","revoked","granted","proposed","amended","resumed","paused","continued","closed"];
# The only controls that the two officers can except, each with a form.
def exceptions: ["SET-07","STO-02","STO-04","STO-08","AIR-01","ASM-03","DRL-01","BRD-05"];
# Base64 in its one spelling: no bits are left over at the end.
def base64: "([A-Za-z0-9+/]{4})*([A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?";
def numeral: "0|[1-9][0-9]{0,14}";
# Every amount of an entry or a document says of which asset it is, and how many base units.
def amounts: .. | objects | .amount, .fee, .fee_cap, .per_transfer, .per_window | values;
def is_amount: type == "object" and keys == ["asset","units"] and .asset == "BTC"
  and (.units | is("0|[1-9][0-9]{0,15}"));
def signing_key: "(ssh-ed25519|ecdsa-sha2-nistp256|sk-(ssh-ed25519|ecdsa-sha2-nistp256)@openssh\\.com)"
  + " [A-Za-z0-9+/]+={0,2}";

# --- What several of them ask -------------------------------------------------------------------------------

# What people sign at the end, and what is in force from then on.
def charter_after: if .outcome == "amended" and .epoch == .folder then .sums.charter else .charter end;
def policy_after: if .outcome != "void" and takes_policy then .sums.policy else .policy end;
def custodians: [document(.in_force; "charter").people[].person | select(is("[A-I][1-9]"))];
def everyone: .present - .lost | unique;
# What closes a question counts if who signs the end, or has signed behind it, stands for it.
def counts($who; $seq; $signers): covered($who) >= $seq or ($who | IN($signers[]));
def end_text: charter_after as $charter | policy_after as $policy
  | {ceremony: "\(.number)", $charter, closed: .closing, $genesis, kind: .kind, $mark, outcome: .outcome,
    type: "end",
      version: "2"} + (if $policy then {$policy} else {} end) | canonical + "\n";
# An end by the form of a loss, wherever the ceremony stood when its people were lost.
def by_form($b): .forms > 0 and $b.outcome == "carried out" and ($b.reason
  | startswith("ended by a form of loss"));
# Those who sign for who is lost: who is left of them; if that is nobody, the officers who are not lost
# (SET-10).
def stand_in($lost): (. - $lost) as $left | if $left != [] then $left else ["cfo","cto"] - $lost end | sort;
def set_signed: (custodians + staff) as $all | .made != null and (who_signed("key-record") | has_all($all));
# All have signed how it ends: from here on it counts. .held has what each transfer holds back (BRD-06).
def outstanding: .signed and .received == 0 and (.gone | not);
def authorization: document(.folder; .names.authorization // "" | rtrimstr(".json")) // {};
def earlier($head): .from as $from | $head == $genesis or ($digests | index($head) // $from) < $from;
def key_record_doc($digest): document(.records[$digest // ""] // ""; "key-record");
def enough($plan): . as $who | [$plan.sites[] | . as $site | [$who[] | select(startswith($site.letter))]
  | unique
  | length >= ($site.threshold | number)] | map(select(.)) | length >= ($plan.site_threshold | number);
# The key record of this ceremony is of the charter in force and of what was generated; the two come in either
# order.
def key_record_fits($b; $made): document(.folder; "key-record") as $r | document(.in_force; "charter") as $c
  | (($r.custodian_commitments + $r.site_commitments) // {}) as $all
    | if $b == null or $made == null then empty else
    row("GEN-08"; "generated"; $b.set_identifier == $made[:20] and $b.commitments == ($all | length
      | tostring) and ([$all[]] | unique | length) == ($all | length); "of another set than its key record"),
    row("GEN-02"; "generated.sources"; $b.sources | unique | length >= 2; "one source of randomness"),
    row("GEN-08"; "key-record"; $r.mark == $mark and $r.genesis == $genesis and $r.charter == .charter
      and $r.ceremony == (.number | tostring) and $r.scheme == $c.scheme; "of another charter or ceremony"),
    row("GEN-08"; "key-record.plan"; $r.plan.site_threshold == $c.site_threshold and ([$r.plan.sites[]
      | [.letter, .threshold, .members]] == [$c.sites[] | .letter as $letter
        | [$letter, .threshold, ([$c.people[]
        | select(.person | is($letter + "[1-9]"))] | length | tostring)]])
      and ($r.custodian_commitments | keys) == ([$c.people[].person | select(length == 2)] | sort)
      and ($r.site_commitments | keys) == ([$c.sites[].letter] | sort); "not the charter's plan"),
    row("GEN-08"; "key-record.accounts"; [$r.accounts[] | del(.fingerprint, .xpub)] == $c.accounts;
      "not the charter's accounts") end;

# --- Every entry --------------------------------------------------------------------------------------------

# What stands behind the closing: the signatures of the end, and what an interruption between them leaves.
def behind_closing($e): $e.body as $b | $e.type as $t | ($t | IN("resumed","refusal","stray-device"))
  or ($t == "signature" and ($b.purpose | IN("end","run","disagreement")))
  or ($t == "file" and ($b.kind | IN("torn","aside","leftover"))) or ($t == "disagreed" and $b.to == "end");

# What in it is neither a string nor holds strings.
def no_string: if type == "string" then empty elif type == "object" or type == "array" then .[] | no_string
  else . end;
# Where one of these does not hold, nothing else of the entry is read.
def form($e): ($e.type == "opened") as $opens | (if .still then .watched else .time end) as $time
  | row("AUD-01"; "entry"; ($e | type == "object" and keys == ["actor","body","prev","seq","time","type"])
      and ($e.body | type == "object") and ([$e | no_string] == []);
        "not the six fields, strings only"), row("AUD-01"; "type"; .types[$e.type]; "unknown"),
    row("AUD-01"; "body.version"; $e.body.version == "2"; "not the version of its form"),
    row("AUD-01"; "body"; ($e.type | IN("authorized","agreed","checked") | not)
      or ([$e.body | amounts | is_amount] | all); "an amount of another asset or form"),
    row("AUD-01"; "actor"; $e.actor == "tool" or .people[$e.actor]; "not in the charter"),
    row("AUD-01"; "time"; $e.time | is("20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]Z");
      "not UTC"),
    row("ASM-04"; "time"; $e.time >= (if $opens then $time else .time end); "time goes backwards"),
    row("AUD-08"; "type"; if $opens then .ended else (.closed | not) and .ended == false
      or (.unended != [] and behind_closing($e)) end;
        "it follows the closing, or the one before has not ended"),
    row("AUD-01"; "seq"; $e.seq == (if $opens then "1" else .seq + 1 | tostring end); "a gap in the numbers");

# People left (ASM-03): who comes back signs, an interruption leaves its files, a ceremony is given up;
# nothing else.
def in_a_pause($e): $e.body as $b | $e.type as $t | ($t | IN("resumed","refusal","excepted"))
  or ($t == "signature" and ($b.purpose | IN("return","exception","run","end")))
  or ($t == "file" and ($b.kind | IN("torn","aside","leftover","exception")))
  or ($t == "closed" and $b.outcome == "void");
def both_back: ([.back[] | .text] | unique | length) == 1 and (([.back[] | .by] | unique) == staff or .away);
def pause($e): if $e.type == "paused" then row("ASM-03"; "paused"; .paused == 0; "a pause within a pause")
  elif $e.type == "continued" then
    row("ASM-03"; "continued.paused"; .paused > 0 and $e.body.paused == (.paused | tostring);
      "no such pause before it"),
    row("ASM-03"; "continued"; both_back; "administrator and witness did not both sign that they are back")
  elif .paused == 0 then empty
  else row("ASM-03"; $e.type; in_a_pause($e); "while the ceremony was paused") end;

# Runs and scripts.
def run_signature($e): $e.type == "signature" and $e.body.purpose == "run";
def signs_run($e): if run_signature($e) then last("AUD-11"; "signature.run"; .due | index($e.actor);
      "not one to sign this run, or not right behind its beginning"),
    last("AUD-11"; "signature.run"; upto($e.body) == .run_at; "not over the first entry of this run")
  else last("AUD-11"; $e.type; .due == [];
    "the run is not signed by all whom it names, right behind its first entry") end;
def said_step($e): .script.steps as $steps
  | [steps[] | select($steps[.].number == $e.body.number and $steps[.].title == $e.body.title)] | .[0];
def missing($step): .met as $met | .lost as $lost
  | [.script.steps[$step].must[] | select($met["\($step) \(.row)"] or (.who - $lost) == [] | not)];
def stands($e): if in_script($e) | not then empty elif $e.type == "step" then said_step($e) as $step
    | last("SET-06"; "step"; $step != null; "out of order, or under another title"),
      last("AUD-12"; "step"; $step == null or missing($step) == []; "it lacks what its script asks for")
  else row_of($e) as $row | last("AUD-12"; $row; .script.steps as $steps
      | any(.script.always[$row] // [] | .[]; is_one($e))
        or any($steps[steps[]].may[$row] // [] | .[]; is_one($e));
        "not in this step, or not by \($e.actor)") end;
# Each process passed as many self-tests as the release of the script has (SET-09).
def self_tested($e): $e.body as $b | if .script == null then empty
  elif $e.type == "self-tests" then last("SET-09"; "self-tests.count";
    $b.count == .script.self_tests[$b.process]; "not as many as its script says")
  elif $e.type == "custodian-token"
    then last("SET-09"; "custodian-token.tests"; $b.tests == .script.self_tests.token;
    "not as many as its script says")
  else empty end;
# A clock that was ahead: the last run then only ends the ceremony as void, all at the time of the entry
# before it.
def stood_still: last("ASM-04"; "the run's watches"; .still == null or (.outcome == "void"
  and .closed_at > .run_at);
  "they do not agree with the machine, and the run does more than to end it as void");
def still($e): last("ASM-04"; $e.type; .still == null or ($e.time == .still and $e.type != "resumed");
  "the watches of its run do not agree with the machine");

# --- Beginnings ---------------------------------------------------------------------------------------------

def run($e): $e.body as $b | ($e.type == "opened") as $opens
  | (if $opens then script_of($e) else .script end) as $script
  | ((if $opens then [] else .lost end) + ($b.loss.form.lost // []) | unique) as $lost
  | (if $opens then {runs: 0, seq: 0, keys: {}} else {runs, seq, keys: .run_keys} end) as $so_far
  | [$b.watches | behind($e.time)[]] as $behind
  | row("AUD-01"; "run_key"; $b.run_key | is("[0-9a-f]{64}"); "not the key of a run"),
    last("AUD-11"; "run_key"; $so_far.keys[$b.run_key] == null; "the key of an earlier run"),
    last("AUD-11"; "resumed.run"; $opens or $b.run == ($so_far.runs + 1 | tostring);
      "not the number of its run"),
    last("AUD-11"; "resumed.after"; $opens or $b.after == ($so_far.seq | tostring);
      "it goes on behind another entry"),
    last("AUD-11"; "signers"; $b.signers != [] and ($b.signers - $lost) == $b.signers;
      "nobody signs it, or who is lost"), last("AUD-11"; "signers"; $script == null or $script.runs == []
      or ($b.signers | unique) == ($script.runs | stand_in($lost)); "others than its script says"),
    last("AUD-11"; "watches"; $b.watches != [] and [$b.watches[].person] == $b.signers[:2];
      "not those of the first two who sign it"), last("ASM-04"; "watches"; ([$behind[] | together] | all)
      or (($opens | not) and .time == $e.time and ([$behind[] > 900] | all));
        "they do not agree with the machine"),
    last("SET-01"; "script"; $opens or $b.script == .script_digest; "a run by another script than the first");

# Who signs the form of a loss (SET-10): of CFO, CTO, witness who is not lost; for one of them also a quorum
# of custodians, for two the thresholds of all sites; never who is lost.
def sites_open($who): [document(.in_force; "charter").sites[] | . as $site
  | [$who[] | select(startswith($site.letter))] | length >= ($site.threshold | tonumber)];
def quorum($who): document(.in_force; "charter").site_threshold as $needed
  | [sites_open($who)[] | select(.)] | length >= ($needed | tonumber);
def others_signed($lost; $who): (["cfo","cto","witness"] - $lost) as $left
  | ([$who[] | select(length == 2)]) as $custodians | ($who - $lost) == $who and ($who | has_all($left))
    and (if $left | length == 3 then true elif $left | length == 2 then quorum($custodians)
      elif $left | length == 1 then sites_open($custodians) | all else false end);
def signers($signed): [$signed.signatures[].signer] | unique;
def form_signatures($signed; $kind): last("AUT-03"; "\($kind).signatures"; .people as $people
  | all($signed.signatures[]; $people[.signer] and .namespace == "\($kind)@cold-ceremony"
    and (.blob | is("U1NIU0lH" + base64))); "not a signature of a person, or in another namespace");
def loss_form($e; $seq; $number): $e.body.loss as $loss | if $loss == null then empty else $loss.form as $form
  | last("SET-10"; "loss.form"; ($form | del(.aside)
    | keys) == ["ceremony","entry","genesis","head","issued","lost",
        "mark","reason","type","version"] and $form.type == "loss" and (.people as $people
        | all($form.lost[]; $people[.])) and $form.version == "2" and $form.mark == $mark
          and $form.genesis == $genesis and $form.ceremony == ($number | tostring) and $form.entry == ($seq
        | tostring) and $form.head == $e.prev; "of another ceremony, or behind another entry"),
    form_signatures($loss; "loss"), last("SET-10"; "loss.signatures"; others_signed($form.lost;
      signers($loss)); "not signed by all who must, or by who is lost"),
    last("SET-10"; "loss.form.aside"; ($form.aside != null) == ([$e.body.found // [] | .[]
      | select(test("\\A(aside|torn)-"))] != []); "something else is kept aside") end;

# A suspension counts from its entry on, in the order of the list, by the charter before this ceremony
# (STO-07): the person themself or an officer suspends a key; for a second person an officer needs a second
# signature. Who suspended, and whose key is suspended, count as lost in lifting one.
def key_in($folder; $who): [(document($folder; "charter").people // [])[] | select(.person == $who) | .key]
  | .[0] // "";
def key_suspended($folder; $who): .suspended != {} and .suspended[key_in($folder; $who)] != null;
def all_suspended: . as $facts | [(document(.in_force; "charter").people // [])[].person
  | select(. as $who | $facts | key_suspended($facts.in_force; $who))];
def suspended_another($form): document(.in_force; "charter").people as $people | $form.by != $form.person
  and any(.suspended[]; .by == $form.by and (.key | IN($people[].key)));
def suspension($one): $one.form as $form | signers($one) as $who | .suspended[$form.key] as $had
  | row("STO-07"; "suspensions.form"; ($form | keys) == ["act","by","genesis","issued","key","mark","person",
      "reason","type","version"] and $form.type == "suspension" and $form.version == "2"
      and $form.mark == $mark and $form.genesis == $genesis and $form.key == key_in(.in_force; $form.person);
        "of another register, or another key than the charter's"),
    row("STO-07"; "suspensions.form.act"; if $form.act == "lift"
      then $had != null and $had.by == $form.by and $had.issued <= $form.issued
      else $form.act == "suspend" and $had == null end; "suspended twice, or lifted and not suspended"),
    row("STO-07"; "suspensions.form"; .forms_taken[$form | canonical] == null; "taken in before"),
    row("STO-07"; "suspensions.form.by"; $form.by | IN("cfo","cto",$form.person);
      "by neither its person nor an officer"),
    row("STO-07"; "suspensions.signatures"; all($who[] as $one | key_suspended(.in_force; $one) | not; .);
      "by a key that is suspended"),
    row("STO-07"; "suspensions.signatures"; if $form.act == "lift"
      then others_signed([$form.by, $form.person] + all_suspended; $who)
      else ($who | index($form.by)) and ((suspended_another($form) | not)
        or $who - (["cfo","cto","witness"] - [$form.by, $form.person]) != $who) end;
      "not signed by all who must, or by who must not"),
    form_signatures($one; "suspension");
# The facts once these forms count.
def with_suspensions($forms): reduce $forms[] as $one (.; suspends($one.form));
def suspensions($e): ($e.body.suspensions // []) as $all
  | (range(0; $all | length) as $at | with_suspensions($all[:$at]) | suspension($all[$at])),
    (with_suspensions($all) | . as $facts | row("STO-07"; "loss.signatures"; all($e.body.loss
      | values | .signatures[].signer; . as $who | $facts | key_suspended(.in_force; $who) | not);
        "by a key that is suspended"));

def charter_form($charter): row("AUT-03"; "charter.people"; $charter.people
  | type == "array" and length > 0 and all(.[];
    (.person | is("[A-I][1-9]|cfo|cto|administrator|witness")) and (.key | is(signing_key))
    and ((has("verification") | not) or (.verification == "yes" and (.key | startswith("sk-")))));
    "a person or a key of another form"),
  row("AUT-03"; "charter.people"; [$charter.people[].key] | length == (unique | length);
    "one key stands for two people"),
  row("AUT-03"; "charter.people"; [$charter.people[].person] | length == (unique | length);
    "one person has two keys");
# What is done with a share is done by its position.
def own($e): if ["unlocked","set-aside","custodian-token","sealing","proven","chosen","removed",
    "not-removed","destroyed","bag-opened","bag-closed","healthy","unhealthy"] | index([$e.type])
  then row("ASM-01"; $e.type; $e.actor == $e.body.position; "somebody else's share") else empty end;
# Each run of the vault records the machine, both processes, every process's tests, the charter's HSM and the
# import path before it is used.
def in_vault($e): $e.type as $t | .vaulted as $had
  | ($t == "armed" or $t == "resharing" or $t == "generated") as $uses
  | if $uses or $t == "hsm" or $t == "import-path" or $t == "alone" then
      row("REC-10"; $t; $had.opener and $had.hsm; "not both processes of the vault before it"),
      row("AIR-05"; $t; $had.told or ($t | IN("hsm","alone")); "no HSM before it"),
      row("AIR-07"; $t; $had.path or ($uses | not); "no import path before it"),
      row("AIR-02"; $t; $had.machine or ($t
        | IN("hsm","import-path")); "the machine was not looked at before it"),
      row("SET-09"; $t; ($t | IN("hsm","import-path")) or ($had["tests of opener"] and $had["tests of hsm"]
        and $had["tests of screen"]); "not every process was tested before it")
    elif $t == "vault" then row("REC-10"; "vault.process"; $e.body.process
      | IN("opener","hsm"); "no such process")
    elif $t == "boot-image" then row("SET-02"; $t; $e.body.sha256 == document(.in_force; "charter").boot;
      "another image than the charter's")
    else empty end, if $t == "hsm" then document(.in_force; "charter").hsm as $hsm
    | "label serial manufacturer model firmware certificate" as $fields
    | row("AIR-05"; "hsm"; all($fields
      | split(" ")[]; $e.body[.] == $hsm[.]); "another HSM than the charter's")
  else empty end;
def opened($e): $e.body as $b | row("AUD-08"; "opened.ceremony"; $b.ceremony == (.number + 1 | tostring);
  "another number"),
  row("AUD-10"; "opened.newest"; ($b.newest | is(numeral)) and ($b.newest | number) <= .number;
    "a newer one was remembered than the register has"),
  row("AUD-08"; "opened.kind"; $b.kind | is("[a-z]{1,10}"); "another kind"),
  row("AUD-03"; "opened"; $b.mark == $mark and $b.genesis == $genesis;
    "of another genesis, or practice for production"),
  row("AUD-01"; "opened.script"; $b.script | is("[0-9a-f]{64}"); "not a digest"),
  (if .at == 0 then charter_form(document("0001-keygen"; "charter")) else empty end),
  last("SET-01"; "opened.script"; (release($b.kind; $b.script) // 9999) >= (.releases[$b.kind] // 0);
    "an older release than that of the last one of its kind"), stood_still, run($e), loss_form($e; 0;
      .number + 1), suspensions($e);
# What somebody noted of this ceremony is an entry that is there.
def resumed($e): run($e), loss_form($e; .seq; .number), suspensions($e),
  (.seq as $seq | row("BRD-06"; "resumed.notes"; all($e.body.notes[]; (.entry // "1" | is(numeral))
    and ((.entry // "1" | number) as $at | $at >= 1 and $at <= $seq)); "an entry that is not there"));

# --- Files and signatures -----------------------------------------------------------------------------------

def file($e): $e.body as $b
  | (if $b.kind == "key-record" then key_record_fits(.generated; $b.sha256) else empty end),
  (.
  | row("AUD-05"; "file.name"; ($b.name | is("[a-z0-9][a-z0-9-]{0,60}\\.[a-z]{2,12}"))
    and $b.name != "transcript.jsonl"
      and ($b.name | is("run-[1-9][0-9]*\\.sig") | not) and ($b.sha256 | is("[0-9a-f]{64}")); "another form"),
    row("AUD-05"; "file.name"; .listed[$b.name] == null; "listed twice"),
    row("AUD-01"; $b.kind; ($b.kind | IN("policy","authorization","confirmation","snapshot","receipt") | not)
      or ([document(.folder; $b.name | rtrimstr(".json")) | amounts | is_amount] | all);
      "an amount of another asset or form"),
    (if $b.kind != "authorization" then empty else document(.folder; $b.name | rtrimstr(".json")) as $a
      | row("AUD-01"; "authorization.reference_value"; $a.reference_value.asset == "BTC"
        and $a.reference_value.time <= $a.not_before; "of another asset, or later than it was drafted") end),
    row("AUD-05"; "file.name"; ["charter","policy","succession","key-record","script"] | all(.[];
      (. == $b.kind) == ("\(.).json" == $b.name)); "not the name of its kind"),
    row("AUD-05"; "file.name"; ($b.kind | IN("aside","torn")) == ($b.name | is("(aside|torn)-.*"));
      "not the name of its kind"),
    row("AUD-12"; "file.kind"; $b.kind != "policy" or (.kind | IN("keygen","amend"));
      "a policy where none can count"),
    row("AUD-09"; "file.charter"; $b.kind != "charter" or .kind == "amend" or $b.sha256 == $genesis;
      "another charter than the register's"),
    row("GEN-14"; "file.kind"; $b.kind != "key-record" or .made == null; "a second key record"),
    last("SET-01"; "file.script"; $b.kind != "script" or (.sums.script == null and $b.name == "script.json"
      and $b.sha256 == .script_digest); "not the script that the first entry names"),
    last("SET-10"; "file"; .kept == null or .kept.name != $b.name or .kept.sha256 == $b.sha256;
      "not what the form of the loss says was kept aside"),
    (if $b.kind == "charter" then charter_form(document(.folder; $b.name | rtrimstr(".json")))
      else empty end));

# A checkpoint names an earlier entry of this ceremony, by its digest (AUD-02).
def names_earlier($b): ($b.text // "" | checkpoint) as $said | $said != null and $said.mark == $mark
  and $said.genesis == $genesis and $said.number == (.number | tostring) and ($said.seq | tonumber) <= .seq
  and digest_of($said.seq | tonumber) == $said.head;
# An approval names this request, this authorization, and the entry before the first approval; of an officer
# elsewhere the entry that administrator and witness signed at the end of the preparation (SIG-02).
def approves($e): ([$e.body.text | fromjson? | objects][0] // {}) as $said
  | ($e.body.text == ($said | canonical) + "\n")
  and $said.type == "approval" and $said.version == "2" and $said.mark == $mark and $said.genesis == $genesis
  and $said.role == $e.actor and $said.ceremony == (.number | tostring) and $said.request == .request
  and $said.authorization == .authorization and $said.key_record == .opens
  and $said.kind == "transfer"
  and $said.txid == .agreed.txid and $said.fee == .agreed.fee and ($said.inputs | is("[0-9a-f]{64}"))
  and ($said.head == (.approval_head // $e.prev)
    or (.prepared != null and $said.head == .prepared.head and ($e.actor | IN("cfo","cto"))));
# The end: its text says what is in force from then on. With the last of its signatures every entry of a
# person lies under a later signature of theirs, or they said after it that they do not agree, or it is told
# that they left: by administrator or witness, of
# the witness by the administrator and two custodians (AUD-11).
def told_left($who): (.left[$who] // []) as $by | if $who == "witness"
  then ($by | index("administrator") != null) and ([$by[] | select(length == 2)] | length >= 2)
  else any(staff[]; . != $who and IN($by[])) end;
def newest_act($who): (.present | index($who) == null) as $away | who_signed("health") as $elsewhere
  | [.acts[$who], (if $away and ($elsewhere | index($who)) then null else .bag_acts[$who] end)] | max // 0;
def unvouched($unended): [(.acts + .bag_acts | keys[]) as $who | select(($unended + .lost
  | index($who)) == null and newest_act($who) > covered($who)
  and newest_act($who) > (.declined_at[$who] // 0) and (told_left($who) | not)) | $who];
def vouched($unended): last("AUD-11"; "the end"; unvouched($unended) == []; "something in the name of "
  + "\(unvouched($unended) | join(", ")), who signed nothing after it");
# Who disagreed and did not sign that entry, or a later one.
def unsaid: .signed as $signed | [.declined_at | to_entries[] | select(. as $no | any($signed[];
  .purpose == "disagreement" and .by == $no.key and .said >= $no.value) | not)];
def signs_end($e): row("AUD-02"; "signature.end"; .closed; "signed before the closing"),
  last("AUD-02"; "signature.end"; .closed and $e.body.text == end_text; "the end says something else"),
  row("AUD-02"; "disagreed"; .outcome == "void" or unsaid == []; "not signed by who disagreed"),
  (if .unended == [$e.actor] then vouched([$e.actor]) else empty end);
def signature($e): $e.body as $b | (over_checkpoint($b.purpose) or ($b.purpose
  | IN("approval","end"))) as $of_text
  | row("AUT-03"; "signature"; $e.actor != "tool" and namespaces[$b.purpose // ""] != null
      and $b.namespace == "\(namespaces[$b.purpose // ""])@cold-ceremony"; "another namespace or signer"),
    row("AUT-03"; "signature"; if $of_text then ($b.text | is("[ -~\n]{1,4000}")) and ($b | has("file") | not)
      else .listed[$b.file // ""] == $b.purpose and ($b | has("text") | not) end;
        "not over a file of its kind, or a text"),
    row("AUT-03"; "signature.blob"; $b.blob | is("U1NIU0lH" + base64); "not the base64 of an SSH signature"),
    row("AUD-02"; "signature.text"; (over_checkpoint($b.purpose) | not) or names_earlier($b);
      "a checkpoint of another transcript"),
    row("SIG-02"; "signature.text"; $b.purpose != "approval" or approves($e);
      "an approval of something else"),
    row("SIG-02"; "signature"; $b.purpose != "approval" or .seen["armed"] == null or ($e.actor | length == 2);
      "approved after the vault was armed"),
    row("ASM-03"; "signature.return"; $b.purpose != "return" or (.paused > 0 and upto($b) >= .paused);
      "a return without a pause, or signed before it"),
    row("STO-07"; "signature"; key_suspended(.epoch; $e.actor) | not; "by a key that is suspended"),
    (if $b.purpose == "end" then signs_end($e) else empty end);

# --- Bags, custody, health ----------------------------------------------------------------------------------

def said_in_health($e): .folder as $folder | any(.listed | to_entries[] | select(.value == "health")
  | document($folder; .key | rtrimstr(".json")); .position == $e.body.position
    and (if $e.type == "bag-closed" then .new_bag == $e.body.bag
      else .bag == $e.body.bag and .bag_state == $e.body.state end));
# Which set a share that goes into a bag, or is locked, must be of: the one that was made here, or what was
# taken out.
def set_in_hand($position): if .made then .made[:20] else .bagged[$position] end;
def bag($e): $e.body as $b
  | row("ASM-01"; "bag"; $e.actor == $b.position; "somebody else's"),
    row("SEC-02"; "bag"; .kind != "check" or (.present | index($e.actor)) or said_in_health($e);
      "of who is not there, and no record says it"), (if $e.type == "bag-closed" then
      row("STO-01"; "bag-closed"; $b.set_identifier == set_in_hand($b.position);
        "of another share than was opened or made"),
      row("STO-01"; "bag-closed.bag"; .bags[$b.bag] == null; "a number that was used before")
    else row("STO-01"; "bag-opened"; [.key_record, (if .kind == "transfer" then .formers[] else empty end)]
        | any(.[]; $b.set_identifier == (. // "")[:20]); "of a retired set"),
      row("STO-01"; "bag-opened.bag"; if $b.state == "missing" then $b.bag == null
        else ($b.bag == .lies[share($b)]) == ($b.state != "replaced") end; "not the bag that was closed last")
    end);

def custody_signers($r): if $r.event == "decision" then ["cfo","cto"] elif $r.event == "hand-over"
  then $r.people[:1]
  else $r.people end;
def custody_control($r): if $r.event | IN("out","safe") then "STO-03" elif $r.event
  | IN("hand-over","arrived") then "STO-04"
  else "AUD-02" end;
def custody_bag($r): .bags as $bags | .lies as $lies | all(($r.bags // {}) | to_entries[]; . as $bag
  | $r.event == "arrived" or $lies["\($bag.key) \($r.set_identifier)"] == $bag.value or ($r.event == "in"
    and $bags[$bag.value] == null));
def custody_taken($e): $e.body.record as $r | $e.body.file as $f | who_signed("custody"; $f) as $who
  | row("AUD-08"; "custody"; .kind == "custody" and .listed[$f] == "custody" and $r.genesis == $genesis
    and $r.mark == $mark; "a record of something else"),
    row("AUD-08"; "custody.record"; beside($e) == $r; "its file says something else"),
    row("AUT-05"; "custody.record"; .taken[$r.identifier] == null; "it is there already"),
    row(custody_control($r); "custody.record"; $who | has_all(custody_signers($r)); "a signature is missing"),
    row(custody_control($r); "custody.record"; ($r.event | IN("out","safe","hand-over") | not)
      or any($who[]; IN("cfo","cto") and (IN($r.people[])
        | not)) or ($r.event == "hand-over" and .excepted["STO-04"]); "no officer approved it"),
    row("STO-09"; "custody.record"; ($r.event | IN("out","in") | not) or .safes[$r.site] == ($r.people
      | sort); "not the two people of the safe"),
    row("STO-06"; "custody.record"; $r.event != "in" or all($r.positions[]; startswith($r.site));
      "another site's share"),
    row("STO-01"; "custody.record"; custody_bag($r); "not the bag that was closed last"),
    row("STO-01"; "custody.record"; [$r.bags // {} | .[]] | length == (unique | length);
      "one bag for two shares");

def failed($r): {"wrong-passphrase": "its passphrase was wrong three times",
  "refused": "a control refused it", "not-read": "it was not there, or could not be read"}[$r.result // ""]
  + if $r.control then " (\($r.control))" else "" end;
# A custodian's signed record of their own site; it counts from one whole look to the next.
def look($e): $e.body as $b | (beside($e) // {}) as $r | .looks[$b.position // ""] as $last
  | row("STO-10"; $e.type; .kind == "check" and $e.actor == $b.position and .listed[$b.file // ""] == "health"
      and (who_signed("health"; $b.file) | index($e.actor)); "no health record that its custodian signed"),
    row("STO-10"; $e.type; $r.genesis == $genesis and $r.key_record == .key_record
      and $r.position == $b.position
      and $r.machine == $b.at and ($r.result == "matched") == ($e.type == "healthy")
      and ($e.type == "healthy" or $b.why == failed($r))
      and ($e.type == "unhealthy" or ($r.sealing == $b.number and $r.sha256 == $b.sha256));
        "its record says something else"),
    row("STO-10"; "\($e.type).at"; ($last == null or $r.machine > $last)
      and $r.machine <= ($e.time | fromdateiso8601 + 120 | todateiso8601); "a record that does not count"),
    row("STO-10"; "\($e.type).sha256"; $e.type == "unhealthy" or (.sealings["\($b.position) \($b.number)"].set
      == (.key_record // "")[:20]); "a sealed share that is not there"),
    row("SEC-02"; $e.type; .looked[$b.position] and ($r.new_bag == null or .bags[$r.new_bag]);
      "no entry tells of its bag");

# --- Who was there, and what came from outside --------------------------------------------------------------

# What somebody was recognised by; of three types, which is each.
def factor($kind): {"hardware key, touched": 1, "signing key file": 1, "recognised by the witness": 2,
  "the passphrase of their share, which follows": (if $kind == "check" then 3 else null end)}[.];
def present($e): [$e.body.factors[] as $one | .kind as $kind | $one | factor($kind)] as $types
  | row("ASM-02"; "present.factors"; all($types[]; . != null) and ($types | unique | length >= 2);
    "not of two types");
def room_item($e): row("AIR-01"; "room-item.item";
  $e.body.item | IN("recorders","windows","access","power","emissions","sound"); "not of the checklist"),
  row("AIR-01"; "room-item"; $e.actor == "witness" or (.lost | index("witness") != null);
  "the room is the witness's to look at");
def shown($e): row("ASM-04"; "clock.machine"; ($e.time | fromdateiso8601) - ($e.body.machine
  | fromdateiso8601)
  | . >= 0 and . <= 60; "not the time at which it was shown");
def clock: if .seen["clock"] != null then empty else custodians as $custodians | [.watch[]] as $behind
  | row("ASM-04"; "clock"; .watch.witness != null or (.lost | index("witness") != null);
    "not the witness's watch"),
    row("ASM-04"; "clock"; any(.watch | keys[]; IN($custodians[])); "no custodian's watch"),
    row("ASM-04"; "clock"; $behind != [] and all($behind[]; together) and ($behind | max - min < 180);
      "two watches do not agree with it") end;
# Two people, one of them a custodian, read four words each from their slips of the ceremony before, at other
# places.
def slips($b): custodians as $custodians | . as $facts
  | (.read[.number - 1 | tostring] // {} | with_entries(select((.value.places | unique | length == 4)
      and (.key as $who | .value.seq as $seq | $facts | counts($who; $seq; $b.signers)))
        | .value |= .places)) as $read
  | any($read | keys[] as $a | keys[] as $b | select($a != $b and ($a | IN($custodians[])))
    | $read[$a] - $read[$b] == $read[$a]; .);
# Two custodians typed three groups of an address each, none of them the same, before anybody approved.
def typed_back($b): custodians as $custodians | . as $facts | (.typed | with_entries(.key as $who
    | select(($who | IN($custodians[])) and ($who | IN($facts.present[])))
    | .value |= ([.[] | select(.seq as $seq | $facts | counts($who; $seq; $b.signers)) | .of] | unique)
      | select(.value
      | length >= 3))) as $typed
  | (authorization | [(.payments // [])[].destination] as $paid | if $paid != [] then $paid else [.address
    | values] end) as $addresses
  | [range(0; $addresses | length) as $i | range(0; ($addresses[$i] | length) + 3; 4)
    | select(. < ($addresses[$i] | length))
    | "\($i + 1) \(. / 4 + 1)"] as $there
  | ($typed | map_values(. - (. - $there)) | with_entries(select(.value | length >= 3))) as $typed
  | any($typed | keys[] as $a | keys[] as $b | select($a != $b) | $typed[$a] - $typed[$b] == $typed[$a]; .);
def from_outside($b):
  row("AIR-01"; "room-item"; (.room | length) == 6 and ($mark == "practice" or .excepted["AIR-01"]
    or all(.room[]; . == "yes")); "the room was not as it must be"), before("clock"; "ASM-04"; "closed"),
  row("ASM-05"; "slip-read"; .number == 1 or slips($b); "two people did not read their closing slips"),
  row("ASM-01"; "slip-read"; [.watch, .read[.number - 1 | tostring] // {} | keys[]] - .present == [];
    "who read was not there");

# --- Shares and the vault -----------------------------------------------------------------------------------

def examined($e): before("machine"; "AIR-02"; $e.type), before("self-tests"; "SET-09"; $e.type);
def only_alone($e): if alone_only and ($e.type | IN("generated","quorums","authorized","agreed","armed",
    "recovered",    "imported","signing","hsm-signed","absent","checked","exported"))
  then row("STO-10"; $e.type; false; "a share was combined or used") else empty end;
def only_reshared($e): if .kind == "reshare" and ($e.type
  | IN("alone","authorized","agreed","armed","imported","signing",
    "hsm-signed","absent","checked","exported"))
  then row("SIG-08"; $e.type; false; "shares were opened for something else") else empty end;
def ordered($e): $e.body as $b | (.orders + [$b.order, $b.identifier]) as $all
  | row("AUT-01"; "ordered.order"; $b.order == .sums["share-order"]; "not the order of this ceremony"),
    row("AUT-01"; "ordered.kind"; [.kind, $b.kind] | IN(["reseal","reseal"], ["reshare","reshare"],
      ["keygen","new-key"]); "an order of another kind"),
    (document(.folder; .names["share-order"] // "" | rtrimstr(".json")) // {}) as $o
    | row("AUT-01"; "ordered"; [$b | .identifier, .kind, .positions] == [$o | .identifier, .kind, .positions];
      "it says something else than its file"),
    row("AUT-01"; "share-order"; $o.mark == $mark and $o.genesis == $genesis and $o.charter == .charter
      and $o.key_record == .key_record; "of another charter or set"),
    row("AUT-04"; "share-order"; $o.not_before <= $e.time and $e.time <= $o.expires; "not valid then"),
    row("AUD-10"; "share-order.register_head"; earlier($o.register_head); "a head that was not there"),
    row("AUT-05"; "ordered"; ($all | unique | length) == ($all | length);
      "a share order that was used before"),
    row("AUT-02"; "ordered"; who_signed("share-order") | has_all(["cfo","cto"]);
      "CFO and CTO did not both sign it");
# Whose custodian is the same person since the charter of the set in use: who has another name and key is not.
def stayed: (document(.key_folder; "key-record").charter) as $digest
  | [.charters[([.charters[].digest] | index($digest)) // 0:][] | document(.folder; "charter").people
    | map({(.person): .}) | add] as $since
  | [range(1; $since | length) as $i | $since[$i - 1] as $old | $since[$i] as $new | $old | keys[]
    | select($new[.] == null or ($old[.].name != $new[.].name and $old[.].key != $new[.].key))] as $moved
  | [$since[0] | keys[] | select(length == 2)] | [.[] | select($since[-1][.] != null)] - $moved | sort;
def resharing($e): examined($e), row("SIG-08"; "resharing";
  .kind == "reshare" and $e.body.key_record == .key_record
  and $e.body.order == .sums["share-order"]; "another set, or another order"),
  row("SIG-08"; "resharing.positions"; ($e.body.positions
    | sort) == stayed; "others than those who had the shares");
def alone($e): examined($e), row("STO-10"; "alone.key_record"; $e.body.key_record == .key_record;
  "shares of another set");
# The numbers that a share can have: the last proven one, and any begun after it.
def acceptable($b): (if .kind == "transfer" then .opens else .key_record end // "") as $record
  | .sealings["\($b.position) \($b.number)"].set == $record[:20]
    and ($b.number | number) >= ([.proved["\($b.position) \($record[:20])"], 1] | max);
def unlocked($e): $e.body as $b
  | row("AUT-01"; "unlocked"; .kind != "reseal" or (.named | index($b.position));
    "a share that no order names"),
    row("STO-01"; "unlocked"; .looked[$b.position] != null; "its bag was not looked at"),
    (if alone_only then row("STO-10"; "unlocked"; .alone == []; "not opened alone")
    else row("SIG-08"; "unlocked"; .armed and (.openers | index($b.position));
      "the vault was not armed for it"), before("import-path"; "AIR-07"; "unlocked") end),
    row("SIG-08"; "unlocked"; alone_only or (.unlocked | index($b.position) | not); "unlocked twice"),
    row("REC-12"; "unlocked.number"; acceptable($b); "not the newest sealed share");
def recovered($e): $e.body as $b | (if .kind == "transfer" then .opens else .key_record end) as $digest
  | key_record_doc($digest) as $record | ($b.positions + $b.spares) as $used
  | row("REC-01"; "recovered.positions"; ($used | unique | length) == ($used
    | length) and ($used - .unlocked) == []
      and (.kind != "transfer" or (.unlocked - $used) == []) and ($record == null or ($b.positions
        | enough($record.plan))); "not a quorum of the shares that were unlocked"),
    row("REC-06"; "recovered.accounts"; ($b.accounts | sort) == ([($record.accounts // [])[].name] | sort);
      "not every account of the key record"), before("unlocked"; "REC-01"; "recovered"), row("SIG-08";
        "recovered"; .armed; "the vault is not armed");
def sealing($e): $e.body as $b | ($b.number | number) as $number
  | row("REC-12"; "sealing.number"; ($b.number | is(numeral)) and $number > (.numbers[$b.position] // 0);
      "a number that was used before"),
    row("REC-12"; "sealing.sha256"; all(.sealings[]; .sha256 != $b.sha256); "a sealed share of before"),
    row("GEN-10"; "sealing.medium"; [$b.medium] - document(.in_force; "charter").media == [];
      "not a medium of the charter"),
    row("STO-05"; "sealing"; .script == null or (.script.kdf_floor[$mark] as $floor
      | document(.in_force; "charter").kdf as $kdf
      | ["light","standard","strong"] | index($kdf) >= index($floor));
      "under a weaker KDF profile than its script has"),
    row("GEN-10"; "sealing.token"; ($b.medium == "token") == ($b.token != null);
      "a token is named for a token alone"),
    row("GEN-10"; "sealing.token"; $b.token == null or all(.sealings[]; .token != $b.token or .removed
      or .position == $b.position or .set != $b.set_identifier); "somebody else's share lies on it"),
    row("REC-10"; "sealing.token"; $b.token == null or any(.tokens[]; . == [$b.position, $b.token]);
      "a token that was not opened"), row("AUT-01"; "sealing"; .kind != "reseal" or (.named
      | index($b.position)); "a share that no order names"),
    row("SEC-05"; "sealing"; .kind != "reshare" or $b.set_identifier != (.key_record // "")[:20];
      "a share of the old set was locked again"),
    row("SEC-01"; "sealing"; .kind != "reseal" or .seen["chosen"] != null;
    "sealed before its custodian chose"),
    row("STO-01"; "sealing"; $b.set_identifier == set_in_hand($b.position);
      "of another set than was opened or made");
def proven($e): row("SEC-01"; "proven"; .open[$e.body.position] == "\($e.body.number) \($e.body.sha256)";
  "not the share that was locked");
def older($e): $e.body as $b | last("SEC-01"; "\($e.type).number"; ($b.number
  | number) < (.proved[share_of($b)] // 0); "not an older sealed share");
def destroyed($e): row("SEC-05"; "destroyed.numbers"; $e.body as $b | .sealings as $all | $b.numbers != []
  and all($b.numbers[]; $all["\($b.position) \(.)"].set == $b.set_identifier); "not sealed shares of it"),
  row("SEC-05"; "destroyed"; set_signed and ([$e.body.set_identifier] - [.key_record[:20], .voided[]]) == [];
  "a share of a set that is not retired");
# Quorums: of each site every choice of its threshold; of sites every choice of theirs; of each of these all
# choices.
def choose($n; $k): reduce range(0; $k) as $i (1; . * ($n - $i) / ($i + 1));
def quorums($e): document(.folder; "key-record").plan as $plan | ($plan.site_threshold | number) as $k
  | [($plan.sites // [])[] | choose(.members | number; .threshold | number)] as $of
  | (reduce $of[] as $one ([1]; . as $sum | [range(0; length + 1) | (if . < ($sum
    | length) then $sum[.] else 0 end)
    + (if . > 0 then $sum[. - 1] * $one else 0 end)]) | .[$k]) as $stand_for
  | row("GEN-07"; "quorums"; [$e.body | .of_sites, .whole, .stand_for] == [$of
    | add, choose(length; $k), $stand_for
      | tostring]; "not those of the plan");
def generated($e): key_record_fits($e.body; .made), examined($e), (if .kind == "reshare"
  then ["SEC-05", .key_record, "recovered"]
  else ["GEN-08", null, "new"] end) as [$control, $follows, $made]
  | row($control; "key-record.follows"; document(.folder; "key-record").follows == $follows;
    "not the one in use"),
    (if .kind == "reshare" then before("recovered"; "REC-06"; "generated") else empty end),
    row("REC-06"; "generated.made"; $e.body.made == $made; "another secret");

# --- Policies: what counts, from when -----------------------------------------------------------------------

# The newest policy that counts whole at this time, of those whose waits are given; the first one always does.
def floor_of($over; $now): first(range(($over | length) - 1; 0; -1) | select($over[.] <= $now)) // 0;
# Of each policy, when the wait is over of what it loosened: as long as the greatest cool-off in force
# meanwhile.
def waits: [.policies[] | .since |= fromdateiso8601] as $all
  | reduce range(0; $all | length) as $i ([]; $all[$i].since as $start
    | ([$all[floor_of(.; $start):$i + 1][].hours] | max) as $hours
    | . + [$start + 3600 * reduce $all[$i + 1:][] as $later ($hours;
        if $later.since < $start + . * 3600 then [., $later.hours] | max else . end)]);
# Limits at a time: of each the strictest since the newest policy whose wait is over.
def strictest($time): .policies[floor_of(waits; $time | fromdateiso8601):] | map(document(.folder; "policy"))
  | . as $all | reduce ("per_transfer","per_window","fee_cap","validity_days") as $name ({};
      .[$name] = ([$all[][$name] | if $name == "validity_days" then number else units end] | min))
  | reduce ("window_days","cool_off_hours") as $name (.; .[$name] = ([$all[][$name] | number] | max));
def cool_off($time): if .policies == [] then 0 else strictest($time).cool_off_hours end;
def place: {chain, network, destination};
def lists($payee): any(document(.folder; "policy").payees[]; .name == $payee.name and place == ($payee
  | place));
# From when a payee can be paid: since the first policy of the unbroken run that lists it, and the wait of
# that one.
def payable_from($payee): .policies as $all | waits[($all | length) - 1
  | until(. == 0 or ($all[. - 1] | lists($payee) | not); . - 1)];
def within_policy($e; $a): strictest($e.time) as $most | ([$a.payments[].amount | units] | add // 0) as $sum
  | ($e.time | fromdateiso8601) as $now | document(.rules; "policy") as $rules
  | row("AUT-06"; "authorization.payments"; all($a.payments[]; . as $one
      | any($rules.payees[]; .name == $one.payee and place == ($a + $one | place)));
      "to a payee that the policy does not list"),
    row("AUT-06"; "authorization.payments"; . as $facts | all($rules.payees[]
      | select(.name | IN($a.payments[].payee)); . as $payee | $facts | payable_from($payee) <= $now);
      "to a payee who is in the cool-off"),
    row("AUT-07"; "authorization.payments"; $sum <= $most.per_transfer and all($a.payments[]; .amount
      | units >= 1); "above the limit of one transfer"),
    row("AUT-07"; "authorization.payments"; ([.held[] | select(.gone | not) | .spent[]
      | select((.time | fromdateiso8601) > $now - $most.window_days * 86400) | .amount] | add // 0) + $sum
      <= $most.per_window; "above the limit of its window"),
    row("AUT-07"; "authorization.fee_cap"; ($a.fee_cap | units) <= $most.fee_cap;
      "above the fee cap"),
    row("AUT-07"; "authorization.expires"; ($a.expires | fromdateiso8601) - ($a.not_before | fromdateiso8601)
      | . > 0 and . <= $most.validity_days * 86400; "valid for too long");
# A policy that is to count is of this register and of the charter that counts with it, and follows the one
# before it.
def policy_follows($b): if (takes_policy | not) or .sums.policy == .policy then empty
  else document(.folder; "policy") as $new | document(.rules; "policy") as $old
  | (if $b.outcome == "amended" and .epoch == .folder then .sums.charter else .charter end) as $charter
  | row("AUT-01"; "policy"; $new.mark == $mark and $new.genesis == $genesis and $new.charter == $charter;
      "of another charter"),
    row("AUT-01"; "policy"; $new.previous == .policy and ($new.number | number) == (if $old
      then ($old.number | number) + 1 else 0 end); "it does not follow the one in force"),
    row("AUT-06"; "policy.payees"; all($new.payees[]; . as $one | .added == ([($old.payees // [])[]
      | select(.name == $one.name and place == ($one | place)) | .added] + [$new.issued])[0]);
      "a payee that was added on another day") end;

# --- Transfers and receipts ---------------------------------------------------------------------------------

# An authorization that an officer revoked is never granted or signed for afterwards.
def unrevoked($e; $digest): row("AUT-04"; $e.type; .revoked[$digest // ""] == null;
  "the authorization was revoked");
# Each payee was confirmed by somebody else than the requester; a transfer that pays nobody needs no
# confirmation.
def confirmed: .folder as $folder | .names as $names
  | (document($folder; $names.authorization // "" | rtrimstr(".json")) // {}) as $wanted
  | document($folder; $names.confirmation // "" | rtrimstr(".json")) as $heard
  | row("AUT-08"; "confirmation"; $heard == null or $wanted.requester != $heard.checker;
    "by the requester alone"), row("AUT-08"; "confirmation"; $heard == null
      or [$heard.calls[] | {payee, destination, amount}] == $wanted.payments; "not of every payment");
def confirmed_by_whom: .folder as $folder | .names as $names
  | (document($folder; $names.authorization // "" | rtrimstr(".json")) // {}) as $wanted
  | document($folder; $names.confirmation // "" | rtrimstr(".json")) as $heard
  | row("AUD-02"; "confirmation"; if $heard then who_signed("confirmation") | index($heard.checker)
      else ($wanted.kind | IN("consolidation","sweep")) and $wanted.payments == [] end;
        "the payees were not confirmed");
# BRD-06: it replaces what is outstanding, and no other outstanding transfer pays the same payee or address.
def authorization_says($e; $a): $e.body as $b
  | "identifier payments fee_cap replaces key_record to address" as $fields
  | row("AUT-01"; "authorized"; [$fields | split(" ")[] as $one | $b[$one]] == [$fields
    | split(" ")[] as $one | $a[$one]]; "it says something else than its file"),
    row("AUT-01"; "authorization"; $a.mark == $mark and $a.genesis == $genesis and $a.charter == .charter
      and $a.policy == .policy and any(document(.in_force; "charter").accounts[]; .name == $a.account
        and .chain == $a.chain and .network == $a.network); "of another charter, policy or account"),
    row("AUT-04"; "authorization"; $a.not_before <= $e.time and $e.time <= $a.expires; "not valid then"),
    row("AUD-10"; "authorization.register_head"; earlier($a.register_head); "a head that was not there"),
    row("AUT-05"; "authorized"; .number as $number | all(.used[$b.authorization, $b.identifier];
      . == null or . == $number); "it was used before"),
    (if .policies == [] or $a.policy != .policy then empty else within_policy($e; $a) end);
def granted($e): $e.body as $b | ($b.replaces // []) as $replaces | [($b.payments // [])[]
  | .payee, .destination] as $pays
  | ([.held[] | select(.txid | IN($replaces[]))]) as $named | [$named[].coins[]] as $coins
  | row("AUT-01"; "authorized.to"; $b.to == null or ($b.to == .key_record
    and ([$b.key_record] - .formers) == []); "a sweep from or to another key"),
    row("AUT-01"; "authorized.authorization"; $b.authorization == .sums.authorization;
      "not the authorization's file"),
    row("BRD-06"; "authorized.replaces"; all($named[]; outstanding) and ($named | length) == ($replaces
      | length); "it replaces what is not outstanding"),
    row("BRD-06"; "authorized.payments"; all(.held[] | select(outstanding and (.txid | IN($replaces[])
      | not)); (.pays - $pays) == .pays and (.coins - $coins) == .coins);
      "a signed transfer to the same payee is outstanding, and not replaced"),
    ((authorization.aware_of // []) as $aware | row("BRD-06"; "authorization.aware_of"; all(.held[]
      | select(.unsure and (.pays == [] or (.pays - $pays) != .pays)); .number | tostring | IN($aware[]));
      "a voided transfer may have paid the same, and its signers do not say that they know")),
    unrevoked($e; $b.authorization), authorization_says($e; authorization), confirmed;
def agreed($e): $e.body as $b | .replaces as $replaces | before("authorized"; "TXN-01"; "agreed"),
  row("TXN-01"; "agreed.coins"; $b.coins != [] and all($b.coins[]; is("[0-9a-f]{64}:(0|[1-9][0-9]{0,9})"));
    "not the names of coins"),
  row("SIG-06"; "agreed.request"; $b.request == .sums.request; "not the request's file"),
  row("TXN-12"; "agreed.fee"; ($b.fee | units) <= (authorization.fee_cap | units)
    and (.policies == [] or ($b.fee | units) <= strictest($e.time).fee_cap); "above the fee cap"),
  row("BRD-06"; "agreed.coins"; all(.held[] | select(.gone | not);
    ((.coins - $b.coins) == .coins) == (.txid | IN($replaces[]) | not));
    "a coin that another transfer holds, or none of what it replaces");
def of_request($e): row("SIG-06"; "\($e.type).request"; $e.body.request == .request; "another request");
def armed($e): of_request($e), examined($e),
  row("SIG-02"; "reviewed"; .lost as $lost | .reviewed as $reviewed | .blind as $blind
    | all(($e.body.positions + ["witness"] - $lost)[]; IN($reviewed[]) and (IN($blind[]) | not));
    "approved before it was reviewed, or not reviewed"),
  row("SIG-02"; "armed"; (if document(.epoch; "charter").officers_approve == "yes" then ["cfo","cto"]
    else [] end) as $officers
    | .lost as $lost | .approved | has_all($e.body.positions + ["witness"] + $officers - $lost);
      "not everyone who must has approved");
def imported($e): {DECRYPT: "false", DERIVE: "false", EXTRACTABLE: "false", MODIFIABLE: "false",
  PRIVATE: "true",
    SENSITIVE: "true", SIGN: "true", SIGN_RECOVER: "false", TOKEN: "false", UNWRAP: "false"} as $must
  | $e.body.attributes as $is
  | row("REC-09"; "imported.attributes"; ($is | keys) == ($must
    | keys + ["AES key","ALWAYS_SENSITIVE","LOCAL", "NEVER_EXTRACTABLE","origin"] | sort) and all($must
        | keys[]; $is[.] == $must[.]); "not those of a key that signs");
def nonces($e): [$e.body.signatures[] | {r: .raw[:64], of: "\($e.body.request) \(.input) \(.raw)"}] as $new
  | row("SIG-05"; "hsm-signed.signatures"; .nonces as $old | all($new[]; $old[.r] == null or $old[.r] == .of)
      and ($new | unique | [.[].r] | length == (unique | length)); "an r appears twice");
def hsm_signed($e): of_request($e), row("SIG-03"; "hsm-signed.signatures"; ([$e.body.signatures[].path]
  | unique) == .paths;
    "by other keys than those that were imported"), before("signing"; "SIG-08"; "hsm-signed"), nonces($e);
def checked($e): before("absent"; "SEC-03"; "checked"), row("SIG-03"; "checked"; $e.body.txid == .agreed.txid
  and $e.body.fee == .agreed.fee; "another transaction than was agreed");
def settled($e): $e.body as $b | .sighted as $seen | ([.held[] | select(.txid == $seen.txid)]
  | .[0].coins // []) as $coins
  | row("BRD-06"; "settled"; $b.by == $seen.txid and ($seen.confirmations | number) >= 6
      and ([.held[] | select(.number == ($b.ceremony | number) and .txid == $b.txid and (.gone | not)
        and (.coins - $coins) != .coins)] | length == 1); "it settles what it does not");

# --- Amendments: a later charter follows, keeps what the key stands on, and is signed as its predecessor
# demands ------

def successors($lost; $who): ($who | has_all(["cfo","cto","witness"] - [$lost])) and quorum($who);
def itself($out): del(.number, .previous, .issued) | .people |= map(select(.person != $out));
def keys_of($charter): $charter.people | map({(.person): .key}) | add // {};
# Which way a later charter goes, field by field, as docs/formats.md has it: what loosens waits for the
# cool-off in force, by a proposal of its own; until then the one before it counts.
def by(f): map({(f): .}) | add // {};
def members($old; $new; f): ($old // [] | by(f)) as $old | ($new // [] | by(f)) as $new
  | if any($new | keys[]; $new[.] != $old[.]) then "looser" else empty end,
    if ($old | keys) - ($new | keys) != [] then "stricter" else empty end;
def numbers($old; $new; $looser): ($new | number) - ($old | number)
  | if . == 0 then empty elif . * $looser > 0 then "looser" else "stricter" end;
def ways($old; $new): numbers($old.site_threshold; $new.site_threshold; -1),
  numbers($old.vault_minutes; $new.vault_minutes; 1),
  numbers($old.hsm.certificate.level; $new.hsm.certificate.level; -1),
  (("officers_approve","pin_halves") as $name
    | if $old[$name] == $new[$name] then empty elif $new[$name] == "no" then "looser" else "stricter" end),
  members($old.accounts; $new.accounts; .name), members($old.media; $new.media; .),
  members($old.devices; $new.devices; "\(.vendor) \(.product) \(.serial)"),
  members($old.exceptions; $new.exceptions; .control),
  ([$old, $new] | map([.sites[] | .letter]) | if .[0] != .[1] then empty else
    ($old.sites | by(.letter))[] as $site | numbers($site.threshold; ($new.sites | by(.letter))[$site.letter]
      .threshold; -1) end),
  ([$old, $new] | map({room, scheme, kdf, boot, people, hsm: .hsm | del(.certificate.level),
      sites: [.sites[] | del(.threshold)]}) | if .[0] == .[1] then empty else "looser" end);
def loosens($old; $new; $time): cool_off($time) > 0 and any(ways($old; $new); . == "looser");
def one_way($old; $new; $time): row("STO-07"; "charter"; (loosens($old; $new; $time)
  and any(ways($old; $new); . == "stricter")) | not; "it loosens one thing and tightens another");
def counts_from($proposal; $new; $time): ([$proposal.ended, $new.issued] | max | fromdateiso8601)
  + 3600 * ([$proposal.hours, cool_off($time) | number] | max) | todateiso8601;
def amends($counts): document(.in_force; "charter") as $old
  | (document(.folder; "charter") // {people: []}) as $new
  | who_signed("charter") as $who | lost_officer as $lost | keys_of($old) as $was | keys_of($new) as $is
  | row("STO-07"; "charter"; .kind == "amend" and .sums.charter != null and .epoch != .folder
    and $new.previous == .charter
      and $new.number == (($old.number | tonumber) + 1 | tostring); "it does not follow the one in force"),
    row("STO-07"; "charter"; ([$old, $new] | map({mark, organisation}) | .[0] == .[1])
      and ($old | itself("")) != ($new | itself("")); "it changes what no amendment changes, or nothing"),
    row("STO-07"; "revoked"; (.told.revoked // [] | sort) == [$was | keys[] | select($counts
      and $was[.] != $is[.])]; "other keys are revoked"),
    row("STO-07"; "granted"; (.told.granted // [] | sort) == [$is | keys[] | select($counts
      and $was[.] != $is[.])]; "other keys are granted"),
    row("STO-07"; "charter"; $lost == null or ($lost != "" and ($old | itself($lost)) == ($new
      | itself($lost)) and successors($lost; $who)); "not signed as its predecessor demands");
def told($e): row("STO-07"; $e.type; $e.actor == (if $e.body.person == "administrator" then "witness"
  else "administrator" end); "entered by its subject, or by nobody");
def proposed($e): $e.body as $b | lost_officer as $lost | amends(false),
  (document(.in_force; "charter") as $old | document(.folder; "charter") as $new
    | if $lost != null then empty else one_way($old; $new; $e.time),
      row("STO-07"; "proposed"; loosens($old; $new; $e.time); "nothing in it is looser") end),
  row("STO-07"; "proposed"; $b.lost == $lost and $b.charter == .sums.charter
    and .sums.policy == null
    and $b.not_before == (($e.time | fromdateiso8601) + cool_off($e.time) * 3600 | todateiso8601);
    "another proposal than its charter");
def amended($e): $e.body as $b | lost_officer as $lost | amends(true),
  row("STO-07"; "amended"; $b.charter == .sums.charter and $b.number == document(.folder; "charter").number;
    "another charter than its file"),
  (if $lost == null then document(.in_force; "charter") as $old | document(.folder; "charter") as $new
    | one_way($old; $new; $e.time), (if loosens($old; $new; $e.time) then
      [.proposals[] | select(.charter == $b.charter)][0] as $p
      | row("STO-07"; "amended"; $p != null and $e.time >= counts_from($p; $new; $e.time);
        "its cool-off is not over") else empty end)
  else (document(.folder; "succession") // {}) as $said
    | .proposals[$said.proposed // ""] as $p
    | row("STO-07"; "succession"; .sums.succession != null and $p != null and $p.charter == $b.charter
        and $said.charter == $b.charter and $said.genesis == $genesis and $said.mark == $mark;
          "of no such proposal"),
      row("STO-07"; "succession"; $said.proposed_at == $p.time and $said.cool_off_hours == $p.hours
        and $said.issued >= $p.not_before and $e.time >= $p.not_before; "its cool-off is not over"),
      row("STO-07"; "succession"; successors($lost; who_signed("succession"));
        "not signed by all who must") end);

# --- How each kind of ceremony ends -------------------------------------------------------------------------

# Everyone who was there signed for these purposes, at the end over what was done; "I do not agree, because
# ..." is a valid signed answer there.
def everyone_signs($purposes): everyone as $here | .declined as $declined | .newest as $newest
  | ($purposes[] as $purpose | row("AUD-02"; $purpose; who_signed($purpose)
      | has_all(if $purpose == "adjournment" then $here - $declined else $here end);
        "not signed by everyone")),
    row("AUD-02"; "adjournment"; [.signed[] | select(.said >= $newest and (.purpose == "adjournment"
      or (.purpose == "disagreement" and (.by | IN($declined[]))))) | .by] | has_all($here);
        "not over everything that was done");
def was_there($who; $control): row($control; "present"; .lost as $lost | everyone | has_all($who - $lost);
  "not everyone was there");
def a_custodian_was_there: custodians as $all | row("ASM-01"; "present"; $all - everyone != $all;
  "no custodian was there");
def locked_again: row("SEC-01"; "closed"; .waiting == {}; "a share was not locked again");
def signed_by($purpose; $who): row("AUD-02"; $purpose; .lost as $lost | who_signed($purpose)
  | has_all($who - $lost); "not signed by all who must");
def bagged: row("SEC-02"; "closed"; all(.looked[]; . != "open"); "a share lies in no bag"),
  row("STO-02"; "closed"; .kind != "transfer" or (.cut | not) or .excepted["STO-02"];
    "a bag was not intact, and nobody excepted that");

def void: row("BRD-06"; "closed"; .seen["signing"] == null and .seen["hsm-signed"] == null;
  "void, but the HSM may have signed"), row("GEN-14"; "closed"; .kind != "reshare" or (set_signed | not);
    "void, but everyone had signed the key record");
def set_made($b): custodians as $custodians | . as $facts
  | from_outside($b), before("quorums"; "GEN-07"; "closed"), was_there($custodians + staff; "ASM-01"),
  row("GEN-14"; "proven"; [.proven[].position] | has_all($custodians); "a share was not proven"),
  row("SEC-02"; "bag-closed"; .looked | keys | has_all($custodians); "a share lies in no bag"),
  before("generated"; "GEN-08"; "closed"),
  (if .kind == "reshare" then document(.key_folder; "key-record") as $old | document(.folder;
    "key-record") as $new
    | row("REC-06"; "key-record.accounts"; $new.accounts == $old.accounts; "not those of the same key"),
      row("GEN-08"; "key-record"; $new.charter == .charter and $new.genesis == $genesis; "of another charter")
  else ("charter", "policy") as $p | select(.rules == "" or .sums[$p] != null) | signed_by($p;
    ["cfo","cto","witness"]) end), everyone_signs(["opening","key-record","adjournment"]);
def carried_out($b): .positions as $positions | from_outside($b), before("exported"; "EXP-01"; "closed"),
  row("TXN-06"; "typed-back"; .nobody_paid or typed_back($b); "not by two custodians"),
  was_there(staff; "ASM-03"), was_there($positions; "ASM-01"), confirmed, confirmed_by_whom,
  everyone_signs(["opening","adjournment"]), signed_by("authorization"; ["cfo","cto"]);
def attacks: ["AIR-05","AIR-06","ASM-01","AUD-10","AUT-02","AUT-04","AUT-05","AUT-06","AUT-07","GEN-10",
  "REC-02",
  "REC-03","REC-05","REC-12","REC-13","TXN-06","TXN-09"];
def drilled($b): row("DRL-03"; "drilled.attack"; .drilled == null or (.drilled.attack
  | IN(attacks[])); "not of the closed list"), from_outside($b), before("rehearsed"; "DRL-02";
  "closed"), before("drilled"; "DRL-01"; "closed"), was_there(staff; "ASM-03"),
  row("DRL-03"; "closed.outcome"; $b.outcome == (if .drilled.caught == "yes" then "drill held"
    else "drill failed" end); "not as it was told"),
  row("DRL-03"; "drilled.attack"; .drilled.caught != "yes" or ([.drilled.attack] - .rehearsed) == [];
    "the attack was not caught");
def checked: .looked_at as $looked | custodians as $all | locked_again,
  row("STO-10"; "health"; ($looked | unique) == ([.listed | to_entries[] | select(.value == "health") | .key]
    | sort); "a record that nothing came of"),
  row("ASM-01"; "present"; ($looked != [] and (.present | has_all(staff))) or $all - everyone != $all;
    "no custodian was there"), everyone_signs(["opening","adjournment"]);
def resealed: before("ordered"; "AUT-01"; "closed"), locked_again, was_there(["witness"];
  "ASM-03"), a_custodian_was_there, everyone_signs(["opening","adjournment"]);
# The receipt says of the transfer what the register says of it, and the entries what the receipt says.
def receipt: (document(.folder; .names.receipt // "" | rtrimstr(".json")) // {}) as $r | . as $facts
  | [.held[] | select(.txid != "" and .txid == $r.txid)][0] as $of | before("sighting"; "BRD-03"; "closed"),
  row("BRD-03"; "receipt"; $of != null and $r.mark == $mark and $r.genesis == $genesis
    and $r.ceremony == ($of.number | tostring)
      and $r.authorization == $of.authorization; "of no transfer of this register"),
  row("BRD-03"; "receipt"; $r.confirmations | is("[1-9][0-9]{0,9}"); "in no block"),
  row("BRD-03"; "sighting"; ($r.nodes | length >= 1 and (unique | length) == length)
    and .sightings == [$r.nodes[] | [., $r.txid, $r.block_hash, $r.block_height, $r.confirmations]];
      "not what the receipt says"),
  row("BRD-04"; "receipt"; custodians as $all | who_signed("receipt") | map(select(IN($all[])))
    | length >= 2 and (. - [$r.broadcaster]) != [];
      "not signed by two custodians, one of them not the broadcaster"),
  row("BRD-03"; "sighting"; $mark == "practice" or (.nodes | length >= 2); "one node alone showed it"),
  row("BRD-04"; "receipt"; who_signed("receipt") | length >= 2; "fewer than two people signed it");
def dated: . as $facts | ("charter","policy") as $kind | select(.sums[$kind] != null)
  | row("ASM-04"; $kind; .took[$kind] >= .block_seen; "before a block that people of this register saw"),
    row("AUT-06"; $kind; document(.folder; $kind).issued <= $facts.took[$kind]; "dated after the amendment");
def amendment: dated, row("STO-07"; "closed"; .proposed == null and (if .sums.charter == null
  then .sums.policy != null else .epoch == .folder end); "nothing counts by it"),
  (if .sums.policy == null then empty else signed_by("policy"; ["cfo","cto","witness"]) end);

# Each outcome that a kind of ceremony can have.
def outcome($b): (if $b.outcome == "void"
  then empty else policy_follows($b) end), ([.kind, $b.outcome] as $how | if $b.outcome == "void" then void
  elif $how | IN(["keygen","key record signed"], ["reshare","set reshared"]) then set_made($b)
  elif $how == ["transfer","carried out"] then if by_form($b) then empty else carried_out($b) end
  elif $how | IN(["drill","drill held"], ["drill","drill failed"]) then drilled($b), checked
  elif $how == ["check","shares checked"] then checked
  elif $how == ["custody","custody recorded"] then row("AUD-08"; "custody"; (.seen["custody"] != null
    or .suspending) and ([.listed[] | select(. == "custody")] | length) == .taken_here;
      "a record was not taken in whole")
  elif $how == ["reseal","shares resealed"] then resealed
  elif $how == ["receipt","receipt"] then receipt
  elif $how == ["receipt","excepted"] then row("BRD-05"; "closed"; .excepted["BRD-05"];
    "without a receipt or an exception")
  elif $how == ["amend","amended"] then amendment
  elif $how == ["amend","proposed"] then row("STO-07"; "closed"; .proposed != null and .epoch != .folder
    and .told == {}; "nothing was proposed, or it counts already")
  else row("AUD-08"; "closed.outcome"; false; "one that its kind cannot have") end);
def end_signers($b): (if $b.outcome == "void" then staff elif .script.ends == [] then .present
  else .script.ends // null end) as $who
  | .lost as $lost | if $who == null then null else $who | stand_in($lost) end;
def closed($e): $e.body as $b | end_signers($b) as $who
  | row("SET-10"; "closed"; (by_form($b) | not) or .seen["signing"] != null;
    "carried out by a form, but nothing was signed"),
    (if $b.outcome == "void" or by_form($b) then empty else bagged end), outcome($b),
    row("AUD-02"; "disagreed"; $b.outcome == "void" or unsaid == []; "not signed by who disagreed"),
    last("AUD-02"; "closed.signers"; $b.signers != [] and ($who == null or ($b.signers | unique) == $who);
      "not those who sign its end"),
    last("SET-01"; "script"; .sums.script != null; "not in the list of files"),
    last("SET-10"; "loss.form.aside"; .kept == null or .kept.name == null;
      "what the form of the loss says was kept aside is not listed"),
    last("SET-06"; "closed"; .script == null or $b.outcome == "void" or by_form($b) or .done == (.script.steps
      | length); "before the last step");
def step: row("AUD-02"; "step"; .lost as $lost | .phase == {} or any(.phase[]; has_all(staff - $lost));
  "not signed by administrator and witness");
def exception($e): $e.body as $b | document(.folder; $b.file | rtrimstr(".json")) as $form
  | row("SET-06"; "excepted"; ($b.control | IN(exceptions[])) and .listed[$b.file] == "exception";
    "no form allows it"),
    row("SET-06"; "excepted.file"; $form.control == $b.control and $form.ceremony == (.number | tostring);
      "the form of another exception"),
    row("SET-06"; "excepted"; who_signed("exception"; $b.file) | has_all(["cfo","cto"]);
      "CFO and CTO did not both sign it");

def exported($e): before("checked"; "SIG-03"; "exported"), locked_again,
  # Its manifest names a part of the transcript and the policy history, which is not written here: "bundle" is
  # not held.
  row("EXP-01"; "exported.names"; $e.body.names ==
    ["approvals.jsonl","authorization.json","authorization.signatures",
    "policy-history.json","request.psbt","transaction","transcript.jsonl","manifest.json"];
      "not the files of a bundle");

# --- All of them --------------------------------------------------------------------------------------------

def of_its_type($e): $e.type as $t | if $t == "signature" then signature($e) elif $t == "file" then file($e)
  elif $t == "refusal" then empty elif $t == "opened" then opened($e) elif $t == "resumed" then resumed($e)
  elif $t == "step" then step elif $t == "present" then present($e) elif $t == "room-item" then room_item($e)
  elif $t == "clock" then shown($e), clock elif $t == "excepted" then exception($e) elif $t == "closed"
    then closed($e)
  elif $t == "bag-opened" or $t == "bag-closed" then bag($e) elif $t == "custody" then custody_taken($e)
  elif $t == "healthy" or $t == "unhealthy" then look($e) elif $t == "alone" then alone($e)
  elif $t == "ordered" then ordered($e) elif $t == "resharing" then resharing($e)
  elif $t == "unlocked" then unlocked($e) elif $t == "recovered" then recovered($e)
  elif $t == "sealing" then sealing($e) elif $t == "proven" then proven($e) elif $t == "destroyed"
    then destroyed($e)
  elif $t == "generated" then generated($e) elif $t == "quorums" then examined($e), quorums($e)
  elif $t == "authorized" then granted($e) elif $t == "agreed" then agreed($e) elif $t == "reviewed"
    then of_request($e), row("TXN-02"; $t; $e.actor
      | IN("witness") or length == 2; "not by a custodian or the witness")
  elif $t == "armed" then armed($e) elif $t == "imported" then before("recovered"; "REC-06"; $t), imported($e)
  elif $t == "signing" then of_request($e), before("imported"; "REC-07"; $t), unrevoked($e; .authorization)
  elif $t == "hsm-signed" then hsm_signed($e)
  elif $t == "absent" then row("SEC-03"; "absent.remaining"; $e.body.remaining == "0";
    "keys are left in the HSM"), row("SEC-03"; "absent.destroyed"; $e.body.destroyed == (.in_hsm
      | tostring); "not the keys that were imported")
  elif $t == "checked" then checked($e) elif $t == "exported" then exported($e)
  elif $t == "removed" or $t == "not-removed" then older($e)
  elif $t == "settled" then settled($e) elif $t == "revoked" or $t == "granted" then told($e)
  elif $t == "proposed" then proposed($e) elif $t == "amended" then amended($e)
  elif $t == "rehearsed" then row("DRL-02"; $t; $e.body.genesis != $genesis and $e.body.took_part != [];
    "no practice elsewhere")
  else empty end;
def comparisons($e): [first(form($e))] as $wrong | if $wrong != [] then $wrong[]
  elif $e.type == "opened" then opened($e)
  else pause($e), only_reshared($e), only_alone($e), own($e), in_vault($e), of_its_type($e), signs_run($e),
    stands($e), self_tested($e), still($e) end;
# What a chain's own bytes say, and no document that people signed: the verdict tells that it was not read.
def not_read($e): {"imported":"paths","hsm-signed":"signatures","checked":"weight","exported":"bundle"}
  | .[$e.type] | values | "N\t\($e.type).\(.)";
# The newest run has to be signed by all whom it names, too.
def end_of_lines: last("AUD-11"; "the newest run"; .due == [];
  "not signed by all whom it names"), stood_still, (if .closed and (.ended
    | not) then vouched(.unended) else empty end), newest_of_run(false);

foreach (inputs, null) as $e (start | .types = ([types[] | {(.): true}] | add);
    if $e == null then .out = [end_of_lines] else [comparisons($e)] as $wrong
    | if $wrong == [] then after($e) | .out += [not_read($e)]
      elif any($wrong[]; startswith("E")) then .out = [$wrong[] | select(startswith("E"))] else after($e)
      | .out += $wrong end end; .out[] | ., (select(startswith("E")) | halt))
