//! Batches of other clients, field by field.

use super::*;
use crate::protocol::compression::CompressionError;

/// What the Java client was given for every batch in `java.txt`, with the first offset.
pub(super) fn java_messages(offsets: [i64; 4]) -> Vec<(i64, Message)> {
    let headers = |message: Message| {
        message
            .header(b"h1", Some(b"v1"))
            .header(b"h1", None)
            .header(b"", Some(b""))
    };
    let records = [
        headers(message(Some("k1"), Some("value-1")).at(1_700_000_000_000)),
        message(None, Some(&"abcdefgh".repeat(10))).at(1_700_000_000_005),
        headers(message(Some("k3"), None).at(1_699_999_999_990)),
        headers(message(Some(""), Some("")).at(1_700_000_000_003)),
    ];
    offsets.into_iter().zip(records).collect()
}

#[test]
fn batches_of_the_java_client_are_read_whatever_their_codec() {
    for codec in CODECS {
        let batch = java(&format!("v2_{codec}"));
        let indexed = index(batch.clone()).unwrap();
        assert_eq!(messages(&indexed), java_messages([100, 101, 102, 103]), "{codec}");
        assert_eq!((indexed.next_fetch_offset, indexed.skipped), (104, 0));
        assert_eq!(
            indexed.batch_table,
            [
                100,
                3,
                1_700_000_000_000,
                1_700_000_000_005,
                0,
                5,
                -1,
                -1,
                -1,
                0,
                0,
                2,
                i64::from(codec.id()),
                4
            ]
        );
        assert!(indexed.legacy.is_empty() && indexed.control.is_empty() && indexed.stopped_by.is_none());
        // The first record of both kinds of payload, to the byte.
        let key_start = if codec == Codec::None { 61 + 5 } else { 5 };
        assert_eq!(
            indexed.index[..10],
            [
                0,
                0,
                0xcfe5_6800_u32.cast_signed(),
                0x18b,
                key_start,
                2,
                key_start + 3,
                7,
                0,
                3
            ]
        );
    }
}

#[test]
fn batches_of_kafkajs_are_read() {
    let indexed = index(kafkajs("gzip")).unwrap();
    let expected = [
        (0, message(Some("k"), Some(&"v".repeat(100))).at(NOW)),
        (
            1,
            message(None, Some(&"w".repeat(100)))
                .at(NOW)
                .header(b"h", Some(b"1")),
        ),
    ];
    assert_eq!(messages(&indexed), expected);
    assert_eq!(messages(&index(kafkajs("nulls")).unwrap()).len(), 4);
}

#[test]
fn uncompressed_data_is_not_copied() {
    let data = Bytes::from([java("v2_none"), java("commit")].concat());
    let indexed = index(data.clone()).unwrap();
    assert_eq!(indexed.payload.as_ptr(), data.as_ptr());
    assert_eq!(indexed.payload.len(), data.len());
}

#[test]
fn batches_with_and_without_compression_share_one_payload() {
    let mut data = java("v2_none");
    for (position, codec) in ["lz4", "none", "gzip", "zstd", "snappy"].iter().enumerate() {
        data.extend(with_base_offset(
            java(&format!("v2_{codec}")),
            200 + 10 * i64::try_from(position).unwrap(),
        ));
    }
    let indexed = index(data).unwrap();
    let expected: Vec<_> = [100, 200, 210, 220, 230, 240]
        .into_iter()
        .flat_map(|base| java_messages([base, base + 1, base + 2, base + 3]))
        .collect();
    assert_eq!(messages(&indexed), expected);
    let ranges: Vec<_> = indexed
        .batches
        .iter()
        .map(|batch| (batch.first_record, batch.record_count))
        .collect();
    assert_eq!(ranges, [(0, 4), (4, 4), (8, 4), (12, 4), (16, 4), (20, 4)]);
}

#[test]
fn the_time_of_appending_replaces_timestamps() {
    let indexed = index(java("v2_append")).unwrap();
    for (_, message) in messages(&indexed) {
        assert_eq!(message.timestamp, Some(1_700_000_009_999));
    }
    assert_eq!(
        indexed.batch_table[2..5],
        [1_700_000_000_000, 1_700_000_009_999, 1]
    );
}

#[test]
fn gaps_of_compaction_are_kept_and_stepped_over() {
    let indexed = index(java("v2_gaps")).unwrap();
    assert_eq!(messages(&indexed), java_messages([101, 104, 110, 111]));
    assert_eq!(
        (indexed.batches[0].base_offset, indexed.batches[0].last_offset),
        (100, 111)
    );

    // Everything compacted away: no record, but the position moves on.
    let indexed = index([java("v2_none"), with_base_offset(java("empty"), 104)].concat()).unwrap();
    assert_eq!((indexed.record_count(), indexed.next_fetch_offset), (4, 108));
    assert_eq!(indexed.batches[1].record_count, 0);
    assert_eq!(indexed.batch_table[BATCH_STRIDE..][13], 0);
}

