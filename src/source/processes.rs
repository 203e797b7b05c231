//! Reads the list of running processes, their arguments and on request their environments. In: nothing but the system.
//! Out: facts and bytes, and how much the system hides. It asks, and never signals, traces or changes a process.

use std::collections::HashSet;
use std::io;

use sysinfo::{Pid, Process as Listed, ProcessRefreshKind, ProcessesToUpdate, System, UpdateKind, Users};

use crate::process::Process;

/// The most bytes of one process's arguments or environment that are read. Linux allows a quarter of the stack's limit.
const MOST: u64 = 64 * 1024 * 1024;

/// What the system says when it is asked for the arguments or the environment of a process.
#[derive(Debug)]
pub enum Said {
    /// These, in order. Threads of the kernel and processes that have ended but for their exit code have none.
    These(Vec<Vec<u8>>),
    /// Nothing to this user.
    Hidden,
    /// The process has ended.
    Gone,
    /// More than is held.
    TooMuch,
}

/// The list of processes; looked at again and again.
pub struct Processes {
    system: System,
    users: Option<Users>,
    own: Option<Pid>,
}

/// A process on the list, by its id and the time of its start: ids are used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Id {
    /// The id.
    pub pid: u32,
    /// When it started: seconds since 1970.
    pub started: i64,
}

impl Processes {
    /// An empty list.
    pub fn new() -> Processes {
        Processes { system: System::new(), users: None, own: sysinfo::get_current_pid().ok() }
    }

    /// The processes that run now, in the order of their ids, without this one; and how many there are beside those whose
    /// existence is all that this user is told.
    pub fn list(&mut self) -> (Vec<Id>, u64) {
        let what = if cfg!(target_os = "linux") { asked() } else { asked().with_cmd(UpdateKind::Always) };
        self.system.refresh_processes_specifics(ProcessesToUpdate::All, true, what);
        let listed = self.system.processes().values().filter(|process| Some(process.pid()) != self.own);
        let mut ids: Vec<Id> = listed.map(id).collect();
        ids.sort_unstable_by_key(|id| id.pid);
        let told: HashSet<u32> = ids.iter().map(|id| id.pid).collect();
        let own = self.own.map(Pid::as_u32);
        let untold = named().filter(|pid| Some(*pid) != own && !told.contains(pid) && !has_ended(*pid)).count();
        (ids, untold as u64)
    }

    /// Whether the process on the list still is the one that has this id.
    pub fn is_same(&mut self, id: Id) -> bool {
        let pid = Pid::from_u32(id.pid);
        self.system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), false, asked());
        self.system.process(pid).is_none_or(|process| self::id(process) == id)
    }

    /// Whether a process runs as the same user as this one.
    pub fn is_own(&self, id: Id) -> bool {
        let user = |pid| self.system.process(pid).and_then(Listed::effective_user_id);
        let own = self.own.and_then(user);
        own.is_some() && user(Pid::from_u32(id.pid)) == own
    }

    /// What is known of a process, and what it is called.
    pub fn describe(&mut self, id: Id) -> (Vec<u8>, Process) {
        let users = self.users.get_or_insert_with(Users::new_with_refreshed_list);
        let Some(process) = self.system.process(Pid::from_u32(id.pid)) else {
            return (Vec::new(), Process { pid: id.pid, started: id.started, ..Process::default() });
        };
        let name = |process: &Listed| process.name().as_encoded_bytes().to_vec();
        let user = process.effective_user_id().or(process.user_id());
        let user =
            user.map(|id| users.get_user_by_id(id).map_or_else(|| id.to_string(), |user| user.name().to_owned()));
        let facts = Process {
            ppid: process.parent().map(Pid::as_u32),
            parent: process.parent().and_then(|parent| self.system.process(parent)).map(name),
            user,
            pid: id.pid,
            started: id.started,
            argument: None,
            variable: None,
        };
        (name(process), facts)
    }

    /// The arguments of a process, the program's own name first.
    #[cfg(target_os = "linux")]
    pub fn arguments(&self, id: Id) -> Said {
        // The list would leave out empty arguments, and so count wrong.
        from_file(id.pid, "cmdline")
    }

    /// Likewise, as the list tells them.
    #[cfg(not(target_os = "linux"))]
    pub fn arguments(&self, id: Id) -> Said {
        let Some(process) = self.system.process(Pid::from_u32(id.pid)) else { return Said::Gone };
        told(process.cmd())
    }

    /// The environment of a process, one `NAME=VALUE` a variable.
    #[cfg(target_os = "linux")]
    pub fn environment(&mut self, id: Id) -> Said {
        from_file(id.pid, "environ")
    }

    /// Likewise, as the list tells it.
    #[cfg(not(target_os = "linux"))]
    pub fn environment(&mut self, id: Id) -> Said {
        let pid = Pid::from_u32(id.pid);
        let what = asked().with_environ(UpdateKind::Always);
        self.system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), false, what);
        let Some(process) = self.system.process(pid) else { return Said::Gone };
        told(process.environ())
    }
}

