//! Requirements that are string literals of a program or of JSON: `install_requires=["wandb==0.15"]`. In: Python or JSON.
//! Out: the pins. A literal counts where the names round it say that it is required, not in a message or a comparison.

use std::ops::Range;

use super::allowed::{Allowed, Dialect};
use super::command::{self, Within};
use super::{Pin, requirement};

/// The deepest nesting that is told apart.
const DEEPEST: usize = 64;

/// Which file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    /// Python, in which `#` begins a comment. `setup` says whether all of its lists are taken for requirements.
    Python {
        /// A `setup.py` or its like.
        setup: bool,
    },
    /// JSON.
    Json,
    /// A `Pipfile.lock`.
    PipfileLock,
}

/// An open bracket.
struct Frame<'t> {
    /// What it is assigned to, the key that it is the value of, or what is called.
    name: &'t str,
    bracket: u8,
    /// Whether an earlier literal in it says that something is installed.
    installs: bool,
}

/// What stood before the place at hand.
#[derive(Default)]
struct Before<'t> {
    /// The last identifier or literal.
    word: &'t str,
    /// What a colon or an equals sign stands behind, and holds up to the next comma.
    key: &'t str,
}

struct Reader<'t, 'o> {
    text: &'t str,
    language: Language,
    frames: Vec<Frame<'t>>,
    /// Brackets deeper than are told apart.
    deeper: usize,
    before: Before<'t>,
    out: &'o mut Vec<Pin>,
}

/// Adds the pins of a program or of JSON.
pub(super) fn pins(text: &str, language: Language, out: &mut Vec<Pin>) {
    let before = Before::default();
    Reader { text, language, frames: Vec::new(), deeper: 0, before, out }.read();
}

