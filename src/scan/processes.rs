//! Looks at running processes: their arguments as one command line and each by itself, and on request the environments of
//! this user's own. In: the list of processes. Out: opinions, each about one argument or variable of one process.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::thread;
use std::time::{Duration, Instant};

use super::look::hide_encoded;
use super::worker::Worker;
use crate::blob::{Before, Kind, Origin, Text};
use crate::decode::argv::{self, Line};
use crate::finding::Skip;
use crate::judge::{self, Opinion};
use crate::process::Process;
use crate::source::processes::{self, Id, Processes, Said};
use crate::source::tree::Visit;

/// Which processes' texts to look at, and how long.
#[derive(Clone, Copy, Debug, Default)]
pub struct Running {
    /// The environments of this user's processes, too.
    pub environ: bool,
    /// Look again after so long, until the scan is to stop.
    pub watch: Option<Duration>,
}

/// How often it is looked whether a watch is to stop.
const PATIENCE: Duration = Duration::from_millis(50);

/// What was looked at, so that a watch says nothing twice.
#[derive(Default)]
struct Looked {
    /// What a process was started with, by a digest: it may become another program.
    texts: HashMap<(Id, Kind), u64>,
    digests: RandomState,
    said: HashSet<(Id, Kind, Option<usize>, String)>,
    /// Whether the id of a process that was about to be told of had become another's.
    reused: bool,
    /// What the last look saw that nothing ended.
    last: Seen,
}

/// What one look over the processes saw.
#[derive(Default)]
struct Seen {
    /// How many are known to run, and how many of them hide what was asked for.
    known: u64,
    hidden: u64,
    /// Those that hold more than is read.
    too_much: Vec<Id>,
}

/// Looks at the processes, and at the new ones until the scan is to stop.
pub(super) fn look(worker: &mut Worker<'_, '_>, running: &Running) {
    let mut processes = Processes::new();
    let mut looked = Looked::default();
    loop {
        let began = Instant::now();
        look_once(worker, running, &mut processes, &mut looked);
        if std::mem::take(&mut looked.reused) {
            look_once(worker, running, &mut processes, &mut looked);
        }
        let Some(interval) = running.watch else { break };
        while began.elapsed() < interval && !worker.stopped() {
            thread::sleep(PATIENCE.min(interval.saturating_sub(began.elapsed())));
        }
        if worker.stopped() {
            break;
        }
    }
    let Seen { known, hidden, .. } = looked.last;
    worker.count_processes(known - hidden.min(known), known);
    say_unseen(worker, &looked.last);
}

/// Says what was not seen. What a system hides from a user is no gap: nobody could have asked for it.
fn say_unseen(worker: &mut Worker<'_, '_>, seen: &Seen) {
    let mut skip = |name: &str, reason: String, gap| {
        worker.skip(Skip { origin: Origin::new(Kind::Process, name), reason, gap });
    };
    if seen.hidden > 0 {
        let what = if seen.hidden == 1 { "process hides" } else { "processes hide" };
        skip("processes", format!("{} {what} what was asked for from this user", seen.hidden), false);
    }
    if let Some(why) = processes::hides() {
        skip("processes", format!("there may be more: {why}"), false);
    }
    for id in &seen.too_much {
        skip(
            &format!("process {}", id.pid),
            "its arguments or its environment are longer than is read".to_owned(),
            true,
        );
    }
}

/// Looks at every process that was not looked at as it is now.
fn look_once(worker: &mut Worker<'_, '_>, running: &Running, processes: &mut Processes, looked: &mut Looked) {
    let (ids, untold) = processes.list();
    let mut seen = Seen { known: untold, hidden: untold, too_much: Vec::new() };
    for &id in &ids {
        if worker.stopped() {
            // The whole look before tells more than a part of this one.
            if looked.last.known == 0 {
                looked.last = seen;
            }
            return;
        }
        let mut hides = false;
        let mut gone = false;
        for kind in [Kind::Process, Kind::Environ] {
            let said = match kind {
                Kind::Process => processes.arguments(id),
                _ if running.environ && processes.is_own(id) => processes.environment(id),
                _ => continue,
            };
            match said {
                Said::These(words) => look_at(worker, processes, looked, (id, kind), &words),
                Said::Hidden => hides = true,
                Said::Gone => gone |= kind == Kind::Process,
                Said::TooMuch => seen.too_much.push(id),
            }
        }
        seen.known += u64::from(!gone);
        seen.hidden += u64::from(hides);
    }
    looked.last = seen;
    let running: HashSet<Id> = ids.into_iter().collect();
    looked.texts.retain(|(id, _), _| running.contains(id));
    looked.said.retain(|(id, ..)| running.contains(id));
}

