//! What a sentence says: "my wandb key is KEY", "KEY is the W&B token", a prompt above a pasted key, a comment beside an
//! assignment. In: a text and the value in it. Out: a verdict, if somebody calls the value W&B's key.

use std::ops::Range;

use super::names::{self, Says};
use super::trail::Trail;
use super::{Because, Verdict, line_around};
use crate::finding::Confidence;

/// How much of a sentence is read to both sides of a value.
const REACH: usize = 400;
/// The most words between the words for a key and the value.
const LINKS: usize = 7;

/// Words that join what something is called and the thing itself.
const LINK: &[&str] = &[
    "is", "was", "are", "as", "with", "using", "use", "used", "by", "to", "the", "a", "an", "my", "our", "your", "his",
    "her", "their", "this", "that", "it", "here", "following", "below", "value", "set", "be", "will", "would", "for",
    "via", "and", "then", "just", "please", "now", "new", "old", "current", "enter", "paste", "type", "put", "copy",
    "try", "export", "in", "on", "at", "key", "api", "token", "account", "login", "s", "which", "like", "so", "called",
    "equals", "want", "i", "ll", "into", "when", "asked", "prompted", "if", "you", "need", "hit", "of", "changed",
    "default", "one", "mine", "input", "log", "there", "asks", "ask", "asking", "wants", "needs", "requires",
    "expects", "me", "us", "case", "ai", "io", "com", "https", "http", "la", "le", "les", "el", "du", "de", "del",
    "des", "dem", "demande", "collez", "entrez", "pega", "usa", "die", "der", "das", "den", "und", "mit", "im",
    "rejected", "refused", "accepted", "invalid", "expired", "leaked", "found", "got", "given", "from", "env",
    "shared", "var",
];

/// Words directly before a value that say what it is, whatever stands before them.
const COPULA: &[&str] = &["is", "was", "be", "are", "ist", "lautet", "es", "est", "equals", "enter"];

/// Words that, behind a value, begin to say what it is.
const BECOMES: &[&str] = &["is", "was", "as", "for", "to", "into", "works", "ist", "should", "by"];

/// Words that end what asks for a key.
const ASKS: &[&str] = &["paste", "enter", "type", "use", "is", "with", "below", "pls", "please"];

/// How many lines above an answer its question may stand.
const ANSWERED: usize = 4;

/// How many lines above a value its heading may stand.
const SECTION: usize = 30;

/// What the subject of a letter stands behind.
const SUBJECT: &[u8] = b"Subject: ";

/// How bad a line of a log says that it is.
const LEVELS: &[&str] = &["trace", "debug", "info", "notice", "warn", "warning", "error", "critical", "fatal"];

/// Words for a key that are no name of one: what one does with it.
const LOGIN: &[&str] = &["logged", "logging", "signin", "authenticating", "authorize", "credential"];

/// Words that make a sentence one about a revision.
const ABOUT_REVISIONS: &[&str] = &[
    "merge", "merged", "checkout", "cherry", "branch", "pr", "pull", "diff", "patch", "release", "released",
    "introduced", "bisect", "regression", "since", "build", "changelog", "head", "blame", "revert", "reverted", "bump",
    "bumped", "upstream", "fix", "fixes", "fixed", "refactor", "artifact", "pinned", "tag", "image",
];

/// A word of a sentence, in small letters.
struct Word {
    text: String,
    /// Where it begins in the sentence.
    start: usize,
}

impl Word {
    fn links(&self) -> bool {
        LINK.contains(&self.text.as_str()) || !self.text.is_ascii()
    }

    fn about_revisions(&self) -> bool {
        ABOUT_REVISIONS.contains(&self.text.as_str())
            || names::names_revision(self.text.as_bytes())
            || is_hex(&self.text)
    }
}

/// Whether a word is an abbreviated or whole object id: a sentence that names one is about revisions.
fn is_hex(word: &str) -> bool {
    word.len() >= 7 && word.bytes().all(|b| b.is_ascii_hexdigit()) && word.bytes().any(|b| b.is_ascii_digit())
}

