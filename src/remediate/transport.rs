//! How a question travels: one POST, by TLS or on this machine, with every timeout set, no redirect followed, and no more of an
//! answer read than an answer can be. In: a server, a credential, an operation. Out: what came back, or why nothing did.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::thread;
use std::time::Duration;

use data_encoding::BASE64;
use serde_json::Value;
use ureq::config::Config;
use ureq::http::{HeaderMap, HeaderValue, Uri};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, Proxy};
use zeroize::Zeroizing;

use super::server::{Server, is_loopback, is_public};
use crate::secret::Secret;

/// What W&B asks of whoever asks about keys, and behind it who really asks.
const USER_AGENT: &str = concat!("W&B Public Client 0.31.0 wandward/", env!("CARGO_PKG_VERSION"));
/// The largest answer that is read.
const LARGEST: u64 = 8 << 20;
/// How often a question is asked, if it changes nothing.
const TRIES: u32 = 3;
/// The longest wait that a server may ask for before the next try.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// The proxy that the environment names, and the hosts that it is not for.
#[derive(Clone, Debug)]
pub struct ProxyWords {
    /// Its URL.
    pub url: String,
    /// What `NO_PROXY` says.
    pub not_for: String,
}

/// The environment names a proxy that is none.
#[derive(Debug, thiserror::Error)]
#[error("the environment names a proxy that cannot be used; a URL such as http://proxy.example.com:3128 can")]
pub struct WrongProxy;

/// Asks servers.
pub struct Client {
    timeout: Duration,
    proxy: Option<Proxy>,
}

/// Whether a question may be asked again if no answer comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It changes nothing.
    Read,
    /// It changes something, so it is sent once.
    Mutation,
}

/// What came back.
pub(super) struct Answer {
    /// The HTTP status.
    pub(super) status: u16,
    /// The body, if it is one JSON text and says so.
    pub(super) json: Option<Value>,
    /// Where a redirect points to.
    pub(super) location: Option<String>,
    /// Whether nothing in its head says that somebody on the way wrote it.
    pub(super) is_endpoints: bool,
    wait: Option<Duration>,
}

impl Client {
    /// `timeout` is that of one question, from the look-up of the name to the last byte.
    pub fn new(timeout: Duration, proxy: Option<&ProxyWords>) -> Result<Client, WrongProxy> {
        let proxy = proxy.map(|words| {
            let url = if words.url.contains("://") { words.url.clone() } else { format!("http://{}", words.url) };
            let plain = Proxy::new(&url).map_err(|_| WrongProxy)?;
            let mut builder = Proxy::builder(plain.protocol()).host(plain.host()).port(plain.port());
            for (part, value) in [("user", plain.username()), ("password", plain.password())] {
                builder = match (part, value) {
                    ("user", Some(user)) => builder.username(user),
                    (_, Some(password)) => builder.password(password),
                    _ => builder,
                };
            }
            // A name that only the proxy knows is for the proxy to look up.
            builder = builder.resolve_target(false);
            for host in words.not_for.split(',').map(str::trim).filter(|host| !host.is_empty()) {
                builder = builder.no_proxy(host);
            }
            builder.build().map_err(|_| WrongProxy)
        });
        Ok(Client { timeout, proxy: proxy.transpose()? })
    }

    /// The proxy that questions to a server go through, without its password.
    pub fn proxy_for(&self, server: &Server) -> Option<String> {
        let proxy = self.proxy_of(server)?;
        Some(format!("{}:{}", proxy.host(), proxy.port()))
    }

    fn proxy_of(&self, server: &Server) -> Option<&Proxy> {
        let url: Uri = server.base.parse().ok()?;
        let host = url.host()?;
        self.proxy.as_ref().filter(|proxy| !is_loopback(host) && !proxy.is_no_proxy(&url))
    }

    /// Asks one question. A clause says why there is no answer.
    pub(super) fn post(
        &self,
        server: &Server,
        secret: &Secret<'_>,
        body: &Value,
        kind: Kind,
        as_admin: bool,
    ) -> Result<Answer, String> {
        let agent = self.agent(server);
        let tries = if kind == Kind::Read { TRIES } else { 1 };
        let mut nth = 1;
        loop {
            let answer = self.once(&agent, server, secret, body, as_admin);
            let again = match &answer {
                Ok(answer) => matches!(answer.status, 429 | 500 | 502..=504),
                Err((_, again)) => *again,
            };
            if nth == tries || !again {
                return answer.map_err(|(reason, _)| reason);
            }
            let wait = answer.ok().and_then(|answer| answer.wait).unwrap_or_else(|| backoff(nth));
            thread::sleep(wait.min(LONGEST_WAIT));
            nth += 1;
        }
    }

    fn once(
        &self,
        agent: &Agent,
        server: &Server,
        secret: &Secret<'_>,
        body: &Value,
        as_admin: bool,
    ) -> Result<Answer, (String, bool)> {
        let mut request = agent
            .post(format!("{}/graphql", server.base))
            .header("Content-Type", "application/json")
            .header("Accept", "application/json")
            .header("Authorization", authorization(secret).ok_or(("the key cannot be sent".to_owned(), false))?);
        if as_admin {
            request = request.header("Use-Admin-Privileges", "true");
        }
        let mut response = request.send(body.to_string()).map_err(|error| failure(&error))?;
        let text = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let is_json = text("content-type").is_some_and(|kind| kind.to_ascii_lowercase().contains("json"));
        let wait = text("retry-after").and_then(|seconds| seconds.trim().parse().ok()).map(Duration::from_secs);
        let (status, location) = (response.status().as_u16(), text("location"));
        let is_endpoints = !asks_for_proxy(response.headers()) && is_plain_json(text("content-type").as_deref());
        let bytes = response.body_mut().with_config().limit(LARGEST).read_to_vec().map(Zeroizing::new);
        let bytes = bytes.map_err(|error| match error {
            ureq::Error::BodyExceedsLimit(_) => ("the answer is larger than an answer can be".to_owned(), false),
            error => failure(&error),
        })?;
        let json = is_json.then(|| serde_json::from_slice(&bytes).ok()).flatten();
        Ok(Answer { status, json, location, is_endpoints, wait })
    }

