//! What the handles stand for.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::chan::Chan;
use crate::client::Client;
use crate::error::{Result, code};
use crate::handle::Table;
use crate::mock::Mock;
use crate::producer::Topic;

pub static CLIENTS: Table<Opened> = Table::new(1, "client");
pub static TOPICS: Table<OpenedTopic> = Table::new(2, "topic");
pub static CHANS: Table<Chan> = Table::new(3, "channel");
pub static MOCKS: Table<Mock> = Table::new(4, "mock cluster");

/// A client with the handles that come with it.
pub struct Opened {
    pub client: Client,
    pub events: u64,
    pub produce: Option<u64>,
    pub logs: Option<u64>,
    topics: Mutex<HashMap<String, u64>>,
}

/// A producer's topic, with the handle of its client, which need not be looked up then.
pub struct OpenedTopic {
    pub topic: Arc<Topic>,
    pub client: u64,
}

impl Opened {
    pub fn insert(client: Client) -> Result<u64> {
        let chan = |chan| CHANS.insert(Arc::new(chan));
        let (events, produce) = match &client {
            Client::Producer(producer) => (
                chan(Chan::Queue(Arc::clone(producer.events())))?,
                Some(chan(Chan::Produce(Arc::clone(producer)))?),
            ),
            Client::Consumer(consumer) => (chan(Chan::Rows(Arc::clone(consumer)))?, None),
        };
        let logs = client
            .logs()
            .map(|logs| chan(Chan::Queue(Arc::clone(logs))))
            .transpose()?;
        CLIENTS.insert(Arc::new(Self {
            client,
            events,
            produce,
            logs,
            topics: Mutex::default(),
        }))
    }

    /// The same handle for the same name, always. `client` is this one's own.
    pub fn topic(&self, client: u64, name: &str) -> Result<u64> {
        let producer = self.client.producer()?;
        let mut topics = self.topics.lock();
        if let Some(id) = topics.get(name) {
            return Ok(*id);
        }
        let topic = producer.topic(name)?;
        let id = TOPICS.insert(Arc::new(OpenedTopic { topic, client }))?;
        topics.insert(name.to_owned(), id);
        Ok(id)
    }

    /// After the client closed: what hung on it is closed too. A channel that
    /// still has something to tell stays until that was received.
    pub fn retire(&self) {
        for id in self.topics.lock().drain().map(|(_, id)| id) {
            let _ = TOPICS.remove(id);
        }
        if let Some(id) = self.produce {
            let _ = CHANS.remove(id);
        }
        for id in std::iter::once(self.events).chain(self.logs) {
            if CHANS.get(id).is_ok_and(|chan| chan.is_spent()) {
                let _ = CHANS.remove(id);
            }
        }
    }
}

/// A channel that said that it is closed has nothing more to say: its handle
/// gives the same answer without it, unless rows may still come back to it.
pub fn forget_if_closed(chan: u64, result: &Result<()>) {
    let closed = matches!(result, Err(error) if error.code == code::CLOSED);
    if closed && !CHANS.get(chan).is_ok_and(|chan| chan.is_lending()) {
        let _ = CHANS.remove(chan);
    }
}
