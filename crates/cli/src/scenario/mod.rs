//! Tests of packages: what is sent to a node with the package in it, and what has to come back.
//!
//! ```toml
//! [[test]]                                      # each has nodes of its own, with the package installed
//! name = "counts"
//! nodes = ["ann.os", "bob.os"]                  # default: one, test.os
//! packages = ["../other/target/other:ann.os.zip"]   # installed first, seen from this file
//!
//! [[test.step]]
//! send = "counter"                              # a message: the process, as for `wharf send`
//! body = { Add = 2 }                            # as JSON; or text = "…", as it is
//! expect.body = { count = 2 }                   # what is named here has to be so, there may be more
//!
//! [[test.step]]
//! get = "/counter:counter:ann.os/api"           # or post, put, delete; by = "owner" comes with the node's token
//! expect.status = 200                           # default: 200 to 299
//! expect.contains = "count"
//!
//! [[test.step]]
//! log = "is up"                                 # waits until the package has logged this
//!
//! [[test.step]]
//! do = "restart"                                # the node; or "install": the package, once more
//! node = "bob.os"                               # any step may name its node; default: the first
//! ```
//!
//! A response with a reason for failure fails its step, unless `expect.failure` has a part of the reason. With `within_s` a
//! step is tried again until it is as expected, for at most an hour; `timeout_s` is how long one answer may take, at most 900.

mod expect;
pub(crate) mod file;
pub(crate) mod junit;
pub(crate) mod report;
pub(crate) mod run;
