//! `wandward ps` over real processes: with a key in an argument, in a script, in a title, in the environment; of another
//! user; ending while they are read. Each test has a list of processes of its own, and looks at no other.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "tests build their own world and may panic"
)]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use serde_json::Value;
use support::{fingerprint, key, namespace};

/// A folder with keys in files, so that no command line has to hold them, and the output of a script run in it.
struct World {
    folder: tempfile::TempDir,
    keys: Vec<String>,
}

impl World {
    fn new() -> World {
        World { folder: tempfile::tempdir().unwrap(), keys: Vec::new() }
    }

    /// A made-up key, which the script finds in a file of that name.
    fn key(&mut self, kind: &str, name: &str) -> String {
        let key = key(kind, &format!("processes {name}"));
        fs::write(self.path(name), &key).unwrap();
        self.keys.push(key.clone());
        fingerprint(&key)
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        String::from_utf8_lossy(&fs::read(self.path(name)).unwrap()).into_owned()
    }

    fn json(&self, name: &str) -> Value {
        serde_json::from_str(&self.text(name)).unwrap_or_else(|e| panic!("{e}: {}", self.text(name)))
    }

    fn number(&self, name: &str) -> u64 {
        self.text(name).trim().parse().unwrap()
    }

    /// Runs a script; false if there are no namespaces here.
    fn run(&self, script: &str) -> bool {
        let Some(output) = namespace::run(self.folder.path(), script) else { return false };
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert!(output.status.success(), "{said}");
        self.shows_no_key(&said);
        true
    }

    fn shows_no_key(&self, text: &str) {
        for key in &self.keys {
            let hidden = if key.contains("wandb_v1_") { &key[key.len() - 66..] } else { &key[key.len() - 36..] };
            let shown =
                hidden.as_bytes().windows(8).find(|piece| memchr::memmem::find(text.as_bytes(), piece).is_some());
            assert!(shown.is_none(), "a piece of a key is shown: {text}");
        }
    }
}

/// The findings of a report by the fingerprint of their keys.
fn by_key(report: &Value) -> BTreeMap<String, Vec<Value>> {
    let mut by_key: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for finding in report["findings"].as_array().unwrap() {
        let key = finding["key"]["fingerprint"].as_str().unwrap_or("-").to_owned();
        by_key.entry(key).or_default().push(finding.clone());
    }
    by_key
}

#[test]
fn a_key_on_a_command_line_is_found_with_who_shows_it() {
    let mut world = World::new();
    let [argument, script, title, wide] =
        [("legacy", "argument"), ("local-legacy", "script"), ("v1", "title"), ("legacy", "wide")]
            .map(|(kind, name)| world.key(kind, name));
    let environ = world.key("legacy", "environ");
    // An empty argument counts. What is started has its key in an argument, in a script whose program has it in its
    // environment only, in one long string with spaces, and behind 128 KiB.
    let ran = world.run(
        r#"
        sh -c 'sleep 60; :' train '' --wandb_api_key "$(cat argument)" --sha 1 & a=$!
        printf 'cd /\nWANDB_API_KEY=%s sleep 60\n:' "$(cat script)" > inner.sh
        sh -c "$(cat inner.sh)" & b=$!
        sh -c 'sleep 60; :' "train: --epochs 3 --wandb_key $(cat title)" & c=$!
        sh -c 'sleep 60; :' x "$(head -c 130000 /dev/zero | tr '\0' '\377') WANDB_API_KEY=$(cat wide)" & d=$!
        WANDB_API_KEY=$(cat environ) sleep 61 & e=$!
        ready $a wandb_api_key; ready $b WANDB; ready $c train: ; ready $d WANDB; ready $e 'sleep 61'
        echo $a > a; echo $b > b; echo $e > e
        date +%s > now
        code=0; "$WANDWARD" ps --format json > report.json || code=$?; test $code = 1
        code=0; "$WANDWARD" ps --color never > pretty || code=$?; test $code = 1
        code=0; WANDB_API_KEY=$(cat environ) "$WANDWARD" ps --environ --format json > environ.json || code=$?
        test $code = 1
        kill $a $b $c $d
        while kill -0 $a 2>/dev/null || kill -0 $b 2>/dev/null || kill -0 $c 2>/dev/null || kill -0 $d 2>/dev/null; do
            wait $a $b $c $d || true
        done
        "$WANDWARD" ps --format json > clean.json
        "$WANDWARD" ps --environ --format json > note.json
        "#,
    );
    if !ran {
        return;
    }
    let report = world.json("report.json");
    let found = by_key(&report);
    assert_eq!(found.keys().collect::<std::collections::BTreeSet<_>>(), [&argument, &script, &title, &wide].into());
    assert!(found.values().all(|places| places.len() == 1), "{report:#}");
    for (key, pid, number) in [(&argument, "a", 6), (&script, "b", 2)] {
        let finding = &found[key][0];
        assert_eq!((&finding["rule"], &finding["severity"]), (&"key-in-process".into(), &"error".into()));
        let location = &finding["location"];
        assert_eq!((&location["kind"], &location["path"]), (&"process".into(), &"sh".into()));
        assert_eq!(location["pid"], world.number(pid));
        assert_eq!(location["ppid"], 1);
        assert_eq!(location["argument"], number);
        assert_eq!(location["line"], Value::Null);
        assert!(location["user"].as_str().is_some_and(|user| !user.is_empty()));
        let started: jiff::Timestamp = location["started"].as_str().unwrap().parse().unwrap();
        assert!(started.as_second().abs_diff(world.number("now") as i64) < 60, "{started}");
    }
    // The one argument is shown, and of a script the line.
    assert_eq!(found[&argument][0]["snippet"], format!("[{}…]", &world.keys[0][..4]));
    assert_eq!(found[&script][0]["snippet"], format!("WANDB_API_KEY=[{}…] sleep 60", &world.keys[1][6..10]));
    assert_eq!(found[&script][0]["key"]["prefix"], "local");
    assert_eq!(report["coverage"]["complete"], true);
    let (seen, known) = (&report["coverage"]["processes"], &report["coverage"]["processes_known"]);
    assert!(seen.as_u64().is_some_and(|seen| seen >= 9) && seen == known, "{report:#}");
    let pretty = world.text("pretty");
    assert!(pretty.contains(&format!("process {} (sh), argument 6 (user ", world.number("a"))), "{pretty}");
    assert!(pretty.contains("; parent 1 (sh))") && pretty.contains(" processes visible."), "{pretty}");

    // What only its own user can read is told when it is asked for, as a note; wandward itself is left out.
    let with_environ = by_key(&world.json("environ.json"));
    let [note] = &with_environ[&environ][..] else { panic!("{with_environ:#?}") };
    assert_eq!((&note["rule"], &note["severity"]), (&"key-in-environ".into(), &"note".into()));
    assert_eq!(
        (&note["location"]["kind"], &note["location"]["variable"]),
        (&"environ".into(), &"WANDB_API_KEY".into())
    );
    assert_eq!(note["location"]["pid"], world.number("e"));
    assert_eq!(by_key(&world.json("clean.json")).len(), 0);
    // What the script has started still has in its environment what the script had on its command line.
    let notes = by_key(&world.json("note.json"));
    assert_eq!(notes.keys().collect::<std::collections::BTreeSet<_>>(), [&environ, &script].into());
    for name in ["report.json", "pretty", "environ.json"] {
        world.shows_no_key(&world.text(name));
    }
}

