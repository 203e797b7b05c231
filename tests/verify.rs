//! What `verify`, `scan --verify` and `keys` say for every answer of a server, and where a key is sent: to the server that it
//! belongs to, by the operator's word, and nowhere else.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests build their own world and may panic")]

#[path = "support/contract.rs"]
mod contract;
mod support;

use std::path::Path;
use std::process::Output;
use std::sync::Arc;
use std::time::Duration;

use contract::{Contract, Fault};
use serde_json::Value;
use support::{fed, key};

const HTML: &str = "<html><body>Sign in to continue</body></html>";

/// Runs the binary with a text on standard input.
fn run(folder: &Path, arguments: &[&str], input: &str, variables: &[(&str, &str)]) -> Output {
    fed(support::wandward(folder).args(arguments).envs(variables.iter().copied()), input.as_bytes())
}

fn report(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)))
}

fn verify(server: &str, input: &str) -> (Value, i32) {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["verify", "-", "--format", "json", "--timeout", "1", "--base-url", server];
    let output = run(folder.path(), &arguments, input, &[]);
    (report(&output), output.status.code().unwrap())
}

#[test]
fn a_server_whose_name_nobody_knows_is_told() {
    let (report, code) = verify("https://wandb.invalid", &key("v1", "nobody knows"));
    let reason = report["findings"][0]["liveness_reason"].as_str().unwrap();
    assert_eq!(code, 3);
    assert!(
        ["its name cannot be looked up", "no such host is known"].iter().any(|said| reason.contains(said)),
        "{reason}"
    );
}

fn json_error(message: &str) -> String {
    format!("{{\"errors\": [{{\"message\": \"{message}\"}}]}}")
}

