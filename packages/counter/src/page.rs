//! The page. It needs nothing but itself.

use wharf_process_lib::ProcessId;

/// The page may run what is in it and talk to this node, and nothing else.
pub(crate) const SECURITY: (&str, &str) = (
    "Content-Security-Policy",
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; \
     img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

const TEMPLATE: &str = include_str!("page.html");

/// The page with the number in it. An id has no character that means something in HTML: processes that run here have
/// ids of `[a-z0-9.:-]` only.
pub(crate) fn render(our: &ProcessId, count: u64) -> String {
    let times = if count == 1 { "time" } else { "times" };
    TEMPLATE
        .replace("{{count}}", &count.to_string())
        .replace("{{times}}", times)
        .replace("{{api}}", &format!("/{our}/api"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    #[test]
    fn the_number_is_in_the_page_and_no_mark_is_left() {
        let our: ProcessId = "counter:counter:wharf.os".parse().unwrap();
        let page = render(&our, 41);
        assert!(page.contains(">41</"));
        assert!(page.contains("/counter:counter:wharf.os/api"));
        assert!(!page.contains("{{"));
    }
}
