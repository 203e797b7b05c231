//! What the syntax round a value says: the names it is bound to, the call it is an argument of, what its siblings are
//! called, which object, block or section it belongs to. In: an outline and a spot. Out: a verdict, or the trail that a
//! later question may follow. Names near the value speak before names far from it, and the first that decides wins.

use std::ops::Range;

use super::lead::{self, Lead};
use super::names::{self, Says};
use super::outline::{Outline, Spot};
use super::trail::{Passed, Trail, has_hex, named, within};
use super::{Because, Effort, Verdict, argument, cell, chat, markup, object, template, token};
use crate::finding::Confidence;

/// How far a call or an object is read to both sides of a value.
const REACH: usize = 16 * 1024;
/// How far the server that a user name and a key are sent to may stand.
const SERVER_REACH: usize = 1200;

/// The text, its outline, and what the whole file says of names for W&B.
pub(super) struct Chain<'t, 'o> {
    pub(super) text: &'t [u8],
    pub(super) outline: &'o Outline,
    /// Names under which the file imports W&B's login or W&B itself.
    pub(super) imports: &'o [Vec<u8>],
    /// How much may still be read.
    pub(super) effort: &'o Effort,
}

/// The most brackets that are left on the way outward: in a binary file every other byte may look like one.
const MAX_BRACKETS: usize = 48;

