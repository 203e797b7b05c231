//! What is known to be clean changes no answer. In: repositories, and folders of a cache that are cold, warm, damaged, of others,
//! or in the wrong place. Out: the findings of a scan that reads everything.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests build their own world and may panic")]

mod answers;
#[path = "../support/packs.rs"]
mod packs;
#[path = "../support/mod.rs"]
mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;
use support::git::{Repo, Report, binary, leak, scan};
use support::{files, key};
use wandward::cache::Cache;
use wandward::policy::Policy;
use wandward::rule::RuleSet;
use wandward::scan::{Input, Progress, Scan};
use wandward::source::git::store::Store;
use wandward::source::tree::Tree;

/// A scan of a repository's history with a folder for caches.
fn scanned(repo: &Repo, caches: &Path, more: &[&str]) -> Report {
    let mut command = binary(repo.place());
    let name = repo.path.file_name().unwrap().to_str().unwrap();
    let arguments = [&["--history", "--no-progress", name], more].concat();
    scan(command.env("XDG_CACHE_HOME", caches), &arguments, &[])
}

/// How many objects were known.
fn known(report: &Report) -> u64 {
    report.json["coverage"]["objects_known_clean"].as_u64().unwrap_or_default()
}

/// A report without what a cache is to spare.
fn answer(report: &Report) -> Value {
    let mut json = report.json.clone();
    let coverage = json["coverage"].as_object_mut().unwrap();
    coverage.remove("bytes");
    coverage.remove("objects_known_clean");
    json["code"] = report.code.into();
    json
}

/// The answer of a scan with a cache is that of one without.
#[track_caller]
fn same(repo: &Repo, caches: &Path, more: &[&str]) -> Report {
    let with = scanned(repo, caches, more);
    let without = scanned(repo, caches, &[more, &["--no-cache"]].concat());
    assert_eq!(known(&without), 0);
    assert_eq!(answer(&with), answer(&without));
    with
}

/// A repository with nothing to say of: a file with a revision among its files, a tag, a branch.
fn clean() -> Repo {
    let repo = Repo::new();
    for nth in 0..12 {
        repo.write(&format!("d{}/f", nth % 3), format!("import wandb  # {nth}\n"));
        repo.write("revision", format!("commit: {}\n", key("legacy", &format!("revision {nth}"))));
        repo.git(&["add", "."]);
        repo.commit(&format!("commit {nth}"));
    }
    repo.git(&["tag", "-a", "v1", "-m", "one"]);
    repo
}

/// One with keys in blobs, in a message, in a file that only its name gives away, and at several paths.
fn leaking() -> (Repo, Vec<String>) {
    let repo = clean();
    let keys: Vec<String> = (0..5).map(|nth| key(["v1", "legacy"][nth % 2], &format!("cache {nth}"))).collect();
    repo.save(".env", leak(&keys[0]));
    repo.save("notes", format!("{}\n", keys[1]));
    repo.git(&["mv", "notes", ".netrc"]);
    repo.save(".netrc", format!("machine api.wandb.ai\n  login user\n  password {}\n", keys[3]));
    repo.commit(&format!("a message\n\nwandb login {}\n", keys[2]));
    repo.save("d0/two", leak(&keys[4]));
    repo.git(&["mv", "d0/two", "d1/two"]);
    repo.commit("moved");
    (repo, keys)
}

fn files_of(caches: &Path) -> Vec<PathBuf> {
    if caches.exists() { files(caches) } else { Vec::new() }
}

