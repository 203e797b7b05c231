//! Which server a key is asked about at, and whether it may be sent there at all. In: what the operator says, and what stands
//! beside the key. Out: servers to ask, and reasons why others are not. What is scanned names a server but opens no door: only
//! W&B's own hosts and those that the operator allows are ever contacted.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ureq::http::Uri;

/// The server of everybody who has none of their own.
pub const PUBLIC_CLOUD: &str = "https://api.wandb.ai";

/// The hosts that the public cloud answers under, or sends people to.
const PUBLIC_HOSTS: [&str; 11] = [
    "api.wandb.ai",
    "wandb.ai",
    "www.wandb.ai",
    "app.wandb.ai",
    "docs.wandb.ai",
    "trace.wandb.ai",
    "api.inference.wandb.ai",
    "mcp.withwandb.com",
    "api.forge.coreweave.com",
    "forge.coreweave.com",
    "inference.forge.coreweave.com",
];

/// The domain of dedicated clouds.
const DEDICATED: &str = ".wandb.io";

/// Who named a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Named {
    /// The operator, by `--base-url`.
    Operator,
    /// The operator, by `WANDB_BASE_URL`.
    Environment,
    /// What stands beside the key.
    Evidence,
    /// Nobody.
    Assumed,
}

impl Named {
    /// Who it is, as reports say it.
    pub fn phrase(self) -> &'static str {
        match self {
            Named::Operator => "`--base-url` names it",
            Named::Environment => "`WANDB_BASE_URL` names it",
            Named::Evidence => "it is named beside the key",
            Named::Assumed => "assumed, since nothing names another",
        }
    }
}

/// A server.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Server {
    /// Its base URL, without a slash at the end.
    pub base: String,
    /// Who named it.
    pub named: Named,
    /// Whether it may have a private address.
    pub private: bool,
}

impl Server {
    /// Where its users see and delete their keys.
    pub fn settings(&self) -> String {
        if self.base == PUBLIC_CLOUD {
            "https://wandb.ai/settings".to_owned()
        } else {
            format!("{}/settings", self.base)
        }
    }

    /// What a netrc calls it.
    pub fn machine(&self) -> String {
        parse(&self.base).map_or_else(|_| self.base.clone(), |url| url.authority)
    }

    /// Whether a netrc means this server by its `machine`.
    pub fn is_at(&self, machine: &str) -> bool {
        let (Ok(own), Ok(named)) = (parse(&self.base), parse(machine)) else { return false };
        let public = |url: &Parts| PUBLIC_HOSTS.contains(&url.host.as_str());
        own.authority == named.authority || public(&own) && public(&named)
    }

    fn is_public_cloud(&self) -> bool {
        parse(&self.base).is_ok_and(|url| PUBLIC_HOSTS.contains(&url.host.as_str()))
    }
}

/// What is to be done about a key at one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Ask it.
    Ask(Server),
    /// Do not.
    Refuse {
        /// The server, if one is named.
        server: Option<String>,
        /// Who named it.
        named: Named,
        /// Why not.
        reason: String,
    },
}

/// What the operator says about servers.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    base: Option<Server>,
    allowed: Vec<String>,
}

/// Something is wrong with what the operator says.
#[derive(Debug, thiserror::Error)]
#[error("{what} is no server: {reason}")]
pub struct WrongServer {
    what: String,
    reason: &'static str,
}

/// The parts of a base URL.
struct Parts {
    scheme: &'static str,
    host: String,
    authority: String,
    path: String,
}

impl Rules {
    /// The words of the operator: a base URL and who gave it, and hosts that may be asked if what is scanned names them.
    pub fn new(base: Option<(&str, Named)>, allowed: &[String]) -> Result<Rules, WrongServer> {
        let base = base.map(|(text, named)| {
            let wrong =
                |reason| WrongServer { what: named.phrase().split(' ').next().unwrap_or_default().to_owned(), reason };
            let url = parse(text).map_err(wrong)?;
            Ok(Server { base: url.base(), named, private: true })
        });
        for host in allowed {
            let plain = parse(host).is_ok_and(|url| url.authority.eq_ignore_ascii_case(host));
            if !plain {
                return Err(WrongServer {
                    what: "`--allow-host`".to_owned(),
                    reason: "it takes a host, as in wandb.example.com",
                });
            }
        }
        Ok(Rules { base: base.transpose()?, allowed: allowed.to_vec() })
    }

    /// The server that the operator's own credential belongs to.
    pub fn own(&self) -> Server {
        self.base.clone().unwrap_or_else(assumed)
    }

