//! Says what a push brings to a remote. In: the lines that git gives its pre-push hook, or what a hook framework says in its
//! environment, and the references. Out: from where to look, and what the remote has already: never less is looked at than
//! what the remote lacks.

use super::refs::Reference;
use crate::object::ObjectId;

/// A line of what git gives a pre-push hook (githooks).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushLine {
    /// What is pushed, as the user named it.
    pub local_name: Vec<u8>,
    /// Its object; none if the remote reference is to be deleted.
    pub local: Option<ObjectId>,
    /// The reference of the remote.
    pub remote_name: Vec<u8>,
    /// What that points at now; none if there is none.
    pub remote: Option<ObjectId>,
}

/// A line that does not read `<local ref> <local id> <remote ref> <remote id>`.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "line {line} of standard input is none of git's pre-push lines: `<local ref> <local id> <remote ref> <remote id>`"
)]
pub struct BadLine {
    /// Which one, from 1.
    pub line: usize,
}

/// What pre-commit and prek say in their environment: `PRE_COMMIT_…`, empty ones left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Framework {
    /// `FROM_REF`, or its old name `ORIGIN`.
    pub from: Option<Vec<u8>>,
    /// `TO_REF`, or its old name `SOURCE`.
    pub to: Option<Vec<u8>>,
    /// `REMOTE_NAME`.
    pub remote: Option<Vec<u8>>,
    /// `LOCAL_BRANCH`.
    pub local_branch: Option<Vec<u8>>,
    /// `REMOTE_BRANCH`.
    pub remote_branch: Option<Vec<u8>>,
}

/// What a push is asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pushed {
    /// git's lines, and the remote's name if there is one (the hook's first argument).
    Lines(Vec<PushLine>, Option<Vec<u8>>),
    /// What a framework says.
    Framework(Framework),
}

/// A commit or a tag, by its id or as someone wrote it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Revision {
    /// An object.
    Id(ObjectId),
    /// What is yet to be resolved.
    Name(Vec<u8>),
}

/// What to look at before a push, or for an event of a CI system.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Push {
    /// From where to look: commits, tags, or whatever else is pushed. Sorted. One that is not there is a gap.
    pub tips: Vec<Revision>,
    /// What the remote has, with all that it leads to. Sorted. One that is not there is passed over: more is looked at then.
    pub without: Vec<Revision>,
    /// The names that references get at the remote. Sorted.
    pub names: Vec<Vec<u8>>,
}

/// Reads git's lines; the last may lack its end.
pub fn lines(text: &[u8]) -> Result<Vec<PushLine>, BadLine> {
    let mut found = Vec::new();
    for (line, number) in text.split(|&b| b == b'\n').zip(1..) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if !line.is_empty() {
            found.push(self::line(line).ok_or(BadLine { line: number })?);
        }
    }
    Ok(found)
}

/// A user may name what is pushed with spaces in it, so the line is read from its end.
fn line(line: &[u8]) -> Option<PushLine> {
    let mut words = line.rsplitn(4, |&b| b == b' ');
    let remote = ObjectId::from_hex(words.next()?)?;
    let remote_name = words.next().filter(|name| !name.is_empty())?.to_vec();
    let local = ObjectId::from_hex(words.next()?)?;
    let local_name = words.next().filter(|name| !name.is_empty())?.to_vec();
    let some = |id: ObjectId| Some(id).filter(|id| !id.is_zero());
    Some(PushLine { local_name, local: some(local), remote_name, remote: some(remote) })
}