#[test]
fn every_answer_has_its_verdict() {
    let json = "application/json";
    let status = |status, kind, body: &str| Some(Fault::Status(status, kind, body.to_owned()));
    let cases: Vec<(&str, Option<Fault>, &str, i32)> = vec![
        ("it is taken", None, "live", 1),
        ("401 of the endpoint", status(401, json, &json_error("invalid API key")), "dead", 0),
        ("401 in another of its forms", status(401, json, "{\"error\": \"api key is revoked\"}"), "dead", 0),
        ("null", status(200, json, "{\"data\": {\"viewer\": null}}"), "dead", 0),
        ("401 of a proxy", status(401, "text/html", HTML), "unknown", 3),
        ("401 with JSON of somebody else", status(401, json, "{\"login\": \"please\"}"), "unknown", 3),
        ("401 without a body", status(401, json, ""), "unknown", 3),
        ("401 with null data", status(401, json, "{\"errors\": [{\"message\": \"x\"}], \"data\": null}"), "dead", 0),
        ("401 of a gateway", status(401, json, "{\"message\": \"Unauthorized\"}"), "unknown", 3),
        (
            "401 of an OAuth gateway",
            status(401, json, "{\"error\": \"invalid_token\", \"error_description\": \"x\"}"),
            "unknown",
            3,
        ),
        (
            "401 of a framework",
            status(401, json, "{\"status\": 401, \"error\": \"Unauthorized\", \"path\": \"/graphql\"}"),
            "unknown",
            3,
        ),
        ("401 with errors of other kinds", status(401, json, "{\"errors\": [\"x\", {\"message\": 1}]}"), "unknown", 3),
        ("401 with a problem", status(401, "application/problem+json", &json_error("invalid API key")), "unknown", 3),
        (
            "401 with the challenge of a proxy that breaks TLS",
            Some(Fault::Header(401, json, "WWW-Authenticate: Negotiate".to_owned(), json_error("invalid API key"))),
            "unknown",
            3,
        ),
        (
            "401 with a proxy's own challenge",
            Some(Fault::Header(401, json, "Proxy-Authenticate: Basic".to_owned(), json_error("invalid API key"))),
            "unknown",
            3,
        ),
        (
            "401 with the challenge of the endpoint",
            Some(Fault::Header(401, json, "WWW-Authenticate: Basic".to_owned(), json_error("invalid API key"))),
            "dead",
            0,
        ),
        (
            "a viewer, and errors beside it",
            status(
                200,
                json,
                "{\"data\": {\"viewer\": {\"username\": \"ada\"}}, \"errors\": [{\"message\": \"teams: too slow\"}]}",
            ),
            "live",
            1,
        ),
        ("403", status(403, json, &json_error("permission denied")), "unknown", 3),
        ("407", status(407, "text/html", HTML), "unknown", 3),
        ("429", Some(Fault::Header(429, json, "Retry-After: 0".to_owned(), json_error("slow down"))), "unknown", 3),
        ("500", status(500, json, &json_error("oops")), "unknown", 3),
        ("503", Some(Fault::Header(503, "text/html", "Retry-After: 0".to_owned(), HTML.to_owned())), "unknown", 3),
        ("200 with a page", status(200, "text/html", HTML), "unknown", 3),
        ("200 with a page that says it is JSON", status(200, json, HTML), "unknown", 3),
        (
            "null with errors",
            status(200, json, "{\"data\": {\"viewer\": null}, \"errors\": [{\"message\": \"x\"}]}"),
            "unknown",
            3,
        ),
        ("no data", status(200, json, "{}"), "unknown", 3),
        ("no viewer", status(200, json, "{\"data\": {}}"), "unknown", 3),
        ("relogin", status(200, json, &json_error("relogin required")), "unknown", 3),
        ("cut off", Some(Fault::Truncated), "unknown", 3),
        ("no answer", Some(Fault::Closed), "unknown", 3),
        ("slow", Some(Fault::Slow(Duration::from_secs(3))), "unknown", 3),
        (
            "a redirect",
            Some(Fault::Header(302, json, "Location: http://127.0.0.1:9/graphql".to_owned(), String::new())),
            "unknown",
            3,
        ),
        (
            "a redirect to null",
            Some(Fault::Header(308, json, "Location: /x".to_owned(), "{\"data\": {\"viewer\": null}}".to_owned())),
            "unknown",
            3,
        ),
    ];
    for kind in ["legacy", "v1"] {
        for (what, fault, liveness, code) in &cases {
            let server = Contract::start();
            let key = key(kind, what);
            server.add(&key, 0, None);
            let fault = fault.clone();
            server.fault(move |_| fault.clone());
            let (report, got) = verify(&server.url, &format!("{key}\n"));
            let finding = &report["findings"][0];
            assert_eq!((finding["liveness"].as_str().unwrap(), got), (*liveness, *code), "{what}: {report}");
            assert_eq!(finding["server"], server.url.as_str(), "{what}");
        }
    }
}

#[test]
fn a_live_key_has_an_owner_and_a_dead_one_has_none() {
    let server = Contract::start();
    let keys = ["ada", "bot", "root", "gone"].map(|name| key("v1", name));
    (0..3).for_each(|user| drop(server.add(&keys[user], user, None)));
    server.add(&keys[3], 0, None);
    server.state().keys[3].dead = true;
    let input = keys.join("\n");
    let (report, code) = verify(&server.url, &input);
    assert_eq!(code, 1);
    let told: Vec<(String, Value)> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| (finding["liveness"].as_str().unwrap().to_owned(), finding["owner"].clone()))
        .collect();
    assert_eq!(told[0].1["user"], "ada");
    assert_eq!(told[0].1["entity"], "ada-entity");
    assert_eq!(told[0].1["teams"], serde_json::json!(["vision", "speech"]));
    assert_eq!(told[1].1["account_type"], "service");
    assert_eq!(told[2].1["admin"], true);
    assert_eq!(told[3], ("dead".to_owned(), Value::Null));
    let state = server.state();
    assert!(state.got.iter().all(|got| got.agent.starts_with("W&B Public Client ") && got.agent.contains("wandward/")));
    assert!(state.got.iter().all(|got| !got.query.contains("email")));
    assert_eq!(state.got.len(), 4);
}

