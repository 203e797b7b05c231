//! What flags and configuration files come to. In: flags, and the paths that are scanned. Out: rules, a policy, what is left
//! out. A file that comes with what is scanned is read with less trust than the user's own.

use std::env;
use std::fs;
use std::path::{self, Path, PathBuf};

use anyhow::{Result, anyhow, bail};
use clap::ValueEnum;

use super::{environment, find};
use crate::cli::{self, FailOn};
use crate::complain;
use wandward::blob::Ground;
use wandward::finding::{LEAVES_OUT, Skip, visible};
use wandward::policy::baseline::Baseline;
use wandward::policy::{Config, Policy, Trust, User};
use wandward::rule::RuleSet;
use wandward::source::settings::{self, Files};
use wandward::source::tree;

/// How to scan.
pub(crate) struct Settings {
    pub(crate) rules: RuleSet,
    pub(crate) policy: Policy,
    pub(crate) fail_on: FailOn,
    pub(crate) exclude: Vec<String>,
    pub(crate) left_out: Vec<(Ground, Vec<String>)>,
    pub(crate) max_file_size: Option<u64>,
    /// The file of what is accepted, and the folder out of which no link may lead.
    baseline: Option<(PathBuf, Option<PathBuf>)>,
    files: Files,
    /// What files left out, for the report.
    pub(crate) skipped: Vec<Skip>,
}

/// A configuration, and the folder of its file.
struct Loaded {
    config: Config,
    folder: PathBuf,
    ground: Option<Ground>,
}

impl Settings {
    /// Reads the configurations: the user's, and those of the `roots`.
    pub(crate) fn new(options: &cli::Report, builtin: &RuleSet, roots: &[PathBuf]) -> Result<Settings> {
        Settings::of(options, builtin, roots, Files::default())
    }

    /// Likewise, from these files.
    pub(crate) fn of(options: &cli::Report, builtin: &RuleSet, roots: &[PathBuf], files: Files) -> Result<Settings> {
        let mut skipped = Vec::new();
        let loaded = load(options, roots, &files, &mut skipped)?;
        let rules = rules(options, builtin, &loaded, &files, &mut skipped)?;
        let flag_or = |flag: &[String], said: fn(&Config) -> &[wandward::policy::Said]| {
            let configs = loaded.iter().filter(|_| flag.is_empty());
            let said = configs.flat_map(|one| said(&one.config)).map(|said| said.text.clone());
            flag.iter().cloned().chain(said).collect::<Vec<_>>()
        };
        let select = flag_or(&options.select, |config| &config.select);
        let ignore = flag_or(&options.ignore, |config| &config.ignore);
        let inline = !options.no_inline && loaded.iter().all(|one| one.config.inline != Some(false));
        let mut policy = Policy::new(&rules, select, ignore, inline)?;
        policy.wanted = options.find.map(|_| find::wanted()).transpose()?;
        policy.user = User { home: env::home_dir(), excludes: ignore::gitignore::gitconfig_excludes_path };
        if !rules.iter().any(|rule| policy.selects(rule)) {
            bail!("no rule is left that may speak");
        }
        let mut settings = Settings {
            rules,
            policy,
            fail_on: FailOn::Warning,
            exclude: Vec::new(),
            left_out: Vec::new(),
            max_file_size: None,
            baseline: None,
            files,
            skipped,
        };
        for one in loaded {
            settings.take(one);
        }
        if let Some(fail_on) = options.fail_on {
            settings.fail_on = fail_on;
        }
        Ok(settings)
    }

    /// Keeps back what the baseline accepts that a flag or a configuration names.
    pub(crate) fn with_baseline(mut self, flag: Option<&Path>) -> Result<Settings> {
        let file = flag.map(|file| (file.to_path_buf(), None)).or_else(|| self.baseline.take());
        if let Some((file, within)) = file.filter(|_| self.policy.wanted.is_none()) {
            match text(&self.files, &file, within.as_deref())? {
                Some(text) => self.policy.baseline = Some(parsed(&file, &text)?),
                None => lacking(&file, &mut self.skipped),
            }
        }
        Ok(self)
    }

    /// The baseline that a configuration names, and the folder out of which no link may lead.
    pub(crate) fn baseline_file(&self) -> Option<&(PathBuf, Option<PathBuf>)> {
        self.baseline.as_ref()
    }

