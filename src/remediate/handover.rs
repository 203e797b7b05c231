//! Where a new key goes, without being shown: into a file for its owner alone, or to a command that reads it. In: the key and a
//! destination that the operator named. Out: nothing but whether it got there.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;

use zeroize::Zeroizing;

use super::answer::shown;
use super::server::Server;
use crate::secret::Secret;
use crate::write;

/// How much of a command's output is read.
const OUTPUT: u64 = 64 * 1024;

/// A destination.
pub enum Destination {
    /// A file of variables, with what is in it.
    Dotenv(PathBuf, Zeroizing<Vec<u8>>),
    /// A netrc, with what is in it.
    Netrc(PathBuf, Zeroizing<Vec<u8>>),
    /// A command, with its arguments.
    Command(OsString, Vec<OsString>),
}

impl Destination {
    /// What it is, for people.
    pub fn phrase(&self) -> String {
        match self {
            Destination::Dotenv(path, _) | Destination::Netrc(path, _) => path.to_string_lossy().into_owned(),
            Destination::Command(program, _) => format!("the command {}", program.to_string_lossy()),
        }
    }

    /// Hands a key over. What a command prints comes back, unless it repeats the key.
    pub(super) fn take(&self, server: &Server, secret: &Secret<'_>) -> io::Result<String> {
        #[expect(clippy::disallowed_methods, reason = "the operator named the place that it goes to")]
        let key = secret.expose();
        let text = match self {
            Destination::Dotenv(_, text) => dotenv(text, key),
            Destination::Netrc(_, text) => netrc(text, server, key),
            Destination::Command(program, arguments) => return command(program, arguments, secret, key),
        };
        let (Destination::Dotenv(path, _) | Destination::Netrc(path, _)) = self else { return Ok(String::new()) };
        write::replace_private(path, |out| out.write_all(&text)).map(|()| String::new())
    }
}

/// The file with the key as the value of its variable: in the place of the old one, or at the end.
fn dotenv(text: &[u8], key: &[u8]) -> Zeroizing<Vec<u8>> {
    const NAME: &[u8] = b"WANDB_API_KEY";
    let mut out = Zeroizing::new(Vec::with_capacity(text.len() + NAME.len() + key.len() + 3));
    let mut written = false;
    for line in text.split_inclusive(|b| *b == b'\n') {
        let start = line.len() - line.trim_ascii_start().len();
        let export =
            line[start..].strip_prefix(b"export ").map_or(0, |rest| line.len() - start - rest.trim_ascii_start().len());
        let rest = line[start + export..].strip_prefix(NAME).map(<[u8]>::trim_ascii_start);
        if !rest.is_some_and(|rest| rest.starts_with(b"=")) {
            out.extend_from_slice(line);
            continue;
        }
        // The last of several counts, so none may keep the old one.
        out.extend_from_slice(&line[..start + export]);
        out.extend_from_slice(NAME);
        out.push(b'=');
        out.extend_from_slice(key);
        out.push(b'\n');
        written = true;
    }
    if !written {
        if !out.is_empty() && !out.ends_with(b"\n") {
            out.push(b'\n');
        }
        out.extend_from_slice(NAME);
        out.push(b'=');
        out.extend_from_slice(key);
        out.push(b'\n');
    }
    out
}

/// The netrc with the key as the password for the server.
fn netrc(text: &[u8], server: &Server, key: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(Vec::with_capacity(text.len() + key.len() + server.base.len() + 64));
    let mut at = 0;
    let mut here = false;
    let mut written = false;
    let mut before: &[u8] = b"";
    while at < text.len() {
        let space = text[at..].iter().take_while(|b| b.is_ascii_whitespace()).count();
        let word = text[at + space..].iter().take_while(|b| !b.is_ascii_whitespace()).count();
        out.extend_from_slice(&text[at..at + space]);
        let token = &text[at + space..at + space + word];
        match before {
            b"machine" => here = str::from_utf8(token).is_ok_and(|machine| server.is_at(machine)),
            b"password" if here => {
                out.extend_from_slice(key);
                written = true;
                before = b"";
                at += space + word;
                continue;
            }
            _ if token == b"default" => here = false,
            _ => {}
        }
        out.extend_from_slice(token);
        // The value of a field is no field's name.
        let field = matches!(token, b"machine" | b"password" | b"login" | b"account")
            && !matches!(before, b"machine" | b"password" | b"login" | b"account");
        before = if field { token } else { b"" };
        at += space + word;
    }
    if !written {
        if !out.is_empty() && !out.ends_with(b"\n") {
            out.push(b'\n');
        }
        out.extend_from_slice(format!("machine {}\n  login user\n  password ", server.machine()).as_bytes());
        out.extend_from_slice(key);
        out.push(b'\n');
    }
    out
}