impl<'t> Chain<'t, '_> {
    /// Climbs from the value that begins at `value` and stands at `spot` outward.
    pub(super) fn climb(&self, spot: &Spot, value: usize, end: usize, trail: &mut Trail) -> Option<Verdict> {
        if let Some(name) = lead::name_behind(&self.text[end..self.text.len().min(end + 80)])
            && let Some(verdict) = trail.name(name)
        {
            return Some(verdict);
        }
        if let Some(markup) = markup::read(self.text, value) {
            let verdict = self.markup(&markup, trail);
            if verdict.is_some() {
                return verdict;
            }
        }
        let mut own = lead::read(self.lead(spot.item, value));
        if let Some(name) =
            spot.frame.is_none().then(|| unpacked(self.lead(self.outline.line(spot.line).start, value))).flatten()
        {
            own = Lead { names: vec![name], bound: true };
        }
        trail.sent |= own.names.is_empty() && !own.bound && follows_api(self.lead(0, spot.item));
        if let Some(names) = looped(self.lead(self.outline.line(spot.line).start, value)) {
            own = trail.variables(names);
        }
        // In a list without commas the value before is no name.
        let listed = |word: &&&[u8]| spot.frame.is_some() && has_hex(word);
        if let Some(word) = own.names.first().filter(|word| !own.bound && !listed(word)) {
            if let Some(keyword) = word.strip_prefix(b":") {
                if let Some(verdict) = trail.name(keyword) {
                    return Some(verdict);
                }
            } else if PASSING.contains(word)
                || spot.frame.is_some_and(|frame| template::opens(self.text, self.outline.frames[frame].open))
            {
                trail.leaf = Some(Says::Nothing);
            } else if spot.frame.is_some() && LISP.iter().any(|head| self.text[spot.item..value].starts_with(head)) {
                if let Some(verdict) = trail.name(word.rsplit(|&b| b == b'/').next().unwrap_or_default()) {
                    return Some(verdict);
                }
            } else if word.eq_ignore_ascii_case(b"authorization") {
                trail.name(word);
            } else {
                // A word merely stands before the value: that is a command or a sentence, not a binding.
                return None;
            }
        }
        let mut at = value;
        let mut item = spot.item;
        let mut frame = spot.frame;
        let mut line = spot.line;
        let mut read = own;
        for _ in 0..MAX_BRACKETS {
            if read.bound {
                for name in &read.names {
                    trail.held_by(name);
                    if let Some(verdict) = trail.name(name) {
                        return Some(verdict);
                    }
                }
            }
            let Some(current) = frame else { break };
            let bracket = &self.outline.frames[current];
            // What a cell shows is a value, and no name of one.
            if read.names.contains(&&b"outputs"[..])
                && has_hex(&self.text[value..end])
                && let Some(name) = cell::printed(&self.text[self.inside(current, at)])
            {
                return Some(named(&name));
            }
            if let [name] = read.names[..]
                && self.text[value] == b'"'
                && chat::is_text(name)
                && let Some(list) = bracket.parent
            {
                let near = bracket.open.saturating_sub(self.effort.reach(REACH));
                let start = near.max(self.outline.frames[list].open + 1);
                if let Some(verdict) = chat::asked(&self.text[start..bracket.open], name) {
                    return Some(verdict);
                }
            }
            let verdict = self.bracket(current, at, item, &read, trail);
            let verdict = verdict.or_else(|| self.sent(self.inside(current, at), at, trail));
            if verdict.is_some() {
                return verdict;
            }
            trail.depth += 1;
            trail.unnamed |= trail.leaf.is_none() && self.text[bracket.open] != b'(';
            at = bracket.open;
            item = bracket.item;
            frame = bracket.parent;
            line = bracket.line;
            let before = self.lead(item, at);
            trail.anchored(before);
            let callee = if self.text[at] == b'(' { callee(before).len() } else { 0 };
            read = lead::read(&before[..before.len() - callee]);
            // `for name in (VALUE, …)`.
            if let Some(names) = looped(before) {
                read = trail.variables(names);
            }
        }
        let window = value.saturating_sub(SERVER_REACH)..self.text.len().min(value + SERVER_REACH);
        self.sent(window, value, trail).or_else(|| self.around(line, trail))
    }

    /// What the lines and the section say that a line belongs to.
    pub(super) fn around(&self, line: usize, trail: &mut Trail) -> Option<Verdict> {
        self.by_indentation(line, trail).or_else(|| self.by_section(line, trail))
    }

    /// What stands between the beginning of an item and a place in it, as far as it can matter.
    fn lead(&self, item: usize, at: usize) -> &'t [u8] {
        const MAX_LEAD: usize = 2048;
        &self.text[item.max(at.saturating_sub(MAX_LEAD)).min(at)..at]
    }

    /// What elements and attributes say.
    fn markup(&self, markup: &markup::Markup<'t>, trail: &mut Trail) -> Option<Verdict> {
        let (own, outer) = markup.names.split_first()?;
        if markup.content && !markup.labels.is_empty() {
            trail.leaf = Some(Says::Nothing);
            if let Some(verdict) = markup.labels.iter().find_map(|label| trail.label(label)) {
                return Some(verdict);
            }
            trail.leaf = trail.leaf.filter(|leaf| *leaf == Says::Key);
        }
        if let Some(head) = markup.head
            && let Some(verdict) = trail.name(head)
        {
            return Some(verdict);
        }
        if trail.leaf == Some(Says::Key)
            && let Some(before) = markup.before.filter(|before| names::names_wandb(before) && names::is_phrase(before))
        {
            return Some(within(before));
        }
        // Elements that say how a text looks and not what it is.
        let cell = markup.content && TEXT_ELEMENTS.contains(own);
        if !cell && let Some(verdict) = trail.name(own) {
            return Some(verdict);
        }
        if let Some(before) = markup.before
            && (cell || trail.open())
            && before.len() <= 60
            && (names::is_phrase(before) || !before.contains(&b' '))
        {
            match Says::of(before) {
                Says::WandbKey => return Some(named(before)),
                Says::Revision => return Some(Verdict::not(format!("it follows `{}`", super::shown(before)))),
                _ => {}
            }
        }
        if let Some(verdict) = markup.labels.iter().find_map(|label| trail.label(label)) {
            return Some(verdict);
        }
        if cell { None } else { outer.iter().take(4).find_map(|name| trail.name(name)) }
    }

    /// A value that is sent to a server belongs to the nearest of the servers that are named in the same brackets, or
    /// else nearby.
    fn sent(&self, within: Range<usize>, at: usize, trail: &mut Trail) -> Option<Verdict> {
        if !trail.sent {
            return None;
        }
        let host = token::nearest_server(&self.text[within.clone()], at.saturating_sub(within.start))?;
        trail.sent = false;
        token::wandb_host(host).then(|| Verdict::key(Confidence::High, Because::Beside(super::shown(host))))
    }

    /// What a bracket says of a value in it.
    fn bracket(&self, frame: usize, value: usize, item: usize, own: &Lead<'t>, trail: &mut Trail) -> Option<Verdict> {
        let bracket = &self.outline.frames[frame];
        let inside = self.inside(frame, value);
        let opener = self.text[bracket.open];
        let before = self.lead(bracket.item, bracket.open);
        if own.names.is_empty()
            && opener != b'{'
            && trail.leaf.is_none()
            && let Some(verdict) = self.by_position(frame, item, trail)
        {
            return Some(verdict);
        }
        if opener == b'(' {
            let verdict = self.call(before, inside.clone(), item, own, trail);
            if verdict.is_some() {
                return verdict;
            }
        } else if own.names.is_empty()
            && let Some(verdict) = self.neighbours(inside.clone(), item, trail)
        {
            return Some(verdict);
        }
        if opener != b'[' && matches!(trail.leaf, Some(Says::Nothing | Says::Key)) {
            for label in object::labels(self.text, inside, Some(value), trail.depth > 0) {
                if let Some(verdict) = trail.label(label) {
                    return Some(verdict);
                }
            }
        }
        if opener != b'{' {
            return None;
        }
        let end = self.outline.close(frame, value + template::REACH);
        let names = template::names(self.text, bracket.open, end, value);
        if let Some(verdict) = names.into_iter().find_map(|name| trail.name(name)) {
            return Some(verdict);
        }
        // `\newcommand{\wandbkey}{VALUE}`.
        if let Some(group) = before.strip_suffix(b"}").filter(|_| own.names.is_empty())
            && let Some(open) = memchr::memrchr(b'{', group)
            && let Some(verdict) = trail.name(group[open + 1..].strip_prefix(b"\\").unwrap_or(&group[open + 1..]))
        {
            return Some(verdict);
        }
        let start = memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
        self.head(before[start..].trim_ascii(), trail)
    }

    /// What a bracket encloses, as far as it is read.
    fn inside(&self, frame: usize, value: usize) -> Range<usize> {
        let bracket = &self.outline.frames[frame];
        let reach = self.effort.reach(REACH);
        let start = (bracket.open + 1).max(value.saturating_sub(reach));
        let end = self.outline.close(frame, value + reach);
        start..end.max(start)
    }

    /// The name at the same position of the list that the values are given to: `(a, b) = ("x", VALUE)`,
    /// `INSERT INTO t (a, b) VALUES ('x', VALUE)`.
    fn by_position(&self, frame: usize, place: usize, trail: &mut Trail) -> Option<Verdict> {
        let bracket = &self.outline.frames[frame];
        let item = self.lead(bracket.item, bracket.open).trim_ascii();
        let floor = bracket.open.saturating_sub(REACH);
        let before = &self.text[floor..bracket.open];
        let names = if let Some(left) = item.strip_suffix(b"=") {
            left.trim_ascii().strip_prefix(b"(")?.strip_suffix(b")")?
        } else {
            let upper = before.to_ascii_uppercase();
            let values = memchr::memmem::rfind(&upper, b"VALUES")?;
            let columns = before[..values].trim_ascii_end().strip_suffix(b")")?;
            &columns[memchr::memrchr(b'(', columns)? + 1..]
        };
        let names: Vec<&[u8]> = names.split(|&b| b == b',').map(<[u8]>::trim_ascii).collect();
        let nth = top_level_commas(&self.text[bracket.open + 1..place.max(bracket.open + 1)]);
        let name = names.get(nth).filter(|_| names.len() > 1)?;
        let aliases = trail.aliases.len();
        let verdict = trail.name(lead::unquote(name));
        if !item.ends_with(b"=") {
            // A column is no variable.
            trail.aliases.truncate(aliases);
        }
        verdict
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
        let callee = callee(before);
        let last = callee.rsplit(|&b| matches!(b, b'.' | b':' | b'/')).next().unwrap_or_default();
        let arguments = &self.text[inside.clone()];
        let shown = || format!("`{}`", super::shown(callee));
        let argument = || Some(Verdict::key(Confidence::High, Because::Argument(shown())));
        let positional = own.names.is_empty() && trail.leaf.is_none();
        let key = trail.leaf == Some(Says::Key);
        let logs_in = LOGS_IN.iter().any(|word| last.eq_ignore_ascii_case(word.as_bytes()));
        if key && names::names_vendor(callee) && !names::names_wandb(callee) {
            return Some(Verdict::not(format!("it is an argument of {}, somebody else's", shown())));
        }
        let records = RECORDS.contains(&last) && memchr::memmem::find(callee, b"ettings").is_none();
        let weave = callee == b"weave.login" || callee == b"weave.init";
        if weave || names::names_wandb(callee) || self.imports.iter().any(|name| imported(callee, name)) {
            let takes_key = Says::of(callee) == Says::WandbKey || logs_in;
            if (key && !trail.configures && !records) || (takes_key && positional) {
                return argument();
            }
        }
        // `"wandb login {}".format(KEY)`: the text that the key is put into.
        if last == b"format" && super::command::logs_in(before) {
            return Some(Verdict::key(Confidence::High, Because::Command));
        }
        // `getenv("WANDB_API_KEY").orElse(KEY)`: what the value stands in for.
        if FALLS_BACK.contains(&last) {
            let literals = before.split(|b| matches!(b, b'"' | b'\'')).skip(1).step_by(2);
            // `{{ wandb_key | default(VALUE) }}`.
            let piped = before[..before.len() - callee.len()].trim_ascii_end().strip_suffix(b"|");
            let piped = piped.and_then(lead::word_before);
            if let Some(name) = literals.into_iter().chain(piped).find(|name| Says::of(name) == Says::WandbKey) {
                return Some(named(name));
            }
            if let Some(verdict) = piped.and_then(|name| trail.name(name)) {
                return Some(verdict);
            }
        }
        // `run(["wandb", "login"], input=KEY)`.
        if trail.leaf == Some(Says::Nothing) && super::command::mentions_login(arguments) {
            return Some(Verdict::key(Confidence::High, Because::Command));
        }
        let unnamed = positional;
        // `WandbClient.builder().host("…").apiKey(KEY)`: the call is named for the key, and its chain says whose.
        let positional = if positional && Says::of(last) == Says::Key {
            trail.leaf = Some(Says::Key);
            let mention = token::mention(&before[before.len().saturating_sub(600)..]);
            if !mention.is_empty() {
                return Some(Verdict::key(Confidence::High, Because::Beside(mention)));
            }
            logs_in
        } else {
            positional
        };
        // `WANDB("…")`: a member of an enumeration of keys.
        if positional && Says::of(callee) == Says::Wandb && !callee.iter().any(u8::is_ascii_lowercase) {
            trail.leaf = Some(Says::Wandb);
        }
        if positional || key || trail.leaf == Some(Says::Nothing) {
            if let Some(verdict) = self.neighbours(inside.clone(), item, trail) {
                return Some(verdict);
            }
            if positional {
                trail.sent |= follows_api(&self.text[..item]);
            }
            // What is called W&B's key among the arguments is it, and this is another's.
            let has_own = || pairs(arguments).any(|name| Says::of(name) == Says::WandbKey);
            let given = positional && logs_in && last != b"Api";
            if (given || (key && !trail.sent)) && !has_own() {
                let mut mentions = arguments.split(|&b| b == b',').filter(|item| !is_talk(item)).map(token::mention);
                if let Some(mention) = mentions.find(|mention| !mention.is_empty()) {
                    return Some(Verdict::key(Confidence::High, Because::Beside(mention)));
                }
            }
        }
        let labels = object::labels(self.text, inside.clone(), Some(item), false);
        trail.sent |= key && labels.contains(&&b"api"[..]);
        if trail.leaf == Some(Says::Nothing) {
            // `add_argument("--api-key", default=VALUE)` makes a variable of the flag.
            let flags = arguments.split(|&b| b == b',').take(8).map(|item| lead::unquote(item.trim_ascii()));
            trail.aliases.extend(
                flags
                    .filter_map(|flag| flag.strip_prefix(b"--"))
                    .map(|flag| flag.iter().map(|&b| if b == b'-' { b'_' } else { b }).collect()),
            );
        }
        // `parametrize("name", [VALUE, …])`.
        if last == b"parametrize" && trail.leaf.is_none() {
            trail.aliases.extend(lead::first_string(arguments).map(<[u8]>::to_vec));
        }
        trail.through_call |= positional && !callee.is_empty();
        let defines = last_word(&before[..before.len() - callee.len()]);
        if unnamed && self.text[..inside.start].ends_with(b"(") && !argument::DEFINES.contains(&defines) {
            return self.passed(callee, inside.start, item, trail);
        }
        None
    }

    /// Notes which argument of which call the value is, unless what is called is bound to W&B's login here.
    fn passed(&self, callee: &[u8], start: usize, item: usize, trail: &mut Trail) -> Option<Verdict> {
        let before = &self.text[start..item.max(start)];
        let mut nth = top_level_commas(before);
        // Ruby makes an object by a call of its class's `new`.
        let mut parts = callee.rsplit(|&b| b == b'.');
        let callee = parts.next().filter(|last| *last != b"new").or_else(|| parts.next()).unwrap_or(callee);
        let mut callee = callee.rsplit(|&b| matches!(b, b':' | b'/')).next().unwrap_or_default();
        // `partial(login, VALUE)`.
        if callee == b"partial" && nth > 0 {
            let bound = before.split(|&b| b == b',').next().unwrap_or_default().trim_ascii();
            callee = bound.rsplit(|&b| b == b'.').next().unwrap_or_default();
            nth -= 1;
            let imported = names::names_wandb(bound) || self.imports.iter().any(|name| imported(bound, name));
            if imported && nth == 0 && LOGS_IN.iter().any(|word| callee == word.as_bytes()) {
                return Some(Verdict::key(Confidence::High, Because::Argument(format!("`{}`", super::shown(bound)))));
            }
        }
        if trail.passed.is_none() && !callee.is_empty() {
            trail.passed = Some(Passed { callee: callee.to_vec(), nth });
        }
        None
    }

    /// What the other items of a list, a tuple or the arguments of a call say: the one before the value, and, for few
    /// items, any that is the very name of W&B's key.
    fn neighbours(&self, inside: Range<usize>, item: usize, trail: &Trail) -> Option<Verdict> {
        if !matches!(trail.leaf, None | Some(Says::Nothing | Says::Key)) {
            return None;
        }
        let before = self.text[inside.start..item.max(inside.start)].trim_ascii_end();
        let before = before.strip_suffix(b",").unwrap_or(before);
        let nearest = before.rsplit(|&b| b == b',').next().unwrap_or_default().trim_ascii();
        if trail.leaf.is_none()
            && let Some(name) = literal(nearest)
        {
            match Says::of(name) {
                Says::WandbKey if names::is_phrase(name) => return Some(named(name)),
                Says::Revision => return Some(Verdict::not(format!("it follows `{}`", super::shown(name)))),
                Says::Foreign => return Some(Verdict::not(format!("`{}` is somebody else's", super::shown(name)))),
                _ => {}
            }
        }
        let is_name = |name: &&[u8]| names::is_phrase(name) && !name.iter().any(|b| matches!(b, b'"' | b'\''));
        let mut items = self.text[inside].split(|&b| b == b',').take(12);
        items.find_map(|item| {
            let value = item.rsplit(|&b| b == b'=').next().unwrap_or_default().trim_ascii();
            literal(value).filter(|name| is_name(name) && Says::of(name) == Says::WandbKey).map(named)
        })
    }

    /// The head of a block: its words are names for what is in it.
    fn head(&self, head: &[u8], trail: &mut Trail) -> Option<Verdict> {
        let head = head.split(|&b| b == b'(').next().unwrap_or_default();
        let words =
            || head.rsplit(|&b| matches!(b, b' ' | b'"' | b'\'' | b':' | b'\t' | b',')).filter(|word| !word.is_empty());
        if head.len() > 200 || words().any(|word| CONTROL.contains(&word)) || lead::read(head).bound {
            return None;
        }
        for word in words() {
            let says = Says::of(word);
            match says {
                Says::WandbKey if matches!(trail.leaf, Some(Says::Nothing | Says::Key)) => return Some(named(word)),
                _ if trail.leaf == Some(Says::Key) && names::names_wandb(word) => return Some(within(word)),
                Says::Key if trail.leaf == Some(Says::Wandb) => return Some(within(word)),
                Says::Key | Says::Other if trail.leaf == Some(Says::Nothing) => trail.aliases.push(word.to_vec()),
                _ => {}
            }
        }
        None
    }

    /// The keys and blocks that a line belongs to by indentation, and what stands beside it in the same mapping.
    fn by_indentation(&self, line: usize, trail: &mut Trail) -> Option<Verdict> {
        let lines = self.outline;
        let mut current = line;
        for _ in 0..32 {
            if matches!(trail.leaf, Some(Says::Nothing | Says::Key)) {
                for label in
                    object::mapping(self.text, self.outline, current, self.effort, current != line || trail.depth > 0)
                {
                    if let Some(verdict) = trail.label(label) {
                        return Some(verdict);
                    }
                }
            }
            let mut parent = lines.line(current).parent;
            // The line of the list item that the value's line goes on is a sibling, not a parent.
            while let Some(at) = parent {
                let above = lines.line(at);
                if above.content > above.indent && above.content == lines.line(current).content {
                    parent = above.parent;
                } else {
                    break;
                }
            }
            current = parent?;
            let text = self.line(current);
            let text = text.strip_prefix(b"- ").unwrap_or(text).trim_ascii();
            trail.anchored(text);
            // `? key` above `: value`.
            let text = match (text == b":").then(|| lines.above(current)).flatten() {
                Some(above) => {
                    let above = self.line(above);
                    if let Some(verdict) = above.strip_prefix(b"? ").and_then(|name| trail.name(lead::unquote(name))) {
                        return Some(verdict);
                    }
                    continue;
                }
                None => text,
            };
            let verdict = match object::line_key(text) {
                // A block of text under a key is no value of it unless the key says so.
                Some((name, true)) if Says::of(name) == Says::Revision => return None,
                Some((name, _)) if is_control(name) => None,
                Some((name, _)) => trail.name(name),
                // `- W&B` above `- key: KEY`.
                None if trail.leaf == Some(Says::Key) && Says::of(text).wandb() && names::is_phrase(text) => {
                    Some(within(text))
                }
                None if matches!(text.last(), Some(b':' | b'{' | b',')) => self.head(text, trail),
                None => None,
            };
            if verdict.is_some() {
                return verdict;
            }
        }
        None
    }

    /// The `[section]` that a line belongs to, and its labels.
    fn by_section(&self, line: usize, trail: &mut Trail) -> Option<Verdict> {
        if !matches!(trail.leaf, Some(Says::Nothing | Says::Key | Says::Wandb | Says::Other)) {
            return None;
        }
        let section = self.outline.section(self.text, line)?;
        let head = self.line(section);
        let name = head[..memchr::memrchr(b']', head)?].trim_ascii_start();
        let name: &[u8] = name.strip_prefix(b"[[").or_else(|| name.strip_prefix(b"[")).unwrap_or(name);
        let name = name.strip_suffix(b"]").unwrap_or(name);
        let verdict = match trail.leaf {
            Some(Says::Key) if names::names_wandb(name) && Says::of(name) != Says::Revision => Some(within(name)),
            Some(Says::Wandb) if names::names_key(name) => Some(within(name)),
            // `[wandb_keys]`, and a name of whoever's each is.
            Some(Says::Other) if Says::of(name) == Says::WandbKey && name.to_ascii_lowercase().ends_with(b"s") => {
                Some(within(name))
            }
            _ => None,
        };
        if verdict.is_some() || !matches!(trail.leaf, Some(Says::Nothing | Says::Key)) {
            return verdict;
        }
        let reach = self.effort.reach(REACH);
        let own = self.outline.line(line);
        let start = self.outline.line(section).end.max(own.start.saturating_sub(reach));
        let end = self.text.len().min(own.end + reach);
        let mut below = self.outline.all_below(line).take_while(|&line| self.outline.line(line).start < end);
        let next = below.find(|&line| self.outline.section(self.text, line) != Some(section));
        let end = next.map_or(end, |next| self.outline.line(next).start);
        object::labels(self.text, start..end, None, false).into_iter().find_map(|label| trail.label(label))
    }

    /// A line without the white space round it.
    fn line(&self, line: usize) -> &'t [u8] {
        let line = self.outline.line(line);
        self.text[line.start..line.end].trim_ascii()
    }
}

