//! Keys that are given one a line: on standard input, in a file, or at a prompt that shows nothing. In: lines. Out: their text,
//! which is written over at its end, and which keys they are. What is no key is named by its line alone.

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::Path;

use anyhow::{Context, Result, bail};
use zeroize::Zeroizing;

use super::find::unbuffered;
use wandward::detect;
use wandward::finding::visible;
use wandward::secret::Wanted;

/// The most that is read.
const MOST: usize = 1 << 20;

/// Keys, as they were given.
pub(crate) struct Given {
    /// The lines.
    pub(crate) text: Zeroizing<Vec<u8>>,
    /// Which keys they are.
    pub(crate) wanted: Wanted,
}

/// Reads standard input to its end, or asks for one key where that is a terminal.
pub(crate) fn from_stdin() -> Result<Given> {
    if io::stdin().is_terminal() {
        let key = unseen("W&B API key (not shown): ")?;
        return given(Zeroizing::new(key.as_bytes().to_vec()), "the answer");
    }
    given(whole(&mut unbuffered()?)?, "standard input")
}

/// Asks for a line on the terminal, which shows nothing of it: from before the question on, for whoever is quick with the answer.
#[cfg(unix)]
fn unseen(question: &str) -> io::Result<Zeroizing<String>> {
    use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
    #[expect(clippy::disallowed_methods, reason = "it is the terminal, and nothing that is scanned")]
    let terminal = File::open("/dev/tty")?;
    let before = tcgetattr(&terminal)?;
    let mut silent = before.clone();
    silent.local_modes.remove(LocalModes::ECHO | LocalModes::ECHONL);
    tcsetattr(&terminal, OptionalActions::Now, &silent)?;
    let answer = rpassword::prompt_password(question).map(Zeroizing::new);
    tcsetattr(&terminal, OptionalActions::Now, &before)?;
    answer
}

#[cfg(not(unix))]
fn unseen(question: &str) -> io::Result<Zeroizing<String>> {
    rpassword::prompt_password(question).map(Zeroizing::new)
}

/// Reads a file of keys.
pub(crate) fn from_file(path: &Path) -> Result<Given> {
    #[expect(
        clippy::disallowed_methods,
        reason = "it is a file of keys that the operator names, and nothing that is scanned"
    )]
    let file = File::open(path).and_then(|mut file| whole(&mut file));
    let shown = visible(&path.to_string_lossy()).into_owned();
    given(file.with_context(|| format!("cannot read {shown}"))?, "the file")
}

/// Reads into one piece of memory: a buffer that grows would leave keys behind.
fn whole(input: &mut impl Read) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut text = Zeroizing::new(vec![0; MOST + 1]);
    let mut filled = 0;
    while filled < text.len() {
        match input.read(&mut text[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    if filled > MOST {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it holds more than a list of keys does"));
    }
    text.truncate(filled);
    Ok(text)
}

fn given(text: Zeroizing<Vec<u8>>, from: &str) -> Result<Given> {
    let mut wanted = Wanted::default();
    for (nth, line) in text.split(|b| *b == b'\n').enumerate() {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        // What was meant as a key and is none must not be shown, for most of it may be one.
        let Some(secret) = detect::credential(line) else {
            let hint = if line.starts_with(b"ww1-") { "a fingerprint, which no server knows" } else { "no W&B key" };
            bail!("line {} of {from} is {hint}", nth + 1);
        };
        wanted.add(&secret);
    }
    Ok(Given { text, wanted })
}
