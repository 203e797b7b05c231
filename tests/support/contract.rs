//! A W&B server for tests, on this machine: the GraphQL operations, the two ways of naming keys, the gate, and every way to go
//! wrong. It records what it got. The real SDK is driven against it, so that it behaves as that expects.
#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]

use std::collections::BTreeSet;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use data_encoding::BASE64;
use serde_json::{Value, json};

/// What it does instead of answering.
#[derive(Clone)]
pub enum Fault {
    /// Answers so.
    Status(u16, &'static str, String),
    /// Answers so, with one more header.
    Header(u16, &'static str, String, String),
    /// Waits first.
    Slow(Duration),
    /// Ends the answer in its middle.
    Truncated,
    /// Ends the connection without an answer.
    Closed,
    /// Does what it is asked to, and ends the connection.
    DoneAndClosed,
    /// Does nothing, and says that it failed to.
    Fails,
    /// Says that it did, and did not.
    Lies,
}

/// What it got.
#[derive(Clone, Debug)]
pub struct Got {
    pub path: String,
    pub host: String,
    pub agent: String,
    pub key: Option<String>,
    pub query: String,
    pub variables: Value,
    pub body: String,
}

/// A user of it.
#[derive(Clone)]
pub struct User {
    pub name: &'static str,
    pub account: &'static str,
    pub admin: bool,
}

/// A key of it.
#[derive(Clone)]
pub struct Row {
    pub node: String,
    pub secret: String,
    pub user: usize,
    pub description: Option<String>,
    pub created: Option<String>,
    pub last_used: Option<String>,
    pub dead: bool,
}

type Faults = Box<dyn Fn(&Got) -> Option<Fault> + Send>;

pub struct State {
    pub users: Vec<User>,
    pub keys: Vec<Row>,
    pub got: Vec<Got>,
    /// Whom it was asked to connect to, as a proxy.
    pub connects: Vec<String>,
    /// The ids of deletions that it was asked for, done or not.
    pub deletions: Vec<String>,
    /// Keys are named by themselves, as old servers do.
    pub old: bool,
    /// Fields and arguments that it does not know.
    pub absent: BTreeSet<&'static str>,
    /// Keys on one page.
    pub page: usize,
    pub faults: Faults,
    /// Questions that are being answered, and the most of them at once.
    pub under_way: usize,
    pub most_under_way: usize,
}

/// The server.
#[derive(Clone)]
pub struct Contract {
    pub url: String,
    pub port: u16,
    state: Arc<Mutex<State>>,
}

impl Contract {
    /// A server that speaks plain HTTP.
    pub fn start() -> Contract {
        Contract::serve(None)
    }

    /// A server that speaks TLS, to those too who reach it as a proxy.
    pub fn start_tls(config: Arc<rustls::ServerConfig>) -> Contract {
        Contract::serve(Some(config))
    }

    fn serve(tls: Option<Arc<rustls::ServerConfig>>) -> Contract {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let users = vec![
            User { name: "ada", account: "USER", admin: false },
            User { name: "ci-bot", account: "SERVICE", admin: false },
            User { name: "root", account: "USER", admin: true },
        ];
        let state = Arc::new(Mutex::new(State {
            users,
            keys: Vec::new(),
            got: Vec::new(),
            connects: Vec::new(),
            deletions: Vec::new(),
            old: false,
            absent: BTreeSet::new(),
            page: 100,
            faults: Box::new(|_| None),
            under_way: 0,
            most_under_way: 0,
        }));
        let scheme = if tls.is_some() { "https" } else { "http" };
        let server = Contract { url: format!("{scheme}://127.0.0.1:{port}"), port, state };
        let serving = server.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (server, tls) = (serving.clone(), tls.clone());
                // What a client does to its connection is no matter of the server's.
                thread::spawn(move || server.connection(stream, tls));
            }
        });
        server
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a key, and gives its node id.
    pub fn add(&self, secret: &str, user: usize, description: Option<&str>) -> String {
        let mut state = self.state();
        let node = BASE64.encode(format!("ApiKey:{}", state.keys.len() + 101).as_bytes());
        let date = Some("2026-01-02T03:04:05".to_owned());
        state.keys.push(Row {
            node: node.clone(),
            secret: secret.to_owned(),
            user,
            description: description.map(str::to_owned),
            created: date.clone(),
            last_used: date,
            dead: false,
        });
        node
    }

    /// Whether a key is taken.
    pub fn takes(&self, secret: &str) -> bool {
        self.state().keys.iter().any(|row| row.secret == secret && !row.dead)
    }

    pub fn fault(&self, faults: impl Fn(&Got) -> Option<Fault> + Send + 'static) {
        self.state().faults = Box::new(faults);
    }

