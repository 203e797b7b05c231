//! What came of it, told twice. In: the rows of one input. Out: lines for a terminal, with the goals, and Markdown for readers.

use std::fmt::Write as _;

use crate::run::Shares;

/// What is to be reached: a share that must be, and one that is aimed at.
#[derive(Clone, Copy)]
pub enum Goal {
    Wall(f64, f64),
    Memory(f64, f64),
}

/// One program beside ours.
pub struct Row {
    pub name: String,
    pub shares: Result<Shares, String>,
    pub goals: Vec<Goal>,
}

/// One input: what it is, and what was run over it.
pub struct Table {
    pub title: String,
    pub rows: Vec<Row>,
}

impl Table {
    /// For a terminal.
    pub fn text(&self) -> String {
        let mut text = format!("\n{}\n", self.title);
        writeln!(
            text,
            "{:<44}{:>7}{:>12}{:>7}{:>8}{:>8}  pairs",
            "wandward beside", "wall", "", "CPU", "our MB", "its MB"
        )
        .unwrap();
        for row in &self.rows {
            match &row.shares {
                Ok(shares) => writeln!(text, "{:<44}{}{}", row.name, numbers(shares), judged(shares, &row.goals)),
                Err(why) => writeln!(text, "{:<44}{why}", row.name),
            }
            .unwrap();
        }
        text
    }

    /// For a document.
    pub fn markdown(&self) -> String {
        let mut text = format!("\n| {} | wall | CPU | memory |\n|---|--:|--:|--:|\n", self.title);
        for Row { name, shares, .. } in &self.rows {
            let Ok(shares) = shares else { continue };
            let [wall, low, high] = shares.wall;
            let other = |number: Option<f64>| number.map_or("–".to_owned(), short);
            let (cpu, memory) = (other(shares.cpu), other(shares.memory.map(|[_, _, share]| share)));
            writeln!(text, "| {name} | {} ({}–{}) | {cpu} | {memory} |", short(wall), short(low), short(high)).unwrap();
        }
        text
    }
}

fn numbers(shares: &Shares) -> String {
    let [wall, low, high] = shares.wall;
    let cpu = shares.cpu.map_or("–".to_owned(), short);
    let cost = match shares.memory {
        Some([ours, theirs, _]) => format!("{cpu:>7}{ours:>8.0}{theirs:>8.0}"),
        None => format!("{:>23}", "not measured"),
    };
    format!("{:>7}{:>12}{cost}  {}", short(wall), format!("{}–{}", short(low), short(high)), shares.pairs)
}

/// Which of the goals are met.
fn judged(shares: &Shares, goals: &[Goal]) -> String {
    let one = |goal: &Goal| {
        let (what, share, must, aim) = match *goal {
            Goal::Wall(must, aim) => ("", Some(shares.wall[0]), must, aim),
            Goal::Memory(must, aim) => ("memory ", shares.memory.map(|[_, _, share]| share), must, aim),
        };
        let Some(share) = share else { return String::new() };
        let verdict = match share {
            share if share <= aim => "as aimed",
            share if share <= must => "met",
            _ => "missed",
        };
        format!("  {what}≤ {} (aim {}): {verdict}", short(must), short(aim))
    };
    goals.iter().map(one).collect()
}

/// Two digits that tell something.
fn short(number: f64) -> String {
    match number {
        number if number < 0.1 => format!("{number:.3}"),
        number if number < 10.0 => format!("{number:.2}"),
        number => format!("{number:.0}"),
    }
}
