//! Answers made from the schemas, whole and damaged: the walk and kafka-protocol's decoders agree, and no count makes a
//! decoder reserve more than was sent.

use allocation_counter::measure;
use fastrand::Rng;

use super::{Kind, MAX_DECODED, Misfit, Problem, Schema, walk};
use crate::protocol::versions::{ApiSpec, TABLE, decode_any, schema_of};
use crate::protocol::wire::Unreadable;

/// Room for the text of an error and its backtrace, and for what shared bytes keep of their own.
const SLACK: u64 = 16 * 1024;

/// A count or length in an answer.
#[derive(Clone, Copy)]
struct Place {
    at: usize,
    width: usize,
    /// 2 or 4 bytes, or a varint.
    compact: bool,
}

/// Writes an answer with something in every field.
struct Writer {
    rng: Rng,
    version: i16,
    flexible: bool,
    out: Vec<u8>,
    places: Vec<Place>,
}

impl Writer {
    fn answer(spec: &ApiSpec, version: i16, seed: u64) -> Self {
        let mut writer = Self {
            rng: Rng::with_seed(seed),
            version,
            flexible: version >= spec.first_flexible,
            out: Vec::new(),
            places: Vec::new(),
        };
        writer.put_struct(schema_of(spec.key).expect("a schema"));
        writer
    }

    fn put_struct(&mut self, schema: &Schema) {
        let version = self.version;
        for field in schema.fields.iter().filter(|field| field.is_in(version)) {
            self.put(&field.kind);
        }
        if !self.flexible {
            return;
        }
        let known: Vec<_> = schema
            .tags
            .iter()
            .filter(|(_, field)| field.is_in(version))
            .collect();
        self.put_place(known.len() + 1, None);
        for (tag, field) in known {
            let mut content = Self {
                rng: self.rng.fork(),
                version: self.version,
                flexible: true,
                out: Vec::new(),
                places: Vec::new(),
            };
            content.put(&field.kind);
            self.out.extend(varint(*tag));
            self.put_place(content.out.len(), None);
            let start = self.out.len();
            self.places.extend(content.places.iter().map(|place| Place {
                at: place.at + start,
                ..*place
            }));
            self.out.extend(content.out);
        }
        // One that nobody knows.
        self.out.extend(varint(77));
        self.put_place(3, None);
        self.out.extend([1, 2, 3]);
    }

    fn put(&mut self, kind: &Kind) {
        match kind {
            Kind::Fixed(size) => self.put_bytes(*size),
            Kind::String => {
                let length = self.rng.usize(..5);
                self.put_place(length + usize::from(self.flexible), Some(2));
                self.out.extend(std::iter::repeat_n(b'a', length));
            }
            Kind::Bytes => {
                let length = self.rng.usize(..9);
                self.put_place(length + usize::from(self.flexible), Some(4));
                self.put_bytes(length);
            }
            Kind::Array(element) => {
                let count = self.rng.usize(1..3);
                self.put_place(count + usize::from(self.flexible), Some(4));
                (0..count).for_each(|_| self.put(element));
            }
            Kind::Struct(schema) => self.put_struct(schema),
        }
    }

    fn put_bytes(&mut self, size: usize) {
        for _ in 0..size {
            self.out.push(self.rng.u8(..));
        }
    }

    /// A count: a varint in flexible versions or where `width` is none.
    fn put_place(&mut self, value: usize, width: Option<usize>) {
        let at = self.out.len();
        let compact = self.flexible || width.is_none();
        match width {
            Some(width) if !compact => {
                let bytes = (value as u64).to_be_bytes();
                self.out.extend(&bytes[8 - width..]);
            }
            _ => self.out.extend(varint(value as u32)),
        }
        self.places.push(Place {
            at,
            width: self.out.len() - at,
            compact,
        });
    }
}

