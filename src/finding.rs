//! What a scan says: findings, what was kept back and why, and what was looked at.
//! A finding owns its data and never holds a key.

mod asked;
mod shown;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use crate::blob::{Origin, Place};
use crate::rule::{Rule, Severity};
use crate::secret::{self, Fingerprint, Format, KeyId, Secret};
pub use asked::{Asked, Liveness, Owner};
pub(crate) use shown::acts;
pub use shown::{visible, without_addresses, without_key_shapes};

/// How sure a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Confidence {
    /// A person should look before acting.
    Low,
    /// The context says so, in one step.
    Medium,
    /// The key names itself, or the name beside it does.
    High,
}

impl Confidence {
    /// The word in reports.
    pub fn name(self) -> &'static str {
        match self {
            Confidence::Low => "low",
            Confidence::Medium => "medium",
            Confidence::High => "high",
        }
    }
}

/// What may be said about the key of a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The format of the key.
    pub format: Format,
    /// The on-prem prefix, without its dash.
    pub prefix: Option<String>,
    /// The public part of the key.
    pub id: KeyId,
    /// The identity of the key.
    pub fingerprint: Fingerprint,
}

impl From<&Secret<'_>> for Key {
    fn from(secret: &Secret<'_>) -> Self {
        Key { format: secret.format(), prefix: secret.prefix(), id: secret.id(), fingerprint: secret.fingerprint() }
    }
}

/// The evidence as it may be shown: every secret masked, control characters spelled out, at most 160 characters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snippet {
    /// The text.
    pub text: String,
    /// Which bytes of it are the point: the masked key, or the habit.
    pub mark: Range<usize>,
}

/// A place in a notebook, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Which cell, of all kinds.
    pub number: u64,
    /// Which line of its source, or of one of its outputs.
    pub line: u64,
}

/// What mends a file as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// It is to be closed to all but its owner.
    Close,
    /// git is to ignore it.
    Ignore,
    /// git is to give it up, and to ignore it.
    Untrack,
}

/// One rule at one place.
#[derive(Clone, Debug)]
pub struct Finding {
    /// `wwf1-` and 32 hexadecimal digits; see [`Finding::number`].
    pub id: String,
    /// The rule that speaks.
    pub rule: Arc<Rule>,
    /// How bad it is: as bad as its rule, or less.
    pub severity: Severity,
    /// How sure it is.
    pub confidence: Confidence,
    /// Why this is one, in a clause that can follow the rule's message.
    pub evidence: String,
    /// Which source.
    pub origin: Origin,
    /// Where in it; byte code and databases have no lines.
    pub place: Option<Place>,
    /// Which cell of a notebook.
    pub cell: Option<Cell>,
    /// The hash of its line (without one the first) by which code scanning knows it again, in a file that it could read.
    pub line_hash: Option<String>,
    /// Its bytes, counted from the beginning of the source; of an encoded text all of it.
    pub span: Range<u64>,
    /// The key, unless the rule needs none.
    pub key: Option<Key>,
    /// The line, masked and cut.
    pub snippet: Snippet,
    /// A digest of the whole line, masked and with white space collapsed.
    pub line_digest: String,
    /// How many equal ones stand before it in its source.
    pub ordinal: u32,
    /// What mends it, if that concerns all of a file.
    pub remedy: Option<Remedy>,
}

impl Finding {
    /// What it is about: a key, by its fingerprint, or without one what its rule is about.
    pub fn about(&self) -> &str {
        self.key.as_ref().map_or(self.rule.id.as_str(), |key| key.fingerprint.as_str())
    }

    /// What it is about, with where that begins and with where it ends: two findings that share either are about the same
    /// bytes, in two of their forms.
    pub fn ends(&self) -> [(String, u64); 2] {
        [self.span.start, self.span.end].map(|end| (self.about().to_owned(), end))
    }

    /// A path as text, without the key that this finding is about: files are named for keys, too.
    pub fn display_path<'p>(&self, path: &'p [u8]) -> Cow<'p, str> {
        let shown = self.origin.display(path);
        let Some(key) = self.key.as_ref().filter(|key| key.format == Format::Legacy) else { return shown };
        let is_key = |word: &str| {
            let whole = match &key.prefix {
                Some(prefix) => Cow::Owned(format!("{prefix}-{word}")),
                None => Cow::Borrowed(word),
            };
            word.len() == Format::Legacy.length() && Fingerprint::of(whole.as_bytes()) == key.fingerprint
        };
        let named = shown.split(|c: char| !c.is_ascii_alphanumeric()).find(|word| is_key(word)).map(str::to_owned);
        match named {
            Some(word) => Cow::Owned(shown.replace(&word, key.id.as_str())),
            None => shown,
        }
    }

    /// Gives each finding of one source its id: a digest over rule, path, the masked line, and how many equal ones stand
    /// before it. `findings` are sorted by their spans.
    pub fn number<'f>(findings: impl Iterator<Item = &'f mut Finding>) {
        let mut seen = std::collections::HashMap::new();
        for finding in findings {
            let line = format!("{}\0{}", finding.rule.id, finding.line_digest);
            let nth: &mut u32 = seen.entry(line).or_default();
            finding.ordinal = *nth;
            finding.id = finding.id_at(&finding.origin.full_path());
            *nth += 1;
        }
    }

    /// The id that it would have at another path.
    pub fn id_at(&self, path: &[u8]) -> String {
        let ordinal = self.ordinal.to_string();
        let parts = [self.rule.id.as_bytes(), path, self.line_digest.as_bytes(), ordinal.as_bytes()];
        format!("wwf1-{}", secret::short_digest(&parts))
    }
}

