//! Has the opinion, and a reason for every silence. In: a text, its origin, the candidates. Out: findings, what a
//! permission keeps back, and on request why each of the others is none. A key's text goes no further than here.

mod habit;
mod keeper;
mod key;
mod mask;
mod mend;
mod notebook;
mod place;
mod project;
mod server;
mod whole;

use std::ops::Range;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::blob::{Before, Encoding, Origin, Place, Text};
use crate::detect::{self, Candidate, Shape};
use crate::finding::{By, Cell, Confidence, Finding, Key, Suppressed};
use crate::policy::{Permission, Policy};
use crate::rule::{Rule, RuleSet, Site};
use crate::secret::{Format, KeyId, Secret, Wanted};
pub use habit::cut_off_key::RULE as CUT_OFF_KEY;
use habit::passage::{Passage, Readings};
use habit::{Habits, Point};
pub use keeper::{Keeper, Lies};
use key::{KeyJudge, Verdict};
pub use mend::{Mend, is_sound, mends};
use notebook::Cells;
use place::File;
pub use place::PathClass;
use project::Project;
pub use whole::WhereItLies;

/// What is thought of one candidate.
pub enum Opinion {
    /// It is worth saying.
    Finding(Box<Finding>),
    /// It would be, but a permission keeps it back.
    Suppressed(Box<Suppressed>),
    /// It is not, for this reason.
    Silent {
        /// Where it stands.
        place: Place,
        /// What it looks like.
        id: KeyId,
        /// Why it is not reported.
        reason: String,
    },
}

impl Opinion {
    /// What is said, or would be.
    pub fn finding(&self) -> Option<&Finding> {
        match self {
            Opinion::Finding(finding) => Some(finding),
            Opinion::Suppressed(suppressed) => Some(&suppressed.finding),
            Opinion::Silent { .. } => None,
        }
    }

    /// As [`Opinion::finding`], to be changed.
    pub fn finding_mut(&mut self) -> Option<&mut Finding> {
        match self {
            Opinion::Finding(finding) => Some(finding),
            Opinion::Suppressed(suppressed) => Some(&mut suppressed.finding),
            Opinion::Silent { .. } => None,
        }
    }
}

/// Judges texts.
pub struct Judge<'a> {
    rules: &'a RuleSet,
    policy: &'a Policy,
    is_object: &'a (dyn Fn(&Origin, &str) -> bool + Sync),
    /// Made by the first text that asks.
    habits: Option<OnceLock<Habits>>,
    lies: Option<WhereItLies<'a>>,
    project: Mutex<Project>,
}

/// What a text came to.
#[derive(Default)]
pub struct Judgement {
    /// One for every candidate that is worth a word; see [`Judge::judge`].
    pub opinions: Vec<Opinion>,
    /// Whether a verdict could change if more of the source were read at once.
    pub open: bool,
    /// Where the key shapes begin that are no keys as the text stands.
    pub silent: Vec<usize>,
    /// The keys that no selected rule speaks of.
    pub passed: Vec<Range<usize>>,
}

/// What the habit rules say of a text.
#[derive(Default)]
pub struct Broken {
    /// One for every point that is worth a word.
    pub opinions: Vec<Opinion>,
    /// Whether more would be said if all of the source were read at once.
    pub open: bool,
    /// Whether something may be said of this text under a name, which it has none yet.
    pub unnamed: bool,
}

/// What of the name of a source can change what is said of `text`, its content.
pub fn path_class(origin: &Origin, text: &[u8]) -> PathClass {
    File::new(origin, text).class()
}

/// Makes `text`, of which `point` is what the finding is about, all that is shown of its place.
pub fn show_only(finding: &mut Finding, text: &[u8], point: Range<usize>) {
    let shown = finding.key.as_ref().map(|key| format!("[{}]", key.id));
    let text = Text::plain(text, Before::default());
    (finding.snippet, finding.line_digest) = mask::snippet(&text, &point, shown.as_deref());
}

/// A line as it may be shown, though `hidden` stands in it where its words say.
pub fn shown_line(line: &[u8], hidden: &[(Range<usize>, String)]) -> String {
    mask::visible(&mask::mask(line, &(0..0), hidden).0)
}

