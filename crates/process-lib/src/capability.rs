//! What this process may do.
//!
//! A process holds a capability because it was granted, or because it saved one that came with a message. Showing it
//! to the issuer is [`crate::Request::capabilities`]; the node's own modules need no showing, they ask the kernel.

use wharf_types::{Address, Capability};

use crate::convert;
use crate::host as wit;

/// Keeps capabilities that were attached to a received message, or that this process issues itself. The node leaves
/// out all others.
///
/// ```
/// # use wharf_process_lib::{Capability, capability};
/// # wharf_process_lib::testing::World::new().run("main:app:test.os", |our| {
/// let manage = Capability::new(our, r#"{"manage":true}"#);
/// capability::save(&[manage]);
/// # });
/// ```
pub fn save(capabilities: &[Capability]) {
    wit::save_capabilities(&convert::caps_to_wit(capabilities));
}

/// Gives capabilities up.
///
/// ```
/// # use wharf_process_lib::{Capability, capability};
/// # wharf_process_lib::testing::World::new().run("main:app:test.os", |our| {
/// let manage = Capability::new(our, r#"{"manage":true}"#);
/// capability::save(&[manage.clone()]);
/// capability::drop(&[manage]);
/// assert!(capability::ours().is_empty());
/// # });
/// ```
pub fn drop(capabilities: &[Capability]) {
    wit::drop_capabilities(&convert::caps_to_wit(capabilities));
}

/// Every capability this process holds.
///
/// ```
/// # use wharf_process_lib::{Capability, capability};
/// # wharf_process_lib::testing::World::new().run("main:app:test.os", |our| {
/// # let _ = &our;
/// for held in capability::ours() {
///     wharf_process_lib::println!("{} from {}", held.params, held.issuer);
/// }
/// # });
/// ```
pub fn ours() -> Vec<Capability> {
    convert::caps_from_wit(wit::our_capabilities())
}

/// The capability of `issuer` with these params, if this process holds it. Blanks and key order do not matter.
///
/// ```no_run
/// use wharf_process_lib::{Address, Capability, capability};
///
/// fn may_send_to(target: &Address) -> bool {
///     capability::find(target, Capability::MESSAGING).is_some()
/// }
/// ```
pub fn find(issuer: &Address, params: &str) -> Option<Capability> {
    let wanted = Capability::new(issuer.clone(), params).key()?;
    ours().into_iter().find(|cap| cap.key().as_ref() == Some(&wanted))
}
