//! On which line of a JSON file something is, for errors about a file that people write.
//!
//! What was parsed knows no lines, so the text is walked once more. It is JSON: it was parsed before.

/// One step into a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step<'a> {
    /// The field of an object.
    Field(&'a str),
    /// The item of a list, from 0.
    Item(usize),
}

/// The line, from 1, of the last step of `path` that is there.
pub(crate) fn line_of(json: &[u8], path: &[Step<'_>]) -> usize {
    let mut walk = Walk { json, at: 0 };
    walk.blank();
    let mut found = walk.at;
    for step in path {
        match walk.enter(*step) {
            Some(at) => found = at,
            None => break,
        }
    }
    let before = json.get(..found).unwrap_or_default();
    before.iter().filter(|byte| **byte == b'\n').count() + 1
}

/// A place in the text.
struct Walk<'a> {
    json: &'a [u8],
    at: usize,
}

impl<'a> Walk<'a> {
    fn peek(&self) -> Option<u8> {
        self.json.get(self.at).copied()
    }

    fn skip(&mut self, wanted: impl Fn(u8) -> bool) {
        while self.peek().is_some_and(&wanted) {
            self.at += 1;
        }
    }

    fn blank(&mut self) {
        self.skip(|byte| byte.is_ascii_whitespace());
    }

    /// Goes to the value that the step leads to. Where it is written, or its name is; `None` when it is not there.
    fn enter(&mut self, step: Step<'_>) -> Option<usize> {
        let opening = if matches!(step, Step::Field(_)) { b'{' } else { b'[' };
        if self.peek() != Some(opening) {
            return None;
        }
        self.at += 1;
        for index in 0.. {
            self.blank();
            let start = self.at;
            let is_it = match (step, self.peek()?) {
                (_, b'}' | b']') => return None,
                (Step::Item(wanted), _) => index == wanted,
                (Step::Field(wanted), _) => {
                    let name = serde_json::from_slice::<String>(self.string());
                    self.skip(|byte| byte == b':' || byte.is_ascii_whitespace());
                    name.is_ok_and(|name| name == wanted)
                }
            };
            if is_it {
                return Some(start);
            }
            self.value();
            self.skip(|byte| byte == b',' || byte.is_ascii_whitespace());
        }
        None
    }

    /// A text with its quotes.
    fn string(&mut self) -> &'a [u8] {
        let start = self.at;
        self.at += 1;
        while let Some(byte) = self.peek() {
            self.at += if byte == b'\\' { 2 } else { 1 };
            if byte == b'"' {
                break;
            }
        }
        self.json.get(start..self.at).unwrap_or_default()
    }

    /// Goes behind a value.
    fn value(&mut self) {
        let mut depth = 0_usize;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => drop(self.string()),
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                }
                b'}' | b']' => {
                    depth = depth.saturating_sub(1);
                    self.at += 1;
                }
                _ => {
                    self.at += 1;
                    self.skip(|byte| !matches!(byte, b'"' | b'{' | b'[' | b'}' | b']' | b','));
                }
            }
            if depth == 0 {
                return;
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    const FILE: &str = r#"{
  "a.wasm": { "root": [1, "}", { "x": null }],
    "public": false },
  "b\u002ewasm": {
    "list": [
      "one",
      [2, 3],
      "four"
    ]
  }
}"#;

    #[test]
    fn lines_are_those_that_an_editor_counts() {
        use Step::{Field, Item};
        let line = |path: &[Step<'_>]| line_of(FILE.as_bytes(), path);
        assert_eq!(line(&[]), 1);
        assert_eq!(line(&[Field("a.wasm")]), 2);
        assert_eq!(line(&[Field("a.wasm"), Field("public")]), 3);
        assert_eq!(line(&[Field("b.wasm")]), 4);
        assert_eq!(line(&[Field("b.wasm"), Field("list"), Item(2)]), 8);
        assert_eq!(line(&[Field("b.wasm"), Field("none"), Item(2)]), 4, "as far as it is there");
        assert_eq!(line(&[Field("b.wasm"), Field("list"), Item(9)]), 5);
        assert_eq!(line(&[Item(0)]), 1);
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![Just(Value::Null), any::<i32>().prop_map(Value::from), ".{0,6}".prop_map(Value::from)];
        leaf.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map(".{0,4}", inner, 0..5)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// Everything that is there is found: pretty-printed, each value of a container has a line of its own.
        #[test]
        fn every_item_of_a_list_is_found(items in prop::collection::vec(json(), 1..6)) {
            let text = serde_json::to_string_pretty(&Value::from(items.clone())).unwrap();
            let mut expected = 2;
            for (index, item) in items.iter().enumerate() {
                prop_assert_eq!(line_of(text.as_bytes(), &[Step::Item(index)]), expected);
                expected += serde_json::to_string_pretty(item).unwrap().lines().count();
            }
        }

        #[test]
        fn no_text_is_too_much(text in ".{0,80}", name in ".{0,4}", index in 0..4_usize) {
            line_of(text.as_bytes(), &[Step::Field(&name), Step::Item(index), Step::Field(&name)]);
        }
    }
}