impl<'t> Reader<'t, '_> {
    fn read(mut self) {
        let bytes = self.text.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            match bytes[at] {
                b'#' if self.language != Language::Json => at = line_end(bytes, at),
                b'!' | b'%' if starts_line(bytes, at) => {
                    let end = line_end(bytes, at);
                    command::pins(self.text, at..end, Within::First, self.out);
                    at = end;
                }
                quote @ (b'"' | b'\'') => at = self.literal(at, quote),
                open @ (b'[' | b'(' | b'{') => {
                    self.open(open);
                    at += 1;
                }
                b']' | b')' | b'}' => {
                    self.close();
                    at += 1;
                }
                b',' => {
                    self.before = Before::default();
                    at += 1;
                }
                b'\n' if self.frames.is_empty() => {
                    self.before = Before::default();
                    at += 1;
                }
                b':' | b'=' => {
                    self.before.key = self.before.word;
                    at += 1;
                }
                b if b.is_ascii_alphabetic() || b == b'_' || b == b'@' => {
                    let word = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'@');
                    let end = at + bytes[at..].iter().take_while(|b| word(b)).count();
                    self.before.word = &self.text[at..end];
                    at = end;
                }
                _ => at += 1,
            }
        }
    }

    fn open(&mut self, bracket: u8) {
        if self.frames.len() == DEEPEST {
            self.deeper += 1;
            return;
        }
        let before = std::mem::take(&mut self.before);
        let name = match bracket {
            // A call is named by what is called, a value by its key.
            b'(' if !before.word.is_empty() => before.word,
            _ => before.key,
        };
        self.frames.push(Frame { name, bracket, installs: false });
    }

    fn close(&mut self) {
        if self.deeper > 0 {
            self.deeper -= 1;
        } else {
            self.frames.pop();
        }
        self.before = Before::default();
    }

    /// Takes the literal that begins at `at`, and returns where it ends.
    fn literal(&mut self, at: usize, quote: u8) -> usize {
        let bytes = self.text.as_bytes();
        let triple = self.language != Language::Json && bytes[at..].starts_with(&[quote; 3]);
        let start = at + if triple { 3 } else { 1 };
        let end = literal_end(bytes, start, quote, triple);
        let next = (end + if triple { 3 } else { 1 }).min(bytes.len());
        let (start, end) = (start.min(bytes.len()), end.min(bytes.len()));
        let Some(content) = self.text.get(start..end) else { return next };
        self.take(content, start..end, next);
        self.before.word = content;
        next
    }

    fn take(&mut self, content: &'t str, span: Range<usize>, next: usize) {
        if let Some(frame) = self.frames.last_mut() {
            frame.installs |= matches!(content, "install" | "pip" | "add");
        }
        let trimmed = span.start + content.len() - content.trim_start().len();
        let named = requirement::name(self.text, trimmed).filter(|named| named.end <= span.end);
        let is_key = self.text[next..].trim_start_matches([' ', '\t']).starts_with(':');
        match named {
            Some(named) if !is_key => {
                let read = requirement::read(&self.text[..span.end], named, Dialect::Python);
                let whole = is_behind(&self.text[read.end..span.end]);
                if whole && self.required() && self.language != Language::PipfileLock {
                    self.out.extend(read.pin);
                }
            }
            Some(_) => {}
            None if self.value(content, &span) => {}
            None if self.language == Language::PipfileLock => {}
            None => command::pins(self.text, span, Within::First, self.out),
        }
    }

    /// Takes the version of a package that is a key: `"wandb": "0.15"`, `"wandb": {"version": "==0.15"}`.
    fn value(&mut self, content: &str, span: &Range<usize>) -> bool {
        let package = |name: &str| requirement::name(name, 0).filter(|named| named.end == name.len());
        let (key, named) = match self.language {
            Language::PipfileLock if self.before.key == "version" => {
                (true, self.frames.last().and_then(|frame| package(frame.name)))
            }
            Language::Python { .. } => (self.required(), package(self.before.key)),
            _ => return false,
        };
        let Some(named) = named.filter(|_| key) else { return false };
        let allowed = Allowed::read(content, Dialect::Poetry);
        self.out.extend(allowed.map(|allowed| Pin { package: named.package, span: span.clone(), allowed }));
        true
    }

    /// Whether the names round the literal say that it is required.
    fn required(&self) -> bool {
        let Some(last) = self.frames.last() else {
            return matches!(self.language, Language::Python { setup: true }) && is_for_requirements(self.before.key);
        };
        let listed = last.bracket != b'(' || last.name.is_empty();
        last.installs
            || self.frames.iter().any(|frame| is_for_requirements(frame.name))
            || is_for_requirements(self.before.key)
            || listed && matches!(self.language, Language::Python { setup: true })
    }
}

/// Whether a name is one for what is required or installed.
fn is_for_requirements(name: &str) -> bool {
    const WORDS: [&str; 12] = [
        "require", "depend", "install", "deps", "extras", "packages", "pip", "pypi", "conda", "constraint", "reqs",
        "libraries",
    ];
    if name.len() > 128 {
        return false;
    }
    let name = name.to_ascii_lowercase();
    // A name that checks for what is installed requires nothing.
    WORDS.iter().any(|word| name.contains(word)) && !name.starts_with("is_")
}

/// Whether nothing but a marker or a comment follows a requirement.
fn is_behind(rest: &str) -> bool {
    let rest = rest.trim_start();
    rest.is_empty() || rest.starts_with(';') || rest.starts_with('#')
}

/// Where the literal that begins at `start` ends: at its quote, or at the end of the line that has none.
fn literal_end(bytes: &[u8], start: usize, quote: u8, triple: bool) -> usize {
    let mut at = start;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'\n' if !triple => return at,
            b if b == quote && (!triple || bytes[at..].starts_with(&[quote; 3])) => return at,
            _ => at += 1,
        }
    }
    bytes.len()
}

fn line_end(bytes: &[u8], at: usize) -> usize {
    memchr::memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |end| at + end)
}

fn starts_line(bytes: &[u8], at: usize) -> bool {
    bytes[..at].iter().rev().find(|b| !matches!(b, b' ' | b'\t')).is_none_or(|b| *b == b'\n')
}

