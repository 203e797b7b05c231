//! What a configuration file may say, and who may say it. In: the text of a file, and whose it is. Out: settings; or what is
//! wrong, with file, line and column. A file that a repository brings may make a scan stricter or leave something out in the
//! open; it never lowers a rule, raises a limit, or says where anything is sent or written.

mod read;

use std::path::PathBuf;

use ignore::gitignore::Gitignore;
use serde_json::{Value, json};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::rule::{Group, RuleSet, Severity};
use read::Reader;

/// Whose word a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// The user's own, or named on the command line.
    User,
    /// It came with what is scanned.
    Repository,
}

/// Who may say a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum May {
    /// Both.
    Everyone,
    /// Both, and a repository only what makes a scan stricter.
    Stricter,
    /// The user alone.
    User,
}

/// A setting of the file.
pub struct Setting {
    /// Its key.
    pub name: &'static str,
    /// Who may say it.
    pub may: May,
    /// What it is.
    pub what: &'static str,
    read: fn(&mut Config, &Reader<'_>, &Spanned<DeValue<'_>>) -> Result<(), ConfigError>,
    schema: fn() -> Value,
}

/// Every setting.
pub const SETTINGS: [Setting; 10] = [
    Setting {
        name: "allow",
        may: May::Everyone,
        what: "Findings that are permitted, each with a reason, and with a path or a fingerprint",
        read: |config, reader, value| {
            for one in reader.list(value)? {
                config.allow.push(reader.allow(one)?);
            }
            Ok(())
        },
        schema: || {
            json!({ "type": "array", "items": {
                "type": "object",
                "additionalProperties": false,
                "required": ["reason"],
                "anyOf": [{ "required": ["path"] }, { "required": ["fingerprint"] }],
                "properties": {
                    "rules": words(), "path": text(), "reason": text(),
                    "fingerprint": { "type": "string", "pattern": "^ww1-[0-9a-f]{32}$" },
                },
            } })
        },
    },
    Setting {
        name: "baseline",
        may: May::Everyone,
        what: "The file with the findings that are accepted; a repository's lies in it",
        read: |config, reader, value| {
            config.baseline = Some(reader.below(value)?);
            Ok(())
        },
        schema: text,
    },
    Setting {
        read: |config, reader, value| reader.globs(value).map(|globs| config.exclude = globs),
        ..words_of("exclude", May::Everyone, "Globs of what is left out, as in a .gitignore beside the file")
    },
    Setting {
        name: "fail-on",
        may: May::User,
        what: "The severity at which a scan fails",
        read: |config, reader, value| {
            config.fail_on = Some(reader.one_of(value, &["error", "warning", "note", "never"])?.text);
            Ok(())
        },
        schema: || json!({ "enum": ["error", "warning", "note", "never"] }),
    },
    Setting {
        read: |config, reader, value| reader.words(value).map(|words| config.ignore = words),
        ..words_of("ignore", May::User, "Rules or groups (keys, habits, sdk, server) that do not speak")
    },
    Setting {
        name: "inline",
        may: May::Stricter,
        what: "Whether permissions in the text are honoured",
        read: |config, reader, value| {
            let Some(inline) = value.get_ref().as_bool() else { return Err(reader.kind(value, "true or false")) };
            if inline && reader.trust == Trust::Repository {
                return Err(reader.wrong(value.span(), "a repository may only say `inline = false`"));
            }
            config.inline = Some(inline);
            Ok(())
        },
        schema: || json!({ "type": "boolean" }),
    },
    Setting {
        name: "max-file-size",
        may: May::User,
        what: "The size above which files are passed over, in bytes",
        read: |config, reader, value| {
            let size = value.get_ref().as_integer().and_then(|n| u64::from_str_radix(n.as_str(), n.radix()).ok());
            let Some(size) = size else { return Err(reader.kind(value, "a number of bytes")) };
            config.max_file_size = Some(size);
            Ok(())
        },
        schema: || json!({ "type": "integer", "minimum": 0 }),
    },
    Setting {
        name: "rules",
        may: May::Everyone,
        what: "Folders of more rule pages; a repository's lie in it",
        read: |config, reader, value| {
            for folder in reader.list(value)? {
                config.rules.push(reader.below(folder)?);
            }
            Ok(())
        },
        schema: words,
    },
    Setting {
        read: |config, reader, value| reader.words(value).map(|words| config.select = words),
        ..words_of("select", May::User, "The rules or groups that speak, alone")
    },
    Setting {
        name: "severity",
        may: May::Stricter,
        what: "The severity of a rule; a repository may only raise it",
        read: |config, reader, value| {
            for (rule, severity) in reader.table(value)? {
                let said = reader.one_of(severity, &["error", "warning", "note"])?;
                let severity = [Severity::Error, Severity::Warning, Severity::Note];
                let severity = severity.into_iter().find(|severity| severity.name() == said.text);
                let rule = reader.said(rule.get_ref(), rule.span());
                config.severity.extend(severity.map(|severity| (rule, severity)));
            }
            Ok(())
        },
        schema: || json!({ "type": "object", "additionalProperties": { "enum": ["error", "warning", "note"] } }),
    },
];

