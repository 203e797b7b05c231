//! An SDK that cannot take the current keys. In: the name of a file and its text. Out: the pins of `wandb` and `weave`, and
//! how bad each is. Nothing is asked of a package index: what is allowed is what the text says.

mod allowed;
mod command;
mod lines;
mod literals;
mod lock;
mod manifest;
mod requirement;

use std::borrow::Cow;
use std::ops::Range;

use pep440_rs::Version;

use super::Point;
use super::passage::Passage;
use crate::rule::{Severity, Site};
use allowed::{Age, Allowed};
use literals::Language;

/// How many pins of one passage are told. A text that has more is no list of what somebody installs.
const MOST: usize = 1000;

/// A package whose version matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Package {
    Wandb,
    Weave,
}

impl Package {
    const ALL: [Package; 2] = [Package::Wandb, Package::Weave];

    fn name(self) -> &'static str {
        match self {
            Package::Wandb => "wandb",
            Package::Weave => "weave",
        }
    }

    /// The first version that takes keys of more than 40 characters.
    fn floor(self) -> Version {
        match self {
            Package::Wandb => Version::new([0, 22, 3]),
            Package::Weave => Version::new([0, 52, 17]),
        }
    }
}

/// What a text says of the version of a package.
#[derive(Debug)]
struct Pin {
    package: Package,
    /// The specifier, without the package's name.
    span: Range<usize>,
    allowed: Allowed,
}

/// The pins of a passage that are too old, in order; none in what is no text, such as the messages of a program.
pub(super) fn check(passage: &Passage<'_>) -> Vec<Point> {
    let path = format!("/{}", String::from_utf8_lossy(passage.origin.name()).replace('\\', "/")).to_ascii_lowercase();
    let form = match (Form::of(&path), passage.site) {
        (Form::Cells, Site::Docs) => Form::Commands,
        (form, _) => form,
    };
    if !form.may_pin(passage) || memchr::memchr(0, passage.text).is_some() {
        return Vec::new();
    }
    let text = as_text(passage.text);
    let mut pins = pins(form, &text);
    pins.sort_by_key(|pin| (pin.span.start, pin.span.end));
    pins.dedup_by_key(|pin| pin.span.clone());
    pins.into_iter().filter_map(Pin::judge).take(MOST).collect()
}

/// What may be a version behind the name of a package on its line, if it is one.
type Numbered = fn(&[u8]) -> bool;

/// Whether a version follows, with no other name between: most of what names a package in a program or in prose says nothing of one.
fn is_version(behind: &[u8]) -> bool {
    let behind = behind.strip_prefix(b".git").unwrap_or(behind);
    let Some(stop) = behind.iter().position(|b| matches!(b, b'.' | b'{' | b'#')) else { return false };
    let digit = |at: usize| behind.get(at).is_some_and(u8::is_ascii_digit);
    let goes_on = digit(stop + 1) || behind.get(stop + 1) == Some(&b'*');
    behind[stop] == b'.' && stop > 0 && digit(stop - 1) && goes_on
}

/// Whether a number follows, or a variable that may hold one.
fn is_number(behind: &[u8]) -> bool {
    behind.iter().any(|b| b.is_ascii_digit() || *b == b'$')
}

impl Pin {
    /// What to say of it: an error where no version that it allows is new enough, less where one is.
    fn judge(self) -> Option<Point> {
        let (name, floor) = (self.package.name(), self.package.floor());
        let (severity, evidence) = match self.allowed.age(&floor) {
            Age::Old => (None, format!("{name} {floor} is the first that can, and is not allowed")),
            Age::MayBeOld => {
                (Some(Severity::Note), format!("{name} {floor} is the first that can, and is allowed too"))
            }
            Age::New => return None,
        };
        Some(Point { evidence, severity, ..Point::new(self.span) })
    }
}

/// A text with the same offsets: what is not UTF-8 is told byte by byte.
fn as_text(text: &[u8]) -> Cow<'_, str> {
    match str::from_utf8(text) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(text.iter().map(|b| if b.is_ascii() { char::from(*b) } else { '\x1a' }).collect()),
    }
}