#[test]
fn what_is_clean_is_read_once() {
    let repo = clean();
    let caches = repo.place().join("caches");
    let tree = || files(&repo.path).into_iter().map(|path| (fs::read(&path).unwrap(), path)).collect::<Vec<_>>();
    let before = tree();
    let first = same(&repo, &caches, &[]);
    assert_eq!((known(&first), first.complete().code), (0, 0));
    let second = same(&repo, &caches, &[]);
    let objects = second.json["coverage"]["objects"].as_u64().unwrap();
    assert_eq!((known(&second), first.json["coverage"]["objects"].as_u64().unwrap()), (objects, objects));
    assert!(objects > 60 && second.json["coverage"]["bytes"].as_u64() < first.json["coverage"]["bytes"].as_u64());
    assert_eq!(tree(), before);
    // New objects are looked at, and of the old ones only those that hold something.
    repo.save("d0/f", "another\n");
    let third = same(&repo, &caches, &[]);
    assert!(known(&third) > 10 && known(&third) < objects, "{}", known(&third));
    assert_eq!(known(&same(&repo, &caches, &[])), objects + 4);
    let output =
        binary(repo.place()).args(["scan", "--history", "repo"]).env("XDG_CACHE_HOME", &caches).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("all git objects were known to be clean"), "{text}");
}

#[test]
fn findings_are_those_of_a_scan_that_reads_everything() {
    let (repo, keys) = leaking();
    let caches = repo.place().join("caches");
    assert_eq!(known(&same(&repo, &caches, &[])), 0);
    let second = same(&repo, &caches, &[]);
    // The second one stands alone, and no name is among those that make a key of it.
    assert!(known(&second) > 10 && [0, 2, 3, 4].iter().all(|&nth| second.found(&keys[nth])));
    repo.save("d2/.netrc", leak(&key("v1", "later")));
    assert!(same(&repo, &caches, &[]).found(&key("v1", "later")));
    repo.git(&["repack", "-q", "-a", "-d"]);
    // A new pack is vouched for by a new index, which may lie of the same ids.
    assert_eq!(known(&same(&repo, &caches, &[])), 0);
    assert!(known(&same(&repo, &caches, &[])) > 10);
    fs::rename(&repo.path, repo.place().join("moved")).unwrap();
    let moved = repo.opened("moved");
    assert!(known(&same(&moved, &caches, &[])) > 10);
    moved.git(&["clone", "-q", ".", "../other"]);
    assert!(known(&same(&moved.opened("other"), &caches, &[])) > 10);
    // A clean blob that gets a name which says more of it is still looked at if it holds anything.
    moved.git(&["mv", "revision", "d2/.netrc2"]);
    moved.git(&["mv", "d2/.netrc2", "d0/.env"]);
    moved.commit("a name");
    same(&moved, &caches, &[]);
}

#[test]
fn other_rules_and_options_know_nothing() {
    let repo = clean();
    let caches = repo.place().join("caches");
    fs::create_dir(repo.at("rules")).unwrap();
    let page = "# T\n\nM.\n\n```toml rule\nkind = \"habit\"\nseverity = \"note\"\ngroup = \"habits\"\nguidance = \"g\"\n\
                words = [\"wandb\"]\npattern = 'wandb'\n```\n\n## Why it matters\n\nW.\n\n## What to do\n\nD.\n";
    fs::write(repo.place().join("mine.md"), page).unwrap();
    let rules = repo.place().join("mine");
    fs::create_dir(&rules).unwrap();
    fs::rename(repo.place().join("mine.md"), rules.join("my-own.md")).unwrap();
    scanned(&repo, &caches, &["--no-cache"]);
    assert_eq!(files_of(&caches), [""; 0].map(PathBuf::from));
    same(&repo, &caches, &[]);
    let own = rules.to_str().unwrap();
    for more in [&["--max-file-size", "10"][..], &["--rules", own]] {
        assert_eq!(known(&same(&repo, &caches, more)), 0, "{more:?}");
    }
    // Which rules may speak decides what is said of all of a repository, and not which blobs are clean.
    for more in [&["--ignore", "key-in-netrc"][..], &["--exclude", "d1"]] {
        let objects = scanned(&repo, &caches, &[]).json["coverage"]["objects"].as_u64().unwrap();
        let known = known(&same(&repo, &caches, more));
        assert!(known > 0 && known < objects, "{more:?}: {known}");
    }
    assert!(known(&same(&repo, &caches, &[])) > 0);
    let mut command = binary(repo.place());
    command.args(["scan", "--history", "--find", "-", "--format", "json", "repo"]).env("XDG_CACHE_HOME", &caches);
    let wanted = key("legacy", "revision 3");
    let report = Report::of(support::fed(&mut command, wanted.as_bytes()), &[&wanted]);
    assert!(report.found(&wanted) && known(&report) == 0);
}