/// Who keeps a finding back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// A permission on the line, or on the line above.
    Inline,
    /// A permission of a configuration.
    Config,
    /// An entry of the baseline.
    Baseline,
}

impl By {
    /// The word in reports.
    pub fn name(self) -> &'static str {
        match self {
            By::Inline => "inline",
            By::Config => "config",
            By::Baseline => "baseline",
        }
    }
}

/// A finding that a permission keeps back.
#[derive(Clone, Debug)]
pub struct Suppressed {
    /// What would have been said.
    pub finding: Finding,
    /// Who keeps it back.
    pub by: By,
    /// The reason that was given.
    pub reason: String,
}

/// Something that was not looked at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Skip {
    /// Which source.
    pub origin: Origin,
    /// Why.
    pub reason: String,
    /// Whether the user asked for it, so that the answer is incomplete.
    pub gap: bool,
}

/// How the reason begins for which a configuration is among what was not looked at.
pub const LEAVES_OUT: &str = "leaves out what matches";

/// What was looked at, and what was not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// What kinds of scan were asked for.
    pub scans: BTreeSet<&'static str>,
    /// Files read, standard input included.
    pub files: u64,
    /// Objects of git repositories read; trees count, though they are no text.
    pub objects: u64,
    /// Those of the objects that an earlier scan found clean by the same rules, and that were not read again.
    pub objects_known_clean: u64,
    /// Processes looked at; those without a command line, such as threads of the kernel, count.
    pub processes: u64,
    /// Processes that are known to run, this one left out.
    pub processes_known: u64,
    /// Bytes read.
    pub bytes: u64,
    /// What was not read.
    pub skipped: Vec<Skip>,
}

impl Coverage {
    /// Whether everything asked for was looked at.
    pub fn complete(&self) -> bool {
        !self.skipped.iter().any(|skip| skip.gap)
    }
}

/// What was found at a place that was looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Something was.
    Found,
    /// It may not be read, or not all of it could be.
    NotReadable,
    /// Nothing was.
    Clean,
    /// There is no such place.
    Absent,
}

impl State {
    /// The words in reports.
    pub fn name(self) -> &'static str {
        match self {
            State::Found => "found",
            State::NotReadable => "not readable",
            State::Clean => "clean",
            State::Absent => "absent",
        }
    }
}

/// A place of this machine that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Looked {
    /// What it is.
    pub what: &'static str,
    /// Its path, in raw bytes; of what is absent it may be a pattern.
    pub path: Vec<u8>,
    /// What was found there.
    pub state: State,
}

/// The answer of a scan.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// What was found, sorted by source, path and offset.
    pub findings: Vec<Finding>,
    /// What a permission keeps back, sorted likewise.
    pub suppressed: Vec<Suppressed>,
    /// The places of this machine, if it was asked for them, in the order of their table.
    pub places: Vec<Looked>,
    /// What was looked at.
    pub coverage: Coverage,
    /// What servers say of the keys, if they were asked; a key may be asked about at several.
    pub asked: BTreeMap<Fingerprint, Vec<Asked>>,
}

impl Outcome {
    /// What decides about a key that was asked about: that it lives somewhere, or that somewhere it is not known whether it does.
    pub fn answer(&self, fingerprint: &Fingerprint) -> Option<&Asked> {
        self.asked.get(fingerprint)?.iter().max_by_key(|asked| asked.liveness)
    }

    /// The keys that were found, those that a permission keeps back too, in the order of their first places.
    pub fn keys(&self) -> Vec<(&Key, Vec<&Finding>)> {
        let mut keys: Vec<(&Key, Vec<&Finding>)> = Vec::new();
        let kept_back = self.suppressed.iter().map(|one| &one.finding);
        for finding in self.findings.iter().chain(kept_back) {
            let Some(key) = &finding.key else { continue };
            match keys.iter_mut().find(|(other, _)| other.fingerprint == key.fingerprint) {
                Some((_, places)) => places.push(finding),
                None => keys.push((key, vec![finding])),
            }
        }
        keys
    }

    /// Shows what a permission keeps back where its key is live.
    pub fn show_live(&mut self) {
        let asked = &self.asked;
        let live = |one: &mut Suppressed| {
            let key = one.finding.key.as_ref().and_then(|key| asked.get(&key.fingerprint));
            key.is_some_and(|asked| asked.iter().any(|asked| asked.liveness == Liveness::Live))
        };
        let shown = self.suppressed.extract_if(.., live).map(|one| one.finding);
        self.findings.extend(shown);
    }
}