#[test]
fn what_has_no_command_line_or_ends_meanwhile_is_no_gap() {
    let mut world = World::new();
    world.key("legacy", "key");
    let ran = world.run(
        r#"
        # A process that has ended and that nobody asks for its code.
        sh -c '(exit 0) & exec sleep 60' & ready $! 'sleep 60'
        until grep -qs '^State:.Z' /proc/[0-9]*/status; do sleep 0.01; done
        # Processes that come and go, some of them with a key.
        (while :; do /bin/true --sha "$(cat key)"; done) &
        (while :; do sh -c ': "$1"; exit 0' x WANDB_API_KEY="$(cat key)"; done) &
        for nth in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
            code=0; "$WANDWARD" ps --environ --format jsonl > "$nth.jsonl" || code=$?
            test $code -le 1
        done
        "#,
    );
    for nth in 1..=20 {
        if !ran {
            return;
        }
        let report = world.text(&format!("{nth}.jsonl"));
        world.shows_no_key(&report);
        let last: Value = serde_json::from_str(report.lines().last().unwrap()).unwrap();
        assert_eq!(last["coverage"]["complete"], true, "{last:#}");
        assert!(last["coverage"]["processes"].as_u64() >= Some(4), "{last:#}");
    }
}

#[test]
fn a_watch_tells_each_key_once_and_ends_cleanly() {
    let mut world = World::new();
    let (first, second) = (world.key("legacy", "first"), world.key("v1", "second"));
    let ran = world.run(
        r#"
        for format in jsonl pretty; do
            sh -c 'sleep 60; :' x WANDB_API_KEY="$(cat first)" & a=$!
            ready $a WANDB
            signal=INT; test $format = jsonl || signal=TERM
            "$WANDWARD" ps --watch 0.05 --format $format --color never > $format & watch=$!
            lines $format 1
            mkfifo go
            # The same argument in another process, and another program in the same one.
            sh -c 'read go < go; exec sh -c "sleep 60; :" "$0" --wandb_key "$1"' WANDB_API_KEY="$(cat first)" "$(cat second)" & b=$!
            until grep -q "$b" $format; do sleep 0.01; done
            echo > go
            until test "$(grep -c "$b" $format)" -ge 2; do sleep 0.01; done
            sleep 0.3
            kill -$signal $watch
            code=0; wait $watch || code=$?; echo $code > $format.code
            kill $a $b; rm go
        done
        "#,
    );
    if !ran {
        return;
    }
    assert_eq!((world.number("jsonl.code"), world.number("pretty.code")), (130, 143));
    let text = world.text("jsonl");
    let mut lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let coverage = lines.pop().unwrap();
    assert_eq!(coverage["coverage"]["complete"], true, "{coverage}");
    let mut told: Vec<String> = lines
        .iter()
        .map(|finding| {
            let (location, key) = (&finding["location"], &finding["key"]["fingerprint"]);
            format!("{} {} {key}", location["pid"], location["argument"])
        })
        .collect();
    let number = told.len();
    told.sort();
    told.dedup();
    assert_eq!(told.len(), number, "{text}");
    for key in [&first, &second] {
        assert!(told.iter().any(|told| told.contains(key.as_str())), "{text}");
    }
    let pretty = world.text("pretty");
    assert!(pretty.contains(" processes visible."), "{pretty}");
    world.shows_no_key(&(text + &pretty));
}