#[test]
fn whatever_happened_to_its_files_nothing_is_missed() {
    let (repo, _) = leaking();
    let caches = repo.place().join("caches");
    same(&repo, &caches, &[]);
    // A clean repository beside it has another kind of file.
    let other = clean();
    scanned(&other, &caches, &[]);
    let all = files_of(&caches);
    assert_eq!(all.len(), 3, "{all:?}");
    let expected = answer(&scanned(&repo, &caches, &["--no-cache"]));
    let beside = answer(&scanned(&other, &caches, &["--no-cache"]));
    for path in &all {
        let bytes = fs::read(path).unwrap();
        let step = bytes.len() / 12;
        let flipped = (0..bytes.len()).step_by(step).map(|nth| {
            let mut bytes = bytes.clone();
            bytes[nth] ^= 0x10;
            bytes
        });
        let cut = (0..bytes.len()).step_by(step * 3).map(|nth| bytes[..nth].to_vec());
        let longer = [[&bytes[..], b"\0"].concat(), [&bytes[..], &bytes].concat()];
        for broken in flipped.chain(cut).chain(longer) {
            fs::write(path, &broken).unwrap();
            assert_eq!(answer(&scanned(&other, &caches, &[])), beside);
            fs::write(path, &broken).unwrap();
            assert_eq!(answer(&scanned(&repo, &caches, &[])), expected);
        }
    }
    // What was damaged is written anew.
    assert_eq!(answer(&scanned(&repo, &caches, &[])), expected);
    assert!(known(&scanned(&repo, &caches, &[])) > 10);
}

#[cfg(unix)]
#[test]
fn a_cache_that_others_could_write_is_not_trusted() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let repo = clean();
    let caches = repo.place().join("caches");
    let own = caches.join("wandward");
    let mode = |path: &Path| fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777;
    let set = |path: &Path, mode: u32| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    same(&repo, &caches, &[]);
    assert_eq!(mode(&own), 0o700);
    let all = files(&own);
    assert!(all.len() == 2 && all.iter().all(|path| mode(path) == 0o600), "{all:?}");
    assert!(known(&same(&repo, &caches, &[])) > 0);
    for path in &all {
        set(path, 0o620);
    }
    assert_eq!(known(&same(&repo, &caches, &[])), 0);
    assert!(known(&same(&repo, &caches, &[])) > 0, "it is written anew");
    for wide in [0o770, 0o707] {
        set(&own, wide);
        assert_eq!(known(&same(&repo, &caches, &[])), 0);
        assert_eq!(known(&same(&repo, &caches, &[])), 0);
    }
    set(&own, 0o700);
    // Links to what is in order, of a file and of the folder.
    for path in &all {
        let aside = repo.place().join(path.file_name().unwrap());
        fs::rename(path, &aside).unwrap();
        symlink(&aside, path).unwrap();
    }
    assert_eq!(known(&same(&repo, &caches, &[])), 0);
    assert!(files(&own).iter().all(|path| !path.is_symlink()));
    fs::rename(&own, repo.place().join("aside")).unwrap();
    symlink(repo.place().join("aside"), &own).unwrap();
    assert_eq!(known(&same(&repo, &caches, &[])), 0);
    // Nor is what is no folder, or no file.
    fs::remove_file(&own).unwrap();
    fs::write(&own, "a file\n").unwrap();
    assert_eq!(known(&same(&repo, &caches, &[])), 0);
    assert_eq!(fs::read_to_string(&own).unwrap(), "a file\n");
    fs::remove_file(&own).unwrap();
    fs::create_dir(&own).unwrap();
    set(&own, 0o700);
    all.iter().for_each(|path| fs::create_dir(path).unwrap());
    assert_eq!(known(&same(&repo, &caches, &[])), 0);
}