/// Reads the sentence round `value`, given what its own name says. A value that an identifier names is no part of a
/// sentence, unless that identifier is a key's (`logged in to W&B (key=KEY)`).
pub(super) fn read(text: &[u8], value: Range<usize>, trail: &Trail) -> Option<Verdict> {
    if trail.leaf == Some(Says::Other) && !trail.phrase {
        return None;
    }
    let before = plain(sentence_before(text, value.start));
    let after = plain(sentence_after(text, &value));
    let called = || Some(Verdict::key(Confidence::Medium, Because::Sentence));
    // The SDK repeats a key of the wrong length in its complaint, and its prompt is followed by what was typed.
    let lower = before.to_lowercase();
    let complaint =
        lower.find("key must be").is_some_and(|at| lower[..at].ends_with("api-") || lower[..at].ends_with("api "));
    if complaint || lower.contains("paste an api key") {
        return called();
    }
    // An aside between the words for the key and the value says nothing of either.
    let before = without_asides(&before);
    let left = words(&before);
    let right = words(&after);
    let about_revisions = |words: &[Word]| words.iter().any(Word::about_revisions);
    // "rotate the wandb key KEY before the release": what directly follows the phrase is what the phrase means.
    let adjacent = phrase(&left).is_some_and(|(_, end)| end == left.len());
    if about_revisions(&left) || (!adjacent && about_revisions(&right)) {
        return None;
    }
    let end = before.trim_end();
    // What an identifier names is program text or a log's field; a sentence may lie before it, but no code.
    if trail.leaf.is_some_and(|leaf| leaf != Says::Nothing) && !trail.phrase && is_code(&before) {
        return None;
    }
    let bound = end.ends_with([':', '=', '>', '：']);
    let copula = left.last().is_some_and(|word| COPULA.contains(&word.text.as_str()));
    if let Some((start, end)) = phrase(&left) {
        let links = &left[end..];
        let joins = join(links) || (bound && links.len() <= 3 && !copula);
        if links.len() <= LINKS && joins && !is_code(&before[left[start].start..]) {
            return called();
        }
    }
    // "KEY is my wandb key", and "the key KEY was refused by wandb".
    let key_before =
        left.last().is_some_and(|word| names::names_key(word.text.as_bytes())) && is_nobodys(&before, &left);
    let begins = right.first().is_some_and(|word| BECOMES.contains(&word.text.as_str()) || !word.text.is_ascii());
    let opens = after.trim_start().starts_with(['(', '-', '–', '—', '<', '←']);
    let head = &right[..right.len().min(LINKS + 3)];
    if let Some((start, end)) = phrase(head).or_else(|| wandb_in(head).filter(|_| key_before))
        && (begins || opens || key_before)
        && head[..start].iter().all(Word::links)
        && !is_code(&after[..head.get(end).map_or(after.len(), |word| word.start)])
    {
        return called();
    }
    // "account for W&B, user x, API key KEY": the sentence names W&B, and the word before the value the key.
    if key_before && left.len() <= 20 && wandb_in(&left).is_some() && !end.ends_with('(') && !is_code(&before) {
        return called();
    }
    // "Log in to wandb. When it asks for the key, enter KEY."
    let pronoun = left.len() <= 4 && left.iter().any(|word| ["it", "here", "this"].contains(&word.text.as_str()));
    let asks = left.iter().rposition(|word| names::names_key(word.text.as_bytes())).or(pronoun.then_some(0));
    if let Some(at) = asks
        && left[at + 1..].iter().all(Word::links)
        && left.len() - at <= LINKS
        && !is_code(&before)
    {
        let start = value.start - sentence_before(text, value.start).len();
        let earlier = plain(sentence_before(text, start.saturating_sub(1)));
        let earlier = words(&earlier);
        let names_wandb = if pronoun { phrase(&earlier).is_some() } else { wandb_in(&earlier).is_some() };
        if names_wandb
            && is_nobodys(&before, &left[..=at])
            && earlier.len() <= 20
            && !earlier.iter().any(Word::about_revisions)
            && !text[..start].ends_with(b"\n")
        {
            return called();
        }
    }
    None
}

