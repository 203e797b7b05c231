//! A running process, as its system tells of it. In: what the list of processes says. Out: a noun for everyone above; it
//! holds neither the command line nor the environment.

/// A process, and which part of what is known of it a text is.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// The id of its parent, if it has one that is known.
    pub ppid: Option<u32>,
    /// What the parent is called.
    pub parent: Option<Vec<u8>>,
    /// The name of the user it runs as; the number if the system knows no name.
    pub user: Option<String>,
    /// When it started: seconds since 1970.
    pub started: i64,
    /// Which argument, counted from the program itself, which is 0.
    pub argument: Option<usize>,
    /// Which variable of its environment.
    pub variable: Option<Vec<u8>>,
}
