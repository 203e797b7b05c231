//! The packages: each is installed in a place where nothing else is, as the README says, and used. `WANDWARD_PACKAGES` names
//! the folder that `packaging/build.sh` has filled, which takes minutes; without it these tests say so and stop.
#![cfg(target_os = "linux")]
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::print_stderr, reason = "tests may print and panic")]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use regex::Regex;
use sha2::{Digest, Sha256};
use support::git::{Repo, leak, leaks};
use support::{fingerprint, key, run};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What the README says, below "Install", after `packaging/build.sh dist`; each is run here.
const WHEEL: &str = "pip install --no-index --find-links dist wandward";
const UVX: &str = "uvx --no-index --find-links dist wandward scan ~/my-project";
const SDIST: &str = "pip install dist/wandward-0.1.0.tar.gz";
const CRATE: &str = "tar -xzf dist/wandward-0.1.0.crate && cargo install --locked --path wandward-0.1.0";
const ARCHIVE: &str = "tar -xzf dist/wandward-v0.1.0-x86_64-unknown-linux-gnu.tar.gz";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The folder of packages, if there is one.
fn packages() -> Option<PathBuf> {
    let folder = std::env::var_os("WANDWARD_PACKAGES").map(PathBuf::from);
    if folder.is_none() {
        eprintln!("not run: WANDWARD_PACKAGES names no folder of packages");
    }
    folder.map(|folder| root().join(folder))
}

/// A home and a working directory with nothing in them but `dist`, and a fresh environment of Python.
struct Clean {
    place: tempfile::TempDir,
}

impl Clean {
    fn new(packages: &Path) -> Clean {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir_all(place.path().join("home/my-project")).unwrap();
        fs::write(place.path().join("home/my-project/.env"), leak(&key("v1", "package"))).unwrap();
        symlink(packages, place.path().join("dist")).unwrap();
        let python = PathBuf::from(std::env::var_os("WANDWARD_PYTHON").expect("WANDWARD_PYTHON names a Python"));
        let made = Command::new(&python).args(["-m", "venv"]).arg(place.path().join("venv")).status();
        assert!(made.unwrap().success());
        for tool in ["uv", "uvx"] {
            symlink(python.with_file_name(tool), place.path().join("venv/bin").join(tool)).unwrap();
        }
        Clean { place }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.place.path().join(path)
    }

    /// A line for the shell, with what it needs and nothing of the user's.
    fn shell(&self, line: &str) -> Command {
        let mut command = Command::new("/bin/bash");
        command.args(["--norc", "-c", line]).current_dir(self.place.path()).env_clear().stdin(Stdio::null());
        command.env("HOME", self.at("home")).env("PATH", format!("{}:/usr/bin:/bin", self.at("venv/bin").display()));
        command
    }

    /// One that compiles: with Rust, with the crates that were fetched already, and with what was compiled of them already.
    fn compiling(&self, line: &str) -> Command {
        let mut command = self.shell(line);
        let cargo = Path::new(env!("CARGO")).parent().unwrap();
        command.env("PATH", format!("{}:{}:/usr/bin:/bin", self.at("venv/bin").display(), cargo.display()));
        let home = std::env::home_dir().unwrap();
        let fetched = std::env::var_os("CARGO_HOME").map_or_else(|| home.join(".cargo"), PathBuf::from);
        let target = Path::new(env!("CARGO_BIN_EXE_wandward")).ancestors().nth(2).unwrap().join("packages");
        command.env("CARGO_HOME", fetched).env("CARGO_TARGET_DIR", &target).env("CARGO_INSTALL_ROOT", self.at("venv"));
        // What is unpacked is older than what was built last, which cargo would take for its own.
        let mut clean = Command::new(env!("CARGO"));
        clean.args(["clean", "--quiet", "--release", "--package", "wandward", "--target-dir"]).arg(&target);
        clean.current_dir(root());
        done(clean);
        let ours = |name: &str| name.starts_with("PIP_") || name.starts_with("CARGO_PROFILE_");
        command.envs(std::env::vars().filter(|(name, _)| ours(name)));
        command
    }

    /// The program of the environment of Python.
    fn program(&self) -> PathBuf {
        self.at("venv/bin/wandward")
    }
}

