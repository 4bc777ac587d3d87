//! Message sets of formats 0 and 1, as the Java client writes them.

use super::*;

const CODECS: [&str; 4] = ["none", "gzip", "snappy", "lz4"];

/// As [`super::decode::java_messages`], for formats that know no headers.
fn java_messages(offsets: [i64; 4], timestamp: impl Fn(i64) -> i64) -> Vec<(i64, Message)> {
    let with_headers = super::decode::java_messages(offsets).into_iter();
    with_headers
        .map(|(offset, message)| {
            let timestamp = message.timestamp.map(&timestamp);
            (
                offset,
                Message {
                    headers: vec![],
                    timestamp,
                    ..message
                },
            )
        })
        .collect()
}

#[test]
fn format_1_has_timestamps_and_relative_offsets() {
    for codec in CODECS {
        let indexed = index(java(&format!("v1_{codec}"))).unwrap();
        assert_eq!(
            messages(&indexed),
            java_messages([100, 101, 102, 103], |timestamp| timestamp),
            "{codec}"
        );
        assert_eq!(indexed.next_fetch_offset, 104);
    }
    let indexed = index(java("v1_gaps_gzip")).unwrap();
    assert_eq!(
        messages(&indexed),
        java_messages([101, 104, 110, 111], |timestamp| timestamp)
    );
}

#[test]
fn the_time_of_appending_comes_from_the_set() {
    for codec in CODECS {
        let indexed = index(java(&format!("v1append_{codec}"))).unwrap();
        assert_eq!(
            messages(&indexed),
            java_messages([100, 101, 102, 103], |_| 1_700_000_009_999),
            "{codec}"
        );
        assert_eq!(indexed.batch_table[4], 1);
    }
}

/// Its LZ4 frames have the header checksum that only Kafka ever computed so.
#[test]
fn format_0_has_absolute_offsets_and_no_timestamps() {
    for codec in CODECS {
        let indexed = index(java(&format!("v0_{codec}"))).unwrap();
        assert_eq!(
            messages(&indexed),
            java_messages([100, 101, 102, 103], |_| -1),
            "{codec}"
        );
        assert_eq!(indexed.next_fetch_offset, 104);
        assert_eq!(indexed.batch_table[4], -1);
    }
}

#[test]
fn each_message_is_a_batch_and_a_compressed_set_is_one() {
    let indexed = index(java("v1_none")).unwrap();
    let ranges: Vec<_> = indexed
        .batches
        .iter()
        .map(|batch| (batch.base_offset, batch.record_count))
        .collect();
    assert_eq!(ranges, [(100, 1), (101, 1), (102, 1), (103, 1)]);
    let indexed = index(java("v1_gzip")).unwrap();
    let expected = [
        100,
        3,
        1_700_000_000_000,
        1_700_000_000_005,
        0,
        -1,
        -1,
        -1,
        -1,
        0,
        0,
        1,
        1,
        4,
    ];
    assert_eq!(indexed.batch_table, expected);
    assert_eq!(
        (indexed.batches[0].base_offset, indexed.batches[0].last_offset),
        (100, 103)
    );
}

#[test]
fn size_checksum_and_attributes_stand_beside_the_index() {
    let data = java("v1append_none");
    let indexed = index(data.clone()).unwrap();
    assert_eq!(indexed.legacy.len(), 4 * LEGACY_STRIDE);
    // The first message: 31 bytes, checksum 0x4175e381, time of appending.
    assert_eq!(indexed.legacy[..3], [0x1f, 0x4175_e381, 0x08]);
    let second = 12 + 0x1f;
    let crc = i32::from_be_bytes(data[second + 12..second + 16].try_into().unwrap());
    assert_eq!(indexed.legacy[3..6], [0x66, crc, 0x08]);
}

