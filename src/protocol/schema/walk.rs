//! The walk over one answer.

use std::fmt;

use super::{Field, Kind, Schema};

/// Most memory that a decoded answer may take beside its frame. Metadata of a million partitions takes 200 MB.
pub const MAX_DECODED: usize = 256 * 1024 * 1024;

/// Bytes that a tagged field which nobody reads takes: a node of the map, if the field is alone.
const UNKNOWN_TAG: usize = 448;

/// Where and how an answer does not keep to its schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Misfit {
    /// Innermost field.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What can be wrong with a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    /// The answer ends inside of it.
    Ends,
    /// It announces more bytes or elements than there are bytes left.
    Announced {
        /// What it says.
        count: u64,
        /// What there is.
        left: usize,
    },
    /// A length or count below -1.
    Negative(i32),
    /// A tagged field is not as long as it says.
    TagLength {
        /// What it says.
        stated: usize,
        /// What it takes.
        taken: usize,
    },
    /// The answer would take more than [`MAX_DECODED`].
    TooLarge,
    /// Bytes behind the end of the message.
    Trailing(usize),
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let field = self.field;
        match self.problem {
            Problem::Ends => write!(f, "the message ends inside {field}"),
            Problem::Announced { count, left } => {
                write!(f, "{field} announces {count} where {left} bytes are left")
            }
            Problem::Negative(count) => write!(f, "{field} announces {count}"),
            Problem::TagLength { stated, taken } => {
                write!(
                    f,
                    "the tagged field {field} announces {stated} bytes and takes {taken}"
                )
            }
            Problem::TooLarge => write!(
                f,
                "at {field} the message has become larger than {MAX_DECODED} bytes"
            ),
            Problem::Trailing(left) => write!(f, "{left} bytes left at the end of the message"),
        }
    }
}

impl std::error::Error for Misfit {}

/// Follows `body`, an answer without its header, from its first byte to its last.
///
/// Gives how many bytes its decoded form takes at most, beside the body itself, which strings and byte fields stay
/// slices of.
///
/// # Errors
/// The first place at which the body does not keep to the schema.
pub fn walk(schema: &Schema, body: &[u8], version: i16, flexible: bool) -> Result<usize, Misfit> {
    let mut walk = Walk {
        rest: body,
        version,
        flexible,
        memory: 0,
    };
    walk.take_struct(schema)?;
    if !walk.rest.is_empty() {
        return Err(Misfit {
            field: "",
            problem: Problem::Trailing(walk.rest.len()),
        });
    }
    Ok(walk.memory)
}

struct Walk<'a> {
    rest: &'a [u8],
    version: i16,
    flexible: bool,
    memory: usize,
}

type Step<T = ()> = Result<T, Problem>;

impl Walk<'_> {
    fn take_struct(&mut self, schema: &Schema) -> Result<(), Misfit> {
        for field in schema.fields {
            if field.is_in(self.version) {
                self.take_field(field)?;
            }
        }
        if self.flexible {
            self.take_tags(schema)?;
        }
        Ok(())
    }

    fn take_field(&mut self, field: &Field) -> Result<(), Misfit> {
        let at = |problem| Misfit {
            field: field.name,
            problem,
        };
        match field.kind {
            Kind::Fixed(size) => self.skip(size).map_err(at),
            Kind::String => self.skip_string().map_err(at),
            Kind::Bytes => self.skip_bytes().map_err(at),
            Kind::Struct(schema) => self.take_struct(schema),
            Kind::Array(element) => {
                let count = self.array_count().map_err(at)?;
                self.count_memory(count.saturating_mul(element.memory()))
                    .map_err(at)?;
                match *element {
                    // Checked before the multiplication: no more elements than bytes.
                    Kind::Fixed(size) => self.skip(count.saturating_mul(size)).map_err(at),
                    Kind::Struct(schema) => (0..count).try_for_each(|_| self.take_struct(schema)),
                    kind => {
                        let element = Field { kind, ..*field };
                        (0..count).try_for_each(|_| self.take_field(&element))
                    }
                }
            }
        }
    }

    fn take_tags(&mut self, schema: &Schema) -> Result<(), Misfit> {
        let at = |problem| Misfit {
            field: "tagged_fields",
            problem,
        };
        let count = self.unsigned_varint().map_err(at)?;
        for _ in 0..count {
            let tag = self.unsigned_varint().map_err(at)?;
            let size = self.unsigned_varint().map_err(at)?;
            let size = self.within(u64::from(size)).map_err(at)?;
            match schema.tags.iter().find(|(known, _)| *known == tag) {
                Some((_, field)) => self.take_tagged(field, size)?,
                None => {
                    self.count_memory(UNKNOWN_TAG).map_err(at)?;
                    self.skip(size).map_err(at)?;
                }
            }
        }
        Ok(())
    }

    /// The decoder reads the field and does not look at its length, so the two have to agree.
    fn take_tagged(&mut self, field: &Field, stated: usize) -> Result<(), Misfit> {
        let before = self.rest.len();
        self.take_field(field)?;
        let taken = before - self.rest.len();
        if taken == stated {
            return Ok(());
        }
        Err(Misfit {
            field: field.name,
            problem: Problem::TagLength { stated, taken },
        })
    }

    fn count_memory(&mut self, bytes: usize) -> Step {
        self.memory = self.memory.saturating_add(bytes);
        if self.memory > MAX_DECODED {
            return Err(Problem::TooLarge);
        }
        Ok(())
    }

    fn skip(&mut self, size: usize) -> Step {
        self.rest = self.rest.get(size..).ok_or(Problem::Ends)?;
        Ok(())
    }

    fn skip_string(&mut self) -> Step {
        let length = if self.flexible {
            self.compact_length()?
        } else {
            let length = i16::from_be_bytes(self.chunk()?);
            self.plain_length(i32::from(length))?
        };
        self.skip(length)
    }

    fn skip_bytes(&mut self) -> Step {
        let length = self.array_count()?;
        self.skip(length)
    }

    /// Length of bytes or count of an array; 0 for null. An element takes a byte at least.
    fn array_count(&mut self) -> Step<usize> {
        if self.flexible {
            return self.compact_length();
        }
        let count = i32::from_be_bytes(self.chunk()?);
        self.plain_length(count)
    }

    fn plain_length(&self, length: i32) -> Step<usize> {
        match u64::try_from(length) {
            Ok(length) => self.within(length),
            Err(_) if length == -1 => Ok(0),
            Err(_) => Err(Problem::Negative(length)),
        }
    }

    /// One more than the length; 0 stands for null.
    fn compact_length(&mut self) -> Step<usize> {
        let length = self.unsigned_varint()?;
        self.within(u64::from(length).saturating_sub(1))
    }

    fn within(&self, count: u64) -> Step<usize> {
        let left = self.rest.len();
        usize::try_from(count)
            .ok()
            .filter(|count| *count <= left)
            .ok_or(Problem::Announced { count, left })
    }

    fn chunk<const N: usize>(&mut self) -> Step<[u8; N]> {
        let (chunk, rest) = self.rest.split_first_chunk().ok_or(Problem::Ends)?;
        self.rest = rest;
        Ok(*chunk)
    }

    /// As the decoder reads it: five bytes at most, and what does not fit into 32 bits falls away.
    fn unsigned_varint(&mut self) -> Step<u32> {
        let mut value = 0;
        for shift in [0, 7, 14, 21, 28] {
            let [byte] = self.chunk()?;
            value |= u32::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
        Ok(value)
    }
}
