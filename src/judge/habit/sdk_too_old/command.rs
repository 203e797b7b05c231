//! Packages that a command installs: `pip install wandb==0.15`, in shells, container files, pipelines, makefiles, notebooks.
//! In: any text. Out: the pins among the arguments. A comment installs nothing.

use std::ops::Range;

use super::allowed::Dialect;
use super::{Pin, requirement};

/// How far a command is followed over lines, in bytes, in each direction.
const REACH: usize = 8 * 1024;
/// Words of a command that are remembered.
const RECENT: usize = 8;

/// Where a command is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Within {
    /// Wherever its words stand.
    Anywhere,
    /// Only where it begins the text or follows another command: sentences that advise one are no commands.
    First,
}

/// Adds the pins of the commands that begin in `region`.
pub(super) fn pins(text: &str, region: Range<usize>, within: Within, out: &mut Vec<Pin>) {
    let mut done = region.start;
    let bytes = text.as_bytes();
    // A name that begins at the end of the region is one too.
    let near = &bytes[region.start..bytes.len().min(region.end + "wandb".len() - 1)];
    for at in requirement::mentions(near).map(|at| region.start + at) {
        if at < done {
            continue;
        }
        let start = logical_start(text, done.max(at.saturating_sub(REACH)), at);
        let end = logical_end(text, at, region.end.min(at + REACH));
        Command::default().read(text, start..end, within, out);
        done = end;
    }
}

/// Whether the line before this line end goes on: `\`, `^` and a backtick say so, in a notebook's JSON `\\\n",`.
fn goes_on(line: &str) -> bool {
    let line = line.trim_end_matches([' ', '\t', '\r']);
    line.ends_with(['\\', '^', '`']) && !line.ends_with("``")
        || line.ends_with("\\\\\\n\",")
        || line.ends_with("\\\\\\n\"")
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with('#')
}

fn logical_start(text: &str, floor: usize, at: usize) -> usize {
    let bytes = text.as_bytes();
    let line_start = |at: usize| memchr::memrchr(b'\n', &bytes[floor..at]).map_or(floor, |newline| floor + newline + 1);
    let mut start = line_start(at);
    let mut kept = start;
    while start > floor {
        let above = line_start(start - 1);
        let line = slice(text, above..start - 1);
        if goes_on(line) {
            kept = above;
        } else if !is_comment(line) {
            break;
        }
        start = above;
    }
    ceil(text, kept)
}

fn logical_end(text: &str, at: usize, ceiling: usize) -> usize {
    let bytes = text.as_bytes();
    let mut start = at;
    let mut open = false;
    loop {
        let Some(end) = memchr::memchr(b'\n', &bytes[start..ceiling]).map(|newline| start + newline) else {
            return ceil(text, ceiling);
        };
        let line = slice(text, start..end);
        // A comment between the lines of a command does not end it.
        open = goes_on(line) || open && is_comment(line);
        if !open {
            return end;
        }
        start = end + 1;
    }
}

/// The part of a text, or nothing where it cuts a character.
fn slice(text: &str, range: Range<usize>) -> &str {
    text.get(range).unwrap_or_default()
}

fn ceil(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at += 1;
    }
    at
}

/// What is known of the command at hand.
#[derive(Default)]
struct Command {
    /// Its last words, in small letters.
    recent: Vec<String>,
    /// Whether only words that may stand before a program did.
    first: bool,
    installs: Option<Dialect>,
    /// Whether the word before is an option that takes a value.
    option: bool,
}

impl Command {
    fn reset(&mut self) {
        *self = Command { first: true, ..Command::default() };
    }

    fn read(mut self, text: &str, range: Range<usize>, within: Within, out: &mut Vec<Pin>) {
        self.first = true;
        let bytes = &text.as_bytes()[..range.end];
        let text = &text[..range.end];
        let mut at = range.start;
        let mut escaped = false;
        let mut at_word = true;
        while at < bytes.len() {
            let was_escaped = std::mem::take(&mut escaped);
            match bytes[at] {
                b'\\' => {
                    match bytes.get(at + 1) {
                        Some(b'\\') => escaped = true,
                        Some(b'n') if !was_escaped => self.reset(),
                        _ => {}
                    }
                    let pair = matches!(bytes.get(at + 1), Some(b'\\' | b'n' | b'"' | b't'));
                    at += if pair { 2 } else { 1 };
                    at_word = true;
                }
                b';' | b'|' | b'&' => {
                    self.reset();
                    at += 1;
                    at_word = true;
                }
                b'#' if at_word => at = comment_end(bytes, at),
                b if is_boundary(b) => {
                    at += 1;
                    at_word = true;
                }
                _ if at_word => {
                    at = self.word(text, at, within, out);
                    at_word = false;
                }
                _ => at += 1,
            }
        }
    }

