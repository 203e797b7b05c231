//! What has been learnt about a value on the way from its nearest name outward. In: names and labels, the nearest first.
//! Out: a verdict, as soon as one of them decides.

use super::lead::Lead;
use super::names::{self, Says};
use super::{Because, Verdict, token};
use crate::finding::Confidence;

/// A positional argument: the last part of the name of what is called, and how many arguments stand before.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Passed {
    pub(super) callee: Vec<u8>,
    pub(super) nth: usize,
}

/// What has been learnt about a value on the way from its nearest name outward.
#[derive(Default)]
pub(super) struct Trail {
    /// What the nearest name that says anything says; `None` while there was no name at all.
    pub(super) leaf: Option<Says>,
    /// Whether the nearest name is a phrase rather than an identifier.
    pub(super) phrase: bool,
    /// Whether the nearest name has W&B's in it, among words that say neither key nor anything else: `wandb (jonas)`.
    pub(super) ours: bool,
    /// Whether the value goes to whatever server is named nearest: an authorization header, the password of user `api`.
    pub(super) sent: bool,
    /// Names under which the value may be used elsewhere in the text.
    pub(super) aliases: Vec<Vec<u8>>,
    /// Names of what the value is a member of.
    pub(super) holders: Vec<Vec<u8>>,
    /// Anchors of the YAML mappings that the value is a member of.
    pub(super) anchors: Vec<Vec<u8>>,
    /// The call that the value is a positional argument of.
    pub(super) passed: Option<Passed>,
    /// Whether the value is a positional argument of a call that we do not know, so that what it returns is not the value.
    pub(super) through_call: bool,
    /// How many brackets were left on the way.
    pub(super) depth: usize,
    /// Whether the value is an item of a list that has a name, rather than a value that has one.
    pub(super) unnamed: bool,
    /// Whether the value is a member of what a run is configured with, which W&B keeps but does not use.
    pub(super) configures: bool,
}

/// What is said of a value whose name is one for revisions.
pub(super) fn names_revision(name: &[u8]) -> Verdict {
    Verdict::not(format!("`{}` names a revision, a digest or an id", super::shown(name)))
}

impl Trail {
    /// Takes the next name outward, a path of names from its last part on.
    pub(super) fn name(&mut self, name: &[u8]) -> Option<Verdict> {
        let name = name.trim_ascii();
        if self.leaf.is_none() {
            self.phrase = name.contains(&b' ');
        }
        if name.contains(&b'/') && !name.starts_with(b"/") || memchr::memmem::find(name, b"://").is_some() {
            self.leaf.get_or_insert(Says::Other);
            return None;
        }
        if self.phrase || names::is_file(name) {
            return self.part(name);
        }
        name.rsplit(|b| matches!(b, b'.' | b':' | b'>'))
            .filter(|part| !part.is_empty())
            .find_map(|part| self.part(part))
    }

    fn part(&mut self, name: &[u8]) -> Option<Verdict> {
        let says = if names::is_file(name) { Says::Other } else { Says::of(name) };
        let shown = || format!("`{}`", super::shown(name));
        match says {
            Says::WandbKey if self.unnamed || (self.phrase && self.leaf.is_none() && !names::is_phrase(name)) => {
                return Some(Verdict::key(Confidence::Medium, Because::Named(shown())));
            }
            Says::WandbKey => return Some(named(name)),
            Says::Key if self.leaf == Some(Says::Wandb) || self.ours => return Some(within(name)),
            Says::Wandb | Says::Other if self.leaf == Some(Says::Key) && names::names_wandb(name) => {
                return Some(within(name));
            }
            // What a call returns may be a run; what it is given need not be its id.
            Says::Revision if self.leaf.is_none() && self.passed.is_some() && !names::names_revision(name) => {
                self.leaf = Some(Says::Other);
                return None;
            }
            // Only the nearest name says that something is an identifier; farther out it names what holds it.
            Says::Revision
                if self.leaf.is_none()
                    || ((self.open() || self.leaf == Some(Says::Wandb)) && names::names_revision(name)) =>
            {
                return Some(names_revision(name));
            }
            Says::Foreign if self.open() || matches!(self.leaf, Some(Says::Key | Says::Wandb)) => {
                return Some(Verdict::not(format!("{} is somebody else's", shown())));
            }
            _ => {}
        }
        let nearest = self.open();
        self.ours |= says == Says::Other && self.leaf.is_none() && names::names_wandb(name);
        self.configures |= matches!(&*name.to_ascii_lowercase(), b"config" | b"hparams" | b"hyperparameters");
        self.sent |= self.open() && name.eq_ignore_ascii_case(b"authorization");
        let ours = says == Says::Wandb && self.through_call;
        if self.open() && !ours && (self.leaf.is_none() || says != Says::Nothing) {
            self.leaf = Some(says);
        }
        if nearest && matches!(says, Says::Key | Says::Other) {
            self.aliases.push(name.to_vec());
        }
        None
    }