#[test]
fn it_lies_in_the_users_folder_or_nowhere() {
    let repo = clean();
    let run = |variables: &[(&str, &str)]| {
        let mut command = binary(repo.place());
        scan(command.envs(variables.iter().copied()), &["--history", "repo"], &[])
    };
    let expected = answer(&run(&[]));
    let tree = || files(repo.place());
    let before = tree();
    let inside = repo.at(".cache");
    let in_git = repo.at(".git");
    let inside = [inside.to_str().unwrap(), in_git.to_str().unwrap(), repo.path.to_str().unwrap()];
    let variables = inside.map(|path| [("XDG_CACHE_HOME", path), ("HOME", path)]);
    for one in variables.as_flattened() {
        assert_eq!(answer(&run(&[*one])), expected, "{one:?}");
    }
    for one in [("XDG_CACHE_HOME", "caches"), ("HOME", "home"), ("XDG_CACHE_HOME", ""), ("HOME", "")] {
        assert_eq!(answer(&run(&[one])), expected, "{one:?}");
    }
    assert_eq!(tree(), before);
    let home = repo.place().join("home");
    for nth in 0..2 {
        let report = run(&[("HOME", home.to_str().unwrap())]);
        assert_eq!((answer(&report), known(&report) > 0), (expected.clone(), nth > 0));
    }
    let place = if cfg!(target_os = "macos") { "Library/Caches/wandward" } else { ".cache/wandward" };
    assert!(cfg!(windows) || files(&home).iter().all(|path| path.starts_with(home.join(place))));
}

#[test]
fn nothing_in_it_tells_of_what_was_found() {
    let (repo, keys) = leaking();
    let caches = repo.place().join("caches");
    let report = same(&repo, &caches, &[]);
    let held: Vec<u8> = files(&caches).iter().flat_map(|path| fs::read(path).unwrap()).collect();
    let holds = |bytes: &[u8]| memchr::memmem::find(&held, bytes).is_some();
    let store = Store::open(&repo.at(".git/objects"), 20);
    let entries = store.list().entries;
    let witnesses = store.witnesses(&entries);
    let is_in = |id: &str| {
        let nth = entries.iter().position(|entry| entry.id.to_string() == id).unwrap();
        witnesses[nth].is_some_and(|witness| holds(witness.as_bytes())) || holds(entries[nth].id.as_bytes())
    };
    assert!(is_in(&repo.id("HEAD:d0/f")));
    let found = report.findings().iter().filter_map(|finding| finding["location"]["object"].as_str());
    let found: Vec<&str> = found.collect();
    assert!(found.len() > 3);
    // One that is clean but for another name of it is no more in it than one that holds a key.
    for id in found.into_iter().chain([repo.id("HEAD:revision").as_str()]) {
        assert!(!is_in(id), "{id}");
    }
    assert!(keys.iter().all(|key| !holds(&key.as_bytes()[..8])) && !holds(b"netrc"));
}

#[test]
fn an_object_that_is_gone_is_missed_all_the_same() {
    let repo = clean();
    let caches = repo.place().join("caches");
    same(&repo, &caches, &[]).complete();
    let id = repo.id("HEAD~3:d0/f");
    let (folder, name) = id.split_at(2);
    let path = repo.at(&format!(".git/objects/{folder}/{name}"));
    let aside = repo.place().join("aside");
    fs::rename(&path, &aside).unwrap();
    for _ in 0..2 {
        same(&repo, &caches, &[]).gap(&["missing", &id]);
    }
    fs::rename(&aside, &path).unwrap();
    same(&repo, &caches, &[]).complete();
}