/// How a file is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Not at all: another product's packages, records of what was, what is generated from what is read.
    Unread,
    Requirements,
    Manifest,
    /// TOML of something else, in which a list may be for Python all the same.
    Toml,
    TomlLock,
    YamlLock,
    Ini,
    Literals(Language),
    /// The code of a notebook.
    Cells,
    Yaml {
        conda: bool,
    },
    /// Lines of requirements, if all of them are.
    Plain,
    /// Anything in which commands stand.
    Commands,
}

fn pins(form: Form, text: &str) -> Vec<Pin> {
    let mut out = Vec::new();
    let all = 0..text.len();
    let commands = |out: &mut Vec<Pin>| command::pins(text, all.clone(), command::Within::Anywhere, out);
    match form {
        Form::Unread => {}
        Form::Requirements => {
            lines::requirements(text, &mut out);
            lines::urls(text, &mut out);
        }
        Form::Manifest => manifest::pins(text, true, &mut out),
        Form::Toml => manifest::pins(text, false, &mut out),
        Form::TomlLock => lock::toml(text, &mut out),
        Form::YamlLock => lock::yaml(text, &mut out),
        Form::Ini => {
            lines::ini(text, &mut out);
            commands(&mut out);
        }
        Form::Literals(language) => {
            literals::pins(text, language, &mut out);
            literals::inline_metadata(text, &mut out);
        }
        Form::Cells => {
            literals::pins(text, Language::Python { setup: false }, &mut out);
            command::pins(text, all, command::Within::First, &mut out);
            lines::documents(text, &mut out);
        }
        Form::Yaml { conda } => {
            let conda = conda || is_conda(text);
            lines::yaml(text, conda, &mut out);
            commands(&mut out);
        }
        Form::Plain if lines::are_requirements(text) => lines::requirements(text, &mut out),
        Form::Plain if text.contains("@EXPLICIT") => lines::urls(text, &mut out),
        Form::Plain | Form::Commands => {
            lines::documents(text, &mut out);
            commands(&mut out);
        }
    }
    out
}

/// Whether a YAML file has the tables of a conda environment.
fn is_conda(text: &str) -> bool {
    let starts_line = |word: &str| text.starts_with(word) || text.contains(&format!("\n{word}"));
    starts_line("dependencies:") && (starts_line("channels:") || starts_line("name:")) || starts_line("requirements:")
}

impl Form {
    /// Whether a passage can hold a pin, as far as that shows without reading it.
    fn may_pin(self, passage: &Passage<'_>) -> bool {
        const NEAR: usize = 128;
        let prose = matches!(passage.site, Site::Source | Site::Docs | Site::Notebook | Site::Script);
        let numbered: Numbered = match self {
            Form::Unread => return false,
            _ if prose => is_version,
            // The version may stand on another line, or far behind the name.
            Form::Requirements | Form::Manifest | Form::Toml | Form::TomlLock | Form::YamlLock => return true,
            Form::Literals(Language::PipfileLock) => return true,
            _ => is_number,
        };
        let near = |at: usize| {
            let behind = &passage.text[at + "wandb".len()..];
            let behind = &behind[..behind.len().min(NEAR)];
            numbered(&behind[..memchr::memchr(b'\n', behind).unwrap_or(behind.len())])
        };
        let mut weave = passage.other.then(|| memchr::memmem::find_iter(passage.text, "weave")).into_iter().flatten();
        passage.names.iter().copied().any(near) || weave.any(near)
    }

