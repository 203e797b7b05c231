//! Whether a candidate is a W&B key. A v1 key says so itself. A legacy key has the shape of every commit id, so it needs
//! evidence by syntax, never by distance: what it is assigned to, which call or command it is an argument of, what its
//! siblings, its parents, its row or its sentence say, where its variable ends up. Negative evidence wins.
//! In: a text, its file's name and the candidates. Out: a verdict each, with its reason.

mod argument;
mod cell;
mod chain;
mod chat;
mod command;
mod flow;
mod gate;
mod lead;
mod literal;
mod markup;
mod member;
pub(super) mod names;
pub(super) mod netrc;
mod object;
mod outline;
mod places;
mod prose;
mod published;
mod shape;
mod table;
mod template;
pub(super) mod token;
mod trail;

use std::cell::Cell;
use std::ops::Range;

use super::place::File;
use crate::blob::Text;
use crate::detect::{Candidate, Shape};
use crate::finding::Confidence;
use crate::secret::Format;
use chain::Chain;
use names::Says;
use outline::{Outline, Spot};
use places::Places;
use trail::Trail;

/// How far a command, a row or a sentence is read to both sides of a value.
const NEAR: usize = 2048;

/// A text within a text within a text: deeper ones are not read.
const MAX_DEPTH: usize = 5;

/// What is thought of a candidate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is a key.
    Key {
        /// How sure that is.
        confidence: Confidence,
        /// The evidence.
        because: Because,
    },
    /// It is none, for this reason.
    Not(String),
}

impl Verdict {
    fn key(confidence: Confidence, because: Because) -> Verdict {
        Verdict::Key { confidence, because }
    }

    fn not(reason: impl Into<String>) -> Verdict {
        Verdict::Not(reason.into())
    }
}

/// The evidence for a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Because {
    /// The format is W&B's own.
    Format,
    /// It is the value of a name.
    Named(String),
    /// It is the key of something that has W&B's name.
    Within(String),
    /// It is an argument of a call.
    Argument(String),
    /// A W&B server or client stands beside it.
    Beside(String),
    /// It is an argument of `wandb login`.
    Command,
    /// A sentence calls it so.
    Sentence,
    /// The line above, or a comment, calls it so.
    Label(String),
    /// It is the password of a netrc entry.
    Netrc(String),
    /// It is part of a URL.
    Url(String),
    /// The file's name says so.
    FileName,
    /// It reaches W&B under another name.
    Reaches(String),
}

impl Because {
    /// The evidence as a clause.
    pub(super) fn clause(&self) -> String {
        match self {
            Because::Format => "the format is W&B's own".to_owned(),
            Because::Named(name) => format!("it is the value of {name}"),
            Because::Within(name) => format!("it is the key of {name}"),
            Because::Argument(callee) => format!("it is an argument of {callee}"),
            Because::Beside(mention) => format!("it is sent along with `{mention}`"),
            Because::Command => "it is an argument of `wandb login`".to_owned(),
            Because::Sentence => "the sentence calls it a W&B key".to_owned(),
            Because::Label(label) => format!("`{label}` calls it so"),
            Because::Netrc(host) => format!("it is the netrc password of `{host}`"),
            Because::Url(host) => format!("it is part of a URL of `{host}`"),
            Because::FileName => "the file's name says so".to_owned(),
            Because::Reaches(name) => format!("`{name}` reaches W&B elsewhere in this file"),
        }
    }
}

/// One text under judgement.
pub(super) struct KeyJudge<'t> {
    text: &'t [u8],
    file: &'t File,
    /// Names under which the text imports W&B, or parts of it.
    imports: Vec<Vec<u8>>,
    effort: Effort,
}

/// How much context is read for the candidates of one text. A text of a hundred thousand commit ids must stay cheap, so
/// once much was read, each further candidate gets little.
#[derive(Default)]
struct Effort(Cell<usize>);

impl Effort {
    /// What is read before it gets scarce, in bytes.
    const AMPLE: usize = 8 * 1024 * 1024;
    /// What a candidate gets then.
    const SCARCE: usize = 512;

    /// How far a candidate that wants `wanted` bytes to both sides may read.
    fn reach(&self, wanted: usize) -> usize {
        let spent = self.0.get();
        let reach = if spent > Effort::AMPLE { wanted.min(Effort::SCARCE) } else { wanted };
        self.0.set(spent + reach);
        reach
    }
}