    fn agent(&self, server: &Server) -> Agent {
        let proxy = self.proxy_of(server).cloned();
        let resolver = Addresses { private: server.private || proxy.is_some(), all: DefaultResolver::default() };
        let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
        let config = Config::builder()
            .http_status_as_error(false)
            .https_only(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(proxy)
            .tls_config(tls)
            .user_agent(USER_AGENT)
            .timeout_global(Some(self.timeout))
            .timeout_per_call(Some(self.timeout))
            .timeout_resolve(Some(self.timeout))
            .timeout_connect(Some(self.timeout))
            .timeout_recv_response(Some(self.timeout))
            .timeout_recv_body(Some(self.timeout))
            .build();
        Agent::with_parts(config, DefaultConnector::default(), resolver)
    }
}

/// Whether a head asks for a login as proxies and gateways of companies do, and no W&B server: by a challenge of theirs.
fn asks_for_proxy(head: &HeaderMap) -> bool {
    const SCHEMES: [&str; 4] = ["negotiate", "ntlm", "kerberos", "digest"];
    let challenges = head.get_all("www-authenticate").iter().filter_map(|value| value.to_str().ok());
    let theirs = |challenge: &str| {
        let scheme = challenge.split([' ', ',']).next().unwrap_or_default();
        SCHEMES.iter().any(|own| scheme.eq_ignore_ascii_case(own))
    };
    head.contains_key("proxy-authenticate") || challenges.into_iter().any(theirs)
}

/// Whether a type is that of an endpoint's JSON, and of no problem report of a gateway.
fn is_plain_json(kind: Option<&str>) -> bool {
    let kind = kind.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    ["application/json", "application/graphql-response+json"].iter().any(|own| kind.eq_ignore_ascii_case(own))
}

/// `Basic` of the name `api` and the key.
fn authorization(secret: &Secret<'_>) -> Option<HeaderValue> {
    let mut plain = Zeroizing::new(b"api:".to_vec());
    #[expect(clippy::disallowed_methods, reason = "it is sent to the server that it belongs to")]
    plain.extend_from_slice(secret.expose());
    let mut header = Zeroizing::new(String::from("Basic "));
    BASE64.encode_append(&plain, &mut header);
    let mut header = HeaderValue::from_str(&header).ok()?;
    header.set_sensitive(true);
    Some(header)
}

/// Why there is no answer, and whether another try may bring one.
fn failure(error: &ureq::Error) -> (String, bool) {
    match error {
        ureq::Error::Timeout(_) => ("it did not answer in time".to_owned(), false),
        ureq::Error::HostNotFound => ("no such host is known".to_owned(), false),
        ureq::Error::ConnectionFailed => ("it cannot be reached".to_owned(), true),
        ureq::Error::Io(error) => {
            match (error.get_ref().and_then(|inner| inner.downcast_ref::<Name>()), error.kind()) {
                (Some(wrong), _) => (wrong.to_string(), matches!(wrong, Name::Unknown)),
                (None, std::io::ErrorKind::InvalidData) => ("its certificate does not hold".to_owned(), false),
                (None, kind) => (format!("the connection failed: {kind}"), true),
            }
        }
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) | ureq::Error::Pem(_) => {
            ("its certificate does not hold".to_owned(), false)
        }
        ureq::Error::ConnectProxyFailed(_) => ("the proxy does not connect to it".to_owned(), false),
        ureq::Error::Protocol(_) => ("it does not speak HTTP as a server does".to_owned(), true),
        _ => ("the question could not be sent".to_owned(), false),
    }
}

/// Longer with each try, and not the same for everybody.
fn backoff(nth: u32) -> Duration {
    let jitter = RandomState::new().hash_one(nth) % 250;
    Duration::from_millis(250 * u64::from(nth) + jitter)
}

/// Looks up names, and where it is not asked for private addresses gives none.
#[derive(Debug)]
struct Addresses {
    private: bool,
    all: DefaultResolver,
}

/// What is wrong with a name.
#[derive(Debug, thiserror::Error)]
enum Name {
    #[error(
        "its name stands for an address that is not public, and nobody asked for that (`--base-url`, `--allow-host`)"
    )]
    Private,
    #[error("its name cannot be looked up; is there a network?")]
    Unknown,
}

impl Resolver for Addresses {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        // The system has no kind of error for it.
        let unknown = |error| match error {
            ureq::Error::Io(_) => ureq::Error::Io(std::io::Error::other(Name::Unknown)),
            error => error,
        };
        let found = self.all.resolve(uri, config, timeout).map_err(unknown)?;
        if !self.private && found.iter().any(|address| !is_public(address.ip())) {
            return Err(ureq::Error::Io(std::io::Error::other(Name::Private)));
        }
        Ok(found)
    }
}
