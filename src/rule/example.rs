//! The fenced blocks of a page, and the made-up keys that fill them. A page holds no key-shaped string: `<V1_KEY>`,
//! `<LEGACY_KEY>` and `<ONPREM_KEY>` stand for keys made from a seed when they are needed.

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

/// A fenced block of a Markdown page.
pub struct Block<'p> {
    /// What stands behind the opening fence.
    pub info: &'p str,
    /// The lines between the fences.
    pub text: &'p str,
}

/// Every fenced block of a page, in order.
pub fn blocks(page: &str) -> impl Iterator<Item = Block<'_>> {
    let mut rest = page;
    std::iter::from_fn(move || {
        let open = rest.find("\n```")? + 1;
        let fence = rest[open..].bytes().take_while(|&b| b == b'`').count();
        let (info, body) = rest[open + fence..].split_once('\n')?;
        let close = format!("\n{}\n", "`".repeat(fence));
        // A block without a line of text closes at once.
        let end = if body.starts_with(&close[1..]) { 0 } else { body.find(&close)? + 1 };
        rest = &body[end + fence..];
        Some(Block { info, text: &body[..end] })
    })
}

/// What the text of an example is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum As {
    /// A file.
    File,
    /// The arguments of a process, one a line.
    Argv,
    /// The environment of a process, one variable a line.
    Environ,
}

/// A block that shows what is (`bad`) or is not (`good`) a finding.
pub struct Example<'p> {
    /// Whether the rule of the page must speak, exactly once. Otherwise no rule may.
    pub bad: bool,
    /// What the text is.
    pub stands_as: As,
    /// The name that the file or the process is given.
    pub path: &'p str,
    /// The mode of the file, if that matters: it lies in a home folder then.
    pub mode: Option<u32>,
    /// The text, with placeholders for keys.
    pub text: &'p str,
}

impl<'p> Example<'p> {
    pub(super) fn all(page: &'p str) -> Vec<Example<'p>> {
        blocks(page)
            .filter_map(|block| {
                let mut words = block.info.split_whitespace().skip(1);
                let bad = match words.next()? {
                    "bad" => true,
                    "good" => false,
                    _ => return None,
                };
                let mut example =
                    Example { bad, stands_as: As::File, path: "example.txt", mode: None, text: block.text };
                for word in words {
                    match word.split_once('=') {
                        Some(("path", path)) => example.path = path,
                        Some(("mode", mode)) => example.mode = u32::from_str_radix(mode, 8).ok(),
                        Some(("as", "argv")) => example.stands_as = As::Argv,
                        Some(("as", "environ")) => example.stands_as = As::Environ,
                        _ => {}
                    }
                }
                Some(example)
            })
            .collect()
    }

    /// The text with every placeholder filled.
    pub fn filled(&self, seed: &str) -> String {
        fill(self.text, seed)
    }
}

/// Replaces every placeholder in `text` by what it stands for, made from `seed` and counted from its beginning, so that
/// no two are equal.
pub fn fill(text: &str, seed: &str) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    let mut nth = 0;
    while let Some(open) = rest.find('<') {
        let (before, from) = rest.split_at(open);
        filled.push_str(before);
        let made = from.find('>').and_then(|close| {
            let seed = format!("{seed} {nth}");
            let made = match &from[1..close] {
                "V1_KEY" => v1_key(&seed),
                "LEGACY_KEY" => legacy_key(&seed),
                "CUT_OFF_KEY" => v1_key(&seed)[..76].to_owned(),
                "ONPREM_KEY" => format!("local-{}", legacy_key(&seed)),
                "COMMIT_ID" => legacy_key(&format!("commit {seed}")),
                _ => return None,
            };
            Some((made, close + 1))
        });
        let (made, length) = made.unwrap_or_else(|| ("<".to_owned(), 1));
        filled.push_str(&made);
        rest = &from[length..];
        nth += 1;
    }
    filled.push_str(rest);
    filled
}

/// A made-up legacy key: 40 hexadecimal digits.
pub fn legacy_key(seed: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(format!("legacy {seed}"))[..20])
}

/// A made-up v1 key: 86 characters.
pub fn v1_key(seed: &str) -> String {
    const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let bytes = (0..).flat_map(|nth| Sha256::digest(format!("v1 {seed} {nth}")));
    let letters: String = bytes.map(|byte| char::from(LETTERS[usize::from(byte) % 62])).take(76).collect();
    format!("wandb_v1_{}_{}", &letters[..27], &letters[27..])
}