#[test]
fn a_server_that_knows_fewer_fields_is_asked_for_fewer() {
    let server = Contract::start();
    let key = key("legacy", "old");
    server.add(&key, 0, None);
    server.state().absent.insert("accountType");
    let (report, code) = verify(&server.url, &key);
    assert_eq!((report["findings"][0]["liveness"].as_str(), code), (Some("live"), 1), "{report}");
}

#[test]
fn reads_are_tried_again_and_each_key_is_asked_about_once() {
    let server = Contract::start();
    let key = key("v1", "again");
    server.add(&key, 0, None);
    let left = std::sync::Mutex::new(2);
    server.fault(move |_| {
        let mut left = left.lock().unwrap();
        *left -= i32::from(*left >= 0);
        (*left >= 0).then(|| Fault::Header(503, "text/plain", "Retry-After: 0".to_owned(), String::new()))
    });
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.env", "b.env", "c.env"] {
        std::fs::write(folder.path().join(name), format!("WANDB_API_KEY={key}\n")).unwrap();
    }
    let output = run(folder.path(), &["verify", "--format", "json", "--base-url", &server.url], "", &[]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(report(&output)["findings"].as_array().unwrap().len(), 3);
    assert_eq!(server.state().got.len(), 3);
}

#[test]
fn what_is_scanned_opens_no_door() {
    let server = Contract::start();
    let (mine, theirs) = (key("v1", "mine"), key("v1", "theirs"));
    server.add(&theirs, 0, None);
    let folder = tempfile::tempdir().unwrap();
    let text = format!("WANDB_BASE_URL=http://127.0.0.1:{}\nWANDB_API_KEY={theirs}\n", server.port);
    std::fs::write(folder.path().join(".env"), text).unwrap();
    let netrc = format!("machine 127.0.0.1:{}\n  login user\n  password {mine}\n", server.port);
    std::fs::write(folder.path().join(".netrc"), netrc).unwrap();
    let output = run(folder.path(), &["verify", "--format", "json"], "", &[]);
    assert_eq!(output.status.code(), Some(3));
    for finding in report(&output)["findings"].as_array().unwrap() {
        assert_eq!(finding["liveness"], "unknown");
        assert!(finding["server"].as_str().unwrap().contains("127.0.0.1"), "{finding}");
        assert!(finding["liveness_reason"].as_str().unwrap().contains("--allow-host"), "{finding}");
    }
    assert!(server.state().got.is_empty());
    // The operator's word opens it.
    let output = run(folder.path(), &["verify", "--format", "json", "--allow-host", "127.0.0.1"], "", &[]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(server.state().got.len(), 2);
    // And the environment's stands over what is scanned.
    let other = Contract::start();
    let output = run(folder.path(), &["verify", "--format", "json"], "", &[("WANDB_BASE_URL", &other.url)]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!((other.state().got.len(), server.state().got.len()), (2, 2));
}

#[test]
fn a_prefix_is_sent_as_it_stands_and_never_to_the_public_cloud() {
    let server = Contract::start();
    let key = key("local-v1", "prefix");
    server.add(&key, 0, None);
    let (report, code) = verify(&server.url, &key);
    assert_eq!((report["findings"][0]["liveness"].as_str(), code), (Some("live"), 1));
    assert_eq!(server.state().got[0].key.as_deref(), Some(key.as_str()));
    for cloud in ["https://api.wandb.ai", "https://api.forge.coreweave.com"] {
        let (report, code) = verify(cloud, &key);
        assert_eq!((report["findings"][0]["liveness"].as_str(), code), (Some("unknown"), 3));
        assert!(report["findings"][0]["liveness_reason"].as_str().unwrap().contains("not sent"), "{report}");
    }
}

#[test]
fn what_cannot_be_a_server_is_wrong_usage() {
    let folder = tempfile::tempdir().unwrap();
    for wrong in ["http://wandb.example.com", "ftp://127.0.0.1", "https://user:word@wandb.example.com", "nonsense://"] {
        let output = run(folder.path(), &["verify", "-", "--base-url", wrong], &key("v1", "usage"), &[]);
        assert_eq!(output.status.code(), Some(2), "{wrong}");
    }
}

#[test]
fn lines_that_are_no_keys_are_not_sent_and_not_shown() {
    let server = Contract::start();
    let folder = tempfile::tempdir().unwrap();
    let legacy = key("legacy", "line");
    for wrong in [&legacy[1..], &legacy.to_uppercase(), "ww1-00000000000000000000000000000000", "hunter2hunter2"] {
        let output =
            run(folder.path(), &["verify", "-", "--base-url", &server.url], &format!("{legacy}\n{wrong}\n"), &[]);
        assert_eq!(output.status.code(), Some(2));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("line 2") && !said.contains(&wrong[..8]), "{said}");
    }
    let output = run(folder.path(), &["verify", "-", "--base-url", &server.url], "", &[]);
    assert_eq!((output.status.code(), &output.stdout[..]), (Some(0), &b"No keys.\n"[..]));
    assert!(server.state().got.is_empty());
}

#[test]
fn a_scan_that_verifies_hides_no_live_key() {
    let server = Contract::start();
    let (live, dead) = (key("v1", "live"), key("v1", "dead"));
    server.add(&live, 0, None);
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "a = '{live}'  # wandward: allow[hardcoded-key] made up\nb = '{dead}'  # wandward: allow[hardcoded-key] made up\n"
    );
    std::fs::write(folder.path().join("a.py"), text).unwrap();
    let arguments = ["scan", "--verify", "--base-url", &server.url, "--format"];
    for format in ["json", "jsonl", "pretty"] {
        let output = run(folder.path(), &[&arguments[..], &[format]].concat(), "", &[]);
        assert_eq!(output.status.code(), Some(4), "{format}");
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("live") && text.contains("ada"), "{format}: {text}");
        if format == "json" {
            let report: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(report["findings"].as_array().unwrap().len(), 1);
            assert_eq!(report["suppressed"].as_array().unwrap().len(), 1);
        }
    }
    assert_eq!(run(folder.path(), &["scan"], "", &[]).status.code(), Some(0));
}

