//! `wandward hook`: native git hooks. In: a repository, and which hooks. Out: scripts where git looks for hooks, or none any
//! more. What others wrote is kept as it is, and what another program manages is left to it.

mod place;
mod script;

use std::io::{self, Write};
use std::path::Path;

use anyhow::Result;

use self::place::{Place, absolute, shown};
use crate::cli::{Chosen, Hook, Hooks};
use crate::{FINDINGS, INCOMPLETE, complain};
use wandward::source::git::hooks::Lies;
use wandward::source::tree::plain;
use wandward::write;

pub(crate) fn run(command: &Hooks) -> Result<u8> {
    let done = match command {
        Hooks::Install(chosen) => install(chosen),
        Hooks::Uninstall(chosen) => uninstall(chosen),
        Hooks::Status { path } => status(path),
    };
    match done {
        Ok(code) => Ok(code),
        Err(Stopped::Refused(reasons)) => {
            reasons.iter().for_each(|reason| complain(reason));
            Ok(INCOMPLETE)
        }
        Err(Stopped::Broken(error)) => Err(error.into()),
    }
}

/// Why a verb ends early.
enum Stopped {
    /// It cannot or must not be done.
    Refused(Vec<String>),
    /// Standard output is closed.
    Broken(io::Error),
}

impl From<io::Error> for Stopped {
    fn from(error: io::Error) -> Stopped {
        Stopped::Broken(error)
    }
}

impl From<String> for Stopped {
    fn from(reason: String) -> Stopped {
        Stopped::Refused(vec![reason])
    }
}

