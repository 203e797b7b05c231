//! Reads the values of a configuration file. In: a parsed document. Out: words, lists and globs, or what is wrong with line and
//! column.

use std::ops::Range;

use ignore::gitignore::{Gitignore, GitignoreBuilder};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Allow, ConfigError, FLAGS, SETTINGS, Said, Setting, Trust};
use crate::rule::edits;

/// Reads values, and says where they are wrong.
pub(super) struct Reader<'t> {
    pub(super) name: &'t str,
    pub(super) text: &'t str,
    pub(super) trust: Trust,
}

type List<'v, 't> = &'v [Spanned<DeValue<'t>>];

impl Reader<'_> {
    fn position(&self, at: usize) -> (usize, usize) {
        let before = self.text.get(..at).unwrap_or(self.text);
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (before.matches('\n').count() + 1, before[start..].chars().count() + 1)
    }

    pub(super) fn wrong(&self, span: Range<usize>, what: &str) -> ConfigError {
        let (line, column) = self.position(span.start);
        ConfigError { name: self.name.to_owned(), line, column, what: what.to_owned() }
    }

    pub(super) fn kind(&self, value: &Spanned<DeValue<'_>>, wanted: &str) -> ConfigError {
        self.wrong(value.span(), &format!("this must be {wanted}, and is {}", value.get_ref().type_str()))
    }

    pub(super) fn said(&self, text: &str, span: Range<usize>) -> Said {
        Said { text: text.to_owned(), at: self.position(span.start) }
    }

    pub(super) fn setting(&self, name: &str, span: Range<usize>) -> Result<&'static Setting, ConfigError> {
        if let Some(setting) = SETTINGS.iter().find(|setting| setting.name == name) {
            return Ok(setting);
        }
        if FLAGS.contains(&name) {
            return Err(self.wrong(span, &format!("`{name}` is said on the command line, by no configuration")));
        }
        Err(self.unknown(name, &span, SETTINGS.iter().map(|setting| setting.name)))
    }

    fn unknown(&self, name: &str, span: &Range<usize>, known: impl Iterator<Item = &'static str>) -> ConfigError {
        let nearest = known.map(|known| (edits(name, known), known)).min();
        let nearest = nearest.filter(|(distance, known)| *distance <= known.len() / 2);
        let nearest = nearest.map(|(_, known)| format!(" (did you mean `{known}`?)")).unwrap_or_default();
        self.wrong(span.clone(), &format!("no setting is called `{}`{nearest}", name.escape_debug()))
    }

    pub(super) fn list<'v, 't>(&self, value: &'v Spanned<DeValue<'t>>) -> Result<List<'v, 't>, ConfigError> {
        value.get_ref().as_array().map(|list| &list[..]).ok_or_else(|| self.kind(value, "a list"))
    }

    pub(super) fn table<'v, 't>(&self, value: &'v Spanned<DeValue<'t>>) -> Result<&'v DeTable<'t>, ConfigError> {
        value.get_ref().as_table().ok_or_else(|| self.kind(value, "a table"))
    }

    pub(super) fn word(&self, value: &Spanned<DeValue<'_>>) -> Result<Said, ConfigError> {
        let text = value.get_ref().as_str().ok_or_else(|| self.kind(value, "text in quotes"))?;
        if text.trim().is_empty() {
            return Err(self.wrong(value.span(), "this must not be empty"));
        }
        Ok(self.said(text, value.span()))
    }

    pub(super) fn words(&self, value: &Spanned<DeValue<'_>>) -> Result<Vec<Said>, ConfigError> {
        self.list(value)?.iter().map(|word| self.word(word)).collect()
    }

    pub(super) fn one_of(&self, value: &Spanned<DeValue<'_>>, words: &[&str]) -> Result<Said, ConfigError> {
        let said = self.word(value)?;
        match words.contains(&said.text.as_str()) {
            true => Ok(said),
            false => Err(self.wrong(value.span(), &format!("this must be one of {}", words.join(", ")))),
        }
    }

    /// A path relative to the file; a repository's must not lead out of it.
    pub(super) fn below(&self, value: &Spanned<DeValue<'_>>) -> Result<String, ConfigError> {
        let said = self.word(value)?;
        let leaves = |part: &str| part == ".." || part.contains(':');
        let outside = said.text.starts_with(['/', '\\', '~']) || said.text.split(['/', '\\']).any(leaves);
        if outside && self.trust == Trust::Repository {
            return Err(self.wrong(value.span(), "a repository names only what lies below its own file"));
        }
        Ok(said.text)
    }

    pub(super) fn globs(&self, value: &Spanned<DeValue<'_>>) -> Result<Vec<String>, ConfigError> {
        let glob = |one: &Spanned<DeValue<'_>>| Ok(self.glob(one)?.1);
        self.list(value)?.iter().map(glob).collect()
    }

    fn glob(&self, value: &Spanned<DeValue<'_>>) -> Result<(Gitignore, String), ConfigError> {
        let said = self.word(value)?;
        if said.text.starts_with('!') {
            return Err(self.wrong(value.span(), "a glob says what is meant, and cannot begin with `!`"));
        }
        let mut builder = GitignoreBuilder::new("");
        let built = builder.add_line(None, &said.text).and_then(|builder| builder.build());
        match built {
            Ok(globs) if !globs.is_empty() => Ok((globs, said.text)),
            Ok(_) => Err(self.wrong(value.span(), "this is no glob")),
            Err(_) => Err(self.wrong(value.span(), "this glob cannot be read")),
        }
    }

    pub(super) fn allow(&self, value: &Spanned<DeValue<'_>>) -> Result<Allow, ConfigError> {
        let mut allow = Allow { rules: Vec::new(), path: None, fingerprint: None, reason: String::new() };
        for (key, field) in self.table(value)? {
            match &**key.get_ref() {
                "rules" => allow.rules = self.words(field)?,
                "path" => allow.path = Some(self.glob(field)?.0),
                "reason" => allow.reason = self.word(field)?.text,
                "fingerprint" => {
                    let said = self.word(field)?.text;
                    let digits = said.strip_prefix("ww1-").filter(|digits| digits.len() == 32);
                    if !digits.is_some_and(|digits| digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))) {
                        return Err(self.wrong(field.span(), "this is no fingerprint (`ww1-` and 32 digits)"));
                    }
                    allow.fingerprint = Some(said);
                }
                other => {
                    let known = ["rules", "path", "reason", "fingerprint"].into_iter();
                    return Err(self.unknown(other, &key.span(), known));
                }
            }
        }
        if allow.reason.is_empty() {
            return Err(self.wrong(value.span(), "a permission needs a `reason`"));
        }
        if allow.path.is_none() && allow.fingerprint.is_none() {
            return Err(self.wrong(value.span(), "a permission needs a `path` or a `fingerprint`"));
        }
        Ok(allow)
    }
}