/// Starts a command, without a shell, and gives it the key on its standard input, without a newline.
fn command(program: &OsString, arguments: &[OsString], secret: &Secret<'_>, key: &[u8]) -> io::Result<String> {
    #[expect(clippy::disallowed_methods, reason = "the operator named the command that is to get the key")]
    let mut command = Command::new(program);
    command.args(arguments).env_remove("WANDB_API_KEY");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let (input, output, errors) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let said = thread::scope(|scope| {
        let read = |stream: Option<Box<dyn Read + Send>>| {
            let mut text = Zeroizing::new(Vec::with_capacity(OUTPUT as usize));
            if let Some(mut stream) = stream {
                // What it says is shown for help only; all of it is read, so that it does not wait for us.
                let _ = stream.by_ref().take(OUTPUT).read_to_end(&mut text);
                let _ = io::copy(&mut stream, &mut io::sink());
            }
            text
        };
        let output = scope.spawn(move || read(output.map(|stream| Box::new(stream) as Box<dyn Read + Send>)));
        let errors = scope.spawn(move || read(errors.map(|stream| Box::new(stream) as Box<dyn Read + Send>)));
        let given = input.map_or(Ok(()), |mut input| input.write_all(key));
        let said = [output.join(), errors.join()].into_iter().flatten();
        let said: Vec<String> = said.map(|text| String::from_utf8_lossy(&text).trim().to_owned()).collect();
        given.map(|()| said)
    });
    let status = child.wait()?;
    let said = said?;
    let said =
        said.iter().filter(|text| !text.is_empty()).map(|text| shown(text, secret)).collect::<Vec<_>>().join("; ");
    if status.success() {
        return Ok(said);
    }
    let why = if said.is_empty() { String::new() } else { format!(": {said}") };
    Err(io::Error::other(format!("it failed ({status}){why}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remediate::{Named, Rules};

    fn text(bytes: &Zeroizing<Vec<u8>>) -> &str {
        str::from_utf8(bytes).expect("it is text")
    }

    #[test]
    fn a_variable_is_replaced_or_added_and_nothing_else_changes() {
        for (before, after) in [
            ("", "WANDB_API_KEY=NEW\n"),
            ("A=1", "A=1\nWANDB_API_KEY=NEW\n"),
            ("A=1\nWANDB_API_KEY=OLD\nB=2", "A=1\nWANDB_API_KEY=NEW\nB=2"),
            ("export WANDB_API_KEY=\"OLD\"\n", "export WANDB_API_KEY=NEW\n"),
            ("  WANDB_API_KEY = OLD\nWANDB_API_KEY_2=x\n", "  WANDB_API_KEY=NEW\nWANDB_API_KEY_2=x\n"),
        ] {
            assert_eq!(text(&dotenv(before.as_bytes(), b"NEW")), after, "{before}");
        }
    }

    #[test]
    fn a_password_is_replaced_or_added_and_nothing_else_changes() {
        let rules = Rules::new(Some(("https://w.example.com", Named::Operator)), &[]).expect("it is a URL");
        let added = "machine w.example.com\n  login user\n  password NEW\n";
        for (before, after) in [
            ("", added.to_owned()),
            ("machine x login y password z", format!("machine x login y password z\n{added}")),
            (
                "machine w.example.com\n\tlogin user\n\tpassword OLD\nmachine x password z\n",
                "machine w.example.com\n\tlogin user\n\tpassword NEW\nmachine x password z\n".to_owned(),
            ),
            (
                "machine x login password password OLD machine w.example.com password OLD",
                "machine x login password password OLD machine w.example.com password NEW".to_owned(),
            ),
        ] {
            assert_eq!(text(&netrc(before.as_bytes(), &rules.own(), b"NEW")), after, "{before}");
        }
    }
}
