//! The files of templates. Those in Rust, apart from the blank one, are the node's own examples, so that they are built and
//! tested with it.

use super::{Language, Template, library};

/// A file of a package: where it goes and what is in it.
pub(super) type File = (&'static str, String);
/// One that is written as it is, or has marks to be filled in.
pub(super) type Fixed = (&'static str, &'static str);

pub(super) const METADATA: &str = include_str!("../../../templates/metadata.json");
pub(super) const README: &str = include_str!("../../../templates/README.md");
pub(super) const IGNORED: &str = "target/\nnode_modules/\n__pycache__/\n";

/// The page of every counter.
const PAGE: &str = include_str!("../../../../../packages/counter/src/page.html");

/// The processes of a template, and what they ask for.
pub(super) fn manifest(template: Template) -> &'static str {
    match template {
        Template::Blank => include_str!("../../../templates/blank/manifest.json"),
        Template::Echo => include_str!("../../../../../packages/echo/pkg/manifest.json"),
        Template::Counter => include_str!("../../../../../packages/counter/pkg/manifest.json"),
        Template::Chat => include_str!("../../../../../packages/chat/pkg/manifest.json"),
        Template::Fibonacci => include_str!("../../../../../packages/fibonacci/pkg/manifest.json"),
        Template::FileTransfer => include_str!("../../../../../packages/file-transfer/pkg/manifest.json"),
    }
}

/// What says which tools a package is built with.
pub(super) fn project(language: Language) -> &'static [Fixed] {
    match language {
        Language::Rust => &[("Cargo.toml", include_str!("../../../templates/Cargo.toml.in"))],
        Language::Js => &[
            ("package.json", include_str!("../../../templates/js/package.json")),
            ("package-lock.json", include_str!("../../../templates/js/package-lock.json")),
        ],
        Language::Python => &[
            ("pyproject.toml", include_str!("../../../templates/python/pyproject.toml")),
            ("requirements.txt", include_str!("../../../templates/python/requirements.txt")),
        ],
        Language::C => &[("requirements.txt", include_str!("../../../templates/c/requirements.txt"))],
    }
}

/// The code of a template; `None` where there is none in this language.
pub(super) fn code(language: Language, template: Template) -> Option<Vec<File>> {
    let mut files = match language {
        Language::Rust => owned(rust(template)),
        Language::Js => owned(&[library::JAVASCRIPT, &[javascript(template)?]].concat()),
        Language::Python => owned(&[library::PYTHON, &[python(template)?]].concat()),
        Language::C => owned(&[library::C, &[c(template)?]].concat()),
    };
    if template == Template::Counter {
        files.extend(page(language));
    }
    Some(files)
}

fn owned(files: &[Fixed]) -> Vec<File> {
    files.iter().map(|(name, text)| (*name, (*text).to_owned())).collect()
}

fn rust(template: Template) -> &'static [Fixed] {
    match template {
        Template::Blank => &[("src/lib.rs", include_str!("../../../templates/blank/lib.rs"))],
        Template::Echo => &[("src/lib.rs", include_str!("../../../../../packages/echo/src/lib.rs"))],
        Template::Counter => &[
            ("src/lib.rs", include_str!("../../../../../packages/counter/src/lib.rs")),
            ("src/page.rs", include_str!("../../../../../packages/counter/src/page.rs")),
            ("src/page.html", PAGE),
            ("src/tests.rs", include_str!("../../../../../packages/counter/src/tests.rs")),
        ],
        Template::Chat => &[
            ("src/lib.rs", include_str!("../../../../../packages/chat/src/lib.rs")),
            ("src/talk.rs", include_str!("../../../../../packages/chat/src/talk.rs")),
            ("src/page.html", include_str!("../../../../../packages/chat/src/page.html")),
        ],
        Template::Fibonacci => &[
            ("src/lib.rs", include_str!("../../../../../packages/fibonacci/src/lib.rs")),
            ("src/tests.rs", include_str!("../../../../../packages/fibonacci/src/tests.rs")),
        ],
        Template::FileTransfer => &[
            ("src/lib.rs", include_str!("../../../../../packages/file-transfer/src/lib.rs")),
            ("src/share.rs", include_str!("../../../../../packages/file-transfer/src/share.rs")),
            ("src/transfers.rs", include_str!("../../../../../packages/file-transfer/src/transfers.rs")),
            ("src/worker.rs", include_str!("../../../../../packages/file-transfer/src/worker.rs")),
            ("src/tests.rs", include_str!("../../../../../packages/file-transfer/src/tests.rs")),
        ],
    }
}

fn javascript(template: Template) -> Option<Fixed> {
    let main = match template {
        Template::Blank => include_str!("../../../templates/js/blank/main.js"),
        Template::Echo => include_str!("../../../templates/js/echo/main.js"),
        Template::Counter => include_str!("../../../templates/js/counter/main.js"),
        Template::Fibonacci => include_str!("../../../templates/js/fibonacci/main.js"),
        Template::Chat | Template::FileTransfer => return None,
    };
    Some(("src/main.js", main))
}

fn python(template: Template) -> Option<Fixed> {
    let app = match template {
        Template::Blank => include_str!("../../../templates/python/blank/app.py"),
        Template::Echo => include_str!("../../../templates/python/echo/app.py"),
        Template::Counter => include_str!("../../../templates/python/counter/app.py"),
        Template::Fibonacci => include_str!("../../../templates/python/fibonacci/app.py"),
        Template::Chat | Template::FileTransfer => return None,
    };
    Some(("src/app.py", app))
}

fn c(template: Template) -> Option<Fixed> {
    let main = match template {
        Template::Blank => include_str!("../../../templates/c/blank/main.c"),
        Template::Echo => include_str!("../../../templates/c/echo/main.c"),
        Template::Counter => include_str!("../../../templates/c/counter/main.c"),
        Template::Fibonacci => include_str!("../../../templates/c/fibonacci/main.c"),
        Template::Chat | Template::FileTransfer => return None,
    };
    Some(("src/main.c", main))
}

/// The counter's page as source code, for languages that cannot take in a file.
fn page(language: Language) -> Option<File> {
    // Neither quotes of these kinds nor backslashes are in the page: a test looks.
    let comment = "The page. It needs nothing but itself.";
    match language {
        Language::Rust => None,
        Language::Js => Some(("src/page.js", format!("// {comment}\n\nexport default `{PAGE}`;\n"))),
        Language::Python => Some(("src/page.py", format!("\"\"\"{comment}\"\"\"\n\nPAGE = \"\"\"{PAGE}\"\"\"\n"))),
        Language::C => {
            Some(("src/page.h", format!("// {comment}\n\nstatic const char PAGE[] =\n{};\n", lines_of_c(PAGE))))
        }
    }
}

/// A text as C writes it, line by line.
fn lines_of_c(text: &str) -> String {
    let quoted = |line: &str| format!("    \"{}\\n\"", line.replace('\\', "\\\\").replace('"', "\\\""));
    text.lines().map(quoted).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_can_be_quoted_as_it_is() {
        assert!(
            !PAGE.contains(['`', '\\']) && !PAGE.contains("${") && !PAGE.contains("??") && !PAGE.contains("\"\"\"")
        );
    }
}