/// The text without what stands between two round brackets.
fn without_asides(text: &str) -> String {
    let mut out = text.to_owned();
    while let Some(close) = out.find(')')
        && let Some(open) = out[..close].rfind('(')
        && (out[..open].ends_with(' ') || open == 0)
    {
        out.replace_range(open..=close, " ");
    }
    out
}

/// Whether words do nothing but join: links, and what follows a preposition or an article (`of the lab is`).
fn join(words: &[Word]) -> bool {
    const BEFORE_A_NOUN: &[&str] = &[
        "of", "for", "from", "on", "in", "at", "the", "our", "my", "your", "a", "this", "its", "del", "du", "de",
        "des", "dem", "der", "la", "le", "el",
    ];
    (0..words.len()).all(|at| {
        let follows = at.checked_sub(1).is_some_and(|before| BEFORE_A_NOUN.contains(&words[before].text.as_str()));
        words[at].links() || follows || COPULA.contains(&words[at].text.as_str())
    })
}

/// The first word for W&B; the name of an option or a variable is none.
fn wandb_in(words: &[Word]) -> Option<(usize, usize)> {
    let names_it = |word: &Word| !word.text.contains('_') || Says::of(word.text.as_bytes()).wandb();
    let says = |word: &Word| names::names_wandb(word.text.as_bytes()) && names_it(word);
    let at = words.iter().position(says)?;
    Some((at, at + 1))
}

/// Whether the words for a key that end a sentence so far do not say whose it is: "the API key", not "the Gitea key".
fn is_nobodys(sentence: &str, words: &[Word]) -> bool {
    let generic = |name: &[u8]| names::names_key(name) && (!name.contains(&b'_') || names::names_nobody(name));
    let Some(at) = words.iter().rposition(|word| !generic(word.text.as_bytes())) else { return true };
    let owner = &words[at];
    let apart = words.get(at + 1).is_some_and(|next| {
        let between = &sentence[owner.start..next.start];
        between.contains([',', ':', ';', '(']) || between.ends_with("  ")
    });
    let name = owner.text.as_bytes();
    apart || owner.links() || names::names_nobody(name) || LEVELS.contains(&&*owner.text) || names::names_wandb(name)
}

/// What a line says of a value that stands alone below it: a prompt, a heading, a label.
pub(super) fn label_above(text: &[u8], value: &Range<usize>) -> Option<Verdict> {
    let own = line_around(text, value)?;
    let line = own.start.checked_sub(1)?;
    let alone = |part: &[u8]| {
        let part = part.trim_ascii();
        let part = part.strip_prefix(b"A:").or_else(|| part.strip_prefix(b"Out[")).unwrap_or(part);
        let digits = part.iter().take_while(|b| b.is_ascii_digit()).count();
        let part = part[digits..].strip_prefix(b"]:").unwrap_or(part);
        part.len() <= 8 && !part.iter().any(|b| b.is_ascii_alphanumeric() || *b >= 0x80)
    };
    // In a chat whoever says it stands before it, and before what was said above.
    let is_alone = alone(&text[line..value.start]);
    let spoken = !is_alone && speaker(&text[own.start..value.start]).is_some_and(alone);
    if !(spoken || is_alone) || !alone(&text[value.end..own.end]) {
        return None;
    }
    let floor = line.saturating_sub(REACH);
    let above = &text[floor..line];
    // A look that begins within a word could begin within a key.
    let word = |b: &&u8| b.is_ascii_alphanumeric() || **b == b'_';
    let cut = if floor > 0 { above.iter().take_while(word).count() } else { 0 };
    let above = &above[cut..];
    let lines = above.rsplit(|&b| b == b'\n').map(<[u8]>::trim_ascii);
    if spoken {
        let said = lines.take(ANSWERED).filter(|line| !line.is_empty()).map_while(speaker);
        return asked(said);
    }
    let label = lines.take(3).find(|line| line.iter().any(u8::is_ascii_alphanumeric))?;
    says_below(label, &text[line..value.start]).map(|(_, says)| says)
}