#[test]
fn an_answer_that_repeats_the_key_is_not_repeated() {
    let server = Contract::start();
    let key = key("legacy", "echo");
    server.add(&key, 0, None);
    let echo = key.clone();
    let forms: Vec<String> = vec![
        json_error(&format!("no such key {echo}")),
        json_error(&format!("no such key …{}", &echo[12..30])),
        format!(
            "{{\"data\": {{\"viewer\": {{\"username\": \"u{0}\", \"teams\": {{\"edges\": [{{\"node\": {{\"name\": \"{0}\"}}}}]}}}}}}}}",
            &echo[8..]
        ),
    ];
    for form in forms {
        let status = if form.contains("errors") { 403 } else { 200 };
        server.fault(move |_| Some(Fault::Status(status, "application/json", form.clone())));
        for format in ["json", "pretty"] {
            let folder = tempfile::tempdir().unwrap();
            let output = run(folder.path(), &["verify", "-", "--format", format, "--base-url", &server.url], &key, &[]);
            let said = [output.stdout, output.stderr].concat();
            let said = String::from_utf8(said).unwrap();
            assert!(
                key.as_bytes()[4..].windows(8).all(|window| !said.contains(str::from_utf8(window).unwrap())),
                "{said}"
            );
        }
    }
}

/// A certificate authority in a file, and what a server needs to prove that it is `name`.
fn tls(folder: &Path, name: &str) -> (std::path::PathBuf, Arc<rustls::ServerConfig>) {
    let ca_key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let ca = params.self_signed(&ca_key).unwrap();
    let file = folder.join(format!("{name}.pem"));
    std::fs::write(&file, ca.pem()).unwrap();
    let issuer = rcgen::Issuer::new(params, ca_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let private = rustls::pki_types::PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], private)
        .unwrap();
    (file, Arc::new(config))
}