/// The name of a process or of a variable as it may be shown: whoever chose it may have put a key into it.
pub fn shown_name(name: &[u8]) -> Vec<u8> {
    mask::masked(name)
}

/// What somebody wrote, as it may be shown.
pub fn shown_text(text: &str) -> String {
    mask::visible(&mask::masked(text.as_bytes()))
}

impl<'a> Judge<'a> {
    /// A judge of keys by the rules that can speak and the policy that says which of them may. `is_object` tells whether an
    /// object id (40 hexadecimal digits) is one of an object in the git repository that holds the origin.
    pub fn new(
        rules: &'a RuleSet,
        policy: &'a Policy,
        is_object: &'a (dyn Fn(&Origin, &str) -> bool + Sync),
    ) -> Judge<'a> {
        Judge { rules, policy, is_object, habits: None, lies: None, project: Mutex::default() }
    }

    /// The same, who speaks of habits too. Of what lies in the past nobody can change the habits.
    pub fn of_habits(self) -> Judge<'a> {
        // Who looks for certain keys asks for nothing else.
        let habits = (!self.finds()).then(OnceLock::new);
        Judge { habits, ..self }
    }

    /// Whether certain keys are looked for, and nothing else.
    pub fn finds(&self) -> bool {
        self.policy.wanted.is_some()
    }

    /// Whether anything was met that could say something together with what is in other files.
    pub fn remembers(&self) -> bool {
        !self.project.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Judges the candidates of one text, which are in order. `explain` asks for the silent ones too.
    pub fn judge(&self, origin: &Origin, text: &Text<'_>, candidates: &[Candidate], explain: bool) -> Judgement {
        let file = File::new(origin, text.bytes);
        if let Some(wanted) = &self.policy.wanted {
            return self.find(origin, text, &file, candidates, wanted);
        }
        let verdicts = KeyJudge::new(text.bytes, &file).judge(candidates);
        let mut judgement = Judgement::default();
        let mut cursor = Cursor::default();
        for (candidate, judged) in candidates.iter().zip(verdicts) {
            let Shape::Key(format) = candidate.shape else {
                self.cut_off(origin, text, candidate, &mut cursor, &mut judgement.opinions);
                continue;
            };
            let Some(judged) = judged else { continue };
            judgement.open |= judged.open && judged.verdict.is_none();
            let secret = Secret::new(&text.bytes[judged.credential.clone()], format);
            let verdict = judged.verdict.or_else(|| key::encoded(text, &judged.credential));
            let reason = match verdict {
                Some(Verdict::Key { .. }) if self.is_git_object(origin, text, candidate) => {
                    "it is the id of an object in this git repository".to_owned()
                }
                Some(Verdict::Key { confidence, because }) => {
                    if let Some(foreign) = &self.policy.foreign {
                        foreign.meet(&secret);
                    }
                    let (counted, at) = text.counted(judged.credential.clone());
                    let output = cursor.cell(origin, text, &judged.credential).map(|(_, output)| output);
                    let site = file.site(counted.bytes, at.start, &because, output);
                    if let Some(rule) = self.rules.for_site(site).filter(|rule| self.policy.selects(rule)) {
                        self.hand_over(&secret, text, &file, &judged.credential);
                        let finding = self.key_finding(origin, text, rule, &judged.credential, &mut cursor);
                        let finding = Finding {
                            confidence,
                            evidence: because.clause() + &written(text),
                            key: Some(Key::from(&secret)),
                            ..finding
                        };
                        if let Some(key) = &finding.key {
                            self.remember_key(text, &judged.credential, key, &finding);
                        }
                        self.permit(finding, text, &judged.credential, &mut judgement.opinions);
                    } else {
                        judgement.passed.push(judged.credential);
                    }
                    continue;
                }
                Some(Verdict::Not(reason)) => reason,
                None => "nothing beside it says that it is a W&B key".to_owned(),
            };
            judgement.silent.push(judged.credential.start);
            if explain {
                let place = cursor.place(text, &judged.credential);
                judgement.opinions.push(Opinion::Silent { place, id: secret.id(), reason });
            }
        }
        judgement
    }

    /// Finds the candidates that are keys which are looked for. An equal fingerprint needs no evidence, and nothing hides it.
    fn find(
        &self,
        origin: &Origin,
        text: &Text<'_>,
        file: &File,
        candidates: &[Candidate],
        wanted: &Wanted,
    ) -> Judgement {
        let keys = KeyJudge::new(text.bytes, file);
        let mut judgement = Judgement::default();
        let mut cursor = Cursor::default();
        for candidate in candidates {
            let Shape::Key(format) = candidate.shape else { continue };
            let end = candidate.key.end;
            // With all that may be an on-prem prefix, with the usual one, without.
            let usual = candidate.key.start.checked_sub(b"local-".len());
            let usual = usual.filter(|&start| text.bytes[start..].starts_with(b"local-"));
            let starts = [candidate.prefix, usual, Some(candidate.key.start)];
            let found = starts.into_iter().flatten().find(|&start| wanted.holds(&text.bytes[start..end]));
            let Some(credential) = found.map(|start| start..end) else { continue };
            let because = keys.carrier(&credential);
            let (counted, at) = text.counted(credential.clone());
            let output = cursor.cell(origin, text, &credential).map(|(_, output)| output);
            let site = file.site(counted.bytes, at.start, &because, output);
            let Some(rule) = self.rules.for_site(site) else { continue };
            let secret = Secret::new(&text.bytes[credential.clone()], format);
            self.hand_over(&secret, text, file, &credential);
            let finding = Finding {
                confidence: Confidence::High,
                evidence: "it is a key that is looked for".to_owned() + &written(text),
                key: Some(Key::from(&secret)),
                ..self.key_finding(origin, text, rule, &credential, &mut cursor)
            };
            judgement.opinions.push(Opinion::Finding(Box::new(finding)));
        }
        judgement
    }

    /// Gives a key to whoever asks servers about keys, with the server that is named beside it.
    fn hand_over(&self, secret: &Secret<'_>, text: &Text<'_>, file: &File, credential: &Range<usize>) {
        let Some(keyring) = &self.policy.keyring else { return };
        let here = server::beside(text.bytes, credential, file);
        let server = here.or_else(|| {
            let (counted, at) = text.counted(credential.clone());
            text.from.and_then(|_| server::beside(counted.bytes, &at, file))
        });
        keyring.add(secret, server);
    }

    fn is_git_object(&self, origin: &Origin, text: &Text<'_>, candidate: &Candidate) -> bool {
        candidate.shape == Shape::Key(Format::Legacy)
            && str::from_utf8(&text.bytes[candidate.key.clone()]).is_ok_and(|id| (self.is_object)(origin, id))
    }

    fn cut_off(
        &self,
        origin: &Origin,
        text: &Text<'_>,
        candidate: &Candidate,
        cursor: &mut Cursor,
        opinions: &mut Vec<Opinion>,
    ) {
        let rule = self.rules.get(habit::cut_off_key::RULE).filter(|rule| self.policy.selects(rule));
        if let Some(rule) = rule.filter(|_| habit::cut_off_key::holds(text.bytes, candidate)) {
            let finding = self.key_finding(origin, text, rule, &candidate.key, cursor);
            self.permit(finding, text, &candidate.key, opinions);
        }
    }

    /// What breaks a habit rule in a text, if it is known where (`names`) that names W&B. `is_said` tells whether a key was found in
    /// some bytes of the source, so that they need no more words.
    pub fn habits(
        &self,
        origin: &Origin,
        piece: &Text<'_>,
        whole: bool,
        names: &[usize],
        is_said: impl Fn(&Range<u64>) -> bool,
    ) -> Broken {
        let mut broken = Broken::default();
        let habits = self.habits.as_ref().filter(|_| habit::passage::may_be_told(origin));
        let habits = habits.map(|habits| habits.get_or_init(|| Habits::new(self.rules, self.policy)));
        let speaks = |habits: &&Habits| !habits.is_empty() || self.rule(project::DANGLING).is_some();
        let Some(habits) = habits.filter(speaks) else {
            return broken;
        };
        if origin.name().is_empty() {
            broken.unnamed = habits.any_somewhere(piece.bytes, names);
            return broken;
        }
        if habits.none(origin, piece.bytes, names) {
            return broken;
        }
        let file = File::new(origin, piece.bytes);
        let site = file.habit_site(piece.bytes);
        let mut tell = |text: &Text<'_>, site: Site, names: &[usize]| {
            let other = habits.says_other_at(site, text.bytes);
            let passage =
                Passage { origin, file: &file, site, text: text.bytes, names, other, whole, read: Readings::default() };
            let mut cursor = Cursor::default();
            for (rule, point) in habits.points(&passage) {
                if !is_said(&text.offsets(point.about.clone())) {
                    let finding = self.broken(origin, text, rule, &point, &mut cursor);
                    self.permit(finding, text, &point.span, &mut broken.opinions);
                }
            }
            if !names.is_empty() {
                self.remember_secrets(text, &passage, &mut cursor);
            }
        };
        if site != Site::Notebook {
            tell(piece, site, names);
        } else if [Site::Notebook, Site::Docs].iter().any(|site| habits.any(*site, piece.bytes, names)) {
            // Only all of a notebook shows its cells.
            if !whole {
                return Broken { open: true, ..broken };
            }
            let views = notebook::sources(piece.bytes);
            for (view, site) in views.iter().zip([Site::Notebook, Site::Docs]) {
                tell(&piece.decoded(view), site, &detect::names(&view.bytes));
            }
        }
        broken
    }

    /// The finding of a habit.
    fn broken(
        &self,
        origin: &Origin,
        text: &Text<'_>,
        rule: &Arc<Rule>,
        point: &Point,
        cursor: &mut Cursor,
    ) -> Finding {
        let line = memchr::memchr(b'\n', &text.bytes[point.span.clone()]);
        let shown = point.span.start..line.map_or(point.span.end, |length| point.span.start + length);
        Finding {
            severity: point.severity.unwrap_or(rule.severity).min(rule.severity),
            confidence: point.confidence,
            evidence: point.evidence.clone(),
            span: text.offsets(point.span.clone()),
            ..self.finding(origin, text, rule, &shown, point.hidden.then_some("[…]"), cursor)
        }
    }

    /// The finding of a key, or of a part of one.
    fn key_finding(
        &self,
        origin: &Origin,
        text: &Text<'_>,
        rule: &Arc<Rule>,
        point: &Range<usize>,
        cursor: &mut Cursor,
    ) -> Finding {
        let bytes = &text.bytes[point.clone()];
        let id = match memchr::memmem::find(bytes, b"wandb_v") {
            Some(at) => KeyId::of(&bytes[at..], Format::V1),
            None => KeyId::of(&bytes[bytes.len() - Format::Legacy.length()..], Format::Legacy),
        };
        self.finding(origin, text, rule, point, Some(&format!("[{id}]")), cursor)
    }

    /// A finding with what every one has. `shown` stands for the point, if that may not be shown as it is.
    fn finding(
        &self,
        origin: &Origin,
        text: &Text<'_>,
        rule: &Arc<Rule>,
        point: &Range<usize>,
        shown: Option<&str>,
        cursor: &mut Cursor,
    ) -> Finding {
        let (snippet, line_digest) = mask::snippet(text, point, shown);
        Finding {
            id: String::new(),
            rule: Arc::clone(rule),
            severity: rule.severity,
            confidence: Confidence::Low,
            evidence: String::new(),
            origin: origin.clone(),
            place: Some(cursor.place(text, point)),
            cell: cursor.cell(origin, text, point).map(|(cell, _)| cell),
            line_hash: None,
            span: text.offsets(point.clone()),
            key: None,
            snippet,
            line_digest,
            ordinal: 0,
            remedy: None,
        }
    }

    /// Says a finding, unless a permission on its line or on the one above keeps it back.
    fn permit(&self, finding: Finding, text: &Text<'_>, point: &Range<usize>, opinions: &mut Vec<Opinion>) {
        if !self.policy.inline {
            opinions.push(Opinion::Finding(Box::new(finding)));
            return;
        }
        let Some(permission) = permission(text, point, &finding.rule.id) else {
            opinions.push(Opinion::Finding(Box::new(finding)));
            return;
        };
        let rule = self.rules.get(habit::permission_without_reason::RULE).filter(|rule| self.policy.selects(rule));
        if let Some(rule) = rule.filter(|_| habit::permission_without_reason::holds(&permission)) {
            let note = Finding {
                rule: Arc::clone(rule),
                severity: rule.severity,
                confidence: Confidence::High,
                evidence: format!("it allows `{}`", finding.rule.id),
                key: None,
                remedy: None,
                ..finding.clone()
            };
            opinions.push(Opinion::Finding(Box::new(note)));
        }
        let reason = mask::visible(&mask::masked(permission.reason.as_bytes()));
        opinions.push(Opinion::Suppressed(Box::new(Suppressed { finding, by: By::Inline, reason })));
    }
}