/// Runs it, and wants it to succeed.
fn done(mut command: Command) -> String {
    let output = run(&mut command);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{command:?}: {said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

/// The program is of this version, and finds the key in files and in a history, with nothing round it.
fn works(program: &Path) {
    let alone = |arguments: &[&str], folder: &Path| {
        let mut command = Command::new(program);
        run(command.args(arguments).current_dir(folder).env_clear().stdin(Stdio::null()))
    };
    let said = alone(&["--version"], Path::new("/"));
    assert_eq!(String::from_utf8(said.stdout).unwrap(), format!("wandward {VERSION}\n"));
    let repo = Repo::new();
    let key = key("legacy", "package");
    repo.save("deploy.env", leak(&key));
    repo.delete("deploy.env");
    repo.save("README.md", "# clean\n");
    assert_eq!(alone(&["scan"], &repo.path).status.code(), Some(0));
    let found = alone(&["scan", "--history", "--format", "json"], &repo.path);
    let text = String::from_utf8(found.stdout).unwrap();
    assert_eq!(found.status.code(), Some(1), "{text}");
    assert!(text.contains(&fingerprint(&key)) && !leaks(&text, &key), "{text}");
}

/// What lies below `share` is what the program prints, and the shells use it.
fn shared(clean: &Clean, prefix: &Path, program: &Path) {
    let printed = |arguments: &[&str]| {
        let mut command = Command::new(program);
        let output = run(command.args(arguments).env_clear());
        assert!(output.status.success());
        output.stdout
    };
    let share = prefix.join("share");
    let completions = [
        ("bash", "bash-completion/completions/wandward"),
        ("zsh", "zsh/site-functions/_wandward"),
        ("fish", "fish/vendor_completions.d/wandward.fish"),
    ];
    for (shell, path) in completions {
        assert_eq!(fs::read(share.join(path)).unwrap(), printed(&["completions", shell]), "{path}");
    }
    let pages = tempfile::tempdir().unwrap();
    printed(&["man", "--folder", pages.path().to_str().unwrap()]);
    let names = |folder: &Path| -> BTreeSet<_> {
        support::files(folder).iter().map(|page| page.file_name().unwrap().to_owned()).collect()
    };
    let all = names(pages.path());
    assert!(all.len() > 20 && all == names(&share.join("man/man1")), "{all:?}");
    for page in all {
        let (one, other) = (pages.path().join(&page), share.join("man/man1").join(&page));
        assert_eq!(fs::read(one).unwrap(), fs::read(other).unwrap(), "{page:?}");
    }
    let asks = [
        "bash --norc -c 'source $share/bash-completion/completions/wandward; COMP_WORDS=(wandward hook in); COMP_CWORD=2; \
         _wandward wandward in hook; echo ${COMPREPLY[@]}'",
        "XDG_DATA_DIRS=$share fish -c \"complete -C 'wandward hook in'\"",
        "zsh -f -c 'fpath=($share/zsh/site-functions $fpath); autoload -Uz compinit; compinit -u -D; \
         [[ $_comps[wandward] = _wandward ]] && autoload +X _wandward && echo install'",
        "groff -man -ww -Tascii $share/man/man1/wandward-hook-install.1",
    ];
    for ask in asks {
        let mut command = clean.shell(ask);
        command.env("share", &share).env("TERM", "dumb");
        // fish completes what it can start.
        command.env("PATH", format!("{}:/usr/bin:/bin", program.parent().unwrap().display()));
        let said = done(command);
        assert!(said.contains("install"), "{ask}: {said}");
    }
}

/// The one file of the folder that begins and ends so.
fn package(folder: &Path, begins: &str, ends: &str) -> PathBuf {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut found = names.filter(|name| name.starts_with(begins) && name.ends_with(ends));
    let one = found.next().unwrap_or_else(|| panic!("no {begins}…{ends} in {}", folder.display()));
    assert_eq!(found.next(), None);
    folder.join(one)
}

/// What an archive of tar holds: files alone, below the one folder that it unpacks to.
fn members(archive: &Path, folder: &str) -> BTreeSet<String> {
    let mut command = Command::new("tar");
    command.arg("-tzf").arg(archive);
    let names = done(command);
    let files = names.lines().filter(|name| !name.ends_with('/'));
    files.map(|name| name.strip_prefix(&format!("{folder}/")).unwrap_or_else(|| panic!("{name}")).to_owned()).collect()
}

#[test]
fn the_readme_says_what_is_run_here() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let section = readme.split("\n### Install\n").nth(1).unwrap().split("\n#").next().unwrap();
    let blocks = section.split("```").skip(1).step_by(2).flat_map(str::lines).skip(1);
    let lines: BTreeSet<&str> = blocks.filter(|line| !line.is_empty() && *line != "console").collect();
    // From the checkout itself: by cargo as the crate, by pip as the sdist.
    let source = ["packaging/build.sh dist", "cargo install --locked --path .", "pip install ."];
    assert_eq!(lines, [WHEEL, UVX, SDIST, CRATE, ARCHIVE].into_iter().chain(source).collect());
    for line in [SDIST, CRATE, ARCHIVE] {
        assert!(line.contains(VERSION), "{line} is of another version");
    }
}

#[test]
fn the_wheel_is_installed_by_pip_and_by_uv() {
    let Some(folder) = packages() else { return };
    let wheel = package(&folder, "wandward-", ".whl");
    let clean = Clean::new(&folder);
    done(clean.shell(WHEEL));
    works(&clean.program());
    shared(&clean, &clean.at("venv"), &clean.program());
    // It runs with the glibc that its tag names.
    let needs = Regex::new(r"GLIBC_2\.([0-9]+)").unwrap();
    let bytes = fs::read(clean.program()).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    let newest = needs.captures_iter(&text).map(|found| found[1].parse::<u32>().unwrap()).max().unwrap();
    assert!(newest <= 17 && wheel.to_str().unwrap().contains("manylinux_2_17_"), "{newest}: {}", wheel.display());
    // It has nothing to say of itself.
    let alone = run(&mut clean.shell("wandward scan venv --no-progress"));
    assert_eq!(alone.status.code(), Some(0), "{}", String::from_utf8_lossy(&alone.stdout));
    // Its record is right: nothing differs, and nothing is left.
    let recorded = "import base64, hashlib, importlib.metadata as m\n\
                    for file in m.files('wandward'):\n    if file.hash:\n        \
                    digest = hashlib.sha256(file.locate().read_bytes()).digest()\n        \
                    assert base64.urlsafe_b64encode(digest).rstrip(b'=').decode() == file.hash.value, file\n        \
                    print(file)";
    let files = done(clean.shell(&format!("python - <<'PYTHON'\n{recorded}\nPYTHON\n")));
    for name in ["bin/wandward", "man1/wandward-scan.1", "LICENSE-MIT", "LICENSE-APACHE", "LICENSES-THIRD-PARTY.txt"] {
        assert!(files.lines().any(|line| line.ends_with(name)), "{name} is not among {files}");
    }
    done(clean.shell("pip uninstall --yes --quiet wandward"));
    let left = support::files(&clean.at("venv")).into_iter().filter(|file| file.to_str().unwrap().contains("wandward"));
    assert_eq!(left.collect::<Vec<_>>(), Vec::<PathBuf>::new());
    // uv puts it into a place of its own.
    let mut command = clean.shell(UVX);
    let ran = run(command.env("UV_OFFLINE", "1").env("UV_PYTHON_DOWNLOADS", "never"));
    let said = String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.code() == Some(1) && said.contains("1 exposed key in 1 place"), "{said}");
}