/// The line round `value` without its newline, unless it is longer than a person reads.
fn line_around(text: &[u8], value: &Range<usize>) -> Option<Range<usize>> {
    const MAX_LINE: usize = 2 * NEAR;
    let floor = value.start.saturating_sub(MAX_LINE);
    let ceiling = text.len().min(value.end + MAX_LINE);
    let start = memchr::memrchr(b'\n', &text[floor..value.start]).map(|at| floor + at + 1);
    let end = memchr::memchr(b'\n', &text[value.end..ceiling]).map(|at| value.end + at);
    let start = start.or((floor == 0).then_some(0))?;
    Some(start..end.or((ceiling == text.len()).then_some(ceiling))?)
}

/// A candidate with its verdict.
pub(super) struct Judged {
    /// The whole credential, on-prem prefix included.
    pub(super) credential: Range<usize>,
    /// The verdict; without one there was no evidence.
    pub(super) verdict: Option<Verdict>,
    /// Whether the verdict could change if more of the source were read.
    pub(super) open: bool,
}

impl<'t> KeyJudge<'t> {
    /// Prepares to judge candidates in `text`.
    pub(super) fn new(text: &'t [u8], file: &'t File) -> Self {
        KeyJudge { text, file, imports: Vec::new(), effort: Effort::default() }
    }

    /// A verdict for every candidate that is a whole key; `None` for the others.
    pub(super) fn judge(&mut self, candidates: &[Candidate]) -> Vec<Option<Judged>> {
        let mut judged: Vec<Option<Judged>> = candidates.iter().map(|candidate| self.at_sight(candidate)).collect();
        let open: Vec<usize> =
            (0..judged.len()).filter(|&nth| judged[nth].as_ref().is_some_and(|one| one.verdict.is_none())).collect();
        // Only what needs context pays for it.
        if open.is_empty() || !(self.file.names_wandb() || gate::may_speak(self.text)) {
            return judged;
        }
        self.imports = flow::imports(self.text);
        let credentials: Vec<Range<usize>> =
            open.iter().filter_map(|&nth| Some(judged[nth].as_ref()?.credential.clone())).collect();
        let starts: Vec<usize> = credentials.iter().map(|credential| credential.start).collect();
        let places = Places::of(self.text, starts);
        let mut undecided = Vec::new();
        for (place, (nth, credential)) in open.into_iter().zip(credentials).enumerate() {
            let asked = places.ask(place, &self.effort, |outline, spot| {
                let mut trail = Trail::default();
                (self.in_context(outline, spot, &credential, &mut trail), trail)
            });
            let Some((verdict, trail)) = asked else { continue };
            if verdict.is_none() {
                undecided.push((nth, trail));
            }
            if let Some(one) = &mut judged[nth] {
                one.verdict = verdict;
            }
        }
        self.follow(&mut judged, &undecided);
        judged
    }

    /// The whole credential: the key, and its on-prem prefix if that belongs to it.
    fn credential(&self, candidate: &Candidate) -> Range<usize> {
        let key = candidate.key.clone();
        let Some(start) = candidate.prefix else { return key };
        let word = &self.text[start..key.start - 1];
        // In `${KEY-VALUE}` the word is a variable's name.
        let expands = self.text[..start].ends_with(b"${");
        let opens = !expands && start.checked_sub(1).is_none_or(|at| !continues(self.text[at]));
        let closes = self.text.get(key.end).is_none_or(|&b| !continues(b));
        if opens && closes {
            return start..key.end;
        }
        // In a binary file a name may stand directly before the value.
        if word.ends_with(b"local") { key.start - b"local-".len()..key.end } else { key }
    }