#[test]
fn a_server_that_cannot_prove_its_name_gets_no_key() {
    let folder = tempfile::tempdir().unwrap();
    let key = key("v1", "tls");
    for (name, code) in [("127.0.0.1", 1), ("wrong.example.com", 3)] {
        let (authority, config) = tls(folder.path(), name);
        let server = Contract::start_tls(config);
        server.add(&key, 0, None);
        let variables = [("SSL_CERT_FILE", authority.to_str().unwrap())];
        let output = run(folder.path(), &["verify", "-", "--base-url", &server.url], &key, &variables);
        assert_eq!(output.status.code(), Some(code), "{name}: {}", String::from_utf8_lossy(&output.stdout));
        assert_eq!(server.state().got.len(), usize::from(code == 1));
        // And none trusts an authority that the system does not.
        let output = run(folder.path(), &["verify", "-", "--base-url", &server.url], &key, &[]);
        assert_eq!(output.status.code(), Some(3));
        assert_eq!(server.state().got.len(), usize::from(code == 1));
    }
}

#[test]
fn a_dedicated_cloud_is_asked_through_the_proxy_that_the_environment_names() {
    let folder = tempfile::tempdir().unwrap();
    let (authority, config) = tls(folder.path(), "acme.wandb.io");
    let server = Contract::start_tls(config);
    let key = key("v1", "proxy");
    server.add(&key, 0, None);
    std::fs::write(folder.path().join(".netrc"), format!("machine acme.wandb.io login user password {key}\n")).unwrap();
    let proxy = format!("http://127.0.0.1:{}", server.port);
    let variables = [("HTTPS_PROXY", &*proxy), ("SSL_CERT_FILE", authority.to_str().unwrap())];
    let output = run(folder.path(), &["verify", "--format", "json", ".netrc"], "", &variables);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(report(&output)["findings"][0]["server"], "https://acme.wandb.io");
    assert_eq!(server.state().connects, ["acme.wandb.io:443"]);
    assert!(String::from_utf8(output.stderr).unwrap().contains("proxy 127.0.0.1"));
    // A server on this machine is asked without it.
    let own = Contract::start();
    let arguments = ["verify", "--base-url", &own.url, ".netrc"];
    assert_eq!(run(folder.path(), &arguments, "", &variables).status.code(), Some(0));
    assert_eq!((own.state().got.len(), server.state().connects.len()), (1, 1));
}

