//! Configuration: librdkafka's keys and the `go.*` keys, checked when set.

pub mod go;
pub mod property;

use std::collections::{BTreeMap, HashMap, HashSet};

use once_cell::sync::Lazy;

use crate::error::{Error, Result, code};
use crate::rd;
use go::ReportFields;
use property::{Property, REDACTED, bad_value, is_secret, shown, unknown_name};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientKind {
    Producer,
    Consumer,
}

impl ClientKind {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Producer => "producer",
            Self::Consumer => "consumer",
        }
    }
}

/// librdkafka keys whose value the core keeps to itself: it does their work
/// with its own means, and reads back what the user set.
const VIRTUAL: &[&str] = &["enable.auto.offset.store", "log.queue"];

/// Once 100,000 messages wait, librdkafka stops fetching for this long. Its
/// default of 1000 ms leaves a fast application idle most of the time.
const FETCH_QUEUE_BACKOFF_MS: &str = "5";

/// Values that need a part of librdkafka which a build may leave out.
const FEATURES: &[(&str, &str, &str)] = &[
    ("sasl.mechanisms", "GSSAPI", "sasl_gssapi"),
    ("sasl.oauthbearer.method", "oidc", "oidc"),
    ("compression.codec", "gzip", "gzip"),
    ("compression.codec", "zstd", "zstd"),
    ("security.protocol", "ssl", "ssl"),
    ("security.protocol", "sasl_ssl", "ssl"),
];

/// The settings of one client to be opened.
#[derive(Clone)]
pub struct Conf {
    kind: ClientKind,
    native: rd::Conf,
    /// `go.*` and virtual keys that were set.
    own: BTreeMap<&'static str, String>,
    /// Topic-level keys set at the top level, which win over the nested ones.
    top_level: HashSet<String>,
}

/// What the core itself reads.
#[derive(Clone, Debug)]
pub struct Options {
    pub events_size: usize,
    pub produce_size: usize,
    pub delivery_reports: bool,
    pub report_fields: ReportFields,
    pub logs: bool,
    pub auto_commit: bool,
    pub auto_offset_store: bool,
    pub application_rebalance: bool,
    pub held_max_bytes: usize,
    pub max_poll_interval_ms: u64,
    pub transaction_timeout_ms: i32,
    /// A static member of the classic protocol, which never leaves its group.
    pub stays_in_group: bool,
}

impl Conf {
    pub fn new(kind: ClientKind) -> Result<Self> {
        let mut native = rd::Conf::new();
        native.set("client.software.name", "kafka_rs")?;
        native.set("client.software.version", env!("CARGO_PKG_VERSION"))?;
        if kind == ClientKind::Consumer {
            native.set("fetch.queue.backoff.ms", FETCH_QUEUE_BACKOFF_MS)?;
        }
        Ok(Self {
            kind,
            native,
            own: BTreeMap::new(),
            top_level: HashSet::new(),
        })
    }

    pub fn kind(&self) -> ClientKind {
        self.kind
    }

    pub fn set(&mut self, name: &str, value: &str) -> Result<()> {
        if name.starts_with("go.") || name.starts_with("krs.") || name == "default.topic.config" {
            return self.set_go(name, value);
        }
        let property = self.known(name, value)?;
        check_value(property, value)?;
        if let Some(name) = VIRTUAL.iter().find(|name| **name == property.canonical()) {
            return self.set_virtual(name, property, value);
        }
        if topic_property(name).is_some() {
            self.top_level.insert(property.canonical().to_owned());
        }
        self.set_native(property, value)
    }

    /// Sets a key of the nested map `default.topic.config`.
    pub fn set_default_topic(&mut self, name: &str, value: &str) -> Result<()> {
        self.known(name, value)?;
        let property = topic_property(name).ok_or_else(|| {
            Error::new(
                code::INVALID_ARG,
                format!(
                    "default.topic.config: {}: expected a topic-level key, and this one belongs \
                     at the top level",
                    shown(name, value)
                ),
            )
        })?;
        check_value(property, value)?;
        if self.top_level.contains(property.canonical()) {
            // Checked all the same, on a copy.
            return self.clone().set_native(property, value);
        }
        self.set_native(property, value)
    }