#[test]
fn an_emptied_batch_may_still_name_a_codec() {
    let mut batch = java("empty");
    batch[22] |= 4;
    let indexed = index(with_right_crc(batch)).unwrap();
    assert_eq!((indexed.record_count(), indexed.next_fetch_offset), (0, 104));
}

#[test]
fn control_records_are_apart_from_messages() {
    let data = [
        java("v2_txn"),
        java("commit"),
        java("abort"),
        with_base_offset(java("v2_txn"), 106),
    ]
    .concat();
    let indexed = index(data).unwrap();
    assert_eq!(messages(&indexed).len(), 8);
    assert_eq!(indexed.next_fetch_offset, 110);
    let commit = ControlRecord {
        batch: 1,
        before_record: 4,
        kind: ControlKind::Commit,
        producer_id: 9001,
        producer_epoch: 3,
        offset: 104,
        timestamp: 1_700_000_000_100,
        key: indexed.control[0].key,
        value: indexed.control[0].value,
    };
    let abort = ControlRecord {
        batch: 2,
        kind: ControlKind::Abort,
        offset: 105,
        timestamp: 1_700_000_000_101,
        key: indexed.control[1].key,
        value: indexed.control[1].value,
        ..commit
    };
    assert_eq!(indexed.control, [commit, abort]);
    let part = |span: [i32; 2]| {
        let [start, length] = span.map(|number| usize::try_from(number).unwrap());
        &indexed.payload[start..start + length]
    };
    assert_eq!(
        (part(commit.key), part(commit.value)),
        (&[0, 0, 0, 1][..], &[0, 0, 0, 0, 0, 7][..])
    );
    assert_eq!(
        (part(abort.key), part(abort.value)),
        (&[0, 0, 0, 0][..], &[0, 0, 0, 0, 0, 8][..])
    );

    let kinds: Vec<_> = indexed
        .batches
        .iter()
        .map(|batch| (batch.is_transactional, batch.control))
        .collect();
    let expected = [
        (true, None),
        (true, Some(ControlKind::Commit)),
        (true, Some(ControlKind::Abort)),
        (true, None),
    ];
    assert_eq!(kinds, expected);
    assert_eq!(indexed.batches[3].first_record, 4);
    assert_eq!(indexed.batches[0].producer_id, 9001);
    assert_eq!(indexed.batch_table[..BATCH_STRIDE][6..11], [9001, 3, 17, 1, 0]);
    assert_eq!(
        indexed.batch_table[BATCH_STRIDE..][6..14],
        [9001, 3, -1, 1, 1, 2, 0, 1]
    );
}

#[test]
fn control_records_of_other_kinds_are_stepped_over() {
    let indexed = index(java("leader")).unwrap();
    assert_eq!((indexed.record_count(), indexed.next_fetch_offset), (0, 8));
    assert_eq!(indexed.control[0].kind, ControlKind::Other(2));
}

#[test]
fn a_batch_cut_off_at_the_end_is_left_out() {
    let whole = java("v2_none");
    let data = [&whole[..], &with_base_offset(whole.clone(), 104)].concat();
    for end in whole.len()..data.len() {
        let indexed = index(data[..end].to_vec()).unwrap();
        assert_eq!(
            (indexed.record_count(), indexed.next_fetch_offset),
            (4, 104),
            "{end}"
        );
        assert_eq!((indexed.payload.len(), &indexed.stopped_by), (whole.len(), &None));
    }
    for end in 1..whole.len() {
        let needed = if end < 17 { 17 } else { whole.len() };
        assert_eq!(
            index(whole[..end].to_vec()).unwrap_err(),
            RecordError::Incomplete {
                needed,
                available: end
            }
        );
    }
}

#[test]
fn no_data_moves_nothing() {
    let indexed = index_batches(Bytes::new(), DecodeOptions::new(42)).unwrap();
    assert_eq!((indexed.record_count(), indexed.next_fetch_offset), (0, 42));
}

#[test]
fn records_before_the_fetched_offset_are_counted() {
    let data = Bytes::from([java("v2_gaps"), with_base_offset(java("v2_none"), 112)].concat());
    for (fetch_offset, skipped) in [
        (0, 0),
        (101, 0),
        (102, 1),
        (104, 1),
        (105, 2),
        (112, 4),
        (113, 5),
        (500, 8),
    ] {
        let indexed = index_batches(data.clone(), DecodeOptions::new(fetch_offset)).unwrap();
        assert_eq!(indexed.skipped, skipped, "{fetch_offset}");
        assert_eq!(indexed.next_fetch_offset, fetch_offset.max(116));
    }
}

#[test]
fn a_bad_first_batch_is_an_error_and_a_bad_later_one_ends_the_reading() {
    let good = java("v2_lz4");
    let mut bad = with_base_offset(java("v2_gzip"), 104);
    *bad.last_mut().unwrap() ^= 1;
    let RecordError::ChecksumMismatch {
        base_offset: 104,
        stated,
        computed,
    } = index(bad.clone()).unwrap_err()
    else {
        panic!("no mismatch")
    };
    assert_ne!(stated, computed);

    let indexed = index([&good[..], &bad, &good].concat()).unwrap();
    assert_eq!(messages(&indexed), java_messages([100, 101, 102, 103]));
    assert_eq!(indexed.next_fetch_offset, 104);
    let error = RecordError::ChecksumMismatch {
        base_offset: 104,
        stated,
        computed,
    };
    assert_eq!(indexed.stopped_by, Some(error));
    assert_eq!(indexed.batches.len() * BATCH_STRIDE, indexed.batch_table.len());
}

