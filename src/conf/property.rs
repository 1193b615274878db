//! librdkafka's table of properties, and how a bad setting is explained.

use crate::error::{Error, code};

use super::ClientKind;

/// A property as librdkafka documents it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Property {
    pub name: String,
    /// `None` = for producers and consumers.
    pub only: Option<ClientKind>,
    /// Values allowed, in words: `0 .. 100`, `true, false`, a list, or empty.
    pub range: String,
    /// `integer`, `boolean`, `string`, `enum value`, `CSV flags`, …
    pub value_type: String,
    /// The name that this one is another name of.
    pub alias_of: Option<String>,
    pub topic_level: bool,
}

impl Property {
    /// What a value must look like.
    pub fn expected(&self) -> String {
        if self.range.is_empty() {
            self.value_type.clone()
        } else {
            format!("{} ({})", self.value_type, self.range)
        }
    }

    /// The name under which a value is kept, the same for all aliases.
    pub fn canonical(&self) -> &str {
        self.alias_of.as_deref().unwrap_or(&self.name)
    }

    /// librdkafka reads `10x` as 10; here what begins as a number is one. Some
    /// integers also have names for values, which librdkafka knows best.
    pub fn is_plausible(&self, value: &str) -> bool {
        let begins_as_number = value
            .trim()
            .starts_with(|first: char| first.is_ascii_digit() || matches!(first, '-' | '+'));
        match self.value_type.as_str() {
            "integer" if begins_as_number => parse_integer(value).is_some(),
            "float" => value.trim().parse::<f64>().is_ok(),
            _ => true,
        }
    }
}

/// Decimal or `0x…`, as librdkafka takes it.
pub fn parse_integer(value: &str) -> Option<i64> {
    let value = value.trim();
    match value.strip_prefix("0x") {
        Some(hex) => i64::from_str_radix(hex, 16).ok(),
        None => value.parse().ok(),
    }
}

/// Reads the table that `rd_kafka_conf_properties_show` prints:
/// `name | C/P | range | default | importance | description <br>*Type: …*`.
pub fn parse(table: &str) -> Vec<Property> {
    let mut topic_level = false;
    let mut properties = Vec::new();
    for line in table.lines() {
        if line.starts_with("## ") {
            topic_level = line.starts_with("## Topic");
        }
        properties.extend(parse_line(line, topic_level));
    }
    properties
}

fn parse_line(line: &str, topic_level: bool) -> Option<Property> {
    let mut cells = line.splitn(6, " | ").map(str::trim);
    let name = cells.next()?;
    let only = match cells.next()? {
        "*" => None,
        "P" => Some(ClientKind::Producer),
        "C" => Some(ClientKind::Consumer),
        _ => return None,
    };
    let range = cells.next()?;
    let description = cells.nth(2)?;
    Some(Property {
        name: name.to_owned(),
        only,
        range: range.to_owned(),
        value_type: between(description, "*Type: ", "*")?.to_owned(),
        alias_of: between(description, "Alias for `", "`").map(str::to_owned),
        topic_level,
    })
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let rest = &text[text.find(before)? + before.len()..];
    Some(&rest[..rest.find(after)?])
}

/// What a secret is told as.
pub const REDACTED: &str = "[redacted]";

/// Parts of the names of keys whose values nobody is told.
const SECRETS: [&str; 6] = [
    "password",
    "passphrase",
    "secret",
    "key.pem",
    "ssl_key",
    "oauthbearer.config",
];

pub fn is_secret(name: &str) -> bool {
    SECRETS.iter().any(|part| name.contains(part))
}

fn shown<'a>(name: &str, value: &'a str) -> &'a str {
    if is_secret(name) { REDACTED } else { value }
}

pub fn bad_value(name: &str, value: &str, expected: &str) -> Error {
    let value = shown(name, value);
    Error::new(
        code::INVALID_ARG,
        format!("{name} = {value:?}: expected {expected}"),
    )
}

pub fn unknown_name<'a>(name: &str, value: &str, known: impl Iterator<Item = &'a str>) -> Error {
    let nearest = known
        .map(|known| (strsim::damerau_levenshtein(name, known), known))
        .min()
        .filter(|(distance, _)| *distance <= name.len() / 3 + 1);
    let hint = nearest.map_or(String::new(), |(_, known)| {
        format!("; the nearest known key is {known:?}")
    });
    // A secret is no less one for a slip in its key.
    let value = shown(nearest.map_or(name, |(_, known)| known), shown(name, value));
    Error::new(
        code::INVALID_ARG,
        format!("{name} = {value:?}: no such key{hint}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn librdkafkas_own_table_is_understood() {
        let all = crate::rd::properties();
        let find = |name: &str| all.iter().find(|p| p.name == name).unwrap();
        assert!(all.len() > 150, "{} properties", all.len());
        assert!(all.iter().all(|p| !p.value_type.is_empty()));
        assert_eq!(find("batch.size").only, Some(ClientKind::Producer));
        assert_eq!(find("batch.size").range, "1 .. 2147483647");
        assert_eq!(find("group.id").only, Some(ClientKind::Consumer));
        assert_eq!(find("client.id").only, None);
        assert!(find("acks").topic_level);
        assert_eq!(find("acks").canonical(), "request.required.acks");
    }
}
