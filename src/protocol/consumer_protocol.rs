//! What members of a classic consumer group tell each other through the coordinator: version 0 of Kafka's
//! `ConsumerProtocolSubscription` and `ConsumerProtocolAssignment`, byte for byte as kafkajs' `AssignerProtocol` writes
//! them, so that a group may hold members of both libraries.
//!
//! Later versions only append fields (owned partitions, generation, rack). Whatever `version` says, the fields of
//! version 0 come first and are read; what follows them is left alone.

use std::fmt;

use super::varint::{ReadError, Reader};

/// What a member offers when it joins: `protocol_metadata` of `JoinGroup`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MemberMetadata {
    /// Version the member states; the layout is that of version 0 in any case.
    pub version: i16,
    /// Topics it subscribes to.
    pub topics: Vec<String>,
    /// What its assigner wants to tell the leader's; `None` is null, which is not the same as empty.
    pub user_data: Option<Vec<u8>>,
}

impl MemberMetadata {
    /// The bytes for `JoinGroup`. Fails for a topic name, a list or user data that its length field cannot hold.
    pub fn encode(&self) -> Result<Vec<u8>, TooLong> {
        let mut out = Vec::with_capacity(16 + self.topics.iter().map(|topic| 2 + topic.len()).sum::<usize>());
        out.extend_from_slice(&self.version.to_be_bytes());
        push_count(&mut out, self.topics.len())?;
        for topic in &self.topics {
            push_string(&mut out, topic)?;
        }
        push_nullable_bytes(&mut out, self.user_data.as_deref())?;
        Ok(out)
    }

    /// Reads what a member sent, kafkajs' or any other client's.
    pub fn decode(data: &[u8]) -> Result<Self, ReadError> {
        let mut reader = Reader::new(data);
        let version = reader.i16()?;
        let count = reader.array_len(2)?;
        let topics = (0..count)
            .map(|_| reader.string().map(str::to_owned))
            .collect::<Result<_, _>>()?;
        let user_data = reader.nullable_bytes()?.map(<[u8]>::to_vec);
        Ok(Self {
            version,
            topics,
            user_data,
        })
    }
}

/// What the leader gives a member: `assignment` of `SyncGroup`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MemberAssignment {
    /// Version the leader states; the layout is that of version 0 in any case.
    pub version: i16,
    /// Topics with their partitions, in the leader's order.
    pub assignment: Vec<(String, Vec<i32>)>,
    /// What the leader's assigner wants to tell the member's; `None` is null, which is not the same as empty.
    pub user_data: Option<Vec<u8>>,
}

impl MemberAssignment {
    /// The bytes for `SyncGroup`. Fails for a topic name, a list or user data that its length field cannot hold.
    pub fn encode(&self) -> Result<Vec<u8>, TooLong> {
        let topics = self
            .assignment
            .iter()
            .map(|(topic, partitions)| 6 + topic.len() + 4 * partitions.len());
        let mut out = Vec::with_capacity(16 + topics.sum::<usize>());
        out.extend_from_slice(&self.version.to_be_bytes());
        push_count(&mut out, self.assignment.len())?;
        for (topic, partitions) in &self.assignment {
            push_string(&mut out, topic)?;
            push_count(&mut out, partitions.len())?;
            for partition in partitions {
                out.extend_from_slice(&partition.to_be_bytes());
            }
        }
        push_nullable_bytes(&mut out, self.user_data.as_deref())?;
        Ok(out)
    }

    /// Reads what the leader sent. `None` for less than two bytes: a member that got no assignment.
    pub fn decode(data: &[u8]) -> Result<Option<Self>, ReadError> {
        if data.len() < 2 {
            return Ok(None);
        }
        let mut reader = Reader::new(data);
        let version = reader.i16()?;
        let count = reader.array_len(6)?;
        let mut assignment = Vec::with_capacity(count);
        for _ in 0..count {
            let topic = reader.string()?.to_owned();
            let partitions = reader.array_len(4)?;
            assignment.push((
                topic,
                (0..partitions).map(|_| reader.i32()).collect::<Result<_, _>>()?,
            ));
        }
        let user_data = reader.nullable_bytes()?.map(<[u8]>::to_vec);
        Ok(Some(Self {
            version,
            assignment,
            user_data,
        }))
    }
}

/// A field is longer than its length on the wire can say: 32,767 bytes for a name, 2,147,483,647 for the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLong {
    /// The length that does not fit.
    pub len: usize,
}

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a field of {} bytes or elements is longer than the group protocol can carry",
            self.len
        )
    }
}

impl std::error::Error for TooLong {}

fn push_count(out: &mut Vec<u8>, len: usize) -> Result<(), TooLong> {
    let count = i32::try_from(len).map_err(|_| TooLong { len })?;
    out.extend_from_slice(&count.to_be_bytes());
    Ok(())
}

fn push_string(out: &mut Vec<u8>, text: &str) -> Result<(), TooLong> {
    let len = i16::try_from(text.len()).map_err(|_| TooLong { len: text.len() })?;
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(text.as_bytes());
    Ok(())
}

