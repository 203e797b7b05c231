//! What the syntax round a value says: the names it is bound to, the call it is an argument of, what its siblings are
//! called, which object, block or section it belongs to. In: an outline and a spot. Out: a verdict, or the trail that a
//! later question may follow. Names near the value speak before names far from it, and the first that decides wins.

use std::ops::Range;

use super::lead::{self, Lead};
use super::names::{self, Says};
use super::outline::{Outline, Spot};
use super::{Because, Verdict};
use crate::finding::Confidence;

/// How far a call or an object is read to both sides of a value.
const REACH: usize = 16 * 1024;
/// How many lines of a mapping are read to both sides of a value.
const MAPPING_LINES: usize = 300;

/// What has been learnt about a value on the way from its nearest name outward.
#[derive(Default)]
pub(super) struct Trail {
    /// What the nearest name that says anything says; `None` while there was no name at all.
    pub(super) leaf: Option<Says>,
    /// Names under which the value may be used elsewhere in the text.
    pub(super) aliases: Vec<Vec<u8>>,
    /// Whether the value is a positional argument of a call that we do not know, so that what it returns is not the value.
    through_call: bool,
}

impl Trail {
    /// Takes the next name outward.
    fn name(&mut self, name: &[u8]) -> Option<Verdict> {
        let name = name.trim_ascii();
        let shown = || format!("`{}`", super::shown(name));
        let says = Says::of(name);
        let open = matches!(self.leaf, None | Some(Says::Nothing));
        match says {
            Says::WandbKey => return Some(Verdict::key(Confidence::High, Because::Named(shown()))),
            Says::Wandb if self.leaf == Some(Says::Key) => {
                return Some(Verdict::key(Confidence::High, Because::Within(shown())));
            }
            Says::Wandb if open && !self.through_call => {
                return Some(Verdict::key(Confidence::Medium, Because::Named(shown())));
            }
            Says::Revision if open => return Some(Verdict::not(format!("{} names a revision, a digest or an id", shown()))),
            Says::Foreign if open || self.leaf == Some(Says::Key) => {
                return Some(Verdict::not(format!("{} is somebody else's", shown())));
            }
            _ => {}
        }
        if self.leaf.is_none() || (self.leaf == Some(Says::Nothing) && says != Says::Nothing) {
            self.leaf = Some(says);
        }
        if matches!(says, Says::Key | Says::Other) {
            self.aliases.push(name.to_vec());
        }
        None
    }

    /// Whether what the object is called can still decide.
    fn takes_labels(&self) -> bool {
        matches!(self.leaf, None | Some(Says::Nothing | Says::Key))
    }

    /// Takes what a sibling called `name`, `id`, `host` … says of the object that the value belongs to.
    fn label(&mut self, value: &[u8]) -> Option<Verdict> {
        let shown = || format!("`{}`", super::shown(value));
        let open = matches!(self.leaf, None | Some(Says::Nothing));
        match Says::of(value) {
            Says::WandbKey if open || self.leaf == Some(Says::Key) => {
                Some(Verdict::key(Confidence::High, Because::Named(shown())))
            }
            Says::Wandb if open => Some(Verdict::key(Confidence::Medium, Because::Named(shown()))),
            Says::Revision if open => Some(Verdict::not(format!("{} names a revision, a digest or an id", shown()))),
            Says::Foreign if open => Some(Verdict::not(format!("{} is somebody else's", shown()))),
            _ if self.leaf == Some(Says::Key) && (names::names_wandb(value) || super::token::wandb_host(value)) => {
                Some(Verdict::key(Confidence::High, Because::Within(shown())))
            }
            Says::Key | Says::Other if open => {
                self.aliases.push(value.to_vec());
                None
            }
            _ => None,
        }
    }
}

/// The text, its outline, and what the whole file says of names for W&B.
pub(super) struct Chain<'t, 'o> {
    pub(super) text: &'t [u8],
    pub(super) outline: &'o Outline,
    /// Names under which the file imports W&B's login or W&B itself.
    pub(super) imports: &'o [Vec<u8>],
}

