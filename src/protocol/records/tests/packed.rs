//! The check of what JavaScript packed.

use super::*;
use proptest::prelude::*;

#[test]
fn records_are_given_with_partition_view_and_bound() {
    let mut packed = pack(&[
        message(Some("key"), Some("value")).at(17),
        message(None, Some("x")).header(b"name", None),
        message(None, None),
    ]);
    packed.table[0] = 7;
    let records: Vec<_> = packed.parse().unwrap().collect();
    assert_eq!(packed.parse().unwrap().len(), 3);
    let partitions: Vec<_> = records.iter().map(|record| record.partition).collect();
    assert_eq!(partitions, [Some(7), None, None]);
    let views: Vec<_> = records
        .iter()
        .map(|record| (record.view.table_at, record.view.data_at))
        .collect();
    assert_eq!(views, [(0, 0), (6, 8), (14, 13)]);
    assert_eq!(packed.key(records[0].view), Some(&b"key"[..]));
    assert_eq!(packed.key(records[1].view), None);
    assert_eq!(packed.timestamp(records[0].view), Some(17));
    assert_eq!(packed.timestamp(records[1].view), None);
    for record in records {
        let mut out = Vec::new();
        let one = [(&packed, record.view)];
        let section = encode_records_section(&mut out, one.into_iter(), NOW).unwrap();
        assert!(
            section.size <= record.size_bound as usize && record.size_bound as usize <= section.size + 22
        );
    }
}

#[test]
fn nothing_is_no_records() {
    assert_eq!(PackedRecords::default().parse().unwrap().count(), 0);
}

#[test]
fn what_does_not_add_up_is_refused() {
    let parse = |data: &'static [u8], table: &[u32]| {
        let packed = PackedRecords {
            data: Bytes::from_static(data),
            table: table.to_vec(),
        };
        packed.parse().map(|_| ()).unwrap_err()
    };
    let invalid = |reason| RecordError::InvalidPacking { reason };
    assert_eq!(
        parse(b"", &[NULL, 0, 0, NULL, NULL]),
        invalid("the table ends within a record")
    );
    assert_eq!(
        parse(b"", &[NULL, 0, 0, NULL, NULL, 1, 0]),
        invalid("the table ends within a record")
    );
    assert_eq!(
        parse(b"", &[NULL, 0, 0, NULL, NULL, NULL]),
        invalid("the table ends within a record")
    );
    assert_eq!(
        parse(b"ab", &[NULL, 0, 0, 2, 1, 0]),
        invalid("the lengths reach beyond the data")
    );
    assert_eq!(
        parse(b"abc", &[NULL, 0, 0, 1, 1, 0]),
        invalid("the lengths do not cover the data")
    );
    assert_eq!(
        parse(b"", &[NULL, 0, 0, NULL, NULL, 1, NULL, 0]),
        invalid("the name of a header is null")
    );
    assert_eq!(
        parse(b"", &[1 << 31, 0, 0, NULL, NULL, 0]),
        invalid("a partition is beyond 31 bits")
    );
    assert_eq!(parse(b"", &[NULL, 0, 0, 1 << 31, NULL, 0]), RecordError::TooLarge);
    assert_eq!(
        parse(b"", &[NULL, 0, 0, i32::MAX as u32, i32::MAX as u32, 0]),
        RecordError::TooLarge
    );
}

proptest! {
    #[test]
    fn any_table_is_refused_or_can_be_encoded(
        data in proptest::collection::vec(any::<u8>(), 0..40),
        table in proptest::collection::vec(prop_oneof![4 => 0u32..12, 1 => any::<u32>(), 1 => Just(NULL)], 0..40),
    ) {
        let packed = PackedRecords { data: Bytes::from(data), table };
        let views: Vec<_> = match packed.parse() {
            Ok(records) => records.map(|record| (&packed, record.view)).collect(),
            Err(_) => vec![],
        };
        let mut out = Vec::new();
        let result = encode_records_section(&mut out, views.iter().copied(), NOW);
        prop_assert_eq!(result.is_ok(), !views.is_empty());
    }

    #[test]
    fn any_view_is_refused_or_encoded(table_at: u8, data_at: u8) {
        let packed = pack(&[message(Some("key"), Some("value")), message(None, None).header(b"h", Some(b"v"))]);
        let view = RecordView { table_at: u32::from(table_at) % 20, data_at: u32::from(data_at) % 20 };
        let _ = packed.key(view);
        let mut out = Vec::new();
        if encode_records_section(&mut out, [(&packed, view)].into_iter(), NOW).is_err() {
            prop_assert!(out.is_empty());
        }
    }
}
