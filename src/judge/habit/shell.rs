//! Commands as a shell reads them. In: a text and the kind of place it comes from. Out: every command on a line that names
//! W&B, those in quotes, substitutions and strings of programs included, as words with their places.

use std::ops::Range;

use memchr::memchr;

use super::passage::Passage;
use super::value;
use crate::rule::Site;

/// The longest command that is read, in bytes.
const LONGEST: usize = 16 * 1024;
/// How many commands may lie in one another.
const MAX_DEPTH: usize = 4;
/// The longest expression of a template, in bytes.
const LONGEST_TEMPLATE: usize = 256;
/// The most words of a command.
const MOST_WORDS: usize = 2000;

/// A word of a command.
#[derive(Clone, Debug)]
pub(in crate::judge) struct Word {
    /// Where it stands, quotes included.
    pub(in crate::judge) span: Range<usize>,
    /// What it says without its quotes.
    pub(in crate::judge) text: Vec<u8>,
}

/// What ends a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::judge) enum End {
    /// The end of the line, a semicolon, `&&`.
    Line,
    /// What it prints goes to the next command.
    Pipe,
}

/// A command: assignments, the program, its arguments.
#[derive(Clone, Debug)]
pub(in crate::judge) struct Command {
    /// The words, prompts and labels before it left out.
    pub(in crate::judge) words: Vec<Word>,
    /// How it ends.
    pub(in crate::judge) end: End,
    /// Whether what it prints goes to a file.
    pub(in crate::judge) to_file: bool,
    /// Whether another command takes what it prints: `$(…)`.
    pub(in crate::judge) captured: bool,
    /// Whether a shell reads this text for certain; otherwise it may be prose, or a part of a configuration.
    pub(in crate::judge) shell: bool,
}

impl Command {
    /// All of it.
    pub(in crate::judge) fn span(&self) -> Range<usize> {
        let (first, last) = (self.words.first(), self.words.last());
        first.map_or(0, |word| word.span.start)..last.map_or(0, |word| word.span.end)
    }

    /// How many assignments stand before the program.
    pub(in crate::judge) fn assignments(&self) -> usize {
        self.words.iter().take_while(|word| value::assignment(&word.text).is_some()).count()
    }

    /// The program without its folder, if there is one.
    pub(in crate::judge) fn program(&self) -> &[u8] {
        let word = self.words.get(self.assignments()).map(|word| word.text.as_slice()).unwrap_or_default();
        let name = word.rsplit(|b| matches!(b, b'/' | b'\\')).next().unwrap_or_default();
        name.strip_suffix(b".exe").unwrap_or(name)
    }

    /// What follows the program.
    pub(in crate::judge) fn arguments(&self) -> &[Word] {
        self.words.get(self.assignments() + 1..).unwrap_or_default()
    }

    /// Whether a program is known to be one, so that prose is ruled out.
    pub(in crate::judge) fn is_known(&self) -> bool {
        let program = self.words.get(self.assignments());
        // A path with options behind it is a program too.
        let path = program.is_some_and(|word| word.text.contains(&b'/') && word.text.first() != Some(&b'/'))
            && self.arguments().iter().any(|word| word.text.len() > 1 && word.text[0] == b'-');
        // The options of one, to be put behind it.
        let options = matches!(self.program(), b"-e" | b"--env" | b"--build-arg");
        self.shell && !self.program().is_empty() || is_program(program) || path || options
    }
}