    /// Why a scan of what is round a file would leave it out, if it would.
    pub(crate) fn leaves_out(&self, path: &Path) -> Result<Option<String>> {
        if path.components().any(|part| part.as_os_str() == ".git") {
            return Ok(Some("it lies in a git directory, which `--history` reads".to_owned()));
        }
        for (config, ground) in &self.policy.configs {
            for glob in &config.exclude {
                if tree::leaves_out(glob, ground.as_ref(), path)? {
                    return Ok(Some(format!("`{glob}` in {} leaves it out", config.name)));
                }
            }
        }
        Ok(None)
    }

    fn take(&mut self, Loaded { config, folder, ground }: Loaded) {
        if let Some(name) = &config.baseline {
            let within = (config.trust == Trust::Repository).then(|| folder.clone());
            let file = folder.join(name);
            let file = env::current_dir()
                .ok()
                .and_then(|cwd| Some(file.strip_prefix(cwd).ok()?.to_path_buf()))
                .unwrap_or(file);
            self.baseline.get_or_insert((file, within));
        }
        if !config.exclude.is_empty() {
            let globs: Vec<String> = config.exclude.iter().map(|glob| format!("`{glob}`")).collect();
            let reason = format!("{LEAVES_OUT} {}", globs.join(", "));
            self.skipped.push(tree::skip(Path::new(&config.name), reason, false));
        }
        match &ground {
            Some(ground) => self.left_out.push((ground.clone(), config.exclude.clone())),
            None => self.exclude.extend(config.exclude.iter().cloned()),
        }
        if let Some(fail_on) = config.fail_on.as_deref().and_then(|said| FailOn::from_str(said, true).ok()) {
            self.fail_on = fail_on;
        }
        self.max_file_size = config.max_file_size.or(self.max_file_size);
        self.policy.configs.push((config, ground));
    }
}

/// The user's configuration, or the one that is named, and those of what is scanned.
fn load(options: &cli::Report, roots: &[PathBuf], files: &Files, skipped: &mut Vec<Skip>) -> Result<Vec<Loaded>> {
    let mut loaded = Vec::new();
    let named = options.configured.config.clone();
    let own = named.clone().or_else(|| user_file().filter(|_| !options.configured.isolated));
    if let Some(file) = &own {
        let name = shown(file);
        let text = files.named(file).map_err(|error| anyhow!("cannot read {name}: {}", tree::plain(&error)))?;
        if let Some(text) = text {
            let Some(config) = Config::parse(&name, &text, Trust::User)? else {
                bail!("{name} has no table `tool.wandward`");
            };
            let folder = file.parent().unwrap_or(Path::new("")).to_path_buf();
            loaded.push(Loaded { config, folder, ground: None });
        } else {
            lacking(file, skipped);
        }
    }
    // Where given keys are looked for, nothing that somebody else wrote narrows the search.
    if options.configured.isolated || options.find.is_some() {
        return Ok(loaded);
    }
    let own: Vec<PathBuf> = own.iter().flat_map(|file| [file.canonicalize(), path::absolute(file)]).flatten().collect();
    let cwd = env::current_dir()?;
    let mut grounds: Vec<Ground> = Vec::new();
    for root in roots {
        let Some((folder, below)) = settings::home(root) else { continue };
        match grounds.iter_mut().find(|ground| ground.folder() == folder) {
            Some(ground) => ground.reached(root, below),
            None => {
                let mut ground = Ground::new(cwd.clone(), folder);
                ground.reached(root, below);
                grounds.push(ground);
            }
        }
    }
    for ground in grounds {
        let mut found = Vec::new();
        let folder = ground.folder().to_path_buf();
        for (path, text) in files.of_folder(&folder) {
            if own.contains(&path.canonicalize().unwrap_or_else(|_| path.clone())) {
                continue;
            }
            let name = shown(path.strip_prefix(&cwd).unwrap_or(&path));
            let text = match text {
                Ok(text) => text,
                Err(_) if name.ends_with("pyproject.toml") => continue,
                Err(error) => bail!("cannot read {name}: {}", tree::plain(&error)),
            };
            found.extend(Config::parse(&name, &text, Trust::Repository)?);
        }
        if let [first, second, ..] = &found[..] {
            bail!("{} and {} both configure this folder, and one must", first.name, second.name);
        }
        loaded.extend(found.pop().map(|config| Loaded { config, folder, ground: Some(ground) }));
    }
    Ok(loaded)
}

