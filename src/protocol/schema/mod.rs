//! The shape of every answer we read, and a walk over an answer that finds out whether it keeps to it.
//!
//! The decoders of kafka-protocol reserve room for as many elements as a count on the wire says before they read the
//! first one, so 40 bytes of a hostile peer could ask for hundreds of gigabytes. The walk goes first: it allocates
//! nothing, follows every count, length and tag to the end of the frame, and refuses what announces more than is
//! there, or would become larger than an answer may be. What passes cannot make a decoder reserve more than
//! [`walk`] has counted.

/// Writes a [`Schema`] as the protocol guide does: `name: kind in first..=last,`, with `[...]` for an array, `{...}` for a
/// part with fields of its own and `#0` before the name of a tagged field. Without `in` every version we speak has it.
macro_rules! schema {
    ({ $($body:tt)* }) => { schema!(@fields [] [] $($body)*) };

    (@fields [$($field:expr,)*] [$($tag:expr,)*]) => {
        Schema::new(&[$($field,)*], &[$($tag,)*])
    };
    (@fields [$($field:expr,)*] [$($tag:expr,)*] # $number:literal $name:ident : $kind:tt in $from:literal .., $($rest:tt)*) => {
        schema!(@fields [$($field,)*] [$($tag,)* ($number, schema!(@field $name $kind $from i16::MAX)),] $($rest)*)
    };
    (@fields [$($field:expr,)*] [$($tag:expr,)*] # $number:literal $name:ident : $kind:tt, $($rest:tt)*) => {
        schema!(@fields [$($field,)*] [$($tag,)* ($number, schema!(@field $name $kind 0 i16::MAX)),] $($rest)*)
    };
    (@fields [$($field:expr,)*] [$($tag:expr,)*] $name:ident : $kind:tt in $from:literal .., $($rest:tt)*) => {
        schema!(@fields [$($field,)* schema!(@field $name $kind $from i16::MAX),] [$($tag,)*] $($rest)*)
    };
    (@fields [$($field:expr,)*] [$($tag:expr,)*] $name:ident : $kind:tt in $from:literal ..= $to:literal, $($rest:tt)*) => {
        schema!(@fields [$($field,)* schema!(@field $name $kind $from $to),] [$($tag,)*] $($rest)*)
    };
    (@fields [$($field:expr,)*] [$($tag:expr,)*] $name:ident : $kind:tt, $($rest:tt)*) => {
        schema!(@fields [$($field,)* schema!(@field $name $kind 0 i16::MAX),] [$($tag,)*] $($rest)*)
    };

    (@field $name:ident $kind:tt $from:tt i16::MAX) => {
        Field { name: stringify!($name), kind: schema!(@kind $kind), from: $from, to: i16::MAX }
    };
    (@field $name:ident $kind:tt $from:tt $to:tt) => {
        Field { name: stringify!($name), kind: schema!(@kind $kind), from: $from, to: $to }
    };

    (@kind boolean) => { Kind::Fixed(1) };
    (@kind int8) => { Kind::Fixed(1) };
    (@kind int16) => { Kind::Fixed(2) };
    (@kind int32) => { Kind::Fixed(4) };
    (@kind int64) => { Kind::Fixed(8) };
    (@kind uuid) => { Kind::Fixed(16) };
    (@kind string) => { Kind::String };
    (@kind bytes) => { Kind::Bytes };
    (@kind [$element:tt]) => { Kind::Array(&schema!(@kind $element)) };
    (@kind { $($body:tt)* }) => { Kind::Struct(&schema!({ $($body)* })) };
}

mod admin;
mod data;
mod group;
#[cfg(test)]
mod tests;
mod transaction;
mod walk;

pub use walk::{MAX_DECODED, Misfit, Problem, walk};

