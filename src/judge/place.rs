//! Which kind of place a key lies in, so which rule speaks. In: a file's path, a text, where the key stands.
//! Out: the site, and what the file's name alone says.

use std::cell::OnceCell;

use crate::blob::{Kind, Origin};
use crate::rule::Site;

use super::habit::passage::is_installed;
use super::keeper::Keeper;
use super::key::names::Says;
use super::key::{self, Because};

/// What the name of a file says.
pub(super) struct File {
    /// The path in small letters, with a slash before every part.
    path: String,
    /// The last part of it, as it is written.
    name: String,
    site: Site,
    /// Whether credentials are kept in a file of this very name.
    keeper: Option<Keeper>,
    /// Whether it is a Kubernetes manifest, once somebody asked.
    manifest: OnceCell<bool>,
    /// What its name without extensions says, once somebody asked.
    says: OnceCell<Says>,
}

/// See [`File::class`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PathClass {
    site: Site,
    for_key: bool,
    for_keys: bool,
    services: bool,
    revisions: bool,
    json: bool,
    notebook: bool,
    installed: bool,
    keeper: Option<Keeper>,
}

impl PathClass {
    /// Whether a name of this class can make a key of what nothing speaks for in a text without a name and without a `#!`.
    pub fn speaks(&self) -> bool {
        self.for_key || self.for_keys || self.keeper.is_some() || matches!(self.site, Site::Settings | Site::Netrc)
    }
}

impl File {
    /// Reads the path of `origin`; a name that says nothing leaves it to the first lines of the text.
    pub(super) fn new(origin: &Origin, text: &[u8]) -> File {
        let path = format!("/{}", String::from_utf8_lossy(origin.name()).replace('\\', "/"));
        let name = String::from_utf8_lossy(origin.file_name()).into_owned();
        // What a process is called names no file.
        let nameless = origin.process.is_some() || origin.kind == Kind::Stdin && origin.name() == b"-";
        let path = if nameless { String::new() } else { path.to_ascii_lowercase() };
        let site = by_kind(origin.kind).or_else(|| by_path(&path)).unwrap_or_else(|| by_text(text));
        File { path, name, site, keeper: Keeper::of(origin), manifest: OnceCell::new(), says: OnceCell::new() }
    }

    /// What of the name can change a verdict or the rule that speaks: two paths that agree in it need judging once.
    pub(super) fn class(&self) -> PathClass {
        PathClass {
            site: self.site,
            for_key: self.is_for_wandb_key(),
            for_keys: self.is_for_keys(),
            services: self.may_name_services(),
            revisions: self.holds_revisions(),
            json: self.path.ends_with(".json"),
            notebook: self.path.ends_with(".ipynb"),
            installed: is_installed(self.path.as_bytes()),
            keeper: self.keeper,
        }
    }

    /// What the name without its extensions says.
    fn says(&self) -> Says {
        let stem = || self.name.trim_start_matches('.').split('.').next().unwrap_or_default();
        *self.says.get_or_init(|| Says::of(stem().as_bytes()))
    }

    /// Whether the file's name has W&B's in it.
    pub(super) fn names_wandb(&self) -> bool {
        self.is_wandb_settings() || self.is_for_wandb_key() || self.site == Site::Netrc
    }

    /// Whether it is a settings file of the SDK: `wandb/settings`, `.config/wandb/settings`.
    pub(super) fn is_wandb_settings(&self) -> bool {
        self.site == Site::Settings
    }

    /// Whether it is a netrc.
    pub(super) fn is_netrc(&self) -> bool {
        self.site == Site::Netrc
    }

    /// Whether the file's name says that it holds W&B's key: `wandb_key.txt`, `.wandb_api_key`, `wandb.env`,
    /// `wandb/api_key`.
    pub(super) fn is_for_wandb_key(&self) -> bool {
        if self.path.is_empty() || self.site == Site::RunFolder {
            return false;
        }
        let folder = self.path.rsplit('/').nth(1).unwrap_or_default().trim_start_matches('.');
        key::file_is_for_key(self.says(), folder)
    }