    /// Takes the word at `at`, and returns where it ends.
    fn word(&mut self, text: &str, at: usize, within: Within, out: &mut Vec<Pin>) -> usize {
        let rest = &text[at..];
        let end = at + rest.find(|c: char| is_end(c)).unwrap_or(rest.len());
        let word = &text[at..end];
        if let Some(dialect) = self.installs {
            return self.argument(text, at..end, dialect, out);
        }
        let lower: String = word.chars().take(64).collect::<String>().to_ascii_lowercase();
        let plain =
            lower.trim_start_matches(['!', '%', '@', '-', '+', '$', '(', '{', '[']).trim_end_matches([')', '}', ']']);
        let allowed = within == Within::Anywhere || self.first;
        if allowed && let Some(dialect) = self.installs_with(&lower, plain) {
            self.installs = Some(dialect);
            let joined = word.starts_with("--") && word.contains('=');
            return if joined { self.argument(text, at..end, dialect, out) } else { end };
        }
        // `uv run`, and the instruction of an image file; a sentence may begin with the verb.
        let run = word == "RUN" || plain == "run" && self.recent.last().is_some_and(|last| tool(last).is_some());
        self.first &= run || is_before_program(word, plain);
        if self.recent.len() == RECENT {
            self.recent.remove(0);
        }
        self.recent.push(plain.to_owned());
        end.max(at + 1)
    }

    /// An argument of an installation.
    fn argument(&mut self, text: &str, word: Range<usize>, dialect: Dialect, out: &mut Vec<Pin>) -> usize {
        let value = text[word.clone()].starts_with("--").then(|| text[word.clone()].find('=')).flatten();
        let start = word.start + value.map_or(0, |equals| equals + 1);
        let channel = text[start..word.end].rfind("::").map_or(0, |colons| colons + 2);
        let start = start + channel;
        let quote = start.checked_sub(1).map(|before| text.as_bytes()[before]).filter(|b| matches!(b, b'"' | b'\''));
        let takes_value = std::mem::replace(&mut self.option, takes_file(&text[word.clone()]));
        if takes_value {
            return word.end;
        }
        let mut end = word.end;
        if let Some(named) = requirement::name(text, start) {
            let read = requirement::read(text, named, dialect);
            end = end.max(read.end);
            out.extend(read.pin);
            // A marker belongs to the quoted word.
            if let Some(close) = quote.and_then(|quote| text[end..].bytes().take(256).position(|b| b == quote)) {
                end += close;
            }
        } else if text[word.clone()].contains("/") {
            let url = text[word.clone()].trim_end_matches([')', ']']);
            out.extend(requirement::url(text, word.start..word.start + url.len(), None));
        }
        end.max(word.start + 1)
    }

    /// How the installer reads its arguments, if the word at hand makes it install.
    fn installs_with(&self, word: &str, plain: &str) -> Option<Dialect> {
        const VERBS: [&str; 9] =
            ["install", "add", "create", "inject", "update", "upgrade", "download", "wheel", "reinstall"];
        let with = word == "--with" || word.starts_with("--with=") || word == "--spec" || word == "--from";
        if plain == "uvx" {
            // What it runs is installed first.
            return Some(Dialect::Python);
        }
        if !VERBS.contains(&plain) && !with {
            return None;
        }
        self.recent.iter().rev().find_map(|word| tool(word))
    }
}

/// How an installer reads its arguments. `word` may be a path, or a variable of a makefile.
fn tool(word: &str) -> Option<Dialect> {
    let name = word.rsplit(['/', '\\']).next().unwrap_or(word);
    let name = name.strip_suffix(".exe").unwrap_or(name);
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.' || c == '_' || c == '-');
    match stem {
        "pip" | "pipx" | "uv" | "pdm" | "rye" | "pipenv" | "hatch" | "easy_install" | "virtualenv_pip" | "venv_pip" => {
            Some(Dialect::Python)
        }
        "poetry" => Some(Dialect::Poetry),
        "conda" | "mamba" | "micromamba" | "pixi" => Some(Dialect::Conda),
        _ => None,
    }
}

/// Options of installers whose value is no package.
fn takes_file(word: &str) -> bool {
    const OPTIONS: [&str; 16] = [
        "-r", "--requirement", "-c", "--constraint", "-i", "--index-url", "--extra-index-url", "-f", "--find-links",
        "-t", "--target", "-n", "--name", "-p", "--channel", "--prefix",
    ];
    // `-c` of conda names a channel; neither is a package.
    OPTIONS.contains(&word)
}

/// Whether a word may stand before the program of a command.
fn is_before_program(word: &str, plain: &str) -> bool {
    const BEFORE: [&str; 11] = ["sudo", "env", "time", "exec", "then", "do", "m", "nohup", "sh", "c", "bash"];
    let name = plain.rsplit('/').next().unwrap_or(plain);
    BEFORE.contains(&plain)
        || name.starts_with("python")
        || plain.is_empty()
        || tool(plain).is_some()
        || word.starts_with(['-', '$', '!', '%', '{'])
        || word.contains('=')
}

fn is_boundary(b: u8) -> bool {
    b.is_ascii_whitespace() || matches!(b, b'"' | b'\'' | b'`' | b',' | b'<' | b'>')
}

fn is_end(c: char) -> bool {
    c.is_ascii_whitespace() || matches!(c, '"' | '\'' | '`' | ',' | '<' | '>' | ';' | '|' | '&' | '\\')
}

