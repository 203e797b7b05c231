//! What a value is that stands where a key would: something that expands to one, a placeholder for one, or neither.
//! In: a word or an expression. Out: yes or no.

use std::sync::LazyLock;

use regex::bytes::Regex;

use crate::judge::key::names::Says;

/// The name and the value of a shell's assignment.
pub(in crate::judge) fn assignment(word: &[u8]) -> Option<(&[u8], &[u8])> {
    let equals = memchr::memchr(b'=', word)?;
    let name = word[..equals].strip_suffix(b"+").unwrap_or(&word[..equals]);
    let named = name.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_');
    let starts = name.first().is_some_and(|b| !b.is_ascii_digit());
    (named && starts).then_some((name, &word[equals + 1..]))
}

/// Whether a name, in any spelling, is that of W&B's key.
pub(in crate::judge) fn is_key_name(name: &[u8]) -> bool {
    let name = name.trim_ascii();
    // What holds the path to a key, or the name of one, is not the key.
    let other = [&b"file"[..], b"path", b"name", b"url", b"host", b"secret_id", b"metric", b"prefix", b"ref"];
    let lower = name.to_ascii_lowercase();
    Says::of(name) == Says::WandbKey && !other.iter().any(|end| lower.ends_with(end))
}

static EXPANDS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?-u)\$\{?[A-Za-z_(1-9@*]|\$\{\{|\{\{|`|%[A-Za-z_]\w*%|\$\$[({A-Za-z_]|<\+|%s|\{[\w.\[\]]*\}").ok()
});

/// Whether a word stands for something that a shell, a template or a program puts in its place.
pub(in crate::judge) fn expands(word: &[u8]) -> bool {
    EXPANDS.as_ref().is_some_and(|pattern| pattern.is_match(word))
}

static PLACEHOLDER: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r#"(?ix-u) ^["']? (?: <[^<>\n]+> | \[[^\]\n]*key[^\]\n]*\] | \.\.\.+ | …| x{3,} | \*{3,}
        | (?:local-)? [\w.-]* (?: your | my | insert | replace | change_?me | paste | add )s?[\w-]* (?:key|token|api)[\w-]*
        | (?:(?:wandb|wb)[_-])? (?:api[_-]?)? (?:key|token)[_-](?:here|goes[_-]here|of[_-]\w+) | (?:api[_-]?)?key ) ["']?$"#,
    )
    .ok()
});

/// Whether a word stands where a person is to put the key.
pub(in crate::judge) fn is_placeholder(word: &[u8]) -> bool {
    !word.starts_with(b"-") && PLACEHOLDER.as_ref().is_some_and(|pattern| pattern.is_match(word))
}

/// Whether a value is, or becomes, a key.
pub(in crate::judge) fn is_key(word: &[u8]) -> bool {
    expands(word) || is_placeholder(word)
}

static VARIABLE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let pattern = r"(?-u)\$\$?(?:\{|\(|env:|Env:|ENV:)?(\w+)|%(\w+)%|\{\{[\s\w.]*?(\w+)\s*\}\}";
    Regex::new(pattern).ok()
});

/// Whether a word expands to W&B's key by a variable that is called so: `$WANDB_API_KEY`, `${{ secrets.WANDB_KEY }}`. A
/// length, a part, or whether it is set, is not the key.
pub(in crate::judge) fn key_variable(word: &[u8]) -> bool {
    let Some(pattern) = VARIABLE.as_ref() else { return false };
    pattern.captures_iter(word).any(|found| {
        let Some(name) = found.get(1).or(found.get(2)).or(found.get(3)) else { return false };
        let behind = &word[name.end()..];
        let part = [&b":+"[..], b"+", b":0", b": ", b":1", b"%", b"#"].iter().any(|sign| behind.starts_with(sign))
            && word[..name.start()].ends_with(b"{");
        is_key_name(name.as_bytes()) && !part
    })
}

/// Whether a value only says where the key lies: `op://…`, `vault:…`.
pub(in crate::judge) fn is_reference(word: &[u8]) -> bool {
    const STORES: &[&[u8]] =
        &[b"op://", b"vault:", b"arn:", b"sm://", b"gcp-sm:", b"secret://", b"bws:", b"ref+", b"doppler:"];
    STORES.iter().any(|store| word.starts_with(store))
}

/// Words that tests and examples put where no key is needed.
pub(in crate::judge) fn is_dummy(word: &[u8]) -> bool {
    const DUMMIES: &[&str] = &[
        "", "dummy", "test", "fake", "none", "null", "nil", "false", "true", "0", "1", "offline", "disabled",
        "placeholder", "ci_placeholder", "empty", "unused", "ignored", "x", "foo", "bar", "changeme", "local",
        "secret", "invalid",
    ];
    let word = word.strip_prefix(b"\"").and_then(|word| word.strip_suffix(b"\"")).unwrap_or(word);
    let word = word.strip_prefix(b"'").and_then(|word| word.strip_suffix(b"'")).unwrap_or(word);
    DUMMIES.iter().any(|dummy| word.eq_ignore_ascii_case(dummy.as_bytes()))
        || [&b"test"[..], b"dummy", b"fake", b"mock"].iter().any(|start| word.to_ascii_lowercase().starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_for_a_key_is_told_from_what_does_not() {
        for word in
            ["$KEY", "${K}", "$(cat k)", "`cat k`", "${{ secrets.X }}", "%KEY%", "<your key>", "YOUR_API_KEY", "xxx"]
        {
            assert!(is_key(word.as_bytes()), "{word}");
        }
        for word in ["--relogin", "is", "to", "true", "offline", "https://api.wandb.ai", "|", "string"] {
            assert!(!is_key(word.as_bytes()), "{word}");
        }
        for (word, says) in [
            ("$WANDB_API_KEY", true),
            ("Bearer ${WANDB_API_KEY}", true),
            ("${WANDB_API_KEY:-}", true),
            ("${{ secrets.WANDB_API_KEY }}", true),
            ("$env:WANDB_API_KEY", true),
            ("%WANDB_API_KEY%", true),
            ("${WANDB_API_KEY:+set}", false),
            ("${WANDB_API_KEY:0:4}", false),
            ("${#WANDB_API_KEY}", false),
            ("$WANDB_PROJECT", false),
            ("$WANDB_API_KEY_FILE", false),
        ] {
            assert_eq!(key_variable(word.as_bytes()), says, "{word}");
        }
    }
}