/// What takes a key as its first argument when W&B or a W&B host is about.
const LOGS_IN: &[&str] = &[
    "login", "_login", "relogin", "Api", "auth", "authenticate", "set_api_key", "write_key", "wandb_login",
    "HTTPBasicAuth", "set_key", "BasicAuth", "set_token", "bearerAuth", "write_netrc", "set_password",
];

/// Calls that W&B is given data by.
const RECORDS: &[&[u8]] = &[b"log", b"log_artifact", b"update", b"define_metric", b"Table", b"save", b"watch"];

/// Calls whose argument stands in for what they are called on.
const FALLS_BACK: &[&[u8]] = &[
    b"orElse", b"or_else", b"unwrap_or", b"unwrap_or_else", b"getOrElse", b"getOrDefault", b"default", b"fallback",
    b"or",
];

/// Words before a value that hand it on.
const PASSING: &[&[u8]] = &[b"return", b"yield", b"default", b"DEFAULT"];

/// The name that an unpacked value is given, by its position: `first, second = "x", VALUE`.
fn unpacked(line: &[u8]) -> Option<&[u8]> {
    let equals = memchr::memchr(b'=', line)?;
    let (left, right) = (&line[..equals], &line[equals + 1..]);
    let plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b',' | b' ');
    let names: Vec<&[u8]> = left.split(|&b| b == b',').map(<[u8]>::trim_ascii).collect();
    let all = names.iter().all(|name| !name.is_empty() && !name.contains(&b' '));
    if names.len() < 2 || !all || !left.iter().all(plain) {
        return None;
    }
    names.get(top_level_commas(right)).copied()
}

