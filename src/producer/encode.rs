//! From the parts of a batch to its bytes.

use bytes::Bytes;
use serde_json::json;

use super::batch::Batch;
use super::handle::Shared;
use crate::clock::now_ms;
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::compression::Codec;
use crate::protocol::records::{
    BatchHeader, PackedRecords, RecordView, Scratch, assemble_batch, encode_batch, encode_records_section,
};

/// Compressing more than this would hold up all other tasks noticeably (zstd does about 300 MB/s).
const COMPRESS_INLINE: usize = 32 * 1024;
/// Room for a batch's header.
const HEADER: usize = 128;

/// Encodes batches, in a thread of its own when there is much to compress. Gives them back beside their bytes.
pub(super) async fn encode_all(shared: &Shared, batches: Vec<Batch>) -> (Vec<Result<Bytes>>, Vec<Batch>) {
    if batches.iter().any(|batch| batch.key.registered_codec) {
        let mut encoded = Vec::with_capacity(batches.len());
        for batch in &batches {
            let bytes = if batch.key.registered_codec {
                encode_with_registered(shared, batch).await
            } else {
                encode(batch)
            };
            encoded.push(bytes);
        }
        return (encoded, batches);
    }
    let heavy = batches
        .iter()
        .any(|batch| batch.key.codec != Codec::None && batch.bytes > COMPRESS_INLINE);
    if !heavy {
        return (batches.iter().map(encode).collect(), batches);
    }
    let encoding = tokio::task::spawn_blocking(move || {
        let encoded: Vec<_> = batches.iter().map(encode).collect();
        (encoded, batches)
    });
    // An error only when the runtime ends; the calls are rejected with their client then.
    encoding.await.unwrap_or_default()
}

fn header(batch: &Batch) -> BatchHeader {
    let (producer_id, producer_epoch, base_sequence) = match batch.sequence {
        Some(sequence) => (sequence.producer_id, sequence.epoch, sequence.base),
        // What kafkajs writes without idempotence.
        None => (-1, 0, 0),
    };
    BatchHeader {
        codec: batch.key.codec,
        level: batch.key.level,
        producer_id,
        producer_epoch,
        base_sequence,
        transactional: batch.key.transactional,
        now_ms: now_ms(),
        partition_leader_epoch: 0,
    }
}

fn records(batch: &Batch) -> impl Iterator<Item = (&PackedRecords, RecordView)> + Clone {
    batch
        .chunks
        .iter()
        .flat_map(|chunk| chunk.views.iter().map(|view| (&*chunk.records, *view)))
}

fn encode(batch: &Batch) -> Result<Bytes> {
    thread_local! {
        static SCRATCH: std::cell::RefCell<Scratch> = std::cell::RefCell::default();
    }
    // Plain records make their own room, all at once; how small compressed ones become nobody knows.
    let mut out = match batch.key.codec {
        Codec::None => Vec::new(),
        _ => Vec::with_capacity(batch.bytes / 2 + HEADER),
    };
    SCRATCH
        .with_borrow_mut(|scratch| encode_batch(&mut out, records(batch), &header(batch), scratch))
        .map_err(|error| Error::non_retriable(error.to_string()))?;
    Ok(Bytes::from(out))
}

/// Lets the user's codec compress the records.
async fn encode_with_registered(shared: &Shared, batch: &Batch) -> Result<Bytes> {
    let header = header(batch);
    let misfit = |error: crate::protocol::records::RecordError| Error::non_retriable(error.to_string());
    let mut plain = Vec::with_capacity(batch.bytes);
    let section = encode_records_section(&mut plain, records(batch), header.now_ms).map_err(misfit)?;
    let question = json!({ "codec": batch.key.codec.id() });
    let asked = shared
        .cluster
        .reporter()
        .ask("compress", question, vec![Bytes::from(plain)]);
    let answer = tokio::time::timeout(shared.cluster.config().request_timeout, asked)
        .await
        .map_err(|_| {
            let text = format!(
                "Timed out while the registered {} codec compressed a batch",
                batch.key.codec
            );
            Error::new(ErrorKind::Timeout, text)
        })??;
    let payload = answer.bytes.unwrap_or_default();
    let mut out = Vec::with_capacity(payload.len() + HEADER);
    assemble_batch(&mut out, &section, &payload, &header).map_err(misfit)?;
    Ok(Bytes::from(out))
}
