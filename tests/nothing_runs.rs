//! Nothing in a scanned repository runs: its settings and attributes name a program that leaves a mark at every place
//! where git would start one, and no verb ever makes the mark.
#![cfg(unix)]
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests build their own world and may panic")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use support::git::{Repo, Report, binary, leak, trusting_git_in};
use support::{fed, key};

/// Every hook that git knows.
const HOOKS: [&str; 28] = [
    "applypatch-msg", "commit-msg", "fsmonitor-watchman", "p4-changelist", "p4-post-changelist", "p4-pre-submit",
    "p4-prepare-changelist", "post-applypatch", "post-checkout", "post-commit", "post-index-change", "post-merge",
    "post-receive", "post-rewrite", "post-update", "pre-applypatch", "pre-auto-gc", "pre-commit", "pre-merge-commit",
    "pre-push", "pre-rebase", "pre-receive", "prepare-commit-msg", "proc-receive", "push-to-checkout",
    "reference-transaction", "sendemail-validate", "update",
];

/// Every setting by which git starts a program; `MARK` stands for the program.
const SETTINGS: &str = r#"
[core]
    fsmonitor = MARK fsmonitor
    fsmonitorHookVersion = 2
    untrackedCache = true
    hooksPath = HOOKS
    pager = MARK pager
    editor = MARK editor
    askPass = MARK askpass
    sshCommand = MARK ssh
    gitProxy = MARK proxy
    alternateRefsCommand = MARK alternate-refs
    attributesFile = ATTRIBUTES
[sequence]
    editor = MARK sequence-editor
[pager]
    cat-file = MARK pager-cat-file
    rev-list = MARK pager-rev-list
    ls-files = MARK pager-ls-files
    diff = MARK pager-diff
    log = MARK pager-log
    show = MARK pager-show
[diff]
    external = MARK diff-external
    trustExitCode = true
[diff "marked"]
    command = MARK diff-command
    textconv = MARK textconv
    cachetextconv = true
[filter "marked"]
    clean = MARK clean
    smudge = MARK smudge
    process = MARK process
    required = true
[merge "marked"]
    driver = MARK merge-driver
[merge]
    default = marked
    tool = marked
[mergetool "marked"]
    cmd = MARK mergetool
[difftool "marked"]
    cmd = MARK difftool
[interactive]
    diffFilter = MARK interactive
[log]
    showSignature = true
[gpg]
    program = MARK gpg
[gpg "openpgp"]
    program = MARK gpg-openpgp
[gpg "x509"]
    program = MARK gpg-x509
[gpg "ssh"]
    program = MARK gpg-ssh
    defaultKeyCommand = MARK gpg-ssh-key
[commit]
    gpgSign = true
[tag]
    gpgSign = true
[credential]
    helper = !MARK credential
[credential "https://api.wandb.ai"]
    helper = !MARK credential-wandb
[alias]
    cat-file = !MARK alias-cat-file
    rev-list = !MARK alias-rev-list
    status = !MARK alias-status
[uploadpack]
    packObjectsHook = MARK pack-objects
[protocol]
    allow = always
[protocol "ext"]
    allow = always
[trailer "marked"]
    key = Marked
    cmd = MARK trailer
    command = MARK trailer-command
[tar "marked"]
    command = MARK tar
[submodule]
    recurse = true
    fetchJobs = 1
[submodule "lib"]
    url = ext::MARK submodule-url
    update = !MARK submodule-update
    active = true