#[test]
fn the_source_packages_hold_what_a_build_needs_and_are_built() {
    let Some(folder) = packages() else { return };
    let (sdist, unpacked) = (folder.join(format!("wandward-{VERSION}.tar.gz")), format!("wandward-{VERSION}"));
    let mut listed = Command::new(env!("CARGO"));
    listed.args(["package", "--list", "--allow-dirty", "--quiet"]).current_dir(root());
    let listed = done(listed);
    let listed: BTreeSet<&str> =
        listed.lines().filter(|name| !matches!(*name, "Cargo.toml.orig" | ".cargo_vcs_info.json")).collect();
    let ours = ["PKG-INFO", "pyproject.toml", "packaging/backend.py", "packaging/notices.py", "packaging/share.py"];
    let wanted: BTreeSet<String> = listed.into_iter().chain(ours).map(str::to_owned).collect();
    assert_eq!(members(&sdist, &unpacked), wanted);
    for name in ["Cargo.lock", "LICENSE-MIT", "LICENSE-APACHE", "README.md", "src/main.rs"] {
        assert!(wanted.contains(name), "{name}");
    }
    let clean = Clean::new(&folder);
    done(clean.compiling(CRATE));
    works(&clean.program());
    let clean = Clean::new(&folder);
    done(clean.compiling(SDIST));
    works(&clean.program());
    shared(&clean, &clean.at("venv"), &clean.program());
}

