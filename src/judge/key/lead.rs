//! What stands directly before a value on its way to be named: `NAME =`, `"NAME":`, `["NAME"] =`, `NAME || `, `<NAME>`.
//! In: the bytes from the beginning of the item to the value. Out: the names the value is given, the nearest first.

/// How a value is bound to what stands before it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Lead<'t> {
    /// The names, the nearest first.
    pub(super) names: Vec<&'t [u8]>,
    /// Whether the value is bound by an operator, not just by standing behind a word.
    pub(super) bound: bool,
}

/// Words that stand between a name and a value and name nothing: types, and words of a declaration.
const TYPES: &[&str] = &[
    "string", "str", "String", "&str", "&'static", "char", "char*", "*char", "text", "Text", "varchar", "any", "Any",
    "auto", "val", "final", "const", "constexpr", "SecretStr", "Optional", "Union", "Final", "bytes", "byte", "object",
    "var", "let", "static", "readonly", "unset", "u8", "std::string", "std::string_view", "CharSequence", "None",
    "null", "undefined", "nil",
];

/// Words that hand a value on unchanged, so that what stands before them names it.
const FALLBACKS: &[&[u8]] = &[b"||", b"??", b" or", b" else", b":-", b" if", b"?:", b" //", b" DEFAULT", b" default"];

/// Reads the end of `lead`.
pub(super) fn read(lead: &[u8]) -> Lead<'_> {
    let mut rest = trim_value_start(lead);
    let mut names = Vec::new();
    let mut bound = false;
    // Each round takes one operator and the name before it: `a = b = os.environ["C"] || VALUE` has three.
    for _ in 0..4 {
        let Some((before, operator)) = operator(rest) else { break };
        bound = true;
        let Some((name, left)) = name_before(before, operator) else { break };
        // `os.environ["NAME"] if "NAME" in os.environ else VALUE`: what the value stands in for.
        if operator == b" else" {
            names.extend(first_string(before));
        }
        names.push(name);
        rest = left;
        // `"logging"."wandb".key =`: TOML quotes and spaces the parts of a path.
        while operator == b"="
            && let Some((part, left)) = dotted(name, rest)
        {
            names.push(part);
            rest = left;
        }
        rest = rest.trim_ascii_end();
        // `config["logger"]["wandb"]["key"] =`: what is subscripted names it too.
        while let Some(base) = subscripted(before, name, rest) {
            names.push(base);
            rest = &rest[..base.as_ptr() as usize - rest.as_ptr() as usize];
        }
    }
    if names.is_empty() && !bound {
        names.extend(word_before(rest));
    }
    Lead { names, bound }
}

/// Takes from the end what belongs to the value: quotes, string prefixes, a typo's dollar, the scheme of a header.
fn trim_value_start(lead: &[u8]) -> &[u8] {
    let mut rest = lead;
    // `b"…"`, `f'…'`: a letter that touches the quote belongs to the string.
    if let [head @ .., b'b' | b'B' | b'f' | b'F' | b'r' | b'R' | b'u' | b'U'] = rest
        && head.last().is_none_or(|b| matches!(b, b' ' | b'=' | b'(' | b',' | b'[' | b':' | b'{'))
    {
        rest = head;
    }
    rest =
        rest.strip_suffix(b"=raw").or_else(|| rest.strip_suffix(b" raw")).map_or(rest, |head| &rest[..head.len() + 1]);
    loop {
        let before = rest;
        rest = rest.trim_ascii_end();
        while let [head @ .., b'"' | b'\'' | b'`' | b'$' | b'\\' | b'*' | b'@'] = rest {
            rest = head;
        }
        for entity in [&b"&quot;"[..], b"&#34;", b"&#39;", b"&apos;", b"&#x27;", b"%22", b"%27", b"\\u0022", b"\\u0027"]
        {
            rest = rest.strip_suffix(entity).unwrap_or(rest);
        }
        // `b"…"`, `f'…'`: the letter belongs to the string only if the quote was just taken.
        if rest.len() < before.len()
            && let [head @ .., b'b' | b'B' | b'f' | b'F' | b'r' | b'R' | b'u' | b'U'] = rest
            && head.last().is_none_or(|b| matches!(b, b' ' | b'=' | b'(' | b',' | b'[' | b':' | b'{'))
        {
            rest = head;
        }
        for scheme in ["Bearer", "Basic api", "Basic", "Token", "ApiKey"] {
            if let Some((head, tail)) = rest.len().checked_sub(scheme.len()).map(|at| rest.split_at(at))
                && tail.eq_ignore_ascii_case(scheme.as_bytes())
                && head.last().is_none_or(|b| !b.is_ascii_alphanumeric())
            {
                rest = head;
            }
        }
        rest = without_property(rest);
        if rest.len() == before.len() {
            return rest;
        }
    }
}