/// Programs that start, build or send something, by which a command is known in prose and in configurations.
const PROGRAMS: &[&str] = &[
    "wandb", "weave", "python", "python3", "ipython", "py", "bash", "sh", "zsh", "fish", "srun", "sbatch", "salloc",
    "qsub", "bsub", "pjsub", "mpirun", "mpiexec", "torchrun", "accelerate", "deepspeed", "composer", "uv", "uvx",
    "npx", "node", "npm", "pnpm", "yarn", "bun", "deno", "poetry", "pipenv", "pipx", "conda", "mamba", "micromamba",
    "pixi", "hatch", "tox", "nox", "pytest", "make", "cmake", "just", "task", "docker", "docker-compose", "podman",
    "nerdctl", "buildah", "nvidia-docker", "singularity", "apptainer", "enroot", "kubectl", "oc", "helm", "kustomize",
    "terraform", "tofu", "ray", "sky", "curl", "wget", "http", "https", "ssh", "gcloud", "aws", "az", "claude",
    "codex", "gemini", "code", "cursor", "fly", "flyctl", "railway", "vercel", "modal", "beam", "runpodctl", "jupyter",
    "streamlit", "gradio", "gunicorn", "uvicorn", "cargo", "go", "java", "Rscript", "julia", "cog", "axolotl",
    "llamafactory-cli", "trl", "tune", "litgpt", "horovodrun", "colossalai", "oumi", "swift", "lm_eval", "screen",
    "tmux", "launch", "nohup", "sudo", "env", "time", "exec", "xvfb-run", "dstack", "determined", "det", "mcli",
    "bacalhau", "beaker", "gantry", "papermill", "dvc", "mlflow", "nix", "powershell", "pwsh", "cmd", "parallel",
    "timeout", "nice", "taskset", "numactl", "ansible-playbook",
];

/// Whether a word is the name of a program.
pub(in crate::judge) fn is_program(word: Option<&Word>) -> bool {
    let Some(text) = word.map(|word| word.text.as_slice()) else { return false };
    let name = text.rsplit(|b| matches!(b, b'/' | b'\\')).next().unwrap_or_default();
    let name = name.strip_suffix(b".exe").unwrap_or(name);
    let version = |name: &[u8]| {
        name.strip_prefix(b"python").is_some_and(|rest| rest.iter().all(|b| b.is_ascii_digit() || *b == b'.'))
    };
    let script = [&b".sh"[..], b".py", b".bash", b".slurm", b".sbatch"].iter().any(|end| name.ends_with(end));
    let path = text.starts_with(b"./") && text.len() > 2;
    PROGRAMS.iter().any(|program| program.as_bytes() == name) || version(name) || script || path
}

/// Every command on a line that names W&B for its key, its login or its server, in order.
pub(super) fn commands(passage: &Passage<'_>) -> Vec<Command> {
    let mut found = Vec::new();
    let mut upto = 0;
    let magic = magic(passage.text);
    for &at in passage.cues() {
        if at < upto {
            continue;
        }
        let line = logical_line(passage.text, at);
        upto = line.end;
        // A cell of shell commands begins with `%%bash`.
        let in_shell_cell = magic.iter().any(|cell| cell.contains(&line.start));
        let Some((line, shell)) = commands_in(passage, line, in_shell_cell) else { continue };
        match passage.site {
            Site::Source => strings(passage.text, line, &mut found),
            Site::Notebook if !shell => strings(passage.text, line, &mut found),
            _ => read(passage.text, line, How { shell, captured: false, depth: 0 }, &mut found),
        }
    }
    found
}

/// Where W&B is named.
fn mentions(text: &[u8]) -> impl Iterator<Item = usize> {
    let named = |at: &usize| text[*at..].get(..5).is_some_and(|word| word.eq_ignore_ascii_case(b"wandb"));
    memchr::memchr2_iter(b'w', b'W', text).filter(named)
}

/// The cells of a notebook that a shell reads.
fn magic(text: &[u8]) -> Vec<Range<usize>> {
    let starts = memchr::memmem::find_iter(text, b"%%").filter(|&at| {
        let rest = &text[at + 2..];
        (at == 0 || text[at - 1] == b'\n')
            && [&b"bash"[..], b"sh", b"shell", b"script"].iter().any(|word| rest.starts_with(word))
    });
    let end = |at: usize| memchr::memmem::find(&text[at..], super::passage::CELL).map_or(text.len(), |end| at + end);
    starts.map(|at| at..end(at)).collect()
}

