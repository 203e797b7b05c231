//! What an event comes to in the repository at hand. In: an event, a path. Out: objects to look at and what they are held
//! against, whose settings hold, and all of it in words. What is not here makes more be looked at, never less.

use std::path::Path;

use super::{Asks, Commits, Event, Point, Whose};
use crate::blob;
use crate::object::{ObjectId, ObjectKind};
use crate::source::git::folder::GitFolder;
use crate::source::git::object;
use crate::source::git::pre_push::{Push, Revision};
use crate::source::git::refs::{self, Reference};
use crate::source::git::store::Store;

/// How many tags may point at each other.
const MAX_TAGS: usize = 64;

/// Whose settings hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settings {
    /// Those in the working tree.
    Tree,
    /// Those of a commit.
    Commit(ObjectId),
    /// Those of a commit that is not here, so none of the repository's.
    Nobody,
}

/// What to do.
pub struct Plan {
    /// The repository; none if there is none that can be read.
    pub folder: Option<GitFolder>,
    /// The commits to look at, if the event asks for some.
    pub commits: Option<Push>,
    /// Whose settings hold.
    pub settings: Settings,
    /// What is done and why, a sentence each without its end.
    pub said: Vec<String>,
    /// Whether something is not here that the event names.
    pub lacks: bool,
    /// The commit that is asked about, if it is here.
    pub tip: Option<ObjectId>,
    /// The commit that is checked out.
    pub head: Option<ObjectId>,
}

impl Plan {
    /// What an event comes to in the repository that holds `path`.
    pub fn new(event: &Event, path: &Path) -> Plan {
        let folder = GitFolder::above(path).ok().flatten();
        let mut plan = Plan {
            folder,
            commits: None,
            settings: Settings::Nobody,
            said: vec![headline(event)],
            lacks: false,
            tip: None,
            head: None,
        };
        let opened = plan.folder.clone();
        let here = opened.as_ref().map(|folder| Here {
            folder,
            references: refs::references(folder).0,
            store: Store::open(&folder.objects(), folder.shape.id_length),
        });
        plan.head = here.as_ref().and_then(|here| Some(here.find(&Point::Head, None)?.commit));
        let before = match &event.asks {
            Asks::Nothing(why) => plan.say(format!("scans nothing: {why}")),
            Asks::Everything(why) => plan.say(format!("scans all that the repository holds: {why}")),
            Asks::Files(why) => plan.say(format!("scans the files, and no history: {why}")),
            Asks::Commits(commits) => plan.commits(commits, here.as_ref()),
        };
        plan.settings = match &event.whose {
            Whose::Tree => Settings::Tree,
            Whose::Before => before.map_or(Settings::Nobody, Settings::Commit),
            Whose::Commit(id) => match here.as_ref().and_then(|here| here.commit(*id)) {
                Some(id) => Settings::Commit(id),
                None => Settings::Nobody,
            },
        };
        match plan.settings {
            Settings::Tree => None,
            Settings::Commit(id) => plan.say(format!("configuration and baseline are those of {}", id.short())),
            Settings::Nobody if matches!(event.asks, Asks::Nothing(_)) => None,
            Settings::Nobody => plan.say(
                "no configuration and no baseline of the repository holds: the commit that has them is not here"
                    .to_owned(),
            ),
        };
        plan
    }

    fn say(&mut self, what: String) -> Option<ObjectId> {
        self.said.push(what);
        None
    }

    /// Finds what is meant; gives back what it is held against.
    fn commits(&mut self, commits: &Commits, here: Option<&Here<'_>>) -> Option<ObjectId> {
        let mut push = Push { names: commits.reference.iter().cloned().collect(), ..Push::default() };
        let Some(here) = here else {
            self.lacks = true;
            self.commits = Some(push);
            return self.say("there is no git repository here, and the event asks for commits".to_owned());
        };
        let own = commits.reference.as_deref().filter(|_| !commits.proposal);
        let mut meant = Vec::new();
        for (point, must) in
            commits.tips.iter().map(|tip| (tip, true)).chain(commits.also.iter().map(|tip| (tip, false)))
        {
            match here.find(point, own) {
                Some(Found { id, commit }) => {
                    self.tip = self.tip.or(Some(commit));
                    meant.push(id.short());
                    push.tips.push(Revision::Id(id));
                }
                None => {
                    self.said.push(format!("{} is not here", shown(point)));
                    if must {
                        self.lacks = true;
                        // The scan says so, too.
                        push.tips.extend(point.id().map(Revision::Id));
                    }
                }
            }
        }
        // A tag that was pushed has a message of its own, whether or not the event names it by its object.
        let tag = commits.reference.as_deref().filter(|name| name.starts_with(b"refs/tags/"));
        push.tips.extend(tag.and_then(|name| here.reference(name)?.target).map(Revision::Id));
        let named = |group: &Vec<Point>| group.iter().map(shown).collect::<Vec<_>>().join(" and ");
        let group = commits.before.iter().find_map(|group| {
            let found: Vec<_> =
                group.iter().filter_map(|point| here.find(point, own).map(|found| (point, found))).collect();
            (!found.is_empty()).then_some(found)
        });
        let looked = if meant.is_empty() { "what is there".to_owned() } else { meant.join(" and ") };
        let Some(group) = group else {
            let wanted: Vec<String> = commits.before.iter().map(named).collect();
            let wanted = if wanted.is_empty() { "nothing is named".to_owned() } else { wanted.join(", or ") };
            self.commits = Some(push);
            return self.say(format!(
                "scans {looked} with all history that is here: nothing is that it could be held against ({wanted})"
            ));
        };
        let mut words: Vec<String> = Vec::new();
        for (point, found) in &group {
            let named = matches!(point, Point::Branch(_) | Point::Default).then(|| format!(" ({})", shown(point)));
            let word = found.commit.short() + &named.unwrap_or_default();
            if !words.contains(&word) {
                words.push(word);
            }
        }
        push.without.extend(group.iter().map(|(_, found)| Revision::Id(found.commit)));
        self.commits = Some(push);
        self.say(format!("scans what is new in {looked} since {}: content, messages and names", words.join(" and ")));
        group.first().map(|(_, found)| found.commit)
    }
}

