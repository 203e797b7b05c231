//! The other scanners, with nothing but two rules for W&B keys, no decoding, no archives, no validation. In: a folder to write the
//! rules to. Out: programs that read a folder, a history, an index.

use std::fs;
use std::path::{Path, PathBuf};

use crate::run::Side;

/// The two rules in the languages of the peers.
pub struct Peers {
    toml: PathBuf,
    yaml: PathBuf,
}

impl Peers {
    /// Writes the rules.
    pub fn new(place: &Path) -> Peers {
        const LEGACY: &str = r"(?i)wandb.{0,40}?\b([0-9a-f]{40})\b";
        const V1: &str = "wandb_v1_[A-Za-z0-9]{27}_[A-Za-z0-9]{49}";
        let toml = format!(
            "[[rules]]\nid = \"wandb-legacy\"\nregex = '''{LEGACY}'''\nkeywords = [\"wandb\"]\n\
             [[rules]]\nid = \"wandb-v1\"\nregex = '''{V1}'''\nkeywords = [\"wandb_v1_\"]\n"
        );
        let rule = |nth: u8, pattern: &str| {
            format!(
                "  - name: W&B {nth}\n    id: bench.wandb.{nth}\n    pattern: '{pattern}'\n    min_entropy: 0\n    \
                 confidence: medium\n    examples: []\n"
            )
        };
        let peers = Peers { toml: place.join("peers.toml"), yaml: place.join("peer-rules") };
        fs::create_dir(&peers.yaml).unwrap();
        fs::write(&peers.toml, toml).unwrap();
        fs::write(peers.yaml.join("wandb.yml"), format!("rules:\n{}{}", rule(1, LEGACY), rule(2, V1))).unwrap();
        peers
    }

    /// Those that read a folder. ripsecrets cannot be told to use fewer rules.
    pub fn of_folder(&self, folder: &Path) -> Vec<Side> {
        let grep = Side::new("rg -uuu -a -c -F", "rg", "--no-config -uuu -a -c -F wandb_v1_", &[0]);
        let sides = [
            grep,
            self.kingfisher("--git-history none"),
            self.gitleaks("dir"),
            self.betterleaks("fs"),
            Side::new("ripsecrets", "ripsecrets", "", &[0, 1]),
        ];
        sides.into_iter().map(|side| side.with(folder)).collect()
    }

    /// Those that read a history.
    pub fn of_history(&self, repository: &Path) -> Vec<Side> {
        let sides = [
            self.kingfisher("--git-history full --commit-metadata=false"),
            self.gitleaks("git").with("--log-opts=--all --full-history"),
            self.betterleaks("git"),
        ];
        sides.into_iter().map(|side| side.with(repository)).collect()
    }

    /// Those that read what is staged.
    pub fn of_index(&self, repository: &Path) -> Vec<Side> {
        [self.gitleaks("git --staged --pre-commit"), self.betterleaks("git --staged")]
            .into_iter()
            .map(|side| side.with(repository))
            .collect()
    }

    fn kingfisher(&self, words: &str) -> Side {
        let words =
            format!("scan {words} --load-builtins=false --no-validate --no-update-check --no-base64 --rules-path");
        Side::new("kingfisher", "kingfisher", &words, &[0, 200]).with(&self.yaml)
    }

    /// A package of betterleaks installs a `gitleaks` of its own over the real one.
    fn gitleaks(&self, words: &str) -> Side {
        let words = format!("{words} --no-banner --exit-code 0 --max-decode-depth 0 --config");
        Side::new("gitleaks", "gitleaks", &words, &[0]).with(&self.toml).of("version", "8.")
    }

    fn betterleaks(&self, words: &str) -> Side {
        let words = format!("{words} --no-banner --exit-code=0 --max-decode-depth=0 --config");
        Side::new("betterleaks", "betterleaks", &words, &[0]).with(&self.toml)
    }
}

/// git over a repository, with nothing of the user's.
pub fn git(name: &str, repository: &Path, words: &str) -> Side {
    let start = Side::new(name, "git", "-c safe.directory=* -c gc.auto=0 -C", &[0]).with(repository);
    words.split(' ').fold(start, Side::with)
}