/// The line round `at`, with the lines that a backslash at the end holds together.
fn logical_line(text: &[u8], at: usize) -> Range<usize> {
    let goes_on = |line: &[u8]| line.trim_ascii_end().last() == Some(&b'\\');
    let floor = at.saturating_sub(LONGEST);
    let ceiling = text.len().min(at + LONGEST);
    let mut start = memchr::memrchr(b'\n', &text[floor..at]).map_or(floor, |newline| floor + newline + 1);
    while start > floor {
        let above = memchr::memrchr(b'\n', &text[floor..start - 1]).map_or(floor, |newline| floor + newline + 1);
        if !goes_on(&text[above..start - 1]) {
            break;
        }
        start = above;
    }
    let mut from = at;
    let mut end = memchr(b'\n', &text[from..ceiling]).map_or(ceiling, |newline| from + newline);
    while end < ceiling && goes_on(&text[from..end]) {
        from = end + 1;
        end = memchr(b'\n', &text[from..ceiling]).map_or(ceiling, |newline| from + newline);
    }
    start..end
}

/// Lines by which a scheduler is told what to do, though a shell takes them for comments.
const DIRECTIVES: &[&[u8]] = &[b"#SBATCH", b"#PBS", b"#BSUB", b"#PJM", b"#MSUB", b"#COBALT", b"#flux:"];

/// The part of a line that may be a command, and whether a shell reads it for certain; nothing of a comment.
fn commands_in(passage: &Passage<'_>, line: Range<usize>, in_shell_cell: bool) -> Option<(Range<usize>, bool)> {
    let text = &passage.text[line.clone()];
    let indent = text.len() - text.trim_ascii_start().len();
    let body = &text[indent..];
    let from = |length: usize| line.start + indent + length..line.end;
    if DIRECTIVES.iter().any(|directive| body.starts_with(directive)) {
        return Some((from(1), true));
    }
    let comments: &[&[u8]] = match passage.site {
        Site::Source | Site::Editor => &[b"#", b"//", b"/*"],
        Site::Docs => &[b"#", b"//", b"<!--"],
        _ => &[b"#", b"//", b"REM ", b"rem ", b"::"],
    };
    if comments.iter().any(|comment| body.starts_with(comment)) && !body.starts_with(b"#!") {
        return None;
    }
    match passage.site {
        Site::Notebook => {
            let bang = body.iter().take_while(|b| matches!(b, b'!' | b'%')).count();
            Some((from(bang), bang > 0 || in_shell_cell))
        }
        Site::Script | Site::Process => Some((line, true)),
        Site::Image => {
            let run = body.get(..4).is_some_and(|word| word.eq_ignore_ascii_case(b"RUN "));
            Some(if run { (from(4), true) } else { (line, false) })
        }
        Site::Other => Some((line, passage.text.starts_with(b"#!"))),
        _ => Some((line, false)),
    }
}

/// What the strings of a program say, if it reads like a command.
fn strings(text: &[u8], line: Range<usize>, found: &mut Vec<Command>) {
    let mut at = line.start;
    while at < line.end {
        let quote = text[at];
        if !matches!(quote, b'"' | b'\'' | b'`') {
            at += 1;
            continue;
        }
        let from = at + 1;
        let mut end = from;
        while end < line.end && text[end] != quote {
            end += 1 + usize::from(text[end] == b'\\');
        }
        let end = end.min(line.end);
        if mentions(&text[from..end]).next().is_some() && text[from..end].contains(&b' ') {
            read(text, from..end, How { shell: false, captured: false, depth: 1 }, found);
        }
        at = end + 1;
    }
}

/// How a part of a text is read.
#[derive(Clone, Copy)]
struct How {
    /// Whether a shell reads it for certain.
    shell: bool,
    /// Whether another command takes what it prints.
    captured: bool,
    /// How many commands it lies in.
    depth: usize,
}