#[test]
fn formats_may_follow_one_another() {
    let data = [
        with_base_offset(java("v2_none"), 96),
        java("v0_none"),
        with_base_offset(java("v1_lz4"), 107),
        with_base_offset(java("v2_zstd"), 108),
    ];
    let indexed = index(data.concat()).unwrap();
    let offsets: Vec<_> = messages(&indexed).iter().map(|(offset, _)| *offset).collect();
    assert_eq!(offsets, (96..112).collect::<Vec<_>>());
    assert_eq!(indexed.legacy.len(), 16 * LEGACY_STRIDE);
    assert!(
        indexed.legacy[..4 * LEGACY_STRIDE]
            .iter()
            .all(|&number| number == 0)
    );
    assert!(
        indexed.legacy[12 * LEGACY_STRIDE..]
            .iter()
            .all(|&number| number == 0)
    );
    assert!(
        indexed.legacy[4 * LEGACY_STRIDE..12 * LEGACY_STRIDE]
            .iter()
            .step_by(3)
            .all(|&size| size > 0)
    );
    assert_eq!(indexed.next_fetch_offset, 112);
}

#[test]
fn a_set_of_format_1_with_offset_0_keeps_the_offsets_inside() {
    let indexed = index(with_base_offset(java("v1_gzip"), 0)).unwrap();
    let offsets: Vec<_> = messages(&indexed).iter().map(|(offset, _)| *offset).collect();
    assert_eq!((offsets, indexed.next_fetch_offset), (vec![0, 1, 2, 3], 4));
}

#[test]
fn a_set_below_its_last_message_is_corrupt() {
    let error = index(with_base_offset(java("v1_gzip"), 2)).unwrap_err();
    let reason = "the offset of a compressed set is below that of its last message";
    assert_eq!(
        error,
        RecordError::Corrupt {
            base_offset: 2,
            reason
        }
    );
}

#[test]
fn checksums_are_compared_outside_and_inside() {
    for name in ["v0_none", "v1_snappy"] {
        let mut data = java(name);
        let middle = data.len() / 2;
        data[middle] ^= 1;
        let result = index(data);
        let stopped = result.as_ref().map(|indexed| indexed.stopped_by.clone());
        assert!(
            matches!(
                stopped,
                Err(RecordError::ChecksumMismatch { .. }) | Ok(Some(RecordError::ChecksumMismatch { .. }))
            ),
            "{name}: {result:?}"
        );
    }
    // A set whose own checksum is right, around messages with a wrong one.
    let mut inner = java("v1_none");
    inner[12] ^= 1;
    let reason = "the checksum of a message in a compressed set is wrong";
    assert_eq!(
        index(set_around(&inner, 1)).unwrap_err(),
        RecordError::Corrupt {
            base_offset: 103,
            reason
        }
    );
    let options = DecodeOptions {
        check_crc: false,
        ..DecodeOptions::new(0)
    };
    assert_eq!(
        index_batches(set_around(&inner, 1).into(), options)
            .unwrap()
            .record_count(),
        4
    );
}

#[test]
fn sets_within_sets_and_of_mixed_formats_are_corrupt() {
    let nested = index(set_around(&java("v1_gzip"), 1)).unwrap_err();
    let reason = "a compressed set holds another one";
    assert_eq!(
        nested,
        RecordError::Corrupt {
            base_offset: 103,
            reason
        }
    );
    let mixed = index(set_around(&java("v0_none"), 1)).unwrap_err();
    let reason = "a compressed set holds messages of another format";
    assert_eq!(
        mixed,
        RecordError::Corrupt {
            base_offset: 103,
            reason
        }
    );
    let reason = "a compressed set is empty";
    assert_eq!(
        index(set_around(b"", 1)).unwrap_err(),
        RecordError::Corrupt {
            base_offset: 103,
            reason
        }
    );
}

/// A message of format `magic` at offset 103, whose value is `inner` in gzip.
fn set_around(inner: &[u8], magic: u8) -> Vec<u8> {
    let mut value = Vec::new();
    crate::protocol::compression::compress(Codec::Gzip, None, inner, &mut value).unwrap();
    let mut body = vec![magic, 1];
    if magic > 0 {
        body.extend(NOW.to_be_bytes());
    }
    body.extend((-1_i32).to_be_bytes());
    body.extend(u32::try_from(value.len()).unwrap().to_be_bytes());
    body.extend(value);
    let mut crc = flate2::Crc::new();
    crc.update(&body);
    let mut message = 103_i64.to_be_bytes().to_vec();
    message.extend(u32::try_from(body.len() + 4).unwrap().to_be_bytes());
    message.extend(crc.sum().to_be_bytes());
    message.extend(body);
    message
}
