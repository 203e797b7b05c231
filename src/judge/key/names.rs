//! What a name says about the value beside it. In: an identifier, a label or a short phrase in any spelling
//! (`WANDB_API_KEY`, `wandbApiKey`, `weights-and-biases.token`, `W&B key`). Out: one word of judgement.

/// What a name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::judge) enum Says {
    /// The key of W&B.
    WandbKey,
    /// W&B, and nothing that would make it anything but its key.
    Wandb,
    /// Some key, token, login or password.
    Key,
    /// A revision, a digest, an identifier: never a key.
    Revision,
    /// A secret of somebody else.
    Foreign,
    /// Nothing: `value`, `default`, `data`, `0`.
    Nothing,
    /// Something else.
    Other,
}

/// Spellings of W&B that are one word once joined.
const WANDB: &[&str] = &[
    "wandb", "weightsandbiases", "weightandbiases", "weightsandbias", "weightandbias", "weightsbiases", "weightbiases",
    "weightsbias", "weightsnbiases",
];
/// Spellings that stand for W&B only beside a word for a key.
const WANDB_IN_SHORT: &[&str] = &["wb", "wnb"];

const KEY: &[&str] = &[
    "key", "keys", "apikey", "apikeys", "api", "token", "tokens", "secret", "secrets", "password", "passwords",
    "passwd", "passphrase", "passcode", "pass", "pwd", "pw", "login", "auth", "authorization", "authentication",
    "authenticate", "credential", "credentials", "cred", "creds", "bearer", "apitoken", "authtoken", "accesstoken",
    "accesskey", "secretkey", "authkey", "apisecret", "userkey", "loginkey", "keystr", "schlüssel", "密钥", "令牌",
    "キー", "clé", "clave", "chiave", "ключ", "ключа", "пароль", "токен", "passwort", "llave", "contraseña", "chave",
    "鍵", "密码", "키",
];

/// Words that make even the name of a key the name of something derived from it, or of something else.
const DERIVED: &[&str] = &[
    "commit", "commits", "sha", "sha1", "sha256", "sha512", "shas", "rev", "revs", "revision", "revisions", "ref",
    "refs", "hash", "hashes", "hashed", "digest", "digests", "checksum", "checksums", "md5", "fingerprint",
    "fingerprints", "thumbprint", "etag", "signature", "version", "githash", "gitsha", "commithash", "commitsha",
    "commitid", "sha1sum", "cache", "artifact", "integrity", "changeset", "srcrev", "shasum", "sha1sums", "sha256sums",
    "fix", "bugfix", "hotfix", "regression", "handling", "refactor", "revert",
];

/// Words that name an identifier of something that is not a key.
const IDENTIFIER: &[&str] = &[
    "id", "ids", "uuid", "guid", "oid", "blob", "tree", "object", "head", "branch", "tag", "tags", "ver", "versions",
    "sig", "patch", "parent", "parents", "artifacts", "run", "runs", "runid", "job", "jobs", "sweep", "snapshot",
    "nonce", "salt", "pin", "pinned", "lock", "locked", "resolved", "upstream", "submodule", "build", "buildid",
    "manifest", "git", "vcs", "image", "layer", "objectid", "crc", "crc32", "merge", "sync", "requirement", "package",
    "infohash", "btih", "before",
];

/// Words that make a key something other than a credential.
const NO_CREDENTIAL: &[&str] = &[
    "public", "primary", "foreign", "sort", "partition", "ssh", "gpg", "pgp", "rsa", "dsa", "host", "idempotency",
    "dedup", "csrf", "xsrf", "page", "next", "continuation", "cursor", "pad", "eos", "bos", "unk", "tokenizer",
    "special", "map", "lookup", "index", "cell", "ephemeral", "crypto", "encryption", "press", "vault",
];