fn push_nullable_bytes(out: &mut Vec<u8>, bytes: Option<&[u8]>) -> Result<(), TooLong> {
    match bytes {
        None => out.extend_from_slice(&(-1_i32).to_be_bytes()),
        Some(bytes) => {
            push_count(out, bytes.len())?;
            out.extend_from_slice(bytes);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::option;
    use proptest::prelude::*;

    fn bytes(hex: &str) -> Vec<u8> {
        hex.as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }

    fn metadata(version: i16, topics: &[&str], user_data: Option<&[u8]>) -> MemberMetadata {
        MemberMetadata {
            version,
            topics: topics.iter().map(|&topic| topic.to_owned()).collect(),
            user_data: user_data.map(<[u8]>::to_vec),
        }
    }

    fn assignment(version: i16, topics: &[(&str, &[i32])], user_data: Option<&[u8]>) -> MemberAssignment {
        MemberAssignment {
            version,
            assignment: topics
                .iter()
                .map(|&(topic, list)| (topic.to_owned(), list.to_vec()))
                .collect(),
            user_data: user_data.map(<[u8]>::to_vec),
        }
    }

    #[test]
    fn metadata_has_the_bytes_of_kafkajs() {
        let cases = [
            (
                metadata(1, &["orders", "payments"], Some(b"data")),
                "00010000000200066f726465727300087061796d656e74730000000464617461",
            ),
            (metadata(0, &[], Some(b"")), "00000000000000000000"),
            (metadata(0, &["é"], None), "0000000000010002c3a9ffffffff"),
        ];
        for (value, hex) in cases {
            assert_eq!(value.encode(), Ok(bytes(hex)));
            assert_eq!(MemberMetadata::decode(&bytes(hex)), Ok(value));
        }
    }

    #[test]
    fn assignment_has_the_bytes_of_kafkajs() {
        let cases = [
            (
                assignment(1, &[("orders", &[0, 2, 4]), ("payments", &[1])], Some(b"x")),
                "00010000000200066f72646572730000000300000000000000020000000400087061796d656e74730000000100000001\
                 0000000178",
            ),
            (assignment(0, &[], Some(b"")), "00000000000000000000"),
            (
                assignment(0, &[("t", &[])], None),
                "00000000000100017400000000ffffffff",
            ),
        ];
        for (value, hex) in cases {
            assert_eq!(value.encode(), Ok(bytes(hex)));
            assert_eq!(MemberAssignment::decode(&bytes(hex)), Ok(Some(value)));
        }
    }

    #[test]
    fn a_member_without_assignment_is_no_error() {
        assert_eq!(MemberAssignment::decode(&[]), Ok(None));
        assert_eq!(MemberAssignment::decode(&[0]), Ok(None));
        assert_eq!(MemberAssignment::decode(&[0, 0]), Err(ReadError::UnexpectedEnd));
    }

    #[test]
    fn fields_of_later_versions_are_left_alone() {
        let mut data = metadata(3, &["orders"], Some(b"")).encode().unwrap();
        data.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 7, 0xff, 0xff]);
        assert_eq!(
            MemberMetadata::decode(&data),
            Ok(metadata(3, &["orders"], Some(b"")))
        );
    }

    #[test]
    fn counts_beyond_the_data_reserve_nothing() {
        assert_eq!(
            MemberMetadata::decode(&bytes("00007fffffff")),
            Err(ReadError::UnexpectedEnd)
        );
        assert_eq!(
            MemberAssignment::decode(&bytes("00007fffffff")),
            Err(ReadError::UnexpectedEnd)
        );
        assert_eq!(
            MemberAssignment::decode(&bytes("0000000000010001747fffffff")),
            Err(ReadError::UnexpectedEnd)
        );
    }

    #[test]
    fn names_too_long_for_their_length_field_are_refused() {
        let long = "x".repeat(32_768);
        assert_eq!(metadata(0, &[&long], None).encode(), Err(TooLong { len: 32_768 }));
        assert_eq!(
            assignment(0, &[(&long, &[])], None).encode(),
            Err(TooLong { len: 32_768 })
        );
    }

    proptest! {
        #[test]
        fn metadata_round_trip(
            version: i16,
            topics in vec(".{0,12}", 0..5),
            user_data in option::of(vec(any::<u8>(), 0..16)),
        ) {
            let value = MemberMetadata { version, topics, user_data };
            let encoded = value.encode().unwrap();
            for end in 0..encoded.len() {
                prop_assert!(MemberMetadata::decode(&encoded[..end]).is_err());
            }
            prop_assert_eq!(MemberMetadata::decode(&encoded), Ok(value));
        }

        #[test]
        fn assignment_round_trip(
            version: i16,
            assignment in vec((".{0,12}", vec(any::<i32>(), 0..6)), 0..5),
            user_data in option::of(vec(any::<u8>(), 0..16)),
        ) {
            let value = MemberAssignment { version, assignment, user_data };
            let encoded = value.encode().unwrap();
            for end in 2..encoded.len() {
                prop_assert!(MemberAssignment::decode(&encoded[..end]).is_err());
            }
            prop_assert_eq!(MemberAssignment::decode(&encoded), Ok(Some(value)));
        }

        #[test]
        fn any_bytes_are_decoded_without_panic(data: Vec<u8>) {
            let _ = MemberMetadata::decode(&data);
            let _ = MemberAssignment::decode(&data);
        }
    }
}
