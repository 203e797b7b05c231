//! Files in which credentials are kept, by their exact names: `.env`, `.netrc`, `secrets.env`, the SDK's settings and
//! credentials, run folders. In: a name, a text, what is known of the file beside its bytes. Out: whether it is one, and
//! what it holds.

use crate::blob::{Origin, Standing};

use super::habit::setting::{self, is_literal};

/// A file in which credentials are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Keeper {
    /// `.env`.
    Env,
    /// `.netrc`, `_netrc`.
    Netrc,
    /// `secrets.env`, as the SDK's helper for SageMaker writes it.
    SecretsEnv,
    /// `credentials.json`, where the SDK keeps access tokens.
    Credentials,
    /// `wandb/settings`.
    Settings,
}

/// Where a file lies, beside its path.
#[derive(Clone, Copy, Debug)]
pub struct Lies {
    /// What git makes of it.
    pub standing: Standing,
    /// Whether it lies in somebody's home folder.
    pub home: bool,
}

/// What such a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Holds {
    /// Nothing of W&B.
    Nothing,
    /// Settings of W&B.
    Settings,
    /// The name of a credential of W&B, whose value is still to be filled in.
    Name,
    /// A credential.
    Credential,
}

impl Keeper {
    /// What the name of a file says; `.env.example` and the like are templates.
    pub fn of(origin: &Origin) -> Option<Keeper> {
        let name = origin.inner.is_empty().then(|| origin.file_name())?;
        let folder = origin.path.strip_suffix(name).and_then(|path| path.strip_suffix(b"/")).unwrap_or_default();
        let folder = folder.rsplit(|&b| b == b'/').next().unwrap_or_default();
        match name {
            b".env" => Some(Keeper::Env),
            b".netrc" | b"_netrc" => Some(Keeper::Netrc),
            b"secrets.env" => Some(Keeper::SecretsEnv),
            b"credentials.json" => Some(Keeper::Credentials),
            b"settings" if folder == b"wandb" || folder == b".wandb" => Some(Keeper::Settings),
            _ => None,
        }
    }

    /// The folder that would be the home, if the file lies where the SDK puts it; `None` if it is no file of a home.
    pub fn home(self, origin: &Origin) -> Option<&[u8]> {
        let below: &[&[u8]] = match self {
            Keeper::Netrc => &[b".netrc", b"_netrc"],
            Keeper::Settings => &[b".config/wandb/settings"],
            Keeper::Credentials => &[b".config/wandb/credentials.json"],
            Keeper::SecretsEnv => &[b"secrets.env"],
            Keeper::Env => return None,
        };
        let rest = below.iter().find_map(|below| origin.path.strip_suffix(*below))?;
        if rest.is_empty() {
            Some(b".")
        } else {
            rest.strip_suffix(b"/").map(|home| if home.is_empty() { b"/" } else { home })
        }
    }

    /// What a file of that name holds.
    pub(super) fn holds(self, text: &[u8]) -> Holds {
        let found = |holds: bool| if holds { Holds::Credential } else { Holds::Nothing };
        let has = |word: &[u8]| memchr::memmem::find(text, word).is_some();
        match self {
            Keeper::Env | Keeper::SecretsEnv => {
                let lines = text.split(|&b| b == b'\n').map(|line| assignment(line, self == Keeper::SecretsEnv));
                lines.max().unwrap_or(Holds::Nothing)
            }
            Keeper::Netrc => {
                let mut words = text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
                found(
                    words.any(|word| word == b"machine" || word == b"default") && words.any(|word| word == b"password"),
                )
            }
            Keeper::Credentials => found(has(b"\"credentials\"") && has(b"\"access_token\"")),
            Keeper::Settings => match setting::settings(text, "api_key").iter().any(|key| is_literal(key.value)) {
                true => Holds::Credential,
                false if has(b"[default]") => Holds::Settings,
                false => Holds::Nothing,
            },
        }
    }
}

/// What one line of an env file says. Of a file that is called for secrets every value is one.
fn assignment(line: &[u8], secrets: bool) -> Holds {
    let line = line.trim_ascii();
    let line = line.strip_prefix(b"export ").unwrap_or(line);
    let Some(equals) = memchr::memchr(b'=', line).filter(|_| !line.starts_with(b"#")) else { return Holds::Nothing };
    let name = String::from_utf8_lossy(line[..equals].trim_ascii()).to_ascii_uppercase();
    let value = line[equals + 1..].trim_ascii();
    let value = value.strip_prefix(b"\"").unwrap_or(value.strip_prefix(b"'").unwrap_or(value));
    let end = value.iter().position(|b| matches!(b, b'"' | b'\'' | b'#')).unwrap_or(value.len());
    let value = value[..end].trim_ascii();
    let wandb = ["WANDB", "WEIGHTS_AND_BIASES", "WEIGHTSANDBIASES"].iter().any(|word| name.contains(word));
    let credential = ["KEY", "TOKEN", "SECRET", "PASSWORD"].iter().any(|word| name.contains(word));
    let file = name.ends_with("_FILE") || name.ends_with("_PATH");
    let points = [&b"$"[..], b"op://", b"vault:", b"arn:", b"ref+", b"{{"].iter().any(|start| value.starts_with(start));
    match (wandb, credential && !file) {
        (true, true) if is_literal(value) => Holds::Credential,
        (true, true) if points => Holds::Settings,
        (true, true) => Holds::Name,
        (true, false) => Holds::Settings,
        (false, _) if secrets && is_literal(value) => Holds::Credential,
        (false, _) => Holds::Nothing,
    }
}

