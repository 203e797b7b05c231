//! Callbacks for git-filter-repo that take keys out of a history. In: fingerprints. Out: Python, in which no key stands: it hashes
//! whatever has the shape of one.

use crate::secret::Fingerprint;

const COMMON: &str = r#"import hashlib
def fingerprint(key):
    return "ww1-" + hashlib.sha256(key).hexdigest()[:32]
def key_at(data, start, end):
    word = re.search(rb"[A-Za-z0-9]{1,32}-$", data[max(0, start - 33):start])
    starts = [start - len(word.group())] if word else []
    if data[:start].endswith(b"local-"):
        starts.append(start - len(b"local-"))
    for begin in starts + [start]:
        if fingerprint(data[begin:end]) in wanted:
            return begin
def without_keys(data):
    out, done = [], 0
    for run in re.finditer(rb"wandb_v1_[A-Za-z0-9]{27}_[A-Za-z0-9]{49}|[0-9a-f]{40,}", data):
        length = 86 if run.group().startswith(b"wandb") else 40
        at = run.start()
        while at + length <= run.end():
            begin = key_at(data, at, at + length)
            if begin is None or begin < done:
                at += 1
                continue
            out += [data[done:begin], b"***REMOVED***"]
            done = at = at + length
    return b"".join(out) + data[done:] if out else data
"#;

/// What the callbacks for blobs and for messages are to hold.
pub fn callbacks(keys: &[Fingerprint]) -> [(&'static str, String); 2] {
    let wanted: Vec<String> = keys.iter().map(|key| format!("    \"{key}\",\n")).collect();
    let head = format!("import re\nwanted = {{\n{}}}\n{COMMON}", wanted.concat());
    [
        ("blob-callback.py", format!("{head}blob.data = without_keys(blob.data)\n")),
        ("message-callback.py", format!("{head}return without_keys(message)\n")),
    ]
}
