//! The build script: lists every page in `rules/` into the binary, so that a new rule is one new file, and tells it from which
//! sources it is built, so that it trusts no verdict of others.

#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a build script talks to cargo and writes for it")]

use std::hash::{DefaultHasher, Hasher};
use std::{env, fs, path::Path};

fn main() {
    println!("cargo::rerun-if-changed=rules");
    let root = env::var("CARGO_MANIFEST_DIR").expect("cargo names the package folder");
    let rules = Path::new(&root).join("rules");
    let mut pages: Vec<_> = fs::read_dir(&rules)
        .expect("the package has a folder of rules")
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| path.extension().is_some_and(|e| e == "md") && !path.ends_with("README.md"))
        .collect();
    // By id, which the end of a name would put in another order.
    pages.sort_by(|one, other| one.file_stem().cmp(&other.file_stem()));
    let mut list = String::from("&[\n");
    for page in pages {
        let id = page.file_stem().expect("a page has a name").to_str().expect("a rule id is ASCII");
        list.push_str(&format!("    ({id:?}, include_str!({:?})),\n", page.display()));
    }
    list.push(']');
    println!("cargo::rerun-if-changed=src");
    println!("cargo::rerun-if-changed=Cargo.lock");
    println!("cargo::rustc-env=WANDWARD_SOURCES={:016x}", sources(Path::new(&root)));
    let out = env::var("OUT_DIR").expect("cargo names the output folder");
    fs::write(Path::new(&out).join("pages.rs"), list).expect("the output folder can be written");
}

/// A hash of all sources, and of the versions that they are built with.
fn sources(root: &Path) -> u64 {
    let mut hasher = DefaultHasher::new();
    let mut paths = vec![root.join("src"), root.join("Cargo.lock")];
    let mut files = Vec::new();
    while let Some(path) = paths.pop() {
        if path.is_dir() {
            let entries = fs::read_dir(&path).expect("a readable folder");
            paths.extend(entries.map(|entry| entry.expect("a readable folder").path()));
        } else if path.exists() {
            files.push(path);
        }
    }
    files.sort();
    for file in files {
        let text = fs::read(&file).expect("a readable file");
        hasher.write(file.strip_prefix(root).expect("it lies in the package").to_string_lossy().as_bytes());
        hasher.write_usize(text.len());
        hasher.write(&text);
    }
    hasher.finish()
}