impl<'t> Chain<'t, '_> {
    /// Climbs from the value that begins at `value` and stands at `spot` outward.
    pub(super) fn climb(&self, spot: &Spot, value: usize, trail: &mut Trail) -> Option<Verdict> {
        let mut at = value;
        let mut item = spot.item;
        let mut frame = spot.frame;
        let mut line = spot.line;
        loop {
            let text = &self.text[item.min(at)..at];
            if let Some(verdict) = self.element(text, trail) {
                return Some(verdict);
            }
            let read = lead::read(text);
            for name in &read.names {
                if !read.bound && !is_command_name(name) {
                    // `return`, `ENV NAME`: a word that merely stands before the value names it only if it says W&B's key.
                    continue;
                }
                if let Some(verdict) = trail.name(name) {
                    return Some(verdict);
                }
            }
            let Some(current) = frame else { break };
            let bracket = &self.outline.frames[current];
            if let Some(verdict) = self.bracket(current, at, item, &read, trail) {
                return Some(verdict);
            }
            at = bracket.open;
            item = bracket.item;
            frame = bracket.parent;
            line = bracket.line;
        }
        self.by_indentation(line, trail).or_else(|| self.by_section(line, trail))
    }

    /// What a bracket says of a value in it.
    fn bracket(
        &self,
        frame: usize,
        value: usize,
        item: usize,
        own: &Lead<'t>,
        trail: &mut Trail,
    ) -> Option<Verdict> {
        let bracket = &self.outline.frames[frame];
        let inside = self.inside(frame, value);
        let opener = self.text[bracket.open];
        let before = &self.text[bracket.item.min(bracket.open)..bracket.open];
        if opener == b'(' {
            let verdict = self.call(before, inside.clone(), item, own, trail);
            if verdict.is_some() {
                return verdict;
            }
        } else if own.names.is_empty() {
            if let Some(verdict) = self.neighbours(inside.clone(), item, trail) {
                return Some(verdict);
            }
        }
        if opener != b'[' && trail.takes_labels() {
            for label in labels(self.text, inside, Some(value)) {
                if let Some(verdict) = trail.label(label) {
                    return Some(verdict);
                }
            }
        }
        if opener == b'{' { self.block_head(before, trail) } else { None }
    }

    /// What a bracket encloses, as far as it is read.
    fn inside(&self, frame: usize, value: usize) -> Range<usize> {
        let bracket = &self.outline.frames[frame];
        let start = (bracket.open + 1).max(value.saturating_sub(REACH));
        let end = bracket.close.unwrap_or(self.text.len()).min(value + REACH);
        start..end.max(start)
    }

    /// The call whose argument the value is.
    fn call(
        &self,
        before: &'t [u8],
        inside: Range<usize>,
        item: usize,
        own: &Lead<'t>,
        trail: &mut Trail,
    ) -> Option<Verdict> {
        let callee = lead::word_before(before).filter(|word| before.ends_with(word)).unwrap_or_default();
        let last = callee.rsplit(|&b| matches!(b, b'.' | b':' | b'/')).next().unwrap_or_default();
        let arguments = &self.text[inside.clone()];
        let keyword = own.names.first().map(|name| Says::of(name));
        let ours = names::names_wandb(callee) || self.imports.iter().any(|name| imported(callee, name));
        let shown = || format!("`{}`", super::shown(callee));
        let open = matches!(trail.leaf, None | Some(Says::Nothing | Says::Key));
        if ours && open {
            let logs_in = LOGS_IN.iter().any(|word| last.eq_ignore_ascii_case(word.as_bytes()));
            let takes_key = Says::of(callee) == Says::WandbKey || logs_in;
            if keyword == Some(Says::Key) || (takes_key && own.names.is_empty()) {
                return Some(Verdict::key(Confidence::High, Because::Argument(shown())));
            }
        }
        // `"wandb login {}".format(KEY)`: the text that the key is put into.
        if last == b"format" && super::command::logs_in(before) {
            return Some(Verdict::key(Confidence::High, Because::Command));
        }
        if open {
            if let Some(verdict) = self.neighbours(inside, item, trail) {
                return Some(verdict);
            }
            let userinfo = own.names.is_empty() && trail.leaf.is_none() && before_is_api(self.text, item, callee);
            if (trail.leaf == Some(Says::Key) || userinfo || LOGS_IN.iter().any(|word| last.eq_ignore_ascii_case(word.as_bytes())))
                && super::token::mentions_wandb(arguments)
            {
                return Some(Verdict::key(Confidence::High, Because::Beside(super::token::mention(arguments))));
            }
        }
        if !callee.is_empty() && own.names.is_empty() {
            trail.through_call = true;
        }
        if trail.leaf == Some(Says::Nothing) {
            // `add_argument("--api-key", default=VALUE)` makes a variable of the flag.
            let flags = arguments.split(|&b| b == b',').take(8).map(|item| lead::unquote(item.trim_ascii()));
            trail.aliases.extend(flags.filter_map(|flag| flag.strip_prefix(b"--")).map(|flag| {
                flag.iter().map(|&b| if b == b'-' { b'_' } else { b }).collect()
            }));
        }
        None
    }

    /// What the other items of a list, a tuple or the arguments of a call say: the one before the value, and, for few
    /// items, any.
    fn neighbours(&self, inside: Range<usize>, item: usize, trail: &mut Trail) -> Option<Verdict> {
        if !trail.takes_labels() {
            return None;
        }
        let before = self.text[inside.start..item.max(inside.start)].trim_ascii_end();
        let before = before.strip_suffix(b",").unwrap_or(before);
        let nearest = before.rsplit(|&b| b == b',').next().unwrap_or_default().trim_ascii();
        let literal = |text: &'t [u8]| {
            let inner = lead::unquote(text);
            (inner.len() < text.len() && inner.len() <= 100).then_some(inner)
        };
        if trail.leaf != Some(Says::Key)
            && let Some(name) = literal(nearest)
        {
            match Says::of(name) {
                Says::WandbKey => return Some(named(name)),
                Says::Revision => {
                    return Some(Verdict::not(format!("it follows `{}`", super::shown(name))));
                }
                Says::Foreign => return Some(Verdict::not(format!("`{}` is somebody else's", super::shown(name)))),
                _ => {}
            }
        }
        // Any literal among a few items that is the name of W&B's key: `add_argument("--wandb_key", default=VALUE)`.
        let mut items = self.text[inside].split(|&b| b == b',').take(24);
        items.find_map(|item| {
            let item = item.trim_ascii();
            let value = item.rsplit(|&b| b == b'=').next().unwrap_or_default().trim_ascii();
            literal(value).filter(|name| name.len() <= 40 && Says::of(name) == Says::WandbKey && !name.contains(&b' ')).map(named)
        })
    }

    /// The attributes and neighbours of a markup element: `<env name="NAME" value="VALUE"/>`, `<key>NAME</key><string>VALUE`.
    fn element(&self, lead: &'t [u8], trail: &mut Trail) -> Option<Verdict> {
        let text = lead.trim_ascii_end();
        let text = text.strip_suffix(b"<![CDATA[").unwrap_or(text);
        let open = memchr::memrchr(b'<', text)?;
        let tag = &text[open + 1..];
        if !tag.first().is_some_and(|b| b.is_ascii_alphabetic()) {
            return None;
        }
        let attributes = attributes(tag);
        let of_element = |trail: &mut Trail| {
            attributes.iter().filter(|(name, _)| is_label(name)).find_map(|(_, value)| trail.label(value))
        };
        if !text.ends_with(b">") {
            // The value is itself an attribute.
            let (name, _) = attributes.last()?;
            return trail.name(name).or_else(|| of_element(trail));
        }
        let element = tag.split(|b| b.is_ascii_whitespace() || *b == b'>').next().unwrap_or_default();
        let verdict = of_element(trail).or_else(|| trail.name(element));
        if verdict.is_some() {
            return verdict;
        }
        if matches!(trail.leaf, Some(Says::Nothing | Says::Other)) {
            // The element before it: `<td>NAME</td><td>VALUE</td>`, `<key>NAME</key> <string>VALUE</string>`.
            let before = text[..open].trim_ascii_end();
            if before.ends_with(b">")
                && let Some(close) = before.windows(2).rposition(|pair| pair == b"</")
                && let Some(start) = memchr::memrchr(b'>', &before[..close])
            {
                let content = before[start + 1..close].trim_ascii();
                if content.len() <= 60 && Says::of(content) == Says::WandbKey {
                    return Some(named(content));
                }
            }
        }
        None
    }

    /// The head of a block in braces: `resource "kubernetes_secret" "wandb" {`, `class WandbConfig {`.
    fn block_head(&self, before: &'t [u8], trail: &mut Trail) -> Option<Verdict> {
        let start = memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
        self.head(before[start..].trim_ascii(), trail)
    }

    /// The head of a block: its words are names for what is in it.
    fn head(&self, head: &'t [u8], trail: &mut Trail) -> Option<Verdict> {
        let is_code = [&b"class "[..], b"def ", b"struct ", b"function ", b"func ", b"fn ", b"resource ", b"variable ", b"locals", b"output ", b"data "]
            .iter()
            .any(|word| memchr::memmem::find(head, word).is_some());
        if !is_code || head.len() > 200 {
            return None;
        }
        let head = head.split(|&b| b == b'(').next().unwrap_or_default();
        for word in head.rsplit(|&b| matches!(b, b' ' | b'"' | b'\'')).filter(|word| !word.is_empty()) {
            let says = Says::of(word);
            let verdict = match says {
                Says::WandbKey => trail.label(word),
                _ if trail.leaf == Some(Says::Key) && names::names_wandb(word) => {
                    Some(Verdict::key(Confidence::Medium, Because::Within(format!("`{}`", super::shown(word)))))
                }
                _ => None,
            };
            if verdict.is_some() {
                return verdict;
            }
            if matches!(trail.leaf, Some(Says::Nothing)) && matches!(says, Says::Key | Says::Other) {
                trail.aliases.push(word.to_vec());
            }
        }
        None
    }

    /// The keys and blocks that a line belongs to by indentation, and what stands beside it in the same mapping.
    fn by_indentation(&self, line: usize, trail: &mut Trail) -> Option<Verdict> {
        let mut current = line;
        for _ in 0..32 {
            if let Some(verdict) = self.mapping(current, trail) {
                return Some(verdict);
            }
            let own = &self.outline.lines[current];
            let mut parent = own.parent;
            // The line of the list item that the value's line goes on is a sibling, not a parent.
            while let Some(at) = parent {
                let above = &self.outline.lines[at];
                if above.content > above.indent && above.content == own.content {
                    parent = above.parent;
                } else {
                    break;
                }
            }
            current = parent?;
            let text = self.text_of(current);
            let text = text.strip_prefix(b"- ").unwrap_or(text).trim_ascii();
            if let Some(name) = yaml_key(text) {
                if let Some(verdict) = trail.name(name) {
                    return Some(verdict);
                }
            } else if let Some(verdict) = self.head(text, trail) {
                return Some(verdict);
            }
        }
        None
    }

    fn text_of(&self, line: usize) -> &'t [u8] {
        let line = &self.outline.lines[line];
        self.text[line.start..line.end].trim_ascii()
    }

    /// Labels among the lines of the mapping that a line belongs to: `name: WANDB_API_KEY` above `value: VALUE`, and
    /// `metadata:` with its `name:`.
    fn mapping(&self, line: usize, trail: &mut Trail) -> Option<Verdict> {
        let lines = &self.outline.lines;
        let own = lines[line].content;
        let of = |at: usize| {
            let text = self.text_of(at);
            text.strip_prefix(b"- ").unwrap_or(text).trim_ascii_start()
        };
        yaml_pair(of(line)).filter(|_| trail.takes_labels())?;
        let mut labels: Vec<&'t [u8]> = Vec::new();
        let mut look = |at: usize, metadata: bool| {
            let Some((name, value)) = yaml_pair(of(at)) else { return };
            if lines[at].content == own && is_label(name) && !value.is_empty() {
                labels.push(value);
            } else if metadata && name == b"name" {
                labels.push(value);
            }
        };
        let in_metadata = |at: usize| lines[at].parent.is_some_and(|p| lines[p].content == own && of(p) == b"metadata:");
        if lines[line].content == lines[line].indent {
            for at in (line.saturating_sub(MAPPING_LINES)..line).rev() {
                if lines[at].content < own || of(at).starts_with(b"---") {
                    break;
                }
                look(at, in_metadata(at));
                if lines[at].content == own && lines[at].indent < own {
                    break;
                }
            }
        }
        for at in line + 1..lines.len().min(line + MAPPING_LINES) {
            if lines[at].indent < own || of(at).starts_with(b"---") {
                break;
            }
            look(at, in_metadata(at));
        }
        labels.into_iter().find_map(|label| trail.label(label))
    }

    /// The `[section]` that a line belongs to, and its labels.
    fn by_section(&self, line: usize, trail: &mut Trail) -> Option<Verdict> {
        let lines = &self.outline.lines;
        let section = lines[line].section?;
        let name = self.text_of(section);
        let name = &name[..memchr::memrchr(b']', name)?];
        let name = name.trim_ascii_start().strip_prefix(b"[").unwrap_or(name);
        for part in name.split(|b| matches!(b, b'.' | b'"' | b' ' | b'[')).filter(|part| !part.is_empty()) {
            if trail.leaf == Some(Says::Key) && names::names_wandb(part) || Says::of(part) == Says::WandbKey {
                return Some(Verdict::key(Confidence::High, Because::Within(format!("`[{}]`", super::shown(name)))));
            }
        }
        if !trail.takes_labels() {
            return None;
        }
        let start = lines[section].end.max(lines[line].start.saturating_sub(REACH));
        let next = lines[line..].iter().find(|other| other.section != Some(section));
        let end = next.map_or(self.text.len(), |next| next.start).min(lines[line].end + REACH);
        labels(self.text, start..end, None).into_iter().find_map(|label| trail.label(label))
    }
}