    /// Whether the file's name says that it holds revisions or digests: `SHA1SUMS`, `.git-blame-ignore-revs`, `x.sha1`.
    pub(super) fn holds_revisions(&self) -> bool {
        let locks = self.path.ends_with(".lock")
            || ["package-lock.json", "go.sum", "yarn.lock", "pnpm-lock.yaml"].iter().any(|n| self.path.ends_with(n));
        let changes = ["changelog", "changes", "history", "release", "news"];
        let stem = self.path.rsplit('/').next().unwrap_or_default();
        locks
            || changes.iter().any(|start| stem.starts_with(start))
            || key::file_is_for_revisions(&self.name)
            || ["fetch_head", "orig_head", "packed-refs"].iter().any(|n| self.path.ends_with(n))
    }

    /// Whether the file's name says that it holds keys, whosever: `api_keys.yaml`.
    pub(super) fn is_for_keys(&self) -> bool {
        key::file_is_for_keys(self.says())
    }

    /// Whether a bare `wandb: VALUE` in this file names a service and its key, as lists of keys and notes do.
    pub(super) fn may_name_services(&self) -> bool {
        self.is_for_keys()
            || matches!(self.site, Site::Chat | Site::Other)
            || self.path.ends_with(".env")
            || self.path.ends_with("secrets.toml")
    }

    /// The kind of place that all of `text` is.
    pub(super) fn habit_site(&self, text: &[u8]) -> Site {
        match self.site {
            Site::Config if self.path.ends_with(".json") && is_chat(text) => Site::Chat,
            Site::Config if *self.manifest.get_or_init(|| is_manifest(text)) => Site::Deployment,
            site => site,
        }
    }

    /// The kind of place at `at` in `text`, given the evidence that made it a key, and whether it is an output of a notebook
    /// if that is known.
    pub(super) fn site(&self, text: &[u8], at: usize, because: &Because, output: Option<bool>) -> Site {
        match because {
            Because::Netrc(_) if matches!(self.site, Site::Other | Site::Config) => return Site::Netrc,
            Because::Url(_) if !says_more_than_a_url(self.site) => return Site::Url,
            _ => {}
        }
        match self.site {
            Site::Notebook if output.unwrap_or_else(|| in_output(text, at)) => Site::NotebookOutput,
            Site::Config if self.path.ends_with(".json") && is_chat(text) => Site::Chat,
            Site::Config if *self.manifest.get_or_init(|| is_manifest(text)) => Site::Deployment,
            site => site,
        }
    }
}

/// Whether a key in a URL at such a site is better told by the site.
fn says_more_than_a_url(site: Site) -> bool {
    matches!(site, Site::Netrc | Site::Settings | Site::History | Site::GitConfig | Site::GitMessage)
        || matches!(site, Site::Process | Site::Environ)
}

/// The site that the kind of source is.
fn by_kind(kind: Kind) -> Option<Site> {
    match kind {
        Kind::Commit | Kind::Tag | Kind::Note | Kind::Ref | Kind::Reflog => Some(Site::GitMessage),
        Kind::Process => Some(Site::Process),
        Kind::Environ => Some(Site::Environ),
        Kind::File | Kind::Stdin | Kind::Staged | Kind::Blob | Kind::GitConfig | Kind::Account => None,
    }
}