    /// Where to ask about a key, given its on-prem prefix and what stands beside it. There is always an answer.
    pub fn choose(&self, prefix: Option<&str>, beside: &BTreeSet<String>) -> Vec<Choice> {
        let choices: BTreeSet<Server> = match &self.base {
            Some(base) => [base.clone()].into(),
            None if beside.is_empty() => {
                if let Some(prefix) = prefix {
                    let reason = format!(
                        "a `{prefix}-` key is of a self-hosted server, and nothing says which; name it with `--base-url`"
                    );
                    return vec![Choice::Refuse { server: None, named: Named::Assumed, reason }];
                }
                [assumed()].into()
            }
            None => {
                let mut refused = Vec::new();
                let mut servers = BTreeSet::new();
                for text in beside {
                    match self.evidence(text) {
                        Ok(server) => drop(servers.insert(server)),
                        Err(reason) => {
                            refused.push(Choice::Refuse { server: Some(shown(text)), named: Named::Evidence, reason })
                        }
                    }
                }
                return self.without_prefixed(prefix, servers).into_iter().chain(refused).collect();
            }
        };
        self.without_prefixed(prefix, choices)
    }

    /// Why a credential with this on-prem prefix is not sent to a server, if it is not.
    pub fn refuses(&self, server: &Server, prefix: Option<&str>) -> Option<String> {
        let choice = self.without_prefixed(prefix, [server.clone()].into()).pop();
        match choice {
            Some(Choice::Refuse { reason, .. }) => Some(reason),
            _ => None,
        }
    }

    /// The server that is named beside a key, if it may be asked.
    fn evidence(&self, text: &str) -> Result<Server, String> {
        let url = parse(text).map_err(str::to_owned)?;
        let named = Named::Evidence;
        if PUBLIC_HOSTS.contains(&url.host.as_str()) {
            return Ok(Server { base: PUBLIC_CLOUD.to_owned(), named, private: false });
        }
        if url.host.ends_with(DEDICATED) && url.authority == url.host {
            return Ok(Server { base: format!("https://{}", url.host), named, private: false });
        }
        let allowed = |host: &String| host.eq_ignore_ascii_case(&url.authority) || host.eq_ignore_ascii_case(&url.host);
        if self.allowed.iter().any(allowed) {
            return Ok(Server { base: url.base(), named, private: true });
        }
        Err("only what was scanned names this server, so the key is not sent there; if it is yours, say so with `--allow-host` or `--base-url`".to_owned())
    }

    fn without_prefixed(&self, prefix: Option<&str>, servers: BTreeSet<Server>) -> Vec<Choice> {
        let choice = |server: Server| match prefix {
            Some(prefix) if server.is_public_cloud() => Choice::Refuse {
                reason: format!(
                    "a `{prefix}-` key is of a self-hosted server, so it is not sent to the public cloud; name its server with `--base-url`"
                ),
                named: server.named,
                server: Some(server.base),
            },
            _ => Choice::Ask(server),
        };
        servers.into_iter().map(choice).collect()
    }
}

fn assumed() -> Server {
    Server { base: PUBLIC_CLOUD.to_owned(), named: Named::Assumed, private: false }
}

impl Parts {
    fn base(&self) -> String {
        format!("{}://{}{}", self.scheme, self.authority, self.path)
    }
}

/// Takes a base URL apart, or a host, which is asked by TLS unless it is this machine.
fn parse(text: &str) -> Result<Parts, &'static str> {
    let with_scheme = if text.contains("://") { text.to_owned() } else { format!("//{text}") };
    let url = match with_scheme.strip_prefix("//") {
        Some(rest) => format!("https://{rest}").parse::<Uri>(),
        None => with_scheme.parse::<Uri>(),
    };
    let url = url.map_err(|_| "it is no URL")?;
    let authority = url.authority().ok_or("it names no host")?.as_str().to_ascii_lowercase();
    let host = url.host().unwrap_or_default().to_ascii_lowercase();
    if host.ends_with('.') {
        return Err("a host ends in no dot here");
    }
    if host.is_empty() || authority.contains('@') {
        return Err("a URL of a server has a host, and neither a user nor a password");
    }
    if url.query().is_some() {
        return Err("a base URL has no query");
    }
    let given = text.contains("://").then(|| url.scheme_str().unwrap_or_default());
    let scheme = match given {
        Some("https") => "https",
        Some("http") if is_loopback(&host) => "http",
        None if is_loopback(&host) => "http",
        None => "https",
        Some("http") => return Err("a key goes to another machine by https alone"),
        Some(_) => return Err("it is neither https nor http"),
    };
    let authority =
        authority.strip_suffix(if scheme == "https" { ":443" } else { ":80" }).unwrap_or(&authority).to_owned();
    let path = url.path().trim_end_matches('/');
    let path = path.strip_suffix("/graphql").unwrap_or(path).to_owned();
    Ok(Parts { scheme, host, authority, path })
}

