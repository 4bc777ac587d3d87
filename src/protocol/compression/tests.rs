//! Each codec against itself, against what other clients write, and against damage.

use std::io::Write;

use lz4_flex::frame::{BlockMode, BlockSize, FrameEncoder, FrameInfo};
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const CODECS: [Codec; 4] = [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd];
const ENOUGH: usize = 16 << 20;

/// Text that compresses, but not to nothing: `len` bytes.
fn text(len: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let words = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        format!("{{\"id\":{},\"name\":\"value\"}},", state >> 20)
    });
    let mut out: Vec<u8> = words.take(len / 16 + 1).flat_map(String::into_bytes).collect();
    out.truncate(len);
    out
}

fn compressed(codec: Codec, input: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    compress(codec, None, input, &mut out).unwrap();
    out
}

fn decompressed(codec: Codec, input: &[u8]) -> Result<Vec<u8>, CompressionError> {
    let mut out = Vec::new();
    decompress(codec, input, ENOUGH, &mut out)?;
    Ok(out)
}

fn hex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

#[test]
fn sizes_around_the_borders_of_blocks_come_back() {
    for codec in CODECS {
        for len in [0, 1, 12, 13, 32_768, 65_535, 65_536, 65_537, 200_000, 1_000_000] {
            let input = text(len);
            assert_eq!(
                decompressed(codec, &compressed(codec, &input)).as_ref(),
                Ok(&input),
                "{codec} {len}"
            );
        }
    }
}

#[test]
fn no_compression_is_a_copy_with_a_limit() {
    assert_eq!(compressed(Codec::None, b"abc"), b"abc");
    let mut out = b"x".to_vec();
    decompress(Codec::None, b"abc", 3, &mut out).unwrap();
    assert_eq!(out, b"xabc");
    let error = decompress(Codec::None, b"abc", 2, &mut out).unwrap_err();
    assert_eq!(
        error,
        CompressionError::TooLarge {
            codec: Codec::None,
            limit: 2
        }
    );
}

#[test]
fn working_memory_serves_many_calls() {
    let (mut compressor, mut decompressor) = (Compressor::default(), Decompressor::default());
    for round in 0..3 {
        for codec in CODECS {
            for level in [None, Some(1), Some(9), None] {
                let input = text(1000 + round);
                let (mut packed, mut plain) = (b"a".to_vec(), b"b".to_vec());
                compressor.compress(codec, level, &input, &mut packed).unwrap();
                assert_eq!(
                    packed
                        .strip_prefix(b"a")
                        .map(|packed| decompressed(codec, packed)),
                    Some(Ok(input.clone()))
                );
                decompressor
                    .decompress(codec, &packed[1..], input.len(), &mut plain)
                    .unwrap();
                assert_eq!(plain.strip_prefix(b"b"), Some(&*input));
            }
        }
    }
}

#[test]
fn levels_are_checked_and_make_a_difference() {
    let input = text(100_000);
    let size = |codec, level| {
        let mut out = Vec::new();
        compress(codec, Some(level), &input, &mut out).map(|()| out.len())
    };
    assert!(size(Codec::Gzip, 9).unwrap() < size(Codec::Gzip, 1).unwrap());
    assert!(size(Codec::Gzip, 0).unwrap() > input.len());
    assert!(size(Codec::Zstd, 19).unwrap() < size(Codec::Zstd, -5).unwrap());
    let invalid = |codec, level, lowest, highest| {
        Err(CompressionError::InvalidLevel {
            codec,
            level,
            lowest,
            highest,
        })
    };
    for level in [-1, 10] {
        assert_eq!(size(Codec::Gzip, level), invalid(Codec::Gzip, level, 0, 9));
    }
    for level in [-131_073, 23] {
        assert_eq!(
            size(Codec::Zstd, level),
            invalid(Codec::Zstd, level, -131_072, 22)
        );
    }
    assert_eq!(
        invalid(Codec::Gzip, 10, 0, 9)
            .map(|_: usize| ())
            .unwrap_err()
            .to_string(),
        "gzip has no compression level 10, expected 0 to 9"
    );
}