/// Looks at the arguments or the environment of one process.
fn look_at(
    worker: &mut Worker<'_, '_>,
    processes: &mut Processes,
    looked: &mut Looked,
    (id, kind): (Id, Kind),
    words: &[Vec<u8>],
) {
    let digest = looked.digests.hash_one(words);
    if looked.texts.insert((id, kind), digest) == Some(digest) {
        return;
    }
    worker.count_bytes(words.iter().map(|word| word.len() as u64 + 1).sum());
    let found = opinions(worker, &Origin::of_process(kind, kind.name(), Process::default()), words);
    // Who the process is, only few have to be asked.
    if found.is_empty() {
        return;
    }
    if !processes.is_same(id) {
        looked.reused = true;
        return;
    }
    let (name, facts) = processes.describe(id);
    let name = judge::shown_name(&name);
    let facts = Process { parent: facts.parent.map(|parent| judge::shown_name(&parent)), ..facts };
    let mut new = Vec::new();
    for (nth, mut opinion) in found {
        let Some(finding) = opinion.finding_mut() else { continue };
        if !looked.said.insert((id, kind, nth, finding.about().to_owned())) {
            continue;
        }
        let variable = nth.filter(|_| kind == Kind::Environ).and_then(|nth| words.get(nth));
        let variable = variable.map(|word| judge::shown_name(word.split(|b| *b == b'=').next().unwrap_or_default()));
        let argument = nth.filter(|_| kind == Kind::Process);
        finding.origin = Origin::of_process(kind, name.clone(), Process { argument, variable, ..facts.clone() });
        new.push(opinion);
    }
    worker.keep(new);
}

/// Whether the first argument is what the system puts before a script that a person started by its own name: `sh wandb`.
fn runs_a_script(words: &[Vec<u8>]) -> bool {
    let [program, script, ..] = words else { return false };
    let name = program.rsplit(|b| *b == b'/').next().unwrap_or_default();
    let name = name.strip_prefix(b"-").unwrap_or(name);
    let interprets = [&b"python"[..], b"pypy", b"ruby", b"perl", b"node", b"bash", b"dash", b"zsh", b"sh"];
    interprets.iter().any(|start| name.starts_with(start)) && script.contains(&b'/') && !script.starts_with(b"-")
}

/// What is thought of arguments, or of the variables of an environment: of all together, as they were typed, and of each
/// that is a text of its own. One opinion for each argument and key, with the number of the argument.
pub(super) fn opinions(
    worker: &mut Worker<'_, '_>,
    origin: &Origin,
    words: &[Vec<u8>],
) -> Vec<(Option<usize>, Opinion)> {
    let mut said: HashSet<(usize, String)> = HashSet::new();
    let mut opinions = Vec::new();
    let skipped = usize::from(runs_a_script(words));
    let line = Line::of(words[skipped..].iter().map(Vec::as_slice));
    if origin.kind == Kind::Process {
        for mut opinion in worker.look_at_text(origin, Text::plain(&line.text, Before::default())) {
            let Some(finding) = opinion.finding_mut() else { continue };
            let span = usize::try_from(finding.span.start).unwrap_or(0)..usize::try_from(finding.span.end).unwrap_or(0);
            let nth = skipped + line.argument(span.start);
            let point = line.text.get(span).unwrap_or_default();
            let word = words.get(nth).map(Vec::as_slice).unwrap_or_default();
            // Of what a quote has changed all of the argument is the point.
            let at = memchr::memmem::find(word, point).map_or(0..word.len(), |at| at..at + point.len());
            judge::show_only(finding, word, at);
            if said.insert((nth, finding.about().to_owned())) {
                opinions.push((Some(nth), opinion));
            }
        }
    }
    let apart = |word: &[u8]| origin.kind == Kind::Environ || !argv::is_plain(word);
    for (nth, word) in words.iter().enumerate().filter(|(_, word)| apart(word)) {
        for mut opinion in worker.look_at_text(origin, Text::plain(word, Before::default())) {
            if let Some(finding) = opinion.finding_mut()
                && said.insert((nth, finding.about().to_owned()))
            {
                opinions.push((Some(nth), opinion));
            }
        }
    }
    for finding in opinions.iter_mut().filter_map(|(_, opinion)| opinion.finding_mut()) {
        finding.place = None;
        finding.cell = None;
        hide_encoded(&mut finding.snippet.text, &mut finding.snippet.mark);
    }
    opinions
}