    /// The effective value of a key, its default included; that of a secret stays one.
    pub fn get(&self, name: &str) -> Result<String> {
        if let Some(key) = go::Key::find(name) {
            self.check_kind(name, key.only)?;
            return Ok(self.go(key).to_owned());
        }
        let property = find(name).ok_or_else(|| unknown(name))?;
        let own = self.own.get(property.canonical());
        let value = own
            .cloned()
            .or_else(|| self.native.get(name))
            .unwrap_or_default();
        if is_secret(name) && !value.is_empty() {
            return Ok(REDACTED.to_owned());
        }
        Ok(value)
    }

    pub fn native(&self) -> Result<rd::Conf> {
        let mut native = self.native.clone();
        if self.kind == ClientKind::Consumer {
            // Offsets are stored by the core, once a row was delivered.
            native.set("enable.auto.offset.store", "false")?;
        }
        Ok(native)
    }

    pub fn options(&self) -> Result<Options> {
        Ok(Options {
            events_size: self.size("go.events.channel.size"),
            produce_size: self.size("go.produce.channel.size"),
            delivery_reports: self.bool("go.delivery.reports"),
            report_fields: go::parse_fields(self.own_or_default("go.delivery.report.fields"))?,
            logs: self.bool("go.logs.channel.enable"),
            application_rebalance: self.bool("go.application.rebalance.enable"),
            held_max_bytes: self.size("krs.held.max.kbytes").saturating_mul(1024),
            auto_commit: self.get("enable.auto.commit")? == "true",
            auto_offset_store: self.get("enable.auto.offset.store")? == "true",
            max_poll_interval_ms: self.get("max.poll.interval.ms")?.parse().unwrap_or(300_000),
            transaction_timeout_ms: self
                .get("transaction.timeout.ms")?
                .parse()
                .unwrap_or(60_000),
            stays_in_group: !self.get("group.instance.id")?.is_empty()
                && self.get("group.protocol")? == "classic",
        })
    }

    fn set_go(&mut self, name: &str, value: &str) -> Result<()> {
        match name {
            "default.topic.config" => {
                let expected = "a nested map: set its keys with krs_conf_set_default_topic";
                return Err(bad_value(name, value, expected));
            }
            "go.logs.channel" => {
                let expected = "no text: ask for the channel with krs_client_logs";
                return Err(bad_value(name, value, expected));
            }
            _ => {}
        }
        let key = go::Key::find(name).ok_or_else(|| unknown(name))?;
        self.check_kind_of(name, value, key.only)?;
        key.check(value)?;
        self.own.insert(key.name, value.trim().to_owned());
        Ok(())
    }

    fn set_virtual(&mut self, name: &'static str, property: &Property, value: &str) -> Result<()> {
        // On a copy, for librdkafka's own check of the value.
        let mut copy = self.clone();
        copy.set_native(property, value)?;
        let value = copy.native.get(name).unwrap_or_default();
        self.own.insert(name, value);
        Ok(())
    }

    fn set_native(&mut self, property: &Property, value: &str) -> Result<()> {
        self.native.set(&property.name, value).map_err(|error| {
            let mut expected = property.expected();
            // It may quote the value.
            if !is_secret(&property.name) || !error.message.contains(value) {
                expected += &format!("; librdkafka: {}", error.message);
            }
            bad_value(&property.name, value, &expected)
        })
    }