#[test]
fn the_limit_is_exact() {
    for codec in CODECS {
        for len in [1, 1000, 65_536, 100_000] {
            let input = text(len);
            let packed = compressed(codec, &input);
            let mut out = b"before".to_vec();
            decompress(codec, &packed, len, &mut out).unwrap();
            assert_eq!(out.strip_prefix(b"before"), Some(&*input), "{codec} {len}");
            for limit in [0, len / 2, len - 1] {
                let mut out = b"before".to_vec();
                let error = decompress(codec, &packed, limit, &mut out).unwrap_err();
                assert_eq!(
                    error,
                    CompressionError::TooLarge { codec, limit },
                    "{codec} {len}"
                );
                assert_eq!(out, b"before");
            }
        }
    }
}

#[test]
fn bombs_take_no_more_memory_than_the_limit() {
    const LIMIT: usize = 1 << 18;
    let zeros = vec![0; 16 * LIMIT];
    for codec in CODECS {
        let bomb = compressed(codec, &zeros);
        assert!(bomb.len() < LIMIT);
        let mut out = Vec::new();
        let error = decompress(codec, &bomb, LIMIT, &mut out).unwrap_err();
        assert_eq!(error, CompressionError::TooLarge { codec, limit: LIMIT });
        assert!(out.capacity() <= LIMIT + LIMIT / 2, "{codec} {}", out.capacity());
    }
}

/// A few bytes that announce 4 GiB, in each way a codec has for it.
#[test]
fn announced_sizes_take_no_memory() {
    let cases = [
        (Codec::Snappy, hex("ffffffff0f00")),
        (
            Codec::Gzip,
            [compressed(Codec::Gzip, b"x"), vec![0xff; 4]].concat(),
        ),
        // Single segment, content size 2^32 - 1, then one byte as it is.
        (Codec::Zstd, hex("28b52ffda0ffffffff09000078")),
        // Content size 2^63.
        (
            Codec::Lz4,
            hex("04224d186840000000000000008000010000807800000000"),
        ),
    ];
    for (codec, data) in cases {
        let mut out = Vec::new();
        decompress(codec, &data, 1 << 20, &mut out).unwrap_err();
        assert!(out.capacity() <= 2 << 20, "{codec} {}", out.capacity());
    }
}

#[test]
fn cut_off_data_is_corrupt_wherever_it_ends() {
    let input = text(3000);
    for codec in CODECS {
        let packed = compressed(codec, &input);
        for end in 0..packed.len() {
            let mut out = b"before".to_vec();
            let result = decompress(codec, &packed[..end], ENOUGH, &mut out);
            assert!(
                matches!(result, Err(CompressionError::Corrupt { .. })),
                "{codec} {end}: {result:?}"
            );
            assert_eq!(out, b"before");
        }
    }
}

#[test]
fn members_and_frames_in_a_row_are_one() {
    for codec in [Codec::Gzip, Codec::Lz4, Codec::Zstd] {
        let data = [
            compressed(codec, b"one "),
            compressed(codec, b""),
            compressed(codec, b"two"),
        ]
        .concat();
        assert_eq!(decompressed(codec, &data).unwrap(), b"one two", "{codec}");
        assert!(
            decompressed(codec, &[&data[..], b"junk"].concat()).is_err(),
            "{codec}"
        );
    }
    let mut streams = Vec::new();
    compress_xerial(b"one ", &mut streams).unwrap();
    compress_xerial(b"two", &mut streams).unwrap();
    assert_eq!(decompressed(Codec::Snappy, &streams).unwrap(), b"one two");
}

#[test]
fn gzip_of_other_libraries() {
    let mut gzip = hex(NODE_GZIP);
    assert_eq!(decompressed(Codec::Gzip, &gzip).unwrap(), b"hello, hello");
    let checksum = gzip.len() - 8;
    gzip[checksum] ^= 1;
    assert!(decompressed(Codec::Gzip, &gzip).is_err());
    assert_eq!(
        decompressed(Codec::Gzip, &hex(NODE_ZLIB)).unwrap(),
        b"hello, hello"
    );
    // With a file name, a comment and an extra field.
    let mut named = Vec::new();
    let mut encoder = flate2::GzBuilder::new()
        .filename("name")
        .comment("comment")
        .extra(vec![1, 2, 3])
        .write(&mut named, flate2::Compression::fast());
    encoder.write_all(b"hello").unwrap();
    encoder.finish().unwrap();
    assert_eq!(decompressed(Codec::Gzip, &named).unwrap(), b"hello");
}