/// The text without a tag or an anchor of YAML at its end: `key: !!str`, `- &name`.
fn without_property(text: &[u8]) -> &[u8] {
    let word = text.iter().rev().take_while(|b| !b.is_ascii_whitespace()).count();
    let (head, word) = text.split_at(text.len() - word);
    let head = head.trim_ascii_end();
    let follows = matches!(head.last(), Some(b':' | b'-'))
        || head.rsplit(u8::is_ascii_whitespace).next().is_some_and(|word| matches!(word.first(), Some(b'&' | b'!')));
    let property = match word {
        [b'&', name @ ..] => {
            !name.is_empty() && name.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
        }
        [b'!', tag @ ..] => {
            tag.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'!' | b'/' | b':'))
        }
        _ => false,
    };
    if follows && property { head } else { text }
}

/// An operator at the end, and what stands before it.
fn operator(rest: &[u8]) -> Option<(&[u8], &'static [u8])> {
    const OPERATORS: &[&[u8]] = &[
        b"||=", b"??=", b":::=", b"::=", b":=", b"?=", b"+=", b"==", b"!=", b"=~", b"<-", b"->", b"=>", b"=3D", b"%3D",
        b"%3d", b"\\u003d", b"\\x3d", b"%3A", b"%3a", b"=", b":",
    ];
    let rest = rest.trim_ascii_end();
    for fallback in FALLBACKS {
        if let Some(before) = rest.strip_suffix(*fallback) {
            return Some((before, fallback));
        }
    }
    // `##vso[task.setvariable variable=NAME]VALUE`: the properties of a logging command name what follows them.
    if let Some(properties) = rest.strip_suffix(b"]")
        && let Some(before) = properties.iter().rposition(|b| *b == b'=')
        && (properties[..before].ends_with(b"variable") || properties[..before].ends_with(b"name"))
    {
        return Some((&properties[before + 1..], b"="));
    }
    // Kotlin pairs a name and a value by a word.
    if let Some(before) = rest.strip_suffix(b" to").filter(|before| before.ends_with(b"\"")) {
        return Some((before, b"=>"));
    }
    OPERATORS.iter().find_map(|operator| Some((rest.strip_suffix(*operator)?, *operator)))
}

/// Whether a text ends in the name of a variable that a shell expands: `${NAME`.
pub(super) fn expands(text: &[u8]) -> bool {
    let name = text.iter().rev().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
    name > 0 && text[..text.len() - name].ends_with(b"${")
}

