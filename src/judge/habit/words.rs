//! Which words of the pages stand in a text. In: the words, a text, and where it names W&B. Out: for each word yes or no. A word
//! that has W&B's name in it is compared only where that stands, so that it costs a text nothing to be asked for many.

/// The name of W&B, as the survey of a text looks for it.
pub(super) const NAME: &str = "wandb";

/// A word that has W&B's name in it.
struct Word {
    text: String,
    /// Where in it the name begins.
    name: usize,
}

/// The words of all rules that have W&B's name in them.
pub(super) struct Words {
    words: Vec<Word>,
    /// Those of them that go on behind the name, by the next byte.
    by_next: Vec<Vec<usize>>,
    /// Those that end with it.
    ending: Vec<usize>,
}

/// Which of the words a text holds.
pub(super) struct Heard(Vec<bool>);

impl Heard {
    /// Whether any of these words stands in the text.
    pub(super) fn any(&self, words: &[usize]) -> bool {
        words.iter().any(|word| self.0.get(*word).copied().unwrap_or_default())
    }
}

impl Words {
    /// Takes the words that have the name in them.
    pub(super) fn new<'w>(words: impl Iterator<Item = &'w String>) -> Words {
        let mut words: Vec<Word> =
            words.filter_map(|word| Some(Word { name: word.find(NAME)?, text: word.clone() })).collect();
        words.sort_by(|one, other| one.text.cmp(&other.text));
        words.dedup_by(|one, other| one.text == other.text);
        let mut by_next = vec![Vec::new(); 256];
        let mut ending = Vec::new();
        for (nth, word) in words.iter().enumerate() {
            match word.text.as_bytes().get(word.name + NAME.len()) {
                Some(next) => by_next[usize::from(*next)].push(nth),
                None => ending.push(nth),
            }
        }
        Words { words, by_next, ending }
    }

    /// The places of some words in the list; those without the name have none.
    pub(super) fn places(&self, words: &[String]) -> Vec<usize> {
        words.iter().filter_map(|word| self.words.iter().position(|other| other.text == *word)).collect()
    }

    /// Which of the words stand in a text that names W&B at `names`.
    pub(super) fn hear(&self, text: &[u8], names: &[usize]) -> Heard {
        let mut heard = vec![false; self.words.len()];
        for &at in names {
            let next = text.get(at + NAME.len()).map(|next| &self.by_next[usize::from(next.to_ascii_lowercase())]);
            for &nth in next.into_iter().flatten().chain(&self.ending) {
                heard[nth] = heard[nth] || self.words[nth].stands(text, at);
            }
        }
        Heard(heard)
    }
}

impl Word {
    /// Whether it stands in a text round the name at `at`.
    fn stands(&self, text: &[u8], at: usize) -> bool {
        let start = at.checked_sub(self.name);
        let here = start.and_then(|start| text.get(start..start + self.text.len()));
        here.is_some_and(|here| here.eq_ignore_ascii_case(self.text.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_compared_where_the_name_stands() {
        let all = ["wandb", "wandb_key", "api.wandb", "grep wandb", "weave"].map(str::to_owned);
        let words = Words::new(all.iter());
        let heard = |text: &str| {
            let lower = text.to_ascii_lowercase();
            let names: Vec<usize> = lower.match_indices(NAME).map(|(at, _)| at).collect();
            let heard = words.hear(text.as_bytes(), &names);
            all.iter().filter(|word| heard.any(&words.places(&[(*word).clone()]))).cloned().collect::<Vec<_>>()
        };
        assert_eq!(heard("x WANDB_KEY"), ["wandb", "wandb_key"]);
        assert_eq!(heard("https://api.wandb.ai"), ["wandb", "api.wandb"]);
        assert_eq!(heard("wandb"), ["wandb"]);
        assert_eq!(heard("weave"), [""; 0]);
    }
}