    fn of(path: &str) -> Form {
        let name = path.rsplit('/').next().unwrap_or_default();
        let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
        let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
        let list = matches!(extension, "txt" | "in" | "pip" | "lock" | "") || !name.contains('.');
        if is_unread(path, name, extension) {
            return Form::Unread;
        }
        match name {
            "pipfile" | "pyproject.toml" | "pixi.toml" | "uv.toml" | "hatch.toml" | "pdm.toml" | "poetry.toml" => {
                return Form::Manifest;
            }
            "poetry.lock" | "uv.lock" | "pdm.lock" => return Form::TomlLock,
            "pipfile.lock" => return Form::Literals(Language::PipfileLock),
            _ => {}
        }
        if name.starts_with("pylock.") && extension == "toml" {
            return Form::TomlLock;
        }
        if name == "pixi.lock" || name.contains("conda-lock") {
            return Form::YamlLock;
        }
        let folder = path.rsplit('/').nth(1).unwrap_or_default();
        let within = ["requirements", "reqs", "deps", "dependencies", "constraints", "requires"].contains(&folder);
        if list && (has(&["requirement", "constraint"]) || name.starts_with("req") || within && !extension.is_empty()) {
            return Form::Requirements;
        }
        match extension {
            "toml" => Form::Toml,
            "cfg" | "ini" => Form::Ini,
            "py" | "pyi" | "pyw" | "ipy" | "bzl" | "star" => {
                Form::Literals(Language::Python { setup: name.starts_with("setup") || name == "noxfile.py" })
            }
            "ipynb" => Form::Cells,
            "json" | "jsonc" => Form::Literals(Language::Json),
            "yml" | "yaml" => Form::Yaml { conda: has(&["environment", "conda", "meta.y", "recipe", "env."]) },
            "txt" | "in" | "pip" | "lock" => Form::Plain,
            "info" | "list" | "deps" if path.contains("/requirements/") => Form::Plain,
            _ => Form::Commands,
        }
    }
}

/// Whether a file says nothing of what will be installed: another ecosystem's, a record, or made from what is read.
fn is_unread(path: &str, name: &str, extension: &str) -> bool {
    const NAMES: [&str; 19] = [
        "package.json", "package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml",
        "pnpm-workspace.yaml", "bun.lock", "deno.json", "composer.json", "go.mod", "go.sum", "cargo.toml",
        "cargo.lock", "pkg-info", "gemfile.lock", "composer.lock", "flake.lock", "mix.lock", "podfile.lock",
    ];
    const FOLDERS: [&str; 9] = [
        "/node_modules/", "/site-packages/", "/dist-packages/", ".dist-info/", ".egg-info/", "/wandb/run-",
        "/wandb/offline-run-", "/wandb/latest-run/", "/conda-meta/",
    ];
    const EXTENSIONS: [&str; 8] = ["log", "out", "err", "eml", "mbox", "diff", "patch", "svg"];
    const RECORDS: [&str; 5] = ["changelog", "changes", "history", "release", "news"];
    let record = RECORDS.iter().any(|record| name.starts_with(record)) && ["md", "rst", "txt", ""].contains(&extension);
    NAMES.contains(&name)
        || EXTENSIONS.contains(&extension)
        || FOLDERS.iter().any(|folder| path.contains(folder))
        || record && extension != "py"
        || name.ends_with("_history")
}