/// `gzipSync` and `deflateSync` of Node.js, "hello, hello".
const NODE_GZIP: &str = "1f8b0800000000000003cb48cdc9c9d751c8005100ffc5ccf30c000000";
const NODE_ZLIB: &str = "789ccb48cdc9c9d751c80051001cda0475";

#[test]
fn snappy_is_raw_when_written_and_raw_or_framed_when_read() {
    assert_eq!(compressed(Codec::Snappy, b"ab"), hex("02046162"));
    let input = text(100_000);
    let mut framed = b"before".to_vec();
    compress_xerial(&input, &mut framed).unwrap();
    let framed = framed.strip_prefix(b"before").unwrap();
    assert_eq!(framed[..16], hex("82534e41505059000000000100000001"));
    // 100,000 bytes are four blocks of at most 32 KiB.
    let (mut rest, mut blocks) = (&framed[16..], 0);
    while let Some((length, tail)) = rest.split_first_chunk() {
        rest = &tail[u32::from_be_bytes(*length) as usize..];
        blocks += 1;
    }
    assert_eq!(blocks, 4);
    assert_eq!(decompressed(Codec::Snappy, framed).as_ref(), Ok(&input));
    let mut out = Vec::new();
    let error = decompress(Codec::Snappy, framed, 99_999, &mut out).unwrap_err();
    assert_eq!(
        error,
        CompressionError::TooLarge {
            codec: Codec::Snappy,
            limit: 99_999
        }
    );
    for end in 17..200 {
        assert!(decompressed(Codec::Snappy, &framed[..end]).is_err(), "{end}");
    }
}

#[test]
fn lz4_frames_are_those_of_the_java_client() {
    let java = hex(JAVA_LZ4);
    assert_eq!(
        decompressed(Codec::Lz4, &java).unwrap(),
        b"hello hello hello hello"
    );
    assert_eq!(compressed(Codec::Lz4, b"hello hello hello hello")[..7], java[..7]);
    // Incompressible data is stored.
    let stored = compressed(Codec::Lz4, b"0123456789abcdefghij");
    assert_eq!(stored[7..11], [20, 0, 0, 0x80]);
    assert_eq!(
        decompressed(Codec::Lz4, &stored).unwrap(),
        b"0123456789abcdefghij"
    );
}

/// The LZ4 output stream of Kafka's Java client 4.3, "hello hello hello hello".
const JAVA_LZ4: &str = "04224d186040820f0000006868656c6c6f2006005068656c6c6f00000000";

#[test]
fn lz4_frames_of_every_kind_are_read() {
    let input = text(400_000);
    for block_mode in [BlockMode::Independent, BlockMode::Linked] {
        for block_size in [
            BlockSize::Max64KB,
            BlockSize::Max256KB,
            BlockSize::Max1MB,
            BlockSize::Max4MB,
        ] {
            for (checksums, content_size) in [(false, None), (true, Some(400_000))] {
                let info = FrameInfo::new()
                    .block_mode(block_mode)
                    .block_size(block_size)
                    .block_checksums(checksums)
                    .content_checksum(checksums)
                    .content_size(content_size);
                let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
                encoder.write_all(&input).unwrap();
                let frame = encoder.finish().unwrap();
                assert_eq!(decompressed(Codec::Lz4, &frame).as_ref(), Ok(&input));
                let mut out = Vec::new();
                assert_eq!(
                    decompress(Codec::Lz4, &frame, 399_999, &mut out),
                    Err(CompressionError::TooLarge {
                        codec: Codec::Lz4,
                        limit: 399_999
                    })
                );
                if checksums {
                    for damaged in [frame.len() - 1, frame.len() / 2, 20] {
                        let mut frame = frame.clone();
                        frame[damaged] ^= 1;
                        assert!(decompressed(Codec::Lz4, &frame).is_err());
                    }
                }
            }
        }
    }
}