    fn connection(&self, stream: TcpStream, tls: Option<Arc<rustls::ServerConfig>>) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let Some(tls) = tls else { return self.requests(stream) };
        let mut peeked = [0; 7];
        let tunnelled = stream.peek(&mut peeked).is_ok_and(|read| peeked[..read] == b"CONNECT"[..read]);
        if tunnelled {
            let mut reader = BufReader::new(&stream);
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let target = line.split(' ').nth(1).unwrap_or_default().to_owned();
            while line.trim() != "" {
                line.clear();
                reader.read_line(&mut line)?;
            }
            self.state().connects.push(target);
            (&stream).write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
        }
        let session = rustls::ServerConnection::new(tls).map_err(io::Error::other)?;
        self.requests(rustls::StreamOwned::new(session, stream))
    }

    fn requests(&self, stream: impl Read + Write) -> io::Result<()> {
        let mut stream = BufReader::new(stream);
        while let Some((method, got)) = request(&mut stream)? {
            let _under_way = UnderWay::new(self);
            let fault = (self.state().faults)(&got);
            let (status, body) = if method != "POST" || !got.path.ends_with("/graphql") {
                (404, json!({"error": "not found"}))
            } else if matches!(fault, Some(Fault::Status(..) | Fault::Header(..) | Fault::Closed)) {
                self.note(&got);
                (200, Value::Null)
            } else {
                self.answer(&got, &fault)
            };
            let body = body.to_string();
            let out = stream.get_mut();
            match fault {
                Some(Fault::Status(status, kind, body)) => write_answer(out, status, kind, "", &body)?,
                Some(Fault::Header(status, kind, header, body)) => write_answer(out, status, kind, &header, &body)?,
                Some(Fault::Closed | Fault::DoneAndClosed) => return Ok(()),
                Some(Fault::Truncated) => {
                    write!(
                        out,
                        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
                        body.len()
                    )?;
                    out.write_all(&body.as_bytes()[..body.len() / 2])?;
                    return out.flush();
                }
                Some(Fault::Slow(time)) => {
                    thread::sleep(time);
                    write_answer(out, status, "application/json", "", &body)?;
                }
                Some(Fault::Fails | Fault::Lies) | None => write_answer(out, status, "application/json", "", &body)?,
            }
        }
        Ok(())
    }

    fn note(&self, got: &Got) {
        let mut state = self.state();
        state.got.push(got.clone());
        if got.query.contains("deleteApiKey") {
            state.deletions.push(got.variables["id"].as_str().unwrap_or_default().to_owned());
        }
    }

    fn answer(&self, got: &Got, fault: &Option<Fault>) -> (u16, Value) {
        self.note(got);
        let mut state = self.state();
        let words = || got.query.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        if let Some(absent) = words().find(|word| state.absent.contains(word)) {
            return (400, errors(&format!("Cannot query field \"{absent}\" on type \"User\".")));
        }
        let about_keys = ["apiKeys", "ApiKey("].iter().any(|word| got.query.contains(word));
        let gated = got
            .agent
            .strip_prefix("W&B Public Client ")
            .is_none_or(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()));
        if about_keys && gated {
            return (200, errors("relogin required"));
        }
        let Some(key) = got.key.as_deref() else { return (401, errors("authentication required")) };
        let user = match state.keys.iter().find(|row| row.secret == key) {
            Some(row) if row.dead => return (401, errors("invalid API key")),
            Some(row) => Some(row.user),
            None => None,
        };
        if got.query.contains("deleteApiKey") {
            return delete(&mut state, user, got, fault);
        }
        if got.query.contains("generateApiKey") {
            return generate(&mut state, user, got);
        }
        let Some(user) = user else { return (200, json!({"data": {"viewer": null, "users": null}})) };
        if got.query.contains("users(") {
            if !state.users[user].admin {
                return (403, errors("permission denied"));
            }
            let edges: Vec<Value> =
                (0..state.users.len()).map(|nth| json!({"node": viewer(&state, nth, got)})).collect();
            return (
                200,
                json!({"data": {"users": {"edges": edges, "pageInfo": {"hasNextPage": false, "endCursor": null}}}}),
            );
        }
        (200, json!({"data": {"viewer": viewer(&state, user, got)}}))
    }
}

/// A question that is being answered.
struct UnderWay<'s>(&'s Contract);

impl UnderWay<'_> {
    fn new(server: &Contract) -> UnderWay<'_> {
        let mut state = server.state();
        state.under_way += 1;
        state.most_under_way = state.most_under_way.max(state.under_way);
        UnderWay(server)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.state().under_way -= 1;
    }
}

fn errors(message: &str) -> Value {
    json!({"errors": [{"message": message, "path": []}], "data": null})
}

/// What it calls a key: on old servers the key, on new ones its beginning.
pub fn name(secret: &str, old: bool) -> &str {
    let key = secret.rsplit_once('-').map_or(secret, |(_, key)| key);
    if old { secret } else { &key[..20] }
}

