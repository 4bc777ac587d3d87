//! Batches byte for byte as kafkajs writes them, and what the caller is told about them.

use super::*;
use crate::protocol::compression::{CompressionError, decompress};

#[test]
fn a_single_record_has_the_bytes_of_kafkajs() {
    assert_eq!(
        encode(&[message(Some("k"), Some("v"))], &header(Codec::None)),
        kafkajs("single")
    );
}

#[test]
fn null_and_empty_keys_and_values_have_the_bytes_of_kafkajs() {
    let records = [
        message(None, None),
        message(Some(""), Some("")),
        message(None, Some("x")),
        message(Some("y"), None),
    ];
    assert_eq!(encode(&records, &header(Codec::None)), kafkajs("nulls"));
}

#[test]
fn headers_have_the_bytes_of_kafkajs() {
    let records = [
        message(Some("k"), Some("v"))
            .header(b"a", Some(b"1"))
            .header(b"b", Some(b"2"))
            .header(b"b", Some(&[0, 255]))
            .header(b"", Some(b"")),
        message(None, Some("w")),
    ];
    assert_eq!(encode(&records, &header(Codec::None)), kafkajs("headers"));
}

#[test]
fn timestamps_are_relative_to_the_first_and_the_latest_is_the_maximum() {
    let records = [
        message(Some("a"), Some("1")).at(1_699_999_999_000),
        message(Some("b"), Some("2")).at(1_700_000_500_000),
        message(Some("c"), Some("3")).at(1_699_999_998_999),
    ];
    assert_eq!(encode(&records, &header(Codec::None)), kafkajs("timestamps"));
}

#[test]
fn producer_state_and_transaction_have_the_bytes_of_kafkajs() {
    let records = [message(Some("a"), Some("1")), message(Some("b"), Some("2"))];
    let header = BatchHeader {
        producer_id: 4_294_967_297,
        producer_epoch: 7,
        base_sequence: 2_147_483_646,
        transactional: true,
        ..header(Codec::None)
    };
    assert_eq!(encode(&records, &header), kafkajs("txn"));
}

#[test]
fn lengths_of_two_bytes_have_the_bytes_of_kafkajs() {
    let long = message(Some(&"k".repeat(70)), Some(&"v".repeat(200)))
        .header("h".repeat(64).as_bytes(), Some("w".repeat(130).as_bytes()));
    assert_eq!(encode(&[long], &header(Codec::None)), kafkajs("long"));
    let many: Vec<_> = (0..70)
        .map(|number| message(None, Some(&number.to_string())))
        .collect();
    assert_eq!(encode(&many, &header(Codec::None)), kafkajs("many"));
}

#[test]
fn records_of_several_calls_form_one_batch() {
    let (first, second) = (
        pack(&[message(Some("a"), Some("1"))]),
        pack(&[message(Some("b"), Some("2"))]),
    );
    let mut out = b"before".to_vec();
    let records = views(&first).into_iter().chain(views(&second));
    let header = header(Codec::None);
    let stats = encode_batch(&mut out, records, &header, &mut Scratch::default()).unwrap();
    let expected = encode(
        &[message(Some("a"), Some("1")), message(Some("b"), Some("2"))],
        &header,
    );
    assert_eq!(out.strip_prefix(b"before"), Some(&*expected));
    assert_eq!(
        stats,
        BatchStats {
            record_count: 2,
            uncompressed_size: expected.len() - 61,
            size: expected.len(),
            max_timestamp: NOW
        }
    );
}

#[test]
fn a_part_of_a_call_can_form_a_batch() {
    let all = [
        message(Some("a"), Some("1")),
        message(None, Some("2")).header(b"h", None),
        message(Some("c"), None),
    ];
    let packed = pack(&all);
    let mut out = Vec::new();
    let only_last = views(&packed).into_iter().skip(2);
    encode_batch(&mut out, only_last, &header(Codec::None), &mut Scratch::default()).unwrap();
    assert_eq!(out, encode(&all[2..], &header(Codec::None)));
}