/// Whose secret it is when it is not ours.
const VENDORS: &[&str] = &[
    "github", "gh", "ghp", "gitlab", "bitbucket", "hf", "huggingface", "anthropic", "claude", "aws", "azure", "gcp",
    "google", "slack", "discord", "neptune", "comet", "clearml", "mlflow", "kaggle", "docker", "dockerhub", "npm",
    "pypi", "sentry", "datadog", "heroku", "mailgun", "sendgrid", "twilio", "stripe", "cohere", "replicate",
    "deepseek", "mistral", "gemini", "circleci", "codecov", "coveralls", "telegram", "vercel", "netlify",
    "digitalocean", "openrouter", "groq", "dagshub", "labelstudio", "labelbox", "sonar", "sonarqube", "sonarcloud",
    "gitea", "forgejo", "buildkite", "jenkins", "redmine", "jira", "confluence", "cvat", "artifactory", "jfrog",
    "grafana", "pagerduty", "zenodo", "roboflow", "snyk", "ngrok", "cloudflare", "databricks", "jwt", "postgres",
    "postgresql", "mysql", "redis", "django", "flask",
];

/// Words that make a key one of what W&B keeps for its users.
const KEPT: &[&str] = &[
    "dataset", "table", "metric", "metrics", "column", "summary", "history", "panel", "chart", "plot", "media", "step",
];

/// Words that say nothing about a W&B name that they stand in.
const NEUTRAL: &[&str] = &[
    "my", "our", "your", "the", "a", "for", "of", "to", "from", "in", "is", "default", "prod", "production", "dev",
    "staging", "test", "main", "personal", "private", "team", "user", "account", "env", "environment", "var", "value",
    "val", "str", "string", "local", "cloud", "server", "current", "new", "old", "admin", "service", "bot", "ci",
    "global", "shared", "work", "company", "lab", "org",
];

const NOTHING: &[&str] = &[
    "value", "val", "default", "defaultvalue", "data", "stringdata", "content", "contents", "text", "item", "items",
    "arg", "args", "argv", "command", "cmd", "env", "envs", "environment", "variable", "variables", "vars", "var",
    "envvars", "config", "params", "parameters", "parameter", "headers", "header", "body", "options", "kwargs",
    "input", "inputs", "output", "result", "string", "str", "const", "literal", "raw", "plain", "plaintext", "initial",
    "initialvalue", "defaults", "td", "code", "properties", "props", "spec", "attributes", "attrs", "fields",
    "settings", "unset", "fallback", "otherwise", "missing", "def", "alternative", "orelse",
];

impl Says {
    /// Reads a name.
    pub(in crate::judge) fn of(name: &[u8]) -> Says {
        let words = words(name);
        if words.is_empty() {
            return Says::Nothing;
        }
        // The key of a W&B server's administrator names neither W&B nor anybody else.
        if words.last().is_some_and(|last| last == "key") && words.join(" ").ends_with("global admin api key") {
            return Says::WandbKey;
        }
        let has = |list: &[&str], words: &[String]| words.iter().any(|word| list.contains(&word.as_str()));
        let key = has(KEY, &words);
        let Some((start, end)) = wandb(&words, key) else {
            return if words.iter().all(|word| is_nothing(word)) || is_nothing(&words.concat()) {
                Says::Nothing
            } else if key && has(VENDORS, &words) {
                Says::Foreign
            } else if has(DERIVED, &words) || (!key && has(IDENTIFIER, &words)) {
                Says::Revision
            } else if key && !has(NO_CREDENTIAL, &words) {
                Says::Key
            } else {
                Says::Other
            };
        };
        let rest: Vec<String> = words[..start].iter().chain(&words[end..]).cloned().collect();
        if has(DERIVED, &words[end..]) {
            Says::Revision
        } else if has(KEPT, &rest) && words.last().is_some_and(|last| last == "key") {
            Says::Other
        } else if has(KEY, &rest) || rest.last().is_some_and(|word| word == "k") {
            if has(VENDORS, &words[end..]) { Says::Foreign } else { Says::WandbKey }
        } else if has(DERIVED, &rest) || has(IDENTIFIER, &rest) {
            Says::Revision
        } else if rest.iter().all(|word| NEUTRAL.contains(&word.as_str()) || word.len() == 1 || is_number(word)) {
            Says::Wandb
        } else {
            Says::Other
        }
    }