    /// What a candidate and the word that it is part of say by themselves.
    fn at_sight(&self, candidate: &Candidate) -> Option<Judged> {
        let Shape::Key(format) = candidate.shape else { return None };
        let credential = self.credential(candidate);
        let key = &self.text[candidate.key.clone()];
        let prefix = &self.text[credential.start..candidate.key.start];
        let verdict = match format {
            Format::V1 if shape::masked_v1(key) => {
                Some(Verdict::not("it is a placeholder: its body repeats one or two characters"))
            }
            Format::V1 => Some(Verdict::key(Confidence::High, self.carrier(&credential))),
            Format::Legacy => match shape::not_a_key(key, &self.text[credential.clone()]) {
                Some(reason) => Some(Verdict::Not(reason)),
                None if !prefix.is_empty() && Says::of(prefix) == Says::Revision => {
                    Some(Verdict::not("its prefix names a revision or a digest"))
                }
                None => token::read(self.text, credential.clone()).or_else(|| revision(self.text, &credential)),
            },
        };
        Some(Judged { credential, verdict, open: false })
    }

    /// What stands round a legacy key, and what its file is called, say of it.
    fn in_context(
        &self,
        outline: &Outline,
        spot: &Spot,
        credential: &Range<usize>,
        trail: &mut Trail,
    ) -> Option<Verdict> {
        let verdict = self.context(self.text, outline, spot, credential, trail, 0);
        let verdict = verdict.or_else(|| self.by_file(credential, trail));
        match verdict {
            Some(Verdict::Key { confidence: Confidence::Medium, .. }) if self.file.holds_revisions() => {
                Some(Verdict::not("the file's name says that it holds revisions or digests"))
            }
            verdict => verdict,
        }
    }

    /// What carries a key that needs no evidence: a URL and a netrc entry have rules of their own.
    pub(super) fn carrier(&self, credential: &Range<usize>) -> Because {
        let carriers = [token::read(self.text, credential.clone()), netrc::read(self.text, credential)];
        let because = carriers.into_iter().flatten().find_map(|verdict| match verdict {
            Verdict::Key { because, .. } => Some(because),
            Verdict::Not(_) => None,
        });
        because.unwrap_or(Because::Format)
    }

    /// Reads what stands round `value` in `text`, which is the file or a text within it.
    fn read(
        &self,
        text: &[u8],
        outline: &Outline,
        spot: &Spot,
        value: &Range<usize>,
        trail: &mut Trail,
        depth: usize,
    ) -> Option<Verdict> {
        if depth > MAX_DEPTH {
            return None;
        }
        token::read(text, value.clone()).or_else(|| self.context(text, outline, spot, value, trail, depth))
    }

