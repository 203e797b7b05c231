//! Makes commands of the user's git, for what only git knows: which commit a revision means. They see nothing of our
//! environment but the search path, nothing of the user's configuration, and of the repository's no setting known to run a
//! program, to fetch, or to hide an object; a git too old to be told so is not started. In: a git directory and arguments.
//! Out: a command whose standard input is empty and whose errors go nowhere.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// The oldest git that can be told never to fetch missing objects.
const OLDEST: (u32, u32) = (2, 45);

/// The plumbing commands of git for one repository.
#[derive(Debug, Clone)]
pub(super) struct Plumbing {
    folder: PathBuf,
}

impl Plumbing {
    /// For the git directory `folder`; `None` if there is no git, or only one that is too old to be safe.
    pub(super) fn new(folder: &Path) -> Option<Plumbing> {
        static USABLE: OnceLock<bool> = OnceLock::new();
        USABLE.get_or_init(usable).then(|| Plumbing { folder: folder.to_owned() })
    }

    /// A command on the repository. It is not run in its folder, and sees nothing of our environment but the search path.
    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = git();
        command.arg("--git-dir").arg(&self.folder).args(arguments);
        command
    }
}

/// git with nothing of ours and nothing of the user's.
fn git() -> Command {
    const SAFE: [&str; 6] = [
        "core.fsmonitor=false",
        "core.hooksPath=/dev/null",
        "core.alternateRefsCommand=false",
        "protocol.allow=never",
        "safe.directory=*",
        "log.showSignature=false",
    ];
    #[expect(
        clippy::disallowed_methods,
        reason = "what the library cannot read, git can, and this is the one door to it"
    )]
    let mut command = Command::new("git");
    command.env_clear();
    #[expect(clippy::disallowed_methods, reason = "git is found where the user's own git is")]
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    for (name, value) in [
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_ATTR_NOSYSTEM", "1"),
        ("GIT_TERMINAL_PROMPT", "0"),
        ("GIT_ALLOW_PROTOCOL", "none"),
        ("GIT_NO_LAZY_FETCH", "1"),
        ("GIT_NO_REPLACE_OBJECTS", "1"),
        ("GIT_GRAFT_FILE", "/dev/null"),
        ("GIT_OPTIONAL_LOCKS", "0"),
        ("LC_ALL", "C"),
    ] {
        command.env(name, value);
    }
    command.args(["--no-pager", "--no-optional-locks", "--no-replace-objects", "--literal-pathspecs"]);
    for setting in SAFE {
        command.args(["-c", setting]);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

fn usable() -> bool {
    let Ok(output) = git().arg("--version").output() else { return false };
    let text = String::from_utf8_lossy(&output.stdout);
    let mut numbers = text.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse::<u32>().ok());
    numbers.next().zip(numbers.next()).is_some_and(|version| version >= OLDEST)
}