fn named(name: &[u8]) -> Verdict {
    Verdict::key(Confidence::High, Because::Named(format!("`{}`", super::shown(name))))
}

/// What takes a key as its first argument when W&B or a W&B host is about.
const LOGS_IN: [&str; 12] = [
    "login", "_login", "relogin", "Api", "auth", "authenticate", "set_api_key", "write_key", "wandb_login", "HTTPBasicAuth",
    "set_key", "BasicAuth",
];

/// Whether a callee is a name that the file imports from W&B: the name itself, or a path below it.
fn imported(callee: &[u8], name: &[u8]) -> bool {
    callee.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest[0] == b'.')
}

/// Whether the item before is the user name that W&B wants beside a key: `auth=("api", VALUE)`.
fn before_is_api(text: &[u8], item: usize, callee: &[u8]) -> bool {
    let before = text[..item].trim_ascii_end();
    let before = before.strip_suffix(b",").unwrap_or(before).trim_ascii_end();
    callee.is_empty() && (before.ends_with(b"\"api\"") || before.ends_with(b"'api'"))
}

/// Whether a bare word before a value names it: a flag, an upper-case variable, a W&B name; not a word of a sentence.
fn is_command_name(word: &[u8]) -> bool {
    matches!(Says::of(word), Says::WandbKey | Says::Foreign) || (word.len() > 2 && Says::of(word) == Says::Revision)
}

