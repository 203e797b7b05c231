//! What goes on beside a scan: a progress line on a terminal, and the signals that end it early.

use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use wandward::scan::Progress;

/// Scans shorter than this show nothing.
const PATIENCE: Duration = Duration::from_secs(1);
const TICK: Duration = Duration::from_millis(100);

/// Runs `work` while watching; tells which signal ended it. A second signal ends the program at once, as does the first
/// where the work waits on standard input and could not see it.
pub(crate) fn watch<T: Send>(
    progress: &Progress,
    show: bool,
    at_once: bool,
    work: impl FnOnce() -> T + Send,
) -> io::Result<(T, Option<u8>)> {
    let signal = Arc::new(AtomicUsize::new(0));
    let armed = Arc::new(AtomicBool::new(at_once));
    for number in [SIGINT, SIGTERM] {
        flag::register_conditional_shutdown(number, 128 + number, Arc::clone(&armed))?;
        flag::register(number, Arc::clone(&armed))?;
        flag::register_usize(number, Arc::clone(&signal), usize::try_from(number).unwrap_or_default())?;
    }
    let done = AtomicBool::new(false);
    let result = thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let started = Instant::now();
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
            while !done.load(Ordering::Acquire) {
                if signal.load(Ordering::Relaxed) != 0 {
                    progress.stop.store(true, Ordering::Relaxed);
                }
                if show && started.elapsed() > PATIENCE {
                    draw(&bar, progress);
                }
                thread::park_timeout(TICK);
            }
            bar.finish_and_clear();
        });
        // A bug in the work must not leave the watcher waiting for its end.
        let result = panic::catch_unwind(AssertUnwindSafe(work));
        done.store(true, Ordering::Release);
        watcher.thread().unpark();
        result.unwrap_or_else(|bug| panic::resume_unwind(bug))
    });
    Ok((result, u8::try_from(signal.load(Ordering::Relaxed)).ok().filter(|&signal| signal > 0)))
}

fn draw(bar: &ProgressBar, progress: &Progress) {
    if bar.is_hidden() {
        bar.set_draw_target(ProgressDrawTarget::stderr());
        bar.set_style(ProgressStyle::default_spinner());
    }
    let files = HumanCount(progress.files.load(Ordering::Relaxed));
    let bytes = HumanBytes(progress.bytes.load(Ordering::Relaxed));
    let findings = progress.findings.load(Ordering::Relaxed);
    let objects = match progress.objects.load(Ordering::Relaxed) {
        0 => String::new(),
        objects => format!("{} objects, ", HumanCount(objects)),
    };
    bar.set_message(format!("{files} files, {objects}{bytes}, {findings} findings"));
    bar.tick();
}

/// A panic is a bug, and its message may hold scanned text: say where it happened, and no more.
pub(crate) fn quiet_panics() {
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map(|at| format!("{}:{}", at.file(), at.line())).unwrap_or_default();
        crate::complain(&format!("internal error at {place}; this is a bug, and the scan is not complete"));
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAYS: &str = "WANDWARD_TEST_PANIC";

    #[test]
    fn a_panic_says_nothing_of_what_it_is_about() {
        #[expect(clippy::disallowed_methods, reason = "the test starts itself")]
        if let Some(key) = std::env::var_os(SAYS) {
            quiet_panics();
            panic!("this has {key:?} in it");
        }
        let key = wandward::rule::example::v1_key("panic");
        #[expect(clippy::disallowed_methods, reason = "the test starts itself")]
        let mut command = std::process::Command::new(std::env::current_exe().expect("it runs"));
        let name = "watch::tests::a_panic_says_nothing_of_what_it_is_about";
        let output = command.args(["--exact", name, "--nocapture"]).env(SAYS, &key).output().expect("it starts");
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(!output.status.success() && said.contains("internal error at"), "{said}");
        assert!(
            key.as_bytes().windows(8).all(|window| !said.as_bytes().windows(8).any(|other| other == window)),
            "{said}"
        );
    }
}