/// Reads the commands in a part of a text.
fn read(text: &[u8], span: Range<usize>, how: How, found: &mut Vec<Command>) {
    let How { shell, captured, depth } = how;
    let mut reader = Reader { text, at: span.start, end: span.end, inner: Vec::new() };
    while reader.at < reader.end {
        let (words, end, to_file) = reader.command();
        let words = without_labels(words, shell);
        let speaks = words.first().is_some_and(|word| PRINTERS.contains(&word.text.as_slice()));
        if !words.is_empty() {
            found.push(Command { words, end, to_file, captured, shell });
        }
        let inner = std::mem::take(&mut reader.inner);
        if depth < MAX_DEPTH {
            for (span, substituted) in inner {
                // What is printed is a text, what is substituted a command.
                if (substituted || !speaks) && mentions(&text[span.clone()]).next().is_some() {
                    let captured = captured || (substituted && shell);
                    read(text, span, How { shell: shell && substituted, captured, depth: depth + 1 }, found);
                }
            }
        }
    }
}

/// Programs that print their arguments.
pub(in crate::judge) const PRINTERS: &[&[u8]] = &[b"echo", b"printf", b"print", b"Write-Host", b"Write-Output"];

/// The words of a command without what stands before it: prompts, list markers, labels of YAML, words of a shell's syntax.
fn without_labels(mut words: Vec<Word>, shell: bool) -> Vec<Word> {
    const SYNTAX: &[&[u8]] = &[
        b"then", b"do", b"else", b"elif", b"if", b"while", b"until", b"!", b"{", b"(", b"$", b">", b"%", b"-", b"@",
        b"*", b"+", b">>>", b"RUN", b"CMD", b"ENTRYPOINT", b"time", b"nohup", b"exec", b"command", b"run", b"&", b"in",
    ];
    let skipped = words.iter().take_while(|word| {
        let text = word.text.as_slice();
        let label = !shell && text.len() > 1 && text.ends_with(b":") && !text.contains(&b'/');
        let number = text.strip_suffix(b".").is_some_and(|text| text.iter().all(u8::is_ascii_digit));
        SYNTAX.contains(&text) || label || number
    });
    let skipped = skipped.count();
    words.drain(..skipped);
    // A makefile's recipe says with `@` and `-` how to run it.
    if let Some(first) = words.first_mut() {
        let signs = first.text.iter().take_while(|b| matches!(b, b'@' | b'!')).count();
        if signs < first.text.len() && first.text.len() == first.span.len() {
            first.text.drain(..signs);
            first.span.start += signs;
        }
    }
    words
}

/// Reads words one after the other.
struct Reader<'t> {
    text: &'t [u8],
    at: usize,
    end: usize,
    /// What lies in quotes and may be a command, and what is substituted and is one.
    inner: Vec<(Range<usize>, bool)>,
}

