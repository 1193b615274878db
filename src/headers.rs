//! The headers of a message that is sent.
//!
//! Packed, each is `i32 key_len, i32 value_len (−1 = null), key, value`, without gaps,
//! in the machine's byte order.

use std::ops::Range;

use crate::batch::Column;
use crate::error::{Error, Result};

const PREFIX: usize = 8;

#[derive(Clone, Debug)]
pub enum Headers<'a> {
    /// One after the other, found to be well-formed.
    Packed(&'a [u8]),
    /// Some rows of two columns.
    Columns {
        columns: &'a Columns<'a>,
        rows: Range<u32>,
    },
}

/// The headers of many messages.
#[derive(Debug)]
pub struct Columns<'a> {
    pub key: Column<'a>,
    /// `None`: all are null.
    pub value: Option<Column<'a>>,
}

pub type Header<'a> = (&'a [u8], Option<&'a [u8]>);

impl<'a> Headers<'a> {
    pub fn parse(packed: &'a [u8]) -> Result<Self> {
        let mut rest = packed;
        while !rest.is_empty() {
            let at = packed.len() - rest.len();
            (_, rest) = split_first(rest).ok_or_else(|| {
                Error::argument(format!(
                    "headers: no whole header at byte {at} of {}; make them with krs_headers_add",
                    packed.len()
                ))
            })?;
        }
        Ok(Self::Packed(packed))
    }

    pub fn columns(columns: &'a Columns<'a>, rows: Range<u32>) -> Self {
        Self::Columns { columns, rows }
    }

    pub fn is_empty(&self) -> bool {
        match self {
            Self::Packed(packed) => packed.is_empty(),
            Self::Columns { rows, .. } => rows.is_empty(),
        }
    }

    pub fn iter(&self) -> Iter<'a> {
        Iter(self.clone())
    }
}

impl Default for Headers<'_> {
    fn default() -> Self {
        Self::Packed(&[])
    }
}

pub struct Iter<'a>(Headers<'a>);

impl<'a> Iterator for Iter<'a> {
    type Item = Header<'a>;

    fn next(&mut self) -> Option<Header<'a>> {
        match &mut self.0 {
            Headers::Packed(packed) => {
                let (header, rest) = split_first(packed)?;
                *packed = rest;
                Some(header)
            }
            Headers::Columns { columns, rows } => {
                let row = rows.next()? as usize;
                let key = columns.key.get(row).unwrap_or_default();
                Some((key, columns.value.and_then(|value| value.get(row))))
            }
        }
    }
}

fn split_first(packed: &[u8]) -> Option<(Header<'_>, &[u8])> {
    let (key_len, rest) = packed.split_first_chunk::<4>()?;
    let (value_len, rest) = rest.split_first_chunk::<4>()?;
    let key_len = usize::try_from(i32::from_ne_bytes(*key_len)).ok()?;
    let value_len = i32::from_ne_bytes(*value_len);
    let (key, rest) = rest.split_at_checked(key_len)?;
    if value_len == -1 {
        return Some(((key, None), rest));
    }
    let (value, rest) = rest.split_at_checked(usize::try_from(value_len).ok()?)?;
    Some(((key, Some(value)), rest))
}

/// Bytes that one more header takes.
pub fn packed_len(key: &[u8], value: Option<&[u8]>) -> usize {
    PREFIX + key.len() + value.map_or(0, <[u8]>::len)
}

/// Writes one header to the start of `to`, which has room for it.
pub fn pack(key: &[u8], value: Option<&[u8]>, to: &mut [u8]) -> Result<()> {
    let size = |bytes: &[u8]| {
        i32::try_from(bytes.len()).map_err(|_| Error::argument("a header is larger than 2 GiB"))
    };
    let key_len = size(key)?;
    let value_len = value.map_or(Ok(-1), size)?;
    to[..4].copy_from_slice(&key_len.to_ne_bytes());
    to[4..PREFIX].copy_from_slice(&value_len.to_ne_bytes());
    let (key_to, value_to) = to[PREFIX..].split_at_mut(key.len());
    key_to.copy_from_slice(key);
    if let Some(value) = value {
        value_to[..value.len()].copy_from_slice(value);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_read_back() {
        let headers: [Header<'_>; 4] = [
            (b"a", Some(b"1")),
            (b"", None),
            (b"b", Some(b"")),
            (b"a", Some(b"again")),
        ];
        let mut packed = Vec::new();
        for (key, value) in headers {
            let start = packed.len();
            packed.resize(start + packed_len(key, value), 0);
            pack(key, value, &mut packed[start..]).unwrap();
        }
        let read: Vec<_> = Headers::parse(&packed).unwrap().iter().collect();
        assert_eq!(read, headers);
        for cut in 1..packed.len() {
            // A cut between two headers leaves whole ones.
            if let Ok(whole) = Headers::parse(&packed[..cut]) {
                assert!(whole.iter().count() < headers.len());
            }
        }
    }

    #[test]
    fn lengths_that_lie_are_refused() {
        for lie in [-2i32, i32::MAX, i32::MIN] {
            let mut packed = [0u8; 16];
            packed[..4].copy_from_slice(&lie.to_ne_bytes());
            assert!(Headers::parse(&packed).is_err());
            packed[..4].copy_from_slice(&0i32.to_ne_bytes());
            packed[4..8].copy_from_slice(&lie.to_ne_bytes());
            assert!(Headers::parse(&packed).is_err());
        }
    }
}