/// What becomes of a hook that is to be installed.
enum Plan {
    Written,
    Renewed(String),
    Chained,
    Same,
    /// Another program runs it already.
    Run(&'static str),
}

fn install(chosen: &Chosen) -> Result<u8, Stopped> {
    let mut place = Place::find(&chosen.path)?;
    place.may_write(chosen.hooks_folder.as_deref())?;
    let hooks: &[Hook] = if chosen.hook.is_empty() { &[Hook::PreCommit, Hook::PrePush] } else { &chosen.hook };
    let mut plans = Vec::new();
    let mut refused = Vec::new();
    for &hook in hooks {
        match plan(&place, hook) {
            Ok(plan) => plans.push((hook, plan)),
            Err(reason) => refused.push(reason),
        }
    }
    if !refused.is_empty() {
        return Err(Stopped::Refused(refused));
    }
    let mut out = io::stdout().lock();
    for (hook, plan) in plans {
        let path = place.of(hook);
        let text = place.script(hook);
        let aside = place.kept(hook);
        let fill = |out: &mut dyn Write| out.write_all(text.as_bytes());
        let written = match plan {
            Plan::Same | Plan::Run(_) => Ok(()),
            Plan::Written => write::folder(&place.hooks.folder).and_then(|()| write::program(&path, None, fill)),
            Plan::Renewed(_) => write::program(&path, None, fill),
            Plan::Chained => write::program(&path, Some(&aside), fill),
        };
        written.map_err(|error| format!("cannot write {}: {}", shown(&path), plain(&error)))?;
        let said = match plan {
            Plan::Written => "installed".to_owned(),
            Plan::Same => "installed already".to_owned(),
            Plan::Renewed(version) => format!("installed anew; it was of version {version}"),
            Plan::Chained => format!("installed; what was there runs first, as {}", shown(&aside)),
            Plan::Run(manager) => format!("installed already; {manager} runs it"),
        };
        writeln!(out, "{}: {said}", shown(&path))?;
    }
    for note in place.notes() {
        writeln!(out, "note: {note}")?;
    }
    Ok(0)
}

fn plan(place: &Place, hook: Hook) -> Result<Plan, String> {
    let (path, kept) = (place.of(hook), place.kept(hook));
    let at = shown(&path);
    let (text, executable) = match place.lies(hook) {
        Lies::Nothing if place.is_kept(hook) => {
            return Err(format!("{} is left from a hook that is gone: move it back or away", shown(&kept)));
        }
        Lies::Nothing => return Ok(Plan::Written),
        Lies::Folder => return Err(format!("{at} is a folder")),
        Lies::Other => (Vec::new(), true),
        Lies::File(text, executable) => (text, executable),
    };
    if let Some(script) = script::read(hook, &text) {
        return if !script.whole {
            Err(format!("{at} was edited since it was installed: move it away, or undo that"))
        } else if executable && text == place.script(hook).as_bytes() {
            Ok(Plan::Same)
        } else {
            Ok(Plan::Renewed(script.version))
        };
    }
    if let Some((manager, advice)) = place::manager(&text) {
        // Such programs move what they find aside and run it.
        let legacy = script::read(hook, &place.legacy_text(hook));
        return match legacy.is_some_and(|script| script.whole) {
            true => Ok(Plan::Run(manager)),
            false => Err(format!("{at} is managed by {manager}, which would not know of it: {advice}")),
        };
    }
    match place.is_kept(hook) {
        true => Err(format!("{at} is not ours, and {} is taken: move one of them away", shown(&kept))),
        false => Ok(Plan::Chained),
    }
}

fn uninstall(chosen: &Chosen) -> Result<u8, Stopped> {
    let mut place = Place::find(&chosen.path)?;
    if let Some(named) = &chosen.hooks_folder {
        // Where git looked before, too.
        place.hooks.folder = absolute(named);
    }
    let hooks: &[Hook] = if chosen.hook.is_empty() { &Hook::ALL } else { &chosen.hook };
    let mut ours = Vec::new();
    let mut refused = Vec::new();
    for &hook in hooks {
        match place.ours(hook) {
            Some((path, script)) if script.whole => ours.push((hook, Some(path))),
            Some((path, _)) => {
                refused.push(format!("{} was edited since it was installed: take it away by hand", shown(&path)));
            }
            None => ours.push((hook, None)),
        }
    }
    if !refused.is_empty() {
        return Err(Stopped::Refused(refused));
    }
    if ours.iter().any(|(_, path)| path.is_some()) && chosen.hooks_folder.is_none() {
        place.may_write(None)?;
    }
    let mut out = io::stdout().lock();
    let mut taken_away = false;
    for (hook, path) in ours {
        let kept = Some(place.kept(hook)).filter(|_| place.is_kept(hook));
        let Some(path) = path else {
            let left = kept.map(|kept| format!("; what was there before is left as {}", shown(&kept)));
            writeln!(out, "{}: not installed{}", shown(&place.of(hook)), left.unwrap_or_default())?;
            continue;
        };
        let taken = write::take_back(&path, kept.as_deref());
        taken.map_err(|error| format!("cannot take away {}: {}", shown(&path), plain(&error)))?;
        taken_away = true;
        let said = if kept.is_some() { "uninstalled; what was there before is there again" } else { "uninstalled" };
        writeln!(out, "{}: {said}", shown(&path))?;
    }
    // Where git makes none, `install` did.
    if taken_away && place.hooks.own {
        write::take_back_folder(&place.hooks.folder);
    }
    Ok(0)
}

fn status(path: &Path) -> Result<u8, Stopped> {
    let place = Place::find(path)?;
    let mut out = io::stdout().lock();
    writeln!(out, "git looks for hooks in {}{}", shown(&place.hooks.folder), place.named())?;
    let (mut installed, mut fails) = (false, false);
    for hook in Hook::ALL {
        let (said, state) = place.state(hook);
        writeln!(out, "  {:10}  {said}", hook.name())?;
        installed |= state.is_some();
        fails |= state == Some(false);
    }
    for note in place.notes() {
        writeln!(out, "note: {note}")?;
    }
    Ok(if installed && !fails { 0 } else { FINDINGS })
}