/// The `wandb` folder and the run in it that a path leads into: `wandb/run-20240131_093000-ab12cd34`, `wandb/offline-run-…`,
/// `wandb/latest-run`. A package that is called so has no runs.
pub(super) fn run_folder(path: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut from = 0;
    while let Some(at) = memchr::memmem::find(&path[from..], b"wandb/").map(|at| from + at) {
        from = at + b"wandb/".len();
        let before = path[..at].strip_suffix(b".").unwrap_or(&path[..at]);
        let run = path[from..].split(|&b| b == b'/').next().unwrap_or_default();
        let below = path.len() > from + run.len();
        if below && (before.is_empty() || before.ends_with(b"/")) && is_run(run) {
            return Some((&path[..from - 1], &path[..from + run.len()]));
        }
    }
    None
}

fn is_run(name: &[u8]) -> bool {
    if name == b"latest-run" {
        return true;
    }
    let dated = name.strip_prefix(b"offline-").unwrap_or(name).strip_prefix(b"run-").unwrap_or_default();
    let date = dated.iter().take_while(|b| b.is_ascii_digit()).count();
    date == 8 && dated.get(8) == Some(&b'_')
}

/// Whether others than the owner may read a file of that mode.
pub(super) fn is_wide(mode: u32) -> bool {
    mode & 0o077 != 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blob::Kind;

    #[test]
    fn names_are_exact() {
        let of = |path: &str| Keeper::of(&Origin::new(Kind::File, path));
        assert_eq!(of("a/.env"), Some(Keeper::Env));
        assert_eq!(of("_netrc"), Some(Keeper::Netrc));
        assert_eq!(of("wandb/settings"), Some(Keeper::Settings));
        for other in
            [".env.example", ".env.sample", "x.env", "a.netrc", "settings", "mywandb/settings", "env", ".envrc"]
        {
            assert_eq!(of(other), None, "{other}");
        }
    }

    #[test]
    fn a_run_folder_is_no_package() {
        let run = |path: &'static str| run_folder(path.as_bytes()).map(|(folder, _)| folder);
        for path in ["a/wandb/run-20240131_093000-ab12cd34/files/config.yaml", "a/wandb/latest-run/logs/debug.log"] {
            assert_eq!(run(path), Some(&b"a/wandb"[..]), "{path}");
        }
        assert_eq!(run("wandb/offline-run-20240131_093000-x/run-x.wandb"), Some(&b"wandb"[..]));
        for path in ["wandb/sdk/run.py", "wandb/run-lint.sh/x", "wandb/run-20240131_093000-x", "mywandb/latest-run/x"] {
            assert_eq!(run(path), None, "{path}");
        }
    }

    #[test]
    fn what_a_file_holds() {
        for (keeper, text, holds) in [
            (Keeper::Env, "A=b\nexport WANDB_API_KEY='abc123def'\n", Holds::Credential),
            (Keeper::Env, "WANDB_API_KEY=\n", Holds::Name),
            (Keeper::Env, "WANDB_API_KEY=your-key-here # from the settings\n", Holds::Name),
            (Keeper::Env, "WANDB_API_KEY=op://vault/wandb/key\n", Holds::Settings),
            (Keeper::Env, "WANDB_PROJECT=x\n", Holds::Settings),
            (Keeper::Env, "# WANDB_API_KEY=abc123def\nDEBUG=1\nAPI_KEY=abc123def\n", Holds::Nothing),
            (Keeper::SecretsEnv, "API_TOKEN=abc123def\n", Holds::Credential),
            (Keeper::Netrc, "machine a\n login b\n password c\n", Holds::Credential),
            (Keeper::Netrc, "machine a login b\n", Holds::Nothing),
            (
                Keeper::Credentials,
                "{\"credentials\": {\"https://api.wandb.ai\": {\"access_token\": \"x\"}}}",
                Holds::Credential,
            ),
            (Keeper::Credentials, "{\"installed\": {\"client_id\": \"x\"}}", Holds::Nothing),
            (Keeper::Settings, "[default]\nentity = a\n", Holds::Settings),
            (Keeper::Settings, "[default]\napi_key = abc123def\n", Holds::Credential),
        ] {
            assert_eq!(keeper.holds(text.as_bytes()), holds, "{text}");
        }
    }
}