/// The site that a path names.
fn by_path(path: &str) -> Option<Site> {
    let name = path.rsplit('/').next().unwrap_or_default();
    let stem = name.strip_prefix('.').unwrap_or(name);
    let extension = stem.rsplit_once('.').map_or("", |(_, extension)| extension);
    // All that is looked for begins with a slash.
    let parts: Vec<&[u8]> = memchr::memchr_iter(b'/', path.as_bytes()).map(|at| &path.as_bytes()[at..]).collect();
    let within = |folder: &str| {
        parts.iter().any(|part| part.get(1) == folder.as_bytes().get(1) && part.starts_with(folder.as_bytes()))
    };
    let starts = |starts: &[&str]| starts.iter().any(|start| begin_alike(name, start) && name.starts_with(start));
    // Held against words that are written in place, a name costs a few instructions each; against a list of them, a call.
    macro_rules! is { [$($known:literal),+ $(,)?] => { matches!(name, $($known)|+) }; }
    macro_rules! ends { [$($known:literal),+ $(,)?] => { matches!(extension, $($known)|+) }; }

    if stem == "netrc" || name == "_netrc" || extension == "netrc" || stem.starts_with("netrc.") {
        return Some(Site::Netrc);
    }
    if path.ends_with("wandb/settings")
        || within("/.weave-claude-code/")
        || within("/.weave_claude_plugin/")
        || (within("/.config/wandb/") && !ends!["md"])
    {
        return Some(Site::Settings);
    }
    if path.ends_with(".git/config") || name == ".gitconfig" || is!["config.worktree"] || within("/.config/git/") {
        return Some(Site::GitConfig);
    }
    if (name.ends_with("_editmsg") || name.ends_with("_msg")) && path.contains(".git/") {
        return Some(Site::GitMessage);
    }
    let run = ["/wandb/run-", "/wandb/offline-run-", "/wandb/latest-run/", "/wandb/sweep-", "/.wandb/run-"];
    if run.iter().any(|run| within(run))
        || extension == "wandb"
        || path.ends_with("wandb/debug.log")
        || path.ends_with("wandb/debug-internal.log")
    {
        return Some(Site::RunFolder);
    }
    if name.ends_with("_history")
        || is![
            ".histfile",
            ".history",
            "consolehost_history.txt",
            ".rhistory",
            "history.sqlite",
            "history.txt",
            ".zhistory",
        ]
        || within("/.local/share/fish/")
        || within("/.zsh_sessions/")
    {
        return Some(Site::History);
    }
    let editor = [
        "/.vscode/", "/.vscode-server/", "/.idea/", "/.cursor/", "/.zed/", "/.continue/", "/.windsurf/", "/.codeium/",
        "/.codex/", "/.gemini/", "/.claude/", "/.devcontainer/", "/.fleet/", "/.roo/", "/.kiro/", "/.opencode/",
        "/.amazonq/", "/sublime-text/",
    ];
    if editor.iter().any(|folder| within(folder))
        || is![
            "mcp.json",
            ".mcp.json",
            "claude_desktop_config.json",
            ".claude.json",
            "mcp_config.json",
            "mcp_settings.json",
            "cline_mcp_settings.json",
            "devcontainer.json",
            ".devcontainer.json",
            "launch.json",
            "opencode.json",
            "mcp-config.json",
        ]
        || ends!["code-workspace", "iml", "sublime-project"]
    {
        return Some(Site::Editor);
    }
    let ci = [
        "/.github/workflows/", "/.github/actions/", "/.circleci/", "/.gitlab/", "/.gitlab-ci/", "/.buildkite/",
        "/.teamcity/", "/.semaphore/", "/.woodpecker/", "/.azure-pipelines/", "/.tekton/", "/.forgejo/", "/.gitea/",
    ];
    if ci.iter().any(|folder| within(folder))
        || starts(&[
            ".gitlab-ci", "azure-pipelines", "bitbucket-pipelines", ".travis", "jenkinsfile", ".drone", "appveyor",
            ".appveyor", "cloudbuild", ".woodpecker", "buildspec", ".cirrus", "codemagic", "wercker", "semaphore.yml",
        ])
        || (is!["action.yml", "action.yaml"])
        || extension == "jenkinsfile"
    {
        return Some(Site::Ci);
    }
    if starts(&[
        "dockerfile", "containerfile", "docker-compose", "compose.y", "compose.override", "docker-bake", ".dockerenv",
    ]) || (starts(&["compose."]) && ends!["yml", "yaml"])
        || ends!["dockerfile", "containerfile", "def", "sif"]
        || name.contains(".dockerfile.")
    {
        return Some(Site::Image);
    }
    if ends!["tf", "tfvars", "tfstate", "hcl", "bicep", "nomad", "pkr"]
        || name.contains(".tfvars.")
        || name.contains(".tfstate.")
        || (starts(&["values"]) && ends!["yaml", "yml"])
        || starts(&["helmfile", "kustomization", "chart.y", "skaffold"])
        || ["/templates/", "/charts/", "/k8s/", "/kubernetes/", "/helm/", "/manifests/", "/terraform/", "/kustomize/"]
            .iter()
            .any(|folder| within(folder) && ends!["yaml", "yml", "tpl", "json"])
    {
        return Some(Site::Deployment);
    }
    if ends!["eml", "mbox", "msg", "emlx"]
        || within("/slack") && extension == "json"
        || name.contains("slack_export")
        || starts(&["mbox", "chat", "discord", "_chat", "whatsapp"])
    {
        return Some(Site::Chat);
    }
    if ends!["ipynb"] {
        return Some(Site::Notebook);
    }
    if ends!["log", "out", "err", "stdout", "stderr", "journal"]
        || name.contains(".log.")
        || (starts(&["slurm-", "nohup"]))
        || (within("/logs/") && (extension.is_empty() || ends!["txt", "jsonl", "json"]))
    {
        return Some(Site::Log);
    }
    if ends![
        "sh", "bash", "zsh", "fish", "ksh", "csh", "tcsh", "dash", "ps1", "psm1", "psd1", "bat", "cmd", "slurm",
        "sbatch", "pbs", "sge", "lsf", "job", "qsub", "command", "mk", "mak", "just", "nu", "exp", "expect", "sub",
        "submit",
    ] || is![
        "makefile", "gnumakefile", "bsdmakefile", "justfile", ".justfile", "taskfile.yml", "taskfile.yaml", "taskfile",
        "rakefile", ".bashrc", ".bash_profile", ".bash_login", ".bash_logout", ".bash_aliases", ".zshrc", ".zprofile",
        ".zshenv", ".zlogin", ".profile", ".kshrc", ".cshrc", ".tcshrc", ".login", ".xprofile", ".xsessionrc",
        "config.fish", "crontab", "procfile", ".aliases", ".exports", "bashrc", "zshrc", "profile",
    ] || starts(&["makefile.", "crontab"])
    {
        return Some(Site::Script);
    }
    if ends![
        "md", "markdown", "mdx", "rst", "adoc", "asciidoc", "org", "html", "htm", "tex", "textile", "pod", "rmd",
        "qmd", "mdown", "wiki", "ltx", "xhtml", "mkd",
    ] || starts(&["readme", "contributing", "changelog", "install", "notes", "todo", "howto"])
        || within("/docs/") && extension == "txt"
    {
        return Some(Site::Docs);
    }
    if ends![
        "py", "pyi", "pyw", "pyx", "pxd", "js", "jsx", "ts", "tsx", "mjs", "cjs", "mts", "cts", "go", "rs", "java",
        "kt", "kts", "scala", "sc", "groovy", "gradle", "c", "h", "cc", "cpp", "cxx", "hpp", "hh", "hxx", "cs", "fs",
        "vb", "rb", "erb", "php", "jl", "r", "swift", "m", "mm", "lua", "pl", "pm", "dart", "ex", "exs", "erl", "hs",
        "ml", "mli", "clj", "cljs", "edn", "el", "lisp", "scm", "vue", "svelte", "astro", "sql", "nim", "zig", "d",
        "v", "cr", "f90", "f95", "pas", "asm", "cu", "cuh", "proto", "thrift", "graphql", "sol", "coffee", "elm",
        "bzl", "bazel", "star", "cmake", "nix", "diff", "patch", "jsonnet", "libsonnet", "rkt", "tcl", "awk", "sage",
        "marimo", "ipy",
    ] || is!["build", "workspace", "sconstruct", "cmakelists.txt", "gemfile", "vagrantfile"]
    {
        return Some(Site::Source);
    }
    if ends![
        "json", "jsonc", "json5", "hjson", "yaml", "yml", "toml", "ini", "cfg", "conf", "config", "env", "envrc",
        "properties", "xml", "plist", "service", "reg", "cnf", "desktop", "unit", "timer", "prefs", "settings", "inf",
        "gin", "secret", "secrets", "credentials", "rc", "local", "production", "development", "staging", "example",
        "sample", "dist", "template", "ron", "cue", "dhall", "npmrc", "pypirc",
    ] || starts(&[".env", "env.", ".secrets", ".envrc", "secrets.", "credentials", "sshd_config", "ssh_config"])
        || is![
            "config", "environment", "pam_environment", ".pam_environment", "settings", "pip.conf", "supervisord.conf",
            "group_vars", "env", "secrets",
        ]
        || ["/.ssh/", "/host_vars/", "/group_vars/", "/.streamlit/", "/.config/", "/etc/"]
            .iter()
            .any(|folder| within(folder))
        || name.ends_with("rc") && name.starts_with('.')
    {
        return Some(Site::Config);
    }
    None
}

