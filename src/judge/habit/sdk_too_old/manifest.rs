//! Requirements in TOML: `pyproject.toml`, `Pipfile`, `pixi.toml`, `uv.toml` and their like. In: the text. Out: the pins, by the
//! tables in which they stand. Sources: PEP 621, PEP 735, the manuals of Poetry, PDM, uv, Hatch, Pipenv and pixi.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::allowed::{Allowed, Dialect};
use super::requirement;
use super::{Package, Pin};

/// The largest manifest that is parsed, in bytes.
const LARGEST: usize = 4 * 1024 * 1024;
/// The deepest nesting of tables and lists that is followed.
const DEEPEST: usize = 32;

/// Adds the pins of a manifest. `tables` says whether names of packages are keys in it, as in Python's tools alone.
pub(super) fn pins(text: &str, tables: bool, out: &mut Vec<Pin>) {
    if text.len() > LARGEST {
        return;
    }
    // What a template leaves unreadable is left out, and the rest is read.
    let (table, _) = DeTable::parse_recoverable(text);
    let mut walk = Walk { text, tables, path: Vec::new(), out };
    walk.table(table.get_ref());
}

struct Walk<'t, 'o> {
    text: &'t str,
    tables: bool,
    path: Vec<String>,
    out: &'o mut Vec<Pin>,
}

impl Walk<'_, '_> {
    fn table(&mut self, table: &DeTable<'_>) {
        if self.path.len() == DEEPEST {
            return;
        }
        for (key, value) in table {
            let key: &str = key.get_ref();
            let package = requirement::name(key, 0).filter(|named| named.end == key.len()).map(|named| named.package);
            if let Some(package) = package.filter(|_| self.tables && self.is_for_requirements()) {
                self.entry(package, value);
            }
            self.path.push(key.chars().take(64).collect::<String>().to_ascii_lowercase());
            self.value(value);
            self.path.pop();
        }
    }

    fn value(&mut self, value: &Spanned<DeValue<'_>>) {
        match value.get_ref() {
            DeValue::Table(table) => self.table(table),
            DeValue::Array(array) => {
                for item in array.iter() {
                    match item.get_ref() {
                        DeValue::String(_) if self.is_for_requirements() => self.requirement(item.span()),
                        DeValue::Table(table) => self.table(table),
                        _ => {}
                    }
                }
            }
            DeValue::String(content) => self.script(content, value.span()),
            _ => {}
        }
    }

    /// A requirement of a list.
    fn requirement(&mut self, span: Range<usize>) {
        let Some(inner) = inside(self.text, span) else { return };
        let content = &self.text[inner.clone()];
        let at = inner.start + content.len() - content.trim_start().len();
        if let Some(named) = requirement::name(self.text, at) {
            self.out.extend(requirement::read(&self.text[..inner.end], named, Dialect::Python).pin);
        }
    }

    /// A command that installs, as the scripts of Hatch and the tasks of pixi have them.
    fn script(&mut self, content: &str, span: Range<usize>) {
        if content.contains("install") && !self.path.iter().any(|key| key == "description") {
            super::command::pins(self.text, span, super::command::Within::First, self.out);
        }
    }

    /// The value of a package's name in a table of requirements.
    fn entry(&mut self, package: Package, value: &Spanned<DeValue<'_>>) {
        match value.get_ref() {
            DeValue::String(_) => {
                let Some(inner) = inside(self.text, value.span()) else { return };
                self.version(package, inner);
            }
            DeValue::Array(constraints) => {
                for constraint in constraints.iter().filter(|item| item.get_ref().is_table()) {
                    self.entry(package, constraint);
                }
            }
            DeValue::Table(table) => {
                let text = |key: &str| {
                    let value = table.get(key).filter(|value| value.get_ref().is_str())?;
                    inside(self.text, value.span())
                };
                let version = text("version");
                let tag = ["tag", "ref", "rev", "branch"].iter().find_map(|key| text(key));
                let url = ["url", "file", "path"].iter().find_map(|key| text(key));
                if let Some(version) = version {
                    self.version(package, version);
                } else if let Some(tag) = tag {
                    self.out.extend(requirement::tag(package, tag.start, &self.text[tag]));
                } else if let Some(url) = url {
                    self.out.extend(requirement::url(self.text, url, Some(package)));
                }
            }
            _ => {}
        }
    }

    fn version(&mut self, package: Package, span: Range<usize>) {
        let allowed = Allowed::read(&self.text[span.clone()], self.dialect());
        self.out.extend(allowed.map(|allowed| Pin { package, span, allowed }));
    }

    /// How the tool of this table reads a version.
    fn dialect(&self) -> Dialect {
        let named = |name: &str| self.path.iter().any(|key| key == name);
        let pixi = named("pixi") || !named("tool");
        let packages = self.path.last().map(String::as_str);
        match packages {
            Some("pypi-dependencies" | "packages" | "dev-packages") => Dialect::Python,
            Some("dependencies" | "host-dependencies" | "build-dependencies") if pixi => Dialect::Conda,
            // A bare version is exact in the tables of every other tool.
            _ => Dialect::Poetry,
        }
    }