/// What stands at one place of a message.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// A number, a truth value or an id of so many bytes.
    Fixed(usize),
    /// A length and so many bytes of UTF-8; may be null.
    String,
    /// A length and so many bytes; may be null.
    Bytes,
    /// A count and so many elements; may be null.
    Array(&'static Kind),
    /// Fields in their order, and in flexible versions the tagged ones (KIP-482).
    Struct(&'static Schema),
}

/// One field and the versions that have it.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Name of the protocol guide, in snake case.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// First version that has it.
    pub from: i16,
    /// Last version that has it.
    pub to: i16,
}

/// The fields of a message or of a part of one.
#[derive(Debug, Clone, Copy)]
pub struct Schema {
    /// In the order of the wire.
    pub fields: &'static [Field],
    /// Tag and field of the tagged fields that the decoder reads; others are kept as they are.
    pub tags: &'static [(u32, Field)],
    /// Bytes that the decoded form takes without what it points to, or more.
    pub memory: usize,
}

impl Field {
    /// Whether `version` has this field.
    pub const fn is_in(&self, version: i16) -> bool {
        self.from <= version && version <= self.to
    }
}

impl Schema {
    const fn new(fields: &'static [Field], tags: &'static [(u32, Field)]) -> Self {
        // The map of tagged fields.
        let mut memory = 24;
        let (mut rest, mut tagged) = (fields, tags);
        while let [field, others @ ..] = rest {
            memory += field.kind.memory();
            rest = others;
        }
        while let [(_, field), others @ ..] = tagged {
            memory += field.kind.memory();
            tagged = others;
        }
        Self { fields, tags, memory }
    }
}

impl Kind {
    /// Bytes that one of it takes in a decoded message without what it points to, or more.
    pub const fn memory(&self) -> usize {
        match self {
            Self::Fixed(size) if *size > 8 => 16,
            Self::Fixed(_) => 8,
            Self::String | Self::Bytes => 32,
            Self::Array(_) => 24,
            Self::Struct(schema) => schema.memory,
        }
    }
}

/// Schema of the answer to the API with this key, in the versions of the version table.
///
/// Source: the message definitions of Apache Kafka (`*Response.json`).
///
/// # Panics
/// For a key that has none. It is evaluated by the compiler: a row of the version table without a schema does not
/// compile.
#[expect(clippy::panic, reason = "only the compiler runs it")]
pub(super) const fn of(key: i16) -> &'static Schema {
    match key {
        0 => &data::PRODUCE,
        1 => &data::FETCH,
        2 => &data::LIST_OFFSETS,
        3 => &data::METADATA,
        8 => &group::OFFSET_COMMIT,
        9 => &group::OFFSET_FETCH,
        10 => &group::FIND_COORDINATOR,
        11 => &group::JOIN_GROUP,
        12 => &group::HEARTBEAT,
        13 => &group::LEAVE_GROUP,
        14 => &group::SYNC_GROUP,
        15 => &group::DESCRIBE_GROUPS,
        16 => &group::LIST_GROUPS,
        17 => &data::SASL_HANDSHAKE,
        18 => &data::API_VERSIONS,
        19 => &admin::CREATE_TOPICS,
        20 => &admin::DELETE_TOPICS,
        21 => &admin::DELETE_RECORDS,
        22 => &transaction::INIT_PRODUCER_ID,
        24 => &transaction::ADD_PARTITIONS_TO_TXN,
        25 => &transaction::ADD_OFFSETS_TO_TXN,
        26 => &transaction::END_TXN,
        28 => &transaction::TXN_OFFSET_COMMIT,
        29 => &admin::DESCRIBE_ACLS,
        30 => &admin::CREATE_ACLS,
        31 => &admin::DELETE_ACLS,
        32 => &admin::DESCRIBE_CONFIGS,
        33 => &admin::ALTER_CONFIGS,
        36 => &data::SASL_AUTHENTICATE,
        37 => &admin::CREATE_PARTITIONS,
        42 => &group::DELETE_GROUPS,
        45 => &admin::ALTER_PARTITION_REASSIGNMENTS,
        46 => &admin::LIST_PARTITION_REASSIGNMENTS,
        65 => &transaction::DESCRIBE_TRANSACTIONS,
        _ => panic!("an API without a schema"),
    }
}
