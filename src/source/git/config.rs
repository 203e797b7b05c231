//! Reads a git configuration file as far as the shape of a repository needs it. In: the text of one file. Out: its
//! variables, in order. No include is followed, and what git would refuse is passed over.

/// A variable: `section "sub" . key = value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Variable {
    /// In lower case, as git compares it.
    pub(super) section: String,
    /// As it is written.
    pub(super) sub: Option<Vec<u8>>,
    /// In lower case.
    pub(super) key: String,
    /// `None` if there is no equals sign, which git takes for true.
    pub(super) value: Option<Vec<u8>>,
}

impl Variable {
    /// Whether it is `section.key` without a subsection.
    pub(super) fn is(&self, section: &str, key: &str) -> bool {
        self.section == section && self.sub.is_none() && self.key == key
    }

    /// Whether git takes its value for true.
    pub(super) fn holds(&self) -> bool {
        let Some(value) = &self.value else { return true };
        let value = value.to_ascii_lowercase();
        matches!(value.as_slice(), b"true" | b"yes" | b"on")
            || str::from_utf8(&value).ok().and_then(|text| text.parse::<i64>().ok()).is_some_and(|number| number != 0)
    }
}

/// The variables of a configuration file (git-config, "Syntax").
pub(super) fn variables(text: &[u8]) -> Vec<Variable> {
    let mut rest = Cursor { text: text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text), at: 0 };
    let mut section = (String::new(), None);
    let mut found = Vec::new();
    while let Some(byte) = rest.peek() {
        match byte {
            b'[' => section = rest.header(),
            b'#' | b';' => rest.line(),
            byte if byte.is_ascii_alphabetic() => {
                let (key, value) = rest.variable();
                found.push(Variable { section: section.0.clone(), sub: section.1.clone(), key, value });
            }
            _ => rest.at += 1,
        }
    }
    found
}

struct Cursor<'t> {
    text: &'t [u8],
    at: usize,
}

impl Cursor<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        // git reads CR LF as LF.
        if byte == b'\r' && self.peek() == Some(b'\n') {
            self.at += 1;
            return Some(b'\n');
        }
        Some(byte)
    }

    /// Goes behind the end of the line.
    fn line(&mut self) {
        while self.next().is_some_and(|byte| byte != b'\n') {}
    }

    /// `[section]`, `[section "sub"]` and the old `[section.sub]`.
    fn header(&mut self) -> (String, Option<Vec<u8>>) {
        self.at += 1;
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.')) {
            self.at += 1;
        }
        let mut section = String::from_utf8_lossy(&self.text[start..self.at]).to_ascii_lowercase();
        let mut sub = None;
        if let Some((name, old)) = section.clone().split_once('.') {
            sub = Some(old.as_bytes().to_vec());
            section = name.to_owned();
        }
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.at += 1;
        }
        if self.peek() == Some(b'"') {
            self.at += 1;
            let mut name = Vec::new();
            while let Some(byte) = self.next().filter(|&byte| !matches!(byte, b'"' | b'\n')) {
                name.extend(if byte == b'\\' { self.next() } else { Some(byte) });
            }
            sub = Some(name);
        }
        if self.peek() == Some(b']') {
            self.at += 1;
        }
        (section, sub)
    }

    fn variable(&mut self) -> (String, Option<Vec<u8>>) {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            self.at += 1;
        }
        let key = String::from_utf8_lossy(&self.text[start..self.at]).to_ascii_lowercase();
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.at += 1;
        }
        if self.peek() != Some(b'=') {
            self.line();
            return (key, None);
        }
        self.at += 1;
        (key, Some(self.value()))
    }

    /// A value up to the end of its line: quotes, escapes, comments, lines that go on.
    fn value(&mut self) -> Vec<u8> {
        let mut value = Vec::new();
        // What is left when white space at the end is cut off.
        let mut kept = 0;
        let mut quoted = false;
        while let Some(byte) = self.next() {
            match byte {
                b'\n' => break,
                b'"' => quoted = !quoted,
                b'\\' => match self.next() {
                    Some(b'\n') => continue,
                    Some(b'n') => value.push(b'\n'),
                    Some(b't') => value.push(b'\t'),
                    Some(b'b') => value.push(8),
                    Some(other) => value.push(other),
                    None => break,
                },
                b'#' | b';' if !quoted => {
                    self.line();
                    break;
                }
                b' ' | b'\t' if !quoted => {
                    if !value.is_empty() {
                        value.push(byte);
                    }
                    continue;
                }
                byte => value.push(byte),
            }
            kept = value.len();
        }
        value.truncate(kept);
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_quotes_comments_and_continued_lines_are_read_as_git_reads_them() {
        let text =
            b"; c\n[Core] Bare = true # c\n\tworkTree = \" a;b \" c \\\n d \n[remote \"a\\\"B\"]\r\n promisor\r\n\
            [old.Sub]\nk=\"x\\ty\"\n= broken\n[last]\nkey =";
        let found: Vec<String> = variables(text)
            .into_iter()
            .map(|v| {
                let show =
                    |bytes: Option<Vec<u8>>| bytes.map_or("-".to_owned(), |b| String::from_utf8_lossy(&b).into_owned());
                format!("{}|{}|{}|{}", v.section, show(v.sub), v.key, show(v.value))
            })
            .collect();
        assert_eq!(
            found,
            [
                "core|-|bare|true",
                "core|-|worktree| a;b  c  d",
                "remote|a\"B|promisor|-",
                "old|sub|k|x\ty",
                "old|sub|broken|-",
                "last|-|key|"
            ]
        );
    }

    #[test]
    fn truth_is_what_git_takes_for_true() {
        for (value, holds) in [("TRUE", true), ("1", true), ("0", false), ("off", false), ("", false), ("no", false)] {
            let text = format!("[a]\nb = {value}\n");
            assert_eq!(variables(text.as_bytes())[0].holds(), holds, "{value}");
        }
    }
}
