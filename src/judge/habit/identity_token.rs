//! Identity federation: the file of the identity token, and a key beside it. In: settings of both. Out: files that lie in
//! the project rather than at a safe absolute path, and pairs that the SDK refuses.

use std::ops::Range;

use super::Point;
use super::passage::Passage;
use super::setting::{Setting, line_start, settings};

const TOKEN_FILE: &str = "WANDB_IDENTITY_TOKEN_FILE";
const KEY: &str = "WANDB_API_KEY";

/// Says where the path of the token's file is relative, or begins at the folder of the project.
pub(super) fn file_in_project(passage: &Passage<'_>) -> Vec<Point> {
    // What a test sets is no place for a token.
    if passage.origin.file_name().starts_with(b"test_") {
        return Vec::new();
    }
    let found = settings(passage.text, TOKEN_FILE).into_iter().filter_map(|setting| {
        let why = in_project(setting.value)?;
        Some(Point { about: about(&setting), evidence: why.to_owned(), ..Point::new(setting.span) })
    });
    found.collect()
}

fn in_project(value: &[u8]) -> Option<&'static str> {
    const PROJECT: [&str; 12] = [
        "$PWD",
        "${PWD}",
        "$(pwd)",
        "./",
        "../",
        "${{ github.workspace }}",
        "${{github.workspace}}",
        "$GITHUB_WORKSPACE",
        "${GITHUB_WORKSPACE}",
        "$CI_PROJECT_DIR",
        "${CI_PROJECT_DIR}",
        "${workspaceFolder}",
    ];
    let text = str::from_utf8(value).ok()?.trim();
    if PROJECT.iter().any(|start| text.starts_with(start)) {
        return Some("the file lies in the project");
    }
    let drive = text.as_bytes().get(1) == Some(&b':');
    let first = text.chars().next()?;
    // What begins with anything else is filled in by somebody, or is an expression of a program.
    let path =
        (first.is_ascii_alphanumeric() || matches!(first, '.' | '_')) && !text.contains(['(', '{', '<', ' ', '[']);
    let file = text.contains('/') || [".jwt", ".txt", ".token", ".json"].iter().any(|end| text.ends_with(end));
    (path && file && !drive).then_some("the path is relative")
}

/// Says where a key is set together with the token's file.
pub(super) fn beside_key(passage: &Passage<'_>) -> Vec<Point> {
    let is_set = |setting: &Setting<'_>| !matches!(setting.value, b"" | b"null" | b"~" | b"None" | b"unset");
    let keys: Vec<Setting<'_>> = settings(passage.text, KEY).into_iter().filter(is_set).collect();
    if keys.is_empty() {
        return Vec::new();
    }
    let files = settings(passage.text, TOKEN_FILE).into_iter().filter(is_set);
    let files = files.filter(|file| keys.iter().any(|key| are_together(passage.text, &file.name, &key.name)));
    let evidence = || "`WANDB_API_KEY` is set beside it".to_owned();
    files.map(|file| Point { about: about(&file), evidence: evidence(), ..Point::new(file.name) }).collect()
}

/// Whether two settings stand in one block: no line between them is indented less than both, none takes a name back, and no
/// other item of a list begins that is not their like.
fn are_together(text: &[u8], one: &Range<usize>, other: &Range<usize>) -> bool {
    const APART: usize = 8 * 1024;
    let (first, last) = if one.start < other.start { (one, other) } else { (other, one) };
    if last.start - first.end > APART {
        return false;
    }
    let indent = |at: usize| {
        let line = &text[line_start(text, at)..];
        line.iter().take_while(|b| matches!(b, b' ' | b'\t')).count()
    };
    let least = indent(first.start);
    if indent(last.start) != least {
        return false;
    }
    let between = &text[first.end..line_start(text, last.start).max(first.end)];
    let mut lines = between.split(|&b| b == b'\n').skip(1);
    lines.all(|line| {
        let content = line.trim_ascii_start();
        let taken = content.starts_with(b"unset ") || content.starts_with(b"else") || content.starts_with(b"elif");
        let back = memchr::memmem::find(content, b".pop(").is_some() || content.starts_with(b"del ");
        content.is_empty() || (line.len() - content.len() >= least && !taken && !back)
    })
}

fn about(setting: &Setting<'_>) -> Range<usize> {
    setting.name.start.min(setting.span.start)..setting.name.end.max(setting.span.end)
}