/// Names of members that say what an object is for.
fn is_label(name: &[u8]) -> bool {
    const LABELS: [&str; 44] = [
        "name", "id", "key", "label", "title", "alias", "service", "provider", "host", "hostname", "server", "machine", "url",
        "baseurl", "endpoint", "type", "kind", "target", "platform", "tracker", "logger", "backend", "integration", "app",
        "account", "issuer", "env", "variable", "varname", "option", "property", "field", "setting", "param", "parameter",
        "site", "realm", "uri", "identifier", "for", "secretname", "envvar", "domain", "origin",
    ];
    let flat: String =
        name.iter().filter(|b| b.is_ascii_alphanumeric()).map(|b| char::from(b.to_ascii_lowercase())).collect();
    LABELS.contains(&flat.as_str())
}

/// The values of the labels in an object, a call or a section; `but` is the offset of a value that is no label.
fn labels(text: &[u8], inside: Range<usize>, but: Option<usize>) -> Vec<&[u8]> {
    let mut found = Vec::new();
    let mut depth = 0usize;
    let mut start = inside.start;
    let mut metadata = false;
    for at in inside.start..=inside.end {
        let end = at == inside.end;
        let byte = if end { b',' } else { text[at] };
        match byte {
            b'(' | b'[' | b'{' => {
                metadata = depth == 0 && memchr::memmem::find(&text[start..at], b"metadata").is_some();
                depth += 1;
                if metadata {
                    start = at + 1;
                }
            }
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b',' | b'\n' | b';' => {
                let holds = but.is_some_and(|but| (start..at).contains(&but));
                if (depth == 0 || (metadata && depth == 1)) && !holds {
                    found.extend(pair(&text[start..at]).filter(|(name, _)| is_label(name)).map(|(_, value)| value));
                }
                if depth == 0 || metadata {
                    start = at + 1;
                }
            }
            _ => {}
        }
    }
    found
}