    /// As [`KeyJudge::read`], whatever word the value is part of.
    fn context(
        &self,
        text: &[u8],
        outline: &Outline,
        spot: &Spot,
        value: &Range<usize>,
        trail: &mut Trail,
        depth: usize,
    ) -> Option<Verdict> {
        let line = line_around(text, value);
        if let Some(line) = &line
            && literal::is_dressed(&text[line.clone()])
            && self.effort.reach(NEAR) == NEAR
            && let Some(inner) = literal::undressed(text, line.clone(), value)
            && let Some(verdict) = self.within(&inner, trail, depth)
        {
            return Some(verdict);
        }
        let mut start = value.start;
        if let Some(quote) = spot.string {
            let content = literal::content(text, quote, value);
            let fills = fills(&text[content.clone()], value.start - content.start..value.end - content.start);
            if fills {
                let lead = text[spot.item.min(quote)..quote].trim_ascii();
                // The words of a command: an option for a key, or `login`, stands before the value.
                let argument = text[..quote].trim_ascii_end().strip_suffix(b",").unwrap_or_default();
                if lead.is_empty()
                    && is_argument(argument)
                    && let Some(inner) = literal::joined(text, outline, spot, value, &self.effort)
                    && let Some(verdict) = command::read(&inner.text, inner.value)
                {
                    return Some(verdict);
                }
                trail.sent |= text[content.start..value.start].trim_ascii() == b"api:";
            } else {
                let inner = literal::unescaped(text, content, value);
                if let Some(verdict) = self.within(&inner, trail, depth) {
                    return Some(verdict);
                }
                if let Some(inner) = literal::joined(text, outline, spot, value, &self.effort) {
                    let verdict = self.within(&inner, trail, depth);
                    if verdict.is_some() || inner.text.contains(&b'\n') {
                        return verdict;
                    }
                }
                // `echo "machine api.wandb.ai"`, and the password by a command of its own.
                if let Some(verdict) = netrc::read(text, value) {
                    return Some(verdict);
                }
                // `Start-Process wandb -ArgumentList "login KEY"`.
                let line = line.as_ref().map_or(value.start, |line| line.start);
                if command::logs_in(&text[line..value.start]) {
                    return Some(Verdict::key(Confidence::High, Because::Command));
                }
                if trail.leaf != Some(Says::Key) {
                    return None;
                }
            }
            start = quote;
        } else if let Some(comment) = spot.comment {
            let inner = literal::comment(text, outline.line(spot.line), comment, value);
            let verdict = self.within(&inner, trail, depth).or_else(|| beside_empty(text, comment, value));
            if verdict.is_some() {
                return verdict;
            }
            // What is commented out still belongs to the section or the mapping that it stood in.
            if matches!(trail.leaf, Some(Says::Key | Says::Nothing)) {
                return Chain { text, outline, imports: &self.imports, effort: &self.effort }.around(spot.line, trail);
            }
            // `$ENV{KEY} // "…"` is an alternative in Perl and no comment.
            if !text[..comment].ends_with(b" //") {
                return None;
            }
            *trail = Trail::default();
        }
        let lead = &text[spot.item.min(start)..start];
        if matches!(lead.trim_ascii_end().last(), Some(b'+' | b'%' | b'.')) && command::logs_in(lead) {
            return Some(Verdict::key(Confidence::High, Because::Command));
        }
        let line = line.map_or(start, |line| line.start.min(start));
        if let Some(inner) = literal::spliced(&text[line..start], &text[value.clone()])
            && let Some(verdict) = self.within(&inner, trail, depth)
        {
            return Some(verdict);
        }
        // `spawn("wandb", ["login", KEY])`: the words of the command are arguments.
        let frames = std::iter::successors(spot.frame, |&frame| outline.frames[frame].parent).take(3);
        let call =
            frames.map(|frame| outline.frames[frame].item).take_while(|item| start.saturating_sub(*item) < 300).last();
        if call.is_some_and(|call| command::logs_in(&text[call.min(start)..start])) {
            return Some(Verdict::key(Confidence::High, Because::Command));
        }
        if spot.string.is_some() && call.is_none() && command::logs_in(&text[line..start]) {
            return Some(Verdict::key(Confidence::High, Because::Command));
        }
        let listed = is_listed(text, value);
        if !listed && let Some(verdict) = netrc::read(text, value).or_else(|| command::of_revisions(text, value)) {
            return Some(verdict);
        }
        let chain = Chain { text, outline, imports: &self.imports, effort: &self.effort };
        if let Some(verdict) = chain.climb(spot, start, value.end, trail) {
            return Some(verdict);
        }
        // Commands, rows and sentences say what they say near the value, or not at all.
        let near = value.start.saturating_sub(NEAR)..text.len().min(value.end + NEAR);
        if listed || !gate::may_speak(&text[near]) {
            return None;
        }
        if let Some(verdict) = command::read(text, value.clone()) {
            return Some(verdict);
        }
        if let Some(verdict) = command::printed(text, value).and_then(|inner| self.within(&inner, trail, depth)) {
            return Some(verdict);
        }
        if command::heredoc_login(text, value) || command::lists_login(text, value) {
            return Some(Verdict::key(Confidence::High, Because::Command));
        }
        table::read(text, value.clone())
            .or_else(|| {
                // In a list the comment is about the item, and the list says what it is.
                let item =
                    spot.frame.is_some_and(|frame| text[outline.frames[frame].open] == b'[') && trail.leaf.is_none();
                if item { None } else { prose::comment_beside(text, value, trail.leaf) }
            })
            .or_else(|| prose::label_above(text, value))
            .or_else(|| prose::heading(text, value))
            .or_else(|| {
                // The entries of a netrc are no sentence.
                let entry = self.file.is_netrc() && depth == 0;
                if entry { None } else { prose::read(text, value.clone(), trail) }
            })
    }

    /// Reads a text within the text.
    fn within(&self, inner: &literal::Inner, trail: &mut Trail, depth: usize) -> Option<Verdict> {
        let (outline, spots) = Outline::read(&inner.text, &[inner.value.start]);
        self.read(&inner.text, &outline, spots.first()?, &inner.value, trail, depth + 1)
    }