    /// Whether the name has to do with W&B.
    pub(super) fn wandb(self) -> bool {
        matches!(self, Says::WandbKey | Says::Wandb)
    }
}

/// Whether a text names W&B at all, whatever else it says.
pub(super) fn names_wandb(text: &[u8]) -> bool {
    // Every spelling has a `w` and a `b`.
    if !text.iter().any(|b| b | 0x20 == b'w') || !text.iter().any(|b| b | 0x20 == b'b') {
        return false;
    }
    let words = words(text);
    let key = words.iter().any(|word| KEY.contains(&word.as_str()));
    wandb(&words, key).is_some()
}

/// Whether a label of several words says nothing but whose key it is: `W&B API key (prod)`. A single word always does.
pub(super) fn is_phrase(text: &[u8]) -> bool {
    let words = words(text);
    let known = |word: &String| {
        let word = word.as_str();
        KEY.contains(&word)
            || NEUTRAL.contains(&word)
            || is_number(word)
            || ["w", "b", "and", "weights", "weight", "biases", "bias"].contains(&word)
            || WANDB.contains(&word)
    };
    !text.contains(&b' ') || words.iter().all(known)
}

/// Whether a name is that of a file or a place rather than of a value: `wandb_key.py`, `https://…`, `src/wandb_key`.
pub(super) fn is_file(name: &[u8]) -> bool {
    const EXTENSIONS: &[&str] = &[
        "py", "pyi", "sh", "bash", "js", "ts", "tsx", "jsx", "go", "rs", "java", "kt", "rb", "php", "jl", "r", "c",
        "h", "cc", "cpp", "txt", "md", "rst", "json", "yaml", "yml", "toml", "ini", "cfg", "lock", "gz", "whl", "zip",
        "tar", "git", "log", "ipynb", "html", "csv", "pem",
    ];
    let after_dot = name.rsplit(|&b| b == b'.').next().filter(|last| last.len() < name.len());
    let extension = after_dot.is_some_and(|last| EXTENSIONS.iter().any(|e| last.eq_ignore_ascii_case(e.as_bytes())));
    let slash = memchr::memchr(b'/', name).is_some_and(|at| at > 0) || memchr::memmem::find(name, b"://").is_some();
    extension || slash
}

/// Whether one of the words is the name of a revision or a digest.
pub(super) fn names_revision(text: &[u8]) -> bool {
    any(text, DERIVED)
}

/// Whether one of the words is the name of somebody else who has keys.
pub(super) fn names_vendor(text: &[u8]) -> bool {
    any(text, VENDORS)
}

/// Whether one of the words is a word for a key.
pub(super) fn names_key(text: &[u8]) -> bool {
    any(text, KEY)
}

/// Whether the name of a key does not say whose it is: `key`, `API_TOKEN`, `--password`; not `JWT_SECRET`.
pub(super) fn names_nobody(name: &[u8]) -> bool {
    let known = |word: &String| KEY.contains(&word.as_str()) || NEUTRAL.contains(&word.as_str()) || is_nothing(word);
    words(name).iter().all(known)
}

/// Whether one of the words of a text is on a list; a plain word in small letters is looked up as it stands.
fn any(text: &[u8], list: &[&str]) -> bool {
    if text.iter().all(u8::is_ascii_lowercase) && memchr::memmem::find(text, b"wandb").is_none() {
        return list.iter().any(|word| word.as_bytes() == text);
    }
    words(text).iter().any(|word| list.contains(&word.as_str()))
}

fn is_number(word: &str) -> bool {
    word.bytes().all(|b| b.is_ascii_digit())
}