/// Runs the install step of an Action whose checksums are those of a release; what it printed, and the program.
fn installed(clean: &Clean, release: &Path) -> (bool, String, PathBuf) {
    let action = clean.at("action");
    fs::create_dir_all(&action).unwrap();
    fs::copy(root().join("Cargo.toml"), clean.at("Cargo.toml")).unwrap();
    fs::copy(root().join("action/install.sh"), action.join("install.sh")).unwrap();
    // As docs/releasing.md says.
    let checksums = fs::read_to_string(root().join("action/checksums.txt")).unwrap();
    let comment: String =
        checksums.lines().filter(|line| line.starts_with('#')).map(|line| format!("{line}\n")).collect();
    fs::write(action.join("checksums.txt"), comment).unwrap();
    let mut lines = clean.shell("grep ' wandward-v.*\\.tar\\.gz$' \"$release/SHA256SUMS\" >> action/checksums.txt");
    lines.env("release", release);
    done(lines);
    let machine = if cfg!(target_arch = "aarch64") { "ARM64" } else { "X64" };
    let mut command = clean.shell("bash action/install.sh");
    command.env("RUNNER_OS", "Linux").env("RUNNER_ARCH", machine).env("RUNNER_TEMP", clean.at("home"));
    command.env("WANDWARD_ASSETS", release).env("GITHUB_OUTPUT", clean.at("output"));
    let ran = run(&mut command);
    let said = String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
    let output = fs::read_to_string(clean.at("output")).unwrap_or_default();
    (ran.status.success(), said, output.trim_end().strip_prefix("binary=").unwrap_or_default().into())
}

#[test]
fn the_action_installs_the_archive_by_its_checksum() {
    let Some(folder) = packages() else { return };
    let archive = package(&folder, "wandward-v", "-linux-gnu.tar.gz");
    let name = archive.file_name().unwrap().to_str().unwrap().strip_suffix(".tar.gz").unwrap().to_owned();
    let clean = Clean::new(&folder);
    let (installs, said, program) = installed(&clean, &folder);
    assert!(installs && said.contains("whose SHA-256 is the one that is known"), "{said}");
    works(&program);
    // A release that was exchanged afterwards is refused.
    let other = clean.at("release");
    fs::create_dir(&other).unwrap();
    fs::copy(folder.join("SHA256SUMS"), other.join("SHA256SUMS")).unwrap();
    let mut bytes = fs::read(&archive).unwrap();
    bytes.push(0);
    fs::write(other.join(archive.file_name().unwrap()), bytes).unwrap();
    let (installs, said, _) = installed(&clean, &other);
    assert!(!installs && said.contains("it is not unpacked"), "{said}");
    // By hand it is all in one folder.
    done(clean.shell(&ARCHIVE.replace("wandward-v0.1.0-x86_64-unknown-linux-gnu", &name)));
    works(&clean.at(&name).join("wandward"));
    shared(&clean, &clean.at(&name), &clean.at(&name).join("wandward"));
    let documents =
        ["LICENSE", "LICENSE-APACHE", "LICENSE-MIT", "LICENSES-THIRD-PARTY.txt", "README.md", "CHANGELOG.md"];
    let rest = members(&archive, &name).into_iter().filter(|member| !member.starts_with("share/"));
    assert_eq!(rest.collect::<BTreeSet<_>>(), documents.into_iter().chain(["wandward"]).map(str::to_owned).collect());
    // cargo-binstall looks for it under this name, and for the program in there.
    let manifest: toml::Table = fs::read_to_string(root().join("Cargo.toml")).unwrap().parse().unwrap();
    let binstall = &manifest["package"]["metadata"]["binstall"];
    let target = name.strip_prefix(&format!("wandward-v{VERSION}-")).unwrap();
    let filled = |setting: &str| {
        let values = [("name", "wandward"), ("bin", "wandward"), ("version", VERSION), ("target", target)];
        let values = values.into_iter().chain([("binary-ext", ""), ("repo", "https://example.org/wandward")]);
        values.fold(binstall[setting].as_str().unwrap().to_owned(), |text, (variable, value)| {
            text.replace(&format!("{{ {variable} }}"), value)
        })
    };
    assert_eq!(filled("pkg-url"), format!("https://example.org/wandward/releases/download/v{VERSION}/{name}.tar.gz"));
    assert_eq!(filled("bin-dir"), format!("{name}/wandward"));
}