/// Whether a host is this machine by its name.
pub(super) fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// Whether an address is one that the whole internet reaches.
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            let special = v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_unspecified()
                || v4.is_broadcast()
                || v4.is_multicast()
                || v4.is_documentation();
            // Carrier-grade NAT, protocol assignments, benchmarks, reserved.
            !(special
                || a == 0
                || a == 100 && (64..128).contains(&b)
                || (a, b, c) == (192, 0, 0)
                || a == 198 && b & 0xfe == 18
                || a >= 240)
        }
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => is_public(IpAddr::V4(v4)),
            None => {
                let [first, second, ..] = v6.segments();
                // What global unicast holds, without documentation and translations of the other family.
                first & 0xe000 == 0x2000 && !(first == 0x2001 && second == 0xdb8) && first != 0x2002
            }
        },
    }
}

/// A server as what was scanned names it, fit to be shown.
fn shown(text: &str) -> String {
    let text = text.replace(|c: char| !c.is_ascii_graphic(), "?");
    crate::blob::display(text.as_bytes()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(rules: &Rules, prefix: Option<&str>, beside: &[&str]) -> Vec<String> {
        let beside = beside.iter().map(|&text| text.to_owned()).collect();
        let choices = rules.choose(prefix, &beside).into_iter();
        choices
            .filter_map(|choice| match choice {
                Choice::Ask(server) => Some(server.base),
                Choice::Refuse { .. } => None,
            })
            .collect()
    }

    #[test]
    fn what_is_scanned_opens_no_door() {
        let rules = Rules::default();
        for (beside, server) in [
            (&[][..], Some(PUBLIC_CLOUD)),
            (&["acme.wandb.io"], Some("https://acme.wandb.io")),
            (&["http://acme.wandb.io/x"], None),
            (&["https://api.forge.coreweave.com"], Some(PUBLIC_CLOUD)),
            (&["wandb.ai"], Some(PUBLIC_CLOUD)),
            (&["evil.example.com"], None),
            (&["wandb.io"], None),
            (&["acme.wandb.io.example.com"], None),
            (&["acme.wandb.io@example.com"], None),
            (&["https://example.com/acme.wandb.io"], None),
            (&["https://example.com#acme.wandb.io"], None),
            (&["https://example.com\\.wandb.io"], None),
            (&["acme.wandb.io:8443"], None),
            (&["127.0.0.1:80"], None),
            (&["localhost"], None),
            (&["https://169.254.169.254"], None),
        ] {
            assert_eq!(asked(&rules, None, beside).first().map(String::as_str), server, "{beside:?}");
        }
    }

    #[test]
    fn the_operator_opens_it() {
        let allow = Rules::new(None, &["w.example.com".to_owned(), "127.0.0.1".to_owned()]).expect("they are hosts");
        assert_eq!(asked(&allow, Some("local"), &["https://w.example.com/api/"]), ["https://w.example.com/api"]);
        assert_eq!(asked(&allow, None, &["127.0.0.1:8080"]), ["http://127.0.0.1:8080"]);
        assert!(asked(&allow, None, &["http://w.example.com"]).is_empty());
        let base = Rules::new(Some(("https://own.example.com/", Named::Operator)), &[]).expect("it is a URL");
        assert_eq!(asked(&base, Some("local"), &["evil.example.com"]), ["https://own.example.com"]);
        for wrong in [
            "http://own.example.com",
            "ftp://x",
            "https://u:p@x.example.com",
            "https://",
            "https://x/?a=b",
            "https://api.wandb.ai.",
            "https://api.wandb.ai.:443",
        ] {
            assert!(Rules::new(Some((wrong, Named::Operator)), &[]).is_err(), "{wrong}");
        }
        assert!(Rules::new(None, &["https://x.example.com".to_owned()]).is_err());
    }

    #[test]
    fn a_prefixed_key_stays_out_of_the_public_cloud() {
        let cloud = Rules::new(Some((PUBLIC_CLOUD, Named::Operator)), &[]).expect("it is a URL");
        for rules in [Rules::default(), cloud] {
            for beside in [&[][..], &["api.wandb.ai"], &["wandb.ai", "api.forge.coreweave.com"]] {
                assert!(asked(&rules, Some("local"), beside).is_empty(), "{beside:?}");
            }
        }
        assert_eq!(asked(&Rules::default(), Some("local"), &["acme.wandb.io"]), ["https://acme.wandb.io"]);
    }

    #[test]
    fn addresses_that_are_not_public_are_known() {
        for private in [
            "10.1.2.3", "127.0.0.1", "169.254.169.254", "100.64.0.1", "192.168.0.1", "0.0.0.0", "::1", "fe80::1",
            "fd00::1", "::ffff:10.0.0.1",
        ] {
            assert!(!is_public(private.parse().expect("an address")), "{private}");
        }
        for public in ["35.186.228.49", "2606:4700::1111"] {
            assert!(is_public(public.parse().expect("an address")), "{public}");
        }
    }
}
