//! What benches look through: lines of each kind, from a seed.
#![allow(dead_code, unreachable_pub, reason = "no bench needs all of them, and each has them to itself")]

use wandward::rule::example::{legacy_key, v1_key};

/// Appends a line of its kind.
pub type Line = fn(&mut Rng, &mut Vec<u8>);

pub const BUFFERS: [(&str, Line); 5] = [
    ("source text", source),
    ("log and JSON lines", log),
    ("SHA-1 list", sha1_list),
    ("hex dump (xxd -p)", hex_dump),
    ("random bytes", noise),
];

/// Lines of one kind, always the same ones.
pub fn buffer(size: usize, line: Line) -> Vec<u8> {
    let mut rng = Rng(0x5EED);
    let mut text = Vec::with_capacity(size + 4096);
    while text.len() < size {
        line(&mut rng, &mut text);
    }
    text.truncate(size);
    text
}

pub const WORDS: &[&str] = &[
    "batch",
    "config",
    "self",
    "return",
    "value",
    "index",
    "loss",
    "model",
    "optimizer",
    "step",
    "path",
    "result",
    "if",
    "else",
    "for",
    "in",
    "import",
    "from",
    "dataset",
    "train",
    "evaluate",
    "name",
    "None",
    "True",
    "error",
    "gradient_accumulation_steps",
    "learning_rate",
    "num_workers",
    "checkpoint",
    "wandb",
    "log",
    "metrics",
    "tensor",
];

pub fn source(rng: &mut Rng, out: &mut Vec<u8>) {
    out.extend(std::iter::repeat_n(b' ', rng.below(5) * 4));
    for _ in 0..2 + rng.below(8) {
        out.extend_from_slice(rng.pick(WORDS).as_bytes());
        out.extend_from_slice(rng.pick(&[" ", " = ", ".", "(", ", ", ") ", "[0] ", " + ", ": ", "_"]).as_bytes());
    }
    match rng.below(4000) {
        0 => out.extend_from_slice(format!(" # since {}", legacy_key(&rng.next().to_string())).as_bytes()),
        1 => out.extend_from_slice(format!(" key=\"{}\"", v1_key(&rng.next().to_string())).as_bytes()),
        _ => {}
    }
    out.push(b'\n');
}

pub fn log(rng: &mut Rng, out: &mut Vec<u8>) {
    let (step, loss, id) = (rng.below(100_000), rng.below(10_000), rng.next());
    let line = match rng.below(3) {
        0 => format!("2026-03-04T12:{:02}:{:02}Z INFO trainer: step {step} loss 0.{loss:04}", step % 60, loss % 60),
        1 => format!("{{\"step\":{step},\"loss\":0.{loss:04},\"trace\":\"{id:016x}{:016x}\"}}", rng.next()),
        _ => format!("127.0.0.1 - - \"GET /api/runs/{id:016x}/files?limit={loss} HTTP/1.1\" 200 {step}"),
    };
    out.extend_from_slice(line.as_bytes());
    out.push(b'\n');
}

/// A line of the log of a run: one in a hundred names W&B, one in five hundred holds a commit id.
pub fn run_log(rng: &mut Rng, out: &mut Vec<u8>) {
    match rng.below(500) {
        0 => {
            out.extend_from_slice(b"2026-03-04T12:00:00Z INFO deploy: checked out ");
            hex(rng, 40, out);
            out.extend_from_slice(b" for the run\n");
        }
        1..6 => out.extend_from_slice(b"2026-03-04T12:00:00Z INFO wandb: Run data is saved locally in wandb/\n"),
        _ => log(rng, out),
    }
}

/// A line that names W&B, with literals that go on, end and follow one another.
pub fn literals(rng: &mut Rng, out: &mut Vec<u8>) {
    let [a, b, c] = [(); 3].map(|()| rng.pick(WORDS));
    let line = match rng.below(5) {
        0 => format!("run = wandb.init(project=\"{a}-{b}\", tags=['{c}', '{a}'])"),
        1 => format!("{a}[\"{b}\"] = \"{c}\" + suffix  # it's the {a}'s own"),
        2 => format!("    [\"{a}\", \"{b}\", \"{c}\"],"),
        3 => format!("message = \"{a} \" \\\n    \"{b}\""),
        _ => format!("<td>{a}</td><td class='{b}'>{c}</td>"),
    };
    out.extend_from_slice(line.as_bytes());
    out.push(b'\n');
}

/// Base64 of text, in lines.
pub fn base64(rng: &mut Rng, out: &mut Vec<u8>) {
    let mut clear = Vec::new();
    while clear.len() < 57 {
        source(rng, &mut clear);
    }
    out.extend_from_slice(data_encoding::BASE64.encode(&clear[..57]).as_bytes());
    out.push(b'\n');
}

/// A line of a program in which keys and commit ids stand in the ways that have to be told apart.
pub fn keys(rng: &mut Rng, out: &mut Vec<u8>) {
    let (seed, word) = (rng.next().to_string(), rng.pick(WORDS));
    let line = match rng.below(24) {
        0 => format!("wandb.login(key=\"{}\")", legacy_key(&seed)),
        1 => format!("os.environ[\"WANDB_API_KEY\"] = \"{}\"", legacy_key(&seed)),
        2 => format!("{word} = \"{}\"", v1_key(&seed)),
        3 => format!("REVISION = \"{}\"", legacy_key(&seed)),
        4 => format!("# fixed in {}, see {word}", legacy_key(&seed)),
        _ => return source(rng, out),
    };
    out.extend_from_slice(line.as_bytes());
    out.push(b'\n');
}

pub fn sha1_list(rng: &mut Rng, out: &mut Vec<u8>) {
    hex(rng, 40, out);
    let (folder, name) = (rng.pick(WORDS), rng.pick(WORDS));
    out.extend_from_slice(format!("  data/{folder}/{name}_{:05}.bin\n", rng.below(100_000)).as_bytes());
}

pub fn hex_dump(rng: &mut Rng, out: &mut Vec<u8>) {
    hex(rng, 60, out);
    out.push(b'\n');
}

pub fn noise(rng: &mut Rng, out: &mut Vec<u8>) {
    out.extend_from_slice(&rng.next().to_le_bytes());
}

pub fn hex(rng: &mut Rng, digits: usize, out: &mut Vec<u8>) {
    out.extend((0..digits).map(|_| b"0123456789abcdef"[rng.below(16)]));
}

/// SplitMix64: the same buffers on every machine, and no dependency.
pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    pub fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }
}
