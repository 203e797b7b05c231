//! `--find -`: the keys that are looked for, as standard input names them. In: lines, each a key or a fingerprint. Out:
//! fingerprints. A key is hashed as soon as its line is read, and its bytes are written over.

use std::fs::File;
use std::io::{self, IsTerminal, Read};

use anyhow::{Result, bail};

use wandward::detect;
use wandward::secret::Wanted;

/// The longest line; a prefix, a key and the white space round it need less.
const LINE: usize = 4096;

/// Reads standard input to its end.
pub(crate) fn wanted() -> Result<Wanted> {
    if io::stdin().is_terminal() {
        bail!("`--find -` reads keys or fingerprints on standard input, one a line, and that is a terminal");
    }
    let mut input = unbuffered()?;
    let mut buffer = vec![0; LINE];
    let read = lines(&mut input, &mut buffer);
    buffer.fill(0);
    std::hint::black_box(&buffer);
    let wanted = read?;
    if wanted.is_empty() {
        bail!("`--find -` was given no key and no fingerprint on standard input");
    }
    Ok(wanted)
}

/// Standard input without the buffer of its own in which keys would stay.
#[cfg(unix)]
pub(crate) fn unbuffered() -> io::Result<File> {
    use std::os::fd::AsFd;
    io::stdin().as_fd().try_clone_to_owned().map(File::from)
}

#[cfg(windows)]
pub(crate) fn unbuffered() -> io::Result<File> {
    use std::os::windows::io::AsHandle;
    io::stdin().as_handle().try_clone_to_owned().map(File::from)
}

/// Takes line by line into `buffer`, in which no line stays.
fn lines(input: &mut impl Read, buffer: &mut [u8]) -> Result<Wanted> {
    let mut wanted = Wanted::default();
    let mut filled = 0;
    let mut number = 0;
    loop {
        let read = match input.read(&mut buffer[filled..]) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        filled += read;
        let mut start = 0;
        while let Some(length) = buffer[start..filled].iter().position(|b| *b == b'\n') {
            number += 1;
            take(&buffer[start..start + length], number, &mut wanted)?;
            start += length + 1;
        }
        if read == 0 {
            take(&buffer[start..filled], number + 1, &mut wanted)?;
            return Ok(wanted);
        }
        if start == 0 && filled == buffer.len() {
            bail!("line {} of standard input is neither a key nor a fingerprint", number + 1);
        }
        buffer.copy_within(start..filled, 0);
        filled -= start;
    }
}

fn take(line: &[u8], number: u64, wanted: &mut Wanted) -> Result<()> {
    let line = line.trim_ascii();
    if line.is_empty() || wanted.add_fingerprint(line) {
        return Ok(());
    }
    // What was meant as a key and is none must not be shown, for most of it may be one.
    let Some(secret) = detect::credential(line) else {
        bail!("line {number} of standard input is neither a key nor a fingerprint");
    };
    wanted.add(&secret);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use wandward::rule::example::{legacy_key, v1_key};

    fn read(text: &str, buffer: &mut [u8]) -> Result<Wanted, String> {
        lines(&mut text.as_bytes(), buffer).map_err(|error| error.to_string())
    }

    #[test]
    fn keys_and_fingerprints_are_taken_line_by_line() {
        let (legacy, v1) = (legacy_key("find"), v1_key("find"));
        let print = wandward::secret::Fingerprint::of(v1.as_bytes());
        let text = format!("\n  {legacy}\r\n{print}\nlocal-{legacy}\n{legacy}");
        let wanted = read(&text, &mut [0; 100]).expect("well-formed");
        assert_eq!(wanted.len(), 3);
        for key in [legacy.clone(), v1, format!("local-{legacy}")] {
            assert!(wanted.holds(key.as_bytes()));
        }
        assert!(!wanted.holds(b"local-"));
    }

    #[test]
    fn a_malformed_line_is_named_by_its_number_alone() {
        let legacy = legacy_key("find");
        for wrong in [&legacy[1..], "ww1-12", &legacy.to_uppercase(), &format!("{legacy} x"), &"a".repeat(200)] {
            let error = read(&format!("{legacy}\n\n{wrong}\n"), &mut [0; 128]).expect_err("malformed");
            assert_eq!(error, "line 3 of standard input is neither a key nor a fingerprint");
        }
    }
}
