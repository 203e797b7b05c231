//! CI systems that say what they run for in variables alone. In: variables, by their documented names. Out: an event. Where a
//! system tells less than what changed, more is looked at.

use super::{Asks, Commits, Event, Point, Said, System, Whose};
use crate::object::ObjectId;
use crate::source::git::revision::Range;

/// How a system is known, and how it is read.
struct Known {
    is: fn(Said<'_>) -> bool,
    system: System,
    read: fn(Said<'_>) -> (String, Asks, Whose),
    /// Whether it says for certain that a proposal comes from the repository itself.
    within: fn(Said<'_>) -> bool,
}

/// Every system. Those that others run in stand behind them.
const KNOWN: [Known; 7] = [
    Known {
        is: |said| said.is("GITLAB_CI", "true") || said.has("CI_PIPELINE_SOURCE"),
        system: System { name: "GitLab CI", whole: "`GIT_DEPTH: \"0\"` in the `variables:` of the job" },
        read: gitlab,
        within: |said| said.same("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "CI_MERGE_REQUEST_PROJECT_ID"),
    },
    Known {
        is: |said| said.has("BITBUCKET_BUILD_NUMBER") || said.has("BITBUCKET_COMMIT"),
        system: System { name: "Bitbucket Pipelines", whole: "`clone: {depth: full}` in bitbucket-pipelines.yml" },
        read: bitbucket,
        within: |_| false,
    },
    Known {
        is: |said| said.is("TF_BUILD", "true"),
        system: System { name: "Azure Pipelines", whole: "`fetchDepth: 0` at the `checkout:` step" },
        read: azure,
        within: |said| said.is("SYSTEM_PULLREQUEST_ISFORK", "False"),
    },
    Known {
        is: |said| said.is("CIRCLECI", "true"),
        system: System { name: "CircleCI", whole: "`method: full` at the `checkout` step" },
        read: circle,
        within: |_| false,
    },
    Known {
        is: |said| said.is("BUILDKITE", "true"),
        system: System { name: "Buildkite", whole: "BUILDKITE_GIT_CLONE_FLAGS without `--depth`" },
        read: buildkite,
        within: |said| said.same("BUILDKITE_PULL_REQUEST_REPO", "BUILDKITE_REPO"),
    },
    Known {
        is: |said| said.is("TRAVIS", "true"),
        system: System { name: "Travis CI", whole: "`git: {depth: false}` in .travis.yml" },
        read: travis,
        within: |said| said.same("TRAVIS_PULL_REQUEST_SLUG", "TRAVIS_REPO_SLUG"),
    },
    Known {
        is: |said| said.has("JENKINS_URL"),
        system: System { name: "Jenkins", whole: "a checkout without \"shallow clone\"" },
        read: jenkins,
        within: |_| false,
    },
];

const BRINGS_NONE: Asks = Asks::Everything("it brings no commits of its own");

pub(super) fn event(said: Said<'_>) -> Event {
    let Some(known) = KNOWN.iter().find(|known| (known.is)(said)) else {
        let why = if said.has("CI") {
            "this CI system says nothing that is known here of what it runs for"
        } else {
            "no CI system is known by its variables"
        };
        return Event { system: None, name: String::new(), asks: Asks::Files(why), whose: Whose::Tree, stranger: None };
    };
    let (name, asks, whose) = (known.read)(said);
    let stranger = (whose == Whose::Before && !(known.within)(said)).then_some("the proposal may come from a fork");
    Event { system: Some(known.system), name, asks, whose, stranger }
}

/// A proposal to change a branch.
fn proposal(
    name: &str,
    reference: Option<Vec<u8>>,
    tips: [Option<Point>; 2],
    before: &[Vec<Point>],
) -> (String, Asks, Whose) {
    let mut tips: Vec<Point> = tips.into_iter().flatten().collect();
    if tips.is_empty() {
        tips.push(Point::Head);
    }
    let before = before.iter().filter(|group| !group.is_empty()).cloned().collect();
    (
        name.to_owned(),
        Asks::Commits(Commits { reference, tips, before, proposal: true, ..Commits::default() }),
        Whose::Before,
    )
}

/// What a branch or a tag got.
fn update(
    name: &str,
    reference: Option<Vec<u8>>,
    tip: Option<Point>,
    before: Option<Point>,
    default: Option<Point>,
) -> (String, Asks, Whose) {
    let groups = [before, Some(default.unwrap_or(Point::Default))];
    let commits = Commits {
        reference,
        tips: vec![tip.unwrap_or(Point::Head)],
        before: groups.into_iter().flatten().map(|point| vec![point]).collect(),
        ..Commits::default()
    };
    (name.to_owned(), Asks::Commits(commits), Whose::Tree)
}

fn group(points: impl IntoIterator<Item = Option<Point>>) -> Vec<Point> {
    points.into_iter().flatten().collect()
}

fn reference(said: Said<'_>, branch: &str, tag: &str) -> Option<Vec<u8>> {
    said.reference("refs/tags/", tag).or_else(|| said.reference("refs/heads/", branch))
}

fn gitlab(said: Said<'_>) -> (String, Asks, Whose) {
    let source = said.text("CI_PIPELINE_SOURCE").unwrap_or_default();
    let tip = said.point("CI_COMMIT_SHA");
    match source.as_str() {
        "schedule" | "web" | "api" | "trigger" | "chat" | "ondemand_dast_scan" | "pipeline" => {
            (source, BRINGS_NONE, Whose::Tree)
        }
        _ if source == "merge_request_event" || said.has("CI_MERGE_REQUEST_DIFF_BASE_SHA") => {
            let branch = said.reference("refs/heads/", "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME");
            let ids = ["CI_MERGE_REQUEST_TARGET_BRANCH_SHA", "CI_MERGE_REQUEST_DIFF_BASE_SHA"];
            let named = group([said.branch("CI_MERGE_REQUEST_TARGET_BRANCH_NAME")]);
            let head = said.point("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA");
            proposal(&source, branch, [tip, head], &[group(ids.map(|name| said.point(name))), named])
        }
        "external_pull_request_event" => {
            let branch = said.reference("refs/heads/", "CI_EXTERNAL_PULL_REQUEST_SOURCE_BRANCH_NAME");
            let head = said.point("CI_EXTERNAL_PULL_REQUEST_SOURCE_BRANCH_SHA");
            let base = group([said.point("CI_EXTERNAL_PULL_REQUEST_TARGET_BRANCH_SHA")]);
            let named = group([said.branch("CI_EXTERNAL_PULL_REQUEST_TARGET_BRANCH_NAME")]);
            proposal(&source, branch, [tip, head], &[base, named])
        }
        _ => {
            let reference = reference(said, "CI_COMMIT_REF_NAME", "CI_COMMIT_TAG");
            update(&source, reference, tip, said.point("CI_COMMIT_BEFORE_SHA"), said.branch("CI_DEFAULT_BRANCH"))
        }
    }
}

/// Nothing says which commit a push began with. The destination of a pull request is named by the first digits of its id.
fn bitbucket(said: Said<'_>) -> (String, Asks, Whose) {
    let tip = said.point("BITBUCKET_COMMIT");
    if said.has("BITBUCKET_PR_ID") {
        let digits =
            said.text("BITBUCKET_PR_DESTINATION_COMMIT").filter(|text| text.bytes().all(|b| b.is_ascii_hexdigit()));
        let base = group([digits.filter(|digits| digits.len() >= 7).map(Point::Digits)]);
        let named = group([said.branch("BITBUCKET_PR_DESTINATION_BRANCH")]);
        // What is checked out is merged with the destination.
        let branch = said.reference("refs/heads/", "BITBUCKET_BRANCH");
        return proposal("pull request", branch, [tip, Some(Point::Head)], &[base, named]);
    }
    update("push", reference(said, "BITBUCKET_BRANCH", "BITBUCKET_TAG"), tip, None, None)
}

fn azure(said: Said<'_>) -> (String, Asks, Whose) {
    let reason = said.text("BUILD_REASON").unwrap_or_default();
    let tip = said.point("BUILD_SOURCEVERSION");
    match reason.as_str() {
        "PullRequest" => {
            let named = group([said.branch("SYSTEM_PULLREQUEST_TARGETBRANCH")]);
            let branch = said.reference("refs/heads/", "SYSTEM_PULLREQUEST_SOURCEBRANCH");
            proposal(&reason, branch, [tip, said.point("SYSTEM_PULLREQUEST_SOURCECOMMITID")], &[named])
        }
        "Schedule" | "Manual" | "ResourceTrigger" => (reason, BRINGS_NONE, Whose::Tree),
        _ => update(&reason, said.reference("refs/heads/", "BUILD_SOURCEBRANCH"), tip, None, None),
    }
}

/// No variable says what a pull request is for.
fn circle(said: Said<'_>) -> (String, Asks, Whose) {
    let reference = reference(said, "CIRCLE_BRANCH", "CIRCLE_TAG");
    if said.has("CIRCLE_PULL_REQUEST") || said.has("CIRCLE_PR_NUMBER") {
        return proposal("pull request", reference, [said.point("CIRCLE_SHA1"), None], &[vec![Point::Default]]);
    }
    update("push", reference, said.point("CIRCLE_SHA1"), None, None)
}

fn buildkite(said: Said<'_>) -> (String, Asks, Whose) {
    let reference = reference(said, "BUILDKITE_BRANCH", "BUILDKITE_TAG");
    let tip = said.point("BUILDKITE_COMMIT");
    if said.text("BUILDKITE_PULL_REQUEST").is_some_and(|number| number != "false") {
        let named = group([said.branch("BUILDKITE_PULL_REQUEST_BASE_BRANCH")]);
        return proposal("pull request", reference, [tip, None], &[named]);
    }
    if said.is("BUILDKITE_SOURCE", "schedule") {
        return ("schedule".to_owned(), BRINGS_NONE, Whose::Tree);
    }
    update("push", reference, tip, None, said.branch("BUILDKITE_PIPELINE_DEFAULT_BRANCH"))
}

fn travis(said: Said<'_>) -> (String, Asks, Whose) {
    let event = said.text("TRAVIS_EVENT_TYPE").unwrap_or_default();
    let tip = said.point("TRAVIS_COMMIT");
    let began = || {
        let range = Range::parse(&said.bytes("TRAVIS_COMMIT_RANGE")?).ok()?;
        ObjectId::from_hex(&range.from).filter(|id| !id.is_zero()).map(Point::Id)
    };
    match event.as_str() {
        "pull_request" => {
            let branch = said.reference("refs/heads/", "TRAVIS_PULL_REQUEST_BRANCH");
            let named = group([said.branch("TRAVIS_BRANCH")]);
            proposal(&event, branch, [tip, said.point("TRAVIS_PULL_REQUEST_SHA")], &[named, group([began()])])
        }
        "cron" | "api" => (event, BRINGS_NONE, Whose::Tree),
        _ => update(&event, reference(said, "TRAVIS_BRANCH", "TRAVIS_TAG"), tip, began(), None),
    }
}

/// What the last build that succeeded saw is known; what one saw that failed is not done with.
fn jenkins(said: Said<'_>) -> (String, Asks, Whose) {
    let tip = said.point("GIT_COMMIT");
    if said.has("CHANGE_ID") {
        let branch = said.reference("refs/heads/", "CHANGE_BRANCH");
        return proposal("change request", branch, [tip, None], &[group([said.branch("CHANGE_TARGET")])]);
    }
    let branch = if said.has("BRANCH_NAME") { "BRANCH_NAME" } else { "GIT_LOCAL_BRANCH" };
    update("build", reference(said, branch, "TAG_NAME"), tip, said.point("GIT_PREVIOUS_SUCCESSFUL_COMMIT"), None)
}