#[test]
fn keys_are_listed_by_their_ids() {
    for old in [false, true] {
        let server = Contract::start();
        let kind = if old { "legacy" } else { "v1" };
        let keys: Vec<String> = (0..7).map(|nth| key(kind, &format!("listed {nth}"))).collect();
        for (nth, description) in
            [Some("ci-model-training"), None, Some("test"), Some("laptop"), Some(""), Some("tmp key 2"), Some("x")]
                .into_iter()
                .enumerate()
        {
            server.add(&keys[nth], 0, description);
        }
        server.state().old = old;
        server.state().page = 3;
        let folder = tempfile::tempdir().unwrap();
        let variables = [("WANDB_API_KEY", &*keys[0]), ("WANDB_BASE_URL", &*server.url)];
        let output = run(folder.path(), &["keys", "--format", "json", "--max-age", "90"], "", &variables);
        assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
        let report = report(&output);
        let listed = report["keys"].as_array().unwrap();
        assert_eq!(listed.len(), 7);
        let shown = if old { format!("{}…", &keys[0][..4]) } else { keys[0][..20].to_owned() };
        assert_eq!(listed[0]["id"], shown);
        assert_eq!(listed[0]["name"], "ci-model-training");
        assert_eq!(listed[0]["created"], "2026-01-02T03:04:05");
        let of = |nth: usize| serde_json::to_string(&listed[nth]["findings"]).unwrap();
        assert_eq!(of(0), "[\"stale-key\"]");
        for nth in [1, 2, 4, 5, 6] {
            assert_eq!(of(nth), "[\"nameless-key\",\"stale-key\"]");
        }
        let findings = report["findings"].as_array().unwrap();
        assert_eq!(findings.len(), 12);
        for finding in findings {
            assert_eq!(
                (&finding["location"]["kind"], &finding["severity"]),
                (&Value::from("account"), &Value::from("warning"))
            );
        }
        // In lines, too, the findings come first, and the keys with what was looked at last.
        let lines = run(folder.path(), &["keys", "--format", "jsonl", "--max-age", "90"], "", &variables).stdout;
        let lines: Vec<Value> =
            lines.split(|b| *b == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect();
        assert_eq!((lines.len(), lines[12]["keys"].as_array().unwrap().len()), (13, 7));
        assert!(lines[..12].iter().all(|line| line["finding_id"].is_string()) && lines[12]["coverage"].is_object());
        for format in ["json", "jsonl", "pretty", "markdown"] {
            let output = run(folder.path(), &["keys", "--format", format], "", &variables);
            let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
            let from = if old { 4 } else { 20 };
            for key in &keys {
                assert!(
                    key.as_bytes()[from..].windows(8).all(|window| !said.contains(str::from_utf8(window).unwrap())),
                    "{said}"
                );
            }
        }
    }
}

#[test]
fn dates_that_a_server_does_not_know_are_left_out() {
    let server = Contract::start();
    let key = key("v1", "dates");
    server.add(&key, 0, Some("ci-model-training"));
    let folder = tempfile::tempdir().unwrap();
    for (absent, created, used) in [
        (&["lastUsedAt"][..], true, false),
        (&["createdAt"], false, true),
        (&["createdAt", "lastUsedAt"], false, false),
    ] {
        server.state().absent = absent.iter().copied().collect();
        let output = run(folder.path(), &["keys", "-", "--format", "json", "--base-url", &server.url], &key, &[]);
        assert_eq!(output.status.code(), Some(0));
        let listed = &report(&output)["keys"][0];
        assert_eq!((listed["created"].is_string(), listed["last_used"].is_string()), (created, used), "{absent:?}");
    }
}

#[test]
fn an_administrator_lists_everybodys_keys_and_nobody_else_does() {
    let server = Contract::start();
    let keys = ["ada", "bot", "root"].map(|name| key("v1", name));
    (0..3).for_each(|user| drop(server.add(&keys[user], user, Some("ci-model-training"))));
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["keys", "-", "--all-users", "--format", "json", "--base-url", &server.url];
    let output = run(folder.path(), &arguments, &keys[2], &[]);
    assert_eq!(output.status.code(), Some(0));
    let listed = report(&output)["keys"].clone();
    let owners: Vec<&str> = listed.as_array().unwrap().iter().map(|key| key["owner"].as_str().unwrap()).collect();
    assert_eq!(owners, ["ada", "ci-bot", "root"]);
    assert_eq!(listed[1]["kind"], "service");
    assert_eq!(run(folder.path(), &arguments, &keys[0], &[]).status.code(), Some(3));
}

#[test]
fn the_operators_key_is_that_of_the_variable_or_of_the_netrc() {
    let server = Contract::start();
    let (first, second) = (key("v1", "first"), key("local-legacy", "second"));
    server.add(&first, 0, Some("ci-model-training"));
    server.add(&second, 1, Some("ci-model-training"));
    let folder = tempfile::tempdir().unwrap();
    let netrc = format!(
        "machine x.example.com login user password {first}\nmachine 127.0.0.1:{} login user password {second}\n",
        server.port
    );
    std::fs::write(folder.path().join(".netrc"), netrc).unwrap();
    let home = folder.path().to_str().unwrap();
    let arguments = ["keys", "--base-url", &server.url];
    for (variables, key) in [(&[("HOME", home)][..], &second), (&[("HOME", home), ("WANDB_API_KEY", &*first)], &first)]
    {
        assert_eq!(run(folder.path(), &arguments, "", variables).status.code(), Some(0));
        assert_eq!(server.state().got.last().unwrap().key.as_ref(), Some(key));
    }
    assert_eq!(run(folder.path(), &arguments, "", &[]).status.code(), Some(2));
    // The key of a self-hosted server does not go to the public cloud.
    let output = run(folder.path(), &["keys"], "", &[("WANDB_API_KEY", &*second)]);
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8(output.stderr).unwrap().contains("self-hosted"));
}