/// Adds the pins of the inline metadata of a script (PEP 723).
pub(super) fn inline_metadata(text: &str, out: &mut Vec<Pin>) {
    let mut at = 0;
    let mut inside = false;
    for line in text.split_inclusive('\n') {
        let content = line.trim_end();
        match content {
            "# /// script" => inside = true,
            "# ///" => inside = false,
            _ if inside && !content.starts_with('#') => inside = false,
            _ if inside => quoted(text, at..at + content.len(), out),
            _ => {}
        }
        at += line.len();
    }
}

/// Adds the requirements that are whole quoted words of a line.
fn quoted(text: &str, line: Range<usize>, out: &mut Vec<Pin>) {
    for (at, named) in requirement::names(&text[line.clone()]) {
        let at = line.start + at;
        let named = requirement::Named { end: line.start + named.end, ..named };
        let quote = at.checked_sub(1).map(|before| text.as_bytes()[before]);
        if matches!(quote, Some(b'"' | b'\'')) {
            out.extend(requirement::read(&text[..line.end], named, Dialect::Python).pin);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::spans;
    use super::*;

    fn found(text: &str, language: Language) -> Vec<&str> {
        spans(text, |text, out| {
            pins(text, language, out);
            inline_metadata(text, out);
        })
    }

    #[test]
    fn literals_that_are_required_are_pins() {
        let python = Language::Python { setup: false };
        for (text, expected) in [
            ("setup(install_requires=['torch', \"wandb>=0.12, <0.20\"])", &[">=0.12, <0.20"][..]),
            ("extras_require = {\n  'log': ['wandb==0.15.0; python_version<\"3.8\"'],\n}", &["==0.15.0"]),
            ("session.install('-e', '.', 'wandb==0.15.0')", &["==0.15.0"]),
            ("image = Image.debian_slim().pip_install(\n  'torch', # wandb==0.1\n  'wandb==0.15.0')", &["==0.15.0"]),
            ("check_call([sys.executable, '-m', 'pip', 'install', 'wandb==0.15.0'])", &["==0.15.0"]),
            ("os.system('pip install wandb==0.15.0')", &["==0.15.0"]),
            ("@pypi(packages={'wandb': '0.15.0'})", &["0.15.0"]),
            ("ray.init(runtime_env={'pip': ['wandb==0.15.0']})", &["==0.15.0"]),
            ("!pip install wandb==0.15.0\n", &["==0.15.0"]),
            ("# /// script\n# dependencies = [\n#   \"wandb==0.15.0\",\n# ]\n# ///\nx", &["==0.15.0"]),
            ("raise ImportError('needs it: pip install wandb>=0.12')", &[]),
            ("assert str(requirement) == 'wandb==0.15.0'", &[]),
            ("parse('wandb==0.15.0')", &[]),
            ("# pip install wandb==0.15.0", &[]),
            ("x = ['wandb==0.15.0']", &[]),
        ] {
            assert_eq!(found(text, python), expected, "{text}");
        }
        let setup = Language::Python { setup: true };
        assert_eq!(found("TRAIN = [\n    'wandb==0.15.0',\n]\n", setup), ["==0.15.0"]);
        let lock = "{\"default\": {\"wandb\": {\"hashes\": [\"sha256:0\"], \"version\": \"==0.15.0\"}, \"x\": {\"version\": \"==1\"}}}";
        assert_eq!(found(lock, Language::PipfileLock), ["==0.15.0"]);
        assert_eq!(found("{\"dependencies\": {\"weave\": \"^0.5.0\", \"wandb\": \"0.1.0\"}}", Language::Json), [""; 0]);
        assert_eq!(found("{\"pip\": [\"wandb==0.15.0\"]}", Language::Json), ["==0.15.0"]);
        assert_eq!(found("{\"postCreateCommand\": \"pip install wandb==0.15.0\"}", Language::Json), ["==0.15.0"]);
    }
}
