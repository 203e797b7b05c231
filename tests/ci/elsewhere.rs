//! CI systems that say what they run for in variables alone, and none at all. In: the variables that they document. Out: which
//! keys are found, and what is said of the choice.

use super::support::ci::Server;
use super::support::ci::key_of;
use super::support::git::leak;

const PULL: &str = "refs/pull/7/merge";
const TOPIC: &str = "refs/heads/topic";
const MAIN: &str = "refs/heads/main";

type Variables = &'static [(&'static str, &'static str)];

/// What is checked out, the variables (`@name` is an id), the keys, and what is said.
type Row = (&'static str, Variables, &'static [&'static str], &'static str);

const ALL: &[&str] = &["old", "mainline", "gone", "kept", "tagged", "untracked"];
const BRANCH: &[&str] = &["gone", "kept"];

#[rustfmt::skip]
const ROWS: &[Row] = &[
    (TOPIC, &[("GITLAB_CI", "true"), ("CI_PIPELINE_SOURCE", "merge_request_event"), ("CI_COMMIT_SHA", "@head"), ("CI_COMMIT_BEFORE_SHA", "@zeros"), ("CI_MERGE_REQUEST_DIFF_BASE_SHA", "@fork"), ("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "main"), ("CI_DEFAULT_BRANCH", "main")], BRANCH, "GitLab CI: merge_request_event"),
    (PULL, &[("GITLAB_CI", "true"), ("CI_PIPELINE_SOURCE", "merge_request_event"), ("CI_COMMIT_SHA", "@merge"), ("CI_MERGE_REQUEST_DIFF_BASE_SHA", "@fork"), ("CI_MERGE_REQUEST_TARGET_BRANCH_SHA", "@main"), ("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA", "@head"), ("CI_MERGE_REQUEST_EVENT_TYPE", "merged_result")], &["gone", "kept", "evil"], "configuration and baseline are those of"),
    (TOPIC, &[("GITLAB_CI", "true"), ("CI_PIPELINE_SOURCE", "push"), ("CI_COMMIT_SHA", "@head"), ("CI_COMMIT_BEFORE_SHA", "@first"), ("CI_COMMIT_REF_NAME", "topic"), ("CI_DEFAULT_BRANCH", "main")], &["kept"], "GitLab CI: push of refs/heads/topic"),
    (TOPIC, &[("GITLAB_CI", "true"), ("CI_PIPELINE_SOURCE", "push"), ("CI_COMMIT_SHA", "@head"), ("CI_COMMIT_BEFORE_SHA", "@zeros"), ("CI_COMMIT_REF_NAME", "topic"), ("CI_DEFAULT_BRANCH", "main")], BRANCH, "(main)"),
    (MAIN, &[("GITLAB_CI", "true"), ("CI_PIPELINE_SOURCE", "push"), ("CI_COMMIT_SHA", "@main"), ("CI_COMMIT_BEFORE_SHA", "@zeros"), ("CI_COMMIT_REF_NAME", "main"), ("CI_DEFAULT_BRANCH", "main")], &["old", "mainline"], "with all history that is here"),
    (MAIN, &[("GITLAB_CI", "true"), ("CI_PIPELINE_SOURCE", "schedule"), ("CI_COMMIT_SHA", "@main"), ("CI_COMMIT_BEFORE_SHA", "@zeros")], ALL, "scans all that the repository holds"),
    (PULL, &[("GITLAB_CI", "true"), ("CI_PIPELINE_SOURCE", "external_pull_request_event"), ("CI_COMMIT_SHA", "@head"), ("CI_EXTERNAL_PULL_REQUEST_SOURCE_BRANCH_SHA", "@head"), ("CI_EXTERNAL_PULL_REQUEST_TARGET_BRANCH_SHA", "@main")], BRANCH, "external_pull_request_event"),
    (PULL, &[("BITBUCKET_BUILD_NUMBER", "1"), ("BITBUCKET_COMMIT", "@head"), ("BITBUCKET_PR_ID", "7"), ("BITBUCKET_PR_DESTINATION_COMMIT", "@main/12"), ("BITBUCKET_BRANCH", "topic")], &["gone", "kept", "evil"], "Bitbucket Pipelines: pull request"),
    (TOPIC, &[("BITBUCKET_BUILD_NUMBER", "1"), ("BITBUCKET_COMMIT", "@head"), ("BITBUCKET_BRANCH", "topic")], BRANCH, "(the default branch)"),
    (PULL, &[("TF_BUILD", "True"), ("BUILD_REASON", "PullRequest"), ("BUILD_SOURCEVERSION", "@merge"), ("SYSTEM_PULLREQUEST_TARGETBRANCH", "refs/heads/main"), ("SYSTEM_PULLREQUEST_SOURCECOMMITID", "@head"), ("SYSTEM_PULLREQUEST_SOURCEBRANCH", "refs/heads/topic")], &["gone", "kept", "evil"], "Azure Pipelines: PullRequest"),
    (TOPIC, &[("TF_BUILD", "True"), ("BUILD_REASON", "IndividualCI"), ("BUILD_SOURCEVERSION", "@head"), ("BUILD_SOURCEBRANCH", "refs/heads/topic")], BRANCH, "IndividualCI of refs/heads/topic"),
    (MAIN, &[("TF_BUILD", "True"), ("BUILD_REASON", "Schedule"), ("BUILD_SOURCEVERSION", "@main")], ALL, "Schedule"),
    (TOPIC, &[("CIRCLECI", "true"), ("CIRCLE_SHA1", "@head"), ("CIRCLE_BRANCH", "topic"), ("CIRCLE_PULL_REQUEST", "https://github.com/acme/train/pull/7")], BRANCH, "CircleCI: pull request"),
    (MAIN, &[("CIRCLECI", "true"), ("CIRCLE_SHA1", "@main"), ("CIRCLE_BRANCH", "main")], &["old", "mainline"], "with all history that is here"),
    (TOPIC, &[("BUILDKITE", "true"), ("BUILDKITE_COMMIT", "@head"), ("BUILDKITE_BRANCH", "topic"), ("BUILDKITE_PULL_REQUEST", "7"), ("BUILDKITE_PULL_REQUEST_BASE_BRANCH", "main")], BRANCH, "Buildkite: pull request"),
    (TOPIC, &[("BUILDKITE", "true"), ("BUILDKITE_COMMIT", "HEAD"), ("BUILDKITE_BRANCH", "topic"), ("BUILDKITE_PULL_REQUEST", "false"), ("BUILDKITE_PIPELINE_DEFAULT_BRANCH", "main")], BRANCH, "Buildkite: push"),
    (TOPIC, &[("TRAVIS", "true"), ("TRAVIS_EVENT_TYPE", "push"), ("TRAVIS_COMMIT", "@head"), ("TRAVIS_BRANCH", "topic"), ("TRAVIS_COMMIT_RANGE", "@first...@head")], &["kept"], "Travis CI: push of refs/heads/topic"),
    (PULL, &[("TRAVIS", "true"), ("TRAVIS_EVENT_TYPE", "pull_request"), ("TRAVIS_COMMIT", "@merge"), ("TRAVIS_BRANCH", "main"), ("TRAVIS_PULL_REQUEST_SHA", "@head")], &["gone", "kept", "evil"], "Travis CI: pull_request"),
    (TOPIC, &[("JENKINS_URL", "https://ci.example.org/"), ("GIT_COMMIT", "@head"), ("BRANCH_NAME", "PR-7"), ("CHANGE_ID", "7"), ("CHANGE_TARGET", "main"), ("CHANGE_BRANCH", "topic")], BRANCH, "Jenkins: change request"),
    (TOPIC, &[("JENKINS_URL", "https://ci.example.org/"), ("GIT_COMMIT", "@head"), ("BRANCH_NAME", "topic"), ("GIT_PREVIOUS_COMMIT", "@head"), ("GIT_PREVIOUS_SUCCESSFUL_COMMIT", "@first")], &["kept"], "Jenkins: build of refs/heads/topic"),
    (TOPIC, &[("CI", "true")], &["old", "kept", "untracked"], "this CI system says nothing that is known here"),
    (TOPIC, &[], &["old", "kept", "untracked"], "no CI system is known by its variables"),
];

#[test]
fn each_system_is_read_by_its_own_variables() {
    let server = Server::new();
    let ids = regex::Regex::new("@([a-z]+)(/12)?").unwrap();
    for (nth, (at, variables, keys, says)) in ROWS.iter().enumerate() {
        let work = server.checkout(&format!("work {nth}"), at, None);
        work.git(&["remote", "set-head", "origin", "main"]);
        work.write("untracked.env", leak(&key_of("untracked")));
        let id = |found: &regex::Captures<'_>| {
            let id = server.id(&found[1]);
            if found.get(2).is_some() { id[..12].to_owned() } else { id.to_owned() }
        };
        let filled: Vec<(&str, String)> =
            variables.iter().map(|(name, value)| (*name, ids.replace_all(value, id).into_owned())).collect();
        let filled: Vec<(&str, &str)> = filled.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let told = server.elsewhere(&work.path, &filled, &[]);
        told.expect(says, keys, true).says(&[says]);
        // Workflow commands are GitHub's alone.
        assert_eq!(told.annotations(), [""; 0]);
    }
}

#[test]
fn a_tag_that_is_pushed_is_read_itself() {
    let server = Server::new();
    let work = server.checkout("tagged", MAIN, None);
    work.git(&["remote", "set-head", "origin", "main"]);
    let head = work.save("release.txt", "one\n");
    work.git(&["tag", "-a", "v1", "-m", &leak(&key_of("mainline"))]);
    const GITLAB: Variables =
        &[("GITLAB_CI", "true"), ("CI_PIPELINE_SOURCE", "push"), ("CI_COMMIT_TAG", "v1"), ("CI_COMMIT_REF_NAME", "v1")];
    const BITBUCKET: Variables = &[("BITBUCKET_BUILD_NUMBER", "1"), ("BITBUCKET_TAG", "v1")];
    for (system, name) in [(GITLAB, "CI_COMMIT_SHA"), (BITBUCKET, "BITBUCKET_COMMIT")] {
        let variables = [system, &[("CI_DEFAULT_BRANCH", "main"), (name, head.as_str())]].concat();
        server.elsewhere(&work.path, &variables, &[]).expect(name, &["mainline"], true);
    }
}

#[test]
fn a_shallow_checkout_is_told_how_to_fetch_the_rest() {
    let server = Server::new();
    server.repo.git(&["switch", "-q", "--orphan", "clean"]);
    server.repo.save("README.md", "one\n");
    let head = server.repo.save("README.md", "two\n");
    let table: [(&[(&str, &str)], &str); 5] = [
        (&[("GITLAB_CI", "true"), ("CI_PIPELINE_SOURCE", "push"), ("CI_COMMIT_SHA", &head)], "GIT_DEPTH"),
        (&[("BITBUCKET_COMMIT", &head)], "depth: full"),
        (&[("TF_BUILD", "True"), ("BUILD_SOURCEVERSION", &head)], "fetchDepth: 0"),
        (&[("TRAVIS", "true"), ("TRAVIS_COMMIT", &head)], "depth: false"),
        (&[("JENKINS_URL", "x"), ("GIT_COMMIT", &head)], "shallow clone"),
    ];
    let work = server.checkout("shallow", "refs/heads/clean", Some(1));
    for (variables, hint) in table {
        let told = server.elsewhere(&work.path, variables, &[]);
        told.expect(hint, &[], false);
        assert!(told.out.contains(hint), "{}", told.out);
    }
}

#[test]
fn keys_are_sent_for_a_proposal_that_comes_from_within_alone() {
    let server = Server::new();
    let work = server.checkout("work", TOPIC, None);
    const GITLAB: Variables =
        &[("GITLAB_CI", "true"), ("CI_PIPELINE_SOURCE", "merge_request_event"), ("CI_MERGE_REQUEST_PROJECT_ID", "1")];
    const AZURE: Variables = &[("TF_BUILD", "True"), ("BUILD_REASON", "PullRequest")];
    const TRAVIS: Variables =
        &[("TRAVIS", "true"), ("TRAVIS_EVENT_TYPE", "pull_request"), ("TRAVIS_REPO_SLUG", "acme/train")];
    let table = [
        (GITLAB, "CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "1", "2"),
        (AZURE, "SYSTEM_PULLREQUEST_ISFORK", "False", "True"),
        (TRAVIS, "TRAVIS_PULL_REQUEST_SLUG", "acme/train", "mallory/train"),
    ];
    for (variables, name, own, other) in table {
        for (value, sent) in [(Some(own), true), (Some(other), false), (None, false)] {
            let variables = [variables, value.map(|value| (name, value)).as_slice()].concat();
            let told = server.elsewhere(&work.path, &variables, &["--explain"]);
            assert_eq!(told.out.contains("`--verify` would be left out"), !sent, "{variables:?}: {}", told.out);
        }
    }
}
