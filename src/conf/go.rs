//! The `go.*` keys: confluent-kafka-go's, with its defaults and meaning, read
//! here once for every language.

use super::ClientKind::{self, Consumer, Producer};
use super::property::{bad_value, parse_integer};
use crate::error::{Error, Result};

pub struct Key {
    pub name: &'static str,
    pub only: Option<ClientKind>,
    value: ValueType,
    default: Default,
}

enum ValueType {
    Bool,
    Size,
    Fields,
}

enum Default {
    Same(&'static str),
    PerKind {
        producer: &'static str,
        consumer: &'static str,
    },
}

pub const KEYS: &[Key] = &[
    key(
        "go.application.rebalance.enable",
        Some(Consumer),
        ValueType::Bool,
        "false",
    ),
    key(
        "go.batch.producer",
        Some(Producer),
        ValueType::Bool,
        "false",
    ),
    key(
        "go.delivery.report.fields",
        Some(Producer),
        ValueType::Fields,
        "key,value",
    ),
    key(
        "go.delivery.reports",
        Some(Producer),
        ValueType::Bool,
        "true",
    ),
    key(
        "go.events.channel.enable",
        Some(Consumer),
        ValueType::Bool,
        "false",
    ),
    Key {
        name: "go.events.channel.size",
        only: None,
        value: ValueType::Size,
        default: Default::PerKind {
            producer: "1000000",
            consumer: "1000",
        },
    },
    // The core's own: how much it may hold beyond librdkafka's queues.
    key(
        "krs.held.max.kbytes",
        Some(Consumer),
        ValueType::Size,
        "65536",
    ),
    key("go.logs.channel.enable", None, ValueType::Bool, "false"),
    key(
        "go.produce.channel.size",
        Some(Producer),
        ValueType::Size,
        "1000000",
    ),
];

const fn key(
    name: &'static str,
    only: Option<ClientKind>,
    value: ValueType,
    default: &'static str,
) -> Key {
    Key {
        name,
        only,
        value,
        default: Default::Same(default),
    }
}

/// Which parts of a message come back in its report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReportFields {
    pub key: bool,
    pub value: bool,
    pub headers: bool,
}

impl Key {
    pub fn find(name: &str) -> Option<&'static Self> {
        KEYS.iter().find(|key| key.name == name)
    }

    pub fn default_for(&self, kind: ClientKind) -> &'static str {
        match (&self.default, kind) {
            (Default::Same(value), _) => value,
            (Default::PerKind { producer, .. }, Producer) => producer,
            (Default::PerKind { consumer, .. }, Consumer) => consumer,
        }
    }

    pub fn check(&self, value: &str) -> Result<()> {
        let (fits, expected) = match self.value {
            ValueType::Bool => (parse_bool(value).is_some(), "bool (true or false)"),
            ValueType::Size => (parse_size(value).is_some(), "int (0 or more)"),
            ValueType::Fields => return parse_fields(value).map(|_| ()),
        };
        if fits {
            Ok(())
        } else {
            Err(bad_value(self.name, value, expected))
        }
    }
}

pub fn parse_bool(value: &str) -> Option<bool> {
    match value.trim() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

pub fn parse_size(value: &str) -> Option<usize> {
    parse_integer(value).and_then(|size| usize::try_from(size).ok())
}

/// `all`, `none` (or nothing), or any of `key,value,headers`.
pub fn parse_fields(list: &str) -> Result<ReportFields> {
    let mut fields = ReportFields::default();
    match list {
        "" | "none" => return Ok(fields),
        "all" => {
            return Ok(ReportFields {
                key: true,
                value: true,
                headers: true,
            });
        }
        _ => {}
    }
    for field in list.split(',') {
        match field {
            "key" => fields.key = true,
            "value" => fields.value = true,
            "headers" => fields.headers = true,
            _ => return Err(unknown_field(list, field)),
        }
    }
    Ok(fields)
}

fn unknown_field(list: &str, field: &str) -> Error {
    let expected = format!(
        "all, none, or a list of key,value,headers without spaces; unknown message field: {field}"
    );
    bad_value("go.delivery.report.fields", list, &expected)
}