/// The rules of this version, those of more folders, and the severities that configurations say.
fn rules(
    options: &cli::Report,
    builtin: &RuleSet,
    loaded: &[Loaded],
    files: &Files,
    skipped: &mut Vec<Skip>,
) -> Result<RuleSet> {
    let mut rules = builtin.clone();
    let flagged = options.configured.rules.iter().map(|folder| (folder.clone(), None));
    let configured = loaded.iter().flat_map(|one| {
        let within = (one.config.trust == Trust::Repository).then(|| one.folder.clone());
        one.config.rules.iter().map(move |folder| (one.folder.join(folder), within.clone()))
    });
    for (folder, within) in flagged.chain(configured) {
        let name = shown(&folder);
        let pages = files.pages(&folder, within.as_deref());
        let pages = pages.map_err(|error| anyhow!("cannot read {name}: {}", tree::plain(&error)))?;
        if pages.is_none() {
            lacking(&folder, skipped);
        }
        for (id, path, page) in pages.into_iter().flatten() {
            rules.add_page(&id, &page).map_err(|error| {
                let folder = path.parent().map(shown).filter(|folder| !folder.is_empty());
                anyhow!("{}{}", folder.map(|folder| folder + "/").unwrap_or_default(), visible(&error.to_string()))
            })?;
        }
    }
    for one in loaded {
        one.config.apply(&mut rules)?;
    }
    Ok(rules)
}

/// The user's own file, if there is one.
fn user_file() -> Option<PathBuf> {
    let folder = environment("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = folder.or_else(|| environment("APPDATA").map(PathBuf::from).filter(|_| cfg!(windows)));
    let folder = folder.or_else(|| environment("HOME").map(|home| PathBuf::from(home).join(".config")))?;
    Some(folder.join("wandward").join("wandward.toml")).filter(|file| file.exists())
}

/// Reads a baseline; if it must lie `within` a folder, no link leads to it.
pub(crate) fn baseline(file: &Path, within: Option<&Path>) -> Result<Baseline> {
    parsed(file, &text(&Files::default(), file, within)?.unwrap_or_default())
}

fn text(files: &Files, file: &Path, within: Option<&Path>) -> Result<Option<String>> {
    let text = match within {
        Some(folder) => files.inside(folder, file).map(Some),
        None => files.named(file),
    };
    text.map_err(|error| anyhow!("cannot read {}: {}", shown(file), tree::plain(&error)))
}

/// Says of a file that was named that the commit whose files count has none of that name.
fn lacking(file: &Path, skipped: &mut Vec<Skip>) {
    let reason = "not in the revision whose settings hold, so nothing of it does";
    complain(&format!("warning: {} is {reason}", shown(file)));
    skipped.push(tree::skip(file, reason, false));
}

/// One without an entry, for a file to be.
pub(crate) fn empty_baseline(file: &Path) -> Result<Baseline> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    match folder.filter(|folder| !folder.is_dir()) {
        Some(folder) => bail!("there is no folder {}", shown(folder)),
        None => parsed(file, ""),
    }
}

/// The root round a folder, and how it lies below that; the folder may be in a commit alone.
fn placed(folder: &Path) -> Option<(PathBuf, PathBuf)> {
    folder.ancestors().find_map(|above| {
        let there = if above.as_os_str().is_empty() { Path::new(".") } else { above };
        let (top, below) = settings::home(there)?;
        let rest = folder.strip_prefix(above).ok()?;
        Some((top, below.components().chain(rest.components()).collect()))
    })
}

fn parsed(file: &Path, text: &str) -> Result<Baseline> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Some((top, below)) = placed(folder) else { bail!("there is no folder {}", shown(folder)) };
    let mut ground = Ground::new(env::current_dir()?, top);
    ground.reached(folder, below);
    let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let mut baseline = Baseline::parse(&shown(file), text, today, ground)?;
    baseline.look_for(|below| fs::symlink_metadata(below).is_ok());
    Ok(baseline)
}

fn shown(path: &Path) -> String {
    visible(&path.to_string_lossy()).into_owned()
}