[remote "origin"]
    url = "ext::MARK promisor %S"
    pushurl = "ext::MARK push %S"
    vcs = marked
    uploadpack = MARK uploadpack
    receivepack = MARK receivepack
    promisor = true
    partialclonefilter = blob:none
    fetch = +refs/heads/*:refs/remotes/origin/*
[branch "main"]
    remote = origin
    merge = refs/heads/main
[status]
    submoduleSummary = true
[diff]
    submodule = log
[rerere]
    enabled = true
[maintenance]
    auto = true
[gc]
    auto = 1
    recentObjectsHook = MARK recent-objects
[web]
    browser = marked
[browser "marked"]
    cmd = MARK browser
[man]
    viewer = marked
[man "marked"]
    cmd = MARK man
[guitool "marked"]
    cmd = MARK guitool
[sendemail]
    toCmd = MARK sendemail
[instaweb]
    httpd = MARK instaweb
[imap]
    tunnel = MARK imap
"#;

/// Which repository is made.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Shape {
    Plain,
    Sha256,
    Reftable,
    SplitIndex,
    SparseIndex,
    Partial,
}

/// A repository that would run programs, and the mark that they would leave.
struct Trap {
    repo: Repo,
    key: String,
    marks: PathBuf,
    tip: String,
    base: String,
}

impl Trap {
    fn new(shape: Shape) -> Trap {
        let repo = Repo::of(match shape {
            Shape::Sha256 => &["--object-format=sha256"],
            Shape::Reftable => &["--ref-format=reftable"],
            _ => &[],
        });
        let key = key("legacy", "trap");
        let base = repo.save("folder/kept.txt", "clean\n");
        repo.save("wandb.env", leak(&key));
        repo.delete("wandb.env");
        repo.save("large.bin", [0, 1, 2, 3].repeat(1000));
        let tip = repo.id("HEAD");
        repo.git(&["tag", "-a", "-m", "subject", "v1"]);
        repo.stage("staged.env", leak(&key).replace("settings", "staged"));
        repo.stage(".gitattributes", "* filter=marked diff=marked merge=marked\n");
        let large = repo.id("HEAD:large.bin");
        match shape {
            Shape::SplitIndex => drop(repo.git(&["update-index", "--split-index"])),
            Shape::SparseIndex => drop(repo.git(&["sparse-checkout", "set", "--cone", "--sparse-index", "kept"])),
            Shape::Partial => {
                repo.git(&["config", "core.repositoryFormatVersion", "1"]);
                repo.git(&["config", "extensions.partialClone", "origin"]);
                fs::remove_file(repo.at(".git/objects").join(&large[..2]).join(&large[2..])).unwrap();
            }
            _ => (),
        }
        let trap = Trap { marks: repo.place().join("marks"), repo, key, tip, base };
        trap.set();
        trap
    }

    /// From here on, git itself would start the program.
    fn set(&self) {
        let program = self.repo.place().join("mark");
        fs::create_dir(&self.marks).unwrap();
        let script = format!("#!/bin/sh\n: > \"{}/${{1:-hook}}\"\n", self.marks.display());
        let executable = |path: &Path| {
            fs::write(path, &script).unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        };
        executable(&program);
        let attributes = self.repo.place().join("attributes");
        fs::write(&attributes, "* filter=marked diff=marked merge=marked\n").unwrap();
        for folder in [self.repo.at(".git/hooks"), self.repo.place().join("hooks")] {
            fs::create_dir_all(&folder).unwrap();
            HOOKS.iter().for_each(|hook| executable(&folder.join(hook)));
        }
        let text = SETTINGS
            .replace("MARK", program.to_str().unwrap())
            .replace("HOOKS", self.repo.place().join("hooks").to_str().unwrap())
            .replace("ATTRIBUTES", attributes.to_str().unwrap());
        let included = self.repo.place().join("included");
        fs::write(&included, text.replace("mark ", "mark included-")).unwrap();
        let config = fs::read_to_string(self.repo.at(".git/config")).unwrap();
        let include = included.to_str().unwrap();
        let includes = format!(
            "[include]\n    path = {include}\n[includeIf \"gitdir:**\"]\n    path = {include}\n\
             [includeIf \"onbranch:main\"]\n    path = {include}\n"
        );
        // What is written last holds, so both get their turn.
        self.repo.write(".git/config", format!("{config}{includes}{text}"));
        self.repo.write(".git/info/attributes", "* filter=marked diff=marked merge=marked\n");
        // A file whose date says that it must be looked at again.
        self.repo.write("folder/kept.txt", "changed\n");
        self.repo.write("message", format!("subject\n\nWANDB_API_KEY={}\n", self.key));
    }

    fn marks(&self) -> Vec<PathBuf> {
        support::files(&self.marks)
    }

    /// A scan from within, with text on its standard input.
    fn scan(&self, arguments: &[&str], input: &str) -> Report {
        let mut command = binary(&self.repo.path);
        command.args(["scan", "--format", "json"]).args(arguments);
        Report::of(fed(&mut command, input.as_bytes()), &[&self.key])
    }
}

#[test]
fn git_itself_would_leave_marks() {
    let trap = Trap::new(Shape::Plain);
    let run = |arguments: &[&str]| {
        fed(trusting_git_in(&trap.repo.path).args(arguments), b"");
        trap.marks().iter().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let seen = |marks: &[String], name: &str| assert!(marks.iter().any(|mark| mark == name), "{name}: {marks:?}");
    seen(&run(&["status"]), "fsmonitor");
    seen(&run(&["add", "message"]), "process");
    // A filter that does not speak as one ends git before it comes to the rest.
    let quiet = ["-c", "filter.marked.process=", "-c", "filter.marked.required=false"];
    seen(&run(&[&quiet[..], &["log", "-p", "--no-ext-diff", "-1"]].concat()), "textconv");
    seen(&run(&[&quiet[..], &["diff", "HEAD~2", "HEAD"]].concat()), "diff-command");
    seen(&run(&["update-ref", "refs/heads/x", "HEAD"]), "committed");
    let partial = Trap::new(Shape::Partial);
    fed(trusting_git_in(&partial.repo.path).args(["cat-file", "-p", "HEAD:large.bin"]), b"");
    assert!(!partial.marks().is_empty(), "a missing object is fetched by a program");
}

/// Every verb in such a repository: it does its work, and leaves no mark.
fn no_mark(shape: Shape) {
    let trap = Trap::new(shape);
    let zeros = "0".repeat(trap.tip.len());
    let pushed = format!("refs/heads/main {} refs/heads/main {zeros}\n", trap.tip);
    let range = format!("{}..HEAD", trap.base);
    let verbs: [(&[&str], &str); 8] = [
        (&[], ""),
        (&["--history"], ""),
        (&["--history", "folder"], ""),
        (&["--staged"], ""),
        (&["--range", &range], ""),
        (&["--range", &range.replace("..", "...")], ""),
        (&["--pre-push"], &pushed),
        (&["--message", "message"], ""),
    ];
    for (arguments, input) in verbs {
        let report = trap.scan(arguments, input);
        assert_eq!(trap.marks(), Vec::<PathBuf>::new(), "{shape:?} {arguments:?}");
        assert_eq!(report.code, 1, "{shape:?} {arguments:?}: {:#}", report.json);
        assert!(report.found(&trap.key), "{shape:?} {arguments:?}: {:#}", report.json);
    }
    for line in ["staged.env:2", "folder/kept.txt:1", ".git/config:1"] {
        let output = binary(&trap.repo.path).args(["explain", line]).output().unwrap();
        assert_eq!(trap.marks(), Vec::<PathBuf>::new(), "{shape:?} explain {line}");
        assert!(output.status.code().is_some());
    }
    // From outside, as one of the repositories below a path.
    let report = trap.repo.scan(&["--history", "."], &[&trap.key]);
    assert_eq!(trap.marks(), Vec::<PathBuf>::new(), "{shape:?} from outside");
    assert!(report.found(&trap.key), "{shape:?} from outside: {:#}", report.json);
}

#[test]
fn in_a_plain_repository() {
    no_mark(Shape::Plain);
}

#[test]
fn in_one_of_sha256() {
    no_mark(Shape::Sha256);
}

#[test]
fn in_one_with_a_reftable() {
    no_mark(Shape::Reftable);
}

#[test]
fn in_one_with_a_split_index() {
    no_mark(Shape::SplitIndex);
}

#[test]
fn in_one_with_a_sparse_index() {
    no_mark(Shape::SparseIndex);
}

#[test]
fn in_a_partial_clone() {
    no_mark(Shape::Partial);
}

#[test]
fn a_program_that_is_called_git_does_not_lie_in_the_repository() {
    let trap = Trap::new(Shape::Sha256);
    for name in ["git", "folder/git"] {
        fs::copy(trap.repo.place().join("mark"), trap.repo.at(name)).unwrap();
    }
    let path = format!(".:{}", std::env::var("PATH").unwrap());
    let mut command = binary(&trap.repo.path);
    let output = command.env("PATH", &path).args(["scan", "--format", "json", "--history"]).output().unwrap();
    assert_eq!(trap.marks(), Vec::<PathBuf>::new(), "a search path with the current folder in it");
    let code = Report::of(output, &[&trap.key]).code;
    assert!(code == 1 || code == 3, "exit {code}");
}

#[test]
fn a_scan_changes_nothing_in_a_repository() {
    for shape in [Shape::Plain, Shape::Sha256, Shape::Reftable, Shape::SplitIndex, Shape::Partial] {
        let trap = Trap::new(shape);
        let state = || {
            let files = support::files(&trap.repo.path).into_iter();
            files.map(|path| (fs::read(&path).unwrap(), path.metadata().unwrap().modified().unwrap(), path)).collect()
        };
        let before: Vec<_> = state();
        let range = format!("{}..HEAD", trap.base);
        for arguments in [&["--history"][..], &["--staged"], &["--range", &range], &["--pre-push"]] {
            let report = trap.scan(arguments, "");
            assert!(state() == before, "{shape:?} {arguments:?}");
            assert_eq!(report.code, i32::from(arguments[0] != "--pre-push"), "{shape:?} {arguments:?}");
        }
        let mut command = binary(&trap.repo.path);
        command
            .args(["ci", "--format", "json"])
            .env("GITLAB_CI", "true")
            .env("CI_MERGE_REQUEST_DIFF_BASE_SHA", &trap.base);
        let report = Report::of(support::run(&mut command), &[&trap.key]);
        assert!(state() == before && report.code == 1, "{shape:?} ci: {}", report.err);
    }
}