    /// Whether the table or list at hand is one of requirements.
    fn is_for_requirements(&self) -> bool {
        const WORDS: [&str; 9] = [
            "depend", "require", "deps", "constraint", "override", "packages", "extras", "sources", "dependency-groups",
        ];
        // Extras of Poetry list names, and no harm is done where they say more.
        self.path.iter().any(|key| WORDS.iter().any(|word| key.contains(word)))
    }
}

/// The part of a TOML string within its quotes, if it is spelled there as it reads.
fn inside(text: &str, span: Range<usize>) -> Option<Range<usize>> {
    let whole = text.get(span.clone())?;
    let quotes = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|quotes| whole.starts_with(quotes))?.len();
    let (start, end) = (span.start + quotes, span.end.checked_sub(quotes)?);
    let content = text.get(start..end)?;
    (!content.contains('\\')).then_some(start..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found<'t>(text: &'t str, floor: &str) -> Vec<(&'t str, bool)> {
        let mut out = Vec::new();
        pins(text, true, &mut out);
        out.sort_by_key(|pin| pin.span.start);
        let floor = floor.parse().expect("a version");
        out.into_iter()
            .map(|pin| (&text[pin.span], pin.allowed.age(&floor) == super::super::allowed::Age::Old))
            .collect()
    }

    #[test]
    fn tables_of_every_tool() {
        for (text, expected) in [
            (
                "[project]\ndependencies = [\n  'torch',\n  \"wandb[media]==0.1 ; python_version<'3.9'\",\n]",
                &[("==0.1", true)][..],
            ),
            ("[project.optional-dependencies]\nwandb = ['wandb>=0.1']", &[(">=0.1", false)]),
            ("[dependency-groups]\ndev = ['wandb<0.2', {include-group = 'x'}]", &[("<0.2", true)]),
            ("[build-system]\nrequires = ['wandb==0.1']", &[("==0.1", true)]),
            ("[tool.poetry.dependencies]\nwandb = '^0.16'\nweave = \"*\"", &[("^0.16", true), ("*", false)]),
            (
                "[tool.poetry.group.dev.dependencies]\nwandb = { version = '~0.15.1', extras = ['media'] }",
                &[("~0.15.1", true)],
            ),
            ("[tool.poetry.group.x.dependencies.wandb]\nversion = '0.15.*'", &[("0.15.*", true)]),
            (
                "[tool.poetry.dependencies]\nwandb = [\n {version = '0.1.0', python = '<3.8'},\n {version = '>=0.23', python = '>=3.8'},\n]",
                &[("0.1.0", true), (">=0.23", false)],
            ),
            (
                "[tool.poetry.dependencies]\nwandb = {git = 'https://github.com/wandb/wandb', tag = 'v0.15.0'}",
                &[("0.15.0", true)],
            ),
            ("[tool.poetry.extras]\nwandb = ['wandb']", &[]),
            ("[tool.pdm.dev-dependencies]\ntrain = ['wandb~=0.15.0']", &[("~=0.15.0", true)]),
            ("[tool.pdm.resolution.overrides]\nwandb = '0.15.0'", &[("0.15.0", true)]),
            (
                "[tool.uv]\ndev-dependencies = ['wandb==0.1']\nconstraint-dependencies = ['weave<0.5']",
                &[("==0.1", true), ("<0.5", true)],
            ),
            ("[tool.uv]\noverride-dependencies = ['wandb==0.1']", &[("==0.1", true)]),
            (
                "[tool.uv.sources]\nwandb = { git = 'https://github.com/wandb/wandb', rev = 'v0.15.0' }",
                &[("0.15.0", true)],
            ),
            ("[tool.uv.sources]\nwandb = { url = 'https://x.org/wandb-0.15.0-py3-none-any.whl' }", &[("0.15.0", true)]),
            ("[tool.hatch.envs.train]\nextra-dependencies = ['wandb==0.1']", &[("==0.1", true)]),
            ("[tool.hatch.envs.train.scripts]\nprepare = 'pip install wandb==0.1'", &[("==0.1", true)]),
            (
                "[tool.pixi.dependencies]\nwandb = '0.15.*'\n[tool.pixi.pypi-dependencies]\nweave = '==0.5'",
                &[("0.15.*", true), ("==0.5", true)],
            ),
            (
                "[packages]\nwandb = '==0.15.0'\nweave = {version = '>=0.5', extras = ['x']}",
                &[("==0.15.0", true), (">=0.5", false)],
            ),
            (
                "[dev-packages]\nwandb = {git = 'https://github.com/wandb/wandb.git', ref = 'v0.15.0'}",
                &[("0.15.0", true)],
            ),
            ("[tool.x]\nsays = ['wandb==0.1']\nwandb = '0.1'", &[]),
            ("[project]\nname = '{{ x }}'\n{% if y %}\ndependencies = ['wandb==0.1']\n{% endif %}", &[("==0.1", true)]),
        ] {
            assert_eq!(found(text, "0.22.3"), expected, "{text}");
        }
    }
}