/// Where a comment ends: at the end of the line, also of one that a notebook spells out.
fn comment_end(bytes: &[u8], at: usize) -> usize {
    let line = memchr::memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |end| at + end);
    memchr::memmem::find(&bytes[at..line], b"\\n").map_or(line, |end| at + end)
}

#[cfg(test)]
mod tests {
    use super::super::spans;
    use super::*;

    fn found(text: &str, within: Within) -> Vec<&str> {
        spans(text, |text, out| pins(text, 0..text.len(), within, out))
    }

    #[test]
    fn arguments_of_installers_are_pins() {
        for (text, expected) in [
            ("pip install wandb==0.15.0", &["==0.15.0"][..]),
            ("RUN pip3 install --no-cache-dir -U 'wandb[media]>=0.12,<0.20' torch", &[">=0.12,<0.20"]),
            (
                "RUN apt-get update && \\\n    python3.10 -m pip install \\\n    # ours\n    torch \\\n    wandb==0.15.0",
                &["==0.15.0"],
            ),
            ("\t$(PIP) install -q wandb==0.15.0 weave==0.51.0", &["==0.15.0", "==0.51.0"]),
            ("\t@${PYTHON} -m pip install wandb==0.15.0", &["==0.15.0"]),
            (
                ".venv/bin/pip install \"wandb == 0.15.0 ; python_version<'3.8'\" \"weave==0.51\"",
                &["== 0.15.0", "==0.51"],
            ),
            ("conda install -y -c conda-forge wandb=0.15 pytorch", &["=0.15"]),
            ("mamba create -n x python=3.9 conda-forge::wandb=0.15.0", &["=0.15.0"]),
            ("uv add 'wandb>=0.12'", &[">=0.12"]),
            ("uv pip install wandb==0.15.0", &["==0.15.0"]),
            ("uv run --with wandb==0.15.0 train.py", &["==0.15.0"]),
            ("uv run --with=wandb==0.15.0 train.py", &["==0.15.0"]),
            ("uvx wandb@0.15.0 login", &["0.15.0"]),
            ("poetry add wandb@^0.15 --group dev", &["^0.15"]),
            ("RUN [\"pip\", \"install\", \"wandb==0.15.0\"]", &["==0.15.0"]),
            ("    \"!pip install -q wandb==0.15.0\\n\",\n    \"import wandb\"", &["==0.15.0"]),
            ("    \"%pip install \\\"wandb>=0.12\\\"\\n\"", &[">=0.12"]),
            ("    \"!pip install torch \\\\\\n\",\n    \"   wandb==0.15.0\\n\"", &["==0.15.0"]),
            ("pip install git+https://github.com/wandb/wandb.git@v0.15.0", &["0.15.0"]),
            ("pip install https://x.org/wandb-0.15.0-py3-none-any.whl", &["0.15.0"]),
            ("pip install wandb==0.15.0 2>&1 | tee log; echo wandb==0.1", &["==0.15.0"]),
            ("- run: pip install wandb==0.15.0", &["==0.15.0"]),
            ("ARG WANDB_VERSION=0.15.0\nRUN pip install wandb==${WANDB_VERSION}", &["==${WANDB_VERSION}"]),
            ("ENV WANDB_V 0.15.0\nRUN pip install \"wandb==$WANDB_V\" weave==0.1", &["==$WANDB_V", "==0.1"]),
            ("V=0.15.0; pip install wandb==$VV", &[]),
            ("VER ?= 0.15.0\na:\n\tpip install wandb==$(VER)", &["==$(VER)"]),
            ("env:\n  WB: x\n  VER: '0.15.0'\nrun: pip install wandb==${{ env.VER }}", &["==${{ env.VER }}"]),
            ("ARG VER=0.15.0\nARG VER=0.23.1\nRUN pip install wandb==$VER", &[]),
            ("ARG VER\nRUN pip install wandb==$VER", &[]),
            ("pip install torch && wandb==0.15", &[]),
            ("# RUN pip install wandb==0.15.0", &[]),
            ("    \"# !pip install wandb==0.15.0\\n\"", &[]),
            ("pip install wandb", &[]),
            ("pip install -r wandb==0.15", &[]),
            ("pip install wandb-core==0.15.0 wandb_osh==1", &[]),
            ("npm install weave@0.5.0", &[]),
            ("brew install weave", &[]),
            ("pip uninstall wandb==0.15.0", &[]),
            ("docker pull weaveworks/weave==1.0", &[]),
        ] {
            assert_eq!(found(text, Within::Anywhere), expected, "{text}");
        }
        for (text, expected) in [
            ("pip install wandb==0.15.0", &["==0.15.0"][..]),
            ("cd x && sudo python -m pip install wandb==0.15.0", &["==0.15.0"]),
            ("uv run pip install wandb==0.15.0", &["==0.15.0"]),
            ("Run pip install wandb<0.10.0 to get it", &[]),
            ("wandb is missing, please run pip install wandb>=0.12", &[]),
        ] {
            assert_eq!(found(text, Within::First), expected, "{text}");
        }
    }
}