impl Reader<'_> {
    /// The next command, how it ends, and whether it prints into a file.
    fn command(&mut self) -> (Vec<Word>, End, bool) {
        let mut words: Vec<Word> = Vec::new();
        let mut to_file = false;
        let mut redirects = false;
        while self.at < self.end && words.len() < MOST_WORDS {
            let byte = self.text[self.at];
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' => self.at += 1,
                b'\\' if self.breaks_line() => self.at += 1,
                // A comment, up to the end of its line.
                b'#' if words.is_empty() || self.text[self.at - 1].is_ascii_whitespace() => {
                    let line = &self.text[self.at..self.end];
                    self.at = memchr(b'\n', line).map_or(self.end, |length| self.at + length);
                }
                b';' | b'|' | b'&' => {
                    let next = self.text.get(self.at + 1).copied().filter(|_| self.at + 1 < self.end);
                    // `>&2`, `&>`: a redirection.
                    if byte == b'&' && (next == Some(b'>') || redirects) {
                        self.at += 1;
                        continue;
                    }
                    let pipe = byte == b'|' && next != Some(b'|');
                    self.at += 1 + usize::from(next == Some(byte) || (pipe && next == Some(b'&')));
                    return (words, if pipe { End::Pipe } else { End::Line }, to_file);
                }
                // `<(…)`: a file that a command fills.
                b'>' | b'<' if self.text.get(self.at + 1) == Some(&b'(') && self.at + 1 < self.end => {
                    let span = self.at..(self.balanced(self.at + 1) + 1).min(self.end);
                    self.inner.push((self.at + 2..span.end.saturating_sub(1).max(self.at + 2), true));
                    self.at = span.end;
                    words.push(Word { text: b"<()".to_vec(), span });
                }
                b'>' | b'<' => {
                    let signs =
                        self.text[self.at..self.end].iter().take_while(|b| matches!(b, b'>' | b'<' | b'&' | b'|'));
                    let signs = signs.count();
                    // A descriptor before the sign is no word.
                    if let Some(last) = words.last()
                        && last.span.end == self.at
                        && matches!(last.text.as_slice(), b"1" | b"2")
                    {
                        to_file |= last.text == b"1" && byte == b'>';
                        words.pop();
                    } else {
                        to_file |= byte == b'>' && !self.text[self.at..].starts_with(b">&2");
                    }
                    // `<KEY>` stands for a value.
                    if byte == b'<'
                        && signs == 1
                        && let Some(word) = self.placeholder()
                    {
                        words.push(word);
                        continue;
                    }
                    self.at += signs;
                    redirects = true;
                }
                _ => {
                    let word = self.word();
                    if redirects {
                        redirects = false;
                    } else {
                        words.push(word);
                    }
                }
            }
        }
        self.at = if words.len() < MOST_WORDS { self.at } else { self.end };
        (words, End::Line, to_file)
    }

    fn breaks_line(&self) -> bool {
        let rest = &self.text[self.at + 1..self.end];
        rest.iter().find(|b| !matches!(b, b' ' | b'\t' | b'\r')).is_none_or(|&b| b == b'\n')
    }

    /// `<KEY>`, `<your key>`: what somebody is to fill in.
    fn placeholder(&mut self) -> Option<Word> {
        let rest = &self.text[self.at..self.end];
        let close = memchr(b'>', &rest[..rest.len().min(64)])?;
        let inner = &rest[1..close];
        let words = inner.iter().all(|b| b.is_ascii_alphanumeric() || b" _-./&'".contains(b));
        if inner.is_empty() || !words || inner[0] == b' ' {
            return None;
        }
        let span = self.at..self.at + close + 1;
        self.at = span.end;
        Some(Word { text: self.text[span.clone()].to_vec(), span })
    }

    /// The word that begins here.
    fn word(&mut self) -> Word {
        let start = self.at;
        let mut text = Vec::new();
        while self.at < self.end {
            let byte = self.text[self.at];
            match byte {
                b'"' | b'\'' if self.quoted(byte).is_some() => {
                    let close = self.quoted(byte).unwrap_or(self.end);
                    let inner = self.at + 1..close;
                    text.extend_from_slice(&self.text[inner.clone()]);
                    if self.text[inner.clone()].contains(&b' ') {
                        self.inner.push((inner, false));
                    }
                    self.at = close + 1;
                }
                b'`' => {
                    let rest = &self.text[self.at + 1..self.end];
                    let close = memchr(b'`', rest).map_or(self.end, |length| self.at + 1 + length);
                    self.inner.push((self.at + 1..close, true));
                    text.extend_from_slice(&self.text[self.at..(close + 1).min(self.end)]);
                    self.at = (close + 1).min(self.end);
                }
                b'$' if matches!(self.text.get(self.at + 1), Some(b'(' | b'{')) => {
                    let close = self.balanced(self.at + 1);
                    if self.text[self.at + 1] == b'(' {
                        self.inner.push((self.at + 2..close, true));
                    }
                    let end = (close + 1).min(self.end);
                    text.extend_from_slice(&self.text[self.at..end]);
                    self.at = end;
                }
                b'{' if self.text.get(self.at + 1) == Some(&b'{') => {
                    let rest = &self.text[self.at..self.end];
                    let rest = &rest[..rest.len().min(LONGEST_TEMPLATE)];
                    let end = memchr::memmem::find(rest, b"}}").map_or(self.at + 2, |length| self.at + length + 2);
                    text.extend_from_slice(&self.text[self.at..end]);
                    self.at = end;
                }
                b'<' if text.ends_with(b"=") => match self.placeholder() {
                    Some(word) => text.extend_from_slice(&word.text),
                    None => break,
                },
                b'\\' if self.breaks_line() => break,
                b'\\' => {
                    text.extend(self.text.get(self.at + 1).filter(|_| self.at + 1 < self.end));
                    self.at += 2;
                }
                b' ' | b'\t' | b'\r' | b'\n' | b';' | b'|' | b'&' | b'<' | b'>' => break,
                _ => {
                    text.push(byte);
                    self.at += 1;
                }
            }
        }
        self.at = self.at.min(self.end).max(start + 1);
        Word { span: start..self.at.min(self.end), text }
    }

    /// Where the quote that opens here closes.
    fn quoted(&self, quote: u8) -> Option<usize> {
        let mut at = self.at + 1;
        while at < self.end {
            match self.text[at] {
                b'\\' if quote == b'"' => at += 1,
                b'$' if quote == b'"' && self.text.get(at + 1) == Some(&b'(') => at = self.balanced(at + 1),
                byte if byte == quote => return Some(at),
                _ => {}
            }
            at += 1;
        }
        None
    }

    /// Where the bracket that opens at `open` closes.
    fn balanced(&self, open: usize) -> usize {
        let (opens, closes) = if self.text[open] == b'(' { (b'(', b')') } else { (b'{', b'}') };
        let mut depth = 0usize;
        for at in open..self.end {
            match self.text[at] {
                byte if byte == opens => depth += 1,
                byte if byte == closes => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return at;
            }
        }
        self.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Vec<String> {
        let mut found = Vec::new();
        read(text.as_bytes(), 0..text.len(), How { shell: true, captured: false, depth: 0 }, &mut found);
        let words = |command: &Command| {
            command.words.iter().map(|word| String::from_utf8_lossy(&word.text).into_owned()).collect::<Vec<_>>()
        };
        found.iter().map(|command| words(command).join("|")).collect()
    }

    #[test]
    fn words_and_commands_are_those_of_a_shell() {
        for (text, commands) in [
            ("A=1 wandb login \"$K\" # no", vec!["A=1|wandb|login|$K"]),
            ("cd x && wandb \\\n  login 'a b'; ls", vec!["cd|x", "wandb|login|a b", "ls"]),
            ("echo \"$K\" | wandb login > out 2>&1", vec!["echo|$K", "wandb|login"]),
            ("bash -c 'wandb login $K'", vec!["bash|-c|wandb login $K", "wandb|login|$K"]),
            (
                "wandb login \"$(cat ~/.wandb key)\"",
                vec!["wandb|login|$(cat ~/.wandb key)", "$(cat ~/.wandb key)", "cat|~/.wandb|key"],
            ),
            ("wandb login ${{ secrets.KEY }} x", vec!["wandb|login|${{ secrets.KEY }}|x"]),
            ("wandb login <your key>", vec!["wandb|login|<your key>"]),
            ("K=<KEY> wandb", vec!["K=<KEY>|wandb"]),
            ("echo 'run wandb login KEY'", vec!["echo|run wandb login KEY"]),
            ("docker run --env-file <(echo \"K=$K\") x", vec!["docker|run|--env-file|<()|x"]),
            ("\t@wandb login $(KEY)", vec!["wandb|login|$(KEY)"]),
            ("wandb login \"unclosed", vec!["wandb|login|\"unclosed"]),
        ] {
            assert_eq!(said(text), commands, "{text}");
        }
    }
}