/// Forms of Lisp that give a name to what follows it.
const LISP: &[&[u8]] = &[b"def", b"setq ", b"setf ", b"setenv ", b"let "];

/// Words that make the head of a block one that names nothing.
const CONTROL: &[&[u8]] = &[
    b"if", b"for", b"while", b"switch", b"try", b"catch", b"with", b"do", b"else", b"elif", b"import", b"except",
    b"finally", b"match", b"case",
];

/// Whether what looks like a key of YAML is the head of a block: `if dev`, `else`.
fn is_control(name: &[u8]) -> bool {
    let first = name.split(|&b| b == b' ').next().unwrap_or_default();
    CONTROL.contains(&first) && (first.len() < name.len() || matches!(name, b"else" | b"try" | b"finally"))
}

/// Elements of a text or a table.
const TEXT_ELEMENTS: &[&[u8]] = &[
    b"a", b"b", b"code", b"dd", b"div", b"em", b"font", b"i", b"kbd", b"li", b"mark", b"p", b"pre", b"samp", b"span",
    b"string", b"strong", b"td", b"th", b"tt", b"u", b"body",
];

/// What is called, given what stands before a bracket.
fn callee(before: &[u8]) -> &[u8] {
    let word = lead::word_before(before).filter(|word| before.ends_with(word)).unwrap_or_default();
    // A keyword argument's or an annotation's sign is no part of a path.
    let start = word.iter().rposition(|b| matches!(b, b'=' | b'&' | b'%')).map_or(0, |at| at + 1);
    &word[start..]
}