/// Whether two words begin with the same letter: most of the many that a name is held against are ruled out by it.
fn begin_alike(one: &str, other: &str) -> bool {
    one.as_bytes().first() == other.as_bytes().first()
}

/// The site that the first line tells when the name tells none.
fn by_text(text: &[u8]) -> Site {
    let line = text.split(|&b| b == b'\n').next().unwrap_or_default();
    let Some(shebang) = line.strip_prefix(b"#!") else { return Site::Other };
    let shell = [&b"sh"[..], b"bash", b"zsh", b"fish", b"ksh", b"dash", b"expect"];
    let program = shebang.split(|b| matches!(b, b'/' | b' ' | b'\r'));
    if program.into_iter().any(|word| shell.contains(&word)) { Site::Script } else { Site::Source }
}

/// How far from a place the member of the cell is looked for.
const OUTPUT_REACH: usize = 64 * 1024;

/// Whether a place in a notebook's JSON belongs to the output of a cell: of the two names, the nearer before it counts,
/// in whichever order the cell's members stand.
fn in_output(text: &[u8], at: usize) -> bool {
    let near = &text[at.saturating_sub(OUTPUT_REACH)..at];
    let last = |name: &[u8]| memchr::memmem::rfind(near, name);
    last(b"\"outputs\"") > last(b"\"source\"")
}