/// The name before an operator, and what stands before the name.
fn name_before<'t>(whole: &'t [u8], operator: &[u8]) -> Option<(&'t [u8], &'t [u8])> {
    let before = whole.trim_ascii_end();
    // The typographic forms of emphasis round a label: `**key**:`, `` `key`: ``, `_key_:`.
    let stripped = before.strip_suffix(b"**").or_else(|| before.strip_suffix(b"__")).unwrap_or(before).trim_ascii_end();
    match stripped.last()? {
        quote @ (b'"' | b'\'' | b'`') => {
            let end = stripped.len() - 1;
            let end = if stripped[..end].ends_with(b"\\") { end - 1 } else { end };
            let open = memchr::memrchr(*quote, &stripped[..end])?;
            let inner = &stripped[open + 1..end];
            Some((inner, stripped[..open].strip_suffix(b"\\").unwrap_or(&stripped[..open])))
        }
        b']' => {
            let open = matching(stripped, b'[', b']')?;
            let inner = stripped[open + 1..stripped.len() - 1].trim_ascii();
            let unquoted = unquote(inner);
            if unquoted.len() < inner.len() {
                return Some((unquoted, &stripped[..open]));
            }
            // `[wandbKey, setWandbKey] = useState(…)`, `KEYS[wandb]=…`.
            let subscripts = word_before(&stripped[..open]).is_some_and(|word| stripped[..open].ends_with(word));
            let first = inner.split(|&b| b == b',').next().unwrap_or_default().trim_ascii();
            if !subscripts && !first.is_empty() {
                return Some((first, &stripped[..open]));
            }
            // `key: Optional[str] = …`, `char key[] = …`: what is in the brackets is no name.
            name_before(&stripped[..open], operator)
        }
        // `wandb (jonas): VALUE`.
        b')' if operator == b":" && stripped[..matching(stripped, b'(', b')')?].ends_with(b" ") => {
            Some(label(stripped))
        }
        b')' => {
            let open = matching(stripped, b'(', b')')?;
            let arguments = &stripped[open + 1..stripped.len() - 1];
            let name = first_string(arguments).or_else(|| word_before(&stripped[..open]))?;
            let callee = word_before(&stripped[..open]).map_or(0, <[u8]>::len);
            Some((name, &stripped[..open - callee]))
        }
        b'}' => {
            let open = matching(stripped, b'{', b'}')?;
            let inner = stripped[open + 1..stripped.len() - 1].trim_ascii();
            // `string Key { get; set; } = …`: the braces are no name.
            if inner.contains(&b';') {
                name_before(&stripped[..open], operator)
            } else {
                Some((inner, &stripped[..open]))
            }
        }
        _ if (operator == b":" && !stripped.ends_with(b":")) || operator == b"->" => Some(label(stripped)),
        _ => {
            let mut end = stripped;
            loop {
                let word = word_before(end)?;
                let start = word.as_ptr() as usize - stripped.as_ptr() as usize;
                let left = stripped[..start].trim_ascii_end();
                let left = left.strip_suffix(b"|").map_or(left, <[u8]>::trim_ascii_end);
                let typed = std::str::from_utf8(word).is_ok_and(|word| TYPES.contains(&word));
                // `key: str = …` and `key:str=…` name what stands before the colon; `cmd: KEY=…` does not.
                let annotates = typed || before.len() < whole.len() || start == left.len();
                let name =
                    left.strip_suffix(b":").filter(|name| annotates && operator != b":" && word_before(name).is_some());
                if let Some(name) = name {
                    end = name;
                } else if typed && word_before(left).is_some() {
                    end = left;
                } else {
                    return Some((word, &stripped[..start]));
                }
            }
        }
    }
}

/// The part of a dotted path before a name that is quoted or stands apart from the dot, and what is left before it.
fn dotted<'t>(name: &[u8], rest: &'t [u8]) -> Option<(&'t [u8], &'t [u8])> {
    let path = match rest.strip_suffix(b" . ") {
        Some(path) => path,
        // A word that is not quoted has its dot with it.
        None if name.starts_with(b".") => rest,
        None => rest.strip_suffix(b".")?,
    };
    match path.last()? {
        quote @ (b'"' | b'\'') => {
            let inner = &path[..path.len() - 1];
            let open = memchr::memrchr(*quote, inner)?;
            Some((&inner[open + 1..], &inner[..open]))
        }
        _ => {
            let word = word_before(path).filter(|word| path.ends_with(word))?;
            Some((word, &path[..path.len() - word.len()]))
        }
    }
}

/// The name before `["…"]`, if `name` was taken out of such brackets: the name that is subscripted, or that of the brackets
/// before.
fn subscripted<'t>(before: &[u8], name: &[u8], rest: &'t [u8]) -> Option<&'t [u8]> {
    if !before.trim_ascii_end().ends_with(b"]") || name.is_empty() {
        return None;
    }
    match rest.last()? {
        b']' => {
            let open = matching(rest, b'[', b']')?;
            Some(unquote(rest[open + 1..rest.len() - 1].trim_ascii()))
        }
        _ => word_before(rest).filter(|word| rest.ends_with(word)),
    }
}

/// The label before a colon: a word, or the phrase of a few words that a person writes (`My W&B API key:`).
fn label(before: &[u8]) -> (&[u8], &[u8]) {
    let mut start = before.len();
    for _ in 0..6 {
        let gap = before[..start].iter().rev().take_while(|b| **b == b' ').count();
        let word = before[..start - gap].iter().rev().take_while(|b| !b.is_ascii_whitespace()).count();
        let next = start - gap - word;
        let text = &before[next..start - gap];
        // A mark that ends a clause, or the bullet of a list, is where the phrase begins.
        if word == 0 || gap > 1 || matches!(text, b"-" | b"*" | b"#" | b">" | b"|") {
            break;
        }
        if start < before.len() && matches!(text.last(), Some(b'.' | b',' | b':' | b';' | b'=' | b'!' | b'?')) {
            break;
        }
        start = next;
    }
    let phrase = before[start..].trim_ascii();
    let emphasis = phrase.strip_prefix(b"**").or_else(|| phrase.strip_prefix(b"__")).unwrap_or(phrase);
    (emphasis, &before[..start])
}

