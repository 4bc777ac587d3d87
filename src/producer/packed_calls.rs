//! Calls as JavaScript packs them: one behind the other, in one buffer and one table.
//!
//! For each call the table holds eight numbers, then two for each topic (its number, how many of the records are for it),
//! then those of the records, as `protocol::records::packed` says; `data` holds their bytes.
//!
//! | number | meaning |
//! |---|---|
//! | 0 | number of the call |
//! | 1 | acks |
//! | 2 | timeout, ms |
//! | 3 | codec; 256 more if the program registered it |
//! | 4 | level of the codec; `i32::MIN` for its default |
//! | 5 | how many numbers of the table are the call's, these included |
//! | 6 | how many bytes of the data are |
//! | 7 | number of topics |

use bytes::Bytes;

use super::batch::BatchKey;
use super::intake::Submission;
use crate::error::{Error, Result};
use crate::protocol::compression::Codec;
use crate::protocol::records::PackedRecords;

const LABEL: usize = 8;
const REGISTERED: u32 = 256;
const DEFAULT_LEVEL: i32 = i32::MIN;

/// The calls, in order. What does not add up is the last one.
#[derive(Debug)]
pub struct PackedCalls<'a> {
    data: &'a [u8],
    table: &'a [u32],
}

impl<'a> PackedCalls<'a> {
    /// Of the used parts of both stores.
    pub fn new(data: &'a [u8], table: &'a [u32]) -> Self {
        Self { data, table }
    }

    fn take(&mut self) -> Option<(u32, Result<Submission>)> {
        let &[call, acks, timeout, codec, level, numbers, bytes, topics] = self.table.first_chunk()?;
        let (own, table) = self.table.split_at_checked(numbers as usize)?;
        let (content, data) = self.data.split_at_checked(bytes as usize)?;
        let (topics, records) = own
            .get(LABEL..)?
            .split_at_checked((topics as usize).checked_mul(2)?)?;
        (self.table, self.data) = (table, data);
        let submission = batch_key(
            acks.cast_signed(),
            timeout.cast_signed(),
            codec,
            level.cast_signed(),
        )
        .map(|key| Submission {
            call,
            key,
            records: PackedRecords {
                data: Bytes::copy_from_slice(content),
                table: records.to_vec(),
            },
            topics: topics
                .chunks_exact(2)
                .filter_map(|pair| Some((*pair.first()?, *pair.get(1)?)))
                .collect(),
        });
        Some((call, submission))
    }
}

impl Iterator for PackedCalls<'_> {
    /// The number of a call, and the call.
    type Item = (u32, Result<Submission>);

    fn next(&mut self) -> Option<Self::Item> {
        let &call = self.table.first()?;
        let taken = self.take();
        if taken.is_none() {
            self.table = &[];
        }
        let misfit = || Error::non_retriable("Invalid packed records: a length is beyond its buffer");
        Some(taken.unwrap_or_else(|| (call, Err(misfit()))))
    }
}

fn batch_key(acks: i32, timeout_ms: i32, codec: u32, level: i32) -> Result<BatchKey> {
    let acks = i16::try_from(acks)
        .map_err(|_| Error::non_retriable(format!("Invalid acks {acks}, expected -1, 0 or 1")))?;
    let registered_codec = codec >= REGISTERED;
    let number = codec % REGISTERED;
    let codec = u8::try_from(number)
        .ok()
        .and_then(Codec::from_id)
        .ok_or_else(|| Error::non_retriable(format!("Invalid compression {number}, expected 0 to 4")))?;
    Ok(BatchKey {
        acks,
        timeout_ms,
        codec,
        registered_codec,
        level: (level != DEFAULT_LEVEL).then_some(level),
        transactional: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One topic, one record: a value of three bytes.
    fn packed(call: u32) -> Vec<u32> {
        let label = [
            call,
            u32::MAX,
            30_000,
            257,
            DEFAULT_LEVEL.cast_unsigned(),
            16,
            3,
            1,
        ];
        [&label[..], &[7, 1], &[u32::MAX, 0, 0, u32::MAX, 3, 0]].concat()
    }

    #[test]
    fn gives_the_calls_in_order_each_with_its_own_part_of_both_stores() {
        let table = [packed(1), packed(2)].concat();
        let calls: Vec<_> = PackedCalls::new(b"onetwo", &table).collect();
        assert_eq!(calls.iter().map(|(call, _)| *call).collect::<Vec<_>>(), [1, 2]);
        let second = calls[1].1.as_ref().expect("it adds up");
        assert_eq!((second.call, &*second.records.data), (2, &b"two"[..]));
        assert_eq!(second.topics.as_slice(), [(7, 1)]);
        assert_eq!(second.records.table, packed(2)[10..]);
        let key = second.key;
        assert_eq!((key.acks, key.timeout_ms, key.level), (-1, 30_000, None));
        assert_eq!((key.codec, key.registered_codec), (Codec::Gzip, true));
    }

    #[test]
    fn a_call_that_does_not_add_up_fails_and_is_the_last_one() {
        let broken: [(usize, u32); 4] = [(5, 33), (5, 7), (6, 4), (7, 5)];
        for (at, number) in broken {
            let mut table = [packed(1), packed(2)].concat();
            table[16 + at] = number;
            let calls: Vec<_> = PackedCalls::new(b"onetwo", &table).collect();
            assert_eq!(calls.len(), 2, "{at}");
            assert!(calls[0].1.is_ok() && calls[1].1.is_err(), "{at}");
        }
        assert_eq!(PackedCalls::new(b"", &[9, 0, 0]).count(), 1, "not even a label");
        assert_eq!(PackedCalls::new(b"", &[]).count(), 0);
    }

    #[test]
    fn a_call_with_an_unknown_codec_or_acks_fails_alone() {
        for (at, number) in [(3, 5), (1, 1 << 16)] {
            let mut table = [packed(1), packed(2)].concat();
            table[at] = number;
            let calls: Vec<_> = PackedCalls::new(b"onetwo", &table).collect();
            assert!(calls[0].1.is_err() && calls[1].1.is_ok());
        }
    }
}