#[test]
fn the_public_cloud_that_is_merely_assumed_calls_no_key_dead() {
    let folder = tempfile::tempdir().unwrap();
    let (authority, config) = tls(folder.path(), "api.wandb.ai");
    let server = Contract::start_tls(config);
    let (key, revoked) = (key("v1", "assumed"), key("v1", "revoked"));
    server.add(&revoked, 0, None);
    server.state().keys[0].dead = true;
    let proxy = format!("http://127.0.0.1:{}", server.port);
    let variables = [("HTTPS_PROXY", &*proxy), ("SSL_CERT_FILE", authority.to_str().unwrap())];
    for (name, text, liveness, code) in [
        ("a.env", format!("WANDB_API_KEY={key}\n"), "unknown", 3),
        ("b.netrc", format!("machine api.wandb.ai login user password {key}\n"), "dead", 0),
        ("c.env", format!("WANDB_BASE_URL=https://api.forge.coreweave.com\nWANDB_API_KEY={key}\n"), "dead", 0),
        ("d.env", format!("WANDB_API_KEY={revoked}\n"), "dead", 0),
    ] {
        std::fs::write(folder.path().join(name), text).unwrap();
        let output = run(folder.path(), &["verify", "--format", "json", name], "", &variables);
        let report = report(&output);
        let finding = &report["findings"][0];
        assert_eq!(
            (finding["liveness"].as_str().unwrap(), output.status.code()),
            (liveness, Some(code)),
            "{name}: {report}"
        );
        assert_eq!(finding["server"], "https://api.wandb.ai", "{name}");
        let reason = finding["liveness_reason"].as_str().unwrap();
        assert_eq!(reason.contains("--base-url"), liveness == "unknown", "{name}: {reason}");
    }
    let connects = server.state().connects.clone();
    assert!(connects.len() == 4 && connects.iter().all(|to| to == "api.wandb.ai:443"), "{connects:?}");
}

#[test]
fn a_redirect_takes_no_key_to_another_host() {
    let (server, other) = (Contract::start(), Contract::start());
    let key = key("v1", "redirect");
    let to = format!("Location: {}/graphql", other.url);
    for status in [301, 302, 303, 307, 308] {
        let to = to.clone();
        server.fault(move |_| Some(Fault::Header(status, "application/json", to.clone(), String::new())));
        assert_eq!(verify(&server.url, &key).1, 3);
    }
    let heard = |server: &Contract| {
        let state = server.state();
        (state.got.len(), state.strays)
    };
    assert_eq!(heard(&server), (5, 0));
    assert_eq!(heard(&other), (0, 0), "the other host hears nothing at all");
}

#[test]
fn several_keys_are_asked_about_at_once_and_told_in_their_order() {
    let server = Contract::start();
    let keys: Vec<String> = (0..20).map(|nth| key("v1", &format!("many {nth}"))).collect();
    keys.iter().step_by(2).for_each(|key| drop(server.add(key, 0, None)));
    server.fault(|_| Some(Fault::Slow(Duration::from_millis(40))));
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["verify", "-", "--format", "json", "--base-url", &server.url];
    let output = run(folder.path(), &arguments, &keys.join("\n"), &[]);
    let report = report(&output);
    let told: Vec<(&str, &str)> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| (finding["key"]["id"].as_str().unwrap(), finding["liveness"].as_str().unwrap()))
        .collect();
    let wanted: Vec<(&str, &str)> =
        keys.iter().enumerate().map(|(nth, key)| (&key[..20], ["live", "dead"][nth % 2])).collect();
    assert_eq!(told, wanted);
    let state = server.state();
    assert!((2..=8).contains(&state.most_under_way), "{} at once", state.most_under_way);
    let mut asked: Vec<&str> = state.got.iter().map(|got| got.key.as_deref().unwrap()).collect();
    asked.sort_unstable();
    asked.dedup();
    assert_eq!((asked.len(), state.got.len()), (20, 20), "each key is asked about once");
}