    /// Takes the variables of a loop over a list of values: one names each of them, several each a part.
    pub(super) fn variables<'t>(&mut self, names: &'t [u8]) -> Lead<'t> {
        let mut each: Vec<&[u8]> =
            names.split(|b| !b.is_ascii_alphanumeric() && *b != b'_').filter(|n| !n.is_empty()).collect();
        if each.len() > 1 {
            self.aliases.extend(each.drain(..).map(<[u8]>::to_vec));
        }
        Lead { bound: !each.is_empty(), names: each }
    }

    /// Takes a name that the value goes by, or that holds it with others.
    pub(super) fn held_by(&mut self, name: &[u8]) {
        if self.depth > 0 && !matches!(Says::of(name), Says::Revision | Says::Foreign) {
            self.holders.push(name.to_vec());
        }
    }

    /// Takes the anchor of a YAML mapping that the value is a member of, if one ends the text before it.
    pub(super) fn anchored(&mut self, before: &[u8]) {
        let before = before.trim_ascii_end();
        let name = before.iter().rev().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')).count();
        let (head, name) = before.split_at(before.len() - name);
        if self.leaf == Some(Says::Key)
            && !name.is_empty()
            && head.strip_suffix(b"&").is_some_and(|head| head.trim_ascii_end().ends_with(b":"))
        {
            self.anchors.push(name.to_vec());
        }
    }

    /// Whether no name has said anything yet.
    pub(super) fn open(&self) -> bool {
        matches!(self.leaf, None | Some(Says::Nothing))
    }

    /// Takes what a sibling called `name`, `id`, `host` … says of the object that the value belongs to.
    pub(super) fn label(&mut self, value: &[u8]) -> Option<Verdict> {
        let key = self.leaf == Some(Says::Key);
        // A reference to W&B's key is the value of that member, and names no other.
        if !key && self.leaf != Some(Says::Nothing) || has_hex(value) || value.starts_with(b"$") {
            return None;
        }
        if key && (token::wandb_host(value) || value.starts_with(b"wandb/")) {
            return Some(within(value));
        }
        // A secret store names its secrets by paths: `projects/x/secrets/wandb-api-key`.
        let name = value.rsplit(|&b| b == b'/').next().unwrap_or_default();
        if memchr::memmem::find(value, b"://").is_some() || names::is_file(name) {
            return None;
        }
        self.sent |= key && value == b"api";
        let shown = || format!("`{}`", super::shown(value));
        let word = !value.contains(&b' ');
        match Says::of(value) {
            Says::WandbKey if word || names::is_phrase(value) => Some(named(value)),
            Says::Wandb => Some(Verdict::key(Confidence::Medium, Because::Named(shown()))),
            // `name: password` beside `value: VALUE` makes it the value of that name.
            Says::Key if word && !key => {
                self.sent |= value.eq_ignore_ascii_case(b"authorization");
                self.leaf = Some(Says::Key);
                self.aliases.push(value.to_vec());
                None
            }
            Says::Revision if word && !key => {
                Some(Verdict::not(format!("{} names a revision, a digest or an id", shown())))
            }
            Says::Foreign if word && !key => Some(Verdict::not(format!("{} is somebody else's", shown()))),
            _ if key && names::names_wandb(value) && !names::names_revision(value) => Some(within(value)),
            Says::Other if word && !key => {
                self.aliases.push(value.to_vec());
                None
            }
            _ => None,
        }
    }
}

/// A verdict for the value of that name.
pub(super) fn named(name: &[u8]) -> Verdict {
    Verdict::key(Confidence::High, Because::Named(format!("`{}`", super::shown(name))))
}

/// A verdict for the key of what has that name.
pub(super) fn within(name: &[u8]) -> Verdict {
    Verdict::key(Confidence::High, Because::Within(format!("`{}`", super::shown(name))))
}

/// Whether a text holds something as long as a key: then it is no name.
pub(super) fn has_hex(text: &[u8]) -> bool {
    text.len() >= 40 && text.split(|b| !b.is_ascii_hexdigit()).any(|run| run.len() >= 40)
}