/// Whether a callee is a name that the file imports from W&B: the name itself, or a path below it.
fn imported(callee: &[u8], name: &[u8]) -> bool {
    callee.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest[0] == b'.')
}

/// The last word of a text.
fn last_word(text: &[u8]) -> &[u8] {
    text.trim_ascii_end().rsplit(u8::is_ascii_whitespace).next().unwrap_or_default()
}

/// The variables of a loop whose list follows: `for name, key in `.
fn looped(before: &[u8]) -> Option<&[u8]> {
    let item = before.trim_ascii();
    let head = item.strip_prefix(b"for ")?.trim_ascii_start();
    let head = head.strip_prefix(b"(").unwrap_or(head);
    let end = memchr::memmem::find(head, b" in")?;
    let name = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b',' | b' ' | b')');
    let list = head[end + 3..].trim_ascii();
    let listed = list.split(u8::is_ascii_whitespace).all(|word| word.is_empty() || has_hex(word));
    (listed && end > 0 && head[..end].iter().all(name)).then_some(&head[..end])
}

/// Whether the item before is the user name that W&B wants beside a key: `auth=("api", VALUE)`.
fn follows_api(before: &[u8]) -> bool {
    let before = before.trim_ascii_end();
    let before = before.strip_suffix(b",").unwrap_or(before).trim_ascii_end();
    before.ends_with(b"\"api\"") || before.ends_with(b"'api'")
}