/// The identifier, path or flag at the very end.
pub(super) fn word_before(text: &[u8]) -> Option<&[u8]> {
    let text = text.trim_ascii_end();
    let word = text.iter().rev().take_while(|&&b| is_name(b)).count();
    let word = &text[text.len() - word..];
    word.iter().any(u8::is_ascii_alphanumeric).then_some(word)
}

/// Whether a byte can be part of a name, a path of names, or a flag.
fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'_' | b'-' | b'.' | b'$' | b':' | b'&' | b'/' | b'%')
        || byte >= 0x80
}

/// The name behind a value that is assigned to the right: `VALUE -> name`.
pub(super) fn name_behind(text: &[u8]) -> Option<&[u8]> {
    let text = text.trim_ascii_start();
    let text = text.strip_prefix(b"\"").or_else(|| text.strip_prefix(b"'")).unwrap_or(text);
    let name = text.trim_ascii_start().strip_prefix(b"->")?.trim_ascii_start();
    let length = name.iter().take_while(|&&b| is_name(b)).count();
    (length > 0).then_some(&name[..length])
}

/// The content of a quoted text; a text without quotes is its own content.
pub(super) fn unquote(text: &[u8]) -> &[u8] {
    let text = text.strip_prefix(b"\\").unwrap_or(text);
    match text {
        [first @ (b'"' | b'\'' | b'`'), inner @ .., last] if first == last => {
            inner.strip_suffix(b"\\").unwrap_or(inner)
        }
        _ => text,
    }
}

/// The first quoted text in the arguments of a call.
pub(super) fn first_string(arguments: &[u8]) -> Option<&[u8]> {
    let open = arguments.iter().position(|b| matches!(b, b'"' | b'\''))?;
    let close = memchr::memchr(arguments[open], &arguments[open + 1..])?;
    Some(&arguments[open + 1..open + 1 + close])
}

/// The bracket that the last byte closes.
fn matching(text: &[u8], opener: u8, closer: u8) -> Option<usize> {
    let mut depth = 0usize;
    for (at, &byte) in text.iter().enumerate().rev().take(4096) {
        if byte == closer {
            depth += 1;
        } else if byte == opener {
            depth -= 1;
            if depth == 0 {
                return Some(at);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(lead: &str) -> Vec<String> {
        read(lead.as_bytes()).names.iter().map(|n| String::from_utf8_lossy(n).into_owned()).collect()
    }

    #[test]
    fn the_name_is_found_in_every_language() {
        for (lead, name) in [
            ("WANDB_API_KEY=", "WANDB_API_KEY"),
            ("export WANDB_API_KEY=\"", "WANDB_API_KEY"),
            ("  \"wandb_key\": \"", "wandb_key"),
            ("os.environ[\"WANDB_API_KEY\"] = '", "WANDB_API_KEY"),
            ("wandb_key: str = \"", "wandb_key"),
            ("key: Optional[str] = \"", "key"),
            ("const wandbKey: string =\n  '", "wandbKey"),
            ("static final String WANDB_KEY = \"", "WANDB_KEY"),
            ("const char wandb_key[] = \"", "wandb_key"),
            ("var wandbKey string = \"", "wandbKey"),
            ("$env:WANDB_API_KEY = '", "$env:WANDB_API_KEY"),
            ("WANDB_API_KEY ?= ", "WANDB_API_KEY"),
            ("wandb_key <- \"", "wandb_key"),
            (":wandb_key => \"", ":wandb_key"),
            ("Authorization: Bearer ", "Authorization"),
            ("- **W&B API key**: `", "W&B API key"),
            ("${WANDB_API_KEY:-", "WANDB_API_KEY"),
            ("ENV WANDB_API_KEY ", "WANDB_API_KEY"),
            ("key=b\"", "key"),
        ] {
            let found = names(lead);
            let first = found.first().map(|n| n.trim_start_matches("${"));
            assert_eq!(first, Some(name), "{lead}");
        }
    }

    #[test]
    fn a_fallback_is_named_by_both_sides() {
        assert_eq!(names("const k = process.env.WANDB_API_KEY || '"), ["process.env.WANDB_API_KEY", "k"]);
        assert_eq!(names("k = os.getenv(\"WANDB_API_KEY\") or \""), ["WANDB_API_KEY", "k"]);
    }
}
