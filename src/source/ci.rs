//! What a CI system runs for. In: its variables, and the payload of an event. Out: which commits are meant and what they are
//! to be held against, whose settings hold, and whether what is at hand may be a stranger's. It opens no repository. Names and
//! ids from outside are looked up, never put together with anything.

mod github;
mod others;
mod plan;

use std::ffi::OsString;

use serde_json::Value;

use crate::object::ObjectId;
pub use plan::{Plan, Settings};

/// The longest name of a reference that is believed.
const LONGEST: usize = 1024;

/// A CI system: what it is called, and how its checkout brings all that it leaves out otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct System {
    /// Its name.
    pub name: &'static str,
    /// What to write where so that all commits are there.
    pub whole: &'static str,
}

/// What a CI system runs for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Which system; none if none is known by its variables.
    pub system: Option<System>,
    /// What happened, as the system calls it.
    pub name: String,
    /// What that asks for.
    pub asks: Asks,
    /// Whose settings hold.
    pub whose: Whose,
    /// Why no key that is found may be sent anywhere: whoever brought it could read the answer.
    pub stranger: Option<&'static str>,
}

/// What is to be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asks {
    /// Nothing, and why.
    Nothing(&'static str),
    /// Commits.
    Commits(Commits),
    /// All that the repository holds, and the files; and why.
    Everything(&'static str),
    /// The files alone, and why.
    Files(&'static str),
}

/// Which commits, and what they are held against.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Commits {
    /// The reference that changed, by its full name.
    pub reference: Option<Vec<u8>>,
    /// Whether that is proposed for another branch. Else it has changed already, and is not held against itself.
    pub proposal: bool,
    /// From where to look. One that is not there is a gap.
    pub tips: Vec<Point>,
    /// Likewise; one that is not there is said.
    pub also: Vec<Point>,
    /// What is known already: the first of these groups of which something is there. Without one all is looked at.
    pub before: Vec<Vec<Point>>,
}

/// Whose settings hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    /// Those in the working tree.
    Tree,
    /// Those of what the commits are held against: a proposal does not weaken its own scan.
    Before,
    /// Those of a commit.
    Commit(ObjectId),
}

/// A commit, as a CI system names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Point {
    /// By its id, or that of a tag.
    Id(ObjectId),
    /// By the first digits of its id.
    Digits(String),
    /// What `merge` merges `head` into.
    Onto {
        /// A commit with two parents.
        merge: ObjectId,
        /// The second of them.
        head: ObjectId,
    },
    /// By the name of a branch of the remote repository.
    Branch(Vec<u8>),
    /// The branch that a clone of the remote repository checks out.
    Default,
    /// What is checked out.
    Head,
}

/// What variables say.
#[derive(Clone, Copy)]
struct Said<'v>(&'v dyn Fn(&str) -> Option<OsString>);

impl Said<'_> {
    fn bytes(self, name: &str) -> Option<Vec<u8>> {
        (self.0)(name).map(OsString::into_encoded_bytes).filter(|value| !value.is_empty())
    }

    fn text(self, name: &str) -> Option<String> {
        self.bytes(name).map(|value| String::from_utf8_lossy(&value).into_owned())
    }

    fn is(self, name: &str, value: &str) -> bool {
        self.text(name).is_some_and(|said| said.eq_ignore_ascii_case(value))
    }

    /// Whether two variables say the same, and something.
    fn same(self, name: &str, other: &str) -> bool {
        self.has(name) && self.bytes(name) == self.bytes(other)
    }

    fn has(self, name: &str) -> bool {
        self.bytes(name).is_some()
    }

    /// An id that is one of something.
    fn id(self, name: &str) -> Option<ObjectId> {
        self.bytes(name).and_then(|text| ObjectId::from_hex(&text)).filter(|id| !id.is_zero())
    }

    fn point(self, name: &str) -> Option<Point> {
        self.id(name).map(Point::Id)
    }

    /// The branch of a name, with or without what stands before it in a reference.
    fn branch(self, name: &str) -> Option<Point> {
        let name = self.bytes(name).filter(|name| name.len() <= LONGEST)?;
        Some(Point::Branch(name.strip_prefix(b"refs/heads/").unwrap_or(&name).to_vec()))
    }

    /// The full name of the reference that a branch or a tag is.
    fn reference(self, kind: &str, name: &str) -> Option<Vec<u8>> {
        let name = self.bytes(name).filter(|name| name.len() <= LONGEST)?;
        Some(if name.starts_with(b"refs/") { name } else { [kind.as_bytes(), &name].concat() })
    }
}

impl Event {
    /// What the variables of the environment say; `payload` reads the JSON file at a path that one of them names, and says
    /// why not if it cannot.
    pub fn read(
        variables: &dyn Fn(&str) -> Option<OsString>,
        payload: impl FnOnce(OsString) -> Option<Value>,
    ) -> Event {
        let said = Said(variables);
        if said.is("GITHUB_ACTIONS", "true") || said.has("GITHUB_EVENT_NAME") {
            let payload = variables("GITHUB_EVENT_PATH").and_then(payload).unwrap_or_default();
            return github::event(said, &payload);
        }
        others::event(said)
    }
}
