//! What of this is read of a request, all of it, for [`crate::fuzzing`].

use hyper::HeaderMap;
use hyper::header::RANGE;

use super::compress::Coding;
use super::range::{self, Wanted};
use super::validate;

pub(crate) fn read_head(headers: &HeaderMap, len: usize) {
    let _ = (Coding::best(headers), validate::has_it(headers, "\"tag\""), validate::may_be_part(headers, "\"tag\""));
    for value in headers.get_all(RANGE).iter().filter_map(|value| value.to_str().ok()) {
        if let Wanted::Part(part) = range::read(value, len) {
            assert!(part.start < part.end && part.end <= len, "{value} of {len}: {part:?}");
        }
    }
}
