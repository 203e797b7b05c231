//! What other scanners were told to accept. In: their files. Out: what each entry says of a finding; which keys that means,
//! only a scan can tell.

use data_encoding::HEXLOWER;
use serde_json::Value;

/// How an entry names what it accepts.
pub enum Named {
    /// The SHA-1 digest of the text.
    Sha1([u8; 20]),
    /// The text, which may be a key.
    Text(String),
    /// A fingerprint of ours.
    Fingerprint(String),
    /// Its place alone.
    Place,
}

/// An entry of another scanner.
pub struct Known {
    /// What it accepts.
    pub named: Named,
    /// The file, from where that scanner ran.
    pub path: String,
    /// From 1.
    pub line: Option<u64>,
    /// The commit that it was found in.
    pub commit: Option<String>,
    /// The name of the rule there.
    pub rule: String,
    /// What is known of why.
    pub reason: String,
}

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// Not the format of any scanner that is known.
    #[error("is none of: a baseline of detect-secrets, a report or an ignore file of gitleaks, SARIF")]
    Unknown,
    /// A line of an ignore file.
    #[error("line {0} is no fingerprint of gitleaks (`file:rule:line`, a commit before it)")]
    Line(usize),
}

/// Reads a file, and tells whose it is.
pub fn read(text: &str) -> Result<(&'static str, Vec<Known>), ImportError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match serde_json::from_str::<Value>(text) {
        Ok(Value::Array(list)) => Ok(("gitleaks", list.iter().map(gitleaks).collect())),
        Ok(value) if value.get("results").is_some_and(Value::is_object) => Ok(("detect-secrets", detect(&value))),
        Ok(value) if value.get("runs").is_some_and(Value::is_array) => Ok(("SARIF", sarif(&value))),
        Ok(Value::Null) => Ok(("gitleaks", Vec::new())),
        Ok(_) => Err(ImportError::Unknown),
        Err(_) if text.trim_start().starts_with(['{', '[']) => Err(ImportError::Unknown),
        Err(_) => Ok(("gitleaks", ignore_file(text)?)),
    }
}

fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_default().to_owned()
}

fn some(value: String) -> Option<String> {
    Some(value).filter(|value| !value.is_empty())
}

fn gitleaks(found: &Value) -> Known {
    let secret = text(found, "Secret");
    // `--redact` writes the word, or dots behind a part.
    let redacted = secret.is_empty() || secret.contains("REDACTED") || secret.ends_with("...");
    Known {
        named: if redacted { Named::Place } else { Named::Text(secret) },
        path: text(found, "File"),
        line: found["StartLine"].as_u64(),
        commit: some(text(found, "Commit")),
        rule: text(found, "RuleID"),
        reason: "in the baseline of gitleaks".to_owned(),
    }
}

fn ignore_file(text: &str) -> Result<Vec<Known>, ImportError> {
    let mut known = Vec::new();
    for (nth, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let wrong = || ImportError::Line(nth + 1);
        let (rest, number) = line.rsplit_once(':').ok_or_else(wrong)?;
        let number = number.parse().map_err(|_| wrong())?;
        let (place, rule) = rest.rsplit_once(':').ok_or_else(wrong)?;
        let is_commit = |id: &str| id.len() == 40 && id.bytes().all(|b| b.is_ascii_hexdigit());
        let (commit, path) = match place.split_once(':') {
            Some((commit, path)) if is_commit(commit) => (Some(commit.to_owned()), path),
            _ => (None, place),
        };
        known.push(Known {
            named: Named::Place,
            path: path.to_owned(),
            line: Some(number),
            commit,
            rule: rule.to_owned(),
            reason: "in the ignore file of gitleaks".to_owned(),
        });
    }
    Ok(known)
}

fn detect(baseline: &Value) -> Vec<Known> {
    let files = baseline["results"].as_object().into_iter().flatten();
    let entries = files.flat_map(|(path, found)| found.as_array().into_iter().flatten().map(move |one| (path, one)));
    let known = entries.map(|(path, one)| {
        let digest = HEXLOWER.decode(text(one, "hashed_secret").as_bytes()).ok();
        let digest: Option<[u8; 20]> = digest.and_then(|digest| digest.try_into().ok());
        let audited = match one["is_secret"].as_bool() {
            Some(true) => ", audited as a secret",
            Some(false) => ", audited as none",
            None => "",
        };
        Known {
            named: digest.map_or(Named::Place, Named::Sha1),
            path: path.clone(),
            line: one["line_number"].as_u64(),
            commit: None,
            rule: text(one, "type"),
            reason: format!("in the baseline of detect-secrets{audited}"),
        }
    });
    known.collect()
}

/// The results that somebody suppressed; of a file in which nobody suppressed any, all.
fn sarif(log: &Value) -> Vec<Known> {
    let runs = || log["runs"].as_array().into_iter().flatten();
    let results = || runs().flat_map(|run| run["results"].as_array().into_iter().flatten().map(move |one| (run, one)));
    let suppressions = |result: &Value| result["suppressions"].as_array().cloned().unwrap_or_default();
    let accepted = |result: &Value| {
        let open = |one: &Value| matches!(one["status"].as_str(), Some("rejected" | "underReview"));
        suppressions(result).iter().any(|one| !open(one))
    };
    let any = results().any(|(_, result)| !suppressions(result).is_empty());
    let known = results().filter(|(_, result)| !any || accepted(result)).map(|(run, result)| {
        let place = &result["locations"][0]["physicalLocation"];
        let uri = text(&place["artifactLocation"], "uri");
        let given = suppressions(result).iter().map(|one| text(one, "justification")).find_map(some);
        let tool = text(&run["tool"]["driver"], "name");
        Known {
            named: some(text(&result["properties"]["key"], "fingerprint")).map_or(Named::Place, Named::Fingerprint),
            path: decoded(uri.strip_prefix("file://").unwrap_or(&uri)),
            line: place["region"]["startLine"].as_u64(),
            commit: some(text(&result["partialFingerprints"], "commitSha")),
            rule: text(result, "ruleId"),
            reason: given.unwrap_or_else(|| format!("in a SARIF report of {tool}")),
        }
    });
    known.collect()
}

/// A path without the signs that a URI asks for.
fn decoded(uri: &str) -> String {
    let mut bytes = Vec::with_capacity(uri.len());
    let mut rest = uri.as_bytes();
    while let [first, tail @ ..] = rest {
        let digits = tail.get(..2).filter(|_| *first == b'%').and_then(|digits| str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
