//! Compressing, and who wants it.

use std::io::{self, Write};
use std::sync::Arc;

use brotli::CompressorWriter as BrotliEncoder;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::header::{ACCEPT_ENCODING, HeaderMap};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::settings::HttpSettings;

/// What Brotli gathers before it compresses.
const BROTLI_BUFFER_BYTES: usize = 32 << 10;
/// 4 MiB, the largest that all browsers take.
const BROTLI_WINDOW_BITS: u32 = 22;
/// Below this, compressing saves nothing.
const SMALL_BYTES: usize = 1 << 10;
/// From this size on, work on a body is moved off the threads that serve everyone.
pub(super) const LARGE_BYTES: usize = 16 << 10;

/// How bytes are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    Brotli,
    Gzip,
}

impl Coding {
    /// The one that makes the least of it comes first.
    pub(super) const ALL: [Self; 2] = [Self::Brotli, Self::Gzip];

    /// Its name in headers.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gzip",
        }
    }

    fn is_named(self, name: &str) -> bool {
        name.eq_ignore_ascii_case(self.as_str()) || (self == Self::Gzip && name.eq_ignore_ascii_case("x-gzip"))
    }

    /// Whether the client takes it.
    pub(super) fn is_accepted(self, headers: &HeaderMap) -> bool {
        let values = headers.get_all(ACCEPT_ENCODING);
        let codings = values.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
        let mut any = false;
        for coding in codings {
            let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
            let refused = weight.trim().strip_prefix("q=").is_some_and(|q| q.parse().is_ok_and(|q: f32| q <= 0.0));
            match name.trim() {
                name if self.is_named(name) => return !refused,
                "*" => any = !refused,
                _ => {}
            }
        }
        any
    }

    /// The best that the client takes.
    pub(super) fn best(headers: &HeaderMap) -> Option<Self> {
        Self::ALL.into_iter().find(|coding| coding.is_accepted(headers))
    }

    fn compress(self, bytes: &[u8], effort: Effort) -> io::Result<Vec<u8>> {
        let room = Vec::with_capacity(bytes.len() / 4);
        match self {
            Self::Gzip => {
                let mut encoder = GzEncoder::new(room, effort.level());
                encoder.write_all(bytes)?;
                encoder.finish()
            }
            Self::Brotli => {
                let mut encoder = BrotliEncoder::new(room, BROTLI_BUFFER_BYTES, effort.quality(), BROTLI_WINDOW_BITS);
                encoder.write_all(bytes)?;
                encoder.flush()?;
                Ok(encoder.into_inner())
            }
        }
    }
}

/// How much trouble to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effort {
    /// For what is sent once.
    Once,
    /// For what is kept.
    Kept,
}

impl Effort {
    fn level(self) -> Compression {
        match self {
            Self::Once => Compression::fast(),
            Self::Kept => Compression::best(),
        }
    }

    /// Of Brotli's 0 to 11: as fast as gzip, and what takes ten times as long and not a hundred.
    fn quality(self) -> u32 {
        match self {
            Self::Once => 3,
            Self::Kept => 9,
        }
    }
}

/// Compresses, at a few places at a time.
#[derive(Clone, Debug)]
pub(crate) struct Compressor {
    places: Arc<Semaphore>,
    bytes_max: usize,
}

impl Compressor {
    pub(crate) fn new(settings: &HttpSettings) -> Self {
        let places = settings.compressions_max.min(Semaphore::MAX_PERMITS);
        Self { places: Arc::new(Semaphore::new(places)), bytes_max: settings.compressed_bytes_max }
    }

    /// Whether a body of this type and size is worth it.
    pub(super) fn is_worth_it(&self, mime: &str, len: usize) -> bool {
        (SMALL_BYTES..=self.bytes_max).contains(&len) && is_compressible(mime)
    }

    /// Compresses what [`Compressor::is_worth_it`]. `None` if it does not get smaller, or everything is busy with
    /// others: what is sent once does not wait.
    pub(super) async fn compress(&self, bytes: Bytes, coding: Coding, effort: Effort) -> Option<Bytes> {
        let place = match effort {
            Effort::Once => Arc::clone(&self.places).try_acquire_owned().ok()?,
            Effort::Kept => Arc::clone(&self.places).acquire_owned().await.ok()?,
        };
        let is_large = bytes.len() >= LARGE_BYTES;
        let compress = move || {
            let compressed = coding.compress(&bytes, effort).ok().filter(|smaller| smaller.len() < bytes.len());
            drop(place);
            compressed.map(Bytes::from)
        };
        if is_large { spawn_blocking(compress).await.ok()? } else { compress() }
    }
}

/// Text in one form or another; pictures, sound and archives are compressed already.
fn is_compressible(mime: &str) -> bool {
    let mime = mime.split(';').next().unwrap_or_default().trim();
    let Some((kind, name)) = mime.split_once('/') else { return false };
    let name = name.to_ascii_lowercase();
    // A stream of events is read as it comes.
    (kind.eq_ignore_ascii_case("text") && name != "event-stream")
        || name.ends_with("+json")
        || name.ends_with("+xml")
        || (kind.eq_ignore_ascii_case("application")
            && matches!(
                name.as_str(),
                "json" | "javascript" | "xml" | "wasm" | "manifest" | "x-javascript" | "graphql"
            ))
        || (kind.eq_ignore_ascii_case("font") && matches!(name.as_str(), "ttf" | "otf"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    #[test]
    fn clients_say_what_they_take() {
        for (value, best) in [
            ("gzip", Some(Coding::Gzip)),
            ("br, GZIP", Some(Coding::Brotli)),
            ("gzip, deflate, br;q=0", Some(Coding::Gzip)),
            ("gzip;q=0.5, *;q=0", Some(Coding::Gzip)),
            ("gzip; q=0", None),
            ("*", Some(Coding::Brotli)),
            ("*;q=0", None),
            ("BR", Some(Coding::Brotli)),
            ("", None),
        ] {
            let headers = HeaderMap::from_iter([(ACCEPT_ENCODING, value.parse().unwrap())]);
            assert_eq!(Coding::best(&headers), best, "{value}");
        }
        assert_eq!(Coding::best(&HeaderMap::new()), None);
    }

    #[test]
    fn only_text_is_compressed() {
        for mime in ["text/html; charset=utf-8", "application/json", "image/svg+xml", "TEXT/css", "application/wasm"] {
            assert!(is_compressible(mime), "{mime}");
        }
        for mime in ["image/png", "application/zip", "text/event-stream", "application/octet-stream", "text", ""] {
            assert!(!is_compressible(mime), "{mime}");
        }
    }

    #[tokio::test]
    async fn what_does_not_get_smaller_or_is_too_large_stays() {
        let settings = HttpSettings { compressed_bytes_max: 10_000, compressions_max: 1, ..Default::default() };
        let compressor = Compressor::new(&settings);
        for (len, worth) in [(1_023, false), (1_024, true), (10_000, true), (10_001, false)] {
            assert_eq!(compressor.is_worth_it("text/plain", len), worth, "{len}");
        }
        let mut random = vec![0; 4_096];
        blake3::Hasher::new().finalize_xof().fill(&mut random);
        assert_eq!(compressor.compress(random.into(), Coding::Brotli, Effort::Kept).await, None);
        let text = Bytes::from(vec![b'x'; 4_096]);
        assert!(compressor.compress(text.clone(), Coding::Brotli, Effort::Once).await.unwrap().len() < 100);
        let _busy = compressor.places.acquire().await.unwrap();
        assert_eq!(compressor.compress(text, Coding::Gzip, Effort::Once).await, None);
    }
}