/// What a value is that answers what was said in a chat before it, the last first.
pub(super) fn asked(said: impl Iterator<Item = impl AsRef<[u8]>>) -> Option<Verdict> {
    for line in said {
        let line = line.as_ref().trim_ascii();
        if words(&plain(line)).iter().any(Word::about_revisions) {
            return None;
        }
        if let Some((true, says)) = says_below(line, b"") {
            return Some(says);
        }
    }
    None
}

/// What a line says of a value that stands alone below it, behind `before`, and whether it asks for one.
fn says_below(label: &[u8], before: &[u8]) -> Option<(bool, Verdict)> {
    let shown = plain(label);
    let shown = shown.trim();
    let said = words(shown);
    if said.len() > 24 || said.iter().any(Word::about_revisions) {
        return None;
    }
    let bare = shown.trim_end_matches(['*', '`', '_', ' ', '"']);
    let asks = said.last().is_some_and(|word| ASKS.contains(&word.text.as_str()));
    let open = asks || bare.ends_with([':', '=', '>', '?', '：']);
    let short = said.len() <= 6;
    // `echo $WANDB_API_KEY` prints it.
    let prompted = shown.starts_with("In [") && before.trim_ascii().starts_with(b"Out[");
    let printed = prompted && phrase(&said).is_some()
        || bare
            .rsplit(' ')
            .next()
            .and_then(|last| last.strip_prefix('$'))
            .is_some_and(|name| Says::of(name.trim_matches(['{', '}', '"']).as_bytes()) == Says::WandbKey);
    let says = printed
        || match Says::of(label) {
            Says::WandbKey if short && (open || names::is_phrase(label)) => true,
            Says::Wandb if short && open => true,
            _ => phrase(&said).is_some() && open,
        };
    says.then(|| (open, Verdict::key(Confidence::Medium, Because::Label(super::shown(label)))))
}

/// What somebody says in a line of a chat: `Jo: …`, `[12.03.26, 09:15] Jo Doe: …`.
fn speaker(line: &[u8]) -> Option<&[u8]> {
    const LONGEST: usize = 64;
    let colon = memchr::memmem::find(&line[..line.len().min(LONGEST)], b": ")?;
    let name = line[..colon].rsplit(|b| matches!(b, b']' | b'-')).next().unwrap_or_default().trim_ascii();
    let named = name.first().is_some_and(|b| b.is_ascii_uppercase() || *b >= 0x80)
        && name.iter().all(|b| b.is_ascii_alphabetic() || matches!(b, b' ' | b'.') || *b >= 0x80);
    (named && !names::names_key(name)).then_some(&line[colon + 2..])
}

/// What the comments beside or above an assignment say of it; `leaf` is what its own name says.
pub(super) fn comment_beside(text: &[u8], value: &Range<usize>, leaf: Option<Says>) -> Option<Verdict> {
    let Range { start, end } = line_around(text, value)?;
    let trailing = comment_in(&text[value.end..end]);
    let above = start.checked_sub(1).and_then(|newline| {
        let from = line_around(text, &(newline..newline))?.start;
        let line = text[from..newline].trim_ascii();
        ["#", "//", ";", "--", "/*", "<!--", "REM "].iter().find_map(|sign| line.strip_prefix(sign.as_bytes()))
    });
    let named = leaf.is_some();
    [(trailing, true), (above, named)]
        .into_iter()
        .filter(|(_, counts)| *counts)
        .filter_map(|(comment, _)| comment)
        .find_map(|comment| {
            let comment = comment[..comment.len().min(REACH)].trim_ascii();
            let shown = plain(comment);
            let said = words(&shown);
            let says = match leaf {
                Some(Says::Key) => names::names_wandb(comment) && said.len() <= 12,
                Some(Says::Wandb) => names::names_key(comment) && said.len() <= 12,
                _ => phrase(&said).is_some() && said.len() <= 8 && (names::is_phrase(comment) || said.len() <= 4),
            };
            let needs = said.iter().any(|word| ["needs", "requires", "uses"].contains(&word.text.as_str()));
            (says && !needs && !said.iter().any(Word::about_revisions))
                .then(|| Verdict::key(Confidence::Medium, Because::Label(super::shown(comment))))
        })
}