fn headline(event: &Event) -> String {
    let Some(system) = event.system else { return "no event of a CI system is at hand".to_owned() };
    let reference = match &event.asks {
        Asks::Commits(Commits { reference: Some(name), .. }) => format!(" of {}", blob::display_word(name)),
        _ => String::new(),
    };
    let name = if event.name.is_empty() { "an event without a name" } else { &event.name };
    format!("{}: {}{reference}", system.name, blob::display_word(name.as_bytes()))
}

impl Point {
    fn id(&self) -> Option<ObjectId> {
        match self {
            Point::Id(id) => Some(*id),
            _ => None,
        }
    }
}

fn shown(point: &Point) -> String {
    match point {
        Point::Id(id) => id.short(),
        Point::Digits(digits) => blob::display_word(digits.as_bytes()).into_owned(),
        Point::Onto { merge, .. } => format!("what {} merges into", merge.short()),
        Point::Branch(name) => blob::display_word(name).into_owned(),
        Point::Default => "the default branch".to_owned(),
        Point::Head => "HEAD".to_owned(),
    }
}

/// The repository at hand.
struct Here<'h> {
    folder: &'h GitFolder,
    references: Vec<Reference>,
    store: Store,
}

/// An object, and the commit that it is or that the tag it is points at.
struct Found {
    id: ObjectId,
    commit: ObjectId,
}

impl Here<'_> {
    fn find(&self, point: &Point, own: Option<&[u8]>) -> Option<Found> {
        let id = match point {
            Point::Id(id) => *id,
            Point::Digits(digits) => self.beginning(digits)?,
            Point::Onto { merge, head } => {
                let parents = self.store.reader().commit(merge)?.parents;
                parents.first().copied().filter(|_| parents.get(1) == Some(head) && parents.len() == 2)?
            }
            Point::Branch(name) => self.branch(name, own)?,
            Point::Default => self.branch(&self.default()?, own)?,
            Point::Head => self.reference(b"HEAD")?.target?,
        };
        Some(Found { id, commit: self.commit(id)? })
    }

    fn reference(&self, name: &[u8]) -> Option<&Reference> {
        let nth = self.references.binary_search_by(|reference| reference.name[..].cmp(name)).ok()?;
        self.references.get(nth)
    }

    /// The names of the remotes, `origin` first.
    fn remotes(&self) -> impl Iterator<Item = &[u8]> {
        let others = self.folder.remotes.iter().map(Vec::as_slice).filter(|name| *name != b"origin");
        std::iter::once(&b"origin"[..]).chain(others)
    }

    /// What a branch had when the remote was last spoken to, or has here.
    fn branch(&self, name: &[u8], own: Option<&[u8]>) -> Option<ObjectId> {
        let full = [b"refs/heads/", name].concat();
        if own == Some(&full[..]) {
            return None;
        }
        let tracked =
            self.remotes().find_map(|remote| self.reference(&[b"refs/remotes/", remote, b"/", name].concat()));
        tracked.or_else(|| self.reference(&full))?.target
    }

    fn default(&self) -> Option<Vec<u8>> {
        self.remotes().find_map(|remote| {
            let below = [b"refs/remotes/", remote, b"/"].concat();
            let head = self.reference(&[&below[..], b"HEAD"].concat())?;
            head.symbolic.as_ref()?.strip_prefix(&below[..]).map(<[u8]>::to_vec)
        })
    }

    /// The one object whose id begins so.
    fn beginning(&self, digits: &str) -> Option<ObjectId> {
        let digits = digits.to_ascii_lowercase();
        let listed = self.store.list().entries.into_iter().map(|entry| entry.id);
        let mut found = listed.filter(|id| id.to_string().starts_with(&digits));
        let first = found.next()?;
        found.next().is_none().then_some(first)
    }

    fn commit(&self, mut id: ObjectId) -> Option<ObjectId> {
        let mut reader = self.store.reader();
        for _ in 0..MAX_TAGS {
            id = match reader.read(&id).ok()? {
                (ObjectKind::Commit, _) => return Some(id),
                (ObjectKind::Tag, bytes) => object::tagged(bytes)?,
                _ => return None,
            };
        }
        None
    }
}