    /// What the file's name says of a value that nothing in the file names.
    fn by_file(&self, value: &Range<usize>, trail: &Trail) -> Option<Verdict> {
        let key = || Some(Verdict::key(Confidence::Medium, Because::FileName));
        let named = matches!(trail.leaf, Some(Says::Key | Says::Nothing));
        let service = trail.leaf == Some(Says::Wandb) || (trail.ours && self.file.is_for_keys());
        if service && !self.file.holds_revisions() && self.file.may_name_services() {
            return key();
        }
        if named && (self.file.is_wandb_settings() || self.file.is_for_wandb_key()) {
            return key();
        }
        let Range { start: line, end } = line_around(self.text, value)?;
        let bare = |part: &[u8]| !part.iter().any(|b| b.is_ascii_alphanumeric());
        if self.file.is_for_wandb_key() && bare(&self.text[line..value.start]) && bare(&self.text[value.end..end]) {
            return key();
        }
        None
    }
}

/// What a line says that names a revision and gives it, and says no more: `revision = "…"`, `"sha": "…",`, `>>>>>>> …`. Nothing round it
/// would say otherwise, and most candidates in most repositories stand so.
fn revision(text: &[u8], value: &Range<usize>) -> Option<Verdict> {
    let line = line_around(text, value)?;
    if matches!(&text[line.start..value.start], b">>>>>>> " | b"<<<<<<< " | b"||||||| ") {
        return Some(Verdict::not("it names a side of a conflict"));
    }
    let unquoted = |text: &'_ [u8]| text.iter().rev().take_while(|b| matches!(b, b'"' | b'\'')).count();
    let behind = text[value.end..line.end].trim_ascii_end();
    if !matches!(behind, b"" | b"\"" | b"'" | b"," | b"\"," | b"'," | b";" | b"\";") {
        return None;
    }
    let before = &text[line.start..value.start];
    let before = before[..before.len() - unquoted(before)].trim_ascii_end();
    let before = before.strip_suffix(b"=").or_else(|| before.strip_suffix(b":"))?.trim_ascii();
    let name = before[..before.len() - unquoted(before)].trim_ascii_start();
    let name = name.strip_prefix(b"\"").or_else(|| name.strip_prefix(b"'")).unwrap_or(name);
    let word = !name.is_empty() && name.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    let revision = word && Says::of(name) == Says::Revision && names::names_revision(name);
    revision.then(|| trail::names_revision(name))
}

/// What the code says before or below a comment that holds nothing but the value: a name without one, or a login without a key.
fn beside_empty(text: &[u8], comment: usize, value: &Range<usize>) -> Option<Verdict> {
    let line = line_around(text, value)?;
    let label = text.get(comment..value.start)?.trim_ascii();
    let label = label.strip_suffix(b":").unwrap_or(label);
    let alone = text[value.end..line.end].trim_ascii().is_empty() && (label.is_empty() || Says::of(label) == Says::Key);
    if !alone {
        return None;
    }
    let signs = |b: &u8| matches!(b, b'#' | b'/' | b'-' | b';' | b' ' | b'\t');
    let code = text.get(line.start..comment)?;
    let code = &code[..code.iter().rposition(|b| !signs(b)).map_or(0, |last| last + 1)];
    // A comment of several lines is read as one sentence.
    let above = || text[..line.start].rsplit(|&b| b == b'\n').nth(1).unwrap_or_default().trim_ascii();
    let below = || text[line.end..].strip_prefix(b"\n").and_then(|below| below.split(|&b| b == b'\n').next());
    let code = match code {
        b"" if above().first().is_none_or(|b| !signs(b)) => below()?.trim_ascii(),
        _ => code,
    };
    if code.contains(&b'$') {
        return None;
    }
    let call = code.strip_suffix(b"()").unwrap_or(code);
    if command::logs_in(code) || (call.len() < code.len() && call.ends_with(b"login") && names::names_wandb(call)) {
        return Some(Verdict::key(Confidence::High, Because::Command));
    }
    let name = [&b"\"\""[..], b"''", b"None"].iter().find_map(|empty| code.strip_suffix(*empty)).unwrap_or(code);
    let names = lead::read(name.trim_ascii_end()).names;
    names.into_iter().find(|name| Says::of(name) == Says::WandbKey).map(trail::named)
}