fn is_nothing(word: &str) -> bool {
    NOTHING.contains(&word) || is_number(word)
}

/// Which of the words say W&B: several of them may only do so together (`w`, `and`, `b`).
fn wandb(words: &[String], key: bool) -> Option<(usize, usize)> {
    // All of them begin with a `w`.
    for start in (0..words.len()).filter(|&start| words[start].starts_with('w')) {
        for end in start + 1..=words.len().min(start + 3) {
            let joined = words[start..end].concat();
            if WANDB.contains(&joined.as_str()) || (key && WANDB_IN_SHORT.contains(&joined.as_str())) {
                return Some((start, end));
            }
        }
    }
    None
}

/// The words of a name, in small letters: parted by what is no letter or digit, and by capitals.
fn words(name: &[u8]) -> Vec<String> {
    let name = &name[..name.len().min(256)];
    let spaced = if name.is_ascii() { humps_of_ascii(name) } else { humps(&String::from_utf8_lossy(name)) };
    let spaced = if memchr::memchr2(b'&', b'\\', spaced.as_bytes()).is_some() { joined(&spaced) } else { spaced };
    let mut words = Vec::new();
    for word in spaced.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        // `W&B`, `WandB` and `WANDBKey` come apart in humps that `wandb` must join again; see `wandb`.
        if word.is_ascii() {
            split_joined(word, &mut words);
        } else {
            by_script(word).into_iter().filter(|part| !part.is_empty()).for_each(|part| split_joined(part, &mut words));
        }
    }
    words
}

/// A name in small letters, with a space where a capital begins a word.
fn humps(name: &str) -> String {
    let mut spaced = String::with_capacity(name.len() + 8);
    let chars: Vec<char> = name.chars().collect();
    for (at, &c) in chars.iter().enumerate() {
        let before = at.checked_sub(1).map(|at| chars[at]);
        let after = chars.get(at + 1);
        let hump = c.is_uppercase()
            && before.is_some_and(|b| {
                b.is_lowercase() || b.is_ascii_digit() || (b.is_uppercase() && after.is_some_and(|a| a.is_lowercase()))
            });
        if hump {
            spaced.push(' ');
        }
        spaced.extend(c.to_lowercase());
    }
    spaced
}

/// As [`humps`], of ASCII, as nearly all names are.
fn humps_of_ascii(name: &[u8]) -> String {
    let mut spaced = String::with_capacity(name.len() + 8);
    let mut before = 0u8;
    for (at, &byte) in name.iter().enumerate() {
        let ends = before.is_ascii_lowercase() || before.is_ascii_digit();
        let begins = || before.is_ascii_uppercase() && name.get(at + 1).is_some_and(u8::is_ascii_lowercase);
        if byte.is_ascii_uppercase() && (ends || begins()) {
            spaced.push(' ');
        }
        spaced.push(char::from(byte.to_ascii_lowercase()));
        before = byte;
    }
    spaced
}

/// A name with what `W&B` is written as made one word.
fn joined(spaced: &str) -> String {
    let mut spaced = spaced.to_owned();
    for ampersand in ["&amp;", "\\u0026", "\\&"] {
        spaced = spaced.replace(ampersand, "&");
    }
    for ampersand in ["w&b", "w & b"] {
        spaced = spaced.replace(ampersand, " wandb ");
    }
    spaced
}

/// Parts a word where ASCII letters and letters of a script without spaces meet: `wandb密钥`.
fn by_script(word: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    let mut last: Option<bool> = None;
    for (at, c) in word.char_indices() {
        let other = u32::from(c) >= 0x2e80;
        if last.is_some_and(|last| last != other) {
            parts.push(&word[start..at]);
            start = at;
        }
        last = Some(other);
    }
    parts.push(&word[start..]);
    parts
}

