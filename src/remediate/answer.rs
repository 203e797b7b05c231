//! What an answer says. In: an HTTP answer. Out: data, or what kind of no it is. Only the server's own words count as a no: a
//! page that some proxy made up says nothing about a key.

use serde_json::Value;

use super::transport::Answer;
use crate::blob;
use crate::finding::{visible, without_addresses, without_key_shapes};
use crate::secret::Secret;

/// How much of a server's words is shown.
const SHOWN: usize = 160;

/// What a GraphQL server answered.
pub(super) enum Said {
    /// Data, without errors.
    Data(Value),
    /// Data, and beside it errors, as a clause.
    Partly(Value, String),
    /// 401, in the words of the endpoint itself.
    Unauthorized,
    /// The operation names a field or an argument that this server does not know, so nothing was done.
    UnknownField(String),
    /// Something else, as a clause.
    Other(String),
}

/// Reads an answer. `secret` is the credential that it answers: words that repeat it are not shown.
pub(super) fn read(answer: Answer, secret: &Secret<'_>) -> Said {
    let Answer { status, json, location, is_endpoints, .. } = answer;
    let words = json.as_ref().and_then(message).map(|words| shown(words, secret));
    let because = words.as_ref().map(|words| format!(": {words}")).unwrap_or_default();
    let unknown = words.as_ref().filter(|words| names_unknown(words));
    match (status, json) {
        (200 | 400 | 422, Some(_)) if unknown.is_some() => Said::UnknownField(unknown.cloned().unwrap_or_default()),
        (200, Some(Value::Object(mut body))) => {
            let errors = body.get("errors").and_then(Value::as_array).is_some_and(|errors| !errors.is_empty());
            match body.remove("data") {
                Some(data) if !errors && data.is_object() => Said::Data(data),
                Some(data) if data.is_object() && !because.contains("relogin") => {
                    Said::Partly(data, format!("the server answered with errors{because}"))
                }
                _ if because.contains("relogin") => Said::Other(format!(
                    "the server asks for a new login{because}; it answers such questions in a browser only: use the settings page"
                )),
                _ => Said::Other(format!("the server answered with errors{because}")),
            }
        }
        (200, _) => Said::Other("what answered is no W&B server: it sent no JSON object".to_owned()),
        (401, Some(body)) if is_endpoints && is_refusal(&body) => Said::Unauthorized,
        (401, _) => Said::Other("something answered 401 that is not the W&B endpoint, a proxy perhaps".to_owned()),
        (403, _) => Said::Other(format!("the server forbids it (403){because}")),
        (407, _) => Said::Other("a proxy asks for a login (407)".to_owned()),
        (409, _) => Said::Other(format!("the server reports a conflict (409){because}")),
        (429, _) => Said::Other("the server is asked too often (429); try again later".to_owned()),
        (300..=399, _) => {
            let host = location.as_deref().and_then(|to| to.parse::<ureq::http::Uri>().ok());
            let host = host.as_ref().and_then(|to| to.host()).map(|host| format!(" to {}", shown(host, secret)));
            Said::Other(format!("it redirects{} ({status}), and a key follows no redirect", host.unwrap_or_default()))
        }
        (500..=599, _) => Said::Other(format!("the server failed ({status}){because}")),
        _ => Said::Other(format!("an unexpected answer ({status}){because}")),
    }
}

/// Whether a body is a refusal as the back end writes it: one of its three forms of an error, no data, and no member that it does
/// not write. Gateways and proxies that answer in JSON have others (`message`, `status`, `error_description`, `title`).
fn is_refusal(body: &Value) -> bool {
    let Value::Object(fields) = body else { return false };
    let known = |name: &String| matches!(name.as_str(), "errors" | "error" | "data" | "extensions");
    let list = fields.get("errors").is_none_or(|errors| {
        errors
            .as_array()
            .is_some_and(|errors| errors.iter().all(|error| error.get("message").is_some_and(Value::is_string)))
    });
    let empty = |data: &Value| data.as_object().is_none_or(|data| data.values().all(Value::is_null));
    fields.keys().all(known) && list && fields.get("data").is_none_or(empty) && message(body).is_some()
}

/// The message of an error in any of the three forms of the back end.
fn message(body: &Value) -> Option<&str> {
    let first = body.get("errors").and_then(Value::as_array).and_then(|errors| errors.first());
    let error = body.get("error");
    let said = [first.and_then(|error| error.get("message")), error.and_then(|error| error.get("message")), error];
    said.into_iter().flatten().find_map(Value::as_str)
}

fn names_unknown(words: &str) -> bool {
    words.contains("Cannot query field") || words.contains("Unknown argument")
}

/// Words of a server as they may be shown: short, on one line, without e-mail addresses, without keys of any shape and without
/// pieces of this one.
pub(super) fn shown(words: &str, secret: &Secret<'_>) -> String {
    if repeats(words, secret) {
        return "(its words repeat the key, so they are not shown)".to_owned();
    }
    let words: String = without_key_shapes(&blob::display(words.as_bytes())).chars().take(SHOWN).collect();
    visible(&without_addresses(&words)).into_owned()
}

/// A server's name as it may be shown beside a key: whole, unless there is a key in it, or a piece of this one.
pub(super) fn shown_server(name: &str, secret: &Secret<'_>) -> String {
    if repeats(name, secret) || without_key_shapes(name) != name {
        return "(a name with a key in it)".to_owned();
    }
    visible(name).into_owned()
}

/// Whether a text holds eight characters of a key in a row, beyond what its id shows.
pub(super) fn repeats(text: &str, secret: &Secret<'_>) -> bool {
    const WINDOW: usize = 8;
    #[expect(clippy::disallowed_methods, reason = "it is compared with what must not be shown")]
    let key = secret.expose();
    let id = secret.id();
    let id = id.as_str().trim_end_matches('…').as_bytes();
    let of_key = |window: &[u8]| key.windows(WINDOW).any(|part| part == window);
    let of_id = |window: &[u8]| id.windows(WINDOW).any(|part| part == window);
    text.as_bytes().windows(WINDOW).any(|window| of_key(window) && !of_id(window))
}