fn viewer(state: &State, user: usize, got: &Got) -> Value {
    let User { name: username, account, admin } = state.users[user];
    let own: Vec<&Row> = state.keys.iter().filter(|row| row.user == user && !row.dead).collect();
    let paged = got.query.contains("apiKeys(");
    let after = got.variables["after"].as_str().filter(|_| paged).and_then(|after| after.parse().ok()).unwrap_or(0);
    let size = if paged { state.page } else { own.len() };
    let end = own.len().min(after + size);
    let nodes: Vec<Value> = own[after..end]
        .iter()
        .map(|row| {
            let mut node = json!({
                "id": row.node,
                "name": name(&row.secret, state.old),
                "description": row.description,
                "createdAt": row.created,
                "lastUsedAt": row.last_used,
            });
            if let Some(fields) = node.as_object_mut() {
                fields.retain(|name, _| !state.absent.contains(name.as_str()));
            }
            json!({"node": node})
        })
        .collect();
    json!({
        "id": BASE64.encode(format!("User:{user}").as_bytes()),
        "username": username,
        "name": username,
        "email": format!("{username}@example.test"),
        "entity": format!("{username}-entity"),
        "admin": admin,
        "accountType": account,
        "flags": "{}",
        "deletedAt": null,
        "teams": {"edges": [{"node": {"name": "vision"}}, {"node": {"name": "speech"}}]},
        "apiKeys": {"edges": nodes, "pageInfo": {"hasNextPage": end < own.len(), "endCursor": end.to_string()}},
    })
}

fn field(got: &Got, name: &str) -> String {
    let before = got.query.split(name).next().unwrap_or_default().trim_end();
    match before.strip_suffix(':') {
        Some(alias) => alias.rsplit(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default().to_owned(),
        None => name.to_owned(),
    }
}

fn delete(state: &mut State, user: Option<usize>, got: &Got, fault: &Option<Fault>) -> (u16, Value) {
    let success = |success: bool| json!({"data": {field(got, "deleteApiKey"): {"success": success}}});
    let Some(user) = user else { return (401, errors("authentication required")) };
    match fault {
        Some(Fault::Fails) => return (200, success(false)),
        Some(Fault::Lies) => return (200, success(true)),
        _ => {}
    }
    let id = got.variables["id"].as_str().unwrap_or_default();
    let admin = state.users[user].admin;
    match state.keys.iter_mut().find(|row| row.node == id && !row.dead) {
        Some(row) if row.user == user || admin => row.dead = true,
        Some(_) => return (403, errors("permission denied")),
        None => return (409, errors("api key not found")),
    }
    (200, success(true))
}

fn generate(state: &mut State, user: Option<usize>, got: &Got) -> (u16, Value) {
    let Some(user) = user else { return (401, errors("authentication required")) };
    let nth = state.keys.len();
    let seed = format!("generated {nth}");
    let secret = if state.old { crate::support::key("legacy", &seed) } else { crate::support::key("v1", &seed) };
    let node = BASE64.encode(format!("ApiKey:{}", nth + 101).as_bytes());
    let description = got.variables["description"].as_str().map(str::to_owned);
    let key = json!({"id": node, "name": name(&secret, state.old), "description": description});
    let mut result = json!({"apiKey": key});
    if !state.old {
        result["secretApiKey"] = json!(secret);
    }
    state.keys.push(Row { node, secret, user, description, created: None, last_used: None, dead: false });
    (200, json!({"data": {field(got, "generateApiKey"): result}}))
}

fn request(stream: &mut BufReader<impl Read>) -> io::Result<Option<(String, Got)>> {
    let mut line = String::new();
    if stream.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split(' ').map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut got = Got {
        path,
        host: String::new(),
        agent: String::new(),
        key: None,
        query: String::new(),
        variables: Value::Null,
        body: String::new(),
    };
    let mut length = 0;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let Some((name, value)) = line.split_once(':') else { break };
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "host" => got.host = value.to_owned(),
            "user-agent" => got.agent = value.to_owned(),
            "content-length" => length = value.parse().unwrap_or(0),
            "authorization" => {
                let plain = value.strip_prefix("Basic ").and_then(|value| BASE64.decode(value.as_bytes()).ok());
                let plain = plain.and_then(|plain| String::from_utf8(plain).ok());
                got.key = plain.and_then(|plain| plain.strip_prefix("api:").map(str::to_owned));
            }
            _ => {}
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    got.body = String::from_utf8_lossy(&body).into_owned();
    if let Ok(body) = serde_json::from_slice::<Value>(&body) {
        got.query = body["query"].as_str().unwrap_or_default().to_owned();
        got.variables = body["variables"].clone();
    }
    Ok(Some((method, got)))
}

fn write_answer(out: &mut impl Write, status: u16, kind: &str, header: &str, body: &str) -> io::Result<()> {
    let end = if header.is_empty() { "" } else { "\r\n" };
    let length = body.len();
    write!(
        out,
        "HTTP/1.1 {status} Status\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n{header}{end}\r\n{body}"
    )?;
    out.flush()
}
