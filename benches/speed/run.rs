//! Programs in turns: A B A B. In: two programs, and what makes the disk warm. Out: medians of the ratios of each pair. Nothing of
//! the user's reaches a program, whose output is thrown away.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// So many pairs, unless a program is so slow that fewer tell as much.
const PAIRS: usize = 5;
const PATIENCE: Duration = Duration::from_secs(60);
/// GNU time, which alone tells the peak memory and the CPU seconds of another process.
const GNU_TIME: &str = "/usr/bin/time";

/// A program and its arguments.
#[derive(Clone)]
pub struct Side {
    /// As the tables call it.
    pub name: String,
    program: OsString,
    arguments: Vec<OsString>,
    /// The exit codes of a run that did its work, whether it found something or not.
    fine: &'static [i32],
    /// The version it must be of, asked for in these words.
    version: Option<(&'static str, &'static str)>,
}

impl Side {
    /// A program with arguments, which are parted at blanks.
    pub fn new(name: &str, program: &str, words: &str, fine: &'static [i32]) -> Side {
        let arguments = words.split_whitespace().map(OsString::from).collect();
        Side { name: name.to_owned(), program: program.into(), arguments, fine, version: None }
    }

    /// This program.
    pub fn ours(name: &str, words: &str) -> Side {
        let words = format!("scan --format json --no-progress {words}");
        Side::new(name, env!("CARGO_BIN_EXE_wandward"), &words, &[0, 1])
    }

    /// With one more argument.
    pub fn with(mut self, argument: impl Into<OsString>) -> Side {
        self.arguments.push(argument.into());
        self
    }

    /// Of this version only.
    pub fn of(self, ask: &'static str, version: &'static str) -> Side {
        Side { version: Some((ask, version)), ..self }
    }

    /// Why it cannot be run, if that is so.
    fn missing(&self) -> Option<String> {
        let (argument, wanted) = self.version.unwrap_or(("--version", ""));
        let asked = Command::new(&self.program).arg(argument).stdin(Stdio::null()).output();
        let Ok(output) = asked else { return Some("not installed".to_owned()) };
        let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        (!version.starts_with(wanted)).then(|| format!("is of version {version}, wanted {wanted}x"))
    }

    /// The command, in a home of its own.
    fn command(&self, home: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments);
        bare(&mut command, home);
        command
    }

    /// What it says, as JSON.
    pub fn report(&self, home: &Path) -> Value {
        let output = self.command(home).output().unwrap();
        let said = || format!("{}: {}", self.name, String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", said()))
    }

    fn run(&self, home: &Path) -> Result<Run, String> {
        let note = home.join("cost");
        let measured = Path::new(GNU_TIME).exists();
        let mut command = self.command(home);
        if measured {
            let mut timed = Command::new(GNU_TIME);
            timed.args(["-f", "%U %S %M", "-o"]).arg(&note).arg(&self.program).args(&self.arguments);
            bare(&mut timed, home);
            command = timed;
        }
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let started = Instant::now();
        let status = command.status().unwrap();
        let wall = started.elapsed().as_secs_f64();
        if !status.code().is_some_and(|code| self.fine.contains(&code)) {
            return Err(format!("failed: {status}"));
        }
        Ok(Run { wall, cost: measured.then(|| cost(&fs::read_to_string(note).unwrap())) })
    }
}

/// Only the search path is the user's.
fn bare(command: &mut Command, home: &Path) {
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", home).stdin(Stdio::null());
    command.envs([("GIT_CONFIG_NOSYSTEM", "1"), ("GIT_NO_LAZY_FETCH", "1"), ("GIT_NO_REPLACE_OBJECTS", "1")]);
}

/// What one run took.
struct Run {
    /// Seconds.
    wall: f64,
    /// CPU seconds and peak megabytes, where they can be measured.
    cost: Option<(f64, f64)>,
}

/// The last line of the note; one above it tells of an exit code that is not 0.
fn cost(note: &str) -> (f64, f64) {
    let numbers: Vec<f64> = note.lines().last().unwrap().split(' ').map(|number| number.parse().unwrap()).collect();
    (numbers[0] + numbers[1], numbers[2] / 1000.0)
}

/// What came of the pairs: ours as a share of theirs, medians.
pub struct Shares {
    /// Wall time: the median, the least and the most.
    pub wall: [f64; 3],
    /// CPU time, where it can be measured: the clock has hundredths of a second.
    pub cpu: Option<f64>,
    /// Peak memory of each in megabytes, and the share.
    pub memory: Option<[f64; 3]>,
    /// So many.
    pub pairs: usize,
}

/// Runs two programs in turns; or says why one cannot be run.
pub fn beside(ours: &Side, theirs: &Side, warm: &dyn Fn(), home: &Path) -> Result<Shares, String> {
    if let Some(why) = theirs.missing() {
        return Err(why);
    }
    let started = Instant::now();
    let mut pairs = Vec::new();
    // The system takes cold pages back, so everything is read once more directly before.
    warm();
    while pairs.len() < PAIRS && started.elapsed() < PATIENCE {
        let our = ours.run(home).unwrap_or_else(|why| panic!("{}: {why}", ours.name));
        pairs.push((our, theirs.run(home)?));
    }
    let wall = sorted(pairs.iter().map(|(our, their)| our.wall / their.wall));
    let costs: Option<Vec<_>> = pairs.iter().map(|(our, their)| our.cost.zip(their.cost)).collect();
    let of = |of: &dyn Fn((f64, f64), (f64, f64)) -> f64| {
        costs.as_ref().map(|costs| median(&sorted(costs.iter().map(|&(our, their)| of(our, their)))))
    };
    Ok(Shares {
        wall: [median(&wall), wall[0], wall[wall.len() - 1]],
        cpu: of(&|our, their| our.0 / their.0).filter(|share| share.is_finite() && *share > 0.0),
        memory: of(&|our, _| our.1)
            .zip(of(&|_, their| their.1))
            .zip(of(&|our, their| our.1 / their.1))
            .map(|((our, their), share)| [our, their, share]),
        pairs: pairs.len(),
    })
}

/// Reads everything below a folder, so that no run but this one waits for the disk.
pub fn warm(folder: &Path) {
    let mut buffer = vec![0; 1 << 20];
    let mut folders: Vec<PathBuf> = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let mut file = fs::File::open(path).unwrap();
            while std::io::Read::read(&mut file, &mut buffer).unwrap() > 0 {}
        }
    }
}

fn sorted(numbers: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut numbers: Vec<f64> = numbers.collect();
    numbers.sort_by(f64::total_cmp);
    numbers
}

fn median(sorted: &[f64]) -> f64 {
    let (low, high) = (sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
    f64::midpoint(low, high)
}
