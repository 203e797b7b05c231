//! Questions to a person, on the terminal itself: standard input may be a list of keys. In: a question. Out: a line.

use std::fs::OpenOptions;
use std::io::{self, BufRead, BufReader, Write};

/// The terminal that this process is run from.
pub(crate) struct Terminal {
    input: BufReader<std::fs::File>,
    output: std::fs::File,
}

impl Terminal {
    /// Opens it; an error if there is none.
    pub(crate) fn open() -> io::Result<Terminal> {
        let (input, output) = if cfg!(windows) { ("CONIN$", "CONOUT$") } else { ("/dev/tty", "/dev/tty") };
        #[expect(clippy::disallowed_methods, reason = "it is the terminal, and nothing that is scanned")]
        let input = OpenOptions::new().read(true).open(input)?;
        #[expect(clippy::disallowed_methods, reason = "it is the terminal, and nothing that is scanned")]
        let output = OpenOptions::new().write(true).open(output)?;
        Ok(Terminal { input: BufReader::new(input), output })
    }

    /// Asks for a line.
    pub(crate) fn ask(&mut self, question: &str) -> io::Result<String> {
        write!(self.output, "{question}")?;
        self.output.flush()?;
        let mut line = String::new();
        self.input.read_line(&mut line)?;
        Ok(line.trim().to_owned())
    }

    /// Says something.
    pub(crate) fn say(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.output, "{text}")
    }
}