/// What the heading says under which a value stands that is called some key: `## W&B` above `- API key: …`.
pub(super) fn heading(text: &[u8], value: &Range<usize>) -> Option<Verdict> {
    let own = line_around(text, value)?;
    let label = text[own.start..value.start].trim_ascii_end();
    let label = label.strip_suffix(b"`").unwrap_or(label).trim_ascii_end();
    // In a letter the key may stand by itself, and the subject say what it is.
    let is_alone = label.is_empty() && text[value.end..own.end].trim_ascii().is_empty();
    let label = label.strip_suffix(b":").unwrap_or_default();
    if !is_alone && (!names::names_nobody(label) || !names::names_key(label)) {
        return None;
    }
    let floor = own.start.saturating_sub(SECTION * REACH);
    let above = text[floor..own.start].rsplit(|&b| b == b'\n').skip(1).take(SECTION);
    let mut lines = above.map(<[u8]>::trim_ascii);
    let title = if is_alone {
        lines.find_map(|line| line.strip_prefix(SUBJECT)).filter(|subject| Says::of(subject) == Says::WandbKey)?
    } else {
        let mut below: &[u8] = b"";
        lines
            .find_map(|line| line.strip_prefix(SUBJECT).or_else(|| title(line, std::mem::replace(&mut below, line))))?
    };
    let title = title.trim_ascii();
    let says = title.len() <= 80 && names::names_wandb(title) && names::is_phrase(title);
    says.then(|| Verdict::key(Confidence::Medium, Because::Label(super::shown(title))))
}

/// The heading that a line is in Markdown: `## W&B`, or with the line `below` drawn under it.
fn title<'t>(line: &'t [u8], below: &[u8]) -> Option<&'t [u8]> {
    let hashes = line.iter().take_while(|&&b| b == b'#').count();
    let drawn = below.len() >= 3 && [b'-', b'='].iter().any(|sign| below.iter().all(|b| b == sign));
    match line.get(hashes) {
        Some(b' ') if hashes >= 2 => Some(&line[hashes..]),
        Some(_) if drawn => Some(line),
        _ => None,
    }
}

/// The comment that follows on a line.
fn comment_in(rest: &[u8]) -> Option<&[u8]> {
    let signs = [" #", " //", " /*", "<!--", " -- ", " ;"];
    signs.iter().find_map(|sign| memchr::memmem::find(rest, sign.as_bytes()).map(|at| &rest[at + sign.len()..]))
}