/// From how many bytes on a point is no key as it stands.
const LONG: usize = 16 * 1024;

/// The permission for a rule on the line of a point or on the one above: as the text reads, or where it is encoded.
fn permission(text: &Text<'_>, point: &Range<usize>, rule: &str) -> Option<Permission> {
    let (line, above) = lines(text.bytes, point);
    let above = &text.bytes[above];
    let permissions = if point.len() > LONG {
        // A stretch so long is encoded text, in which nobody writes any, and of which there may be as many points as it has keys.
        let mut before = Permission::for_line(&text.bytes[line.start..point.start], above);
        before.extend(Permission::for_line(&text.bytes[point.end..line.end], b""));
        before
    } else {
        Permission::for_line(&text.bytes[line], above)
    };
    permissions.into_iter().find(|permission| permission.allows(rule)).or_else(|| {
        let from = text.from?;
        permission(from.text, &from.view.source(point.clone()), rule)
    })
}

/// How the text at hand is written in its source, as the end of a clause.
fn written(text: &Text<'_>) -> String {
    let encodings: Vec<&str> = text.encodings().map(Encoding::phrase).collect();
    if encodings.is_empty() { String::new() } else { format!(", written {}", encodings.join(" ")) }
}

/// The line of a point and the one above, as byte ranges. In a notebook's JSON a line of source is a line of the file; in
/// a file without line breaks an escaped one ends the line.
fn lines(text: &[u8], point: &Range<usize>) -> (Range<usize>, Range<usize>) {
    const REACH: usize = 4096;
    let floor = point.start.saturating_sub(REACH);
    let ceiling = text.len().min(point.end + REACH);
    let start = memchr::memrchr(b'\n', &text[floor..point.start]).map_or(floor, |at| floor + at + 1);
    let end = memchr::memchr(b'\n', &text[point.end..ceiling]).map_or(ceiling, |at| point.end + at);
    let start = memchr::memmem::rfind(&text[start..point.start], b"\\n").map_or(start, |at| start + at + 2);
    let end = memchr::memmem::find(&text[point.end..end], b"\\n").map_or(end, |at| point.end + at);
    let above_end = start.saturating_sub(1).max(floor);
    let above = memchr::memrchr(b'\n', &text[floor..above_end]).map_or(floor, |at| floor + at + 1);
    (start..end, above.min(above_end)..above_end)
}