impl Default for Processes {
    fn default() -> Self {
        Processes::new()
    }
}

fn asked() -> ProcessRefreshKind {
    ProcessRefreshKind::nothing().with_user(UpdateKind::OnlyIfNotSet).without_tasks()
}

fn id(process: &Listed) -> Id {
    Id { pid: process.pid().as_u32(), started: i64::try_from(process.start_time()).unwrap_or(i64::MAX) }
}

/// What the list tells; where it tells nothing, it was not allowed to.
#[cfg(not(target_os = "linux"))]
fn told(words: &[std::ffi::OsString]) -> Said {
    if words.is_empty() {
        return Said::Hidden;
    }
    Said::These(words.iter().map(|word| word.as_encoded_bytes().to_vec()).collect())
}

/// Reads a list of strings, each ended by a zero byte, from the folder of a process; see proc_pid_cmdline(5).
#[cfg(target_os = "linux")]
fn from_file(pid: u32, name: &str) -> Said {
    use std::io::Read;

    let mut bytes = Vec::new();
    #[expect(clippy::disallowed_methods, reason = "source is the door to what is scanned")]
    let read =
        std::fs::File::open(format!("/proc/{pid}/{name}")).and_then(|file| file.take(MOST + 1).read_to_end(&mut bytes));
    match read {
        Ok(read) if read as u64 > MOST => Said::TooMuch,
        Ok(_) => {
            // A title that a process has set ends in as many zeros as the arguments that it was written over.
            let end = bytes.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1);
            let words = bytes[..end].split(|b| *b == 0).map(<[u8]>::to_vec);
            Said::These(if end == 0 { Vec::new() } else { words.collect() })
        }
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Said::Hidden,
        // ESRCH, where the process ended between opening and reading, has no name of its own.
        Err(_) => Said::Gone,
    }
}

/// The ids that the folder of processes names, told of or not.
#[cfg(target_os = "linux")]
fn named() -> impl Iterator<Item = u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

#[cfg(not(target_os = "linux"))]
fn named() -> impl Iterator<Item = u32> {
    std::iter::empty()
}

/// Whether a process that was named a moment ago is no more.
fn has_ended(pid: u32) -> bool {
    !std::path::Path::new(&format!("/proc/{pid}")).exists()
}

/// Why there may be processes of which nothing at all is told, as a clause.
#[cfg(target_os = "linux")]
pub fn hides() -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "it says what of the processes is not scanned")]
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    // The last mount is the one in force.
    let options = mounts.lines().rev().find_map(|line| {
        let mut fields = line.split(' ').skip(1);
        let (at, kind, options) = (fields.next()?, fields.next()?, fields.next()?);
        (at == "/proc" && kind == "proc").then_some(options)
    });
    let hidden = options?.split(',').find_map(|option| option.strip_prefix("hidepid="))?.to_owned();
    (!matches!(hidden.as_str(), "0" | "off"))
        .then(|| format!("/proc is mounted with hidepid={hidden}, which hides those of other users"))
}

/// Likewise.
#[cfg(not(target_os = "linux"))]
pub fn hides() -> Option<String> {
    None
}
