//! kafkajs' retrier (behaviour of its `src/retry`): jittered exponential back-off, and what a failure becomes.

use std::future::Future;
use std::time::Duration;

use serde_json::json;

use crate::config::{RetryConfig, duration_from_ms};
use crate::error::{Error, ErrorKind, Result};

/// The waits of one retried operation. Pure: randomness comes in as a number.
#[derive(Debug, Clone)]
pub struct Backoff {
    config: RetryConfig,
    wait_ms: f64,
    attempt: u32,
}

impl Backoff {
    /// Before the first attempt. `random` is uniform in 0..1.
    pub fn new(config: RetryConfig, random: f64) -> Self {
        Self {
            wait_ms: jitter(config.initial_retry_time, config.factor, random),
            config,
            attempt: 0,
        }
    }

    /// Attempts that failed so far.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// The wait that would come next, ms.
    pub fn next_wait_ms(&self) -> f64 {
        self.wait_ms
    }

    /// After a failed attempt: how long to wait before the next one, or `None` when no attempt is left.
    pub fn next(&mut self, random: f64) -> Option<Duration> {
        if f64::from(self.attempt) >= self.config.retries {
            return None;
        }
        self.attempt += 1;
        let wait = self.wait_ms;
        self.wait_ms = (jitter(wait, self.config.factor, random) * self.config.multiplier)
            .min(self.config.max_retry_time);
        Some(duration_from_ms(wait))
    }

    /// What the caller gets when no attempt is left: `KafkaJSNumberOfRetriesExceeded` with the last error as cause.
    pub fn exceeded(&self, last: Error) -> Error {
        Error::new(ErrorKind::RetriesExceeded, last.message().to_owned())
            .with("retryCount", json!(self.attempt))
            .with("retryTime", json!(self.wait_ms))
            .caused_by(last)
    }
}

fn jitter(ms: f64, factor: f64, random: f64) -> f64 {
    let delta = factor * ms;
    (ms - delta + random * 2.0 * delta).ceil()
}

/// How an attempt failed.
#[derive(Debug)]
pub enum Failure {
    /// Try again if the error is retriable and an attempt is left.
    Retry(Error),
    /// Give up now, with the error as it is.
    Bail(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Retry(error)
    }
}

/// What a non-retriable error becomes inside a retrier: the wrapper hides type and code, which stay on the cause.
pub fn wrap_non_retriable(error: &Error) -> Error {
    let cause = error.cause().unwrap_or(error).clone();
    let mut wrapped = Error::non_retriable(error.message().to_owned()).caused_by(cause);
    if let Some(help) = error.field("helpUrl") {
        wrapped = wrapped.with("helpUrl", help.clone());
    }
    wrapped
}

/// Runs `operation` until it succeeds, bails, fails for good, or no attempt is left. It is handed the number of
/// attempts that failed before.
///
/// # Errors
/// `KafkaJSNumberOfRetriesExceeded` when attempts run out, `KafkaJSNonRetriableError` around an error that is not
/// retriable, the raw error of [`Failure::Bail`].
pub async fn retry<T, F, Fut>(config: RetryConfig, mut operation: F) -> Result<T>
where
    F: FnMut(u32) -> Fut,
    Fut: Future<Output = Result<T, Failure>>,
{
    let mut backoff = Backoff::new(config, fastrand::f64());
    loop {
        let error = match operation(backoff.attempt()).await {
            Ok(value) => return Ok(value),
            Err(Failure::Bail(error)) => return Err(error),
            Err(Failure::Retry(error)) => error,
        };
        if !error.is_retriable() {
            return Err(wrap_non_retriable(&error));
        }
        match backoff.next(fastrand::f64()) {
            Some(wait) => tokio::time::sleep(wait).await,
            None => return Err(backoff.exceeded(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: RetryConfig = RetryConfig {
        max_retry_time: 30_000.0,
        initial_retry_time: 300.0,
        factor: 0.2,
        multiplier: 2.0,
        retries: 5.0,
    };

    #[test]
    fn waits_double_without_jitter_and_stop_after_retries() {
        let mut backoff = Backoff::new(CONFIG, 0.5);
        let waits: Vec<_> = std::iter::from_fn(|| backoff.next(0.5))
            .map(|wait| wait.as_millis())
            .collect();
        assert_eq!(waits, [300, 600, 1200, 2400, 4800]);
        let error = backoff.exceeded(Error::protocol(3));
        assert_eq!(error.field("retryCount"), Some(&json!(5)));
        assert_eq!(error.field("retryTime"), Some(&json!(9600.0)));
    }

    #[test]
    fn first_wait_is_jittered_by_the_factor() {
        for (random, expected) in [(0.0, 240), (1.0, 360)] {
            assert_eq!(
                Backoff::new(CONFIG, random)
                    .next(0.5)
                    .map(|wait| wait.as_millis()),
                Some(expected)
            );
        }
    }

    #[test]
    fn a_wait_never_exceeds_the_maximum() {
        let mut backoff = Backoff::new(
            RetryConfig {
                retries: 50.0,
                max_retry_time: 1000.0,
                ..CONFIG
            },
            0.5,
        );
        let last = std::iter::from_fn(|| backoff.next(1.0))
            .last()
            .map(|wait| wait.as_millis());
        assert_eq!(last, Some(1000));
    }

    #[tokio::test(start_paused = true)]
    async fn one_attempt_more_than_retries_then_the_last_error_as_cause() {
        let mut attempts = 0;
        let error = retry(CONFIG, |_| {
            attempts += 1;
            async { Err::<(), _>(Failure::Retry(Error::protocol(3))) }
        })
        .await
        .expect_err("always fails");
        assert_eq!(attempts, 6);
        assert_eq!(error.kind(), ErrorKind::RetriesExceeded);
        assert_eq!(error.cause().and_then(Error::code), Some(3));
    }

    #[tokio::test(start_paused = true)]
    async fn an_error_that_is_not_retriable_is_wrapped_and_a_bailed_one_is_not() {
        let wrapped = retry(CONFIG, |_| async {
            Err::<(), _>(Failure::Retry(Error::protocol(29)))
        })
        .await;
        let wrapped = wrapped.expect_err("fails");
        assert_eq!((wrapped.kind(), wrapped.code()), (ErrorKind::NonRetriable, None));
        assert_eq!(wrapped.cause().and_then(Error::code), Some(29));
        let raw = retry(CONFIG, |_| async {
            Err::<(), _>(Failure::Bail(Error::protocol(3)))
        })
        .await;
        assert_eq!(raw.expect_err("fails").code(), Some(3));
    }
}