/// `name = value`, `"name": "value"`, `name => 'value'`, both unquoted; the value a word or a short literal.
fn pair(item: &[u8]) -> Option<(&[u8], &[u8])> {
    let item = item.trim_ascii();
    let at = item.iter().position(|b| matches!(b, b':' | b'='))?;
    let name = lead::unquote(item[..at].trim_ascii());
    let value = item[at + 1..].trim_ascii_start();
    let value = value.strip_prefix(b">").unwrap_or(value).trim_ascii();
    let value = lead::unquote(value);
    (!name.is_empty() && !value.is_empty() && value.len() <= 100).then_some((name, value))
}

/// The attributes of a tag that is open at its end.
fn attributes(tag: &[u8]) -> Vec<(&[u8], &[u8])> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(equals) = memchr::memchr(b'=', &tag[at..]).map(|e| at + e) {
        let name = lead::word_before(&tag[..equals]).unwrap_or_default();
        let rest = tag[equals + 1..].trim_ascii_start();
        let (value, length) = match rest.first() {
            Some(quote @ (b'"' | b'\'')) => {
                let close = memchr::memchr(*quote, &rest[1..]).map_or(rest.len(), |c| c + 1);
                (&rest[1.min(close)..close], close + 1)
            }
            _ => {
                let end = rest.iter().position(|b| b.is_ascii_whitespace() || *b == b'>').unwrap_or(rest.len());
                (&rest[..end], end)
            }
        };
        found.push((name, value));
        at = (tag.len() - rest.len() + length).min(tag.len()).max(equals + 1);
    }
    found
}

/// The key of a line that opens a mapping, a list or a block of text: `key:`, `"key": |`, `key: &anchor`, `key: !!str`.
fn yaml_key(line: &[u8]) -> Option<&[u8]> {
    let (name, value) = yaml_pair(line)?;
    matches!(value.first(), None | Some(b'|' | b'>' | b'&' | b'!' | b'#' | b'{' | b'[')).then_some(name)
}

/// `key: value` on a line, both unquoted.
fn yaml_pair(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let line = line.trim_ascii();
    let quoted = matches!(line.first(), Some(b'"' | b'\''));
    let colon = if quoted {
        let close = memchr::memchr(line[0], &line[1..])? + 2;
        (line.get(close) == Some(&b':')).then_some(close)?
    } else {
        let colon = memchr::memchr(b':', line)?;
        let name = &line[..colon];
        if name.is_empty() || name.contains(&b'(') || name.iter().filter(|b| **b == b' ').count() > 3 {
            return None;
        }
        colon
    };
    if !matches!(line.get(colon + 1), None | Some(b' ' | b'\t')) {
        return None;
    }
    let value = line[colon + 1..].trim_ascii();
    Some((lead::unquote(&line[..colon]), lead::unquote(value)))
}