/// Where a phrase that means W&B's key begins and ends among words: a word for W&B and a word for a key, close together.
fn phrase(words: &[Word]) -> Option<(usize, usize)> {
    let joined = |at: usize, length: usize| {
        let part: Vec<&str> = words.iter().skip(at).take(length).map(|word| word.text.as_str()).collect();
        part.len() == length && names::names_wandb(part.join(" ").as_bytes())
    };
    let begins = |at: usize| ["w", "weight", "weights"].contains(&words[at].text.as_str());
    let length = |at: usize| (1..=if begins(at) { 3 } else { 1 }).find(|&length| joined(at, length));
    let key = |at: usize| {
        let word = words[at].text.as_str();
        let next = words.get(at + 1).map_or("", |word| word.text.as_str());
        names::names_key(word.as_bytes())
            || LOGIN.contains(&word)
            || (matches!(word, "log" | "sign") && matches!(next, "in" | "into"))
    };
    let keys: Vec<usize> = (0..words.len()).filter(|&at| key(at)).collect();
    let mut best: Option<(usize, usize)> = None;
    for at in 0..words.len() {
        let Some(length) = length(at) else { continue };
        let between = |k: usize| if k < at { &words[k + 1..at] } else { words.get(at + length..k).unwrap_or_default() };
        for &k in keys.iter().filter(|&&k| k.abs_diff(at) <= 8 && join(between(k))) {
            let found = (k.min(at), (k + 1).max(at + length));
            if best.is_none_or(|best| found.1 > best.1) {
                best = Some(found);
            }
        }
    }
    best
}

/// Whether a stretch of text reads as program text rather than as a sentence.
fn is_code(text: &str) -> bool {
    // What directly opens the value (`key=`, `[`, `\texttt{`) is allowed; what stands before that is not.
    let inner = &text.as_bytes()[..text.len().saturating_sub(10)];
    let end = &text.as_bytes()[inner.len()..];
    let signs = |b: &u8| matches!(b, b'{' | b'}' | b'[' | b']' | b';' | b'=' | b'<');
    inner.iter().any(signs)
        || end[..end.len().saturating_sub(2)].iter().any(|b| matches!(b, b';' | b'='))
        || inner.windows(2).any(|pair| pair[1] == b'(' && (pair[0].is_ascii_alphanumeric() || pair[0] == b'_'))
}

/// The text without the tags of markup, and with its commonest character references undone.
fn plain(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let text = text.trim_start();
    let text =
        ["- [ ] ", "- [x] ", "* [ ] ", "[ ] ", "[x] "].iter().find_map(|sign| text.strip_prefix(sign)).unwrap_or(text);
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find('<') {
        out.push_str(&rest[..open]);
        let tag = &rest[open + 1..];
        match tag.find('>') {
            Some(close) if close < 80 && tag.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/') => {
                out.push(' ');
                rest = &tag[close + 1..];
            }
            _ => {
                out.push('<');
                rest = tag;
            }
        }
    }
    // A tag that the value cuts in two; a command of TeX.
    let cut = rest.find('>').filter(|&at| at < 30 && rest[..at].starts_with('/') && out.is_empty());
    out.push_str(cut.map_or(rest, |at| &rest[at + 1..]));
    let mut out = out.replace("&amp;", "&").replace("&quot;", "\"").replace("\\&", "&");
    if out.ends_with('{')
        && let Some(command) = out.rfind('\\')
    {
        out.truncate(command);
    }
    out
}

/// The words of a text in small letters; `W&B` stays whole, and scripts without spaces part from ASCII.
fn words(text: &str) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    let mut last: Option<(usize, bool)> = None;
    for (at, c) in text.char_indices() {
        if !(c.is_alphanumeric() || matches!(c, '&' | '_')) {
            last = None;
            continue;
        }
        let other = u32::from(c) >= 0x2e80;
        match (&mut last, words.last_mut()) {
            (Some((_, script)), Some(word)) if *script == other => word.text.extend(c.to_lowercase()),
            _ => {
                words.push(Word { text: c.to_lowercase().collect(), start: at });
                last = Some((at, other));
            }
        }
    }
    words.retain(|word| word.text != "&");
    words
}

