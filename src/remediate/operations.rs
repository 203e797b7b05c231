//! The questions, as the SDK asks them. Each answers under the alias `result` where it changes something, as the SDK's does.
//! In: what a question is about. Out: its text and its variables. None asks for an e-mail address.

use serde_json::{Value, json};

/// Who is asking, in the words that every server knows, and with those that not every one does.
pub(super) const VIEWER: [&str; 2] = [
    "query Viewer { viewer { id username entity admin accountType teams { edges { node { name } } } } }",
    "query Viewer { viewer { id username entity teams { edges { node { name } } } } }",
];

/// The keys of whoever is asking, page by page, and all at once.
pub(super) const KEYS: [&str; 2] = [
    "query Keys($first: Int, $after: String) { viewer { id username entity admin accountType teams { edges { node { name } } } \
     apiKeys(first: $first, after: $after) { edges { node { id name description } } pageInfo { hasNextPage endCursor } } } }",
    "query Keys { viewer { id username entity teams { edges { node { name } } } \
     apiKeys { edges { node { id name description } } } } }",
];

/// The users of a server with their keys; for its administrators.
pub(super) const USERS: [&str; 2] = [
    "query Users($query: String, $first: Int, $after: String) { users(query: $query, first: $first, after: $after) { edges { node { \
     id username accountType apiKeys { edges { node { id name description } } } } } pageInfo { hasNextPage endCursor } } }",
    "query Users($query: String) { users(query: $query) { edges { node { id username \
     apiKeys { edges { node { id name description } } } } } } }",
];

/// A new key: on servers that keep only a digest it is told this once, on old ones its name is the key.
pub(super) const GENERATE: [&str; 2] = [
    "mutation GenerateApiKey($description: String) { result: generateApiKey(input: {description: $description}) { secretApiKey \
     apiKey { id name description } } }",
    "mutation GenerateApiKey($description: String) { result: generateApiKey(input: {description: $description}) { \
     apiKey { id name description } } }",
];

/// The end of a key.
pub(super) const DELETE: &str =
    "mutation DeleteApiKey($id: String!) { result: deleteApiKey(input: {id: $id}) { success } }";

/// When keys were made and used. The names are what the web pages call them; a server that does not know one says so.
pub(super) fn dates(fields: &[&str]) -> String {
    let fields = fields.join(" ");
    format!("query KeyDates {{ viewer {{ apiKeys {{ edges {{ node {{ id {fields} }} }} }} }} }}")
}

/// An operation with its variables.
pub(super) fn body(text: &str, variables: Value) -> Value {
    let name = text.split(['{', '(', ' ']).filter(|word| !word.is_empty()).nth(1).unwrap_or_default();
    json!({"query": text, "variables": variables, "operationName": name})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_is_named_and_balanced() {
        for text in VIEWER.iter().chain(&KEYS).chain(&USERS).chain(&GENERATE).chain(&[DELETE]) {
            let name = body(text, Value::Null)["operationName"].as_str().map(str::to_owned).unwrap_or_default();
            assert!(name.len() > 3 && name.bytes().all(|b| b.is_ascii_alphanumeric()), "{name}");
            assert_eq!(text.matches('{').count(), text.matches('}').count(), "{text}");
            assert!(!text.contains("email"));
        }
    }
}