#[test]
fn a_watch_that_is_ended_within_a_look_tells_how_many_the_last_whole_one_saw() {
    let mut world = World::new();
    world.key("legacy", "key");
    // Looks follow each other at once, so that the signal comes within one.
    let ran = world.run(
        r#"
        pids=
        for nth in $(seq 1000); do sleep 60 & pids="$pids $!"; done
        sh -c 'sleep 60; :' x WANDB_API_KEY="$(cat key)" & a=$!
        ready $a WANDB
        for nth in 1 2 3; do
            "$WANDWARD" ps --watch 0.01 --format jsonl > $nth & watch=$!
            lines $nth 1
            kill -TERM $watch
            code=0; wait $watch || code=$?; test $code = 143
        done
        kill $a $pids
        "#,
    );
    if !ran {
        return;
    }
    for nth in 1..=3 {
        let report = world.text(&nth.to_string());
        let last: Value = serde_json::from_str(report.lines().last().unwrap()).unwrap();
        assert!(last["coverage"]["processes"].as_u64() >= Some(1000), "{last:#}");
    }
}

#[test]
fn other_users_are_seen_and_what_is_hidden_from_this_one_is_counted() {
    if !namespace::is_root() {
        eprintln!("not run: only the administrator can become another user");
        return;
    }
    let mut world = World::new();
    let (own, others) = (world.key("legacy", "own"), world.key("v1", "others"));
    fs::set_permissions(world.folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let ran = world.run(
        r#"
        cp "$WANDWARD" ./wandward; chmod 755 wandward
        as="setpriv --reuid 65534 --regid 65534 --clear-groups"
        sh -c 'sleep 60; :' x WANDB_API_KEY="$(cat own)" & a=$!
        $as sh -c 'sleep 60; :' x WANDB_API_KEY="$(cat others)" & b=$!
        ready $a WANDB; ready $b '^sh.*WANDB'
        for how in 0 1 2; do
            mount -o remount,hidepid=$how /proc
            code=0; $as ./wandward ps --format json > "$how.json" || code=$?; test $code = 1
            $as ./wandward ps --color never > "$how" || true
        done
        "#,
    );
    if !ran {
        return;
    }
    let found = |name: &str| by_key(&world.json(name)).into_keys().collect::<Vec<_>>();
    let mut both = vec![own, others.clone()];
    both.sort();
    assert_eq!(found("0.json"), both);
    for how in ["1", "2"] {
        assert_eq!(found(&format!("{how}.json")), std::slice::from_ref(&others));
        let report = world.json(&format!("{how}.json"));
        let coverage = &report["coverage"];
        // The system hides it, so nobody could have looked.
        assert_eq!(coverage["complete"], true, "{coverage:#}");
        assert!(world.text(how).contains("hidepid="), "{}", world.text(how));
        let hides = |skip: &Value| skip["reason"].as_str().unwrap().contains("what was asked for");
        let skipped = coverage["skipped"].as_array().unwrap();
        // With the stricter setting not even their number shows.
        assert_eq!(skipped.iter().any(hides), how == "1", "{coverage:#}");
    }
    // With the milder setting the ids of the others can still be counted.
    let coverage = &world.json("1.json")["coverage"];
    let (seen, known) = (coverage["processes"].as_u64().unwrap(), coverage["processes_known"].as_u64().unwrap());
    assert!(seen >= 1 && known >= seen + 2, "{coverage:#}");
    let pretty = world.text("1");
    let said = pretty.rsplit("; ").next().unwrap().split_whitespace().filter_map(|word| word.parse().ok());
    let said: Vec<u64> = said.collect();
    assert!(said.len() == 2 && said[0] < said[1] && pretty.contains(" processes visible."), "{pretty}");
    let users: Vec<Value> =
        by_key(&world.json("0.json"))[&others].iter().map(|f| f["location"]["user"].clone()).collect();
    assert!(users == ["nobody"] || users == ["65534"], "{users:?}");
}

#[test]
fn wrong_intervals_are_refused() {
    for interval in ["0", "-1", "soon", "1e9", "nan"] {
        // One that is taken would watch for ever.
        let mut command = Command::new("timeout");
        let output = support::run(command.args(["10", env!("CARGO_BIN_EXE_wandward"), "ps", "--watch", interval]));
        assert_eq!(output.status.code(), Some(2), "{interval}");
    }
}