/// The sentence up to a value; a single newline is white space, an empty line or a new item of a list ends it.
fn sentence_before(text: &[u8], end: usize) -> &[u8] {
    let start = end.saturating_sub(REACH);
    let text = &text[start..end];
    let mut from = 0;
    for at in 0..text.len() {
        let rest = &text[at..];
        let ends = match rest {
            [b'.' | b'!' | b'?', b' ' | b'\n', ..] => rest.len() > 2,
            [b'\n', tail @ ..] => {
                let next = tail.trim_ascii_start();
                let blank = &tail[..tail.len() - next.len()];
                let line = text[from..at].rsplit(|&b| b == b'\n').next().unwrap_or_default();
                let item = matches!(next, [b'-' | b'*' | b'#' | b'>' | b'|' | b'+' | b'$', b' ', ..]);
                let stamped = matches!(next.first(), Some(b'[' | b'0'..=b'9')) && next.len() > 50;
                blank.contains(&b'\n') || !is_wrapped(line) || item || stamped
            }
            [0, ..] => true,
            _ => false,
        };
        if ends {
            from = at + 1;
        }
    }
    &text[from..]
}

/// Whether a line reads as one that was broken because it was full.
fn is_wrapped(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    let last = line.last().copied().unwrap_or_default();
    let hex = line.iter().rev().take_while(|b| b.is_ascii_hexdigit()).count() >= 40;
    let words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).count();
    words >= 3
        && !hex
        && (last.is_ascii_alphanumeric() || matches!(last, b',' | b':' | b'&' | b'"'))
        && !is_code(&String::from_utf8_lossy(line))
}

/// The sentence from a value on.
fn sentence_after<'t>(text: &'t [u8], value: &Range<usize>) -> &'t [u8] {
    let own = &text[value.start.saturating_sub(REACH)..value.start];
    let own = &own[memchr::memrchr(b'\n', own).map_or(0, |at| at + 1)..];
    let text = &text[value.end..text.len().min(value.end + REACH)];
    let mut line = 0;
    let end = (0..text.len()).find(|&at| match &text[at..] {
        [b'.' | b'!' | b'?' | b';', b' ' | b'\n' | b'<', ..] | [0, ..] => true,
        [b'\n', tail @ ..] => {
            // Only a line that was broken because it was full goes on below, and not in what is a name for more.
            let next = tail.trim_ascii_start();
            let word = next.split(u8::is_ascii_whitespace).next().unwrap_or_default();
            let goes_on = word.first().is_some_and(u8::is_ascii_lowercase)
                && !word.iter().any(|b| matches!(b, b':' | b'='))
                && !tail.starts_with(b"\n");
            let wrapped = if line > 0 { is_wrapped(&text[line..at]) } else { may_go_on(own, &text[..at]) };
            line = at + 1;
            !goes_on || !wrapped
        }
        _ => false,
    });
    &text[..end.unwrap_or(text.len())]
}

/// Whether the line that a value stands in reads as one of prose that goes on in the next: nothing but the value, or several
/// words, and no program text.
fn may_go_on(before: &[u8], behind: &[u8]) -> bool {
    let words = before.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).count();
    let signs = |b: &u8| matches!(b, b'(' | b')' | b'[' | b']' | b'{' | b'}' | b'=' | b';' | b'"' | b'\'');
    words != 1 && !before.iter().chain(behind).any(signs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn called(text: &str) -> bool {
        let at = text.find("KEY").expect("a marked place");
        read(text.as_bytes(), at..at + 3, &Trail::default()).is_some()
    }

    #[test]
    fn sentences_that_call_it_a_key_and_sentences_that_do_not() {
        for text in [
            "My wandb API key is KEY.",
            "the W&B token: KEY",
            "here's the key for wandb KEY",
            "log in to Weights & Biases with KEY",
            "KEY is my wandb login",
            "use KEY as the W&B api key",
            "Please use my wandb\nkey KEY",
            "API-key must be exactly 40 characters long: KEY (86 chars)",
        ] {
            assert!(called(text), "{text}");
        }
        for text in [
            "the wandb login bug was introduced in KEY",
            "wandb: fix API key validation (KEY)",
            "Since KEY the wandb key is read from netrc",
            "See KEY. The wandb key is elsewhere",
            "wandb logs the run; KEY",
            "wandb API key rotation\n\nKEY",
        ] {
            assert!(!called(text), "{text}");
        }
    }
}