/// Parts a word such as `mywandbapikey` at W&B's name.
fn split_joined(word: &str, words: &mut Vec<String>) {
    // Each of them begins so.
    let begins =
        |at: usize| ["wandb", "weight"].iter().any(|start| word.as_bytes()[at..].starts_with(start.as_bytes()));
    if !memchr::memchr_iter(b'w', word.as_bytes()).any(begins) {
        words.push(word.to_owned());
        return;
    }
    let Some((at, name)) = WANDB.iter().filter_map(|name| Some((word.find(name)?, *name))).max_by_key(|(_, n)| n.len())
    else {
        words.push(word.to_owned());
        return;
    };
    split_known(&word[..at], words);
    words.push(name.to_owned());
    split_known(&word[at + name.len()..], words);
}

/// Parts a run of letters into words for keys, as far as it begins with such.
fn split_known(mut run: &str, words: &mut Vec<String>) {
    while !run.is_empty() {
        let known = KEY.iter().chain(DERIVED).chain(NEUTRAL).filter(|k| k.len() > 1 && run.starts_with(**k));
        let length = known.map(|k| k.len()).max().unwrap_or(run.len());
        words.push(run[..length].to_owned());
        run = &run[length..];
    }
}

#[cfg(test)]
mod tests {
    use super::Says::{self, *};

    #[test]
    fn every_spelling_says_the_same() {
        for name in [
            "WANDB_API_KEY",
            "wandb-api-key",
            "wandbApiKey",
            "wandbapikey",
            "WandbKey",
            "WANDBKey",
            "WandB_API_KEY",
            "wandb.token",
            "WANDB_API",
            "WANDB_LOGIN_KEY",
            "WEIGHTS_AND_BIASES_API_KEY",
            "WEIGHT_AND_BIASES_API_KEY",
            "weightsandbiases_key",
            "weights & biases api key",
            "W&B key",
            "W&B API key",
            "WB_KEY",
            "wbApiKey",
            "gepa_wandb_api_key",
            "WANDB_KEY_2",
            "API key for wandb",
            "wandb login",
            "x-wandb-api-key",
            "my_wandb_password",
            "wandbKey",
            "WandBApiKey",
            "wandb_key_alice",
        ] {
            assert_eq!(Says::of(name.as_bytes()), WandbKey, "{name}");
        }
    }

    #[test]
    fn ascii_is_read_as_every_script_is() {
        let mut state = 3u64;
        for _ in 0..50_000 {
            let mut name = String::new();
            for _ in 0..state % 9 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                name.push(char::from(b"aBcWDz09_- "[(state >> 33) as usize % 11]));
            }
            assert_eq!(super::humps_of_ascii(name.as_bytes()), super::humps(&name), "{name:?}");
        }
    }

    #[test]
    fn the_rest_is_told_apart() {
        for (name, says) in [
            ("wandb", Wandb),
            ("my_wandb", Wandb),
            ("wandb_prod", Wandb),
            ("W&B", Wandb),
            ("wandb_2", Wandb),
            ("wandb_project", Other),
            ("wandb_run_id", Revision),
            ("WANDB_COMMIT", Revision),
            ("wandb_sha", Revision),
            ("wandb_api_key_hash", Revision),
            ("wandb_key_sha1", Revision),
            ("wandb_cache_key", Revision),
            ("wandb_version", Revision),
            ("key", Key),
            ("apiKey", Key),
            ("access_token", Key),
            ("password", Key),
            ("GITHUB_TOKEN", Foreign),
            ("wandb_github_token", Foreign),
            ("hf_token", Foreign),
            ("hashed_secret", Revision),
            ("public_key", Other),
            ("value", Nothing),
            ("defaultValue", Nothing),
            ("env", Nothing),
            ("0", Nothing),
            ("commit", Revision),
            ("id", Revision),
            ("new_and_better", Other),
            ("loss", Other),
            ("wb", Other),
        ] {
            assert_eq!(Says::of(name.as_bytes()), says, "{name}");
        }
    }
}
