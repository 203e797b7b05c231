//! GitHub Actions, and those that speak its language. In: `GITHUB_…` and the payload of a webhook. Out: an event. The list of
//! commits in a payload is cut off by GitHub, so none is taken from it; see "Events that trigger workflows" and "Webhook
//! events and payloads" in GitHub's documentation.

use serde_json::Value;

use super::{Asks, Commits, Event, LONGEST, Point, Said, System, Whose};
use crate::object::ObjectId;

const SYSTEM: System = System { name: "GitHub Actions", whole: "`fetch-depth: 0` in the `with:` of actions/checkout" };

pub(super) fn event(said: Said<'_>, payload: &Value) -> Event {
    let name = said.text("GITHUB_EVENT_NAME").unwrap_or_default();
    let github = Github { said, payload, sha: said.id("GITHUB_SHA") };
    let (asks, whose, stranger) = match name.as_str() {
        "push" => (github.push(), Whose::Tree, None),
        "create" => (Asks::Commits(github.update(github.sha, None)), Whose::Tree, None),
        "delete" => (Asks::Nothing("a branch or a tag was deleted, which brings nothing"), Whose::Tree, None),
        "merge_group" => (github.group(), Whose::Before, None),
        "schedule" | "workflow_dispatch" | "repository_dispatch" => {
            (Asks::Everything("it brings no commits of its own"), Whose::Tree, None)
        }
        name if name.starts_with("pull_request") => (github.proposal(name), Whose::Before, github.stranger(name)),
        // Such a run has the rights of the repository, and may have checked out what anybody brought.
        name => {
            let whose = github.sha.map_or(Whose::Before, Whose::Commit);
            let outside =
                ["workflow_run", "issue_comment", "issues", "discussion", "discussion_comment", "fork", "watch"];
            let stranger = outside.contains(&name).then_some("anybody can cause this event");
            (Asks::Everything("it brings no commits of its own"), whose, stranger)
        }
    };
    Event { system: Some(SYSTEM), name, asks, whose, stranger }
}

#[derive(Clone, Copy)]
struct Github<'g> {
    said: Said<'g>,
    payload: &'g Value,
    sha: Option<ObjectId>,
}

/// An id that is one of something.
fn id(value: &Value) -> Option<ObjectId> {
    ObjectId::from_hex(value.as_str()?.as_bytes()).filter(|id| !id.is_zero())
}

fn name(value: &Value) -> Option<Vec<u8>> {
    value.as_str().filter(|name| !name.is_empty() && name.len() <= LONGEST).map(|name| name.as_bytes().to_vec())
}

fn branch(value: &Value) -> Option<Point> {
    let name = name(value)?;
    Some(Point::Branch(name.strip_prefix(b"refs/heads/").unwrap_or(&name).to_vec()))
}

impl Github<'_> {
    fn push(self) -> Asks {
        let after = &self.payload["after"];
        let is_zero = after.as_str().and_then(|id| ObjectId::from_hex(id.as_bytes())).is_some_and(|id| id.is_zero());
        if self.payload["deleted"] == true || is_zero {
            return Asks::Nothing("the push deletes a branch or a tag, which brings nothing");
        }
        Asks::Commits(self.update(id(after).or(self.sha), id(&self.payload["before"])))
    }

    /// What a reference got.
    fn update(self, after: Option<ObjectId>, before: Option<ObjectId>) -> Commits {
        let default = branch(&self.payload["repository"]["default_branch"]).unwrap_or(Point::Default);
        let before = before.map(|before| vec![Point::Id(before)]);
        Commits {
            reference: self.said.reference("refs/heads/", "GITHUB_REF").or_else(|| name(&self.payload["ref"])),
            tips: vec![after.map_or(Point::Head, Point::Id)],
            also: self.sha.filter(|sha| Some(*sha) != after).map(Point::Id).into_iter().collect(),
            before: before.into_iter().chain([vec![default]]).collect(),
            proposal: false,
        }
    }

    fn group(self) -> Asks {
        let group = &self.payload["merge_group"];
        let head = id(&group["head_sha"]).or(self.sha);
        let groups = [id(&group["base_sha"]).map(Point::Id), branch(&group["base_ref"])];
        Asks::Commits(Commits {
            reference: name(&group["head_ref"]),
            tips: vec![head.map_or(Point::Head, Point::Id)],
            also: self.sha.filter(|sha| Some(*sha) != head).map(Point::Id).into_iter().collect(),
            before: groups.into_iter().flatten().map(|point| vec![point]).collect(),
            proposal: true,
        })
    }

    /// What a pull request would bring, by its own commits and by the one that merges it for the sake of the run.
    fn proposal(self, event: &str) -> Asks {
        let pull = &self.payload["pull_request"];
        let head = id(&pull["head"]["sha"]);
        // For this event alone the run stands on the branch that the pull request is for.
        let merge = match event {
            "pull_request_target" => id(&pull["merge_commit_sha"]),
            _ => self.sha,
        };
        let onto = merge.zip(head).map(|(merge, head)| Point::Onto { merge, head });
        let known: Vec<Point> = id(&pull["base"]["sha"]).map(Point::Id).into_iter().chain(onto).collect();
        let named = branch(&pull["base"]["ref"]).or_else(|| self.said.branch("GITHUB_BASE_REF"));
        let reference = name(&pull["head"]["ref"]).or_else(|| self.said.bytes("GITHUB_HEAD_REF"));
        let merge = merge.filter(|merge| Some(*merge) != head).map(Point::Id);
        let (tips, also) = match head {
            Some(head) => (vec![Point::Id(head)], merge.into_iter().collect()),
            None => (vec![merge.unwrap_or(Point::Head)], Vec::new()),
        };
        Asks::Commits(Commits {
            reference: reference.map(|name| [b"refs/heads/", &name[..]].concat()),
            tips,
            also,
            before: [known, named.into_iter().collect()].into_iter().filter(|group| !group.is_empty()).collect(),
            proposal: true,
        })
    }

    /// Whether the pull request comes from another repository, or nobody can tell.
    fn stranger(self, event: &str) -> Option<&'static str> {
        let repository = |side: &str| self.payload["pull_request"][side]["repo"]["full_name"].as_str();
        if event == "pull_request_target" {
            return Some("anybody can cause this event");
        }
        let same = repository("head").is_some_and(|head| Some(head) == repository("base"));
        (!same).then_some("the pull request comes from a fork")
    }
}