    fn known(&self, name: &str, value: &str) -> Result<&'static Property> {
        let property = find(name).ok_or_else(|| unknown(name))?;
        self.check_kind_of(name, value, property.only)?;
        Ok(property)
    }

    fn check_kind(&self, name: &str, only: Option<ClientKind>) -> Result<()> {
        self.check_kind_of(name, "", only)
    }

    fn check_kind_of(&self, name: &str, value: &str, only: Option<ClientKind>) -> Result<()> {
        match only {
            Some(only) if only != self.kind => {
                let expected = format!(
                    "only on a {}; this is the configuration of a {}",
                    only.name(),
                    self.kind.name()
                );
                Err(bad_value(name, value, &expected))
            }
            _ => Ok(()),
        }
    }

    fn go(&self, key: &'static go::Key) -> &str {
        self.own
            .get(key.name)
            .map_or(key.default_for(self.kind), String::as_str)
    }

    fn own_or_default(&self, name: &str) -> &str {
        go::Key::find(name).map_or("", |key| self.go(key))
    }

    fn bool(&self, name: &str) -> bool {
        go::parse_bool(self.own_or_default(name)).unwrap_or_default()
    }

    fn size(&self, name: &str) -> usize {
        go::parse_size(self.own_or_default(name)).unwrap_or_default()
    }
}

fn find(name: &str) -> Option<&'static Property> {
    static BY_NAME: Lazy<HashMap<&'static str, &'static Property>> = Lazy::new(|| {
        // Of a key that exists for topics, too, the client's own comes last and wins.
        let (topics, clients): (Vec<_>, Vec<_>) = rd::properties()
            .iter()
            .partition(|property| property.topic_level);
        let all = topics.into_iter().chain(clients);
        all.map(|property| (property.name.as_str(), property))
            .collect()
    });
    BY_NAME.get(name).copied()
}

/// A key that a topic has, whether or not the client has one of that name.
fn topic_property(name: &str) -> Option<&'static Property> {
    let mut all = rd::properties().iter();
    all.find(|property| property.topic_level && property.name == name)
}

fn unknown(name: &str) -> Error {
    let native = rd::properties()
        .iter()
        .map(|property| property.name.as_str());
    unknown_name(name, native.chain(go::KEYS.iter().map(|key| key.name)))
}

fn check_value(property: &Property, value: &str) -> Result<()> {
    let canonical = property.canonical();
    if canonical == "delivery.report.only.error" && is_true(value) {
        return Err(unsupported(
            property,
            value,
            "false: every accepted message has one report, and go.delivery.reports chooses where it goes",
        ));
    }
    for (key, needs, feature) in FEATURES {
        if *key == canonical && needs.eq_ignore_ascii_case(value.trim()) && !has_feature(feature) {
            let expected = format!("a build with {feature}, and this one has {}", features());
            return Err(unsupported(property, value, &expected));
        }
    }
    if property.is_plausible(value) {
        Ok(())
    } else {
        Err(bad_value(&property.name, value, &property.expected()))
    }
}

/// Whether librdkafka takes the value for true.
fn is_true(value: &str) -> bool {
    ["true", "t", "1"]
        .iter()
        .any(|text| text.eq_ignore_ascii_case(value.trim()))
}

fn unsupported(property: &Property, value: &str, expected: &str) -> Error {
    let mut error = bad_value(&property.name, value, expected);
    error.code = code::UNSUPPORTED_FEATURE;
    error
}

/// The parts that this build of librdkafka has, separated by commas.
pub fn features() -> &'static str {
    static FEATURES: Lazy<String> =
        Lazy::new(|| rd::Conf::new().get("builtin.features").unwrap_or_default());
    &FEATURES
}

fn has_feature(name: &str) -> bool {
    features().split(',').any(|feature| feature == name)
}

#[cfg(test)]
mod tests {
    use super::ClientKind::{Consumer, Producer};
    use super::*;

    fn conf(kind: ClientKind) -> Conf {
        Conf::new(kind).unwrap()
    }

    fn refused(kind: ClientKind, name: &str, value: &str) -> String {
        let error = conf(kind).set(name, value).unwrap_err();
        assert!(error.message.contains(name), "{error}");
        let unknown = error.message.contains("no such key");
        assert!(unknown || error.message.contains(value), "{error}");
        error.message.into_owned()
    }

    #[test]
    fn an_unknown_key_is_answered_with_the_nearest() {
        let text = refused(Producer, "bootsrap.servers", "x");
        assert!(text.contains("bootstrap.servers"), "{text}");
        let text = refused(Producer, "go.delivery.report", "true");
        assert!(text.contains("go.delivery.reports"), "{text}");
    }