/// What a decoded text says by itself: `api:KEY` is what the header of an authorized request holds.
pub(super) fn encoded(text: &Text<'_>, credential: &Range<usize>) -> Option<Verdict> {
    text.from?;
    let alone =
        text.bytes[..credential.start].trim_ascii() == b"api:" && text.bytes[credential.end..].trim_ascii().is_empty();
    alone.then(|| Verdict::key(Confidence::Medium, Because::Beside("api:".to_owned())))
}

/// Whether the last literal of a list of words is an option or the last word of a command.
fn is_argument(words: &[u8]) -> bool {
    let words = &words[words.len().saturating_sub(120)..];
    let Some(quote) = words.last().filter(|b| matches!(b, b'"' | b'\'')) else { return false };
    let words = &words[..words.len() - 1];
    let last = &words[memchr::memrchr(*quote, words).map_or(0, |at| at + 1)..];
    last.starts_with(b"-") || last.eq_ignore_ascii_case(b"login") || last.contains(&b' ')
}

/// Whether a value is a line of its own in a list of such lines: nothing near it says anything of it in particular.
fn is_listed(text: &[u8], value: &Range<usize>) -> bool {
    let length = value.len() + 1;
    let above = value.start.checked_sub(length).map(|start| &text[start..value.start]);
    let hex = |line: &[u8]| line.strip_suffix(b"\n").is_some_and(|line| line.iter().all(u8::is_ascii_hexdigit));
    above.is_some_and(hex) && matches!(text.get(value.end), None | Some(b'\n' | b'\r'))
}

/// Whether a character makes what stands on its other side a part of the same token.
fn continues(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'/' | b'@' | b'+' | b'#' | b'~' | b'^')
}

/// Whether a string holds the value and nothing else but what a header or a form adds.
fn fills(content: &[u8], value: Range<usize>) -> bool {
    let before = content[..value.start].trim_ascii();
    let after = content[value.end..].trim_ascii();
    let silent = |part: &[u8]| !part.iter().any(|b| b.is_ascii_alphanumeric() || *b >= 0x80);
    let scheme = silent(before)
        || [&b"bearer"[..], b"basic", b"token", b"apikey", b"api:"].iter().any(|s| before.eq_ignore_ascii_case(s));
    scheme && (silent(after) || after == b"\\n" || after == b"\\r\\n")
}

/// Whether a file whose name says so holds a list of keys by service.
pub(super) fn file_is_for_keys(name: Says) -> bool {
    matches!(name, Says::Key | Says::WandbKey)
}

/// Whether a file of that name is about revisions or digests.
pub(super) fn file_is_for_revisions(name: &str) -> bool {
    let message = ["message", "msg"].iter().any(|word| name.to_ascii_lowercase().contains(word));
    names::names_revision(name.as_bytes()) && !message
}

/// Whether a file whose name says so, in a folder of that name, is one for W&B's key.
pub(super) fn file_is_for_key(name: Says, folder: &str) -> bool {
    match name {
        Says::WandbKey | Says::Wandb => true,
        Says::Key => matches!(Says::of(folder.as_bytes()), Says::WandbKey | Says::Wandb),
        _ => false,
    }
}

/// A piece of scanned text as it may stand in a clause: short, in one line, every key masked.
fn shown(text: &[u8]) -> String {
    let text = super::mask::visible(&super::mask::masked(text));
    let text = hide_pieces(&text.replace('`', "'"));
    if text.chars().count() <= 60 { text } else { text.chars().take(59).chain(['…']).collect() }
}

/// The text without runs of letters and digits that could be a piece of a key: what is looked at may begin within one.
fn hide_pieces(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for run in text.split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
        let word = run.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        let piece = word.len() >= 8 && word.bytes().any(|b| b.is_ascii_digit());
        out.push_str(if piece { "…" } else { word });
        out.push_str(&run[word.len()..]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clause_holds_no_piece_of_a_key() {
        let key = crate::rule::example::v1_key("clause");
        for cut in 0..key.len() {
            let said = shown(format!("{} wandb api key", &key[cut..]).as_bytes());
            let bare =
                key.as_bytes()[20..].windows(12).any(|piece| said.as_bytes().windows(12).any(|other| other == piece));
            assert!(!bare, "{said}");
        }
        assert_eq!(shown(b"WANDB_API_KEY_2"), "WANDB_API_KEY_2");
    }
}