#[test]
fn the_static_program_needs_nothing_of_the_system() {
    let Some(folder) = packages() else { return };
    let archive = package(&folder, "wandward-v", "-linux-static.tar.gz");
    let name = archive.file_name().unwrap().to_str().unwrap().strip_suffix(".tar.gz").unwrap().to_owned();
    let clean = Clean::new(&folder);
    done(clean.shell(&format!("tar -xzf dist/{name}.tar.gz")));
    let program = clean.at(&name).join("wandward");
    let headers = done(clean.shell(&format!("readelf --program-headers --dynamic {name}/wandward")));
    assert!(!headers.contains("INTERP") && !headers.contains("(NEEDED)"), "{headers}");
    works(&program);
}

#[test]
fn checksums_are_those_of_everything_that_is_built() {
    let Some(folder) = packages() else { return };
    let sums = fs::read_to_string(folder.join("SHA256SUMS")).unwrap();
    let mut named = BTreeSet::new();
    for line in sums.lines() {
        let (sum, name) = line.split_once("  ").unwrap();
        let is = Sha256::digest(fs::read(folder.join(name)).unwrap());
        assert_eq!(sum, is.iter().map(|byte| format!("{byte:02x}")).collect::<String>(), "{name}");
        named.insert(name.to_owned());
    }
    let there = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(named, there.filter(|name| name != "SHA256SUMS").collect());
    assert_eq!(named.len(), 5, "{named:?}");
}

#[test]
fn a_tag_is_published_only_if_it_is_what_was_built() {
    let repo = Repo::new();
    repo.stage("Cargo.toml", "[package]\nversion = \"1.2.3\"\n");
    repo.stage("CHANGELOG.md", "## 1.2.3\n");
    repo.stage("action/checksums.txt", "# Sums.\n");
    repo.stage("src.rs", "one\n");
    let built = repo.commit("Release 1.2.3");
    let dist = repo.place().join("dist");
    fs::create_dir(&dist).unwrap();
    let names = ["wandward-1.2.3.tar.gz", "wandward-v1.2.3-one.tar.gz", "wandward-v1.2.3-other.tar.gz"];
    let sums: [String; 3] = names.map(|name| {
        fs::write(dist.join(name), name).unwrap();
        let sum: String = Sha256::digest(name).iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{sum}  {name}\n")
    });
    fs::write(dist.join("SHA256SUMS"), sums.concat()).unwrap();
    let archives = format!("# Sums.\n{}", sums[1..].concat());
    repo.save("action/checksums.txt", &archives);
    let check = |tag: &str, built: &str| {
        let mut command = Command::new("bash");
        command.arg(root().join("packaging/check.sh")).args([tag, dist.to_str().unwrap(), built]);
        let output = run(command.current_dir(&repo.path));
        (output.status.code().unwrap(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let refused = |said: (i32, String), why: &str| assert!(said.0 == 1 && said.1.contains(why), "{why}: {said:?}");
    assert_eq!(check("v1.2.3", &built), (0, String::new()));
    refused(check("v1.2.4", &built), "is not of version");
    fs::write(dist.join("wandward-extra.whl"), "x").unwrap();
    refused(check("v1.2.3", &built), "SHA256SUMS does not have: wandward-extra.whl");
    fs::remove_file(dist.join("wandward-extra.whl")).unwrap();
    fs::write(dist.join(names[1]), "exchanged").unwrap();
    refused(check("v1.2.3", &built), "is not what SHA256SUMS says");
    fs::write(dist.join(names[1]), names[1]).unwrap();
    repo.save("action/checksums.txt", format!("# Sums.\n{}", sums[1]));
    refused(check("v1.2.3", &built), "does not have the lines");
    repo.save("action/checksums.txt", &archives);
    assert_eq!(check("v1.2.3", &built).0, 0);
    repo.save("src.rs", "two\n");
    refused(check("v1.2.3", &built), "changed since it was built: src.rs");
    repo.git(&["switch", "-q", "--orphan", "other"]);
    repo.stage("Cargo.toml", "[package]\nversion = \"1.2.3\"\n");
    repo.stage("CHANGELOG.md", "## 1.2.3\n");
    repo.save("action/checksums.txt", &archives);
    refused(check("v1.2.3", &built), "is not in the history");
}
