//! A file descriptor that is readable while its channel is worth a call.

use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::time::Duration;

use rustix::event::{EventfdFlags, epoll, eventfd};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

use super::waiter::Wake;
use crate::error::{Error, Result};

/// An eventfd, together with a timer if the channel must be visited now and then.
pub struct ReadyFd {
    event: OwnedFd,
    visit: Option<Visit>,
}

struct Visit {
    timer: OwnedFd,
    both: OwnedFd,
}

impl ReadyFd {
    pub fn new(visit_every: Option<Duration>) -> Result<Self> {
        let make = || -> rustix::io::Result<Self> {
            let event = eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?;
            let visit = visit_every
                .map(|every| Visit::new(&event, every))
                .transpose()?;
            Ok(Self { event, visit })
        };
        make().map_err(|cause| Error::system("no file descriptor for the channel", cause))
    }

    pub fn raw(&self) -> RawFd {
        self.visit
            .as_ref()
            .map_or(&self.event, |visit| &visit.both)
            .as_raw_fd()
    }

    /// Readable until the next [`clear`](Self::clear).
    pub fn raise(&self) {
        // Fails only when the counter is full, and then it is readable already.
        let _ = rustix::io::write(&self.event, &1u64.to_ne_bytes());
    }

    pub fn clear(&self) {
        let mut count = [0; 8];
        let timer = self.visit.as_ref().map(|visit| &visit.timer);
        for fd in std::iter::once(&self.event).chain(timer) {
            // Fails only when there was nothing to clear.
            let _ = rustix::io::read(fd, &mut count);
        }
    }
}

impl Wake for ReadyFd {
    fn wake(&self) {
        self.raise();
    }
}

impl Visit {
    fn new(event: &OwnedFd, every: Duration) -> rustix::io::Result<Self> {
        let timer = timerfd_create(
            TimerfdClockId::Monotonic,
            TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC,
        )?;
        let every = Timespec {
            tv_sec: every.as_secs() as i64,
            tv_nsec: i64::from(every.subsec_nanos()),
        };
        let spec = Itimerspec {
            it_interval: every,
            it_value: every,
        };
        timerfd_settime(&timer, TimerfdTimerFlags::empty(), &spec)?;
        let both = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        for (fd, data) in [(event, 0), (&timer, 1)] {
            let data = epoll::EventData::new_u64(data);
            epoll::add(&both, fd, data, epoll::EventFlags::IN)?;
        }
        Ok(Self { timer, both })
    }
}
