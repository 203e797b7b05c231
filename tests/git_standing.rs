//! What git makes of a file is what real git says of it: `git ls-files` and `git check-ignore` on the same trees.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests build their own world and may panic")]

mod support;

use std::fs;
use std::path::Path;

use support::git::Repo;
use wandward::blob::Standing;
use wandward::source::git::standing::Standings;

/// What git says: `ls-files` names what it has, `add --dry-run` would take what it does not ignore.
fn by_git(repo: &Repo, path: &str) -> Standing {
    if !repo.git(&["ls-files", "-z", "--", path]).is_empty() {
        return Standing::Tracked;
    }
    let ignored = repo.command(&["check-ignore", "-q", "--", path]).status().unwrap();
    if ignored.success() { Standing::Ignored } else { Standing::Untracked }
}

fn write(repo: &Repo, path: &str, text: &str) {
    let path = repo.at(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

const PATHS: [&str; 22] = [
    ".env",
    ".env.local",
    "a/.env",
    "a/b/.env",
    "a/b/c/secrets.env",
    "a/keep/.netrc",
    "build/.env",
    "build/keep/.env",
    "wandb/run-20240101_000000-ab12cd34/files/config.yaml",
    "wandb/settings",
    "src/wandb/run-20240101_000000-ab12cd34/logs/debug.log",
    "deep/x/y/z/.env",
    "space name/.env",
    "tail /.env",
    "#hash/.env",
    "!bang/.env",
    "br[a]cket/.env",
    "star*/.env",
    "umlaut-ä/.env",
    "CAPS/.ENV",
    "dots/..env",
    "credentials.json",
];

#[test]
fn patterns_mean_what_they_mean_to_git() {
    let patterns: [&str; 28] = [
        ".env",
        "/.env",
        "*.env",
        ".env*\n!.env.local",
        "**/.env",
        "a/**/.env",
        "a/**",
        "a/*\n!a/b\n!a/keep/",
        "build/\n!build/keep/.env",
        "build/*\n!build/keep",
        "wandb",
        "wandb/",
        "/wandb/",
        "wandb/run-*",
        "wandb/run-*/\n!wandb/settings",
        "**/wandb/**",
        "src/wandb/run-*/logs",
        "# .env\n\\#hash/\n\\!bang",
        "space name\ntail\\ /",
        "tail /",
        "br\\[a\\]cket\nstar\\*",
        "br[a]cket",
        "umlaut-?\numlaut-[ä]",
        "*\n!*/\n!.env",
        ".env \r\n/a\r\n",
        "\u{feff}.env\n",
        "[.]env\n?env\n.en[!w]",
        "*.[eE][nN][vV]\n!/**/y/z/.env\ncredentials.*",
    ];
    for text in patterns {
        let repo = Repo::new();
        PATHS.iter().for_each(|path| write(&repo, path, "x\n"));
        fs::write(repo.at(".gitignore"), text).unwrap();
        let standings = Standings::default();
        for path in PATHS {
            assert_eq!(standings.of(&repo.at(path)), by_git(&repo, path), "{path} under {text:?}");
        }
    }
}

#[test]
fn nearer_files_decide_and_the_exclude_files_come_last() {
    let repo = Repo::new();
    PATHS.iter().for_each(|path| write(&repo, path, "x\n"));
    fs::write(repo.at(".gitignore"), ".env\nwandb/\n").unwrap();
    write(&repo, "a/.gitignore", "!.env\n");
    write(&repo, "a/b/.gitignore", "*\n");
    write(&repo, "src/.gitignore", "!wandb/\n/wandb/*/logs/\n");
    write(&repo, ".git/info/exclude", "credentials.json\n.env.*\n!.env\n");
    let excludes = repo.place().join("users");
    fs::write(&excludes, ".netrc\n!credentials.json\n").unwrap();
    let git = |path: &str| {
        let setting = format!("core.excludesFile={}", excludes.display());
        if !repo.git(&["ls-files", "-z", "--", path]).is_empty() {
            return Standing::Tracked;
        }
        let ignored = repo.command(&["-c", &setting, "check-ignore", "-q", "--", path]).status().unwrap();
        if ignored.success() { Standing::Ignored } else { Standing::Untracked }
    };
    repo.git(&["add", "-f", "build/.env", "a/b/c/secrets.env", "wandb/settings"]);
    let standings = Standings::new({
        let excludes = excludes.clone();
        move || Some(excludes.clone())
    });
    let mut seen = Vec::new();
    for path in PATHS {
        let standing = standings.of(&repo.at(path));
        assert_eq!(standing, git(path), "{path}");
        seen.push(standing);
    }
    for standing in [Standing::Tracked, Standing::Ignored, Standing::Untracked] {
        assert!(seen.contains(&standing), "{standing:?} does not occur");
    }
    assert_eq!(standings.of(&repo.at("a/b/c")), Standing::Tracked, "a folder with a tracked file");
    assert_eq!(standings.of(repo.place()), Standing::Outside);
}

#[test]
fn worktrees_and_submodules_have_their_own_index() {
    let other = Repo::new();
    write(&other, ".env", "x\n");
    other.git(&["add", "."]);
    other.git(&["commit", "-qm", "one"]);
    other.git(&["worktree", "add", "-q", "../linked"]);
    let linked = other.opened("linked");
    write(&linked, "a/.env", "y\n");
    linked.git(&["add", "a/.env"]);
    let main = other.beside("main", &[]);
    main.git(&["submodule", "add", "-q", &other.url(), "sub"]);
    let standings = Standings::default();
    for (repo, path) in [(&other, ".env"), (&other, "a/.env"), (&linked, ".env"), (&linked, "a/.env")] {
        write(repo, "a/.env", "y\n");
        assert_eq!(standings.of(&repo.at(path)), by_git(repo, path), "{path}");
    }
    assert_eq!(standings.of(&main.at("sub/.env")), Standing::Tracked);
    let nested = main.beside("main/inner", &[]);
    write(&nested, ".env", "z\n");
    assert_eq!(standings.of(&nested.at(".env")), Standing::Untracked);
    nested.git(&["add", ".env"]);
    assert_eq!(Standings::default().of(&nested.at(".env")), Standing::Tracked);
}

#[test]
fn a_scanned_file_leads_to_no_other_repository_and_links_lead_nowhere() {
    let other = Repo::new();
    write(&other, ".env", "x\n");
    other.git(&["add", "."]);
    let place = other.place().join("plain");
    fs::create_dir(&place).unwrap();
    fs::write(place.join(".git"), format!("gitdir: {}\n", other.at(".git").display())).unwrap();
    fs::write(place.join(".env"), "x\n").unwrap();
    assert_eq!(Standings::default().of(&place.join(".env")), Standing::Unknown);

    let repo = other.beside("configured", &[]);
    let named = other.place().join("named");
    fs::write(&named, ".env\n").unwrap();
    write(&repo, ".env", "x\n");
    repo.git(&["config", "core.excludesFile", named.to_str().unwrap()]);
    assert_eq!(Standings::default().of(&repo.at(".env")), Standing::Untracked);
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(&named, repo.at(".gitignore")).unwrap();
        assert_eq!(Standings::default().of(&repo.at(".env")), Standing::Untracked);
    }
    repo.git(&["config", "core.worktree", other.path.to_str().unwrap()]);
    assert_eq!(Standings::default().of(&repo.at(".env")), Standing::Unknown);
}

#[test]
fn damage_is_unknown_and_never_a_panic() {
    let repo = Repo::new();
    write(&repo, ".env", "x\n");
    write(&repo, ".gitignore", "[\n\\\n**********a\n{a,b\n[z-a]\n///\n!\n");
    assert_eq!(Standings::default().of(&repo.at(".env")), Standing::Untracked);
    fs::write(repo.at(".git/index"), "DIRC broken").unwrap();
    assert_eq!(Standings::default().of(&repo.at(".env")), Standing::Unknown);
    assert_eq!(Standings::default().of(Path::new("/nonexistent/.env")), Standing::Unknown);
}