#[test]
fn a_pipeline_neither_reads_nor_writes_it() {
    let repo = clean();
    let caches = repo.place().join("caches");
    let zeros = "0".repeat(40);
    let head = repo.id("HEAD");
    let run = || {
        let mut command = binary(&repo.path);
        command.env("XDG_CACHE_HOME", &caches).env("GITLAB_CI", "true").env("CI_PIPELINE_SOURCE", "schedule");
        command.env("CI_COMMIT_SHA", &head).env("CI_COMMIT_BEFORE_SHA", &zeros).env("CI_PROJECT_DIR", &repo.path);
        Report::of(command.args(["ci", "--format", "json"]).output().unwrap(), &[])
    };
    let first = run();
    let objects = first.json["coverage"]["objects"].as_u64().unwrap();
    assert!(objects > 60 && files_of(&caches).is_empty(), "{}", first.err);
    assert!(known(&same(&repo, &caches, &[])) == 0 && known(&same(&repo, &caches, &[])) > 0);
    assert_eq!((known(&run()), first.code), (0, 0));
}

#[test]
fn what_a_pointer_points_at_is_asked_for_each_time() {
    let repo = clean();
    let caches = repo.place().join("caches");
    let id = format!("{:064x}", 7);
    repo.save("model.bin", format!("version https://git-lfs.github.com/spec/v1\noid sha256:{id}\nsize 12\n"));
    for _ in 0..3 {
        let report = same(&repo, &caches, &[]);
        assert!(report.json["coverage"]["skipped"].to_string().contains("Git LFS"), "{:#}", report.json);
    }
}

#[test]
fn an_index_that_lies_hides_no_object_of_another_repository() {
    let (repo, keys) = leaking();
    let caches = repo.place().join("caches");
    let ids = repo.git(&["cat-file", "--batch-all-objects", "--batch-check=%(objectname) %(objecttype)"]);
    let blobs = ids.lines().filter_map(|line| line.strip_suffix(" blob"));
    let lie = |id: &str| {
        let id = wandward::object::ObjectId::from_hex(id.as_bytes()).unwrap();
        (id, packs::entry(3, 6, b"", b"clean\n"))
    };
    let lies: Vec<packs::Packed> = blobs.map(lie).collect();
    assert!(lies.len() > 10);
    let hostile = repo.beside("hostile", &[]);
    packs::write_pack(&hostile.at(".git/objects"), "pack-1", &lies, |id| *id);
    for nth in 0..2 {
        let report = scanned(&hostile, &caches, &[]);
        assert_eq!((report.complete().code, known(&report) > 0), (0, nth > 0));
    }
    let report = same(&repo, &caches, &[]);
    assert!(known(&report) == 0 && [0, 2, 3, 4].iter().all(|&nth| report.found(&keys[nth])));
    // Nor one of the same repository, once an honest pack has taken the place of the other.
    let honest = repo.raw(&["pack-objects", "--all", "--stdout", "-q"], b"");
    for path in files(&hostile.at(".git/objects/pack")) {
        fs::remove_file(path).unwrap();
    }
    fs::write(hostile.at(".git/objects/pack/pack-1.pack"), honest).unwrap();
    hostile.git(&["index-pack", ".git/objects/pack/pack-1.pack"]);
    let report = same(&hostile, &caches, &[]);
    assert!(known(&report) == 0 && report.found(&keys[0]), "{}", known(&report));
}

#[test]
fn a_loose_file_that_lies_is_told_whatever_is_known_of_its_id() {
    let repo = clean();
    let caches = repo.place().join("caches");
    same(&repo, &caches, &[]).complete();
    assert!(known(&same(&repo, &caches, &[])) > 60);
    // Somebody's repository with the same ids, one of which is that of a file with a key in it, as git does not notice.
    let hostile = repo.beside("hostile", &[]);
    let copied = |path: &PathBuf| hostile.path.join(path.strip_prefix(&repo.path).unwrap());
    for path in files(&repo.at(".git")) {
        fs::create_dir_all(copied(&path).parent().unwrap()).unwrap();
        fs::copy(&path, copied(&path)).unwrap();
    }
    hostile.write("lie", leak(&key("v1", "lie")));
    let blob = |id: &str| hostile.at(&format!(".git/objects/{}/{}", &id[..2], &id[2..]));
    let lie = blob(&hostile.git(&["hash-object", "-w", "lie"]));
    let id = repo.id("HEAD:d0/f");
    fs::remove_file(blob(&id)).unwrap();
    fs::rename(lie, blob(&id)).unwrap();
    fs::remove_file(hostile.at("lie")).unwrap();
    for _ in 0..2 {
        same(&hostile, &caches, &[]).gap(&[&id, "another hash"]);
    }
}

