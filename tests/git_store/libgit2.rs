//! libgit2 as a second opinion, which shares no line with git or with us. In: repositories of object format `sha1`. Out: the
//! same ids, kinds and contents from its object database and from ours.

use std::collections::BTreeSet;
use std::fs;

use git2::{ObjectType, Odb, Oid};
use wandward::object::{ObjectId, ObjectKind};

use super::generate::{self, Size};
use super::support::git::Repo;
use super::{Objects, assert_reads, files, objects, packed, repository, text};

/// What libgit2 says a repository holds; it hashes what it reads. No configuration has a say in it.
fn by_libgit2(repo: &Repo) -> Objects {
    let odb = Odb::new().unwrap();
    odb.add_disk_alternate(objects(repo).to_str().unwrap()).unwrap();
    let mut ids: Vec<Oid> = Vec::new();
    let all = |id: &Oid| {
        ids.push(*id);
        true
    };
    odb.foreach(all).unwrap();
    let mut found = Objects::new();
    for id in ids {
        let object = odb.read(id).unwrap();
        let kind = match object.kind() {
            ObjectType::Commit => ObjectKind::Commit,
            ObjectType::Tree => ObjectKind::Tree,
            ObjectType::Blob => ObjectKind::Blob,
            ObjectType::Tag => ObjectKind::Tag,
            ObjectType::Any => panic!("{id} is of no kind"),
        };
        found.insert(ObjectId::from_bytes(id.as_bytes()).unwrap(), (kind, object.data().to_vec()));
    }
    found
}

/// The kinds of object there are.
fn kinds(objects: &Objects) -> BTreeSet<ObjectKind> {
    objects.values().map(|(kind, _)| *kind).collect()
}

#[test]
fn a_packed_repository_with_loose_objects_and_alternates_holds_what_libgit2_reads() {
    let repo = repository("sha1");
    // A file whose next version copies more of it than one instruction of a delta can say.
    let large: String = (0..40).map(|nth| text(nth * 12)).collect();
    assert!(large.len() > 0x1_0000);
    repo.save("large", &large);
    repo.save("large", format!("a line before it\n{large}"));
    let repo = packed(repo);
    let listed = repo.git(&["verify-pack", "-v", files(&repo, "idx")[0].to_str().unwrap()]);
    assert!(listed.contains("chain length = 3"), "no chain");
    // More in a second pack, which stay loose too, then some that are only loose: each kind, and the empty ones.
    repo.save("src/later.py", "later\n");
    repo.git(&["tag", "-a", "-m", "a tag of a tag", "v2", "v1"]);
    repo.git(&["repack", "-q"]);
    repo.git(&["tag", "-a", "-m", "a tag of a file", "v3", "HEAD:src/later.py"]);
    repo.save("src/later.py", [b"\0\r\n".repeat(300_000), b"no end of line".to_vec()].concat());
    repo.git(&["mktree"]);
    let many: String = (0..3000).map(|nth| format!("blob\ndata 5\n{nth:05}\n")).collect();
    repo.fed(&["-c", "fastimport.unpackLimit=10000", "fast-import", "--quiet"], many.as_bytes());
    let folders = (0..=0xff).filter(|first| objects(&repo).join(format!("{first:02x}")).is_dir());
    assert_eq!(folders.count(), 256);
    let other = repo.beside("other", &[]);
    other.save("src/other.py", "held by another repository\n");
    fs::write(repo.at(".git/objects/info/alternates"), format!("{}\n", objects(&other).display())).unwrap();
    let truth = by_libgit2(&repo);
    assert_eq!(files(&repo, "pack").len(), 2);
    assert_eq!(kinds(&truth).len(), 4);
    for id in [repo.id("v2"), repo.id("v3"), other.id("HEAD:src/other.py")] {
        assert!(truth.contains_key(&super::id(&id)), "{id}");
    }
    assert_reads(&repo, 20, &truth);
}

#[test]
fn generated_histories_hold_what_libgit2_reads() {
    for (seed, depth) in [(11, "1"), (12, "50"), (13, "250")] {
        let repo = Repo::around(tempfile::tempdir().unwrap());
        generate::repository(&repo.path, seed, Size { commits: 150, files: 20, lines: 60, keys: 6, revisions: 300 });
        let tip = repo.id("b0");
        repo.git(&["repack", "-q", "-a", "-d", "-f", "--keep-unreachable", &format!("--depth={depth}")]);
        repo.git(&["tag", "-a", "-m", "loose", "loose", &tip]);
        let truth = by_libgit2(&repo);
        assert_eq!(kinds(&truth).len(), 4);
        assert!(truth.len() > 600, "{}", truth.len());
        assert_reads(&repo, 20, &truth);
    }
}
