//! Queues, and how one tells that something arrived.

use std::ffi::c_void;
use std::ptr::{self, NonNull};

use rdkafka_sys as sys;

use super::{Event, callback};

type OnArrival = Box<dyn Fn() + Send + Sync>;

/// Owns one reference to a `rd_kafka_queue_t`.
pub struct Queue {
    raw: NonNull<sys::rd_kafka_queue_t>,
    on_arrival: Option<Box<OnArrival>>,
}

// SAFETY: librdkafka's queues are locked inside and may be used from any thread.
unsafe impl Send for Queue {}
// SAFETY: as above.
unsafe impl Sync for Queue {}

impl Queue {
    /// # Safety
    /// `raw` must be NULL or a reference that the caller owns, to a queue of a
    /// client that outlives the result.
    pub(super) unsafe fn from_raw(raw: *mut sys::rd_kafka_queue_t) -> Option<Self> {
        Some(Self {
            raw: NonNull::new(raw)?,
            on_arrival: None,
        })
    }

    pub(super) fn as_ptr(&self) -> *mut sys::rd_kafka_queue_t {
        self.raw.as_ptr()
    }

    /// Calls `on_arrival` whenever the queue stops being empty, on a thread of
    /// librdkafka that holds the queue's lock: it may only set flags and wake.
    pub fn on_arrival(mut self, on_arrival: impl Fn() + Send + Sync + 'static) -> Self {
        unsafe extern "C" fn arrived(_: *mut sys::rd_kafka_t, opaque: *mut c_void) {
            // SAFETY: the box is freed only after the callback was taken away.
            callback(|| unsafe { (*opaque.cast::<OnArrival>())() });
        }
        let boxed: Box<OnArrival> = Box::new(Box::new(on_arrival));
        let opaque = ptr::from_ref::<OnArrival>(&boxed).cast_mut().cast();
        self.on_arrival = Some(boxed);
        // SAFETY: `opaque` stays valid until `drop` has taken the callback away,
        // which waits for the queue's lock and so for a running callback.
        unsafe { sys::rd_kafka_queue_cb_event_enable(self.as_ptr(), Some(arrived), opaque) };
        if self.len() > 0
            && let Some(on_arrival) = &self.on_arrival
        {
            // It stopped being empty before anyone listened.
            on_arrival();
        }
        self
    }

    /// The next event, waiting at most `timeout_ms` for it.
    pub fn poll(&self, timeout_ms: i32) -> Option<Event> {
        // SAFETY: the queue is alive; the event becomes ours.
        unsafe { Event::from_raw(sys::rd_kafka_queue_poll(self.as_ptr(), timeout_ms)) }
    }

    pub fn len(&self) -> usize {
        // SAFETY: the queue is alive.
        unsafe { sys::rd_kafka_queue_length(self.as_ptr()) }
    }

    /// Everything that arrives here goes to `to` from now on.
    pub fn forward(&self, to: &Self) {
        // SAFETY: both queues are alive; the forward holds its own reference.
        unsafe { sys::rd_kafka_queue_forward(self.as_ptr(), to.as_ptr()) }
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: the reference is ours, and the callback is taken away before
        // what it points to is freed.
        unsafe {
            if self.on_arrival.is_some() {
                sys::rd_kafka_queue_cb_event_enable(self.as_ptr(), None, ptr::null_mut());
            }
            sys::rd_kafka_queue_destroy(self.as_ptr());
        }
    }
}