#[test]
fn a_pack_is_known_as_long_as_it_stays_what_it_was() {
    let repo = clean();
    repo.git(&["repack", "-q", "-a", "-d", "-f"]);
    let caches = repo.place().join("caches");
    assert_eq!(known(&same(&repo, &caches, &[])), 0);
    let objects = known(&same(&repo, &caches, &[]));
    assert!(objects > 60);
    repo.save("d0/f", "another\n");
    assert!(known(&same(&repo, &caches, &[])) > 10);
    // What is damaged since is read no more than what is sound; what is another file is.
    let pack = files(&repo.at(".git/objects/pack")).into_iter().find(|path| path.extension().unwrap() == "pack");
    let pack = pack.unwrap();
    let bytes = fs::read(&pack).unwrap();
    fs::remove_file(&pack).unwrap();
    fs::write(&pack, [&bytes[..], &[0]].concat()).unwrap();
    let report = same(&repo, &caches, &[]);
    assert!(known(&report) < 10, "{}", known(&report));
}

#[test]
fn what_references_and_indexes_name_is_asked_anew() {
    let repo = clean();
    let caches = repo.place().join("caches");
    let bare = key("legacy", "named later");
    // Nothing says of it that it is a key, until a name does.
    repo.save("d0/notes", format!("{bare}\n"));
    same(&repo, &caches, &[]).complete();
    let objects = known(&same(&repo, &caches, &[]));
    assert!(objects > 60);
    let blob = repo.id("HEAD:d0/notes");
    repo.git(&["update-index", "--add", "--cacheinfo", &format!("100644,{blob},wandb_api_key")]);
    assert!(same(&repo, &caches, &[]).found(&bare));
    repo.git(&["update-index", "--force-remove", "wandb_api_key"]);
    assert_eq!(known(&same(&repo, &caches, &[])), objects);
    let gone = key("legacy", "no such object");
    repo.write(".git/refs/heads/broken", format!("{gone}\n"));
    same(&repo, &caches, &[]).gap(&["broken", "missing"]);
}

#[test]
fn what_was_cut_short_is_not_known() {
    const SIZE: usize = 48 << 20;
    let repo = Repo::of(&["--bare"]);
    let key = key("v1", "at the end");
    let filler = "nothing to say of this line\n".repeat(SIZE / 28);
    repo.blob(format!("{filler}WANDB_API_KEY={key}\n").as_bytes());
    let rules = RuleSet::builtin().unwrap();
    let policy = Policy::new(&rules, Vec::new(), Vec::new(), true).unwrap();
    let input = || {
        let roots = vec![repo.path.clone()];
        [Input::History(Tree { roots, exclude: Vec::new(), left_out: Vec::new(), max_file_size: None })]
    };
    let folder = repo.place().join("caches");
    for stops in [true, false] {
        let (cache, progress, done) =
            (Cache::new(folder.clone(), [1; 32]), Progress::default(), AtomicBool::new(false));
        let (cache_of, found) = (Some(&cache), &|_: &_| {});
        let scan = Scan { rules: &rules, policy: &policy, progress: &progress, threads: 1, cache: cache_of, found };
        let outcome = std::thread::scope(|scope| {
            scope.spawn(|| {
                // Some windows of it have been read, and not all of them.
                while progress.bytes.load(Ordering::Relaxed) < 4 << 20 && !done.load(Ordering::Relaxed) {
                    std::thread::yield_now();
                }
                progress.stop.fetch_or(stops, Ordering::Relaxed);
            });
            let outcome = scan.run(&input()).unwrap();
            done.store(true, Ordering::Relaxed);
            outcome
        });
        cache.save();
        assert_eq!((outcome.findings.len(), outcome.coverage.complete()), (usize::from(!stops), !stops));
    }
}