#[test]
fn checksums_are_only_compared_when_asked_for() {
    let mut batch = java("v2_none");
    batch[17] ^= 1;
    assert!(matches!(
        index(batch.clone()),
        Err(RecordError::ChecksumMismatch { .. })
    ));
    let options = DecodeOptions {
        check_crc: false,
        ..DecodeOptions::new(0)
    };
    assert_eq!(messages(&index_batches(batch.into(), options).unwrap()).len(), 4);
}

#[test]
fn formats_and_codecs_to_come_are_refused_by_name() {
    let mut batch = java("v2_none");
    batch[16] = 3;
    assert_eq!(
        index(batch).unwrap_err(),
        RecordError::UnsupportedMagic {
            base_offset: 100,
            magic: 3
        }
    );
    let mut batch = java("v2_none");
    batch[22] |= 5;
    let error = index(with_right_crc(batch)).unwrap_err();
    assert_eq!(
        error,
        RecordError::UnsupportedCodec {
            base_offset: 100,
            id: 5
        }
    );
}

#[test]
fn decompressing_has_a_limit_over_all_batches() {
    let records: Vec<_> = (0..100).map(|_| message(None, Some(&"x".repeat(100)))).collect();
    for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
        let batch = encode(&records, &header(codec));
        let size = encode(&records, &header(Codec::None)).len() - 61;
        let two = [batch.clone(), with_base_offset(batch.clone(), 100)].concat();
        let read = |data: &[u8], max_decompressed| {
            let options = DecodeOptions {
                max_decompressed,
                ..DecodeOptions::new(0)
            };
            index_batches(Bytes::copy_from_slice(data), options)
        };
        let refused = |base_offset, limit| RecordError::Decompression {
            base_offset,
            source: CompressionError::TooLarge { codec, limit },
        };
        assert_eq!(read(&batch, size - 1).unwrap_err(), refused(0, size - 1));
        assert_eq!(read(&batch, size).unwrap().record_count(), 100);
        let first_only = read(&two, 2 * size - 1).unwrap();
        assert_eq!(
            (first_only.record_count(), first_only.next_fetch_offset),
            (100, 100)
        );
        assert_eq!(first_only.stopped_by, Some(refused(100, 2 * size - 1)));
        assert_eq!(read(&two, 2 * size).unwrap().record_count(), 200);
    }
}

#[test]
fn codecs_of_the_users_own_come_first() {
    let data = Bytes::from(
        [
            java("v2_none"),
            java("v2_gzip"),
            java("empty"),
            java("v2_lz4"),
            java("v0_snappy"),
        ]
        .concat(),
    );
    let sections = compressed_sections(&data);
    let codecs: Vec<_> = sections.iter().map(|section| section.codec).collect();
    assert_eq!(codecs, [Codec::Gzip, Codec::Lz4, Codec::Snappy]);

    let mut asked = Vec::new();
    let section = Bytes::from(java("v2_none")[61..].to_vec());
    let mut decompress = |codec, bytes: &[u8]| {
        asked.push(CompressedSection {
            codec,
            payload: Bytes::copy_from_slice(bytes),
        });
        (codec == Codec::Lz4).then(|| Ok(section.clone()))
    };
    let options = DecodeOptions {
        codec_override: Some(&mut decompress),
        ..DecodeOptions::new(0)
    };
    let indexed = index_batches(data, options).unwrap();
    assert_eq!(indexed.record_count(), 16);
    assert_eq!(messages(&indexed)[8..12], java_messages([100, 101, 102, 103]));
    assert_eq!(asked, sections);
}

#[test]
fn what_a_codec_of_the_users_own_gives_is_checked_as_well() {
    let read = |plain: Result<Bytes, CompressionError>, max_decompressed| {
        let mut decompress = |_, _: &[u8]| Some(plain.clone());
        let codec_override: Option<CodecOverride<'_>> = Some(&mut decompress);
        let options = DecodeOptions {
            max_decompressed,
            codec_override,
            ..DecodeOptions::new(0)
        };
        index_batches(java("v2_zstd").into(), options).unwrap_err()
    };
    let codec = Codec::Zstd;
    assert!(matches!(
        read(Ok(Bytes::from_static(b"junk")), 100),
        RecordError::Corrupt { base_offset: 100, .. }
    ));
    let source = CompressionError::TooLarge { codec, limit: 3 };
    assert_eq!(
        read(Ok(Bytes::from_static(b"junk")), 3),
        RecordError::Decompression {
            base_offset: 100,
            source
        }
    );
    let source = CompressionError::Failed {
        codec,
        reason: "by the user".into(),
    };
    assert_eq!(
        read(Err(source.clone()), 9),
        RecordError::Decompression {
            base_offset: 100,
            source
        }
    );
}