/// Counts lines, and the cells of a notebook, on the way through a text, so that many findings cost one pass.
#[derive(Default)]
struct Cursor {
    passed: Option<(usize, Before)>,
    /// The last span and its place: of a long encoded text, all keys stand at one.
    last: Option<(Range<usize>, Place)>,
    cells: Option<Cells>,
}

impl Cursor {
    fn place(&mut self, text: &Text<'_>, span: &Range<usize>) -> Place {
        let (text, span) = text.counted(span.clone());
        if let Some((_, place)) = self.last.as_ref().filter(|(last, _)| *last == span) {
            return *place;
        }
        let (at, before) = self.passed.filter(|(at, _)| *at <= span.start).unwrap_or((0, text.before));
        let before = before.after(&text.bytes[at..span.start]);
        self.passed = Some((span.start, before));
        let place = Text::plain(&text.bytes[span.start..], before).place(0..span.len());
        self.last = Some((span, place));
        place
    }

    fn cell(&mut self, origin: &Origin, text: &Text<'_>, span: &Range<usize>) -> Option<(Cell, bool)> {
        let (text, span) = text.counted(span.clone());
        let notebook = origin.name().ends_with(b".ipynb");
        notebook.then(|| self.cells.get_or_insert_with(|| Cells::read(text.bytes)).at(text.bytes, span.start))?
    }
}
