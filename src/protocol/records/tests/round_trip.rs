//! Whatever is written is read back.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![4 => vec(any::<u8>(), 0..20), 1 => vec(any::<u8>(), 60..300)]
}

pub(super) fn any_message() -> impl Strategy<Value = Message> {
    let timestamp = option::of(prop_oneof![
        NOW - 100_000..NOW + 100_000,
        (i64::MIN + 1)..i64::MAX
    ]);
    let headers = vec((bytes(), option::of(bytes())), 0..4);
    (timestamp, option::of(bytes()), option::of(bytes()), headers).prop_map(
        |(timestamp, key, value, headers)| Message {
            timestamp,
            key,
            value,
            headers,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn records_come_back(
        records in vec(any_message(), 1..40),
        codec in proptest::sample::select(&CODECS[..]),
        base_offset in 0..i64::MAX - 50,
        (producer_id, producer_epoch, base_sequence) in any::<(i64, i16, i32)>(),
        transactional: bool,
    ) {
        let header = BatchHeader {
            producer_id,
            producer_epoch,
            base_sequence,
            transactional,
            ..header(codec)
        };
        let batch = with_base_offset(encode(&records, &header), base_offset);
        let indexed = index(batch).unwrap();

        let expected: Vec<_> = (base_offset..).zip(&records).map(|(offset, record)| {
            (offset, Message { timestamp: record.timestamp.or(Some(NOW)), ..record.clone() })
        }).collect();
        prop_assert_eq!(messages(&indexed), expected);
        let count = i64::try_from(records.len()).unwrap();
        let timestamps = || records.iter().map(|record| record.timestamp.unwrap_or(NOW));
        prop_assert_eq!(&indexed.batch_table, &[
            base_offset,
            count - 1,
            timestamps().next().unwrap(),
            timestamps().max().unwrap(),
            0,
            0,
            producer_id,
            producer_epoch.into(),
            base_sequence.into(),
            transactional.into(),
            0,
            2,
            codec.id().into(),
            count,
        ]);
        prop_assert_eq!(indexed.next_fetch_offset, base_offset + count);
        prop_assert_eq!(indexed.batches[0].record_count as usize, records.len());
    }

    #[test]
    fn room_is_made_once(records in vec(any_message(), 1..40)) {
        let packed = pack(&records);
        // Content, and numbers at their longest: four and a length for a record, two for a header.
        let headers: usize = records.iter().map(|record| record.headers.len()).sum();
        let room = packed.data.len() + records.len() * (16 + 4 * 5) + headers * 2 * 5;
        let mut out = Vec::with_capacity(61 + room + 8);
        let at = out.as_ptr();
        encode_batch(&mut out, views(&packed).into_iter(), &header(Codec::None), &mut Scratch::default()).unwrap();
        prop_assert_eq!(out.as_ptr(), at);
        let bound: usize = packed.parse().unwrap().map(|record| record.size_bound as usize).sum();
        prop_assert!(out.len() <= 61 + bound && bound <= room);
    }
}