/// Whether a JSON text is an export of a chat: messages with who wrote them and when.
fn is_chat(text: &[u8]) -> bool {
    let head = &text[..text.len().min(8192)];
    let has = |word: &[u8]| memchr::memmem::find(head, word).is_some();
    let text = has(b"\"text\"") || has(b"\"content\"") || has(b"\"body\"") || has(b"\"message\"");
    let who =
        has(b"\"user\"") || has(b"\"author\"") || has(b"\"sender\"") || has(b"\"from\"") || has(b"\"user_profile\"");
    let when = has(b"\"ts\"")
        || has(b"\"timestamp\"")
        || has(b"\"createdDateTime\"")
        || has(b"\"date\"")
        || has(b"\"sent_at\"");
    text && who && when
}

/// Whether a configuration file is a Kubernetes manifest.
fn is_manifest(text: &[u8]) -> bool {
    let starts_line = |word: &[u8]| {
        memchr::memmem::find_iter(text, word).any(|at| at == 0 || matches!(text[at - 1], b'\n' | b'"' | b' '))
    };
    starts_line(b"apiVersion") && starts_line(b"kind")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_their_sites() {
        for (path, site) in [
            ("a/.netrc", Site::Netrc),
            ("home/.config/wandb/settings", Site::Settings),
            ("x/wandb/run-2026_1/files/config.yaml", Site::RunFolder),
            (".bash_history", Site::History),
            ("p/.vscode/launch.json", Site::Editor),
            (".github/workflows/ci.yml", Site::Ci),
            ("Dockerfile.gpu", Site::Image),
            ("main.tf", Site::Deployment),
            ("mail.eml", Site::Chat),
            ("a.ipynb", Site::Notebook),
            ("slurm-12.out", Site::Log),
            ("run.sbatch", Site::Script),
            ("README.md", Site::Docs),
            ("src/train.py", Site::Source),
            (".env.local", Site::Config),
            ("key.txt", Site::Other),
            (".git/config", Site::GitConfig),
            (".git/modules/sub/COMMIT_EDITMSG", Site::GitMessage),
        ] {
            let origin = Origin::new(Kind::File, path);
            assert_eq!(File::new(&origin, b"").site, site, "{path}");
        }
    }
}