/// A setting that is a list of words, which nobody reads yet.
const fn words_of(name: &'static str, may: May, what: &'static str) -> Setting {
    Setting { name, may, what, read: |_, _, _| Ok(()), schema: words }
}

/// What only a flag says, so that no file sends or writes anything.
const FLAGS: [&str; 10] =
    ["verify", "base-url", "allow-host", "timeout", "output", "format", "audit-log", "config", "isolated", "jobs"];

fn text() -> Value {
    json!({ "type": "string", "minLength": 1 })
}

fn words() -> Value {
    json!({ "type": "array", "items": text() })
}

/// A word of the file, with its line and column, from 1.
#[derive(Clone, Debug)]
pub struct Said {
    /// The word.
    pub text: String,
    at: (usize, usize),
}

/// A permission: what it asks of a finding, and why it is given.
#[derive(Clone, Debug)]
pub(super) struct Allow {
    rules: Vec<Said>,
    path: Option<Gitignore>,
    fingerprint: Option<String>,
    pub(super) reason: String,
}

impl Allow {
    /// Whether it permits what a rule says of a text that lies at all these paths.
    pub(super) fn holds(&self, rule: &str, paths: &[PathBuf], fingerprint: Option<&str>) -> bool {
        let globs = |globs: &Gitignore| {
            let is_meant = |path: &PathBuf| {
                let named = !path.as_os_str().is_empty() && path.is_relative();
                named && globs.matched_path_or_any_parents(path, false).is_ignore()
            };
            paths.iter().all(is_meant)
        };
        (self.rules.is_empty() || self.rules.iter().any(|said| said.text == rule))
            && self.path.as_ref().is_none_or(globs)
            && self.fingerprint.as_deref().is_none_or(|wanted| Some(wanted) == fingerprint)
    }
}

/// A configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file, as it is shown.
    pub name: String,
    /// Whose it is.
    pub trust: Trust,
    /// Globs of what is left out.
    pub exclude: Vec<String>,
    /// Rules or groups that speak.
    pub select: Vec<Said>,
    /// Rules or groups that do not.
    pub ignore: Vec<Said>,
    /// `error`, `warning`, `note` or `never`.
    pub fail_on: Option<String>,
    /// In bytes.
    pub max_file_size: Option<u64>,
    /// Whether permissions in the text are honoured.
    pub inline: Option<bool>,
    /// Folders of rule pages, relative to the file.
    pub rules: Vec<String>,
    /// The file of accepted findings, relative to this one.
    pub baseline: Option<String>,
    severity: Vec<(Said, Severity)>,
    pub(super) allow: Vec<Allow>,
}

/// What is wrong, and where.
#[derive(Debug, thiserror::Error)]
#[error("{name}:{line}:{column}: {what}")]
pub struct ConfigError {
    name: String,
    line: usize,
    column: usize,
    what: String,
}