#[test]
fn bare_keys_stand_alone_and_nothing_is_mended_here() {
    let server = Contract::start();
    let folder = tempfile::tempdir().unwrap();
    let key = key("v1", "alone");
    for more in [
        &["-", "--history"][..],
        &["-", "--staged"],
        &["-", "--range", "a..b"],
        &["-", "--ps"],
        &["-", "--host"],
        &["-", "--stdin-name", "x.py"],
        &["-", "x"],
        &[".", "--fix"],
        &[".", "--diff"],
    ] {
        for verb in ["verify", "revoke"] {
            let output = run(folder.path(), &[&[verb, "--base-url", &server.url], more].concat(), &key, &[]);
            assert_eq!(output.status.code(), Some(2), "{verb} {more:?}: {}", String::from_utf8_lossy(&output.stdout));
        }
    }
    assert!(server.state().got.is_empty());
}

#[test]
fn the_name_of_a_server_shows_no_key() {
    let folder = tempfile::tempdir().unwrap();
    for (kind, from) in [("legacy", 0), ("v1", 0), ("legacy", 4), ("v1", 30)] {
        let key = key(kind, "in a url");
        let part = &key[from..usize::min(from + 40, key.len())];
        let text = format!("WANDB_BASE_URL=https://w.example.com/{part}\nWANDB_API_KEY={key}\n");
        std::fs::write(folder.path().join(".env"), text).unwrap();
        let netrc = format!("machine {part}.example.com login user password {key}\n");
        std::fs::write(folder.path().join(".netrc"), netrc).unwrap();
        for format in ["pretty", "json", "jsonl", "markdown"] {
            for verb in ["verify", "revoke"] {
                let output = run(folder.path(), &[verb, "--format", format], "", &[]);
                let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
                assert_eq!(output.status.code(), Some(3), "{said}");
                let shown = if kind == "v1" { 20 } else { 4 };
                let leak =
                    key.as_bytes()[shown..].windows(8).find(|window| said.contains(str::from_utf8(window).unwrap()));
                assert!(leak.is_none(), "{format}: {said}");
            }
        }
    }
}

#[test]
fn a_prompt_shows_nothing_of_the_key() {
    let server = Contract::start();
    let key = key("v1", "prompt");
    server.add(&key, 0, None);
    let folder = tempfile::tempdir().unwrap();
    let script = "import os,pty,sys\npid,fd=pty.fork()\nif pid==0: os.execv(sys.argv[2],sys.argv[2:])\nout=b''\nsent=False\n\
                  while True:\n  try: d=os.read(fd,4096)\n  except OSError: break\n  if not d: break\n  out+=d\n  \
                  if b'not shown' in out and not sent: os.write(fd,sys.argv[1].encode()+b'\\n'); sent=True\n\
                  sys.stdout.buffer.write(out)\nsys.exit(os.waitstatus_to_exitcode(os.waitpid(pid,0)[1]))";
    let mut command = std::process::Command::new("python3");
    command.args(["-c", script, &key, env!("CARGO_BIN_EXE_wandward"), "verify", "-", "--base-url", &server.url]);
    let output = command.current_dir(folder.path()).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!((output.status.code(), said.contains("live: user ada")), (Some(1), true), "{said}");
    assert!(key.as_bytes()[20..].windows(8).all(|window| !said.contains(str::from_utf8(window).unwrap())), "{said}");
}
