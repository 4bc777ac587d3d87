//! Bytes meant to hurt: nothing panics, nothing takes memory out of proportion.

use proptest::collection::vec;
use proptest::prelude::*;

use super::round_trip::any_message;
use super::*;

/// Every batch and set that the other tests know to be good.
fn specimens() -> Vec<Vec<u8>> {
    let files = [include_str!("java.txt"), include_str!("kafkajs.txt")];
    let lines = files
        .iter()
        .flat_map(|file| file.lines().map(move |line| (file, line)));
    let named = lines.filter_map(|(file, line)| Some((file, line.split_once('=')?.0)));
    named.map(|(file, name)| fixture(file, name)).collect()
}

/// Reads `data` without looking at checksums, so that the damage gets as far as it can, with a limit on memory.
fn survive(data: &[u8]) {
    const LIMIT: usize = 64 * 1024;
    for check_crc in [false, true] {
        let options = DecodeOptions {
            check_crc,
            max_decompressed: LIMIT,
            ..DecodeOptions::new(0)
        };
        let Ok(indexed) = index_batches(Bytes::copy_from_slice(data), options) else {
            continue;
        };
        // Reading every part proves that no position lies outside of the payload.
        let records = messages(&indexed).len();
        assert_eq!(records, indexed.record_count());
        assert!(indexed.payload.len() <= data.len() + LIMIT);
        let numbers = indexed.index.capacity() + indexed.headers.capacity() + indexed.legacy.capacity();
        let tables = 4 * numbers
            + 8 * indexed.batch_table.capacity()
            + size_of::<BatchInfo>() * indexed.batches.capacity()
            + size_of::<ControlRecord>() * indexed.control.capacity();
        // A vector starts with room for a few, whatever is in it.
        assert!(
            tables <= 24 * (data.len() + indexed.payload.len()) + 1024,
            "{tables} for {}",
            data.len()
        );
        let _ = compressed_sections(&Bytes::copy_from_slice(data));
    }
}

#[test]
fn cut_off_anywhere() {
    for specimen in specimens() {
        for end in 0..specimen.len() {
            survive(&specimen[..end]);
        }
    }
}

/// The length says that all is there, the content ends early.
#[test]
fn cut_off_inside_with_the_length_made_right() {
    for specimen in specimens() {
        for end in 17..specimen.len() {
            let mut data = specimen[..end].to_vec();
            let length = u32::try_from(end - 12).unwrap();
            data[8..12].copy_from_slice(&length.to_be_bytes());
            survive(&data);
        }
    }
}

#[test]
fn any_single_bit_flipped() {
    for specimen in specimens() {
        for bit in 0..specimen.len() * 8 {
            let mut data = specimen.clone();
            data[bit / 8] ^= 1 << (bit % 8);
            survive(&data);
        }
    }
}

#[test]
fn a_count_beyond_the_data_reserves_nothing() {
    for count in [i32::MAX, 1_000_000, -1, i32::MIN] {
        let mut batch = java("v2_none");
        batch[57..61].copy_from_slice(&count.to_be_bytes());
        let error = index(with_right_crc(batch)).unwrap_err();
        let reason = "it states more records than it can hold";
        assert_eq!(
            error,
            RecordError::Corrupt {
                base_offset: 100,
                reason
            }
        );
    }
}

#[test]
fn counts_that_do_not_match_the_records() {
    for (count, reason) in [
        (3, "there is data behind its last record"),
        (5, "a record is cut off or malformed"),
    ] {
        let mut batch = java("v2_none");
        batch[57..61].copy_from_slice(&i32::to_be_bytes(count));
        let error = index(with_right_crc(batch)).unwrap_err();
        assert_eq!(
            error,
            RecordError::Corrupt {
                base_offset: 100,
                reason
            }
        );
    }
}

#[test]
fn offsets_outside_of_the_batch() {
    let mut batch = java("v2_none");
    batch[23..27].copy_from_slice(&2_i32.to_be_bytes());
    let reason = "the offset of a record is outside of the batch";
    assert_eq!(
        index(with_right_crc(batch)).unwrap_err(),
        RecordError::Corrupt {
            base_offset: 100,
            reason
        }
    );

    let reason = "its last offset is out of range";
    let mut batch = java("v2_none");
    batch[23..27].copy_from_slice(&(-1_i32).to_be_bytes());
    assert_eq!(
        index(with_right_crc(batch)).unwrap_err(),
        RecordError::Corrupt {
            base_offset: 100,
            reason
        }
    );
    for base_offset in [i64::MAX - 2, i64::MAX - 3] {
        let batch = with_base_offset(java("v2_none"), base_offset);
        assert_eq!(
            index(batch).unwrap_err(),
            RecordError::Corrupt { base_offset, reason }
        );
    }
    let batch = with_base_offset(java("v2_none"), -1);
    let reason = "its offset is negative";
    assert_eq!(
        index(batch).unwrap_err(),
        RecordError::Corrupt {
            base_offset: -1,
            reason
        }
    );
}

#[test]
fn lengths_below_the_fields() {
    for (name, smallest) in [("v0_none", 14), ("v1_none", 22), ("v2_none", 49)] {
        for length in [i32::MIN, -1, 0, smallest - 1] {
            let mut data = java(name);
            data[8..12].copy_from_slice(&length.to_be_bytes());
            let reason = "its length is less than that of its fields";
            assert_eq!(
                index(data).unwrap_err(),
                RecordError::Corrupt {
                    base_offset: 100,
                    reason
                }
            );
        }
    }
}

/// A megabyte of zeros in a few bytes, with a limit of half of it.
#[test]
fn bombs_are_refused_before_they_take_the_memory() {
    let zeros = vec![message(None, Some(&"\0".repeat(1 << 20)))];
    for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
        let batch = encode(&zeros, &header(codec));
        let options = DecodeOptions {
            max_decompressed: 1 << 19,
            ..DecodeOptions::new(0)
        };
        let error = index_batches(batch.into(), options).unwrap_err();
        let expected = format!(
            "Cannot decompress the record batch at offset 0: {codec} data decompresses to more than the 524288 bytes allowed"
        );
        assert_eq!(error.to_string(), expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_behind_a_header(
        body in vec(any::<u8>(), 0..200),
        (base, delta, codec, count) in any::<(u8, u8, u8, u8)>(),
    ) {
        let mut data = java("v2_none");
        data.truncate(61);
        data.extend(&body);
        let length = u32::try_from(data.len() - 12).unwrap();
        data[7] = base;
        data[8..12].copy_from_slice(&length.to_be_bytes());
        data[22] = codec % 64;
        data[26] = delta;
        data[60] = count % 16;
        survive(&with_right_crc(data));
    }

    #[test]
    fn several_bytes_changed(
        records in vec(any_message(), 1..10),
        codec in proptest::sample::select(&CODECS[..]),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut data = encode(&records, &header(codec));
        data.extend(with_base_offset(data.clone(), 1000));
        for (at, byte) in changes {
            let at = at.index(data.len());
            data[at] = byte;
        }
        survive(&data);
    }

    #[test]
    fn any_bytes_at_all(data in vec(any::<u8>(), 0..300)) {
        survive(&data);
    }

    #[test]
    fn small_numbers_where_fields_are(data in vec(prop_oneof![Just(0u8), 0u8..40, any::<u8>()], 17..200)) {
        survive(&data);
    }
}
