//! The ground of a folder: under which names paths lead into it, and how they lie there. In: names that were resolved before.
//! Out: paths relative to the folder. It opens nothing.

use std::path::{Component, Path, PathBuf};

/// A folder, and the names by which a scan reaches what lies in it.
#[derive(Clone, Debug, Default)]
pub struct Ground {
    /// What relative paths are relative to.
    cwd: PathBuf,
    /// Where something lies, without links on the way, and how that lies below the folder.
    ways: Vec<(PathBuf, PathBuf)>,
}

impl Ground {
    /// The ground of `folder`, which is absolute and has no links on its way, seen from the working directory.
    pub fn new(cwd: PathBuf, folder: PathBuf) -> Ground {
        Ground { cwd, ways: vec![(folder, PathBuf::new())] }
    }

    /// Reached by this name too, which leads to what lies at `below` in the folder.
    pub fn reached(&mut self, name: &Path, below: PathBuf) {
        let way = (straight(&self.cwd.join(name)), below);
        if !self.ways.contains(&way) {
            self.ways.push(way);
        }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        self.ways.first().map_or(Path::new(""), |(folder, _)| folder)
    }

    /// How a path lies below the folder, if it does.
    pub fn below(&self, path: &Path) -> Option<PathBuf> {
        let path = straight(&self.cwd.join(path));
        // The name that says most about the path is the one it was reached by.
        let ways = self.ways.iter().filter_map(|(way, below)| Some((way, below, path.strip_prefix(way).ok()?)));
        let (_, below, rest) = ways.max_by_key(|(way, ..)| way.as_os_str().len())?;
        Some(below.join(rest))
    }
}

/// The path without `.`, and without what `..` takes back.
fn straight(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            part => out.push(part),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_leads_to_one_place() {
        let mut ground = Ground::new("/w/repo/src".into(), "/w/repo".into());
        ground.reached(Path::new("/links/sub"), "lib/sub".into());
        let table = [
            ("a.py", Some("src/a.py")),
            ("./../docs/./b.md", Some("docs/b.md")),
            ("..", Some("")),
            ("../../other/c", None),
            ("/links/sub/d", Some("lib/sub/d")),
            ("/w/repository/e", None),
        ];
        for (path, below) in table {
            assert_eq!(ground.below(Path::new(path)).as_deref(), below.map(Path::new), "{path}");
        }
    }
}