impl Push {
    /// What is to be looked at. `references` are those of the repository, `remotes` the names of all its remotes.
    ///
    /// A framework tells its hooks of one pushed reference at most, so under one all local branches and tags are looked at,
    /// and what is checked out.
    pub fn new(pushed: &Pushed, references: &[Reference], remotes: &[Vec<u8>]) -> Push {
        let mut push = Push::default();
        match pushed {
            Pushed::Lines(lines, remote) => {
                for line in lines {
                    push.without.extend(line.remote.map(Revision::Id));
                    if let Some(local) = line.local {
                        push.tips.push(Revision::Id(local));
                        push.names.push(line.remote_name.clone());
                    }
                }
                if !push.tips.is_empty() {
                    push.without.extend(tracked(remote.as_deref(), references, remotes));
                }
            }
            Pushed::Framework(framework) => push.under(framework, references, remotes),
        }
        push.tips.sort();
        push.tips.dedup();
        push.without.sort();
        push.without.dedup();
        push.names.sort();
        push.names.dedup();
        push
    }

    fn under(&mut self, framework: &Framework, references: &[Reference], remotes: &[Vec<u8>]) {
        let remote = framework.remote.as_deref();
        for reference in references {
            let kept = [&b"refs/heads/"[..], b"refs/tags/"].iter().any(|kind| reference.name.starts_with(kind));
            if kept || reference.name == b"HEAD" {
                self.tips.extend(reference.target.map(Revision::Id));
            }
            let branch = reference.name.strip_prefix(b"refs/heads/").filter(|_| remote.is_some());
            let there = branch.is_some_and(|branch| {
                let there = [b"refs/remotes/", remote.unwrap_or_default(), b"/", branch].concat();
                references.binary_search_by(|other| other.name.cmp(&there)).is_ok()
            });
            if kept && !there {
                self.names.push(reference.name.clone());
            }
        }
        self.names.extend(framework.remote_branch.clone().or_else(|| framework.local_branch.clone()));
        let revision = |text: &Vec<u8>| match ObjectId::from_hex(text) {
            Some(id) if id.is_zero() => None,
            Some(id) => Some(Revision::Id(id)),
            None => Some(Revision::Name(text.clone())),
        };
        self.tips.extend(framework.to.as_ref().and_then(revision));
        self.without.extend(tracked(remote, references, remotes));
        // Where a push begins, a framework says only together with where it ends, and what is known of the remote says it
        // better.
        if framework.to.is_some() && self.without.is_empty() {
            self.without.extend(framework.from.as_ref().and_then(revision));
        }
    }
}

