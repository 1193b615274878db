//! Error codes and the one error type of the safe middle.
//!
//! librdkafka's codes pass through unchanged; codes of our own are −1000 and below.

use std::borrow::Cow;
use std::ffi::CStr;
use std::fmt;

/// 0, a code of librdkafka, or one of the codes in [`code`].
pub type Code = i32;

/// Codes that the core itself names. Those above −1000 are librdkafka's
/// (`rd_kafka_resp_err_t`).
pub mod code {
    use super::Code;

    pub const OK: Code = 0;
    pub const PARTITION_EOF: Code = -191;
    pub const UNKNOWN_PARTITION: Code = -190;
    pub const INVALID_ARG: Code = -186;
    pub const TIMED_OUT: Code = -185;
    pub const QUEUE_FULL: Code = -184;
    pub const ASSIGN_PARTITIONS: Code = -175;
    pub const CONFLICT: Code = -173;
    pub const STATE: Code = -172;
    pub const PREV_IN_PROGRESS: Code = -177;
    pub const UNSUPPORTED_FEATURE: Code = -165;

    pub const NO_OFFSET: Code = -168;
    /// Something else came first to the same partition.
    pub const OUTDATED: Code = -167;

    pub const COORDINATOR_LOAD_IN_PROGRESS: Code = 14;
    pub const COORDINATOR_NOT_AVAILABLE: Code = 15;
    pub const NOT_COORDINATOR: Code = 16;
    pub const ILLEGAL_GENERATION: Code = 22;
    pub const REBALANCE_IN_PROGRESS: Code = 27;
    pub const STALE_MEMBER_EPOCH: Code = 113;

    pub const HANDLE: Code = -1000;
    pub const CLOSED: Code = -1001;
    pub const ARGUMENT: Code = -1002;
    pub const WOULD_BLOCK: Code = -1003;
    pub const OUTCOME_UNKNOWN: Code = -1004;
    pub const SYSTEM: Code = -1005;
    pub const INTERNAL: Code = -1006;
    pub const FORKED: Code = -1007;
}

/// Flags of an [`Error`]; the same bits as `KRS_ERROR_*` in the header.
pub mod flag {
    pub const FATAL: u32 = 1;
    pub const RETRIABLE: u32 = 2;
    pub const TXN_ABORT: u32 = 4;
}

/// A failed call: a code, what the caller may do about it, and a text that
/// names the input and what was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    pub code: Code,
    pub flags: u32,
    pub message: Cow<'static, str>,
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            flags: 0,
            message: message.into(),
        }
    }

    pub fn argument(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(code::ARGUMENT, message)
    }

    pub fn system(what: &'static str, cause: impl fmt::Display) -> Self {
        Self::new(code::SYSTEM, format!("{what}: {cause}"))
    }

    pub const fn closed(what: &'static str) -> Self {
        Self::fixed(code::CLOSED, what)
    }

    pub const fn would_block() -> Self {
        Self::fixed(
            code::WOULD_BLOCK,
            "nothing to do now, and timeout_ms is 0 (do not wait)",
        )
    }

    pub const fn timed_out() -> Self {
        Self::fixed(code::TIMED_OUT, "timeout_ms passed")
    }

    pub const fn fixed(code: Code, message: &'static str) -> Self {
        Self {
            code,
            flags: 0,
            message: Cow::Borrowed(message),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.code)
    }
}

impl std::error::Error for Error {}

/// Name and text of a code of our own; `None` for any other code.
pub fn describe_own(code: Code) -> Option<(&'static CStr, &'static CStr)> {
    Some(match code {
        code::HANDLE => (c"HANDLE", c"not a handle of this kind"),
        code::CLOSED => (c"CLOSED", c"closed"),
        code::ARGUMENT => (c"ARGUMENT", c"invalid argument"),
        code::WOULD_BLOCK => (c"WOULD_BLOCK", c"nothing to do now"),
        code::OUTCOME_UNKNOWN => (
            c"OUTCOME_UNKNOWN",
            c"the client closed before the outcome was known",
        ),
        code::SYSTEM => (c"SYSTEM", c"the operating system refused"),
        code::INTERNAL => (c"INTERNAL", c"a defect in kafka_rs"),
        code::FORKED => (c"FORKED", c"opened before fork(), in the parent process"),
        _ => return None,
    })
}