/// The content of an item that is a literal and could be a name.
fn literal(item: &[u8]) -> Option<&[u8]> {
    let item = item.trim_ascii();
    let inner = lead::unquote(item);
    let name = inner.len() < item.len() && inner.len() <= 60 && !names::is_file(inner) && !has_hex(inner);
    name.then_some(inner)
}

/// Whether an argument is a message for people, which may speak of anything.
fn is_talk(item: &[u8]) -> bool {
    const HEADS: [&[u8]; 3] = [b"title", b"subject", b"description"];
    let is_head = |name: &[u8]| HEADS.iter().any(|head| name.eq_ignore_ascii_case(head));
    object::pair(item).is_some_and(|(name, _)| chat::is_text(name) || is_head(name))
}

/// The names of the arguments that have one.
fn pairs(arguments: &[u8]) -> impl Iterator<Item = &[u8]> {
    arguments.split(|&b| b == b',').filter_map(|item| object::pair(item)).map(|(name, _)| name)
}

/// How many commas stand outside of all brackets.
fn top_level_commas(text: &[u8]) -> usize {
    let mut depth = 0i32;
    text.iter()
        .filter(|&&byte| {
            depth += i32::from(matches!(byte, b'(' | b'[' | b'{')) - i32::from(matches!(byte, b')' | b']' | b'}'));
            byte == b',' && depth == 0
        })
        .count()
}