#[test]
fn lz4_frames_may_be_skipped_and_must_not_need_a_dictionary() {
    let skippable = hex("532a4d1803000000aabbcc");
    let frame = compressed(Codec::Lz4, b"x");
    assert_eq!(
        decompressed(Codec::Lz4, &[skippable, frame.clone()].concat()).unwrap(),
        b"x"
    );
    for (at, value, reason) in [
        (4, 0x61, "the frame needs a dictionary"),
        (4, 0xa0, "the frame has an unknown version"),
        (5, 0x30, "the frame has an unknown block size"),
        (0, 0x05, "the data does not begin with a frame"),
    ] {
        let mut frame = frame.clone();
        frame[at] = value;
        let error = CompressionError::corrupt(Codec::Lz4, reason);
        assert_eq!(decompressed(Codec::Lz4, &frame), Err(error));
    }
}

/// As the Java client writes: nothing says how large the content is, only how large it can be.
#[test]
fn zstd_frames_without_a_size_are_read_with_an_exact_limit() {
    let input = text(300_000);
    for level in [1, 19] {
        let mut encoder = ::zstd::stream::Encoder::new(Vec::new(), level).unwrap();
        for part in input.chunks(10_000) {
            encoder.write_all(part).unwrap();
        }
        let frame = encoder.finish().unwrap();
        assert!(matches!(
            ::zstd::zstd_safe::get_frame_content_size(&frame),
            Ok(None)
        ));
        assert_eq!(decompressed(Codec::Zstd, &frame).as_ref(), Ok(&input));
        let mut out = Vec::new();
        decompress(Codec::Zstd, &frame, 300_000, &mut out).unwrap();
        let error = decompress(Codec::Zstd, &frame, 299_999, &mut out).unwrap_err();
        assert_eq!(
            error,
            CompressionError::TooLarge {
                codec: Codec::Zstd,
                limit: 299_999
            }
        );
        assert_eq!(out, input);
    }
}

#[test]
fn codecs_have_the_numbers_of_the_protocol() {
    for (id, name) in ["none", "gzip", "snappy", "lz4", "zstd"].into_iter().enumerate() {
        let codec = Codec::from_id(u8::try_from(id).unwrap()).unwrap();
        assert_eq!((usize::from(codec.id()), codec.to_string().as_str()), (id, name));
    }
    assert_eq!((Codec::from_id(5), Codec::from_id(255)), (None, None));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_come_back(
        input in vec(prop_oneof![Just(0u8), 0u8..4, any::<u8>()], 0..600),
        codec in proptest::sample::select(&CODECS[..]),
    ) {
        let packed = compressed(codec, &input);
        prop_assert_eq!(decompressed(codec, &packed), Ok(input));
    }

    #[test]
    fn damage_is_survived_within_the_limit(
        len in 1usize..3000,
        codec in proptest::sample::select(&CODECS[..]),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        framed: bool,
    ) {
        const LIMIT: usize = 8192;
        let mut data = compressed(codec, &text(len));
        if framed && codec == Codec::Snappy {
            data.clear();
            compress_xerial(&text(len), &mut data).unwrap();
        }
        for (at, byte) in changes {
            let at = at.index(data.len());
            data[at] = byte;
        }
        let mut out = Vec::new();
        let result = decompress(codec, &data, LIMIT, &mut out);
        prop_assert!(out.len() <= LIMIT && out.capacity() <= 4 * LIMIT, "{} {}", out.len(), out.capacity());
        prop_assert!(result.is_ok() || out.is_empty());
    }

    #[test]
    fn any_bytes_are_survived(
        data in vec(any::<u8>(), 0..200),
        codec in proptest::sample::select(&CODECS[..]),
        magic: bool,
    ) {
        let mut input = if magic { compressed(codec, b"")[..4.min(compressed(codec, b"").len())].to_vec() } else { vec![] };
        input.extend(data);
        let mut out = Vec::new();
        let _ = decompress(codec, &input, 4096, &mut out);
        prop_assert!(out.len() <= 4096);
    }
}