    #[test]
    fn a_bad_value_is_answered_with_what_was_expected() {
        for (name, value, expected) in [
            ("batch.size", "10x", "integer (1 .. 2147483647)"),
            ("batch.size", "0", "integer (1 .. 2147483647)"),
            ("compression.codec", "rar", "none, gzip, snappy, lz4, zstd"),
            ("enable.idempotence", "perhaps", "true, false"),
            ("acks", "many", "-1 .. 1000"),
            ("go.delivery.reports", "yes", "bool"),
            ("go.events.channel.size", "-1", "int"),
            (
                "go.delivery.report.fields",
                "key, value",
                "unknown message field:  value",
            ),
            (
                "default.topic.config",
                "acks=1",
                "krs_conf_set_default_topic",
            ),
        ] {
            let text = refused(Producer, name, value);
            assert!(text.contains(expected), "{text}");
        }
    }

    #[test]
    fn a_key_of_the_other_kind_is_refused() {
        assert!(refused(Producer, "group.id", "g").contains("consumer"));
        assert!(refused(Consumer, "go.batch.producer", "true").contains("producer"));
        assert!(conf(Consumer).get("go.batch.producer").is_err());
    }

    #[test]
    fn what_the_build_left_out_is_named() {
        let error = conf(Producer).set("sasl.mechanisms", "GSSAPI").unwrap_err();
        assert_eq!(error.code, code::UNSUPPORTED_FEATURE);
        assert!(error.message.contains("sasl_gssapi"), "{error}");
        let error = conf(Producer)
            .set("delivery.report.only.error", "true")
            .unwrap_err();
        assert_eq!(error.code, code::UNSUPPORTED_FEATURE);
    }

    #[test]
    fn every_key_reads_back_its_effective_value() {
        for kind in [Producer, Consumer] {
            let conf = conf(kind);
            let mine = |only: Option<ClientKind>| only.is_none_or(|only| only == kind);
            for property in rd::properties().iter().filter(|p| mine(p.only)) {
                conf.get(&property.name).unwrap();
            }
            for key in go::KEYS.iter().filter(|key| mine(key.only)) {
                assert_eq!(conf.get(key.name).unwrap(), key.default_for(kind));
            }
        }
        let mut conf = conf(Producer);
        conf.set("acks", "all").unwrap();
        assert_eq!(conf.get("request.required.acks").unwrap(), "-1");
        assert_eq!(conf.get("go.events.channel.size").unwrap(), "1000000");
        assert!(conf.get("no.such.key").is_err());
    }

    #[test]
    fn our_default_gives_way_to_the_users() {
        let mut conf = conf(Consumer);
        assert_eq!(conf.get("fetch.queue.backoff.ms").unwrap(), "5");
        conf.set("fetch.queue.backoff.ms", "1000").unwrap();
        assert_eq!(conf.get("fetch.queue.backoff.ms").unwrap(), "1000");
    }

    #[test]
    fn auto_offset_store_is_the_users_outside_and_off_inside() {
        let mut conf = conf(Consumer);
        assert_eq!(conf.get("enable.auto.offset.store").unwrap(), "true");
        assert!(conf.options().unwrap().auto_offset_store);
        let inside = conf.native().unwrap().get("enable.auto.offset.store");
        assert_eq!(inside.as_deref(), Some("false"));
        conf.set("enable.auto.offset.store", "false").unwrap();
        assert!(!conf.options().unwrap().auto_offset_store);
        assert!(conf.set("enable.auto.offset.store", "perhaps").is_err());
    }

    #[test]
    fn the_top_level_wins_over_default_topic_config() {
        let mut conf = conf(Producer);
        conf.set_default_topic("acks", "1").unwrap();
        assert_eq!(conf.get("acks").unwrap(), "1");
        conf.set("request.required.acks", "all").unwrap();
        conf.set_default_topic("acks", "1").unwrap();
        assert_eq!(conf.get("acks").unwrap(), "-1");
        let error = conf.set_default_topic("client.id", "x").unwrap_err();
        assert!(error.message.contains("topic-level"), "{error}");
        assert!(conf.set_default_topic("acks", "many").is_err());
    }
}