impl Config {
    /// Reads a file, of `pyproject.toml` the table `tool.wandward`; nothing if there is no such table.
    pub fn parse(name: &str, text: &str, trust: Trust) -> Result<Option<Config>, ConfigError> {
        let pyproject = name.rsplit(['/', '\\']).next() == Some("pyproject.toml");
        let reader = Reader { name, text, trust };
        let document = match DeTable::parse(text) {
            Ok(document) => document,
            Err(_) if pyproject && !text.contains("wandward") => return Ok(None),
            Err(error) => {
                let what = error.message().lines().next().unwrap_or("not TOML").to_owned();
                return Err(reader.wrong(error.span().unwrap_or(0..0), &what));
            }
        };
        let mut table = document.get_ref();
        if pyproject {
            let tool = table.get("tool").and_then(|tool| tool.get_ref().as_table());
            let Some(own) = tool.and_then(|tool| tool.get("wandward")) else { return Ok(None) };
            table = reader.table(own)?;
        }
        let mut config = Config::new(name, trust);
        for (key, value) in table {
            let setting = reader.setting(key.get_ref(), key.span())?;
            if setting.may == May::User && trust == Trust::Repository {
                let what = format!(
                    "`{}` is not for a repository to say: put it into your own configuration, or give the flag",
                    setting.name
                );
                return Err(reader.wrong(key.span(), &what));
            }
            (setting.read)(&mut config, &reader, value)?;
        }
        Ok(Some(config))
    }

    fn new(name: &str, trust: Trust) -> Config {
        Config {
            name: name.to_owned(),
            trust,
            exclude: Vec::new(),
            select: Vec::new(),
            ignore: Vec::new(),
            fail_on: None,
            max_file_size: None,
            inline: None,
            rules: Vec::new(),
            baseline: None,
            severity: Vec::new(),
            allow: Vec::new(),
        }
    }

    /// Sets the severities that it says, once every rule is known; names that nothing has are errors.
    pub fn apply(&self, rules: &mut RuleSet) -> Result<(), ConfigError> {
        let allowed = self.allow.iter().flat_map(|allow| &allow.rules).map(|said| (said, false));
        let chosen = self.select.iter().chain(&self.ignore).map(|said| (said, true));
        let severe = self.severity.iter().map(|(said, _)| (said, false));
        for (said, group) in allowed.chain(chosen).chain(severe) {
            let is_group = group && Group::ALL.iter().any(|group| group.name() == said.text);
            if !is_group && rules.get(&said.text).is_none() {
                let nearest = rules.nearest(&said.text).map(|name| format!(" (did you mean `{name}`?)"));
                let what = if group { "rule or group" } else { "rule" };
                return Err(self.at(
                    said,
                    format!("no {what} is called `{}`{}", said.text.escape_debug(), nearest.unwrap_or_default()),
                ));
            }
        }
        for (said, severity) in &self.severity {
            let own = rules.get(&said.text).map_or(Severity::Note, |rule| rule.severity);
            if self.trust == Trust::Repository && *severity < own {
                let what = format!(
                    "a repository may raise the severity of `{}`, which is {}, and not lower it to {}",
                    said.text,
                    own.name(),
                    severity.name()
                );
                return Err(self.at(said, what));
            }
            rules.set_severity(&said.text, *severity);
        }
        Ok(())
    }

    fn at(&self, said: &Said, what: String) -> ConfigError {
        let (line, column) = said.at;
        ConfigError { name: self.name.clone(), line, column, what }
    }
}

/// The JSON schema of a configuration file, for editors.
pub fn schema() -> Value {
    let setting = |setting: &Setting| {
        let mut schema = (setting.schema)();
        let whose = match setting.may {
            May::Everyone => "",
            May::Stricter => " A repository's own file may only make a scan stricter.",
            May::User => " Not for a repository's own file.",
        };
        schema["description"] = format!("{}.{whose}", setting.what).into();
        (setting.name.to_owned(), schema)
    };
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Configuration of wandward",
        "type": "object",
        "additionalProperties": false,
        "properties": SETTINGS.iter().map(setting).collect::<serde_json::Map<_, _>>(),
    })
}