#[test]
fn the_codec_is_in_the_attributes_and_the_records_come_out_of_it() {
    let records: Vec<_> = (0..50)
        .map(|number| message(Some("key"), Some(&number.to_string())))
        .collect();
    let plain = encode(&records, &header(Codec::None));
    for codec in CODECS {
        let batch = encode(&records, &header(codec));
        assert_eq!(batch[21..23], [0, codec.id()]);
        let mut section = Vec::new();
        decompress(codec, &batch[61..], plain.len(), &mut section).unwrap();
        assert_eq!(section, plain[61..], "{codec}");
    }
}

#[test]
fn a_codec_of_the_users_own_fits_between_the_two_steps() {
    let packed = pack(&[message(Some("a"), Some("1")), message(None, None).at(NOW + 5)]);
    let mut section_bytes = b"x".to_vec();
    let section = encode_records_section(&mut section_bytes, views(&packed).into_iter(), NOW).unwrap();
    assert_eq!((section.record_count, section.size), (2, section_bytes.len() - 1));
    assert_eq!((section.first_timestamp, section.max_timestamp), (NOW, NOW + 5));

    let mut out = b"before".to_vec();
    let header = BatchHeader {
        transactional: true,
        ..header(Codec::Zstd)
    };
    let stats = assemble_batch(&mut out, &section, b"by the user", &header).unwrap();
    let batch = out.strip_prefix(b"before").unwrap();
    assert_eq!((stats.size, stats.record_count), (batch.len(), 2));
    assert_eq!(&batch[61..], b"by the user");
    assert_eq!(batch[21..23], [0, 4 | 0x10]);
    assert_eq!(batch, with_right_crc(batch.to_vec()));

    let mut built_in = Vec::new();
    assemble_batch(
        &mut built_in,
        &section,
        &section_bytes[1..],
        &BatchHeader {
            codec: Codec::None,
            ..header
        },
    )
    .unwrap();
    let mut direct = Vec::new();
    let header = BatchHeader {
        codec: Codec::None,
        ..header
    };
    encode_batch(
        &mut direct,
        views(&packed).into_iter(),
        &header,
        &mut Scratch::default(),
    )
    .unwrap();
    assert_eq!(built_in, direct);
}

#[test]
fn what_cannot_be_encoded_leaves_the_output_as_it_was() {
    let packed = pack(&[message(Some("a"), Some("1"))]);
    let good = views(&packed);
    let beyond = vec![(
        &packed,
        RecordView {
            table_at: 0,
            data_at: 2,
        },
    )];
    let elsewhere = vec![(
        &packed,
        RecordView {
            table_at: 3,
            data_at: 0,
        },
    )];
    let level = BatchHeader {
        level: Some(10),
        ..header(Codec::Gzip)
    };
    let cases = [
        (vec![], header(Codec::None), RecordError::NoRecords),
        (
            beyond,
            header(Codec::Zstd),
            RecordError::InvalidPacking {
                reason: "a view is not of these records",
            },
        ),
        (
            elsewhere,
            header(Codec::None),
            RecordError::InvalidPacking {
                reason: "a view is not of these records",
            },
        ),
        (
            good,
            level,
            CompressionError::InvalidLevel {
                codec: Codec::Gzip,
                level: 10,
                lowest: 0,
                highest: 9,
            }
            .into(),
        ),
    ];
    for (records, header, error) in cases {
        let mut out = b"before".to_vec();
        let result = encode_batch(&mut out, records.into_iter(), &header, &mut Scratch::default());
        assert_eq!((result, &*out), (Err(error), &b"before"[..]));
    }
}

#[test]
fn timestamps_at_both_ends_of_their_range_survive() {
    let records = [
        message(None, Some("a")).at(i64::MAX),
        message(None, Some("b")).at(i64::MIN + 1),
        message(None, None).at(0),
    ];
    let indexed = index(encode(&records, &header(Codec::None))).unwrap();
    let timestamps: Vec<_> = messages(&indexed)
        .into_iter()
        .map(|(_, message)| message.timestamp)
        .collect();
    assert_eq!(timestamps, [Some(i64::MAX), Some(i64::MIN + 1), Some(0)]);
    assert_eq!(indexed.batch_table[3], i64::MAX);
}
