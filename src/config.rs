//! Validated configuration of the core. JavaScript checks and completes a user's options (`src/options.js`); what
//! arrives here has no holes, so the core has no defaults of its own.

use std::time::Duration;

use serde::{Deserialize, Deserializer};

/// Reads a JSON number of milliseconds. kafkajs passes these to timers, which take fractions and treat negative
/// numbers as zero.
pub fn milliseconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let ms = f64::deserialize(deserializer)?;
    Ok(duration_from_ms(ms))
}

/// A duration of `ms` milliseconds; negative and not-a-number count as zero, and a year is for ever.
pub fn duration_from_ms(ms: f64) -> Duration {
    const YEAR_MS: f64 = 365.0 * 86_400_000.0;
    if ms.is_nan() { Duration::ZERO } else { Duration::from_secs_f64(ms.clamp(0.0, YEAR_MS) / 1000.0) }
}

/// kafkajs' back-off (`retry` option).
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RetryConfig {
    /// Longest wait between two attempts, ms.
    pub max_retry_time: f64,
    /// First wait, ms, before jitter.
    pub initial_retry_time: f64,
    /// Jitter: a wait of t is drawn from t - factor*t to t + factor*t.
    pub factor: f64,
    /// Each wait is the one before times this.
    pub multiplier: f64,
    /// Attempts after the first.
    pub retries: f64,
}

/// What every client of one `Kafka` instance shares, plus what differs by client kind.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterConfig {
    /// Sent in every request header, and reported in events.
    pub client_id: String,
    /// Deadline of one attempt to open a connection, handshake included up to ApiVersions.
    #[serde(deserialize_with = "milliseconds")]
    pub connection_timeout: Duration,
    /// Deadline of the authentication exchange of one connection.
    #[serde(deserialize_with = "milliseconds")]
    pub authentication_timeout: Duration,
    /// Deadline of one request, from its first byte to its answer.
    #[serde(deserialize_with = "milliseconds")]
    pub request_timeout: Duration,
    /// `false`: requests wait for their answer without a deadline.
    pub enforce_request_timeout: bool,
    /// Back-off of connecting, metadata and coordinator look-ups.
    pub retry: RetryConfig,
    /// Age at which cached metadata is refreshed; zero means it is stale at once.
    #[serde(deserialize_with = "milliseconds")]
    pub metadata_max_age: Duration,
    /// Whether a metadata request may create a topic.
    pub allow_auto_topic_creation: bool,
    /// Requests in flight on one connection; `None` is no limit.
    pub max_in_flight_requests: Option<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_durations_are_clamped() {
        assert_eq!(duration_from_ms(-5.0), Duration::ZERO);
        assert_eq!(duration_from_ms(f64::NAN), Duration::ZERO);
        assert_eq!(duration_from_ms(1.5), Duration::from_micros(1500));
        assert_eq!(duration_from_ms(f64::INFINITY), Duration::from_secs(365 * 86_400));
    }
}