fn varint(mut value: u32) -> Vec<u8> {
    let mut out = Vec::new();
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

fn every_version() -> impl Iterator<Item = (&'static ApiSpec, i16)> {
    TABLE
        .iter()
        .flat_map(|spec| (spec.min..=spec.max).map(move |version| (spec, version)))
}

/// Decodes, and holds the decoder to what the walk has counted.
fn decode_bounded(spec: &ApiSpec, version: i16, body: &[u8]) -> Result<(), Unreadable> {
    let schema = schema_of(spec.key).expect("a schema");
    let walked = walk(schema, body, version, version >= spec.first_flexible);
    let mut decoded = Ok(());
    let copy = body.to_vec();
    let used = measure(|| {
        decoded = decode_any(spec.key, version, copy).expect("spoken").map(drop);
    });
    // A decoder that is stopped half-way may have gathered all; a map's nodes and a vector's rounding come on top.
    let bound = 2 * walked.unwrap_or(0) as u64 + 2 * schema.memory as u64 + SLACK;
    assert!(
        used.bytes_max <= bound,
        "{} v{version}: {} bytes for {} on the wire, {bound} expected",
        spec.name,
        used.bytes_max,
        body.len()
    );
    assert_eq!(
        matches!(decoded, Err(Unreadable::Misfit(_))),
        walked.is_err(),
        "{} v{version}",
        spec.name
    );
    decoded
}

#[test]
fn every_answer_is_read_to_its_last_byte_and_no_beginning_of_it_is() {
    for (spec, version) in every_version() {
        for seed in 0..20 {
            let answer = Writer::answer(spec, version, seed).out;
            let read = decode_bounded(spec, version, &answer);
            assert!(read.is_ok(), "{} v{version}: {read:?}", spec.name);
            for end in 0..answer.len() {
                assert!(
                    decode_bounded(spec, version, &answer[..end]).is_err(),
                    "{} v{version}: {end} of {} bytes",
                    spec.name,
                    answer.len()
                );
            }
            let longer = [&answer[..], &[0]].concat();
            let error = decode_bounded(spec, version, &longer).expect_err("a byte too many");
            assert_eq!(error.to_string(), "1 bytes left at the end of the message");
        }
    }
}

#[test]
fn a_count_or_length_beyond_the_frame_is_refused_before_room_is_made_for_it() {
    for (spec, version) in every_version() {
        let Writer { out, places, .. } = Writer::answer(spec, version, 7);
        for place in places {
            let (before, rest) = out.split_at(place.at);
            let after = &rest[place.width..];
            let left = after.len() as u32;
            let counts: Vec<Vec<u8>> = if place.compact {
                // The length of bytes is one less than what stands there.
                [u32::MAX, i32::MAX as u32, 1 << 24, left + 2]
                    .map(varint)
                    .to_vec()
            } else {
                let numbers = [i32::MAX, i32::MIN, -2, left as i32 + 1];
                let narrow = |number: i32| number.clamp(i32::from(i16::MIN), i32::from(i16::MAX));
                numbers
                    .map(|number| match place.width {
                        2 => (narrow(number) as i16).to_be_bytes().to_vec(),
                        _ => number.to_be_bytes().to_vec(),
                    })
                    .to_vec()
            };
            for count in counts {
                let hostile = [before, &count, after].concat();
                assert!(
                    decode_bounded(spec, version, &hostile).is_err(),
                    "{} v{version}: {count:?} at {}",
                    spec.name,
                    place.at
                );
            }
        }
    }
}

#[test]
fn damaged_answers_are_refused_or_read_and_never_cost_more_than_was_counted() {
    let mut rng = Rng::with_seed(1);
    for (spec, version) in every_version() {
        for seed in 0..200 {
            let mut answer = Writer::answer(spec, version, seed).out;
            for _ in 0..rng.usize(1..4) {
                let at = rng.usize(..answer.len());
                answer[at] = match rng.u8(..4) {
                    0 => 0xff,
                    1 => 0,
                    2 => answer[at].wrapping_add(1),
                    _ => rng.u8(..),
                };
            }
            let _ = decode_bounded(spec, version, &answer);
        }
    }
}

#[test]
fn many_small_elements_are_refused_before_they_become_large_in_memory() {
    let count = MAX_DECODED / 32 + 1;
    let mut body = vec![0, 0];
    body.extend(u32::try_from(count).expect("fits").to_be_bytes());
    body.resize(body.len() + 2 * count, 0);
    let mut error = None;
    let used = measure(|| error = decode_any(17, 1, body).expect("spoken").err());
    assert!(used.bytes_max < SLACK, "{used:?}");
    let Some(Unreadable::Misfit(misfit)) = error else {
        panic!("{error:?}")
    };
    assert_eq!(
        misfit,
        Misfit {
            field: "mechanisms",
            problem: Problem::TooLarge
        }
    );
}

#[test]
fn an_error_says_where_and_what() {
    // Heartbeat v0 is an error code; ListGroups v0 an error code and an array.
    let error = |key, version, body: &[u8]| {
        decode_any(key, version, body.to_vec())
            .expect("spoken")
            .expect_err("refused")
            .to_string()
    };
    assert_eq!(error(12, 0, &[0]), "the message ends inside error_code");
    assert_eq!(
        error(16, 0, &[0, 0, 0x7f, 0xff, 0xff, 0xff, 1, 2]),
        "groups announces 2147483647 where 2 bytes are left"
    );
    assert_eq!(
        error(16, 0, &[0, 0, 0xff, 0xff, 0xff, 0xfe]),
        "groups announces -2"
    );
    // ApiVersions v3: no keys, no throttling, the tag of an int64 that says it has nine bytes.
    let tagged = [&[0, 0, 1, 0, 0, 0, 0, 1, 1, 9][..], &[0; 9]].concat();
    assert_eq!(
        error(18, 3, &tagged),
        "the tagged field finalized_features_epoch announces 9 bytes and takes 8"
    );
}
