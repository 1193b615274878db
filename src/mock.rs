//! A Kafka cluster inside the process, for demonstrations and tests.

use crate::error::{Error, Result};
use crate::rd;

pub struct Mock {
    native: rd::Mock,
    brokers: i32,
    bootstrap: String,
}

impl Mock {
    pub fn open(brokers: u32) -> Result<Self> {
        let count = i32::try_from(brokers)
            .ok()
            .filter(|n| (1..=100).contains(n));
        let count = count
            .ok_or_else(|| Error::argument(format!("brokers = {brokers}: expected 1 to 100")))?;
        let native = rd::Mock::new(count)?;
        let bootstrap = native.bootstrap();
        Ok(Self {
            native,
            brokers: count,
            bootstrap,
        })
    }

    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    pub fn create_topic(&self, name: &str, partitions: i32, replication: i32) -> Result<()> {
        // More would take memory and time without bound, for a cluster that is a toy.
        if name.is_empty()
            || !(1..=10_000).contains(&partitions)
            || !(1..=100).contains(&replication)
        {
            return Err(Error::argument(format!(
                "topic {name:?} with {partitions} partitions and replication {replication}: \
                 expected a name, 1 to 10000 partitions, and replication 1 to 100"
            )));
        }
        self.native
            .create_topic(name, partitions, replication)
            .map_err(|error| Error {
                message: format!("topic {name:?}: {}", error.message).into(),
                ..error
            })
    }

    pub fn set_broker_up(&self, broker: i32, up: bool) -> Result<()> {
        self.native.set_broker_up(self.known(broker)?, up)
    }

    pub fn set_broker_delay(&self, broker: i32, delay_ms: i32) -> Result<()> {
        if delay_ms < 0 {
            let text = format!("delay_ms = {delay_ms}: expected 0 or more");
            return Err(Error::argument(text));
        }
        self.native.set_broker_delay(self.known(broker)?, delay_ms)
    }

    fn known(&self, broker: i32) -> Result<i32> {
        if (1..=self.brokers).contains(&broker) {
            return Ok(broker);
        }
        let most = self.brokers;
        Err(Error::argument(format!(
            "broker = {broker}: expected 1 to {most}"
        )))
    }
}