/// What a remote had when it was last spoken to. Another remote may be called so that its references lie below.
fn tracked(remote: Option<&[u8]>, references: &[Reference], remotes: &[Vec<u8>]) -> Vec<Revision> {
    let Some(remote) = remote.filter(|remote| !remote.is_empty()) else { return Vec::new() };
    let below = |remote: &[u8]| [b"refs/remotes/", remote, b"/"].concat();
    let own = below(remote);
    let others: Vec<Vec<u8>> = remotes
        .iter()
        .map(|other| below(other))
        .filter(|other| other.len() > own.len() && other.starts_with(&own))
        .collect();
    let tracked = references.iter().filter(|reference| {
        reference.name.starts_with(&own) && !others.iter().any(|other| reference.name.starts_with(other))
    });
    tracked.filter_map(|reference| reference.target.map(Revision::Id)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(byte: u8) -> ObjectId {
        ObjectId::from_bytes(&[byte; 20]).expect("20 bytes")
    }

    fn reference(name: &str, byte: u8) -> Reference {
        let (name, target) = (name.as_bytes().to_vec(), Some(id(byte)));
        Reference { name, target, symbolic: None }
    }

    fn references() -> Vec<Reference> {
        let names =
            ["HEAD", "refs/heads/main", "refs/heads/new", "refs/notes/x", "refs/remotes/o/main", "refs/remotes/o/p/q"];
        let names = names.into_iter().chain(["refs/remotes/other/main", "refs/tags/v1"]);
        names.zip(1..).map(|(name, byte)| reference(name, byte)).collect()
    }

    fn ids(bytes: &[u8]) -> Vec<Revision> {
        bytes.iter().map(|&byte| Revision::Id(id(byte))).collect()
    }

    #[test]
    fn lines_are_read_from_their_ends() {
        let (zero, wide) = ("0".repeat(40), "0".repeat(64));
        let text = format!(
            "refs/heads/a {} refs/heads/b {zero}\nHEAD^{{/a b c}} {} refs/heads/c {}\r\n(delete) {wide} refs/heads/d {}",
            id(1),
            id(2),
            id(3),
            id(4)
        );
        let found = lines(text.as_bytes()).expect("three lines");
        let read: Vec<_> = found.iter().map(|l| (l.local, l.remote)).collect();
        assert_eq!(read, [(Some(id(1)), None), (Some(id(2)), Some(id(3))), (None, Some(id(4)))]);
        assert_eq!(found[1].local_name, b"HEAD^{/a b c}");
        assert_eq!(lines(b""), Ok(Vec::new()));
        for bad in ["a b c d", &format!("a {zero} b"), &format!("a {zero}0 b {zero}"), &format!(" {zero} b {zero}")] {
            assert_eq!(lines(format!("{}\n\n{bad}\n", &text).as_bytes()), Err(BadLine { line: 5 }), "{bad}");
        }
    }

    #[test]
    fn what_the_remote_has_is_left_out_and_nothing_else() {
        let line = |local: Option<u8>, remote: Option<u8>| PushLine {
            local_name: b"x".to_vec(),
            local: local.map(id),
            remote_name: b"refs/heads/x".to_vec(),
            remote: remote.map(id),
        };
        let remotes = [b"o".to_vec(), b"o/p".to_vec()];
        let push = |lines: &[PushLine], remote: Option<&str>| {
            let remote = remote.map(|remote| remote.as_bytes().to_vec());
            Push::new(&Pushed::Lines(lines.to_vec(), remote), &references(), &remotes)
        };
        let both = push(&[line(Some(90), Some(91)), line(Some(92), None), line(None, Some(93))], Some("o"));
        assert_eq!((both.tips, both.without), (ids(&[90, 92]), ids(&[5, 91, 93])));
        assert_eq!(both.names, [b"refs/heads/x"]);
        assert_eq!(push(&[line(Some(90), None)], Some("o/p")).without, ids(&[6]));
        for remote in [None, Some(""), Some("https://example.com/x.git")] {
            assert_eq!(push(&[line(Some(90), Some(91))], remote).without, ids(&[91]), "{remote:?}");
        }
        let deletion = push(&[line(None, Some(93))], Some("o"));
        assert_eq!((deletion.tips, deletion.names), (Vec::new(), Vec::<Vec<u8>>::new()));
        assert_eq!(push(&[], Some("o")), Push::default());
    }

    #[test]
    fn under_a_framework_everything_that_the_remote_lacks_is_looked_at() {
        let push =
            |framework| Push::new(&Pushed::Framework(framework), &references(), &[b"o".to_vec(), b"o/p".to_vec()]);
        let remote = Some(b"o".to_vec());
        let without_refs = push(Framework { remote: remote.clone(), ..Framework::default() });
        assert_eq!((&without_refs.tips, &without_refs.without), (&ids(&[1, 2, 3, 8]), &ids(&[5])));
        assert_eq!(without_refs.names, [&b"refs/heads/new"[..], b"refs/tags/v1"]);
        let framework = Framework {
            from: Some(id(50).to_string().into_bytes()),
            to: Some(b"topic".to_vec()),
            remote,
            local_branch: None,
            remote_branch: Some(b"refs/heads/there".to_vec()),
        };
        let with_refs = push(framework.clone());
        assert!(with_refs.tips.contains(&Revision::Name(b"topic".to_vec())) && with_refs.tips.len() == 5);
        // What is known of the remote says better where the push begins than the framework does.
        assert_eq!(with_refs.without, ids(&[5]));
        assert_eq!(push(Framework { remote: None, ..framework.clone() }).without, ids(&[50]));
        assert!(with_refs.names.contains(&b"refs/heads/there".to_vec()));
        let only_from = push(Framework { to: None, ..framework });
        assert_eq!(only_from.without, ids(&[5]));
        assert_eq!(push(Framework::default()).without, []);
    }
}
