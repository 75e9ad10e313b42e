//! Writes the pages in `docs/reference`.

fn main() {
    wharf_tests::reference::write();
}