/// The text of every pin that a reader takes.
#[cfg(test)]
fn spans(text: &str, read: impl Fn(&str, &mut Vec<Pin>)) -> Vec<&str> {
    let mut out = Vec::new();
    read(text, &mut out);
    out.into_iter().map(|pin| &text[pin.span]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_tell_how_they_are_read() {
        let python = |setup| Form::Literals(Language::Python { setup });
        for (path, form) in [
            ("/requirements.txt", Form::Requirements),
            ("/a/requirements-dev.in", Form::Requirements),
            ("/requirements/train.txt", Form::Requirements),
            ("/requirements.lock", Form::Requirements),
            ("/constraints-3.11.txt", Form::Requirements),
            ("/pipfile", Form::Manifest),
            ("/sub/pyproject.toml", Form::Manifest),
            ("/config.toml", Form::Toml),
            ("/cargo.toml", Form::Unread),
            ("/uv.lock", Form::TomlLock),
            ("/cargo.lock", Form::Unread),
            ("/pylock.train.toml", Form::TomlLock),
            ("/conda-lock.yml", Form::YamlLock),
            ("/conda-linux-64.lock", Form::Plain),
            ("/pixi.lock", Form::YamlLock),
            ("/setup.py", python(true)),
            ("/noxfile.py", python(true)),
            ("/train.py", python(false)),
            ("/package.json", Form::Unread),
            ("/environment-gpu.yaml", Form::Yaml { conda: true }),
            ("/cog.yaml", Form::Yaml { conda: false }),
            ("/x.egg-info/requires.txt", Form::Unread),
            ("/wandb/run-20260101_000000-abc/files/requirements.txt", Form::Unread),
            ("/changelog.md", Form::Unread),
            ("/readme.md", Form::Commands),
            ("/dockerfile", Form::Commands),
            ("/history.py", python(false)),
        ] {
            assert_eq!(Form::of(path), form, "{path}");
        }
    }

    /// Every way in which a file is read.
    const FORMS: [Form; 14] = [
        Form::Requirements,
        Form::Manifest,
        Form::Toml,
        Form::TomlLock,
        Form::YamlLock,
        Form::Ini,
        Form::Literals(Language::Python { setup: true }),
        Form::Literals(Language::Json),
        Form::Literals(Language::PipfileLock),
        Form::Cells,
        Form::Yaml { conda: true },
        Form::Yaml { conda: false },
        Form::Plain,
        Form::Commands,
    ];

    proptest::proptest! {
        #[test]
        fn any_text_is_read_to_its_end(words in proptest::collection::vec(proptest::sample::select(WORDS), 0..60)) {
            let text = words.concat();
            for form in FORMS {
                for pin in pins(form, &text) {
                    proptest::prop_assert!(text.get(pin.span.clone()).is_some(), "{form:?} {text:?} {:?}", pin.span);
                }
            }
        }
    }

    /// What the texts of that test are made of.
    const WORDS: &[&str] = &[
        "wandb",
        "Weave",
        "wandb",
        "==",
        ">=",
        "~=",
        "=",
        "^",
        "<",
        "!",
        ",",
        "|",
        "0.15",
        "0.22.3",
        "1!0.1.*",
        "*",
        " ",
        "  ",
        "\n",
        "\r\n",
        "\\",
        "\\n",
        "\\\n",
        "\"",
        "'",
        "\"\"\"",
        "`",
        "#",
        ";",
        ":",
        "::",
        "@",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "- ",
        "-",
        "--with=",
        "é",
        "\u{1f600}",
        "pip install ",
        "uvx ",
        "conda install ",
        "git+https://github.com/wandb/wandb.git@v",
        "https://x/wandb-",
        "-py3-none-any.whl",
        ".tar.gz",
        "/archive/",
        "name",
        "version",
        "[[package]]\n",
        "[project]\n",
        "dependencies",
        " = ",
        "install",
        "# /// script\n",
        "<<EOF\n",
        "[media]",
        "{{ v }}",
        "$V",
        "\u{c}",
        "[tool.poetry.dependencies]\n",
    ];

    #[test]
    fn a_text_in_another_encoding_keeps_its_offsets() {
        let text = b"# \xe9\xe8\nwandb==0.15\n";
        let pins = pins(Form::Requirements, &as_text(text));
        assert_eq!(&text[pins[0].span.clone()], b"==0.15");
    }

    #[test]
    fn the_two_packages_have_their_own_floors() {
        let ages = |text: &str| -> Vec<Option<Severity>> {
            pins(Form::Requirements, text).into_iter().filter_map(Pin::judge).map(|point| point.severity).collect()
        };
        assert_eq!(ages("wandb==0.22.2\nweave==0.52.16\n"), [None, None]);
        assert_eq!(ages("wandb==0.22.3\nweave==0.52.17\n"), []);
        assert_eq!(ages("weave==0.22.3\nwandb==0.52.17\nweave>=0.22.3\n"), [None, Some(Severity::Note)]);
    }
}
